"""`sim compare`: how two systems differ, or what switches bring alone and together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final

import typer

from simulator.arms import Arm, arms_of_files, arms_of_switches
from simulator.cli import calibrated, options
from simulator.cli.answer import is_coloured
from simulator.cli.progress import watched
from simulator.compare import compare as simulate
from simulator.compare import compare_results
from simulator.compare_prediction import predict_comparison
from simulator.compare_text import compare_text, differences_csv, effects_csv, findings
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format
from simulator.overrides import PLACES, collect
from simulator.parallel_runs import Workers
from simulator.prediction import Budget
from simulator.result import Result
from simulator.saved_answer import Answer
from simulator.verdict import EXIT_INTERRUPTED, EXIT_OK

RESULT_ENDING: Final = ".json"

Other = Annotated[
    Path | None,
    typer.Argument(metavar="OTHER.toml", help="Scenario to compare it with; or two results that were saved."),
]
Switches = Annotated[
    list[str] | None,
    options.repeatable(
        "--set",
        panel=options.RUN,
        metavar="PATH=VALUE",
        text="What to compare with: the scenario with this changed. Several: all combinations. Changes that belong "
        "together stand in one, parted by semicolons. SIM_SET changes both sides.",
    ),
]


def compare(
    context: typer.Context,
    scenario: options.ScenarioFile = None,
    other: Other = None,
    profile: calibrated.ProfileFile = None,
    no_profile: calibrated.NoProfile = False,
    uncertainty: calibrated.Uncertainty = None,
    strict: calibrated.Strict = False,
    cores: options.Cores = None,
    instances: options.Instances = None,
    memory: options.Memory = None,
    workers: options.Workers = None,
    discipline: options.Discipline = None,
    procs: options.Procs = None,
    concurrency: options.Concurrency = None,
    think_time: options.ThinkTime = None,
    rate: options.Rate = None,
    settings: Switches = None,
    duration: options.Duration = None,
    warmup: options.Warmup = None,
    seed: options.Seed = None,
    replications: options.Replications = None,
    precision: options.Precision = None,
    engine: options.Engine = options.EngineName.auto,
    export_json: options.ExportJson = None,
    export_csv: options.ExportCsv = None,
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    color: options.Color = options.Colour.auto,
) -> int:
    """Compare two scenarios, or one with and without changes, under the same random numbers.

    Options other than --set change both sides. With several --set, what each brings alone, together, and their
    interactions.

    Exit codes: 0 fine, 2 bad input, 130 interrupted (with what was simulated until then).
    """
    given = {name: context.params[name] for name in PLACES}
    saved = [path for path in (scenario, other) if path is not None and path.suffix == RESULT_ENDING]
    if (other is None) == (not settings):
        raise typer.BadParameter("found one scenario alone, or a second one beside --set; accepted: one of both")
    if saved and (len(saved) < 2 or any(given.values())):
        raise typer.BadParameter("a saved result can be compared with another one only, and without other options")
    by_variable = options.given_by_variable(context)
    overrides = collect(given, (), by_variable, options.from_variable("set"))
    switches = settings or []
    if other is None:
        arms = arms_of_switches(calibrated.place_of(scenario, profile, no_profile), switches, overrides)
    elif profile is not None:
        raise typer.BadParameter("--profile: found a second scenario beside it; accepted: --set with what changes")
    elif not saved:
        arms = arms_of_files(scenario, other, overrides)
    for arm in () if saved else arms:
        calibrated.check(arm.prepared, uncertainty, strict)
    picture = None if plot is None else picture_format(plot)
    with Outputs() as outputs:
        _open(outputs, export_json, export_csv, plot)
        if saved:
            answer = compare_results([str(path) for path in saved], [Result.load(path) for path in saved])
        else:
            with watched(quiet) as report:
                answer = simulate(arms, Workers(engine.value), switches=switches, report=report)
                _predict(answer, arms, uncertainty, Budget(engine.value, report=report))
        _write(outputs, answer, export_json, export_csv, picture)
    aside = export_json == STANDARD_OUTPUT
    coloured = is_coloured(color, aside)
    if not (quiet and aside):
        text = "\n".join(findings(answer.data)) + "\n" if quiet else compare_text(answer.data, colour=coloured)
        typer.echo(text, nl=False, err=aside, color=coloured)
    return EXIT_INTERRUPTED if answer.data["interrupted"] else EXIT_OK


def _predict(answer: Answer, arms: Sequence[Arm], uncertainty: bool | None, budget: Budget) -> None:
    """Add what calibration leaves open; where it was stopped, how far the answer lies from what was measured alone."""
    named = {arm["name"] for arm in answer.data["arms"]}
    known = [arm for arm in arms if arm.name in named]
    if not answer.data["interrupted"]:
        try:
            predict_comparison(answer.data, known, uncertainty, budget)
        except KeyboardInterrupt:
            answer.data["interrupted"] = True
    if answer.data["interrupted"]:
        predict_comparison(answer.data, known, False, budget)


def _open(outputs: Outputs, json: str | None, csv: str | None, plot: str | None) -> None:
    if json is not None:
        outputs.open("--export-json", json)
    if csv is not None:
        for table in ("differences", "effects"):
            outputs.open("--export-csv", f"{csv}-{table}.csv", table)
    if plot is not None:
        outputs.open("--plot", plot)


def _write(outputs: Outputs, answer: Answer, json: str | None, csv: str | None, picture: str | None) -> None:
    if json is not None:
        outputs.write("--export-json", answer.to_json())
    if csv is not None:
        outputs.write("--export-csv", differences_csv(answer.data), "differences")
        outputs.write("--export-csv", effects_csv(answer.data), "effects")
    if picture is not None:
        from simulator.compare_plot import compare_plot_bytes  # Matplotlib takes most of a second to load

        outputs.write("--plot", compare_plot_bytes(answer.data, picture))

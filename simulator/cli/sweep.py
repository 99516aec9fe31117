"""`sim sweep`: simulate every combination of some values."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Annotated, Final

import typer

from simulator.cli import calibrated, options
from simulator.cli.answer import is_coloured
from simulator.cli.progress import watched
from simulator.grid import SWEPT, Grid, grid
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format
from simulator.overrides import PLACES, collect
from simulator.parallel_runs import Workers
from simulator.prediction import Budget
from simulator.sweep import prepare_sweep
from simulator.sweep import sweep as simulate
from simulator.sweep_prediction import predict_sweep
from simulator.sweep_text import headline, points_csv, sweep_text
from simulator.verdict import EXIT_INTERRUPTED, EXIT_OK

MANY_POINTS: Final = 2000  # half an hour or so; more are asked about

Yes = Annotated[bool, options.option("--yes", panel=options.RUN, text=f"Simulate more than {MANY_POINTS:,} points.")]
Resume = Annotated[
    bool, options.option("--resume", panel=options.RUN, text="Go on with what the same command has left.")
]
CheckpointFile = Annotated[
    Path | None,
    options.option(
        "--checkpoint",
        panel=options.RUN,
        metavar="FILE",
        text="Where done points are kept until all are; without it, in the user's cache directory.",
    ),
]
Thresholds = Annotated[
    list[str] | None,
    options.thresholds(
        "Such as 'response_time: p(95) < 150ms': at which points it holds. Repeatable; SIM_THRESHOLD is split at "
        "semicolons."
    ),
]
Jobs = Annotated[
    int | None, options.option("--jobs", panel=options.RUN, metavar="N", text="Points at once; one for each CPU.")
]


def sweep(
    context: typer.Context,
    scenario: options.ScenarioFile = None,
    profile: calibrated.ProfileFile = None,
    no_profile: calibrated.NoProfile = False,
    uncertainty: calibrated.Uncertainty = None,
    strict: calibrated.Strict = False,
    procs: options.Procs = None,
    rate: options.Rate = None,
    concurrency: options.Concurrency = None,
    think_time: options.ThinkTime = None,
    cores: options.Cores = None,
    instances: options.Instances = None,
    memory: options.Memory = None,
    workers: options.Workers = None,
    discipline: options.Discipline = None,
    settings: options.Settings = None,
    duration: options.Duration = None,
    warmup: options.Warmup = None,
    seed: options.Seed = None,
    replications: options.Replications = None,
    precision: options.Precision = None,
    engine: options.Engine = options.EngineName.auto,
    threshold: Thresholds = None,
    jobs: Jobs = None,
    resume: Resume = False,
    checkpoint: CheckpointFile = None,
    yes: Yes = False,
    export_json: options.ExportJson = None,
    export_csv: options.ExportCsv = None,
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    color: options.Color = options.Colour.auto,
) -> int:
    """Simulate a grid of values: a table, a curve for each metric, the knee, the saturation point, what binds.

    The options of the system and of what is offered to it take lists and ranges: 2,4,8 or 1..50 or 5..50..5 (in steps
    of 5) or 1..64*2 (doubling) or 100/s..900/s..100/s; so does --set: services.hub.batchers.outbox.max_size=1,16,64.

    Exit codes: 0 fine, 2 bad input, 130 interrupted (what is done is kept for --resume).
    """
    given = {name: context.params[name] for name in PLACES}
    by_variable = options.given_by_variable(context)
    wanted, single, fixed = grid({name: given[name] for name in SWEPT}, settings or [])
    given |= dict.fromkeys(SWEPT) | single
    _check_size(wanted, yes)
    overrides = collect(given, fixed, by_variable, options.from_variable("set"))
    place = calibrated.place_of(scenario, profile, no_profile)
    read = prepare_sweep(place, wanted, overrides, threshold or options.from_variable("threshold"))
    for point in read.prepared:
        calibrated.check(point, uncertainty, strict)
    kept = checkpoint or default_checkpoint(read.base.source, wanted)
    picture = None if plot is None else picture_format(plot)
    with Outputs() as outputs:
        for name, path in (("--export-json", export_json), ("--export-csv", export_csv), ("--plot", plot)):
            if path is not None:
                outputs.open(name, f"{path}-points.csv" if name == "--export-csv" else path)
        with watched(quiet) as report:
            crew = Workers(engine.value, count=jobs)
            answer = simulate(read, crew, report=report, checkpoint=kept, resume=resume)
            predict_sweep(answer.data, read, uncertainty, Budget(engine.value, threads=jobs, report=report))
        if export_json is not None:
            outputs.write("--export-json", answer.to_json())
        if export_csv is not None:
            outputs.write("--export-csv", points_csv(answer.data))
        if plot is not None:
            from simulator.sweep_plot import sweep_plot_bytes  # Matplotlib takes most of a second to load

            outputs.write("--plot", sweep_plot_bytes(answer.data, picture or ""))
    aside = export_json == STANDARD_OUTPUT
    coloured = is_coloured(color, aside)
    if not (quiet and aside):
        text = headline(answer.data) + "\n" if quiet else sweep_text(answer.data, colour=coloured)
        typer.echo(text, nl=False, err=aside, color=coloured)
    if not answer.interrupted:
        return EXIT_OK
    done, planned = len(answer.data["points"]), answer.data["planned_points"]
    typer.echo(f"{done} of {planned} points are kept in {kept}; the same command with --resume goes on", err=True)
    return EXIT_INTERRUPTED


def _check_size(wanted: Grid, yes: bool) -> None:
    if wanted.size > MANY_POINTS and not yes:
        many = " x ".join(f"{len(axis.texts):,} {axis.name}" for axis in wanted.axes)
        raise typer.BadParameter(
            f"{wanted.size:,} points ({many}) are more than {MANY_POINTS:,}; accepted: fewer values, or --yes"
        )


def default_checkpoint(source: str, wanted: Grid) -> Path:
    """Return where a sweep is kept unless a file is named: its name tells one command from another."""
    home = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    text = repr((Path.cwd(), source, [(axis.name, axis.texts) for axis in wanted.axes]))
    name = hashlib.sha256(text.encode()).hexdigest()[:16]
    return Path(home) / "capacity-simulator" / f"sweep-{name}.jsonl"

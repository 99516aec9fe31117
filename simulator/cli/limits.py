"""`sim limits`: how far a configuration is safe, and what binds there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from models.errors import FieldProblem, ScenarioError
from models.units import RATE, TIME
from simulator.cli import calibrated, options
from simulator.cli.answer_files import AnswerFiles, unless_stopped
from simulator.cli.progress import watched
from simulator.limits import Asked
from simulator.limits import limits as find_limits
from simulator.limits.answer import PRECISION
from simulator.limits.criteria import LEVELS, Given
from simulator.limits.prediction import predict_limits, zones_of_loads
from simulator.limits.recovery import SPIKE_FACTOR, Spike
from simulator.limits.summary import limits_text, limits_verdict
from simulator.limits.tables import TABLES, limits_tables
from simulator.overrides import PLACES, collect
from simulator.scenario_source import prepare
from simulator.verdict import EXIT_INTERRUPTED, EXIT_OK

CRITERIA = "Criteria (thresholds, and slowdown, efficiency, cpu_headroom, memory_headroom)"
QUESTIONS = "What is asked"

Recommended = Annotated[
    list[str] | None,
    options.repeatable(
        "--recommended", panel=CRITERIA, metavar="TEXT", text="Of the recommended load: 'slowdown: p(95) < 1.5'."
    ),
]
Safe = Annotated[
    list[str] | None,
    options.repeatable("--safe", panel=CRITERIA, metavar="TEXT", text="Of the load that is safe with monitoring."),
]
Tolerable = Annotated[
    list[str] | None,
    options.repeatable("--tolerable", panel=CRITERIA, metavar="TEXT", text="Of the tolerable load."),
]
Everywhere = Annotated[
    list[str] | None,
    options.repeatable("--threshold", panel=CRITERIA, metavar="TEXT", text="Of all three. SIM_THRESHOLD is split at ;"),
]
Defaults = Annotated[
    bool,
    typer.Option(
        "--defaults/--no-defaults",
        help="Whether the defaults stand that nothing given replaces.",
        rich_help_panel=CRITERIA,
    ),
]
Between = Annotated[
    str | None,
    options.option(
        "--between", panel=QUESTIONS, metavar="A..B", text="Loads to look at: 1..500 (procs) or 100/s..9000/s."
    ),
]
WithoutOne = Annotated[
    bool, typer.Option("--n-1/--no-n-1", help="With one instance lost, too.", rich_help_panel=QUESTIONS)
]
Lost = Annotated[
    str | None,
    options.option("--lost", panel=QUESTIONS, metavar="SERVICE", text="Service of which that instance is."),
]
Recovers = Annotated[
    bool,
    typer.Option("--recovery/--no-recovery", help="Whether it recovers from a spike.", rich_help_panel=QUESTIONS),
]
SpikeFactor = Annotated[
    float,
    typer.Option("--spike", min=1.01, max=1000.0, metavar="FACTOR", help="Load of it.", rich_help_panel=QUESTIONS),
]
SpikeDuration = Annotated[
    str | None,
    options.option("--spike-duration", panel=QUESTIONS, metavar="TIME", text="Default: long for this system."),
]
Alerts = Annotated[bool, typer.Option("--alerts/--no-alerts", help="What to monitor.", rich_help_panel=QUESTIONS)]
Interval = Annotated[
    str | None,
    options.option("--interval", panel=QUESTIONS, metavar="TIME", text="Monitoring interval; default: some 5000 ends."),
]
LimitPrecision = Annotated[
    float,
    typer.Option("--precision", min=0.001, max=0.2, metavar="SHARE", help="Of a limit.", rich_help_panel=options.RUN),
]


def limits(
    context: typer.Context,
    scenario: options.ScenarioFile = None,
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
    settings: options.Settings = None,
    recommended: Recommended = None,
    safe: Safe = None,
    tolerable: Tolerable = None,
    threshold: Everywhere = None,
    defaults: Defaults = True,
    between: Between = None,
    n_minus_1: WithoutOne = True,
    lost: Lost = None,
    recovery: Recovers = True,
    spike: SpikeFactor = SPIKE_FACTOR,
    spike_duration: SpikeDuration = None,
    alerts: Alerts = True,
    interval: Interval = None,
    seed: options.Seed = None,
    precision: LimitPrecision = PRECISION,
    engine: options.Engine = options.EngineName.auto,
    export_json: options.ExportJson = None,
    export_csv: options.ExportCsv = None,
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    color: options.Color = options.Colour.auto,
) -> int:
    """Find the largest loads that are recommended, safe with monitoring, and tolerable, and what binds at each.

    The load is the number of processes of the first workload, or its rate. Limits are one-sided bounds at 95 %.

    Exit codes: 0 fine, 2 bad input, 130 interrupted (with what was found until then).
    """
    given = {name: context.params.get(name) for name in PLACES} | {"precision": None}
    overrides = collect(
        given, settings or [], options.given_by_variable(context) & set(given), options.from_variable("set")
    )
    prepared = prepare(calibrated.place_of(scenario, profile, no_profile), overrides)
    calibrated.check(prepared, uncertainty, strict and prepared.base is None)
    by_level = dict(zip(LEVELS, (recommended or (), safe or (), tolerable or ()), strict=True))
    everywhere = [*prepared.scenario.thresholds, *(threshold or options.from_variable("threshold"))]
    spike_ns = None if spike_duration is None else _time_ns("--spike-duration", spike_duration)
    _check_lost(lost, list(prepared.scenario.services))
    asked = Asked(
        given=Given(everywhere, by_level, defaults),
        between=None if between is None else _bounds(between, prepared.scenario.workloads[0].kind),
        precision=precision,
        without_one=n_minus_1,
        lost=lost,
        spike=Spike(spike, spike_ns) if recovery else None,
        watched_ns=None if not alerts else 0 if interval is None else _time_ns("--interval", interval),
    )
    if strict:
        calibrated.refuse_everywhere(zones_of_loads(prepared, asked.between))
    files = AnswerFiles(export_json, export_csv, plot, TABLES)
    with files.opened() as outputs:
        with watched(quiet) as report:
            data = find_limits(
                prepared.scenario,
                asked,
                engine=engine.value,
                progress=report,
                base_directory=prepared.directory,
            )
            if not data["interrupted"]:
                with unless_stopped(data):
                    predict_limits(
                        data,
                        prepared,
                        asked.given,
                        uncertainty,
                        between=asked.between,
                        engine=engine.value,
                        report=report,
                    )
        if strict and not data["interrupted"]:
            calibrated.refuse_far(data["trust"])
        data["provenance"].update(prepared.provenance())
        files.write(outputs, data, limits_tables, _picture)
    files.show(limits_verdict(data), lambda coloured: limits_text(data, colour=coloured), color, quiet)
    return EXIT_INTERRUPTED if data["interrupted"] else EXIT_OK


def _picture(data: Mapping[str, Any], form: str) -> bytes:
    from simulator.limits.plot import limits_plot_bytes  # Matplotlib takes most of a second to load

    return limits_plot_bytes(data, form)


def _time_ns(origin: str, text: str) -> int:
    """Read a time above 0."""
    try:
        time_ns = TIME.read_whole(text)
    except ValueError as problem:
        raise typer.BadParameter(f"{origin}: {problem}") from None
    if time_ns == 0:
        raise ScenarioError(origin, [FieldProblem((), text, "a time above 0, such as 10s")])
    return time_ns


def _bounds(text: str, kind: str) -> tuple[float, float]:
    """Read A..B, in processes, or as rates where the workload is open. kind: of the workload."""
    loads = [load for load in map(_load, text.split("..")) if load is not None]
    if kind == "closed" and "/" in text:
        accepted = "A..B in processes, such as 1..500: users who wait for their answers offer no rate"
        raise ScenarioError("--between", [FieldProblem((), f'"{text}"', accepted)])
    if len(loads) == 2 and text.count("..") == 1 and loads[0] <= loads[1]:
        return loads[0], loads[1]
    raise ScenarioError("--between", [FieldProblem((), f'"{text}"', "A..B, such as 1..500 or 100/s..9000/s")])


def _load(text: str) -> float | None:
    try:
        return float(int(text)) if text.strip().isdecimal() else RATE.read_float(text)
    except ValueError:
        return None


def _check_lost(service: str | None, services: list[str]) -> None:
    if service is not None and service not in services:
        raise ScenarioError("--lost", [FieldProblem((), f'"{service}"', f"a service: {', '.join(services)}")])

"""`sim plan`: the cheapest configuration that serves a load."""

from __future__ import annotations

from typing import Annotated

import typer

from simulator.cli import calibrated, options
from simulator.cli.answer_files import AnswerFiles, unless_stopped
from simulator.cli.progress import watched
from simulator.grid import read_values
from simulator.overrides import PLACES, collect
from simulator.plan import Wanted
from simulator.plan import plan as find_plan
from simulator.plan.answer import PROBABILITY
from simulator.plan.prediction import predict_plan, zones_of_choices
from simulator.plan.space import Prices
from simulator.plan.summary import enough, plan_text, plan_verdict
from simulator.plan.tables import plan_csv, plan_plot_bytes
from simulator.scenario_source import prepare
from simulator.verdict import EXIT_INTERRUPTED, EXIT_OK

EXIT_INFEASIBLE = 3
CHOICE = "The choice (of the first service; lists and ranges: 2,4,8 or 1..16)"
COST = "What an hour costs"
CORES, INSTANCES = "1..16", "1..32"

CoreCounts = Annotated[
    str,
    options.option("--cores", panel=CHOICE, metavar="LIST", text=f"CPUs of one instance; default {CORES}."),
]
InstanceCounts = Annotated[
    str, options.option("--instances", panel=CHOICE, metavar="LIST", text=f"Instances; default {INSTANCES}.")
]
Memories = Annotated[
    str | None,
    options.option("--memory", panel=CHOICE, metavar="LIST", text="Memory of one instance; default: as it is."),
]
Thresholds = Annotated[
    list[str] | None,
    options.thresholds(
        "What is to be met, such as 'response_time: p(95) < 150ms'; default: a safe load. Repeatable."
    ),
]
Defaults = Annotated[
    bool,
    typer.Option("--defaults/--no-defaults", help="Whether default criteria count.", rich_help_panel=options.ANSWER),
]
Probability = Annotated[
    float,
    typer.Option(
        "--probability", min=0.5, max=0.9999, help="That each threshold is met.", rich_help_panel=options.ANSWER
    ),
]
WithoutOne = Annotated[bool, typer.Option("--n-1", help="With one instance lost, too.", rich_help_panel=options.ANSWER)]
CorePrice = Annotated[float, typer.Option("--price-core", min=0.0, help="Of a core.", rich_help_panel=COST)]
GibPrice = Annotated[float, typer.Option("--price-gib", min=0.0, help="Of a GiB of memory.", rich_help_panel=COST)]
InstancePrice = Annotated[
    float, typer.Option("--price-instance", min=0.0, help="Of an instance of any size.", rich_help_panel=COST)
]


def plan(
    context: typer.Context,
    scenario: options.ScenarioFile = None,
    profile: calibrated.ProfileFile = None,
    no_profile: calibrated.NoProfile = False,
    uncertainty: calibrated.Uncertainty = None,
    strict: calibrated.Strict = False,
    cores: CoreCounts = CORES,
    instances: InstanceCounts = INSTANCES,
    memory: Memories = None,
    procs: options.Procs = None,
    rate: options.Rate = None,
    concurrency: options.Concurrency = None,
    think_time: options.ThinkTime = None,
    workers: options.Workers = None,
    discipline: options.Discipline = None,
    settings: options.Settings = None,
    threshold: Thresholds = None,
    defaults: Defaults = True,
    probability: Probability = PROBABILITY,
    n_minus_1: WithoutOne = False,
    price_core: CorePrice = 1.0,
    price_gib: GibPrice = 0.0,
    price_instance: InstancePrice = 0.0,
    seed: options.Seed = None,
    engine: options.Engine = options.EngineName.auto,
    export_json: options.ExportJson = None,
    export_csv: options.ExportCsv = None,
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    color: options.Color = options.Colour.auto,
) -> int:
    """Find the cheapest configuration that serves the load within thresholds, and why less does not do.

    Exit codes: 0 fine, 2 bad input, 3 no configuration within the bounds does it, 130 interrupted.
    """
    chosen = ("cores", "instances", "memory")
    given = {name: None if name in chosen else context.params.get(name) for name in PLACES}
    by_variable = options.given_by_variable(context) & set(given)
    overrides = collect(given, settings or [], by_variable, options.from_variable("set"))
    prepared = prepare(calibrated.place_of(scenario, profile, no_profile), overrides)
    calibrated.check(prepared, uncertainty, strict and prepared.base is None)
    wanted = Wanted(
        cores=read_values(cores, "--cores"),
        instances=read_values(instances, "--instances"),
        memories=[] if memory is None else read_values(memory, "--memory"),
        thresholds=[*prepared.scenario.thresholds, *(threshold or options.from_variable("threshold"))],
        probability=probability,
        without_one=n_minus_1,
        prices=Prices(price_core, price_gib, price_instance),
        defaults=defaults,
    )
    if strict:
        calibrated.refuse_everywhere(zones_of_choices(prepared, wanted))
    files = AnswerFiles(export_json, export_csv, plot, ("configurations",))
    with files.opened() as outputs:
        with watched(quiet) as report:
            data = find_plan(
                prepared.scenario,
                wanted,
                engine=engine.value,
                progress=report,
                base_directory=prepared.directory,
            )
            if not data["interrupted"]:
                with unless_stopped(data):
                    predict_plan(data, prepared, wanted, uncertainty, engine=engine.value, report=report)
        if strict and not data["interrupted"]:
            calibrated.refuse_far(data["trust"])
        data["provenance"].update(prepared.provenance())
        files.write(outputs, data, lambda answer: {"configurations": plan_csv(answer)}, plan_plot_bytes)
    files.show(plan_verdict(data), lambda coloured: plan_text(data, colour=coloured), color, quiet)
    if data["interrupted"]:
        return EXIT_INTERRUPTED
    return EXIT_OK if enough(data) else EXIT_INFEASIBLE

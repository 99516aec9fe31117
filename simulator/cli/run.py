"""`sim run`: simulate a scenario and answer."""

from __future__ import annotations

import typer

from simulator.cli import calibrated, options
from simulator.cli.answer import Destinations
from simulator.cli.progress import watched
from simulator.overrides import PLACES, collect
from simulator.run import run as simulate
from simulator.scenario_source import prepare
from simulator.standing import add_standing
from simulator.verdict import verdict


def run(
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
    duration: options.Duration = None,
    warmup: options.Warmup = None,
    seed: options.Seed = None,
    replications: options.Replications = None,
    precision: options.Precision = None,
    engine: options.Engine = options.EngineName.auto,
    check: options.Check = False,
    explain: options.Explain = None,
    efficiency: options.Efficiency = False,
    threshold: options.Thresholds = None,
    export_json: options.ExportJson = None,
    export_csv: options.ExportCsv = None,
    export_records: options.ExportRecords = None,
    plot: options.Plot = None,
    quiet: options.Quiet = False,
    color: options.Color = options.Colour.auto,
) -> int:
    """Simulate a scenario: throughput, response times, what binds, and where the time goes.

    Every option can be given as a variable, SIM_CORES for --cores. Flags win over variables.

    Exit codes: 0 fine, 2 bad input, 99 a threshold failed, 130 interrupted.
    """
    overrides = collect(
        {name: context.params[name] for name in PLACES},
        settings or [],
        options.given_by_variable(context),
        options.from_variable("set"),
    )
    place = calibrated.place_of(scenario, profile, no_profile)
    prepared = prepare(place, overrides, threshold or options.from_variable("threshold"))
    calibrated.check(prepared, uncertainty, strict)
    destinations = Destinations(export_json, export_csv, export_records, plot)
    with destinations.opened() as outputs:
        with watched(quiet) as report:
            result = simulate(
                prepared.scenario,
                engine=engine.value,
                explain=explain or ("p99" if plot else None),
                check=check,
                records=export_records is not None,
                efficiency=efficiency,
                progress=report,
                base_directory=prepared.directory,
            )
            add_standing(result.data, prepared, uncertainty, engine.value, report)
        result.data["provenance"].update(prepared.provenance())
        destinations.write(outputs, result)
    destinations.show(result, color, quiet)
    return verdict(result.data).exit_code

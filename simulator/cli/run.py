"""`sim run`: simulate a scenario and answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibration.profile import Profile
from models.scenario import Scenario
from simulator.cli import options
from simulator.cli.answer import Destinations
from simulator.cli.progress import watched
from simulator.overrides import PLACES, collect
from simulator.run import run as simulate
from simulator.scenario_source import prepare
from simulator.verdict import verdict


def run(
    context: typer.Context,
    scenario: options.ScenarioFile = None,
    profile: Annotated[
        Path | None, typer.Option("--profile", metavar="PROFILE", help="Play the scenario fitted in a profile.")
    ] = None,
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
    fitted = None if profile is None else _fitted(profile, scenario)
    table = None if fitted is None else fitted.scenario
    prepared = prepare(profile or scenario, overrides, threshold or options.from_variable("threshold"), table)
    if fitted is not None:
        _warn_of_profile(fitted, prepared.scenario)
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
        result.data["provenance"].update(prepared.provenance())
        destinations.write(outputs, result)
    destinations.show(result, color, quiet)
    return verdict(result.data).exit_code


def _fitted(path: Path, scenario: Path | None) -> Profile:
    """Read a profile that holds a scenario. Raises ProfileError and typer.BadParameter."""
    if scenario is not None:
        raise typer.BadParameter(f"--profile: found the scenario {scenario} beside it; accepted: one of them")
    found = Profile.load(path)
    if found.scenario is None:
        raise typer.BadParameter(f"--profile: {path}: found no scenario in it; accepted: one with a fit")
    return found


def _warn_of_profile(profile: Profile, scenario: Scenario) -> None:
    """Say what the answer stands on, and how far it is from what was measured."""
    unknown = [one.name for one in profile.quantities if one.identified == "no"]
    text = "the half-widths are the simulation's alone, without the uncertainty of the profile"
    if unknown:
        text += f", which does not identify {', '.join(unknown)}"
    typer.echo(f"sim: warning: {text}", err=True)
    seen = profile.seen.concurrency
    asked = sum(one.procs * one.concurrency for one in scenario.workloads if one.kind == "closed")
    if seen is not None and not seen[0] <= asked <= seen[1]:
        typer.echo(f"sim: warning: {asked} clients; measured were {seen[0]} to {seen[1]}", err=True)

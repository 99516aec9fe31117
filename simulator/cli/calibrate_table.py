"""`sim calibrate table`: the levels that other tools measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibration.audit import audit
from calibration.fit import FitError, fit_table
from calibration.fitting.machine import machine_of, stated_machine
from calibration.fitting.skeleton import Machine
from calibration.levels import LevelTable, merged
from calibration.levels_text import levels_text
from calibration.profile import Profile
from calibration.profile_text import profile_text
from calibration.tables import read_tables
from simulator.cli.asked_machine import asked_machine
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs

FILES_HELP = "Output of wrk, wrk2, k6, oha, hey, vegeta, Locust, pgbench, redis-benchmark or sysbench, or CSV."


def table(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help=FILES_HELP)],
    procs: Annotated[
        str | None,
        typer.Option(
            "--procs",
            metavar="N,...",
            help="Clients of each file in turn, or one number for all, where the tool does not write them.",
        ),
    ] = None,
    export_json: Annotated[
        str | None,
        typer.Option("--export-json", metavar="FILE", help="Write the levels as JSON; - for standard output."),
    ] = None,
    fit: Annotated[bool, typer.Option("--fit", help="Fit a scenario to the levels and write it to --output.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", metavar="PROFILE", help="The profile that --fit writes.")
    ] = None,
    cpus: Annotated[
        int | None, typer.Option("--cores", min=1, help="CPUs of the service, where the file does not say.")
    ] = None,
    threads_per_core: Annotated[
        int, typer.Option("--threads-per-core", min=1, max=2, help="2: these CPUs are hyperthreads.")
    ] = 1,
) -> None:
    """Read the levels that other tools measured, whatever wrote them, and warn where they contradict themselves."""
    _check_fit_options(fit, output, cpus, threads_per_core)
    machine = asked_machine(cpus, threads_per_core)
    with Outputs() as outputs:
        if export_json is not None:
            outputs.open("--export-json", export_json)
        if output is not None:
            outputs.open("--output", output)
        read = read_tables(files)
        tables = merged(read if procs is None else _with_procs(read, _counts(procs, len(read))))
        if export_json is not None:
            outputs.write("--export-json", json_text({"kind": "levels", "tables": [one.to_data() for one in tables]}))
        typer.echo("\n".join(levels_text(one) for one in tables), nl=False, err=export_json == STANDARD_OUTPUT)
        if output is not None:
            profile = _fitted(files[0], tables, machine)
            outputs.write("--output", profile.to_toml())
            typer.echo(profile_text(profile, full=False), nl=False, err=export_json == STANDARD_OUTPUT)
    for finding in audit(tables).accusations:
        place = f"{finding.source}: {finding.place}: " if finding.place else f"{finding.source}: "
        typer.echo(f"sim: warning: {place}{finding.message}", err=True)


def _check_fit_options(fit: bool, output: str | None, cpus: int | None, threads_per_core: int) -> None:
    """Raise typer.BadParameter where options of the fit were given without it, or it has nowhere to write."""
    if fit and output is None:
        raise typer.BadParameter("--fit: found no --output; accepted: --output with the profile's file")
    if not fit and (output is not None or cpus is not None or threads_per_core != 1):
        raise typer.BadParameter("--output, --cores, --threads-per-core: found without --fit; accepted: with it")


def _fitted(first: Path, tables: list[LevelTable], machine: Machine | None) -> Profile:
    """Fit the one series of the tables. Raises typer.BadParameter."""
    series = [(one.source, name, levels) for one in tables for name, levels in one.series().items() if levels]
    if len(series) != 1:
        names = ", ".join(name or source for source, name, _ in series)
        raise typer.BadParameter(f"--fit: found {len(series)} series ({names}); accepted: one")
    source, _, levels = series[0]
    try:
        return fit_table(source, levels, machine or machine_of(levels, _stated(Path(source), first))).profile
    except FitError as error:
        raise typer.BadParameter(f"--fit: {error}") from None


def _stated(*places: Path) -> Machine:
    """Return the machine that the first of some places tells of that is a file."""
    return next((stated_machine(place) for place in places if place.is_file()), Machine())


def _counts(text: str, files: int) -> list[float]:
    """Read the clients of each file. Raises typer.BadParameter."""
    try:
        counts = [float(int(part)) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or len(counts) not in (1, files):
        accepted = f"{files} positive counts, such as {','.join(str(4**index) for index in range(files))}, or one"
        raise typer.BadParameter(f"--procs: found {text!r}; accepted: {accepted}")
    return counts * files if len(counts) == 1 else counts


def _with_procs(tables: list[LevelTable], counts: list[float]) -> list[LevelTable]:
    """Set the clients of the levels that lack them; each has one operation in flight."""
    completed = []
    for one, count in zip(tables, counts, strict=True):
        levels = [
            level if level.procs is not None else level.model_copy(update={"procs": count, "concurrency": 1.0})
            for level in one.levels
        ]
        remarks = [remark for remark in one.remarks if remark.code != "without_procs"]
        completed.append(one.model_copy(update={"levels": levels, "remarks": remarks}))
    return completed

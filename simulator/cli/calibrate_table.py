"""`sim calibrate table`: the levels that other tools measured."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibration.audit import audit
from calibration.levels import LevelTable, merged
from calibration.levels_text import levels_text
from calibration.tables import read_tables
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs

FILES_HELP = (
    "Output of wrk, wrk2, k6, oha, hey, vegeta, Locust, pgbench, redis-benchmark or sysbench, or CSV."
)


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
        typer.Option(
            "--export-json", metavar="FILE", help="Write the levels as JSON; - for standard output."
        ),
    ] = None,
) -> None:
    """Read the levels that other tools measured, whatever wrote them, and warn where they contradict themselves."""
    with Outputs() as outputs:
        if export_json is not None:
            outputs.open("--export-json", export_json)
        read = read_tables(files)
        tables = merged(read if procs is None else _with_procs(read, _counts(procs, len(read))))
        if export_json is not None:
            outputs.write(
                "--export-json", json_text({"kind": "levels", "tables": [one.to_data() for one in tables]})
            )
        typer.echo(
            "\n".join(levels_text(one) for one in tables), nl=False, err=export_json == STANDARD_OUTPUT
        )
    for finding in audit(tables).accusations:
        place = f"{finding.source}: {finding.place}: " if finding.place else f"{finding.source}: "
        typer.echo(f"sim: warning: {place}{finding.message}", err=True)


def _counts(text: str, files: int) -> list[float]:
    """Read the clients of each file. Raises typer.BadParameter."""
    try:
        counts = [float(int(part)) for part in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or len(counts) not in (1, files):
        accepted = (
            f"{files} positive counts, such as {','.join(str(4**index) for index in range(files))}, or one"
        )
        raise typer.BadParameter(f"--procs: found {text!r}; accepted: {accepted}")
    return counts * files if len(counts) == 1 else counts


def _with_procs(tables: list[LevelTable], counts: list[float]) -> list[LevelTable]:
    """Set the clients of the levels that lack them; each has one operation in flight."""
    completed = []
    for one, count in zip(tables, counts, strict=True):
        levels = [
            level
            if level.procs is not None
            else level.model_copy(update={"procs": count, "concurrency": 1.0})
            for level in one.levels
        ]
        remarks = [remark for remark in one.remarks if remark.code != "without_procs"]
        completed.append(one.model_copy(update={"levels": levels, "remarks": remarks}))
    return completed

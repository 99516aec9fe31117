"""`sim validate`: predict levels that were held out, and print the error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from calibration.fitting.heldout import held_out
from calibration.fitting.heldout_text import heldout_json, heldout_texts
from calibration.fitting.skeleton import Machine
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs

TABLE_HELP = "A table of measured levels: fitted on its lower half (at least three levels), the rest predicted."


def validate(
    table: Annotated[Path, typer.Option("--table", metavar="FILE", help=TABLE_HELP)],
    cpus: Annotated[
        int | None, typer.Option("--cores", min=1, help="CPUs of the service, where the table does not say.")
    ] = None,
    threads_per_core: Annotated[
        int, typer.Option("--threads-per-core", min=1, max=2, help="2: these CPUs are hyperthreads.")
    ] = 1,
    export_json: Annotated[
        str | None, typer.Option("--export-json", metavar="FILE", help="Also as JSON; - for standard output.")
    ] = None,
) -> None:
    """Predict the upper levels of a measured table from the lower ones, and say how far off that was.

    The prediction comes from the analytic model, with Amdahl's law, the USL and multi-server MVA beside it.
    """
    with Outputs() as outputs:
        if export_json is not None:
            outputs.open("--export-json", export_json)
        machine = None if cpus is None else Machine(float(cpus), threads_per_core)
        curves = held_out(table, machine)
        if not curves:
            raise typer.BadParameter(f"--table: {table}: found fewer than four levels in each series; accepted: four")
        if export_json is not None:
            data = {"kind": "validation", "schema_version": 1, "series": [heldout_json(one) for one in curves]}
            outputs.write("--export-json", json_text(data))
        typer.echo(heldout_texts(curves), nl=False, err=export_json == STANDARD_OUTPUT)

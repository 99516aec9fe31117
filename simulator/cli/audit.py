"""`sim audit`: is a load-test report possible?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from calibration.audit import audit as audit_tables
from calibration.audit.text import audit_text
from calibration.levels import merged
from calibration.tables import read_tables
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs

EXIT_BROKEN: Final = 99


def audit(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Tables of one report, or their directory: what load generators wrote, results of sim, or CSV.",
        ),
    ],
    export_json: Annotated[
        str | None,
        typer.Option("--export-json", metavar="FILE", help="Write the findings as JSON; - for standard output."),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit with 99 if a figure is accused, impossible or implausible.")
    ] = False,
) -> None:
    """Hold a load-test report against the operational laws, bounds and statistics that no system escapes."""
    with Outputs() as outputs:
        if export_json is not None:
            outputs.open("--export-json", export_json)
        report = audit_tables(merged(read_tables(files)))
        if export_json is not None:
            outputs.write("--export-json", json_text(report.to_data()))
        typer.echo(audit_text(report), nl=False, err=export_json == STANDARD_OUTPUT)
    if strict and report.accusations:
        raise typer.Exit(EXIT_BROKEN)

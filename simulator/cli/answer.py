"""Where an answer goes: the files that were asked for, and the summary for a person."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import typer

from simulator.cli.options import Colour
from simulator.export import CSV_TABLES, csv_path, csv_tables, records_csv
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format
from simulator.result import Result
from simulator.summary import summary_text
from simulator.verdict import verdict


class Destinations(NamedTuple):
    """The files that were asked for; None where one was not."""

    json: str | None = None
    csv: str | None = None
    records: str | None = None
    plot: str | None = None

    @contextmanager
    def opened(self) -> Iterator[Outputs]:
        """Open all files before any work; those not written stay as they were. Raises OutputError."""
        if self.plot is not None:
            picture_format(self.plot)
        with Outputs() as outputs:
            for option, path in (
                ("--export-json", self.json),
                ("--export-records", self.records),
                ("--plot", self.plot),
            ):
                if path is not None:
                    outputs.open(option, path)
            if self.csv is not None:
                for table in CSV_TABLES:
                    outputs.open("--export-csv", csv_path(self.csv, table), table)
            yield outputs

    def write(self, outputs: Outputs, result: Result) -> None:
        """Write all files that were opened."""
        if self.json is not None:
            outputs.write("--export-json", result.to_json())
        if self.csv is not None:
            for table, text in csv_tables(result.data).items():
                outputs.write("--export-csv", text, table)
        if self.records is not None:
            scenario = result.data["scenario"]
            workloads = [workload["name"] for workload in scenario["workloads"]]
            operations = [operation["name"] for operation in scenario["operations"]]
            outputs.write("--export-records", records_csv(result.records, workloads, operations))
        if self.plot is not None:
            from simulator.plot import plot_bytes  # Matplotlib takes most of a second to load

            outputs.write("--plot", plot_bytes(result.data, picture_format(self.plot)))

    def show(self, result: Result, colour: Colour, quiet: bool) -> None:
        """Print the summary, or only the verdict; on standard error where a file is on standard output."""
        aside = STANDARD_OUTPUT in (self.json, self.records)
        if quiet and aside:
            return
        coloured = is_coloured(colour, aside)
        text = verdict(result.data).text + "\n" if quiet else summary_text(result.data, colour=coloured)
        typer.echo(text, nl=False, err=aside, color=coloured)


def is_coloured(colour: Colour, standard_error: bool = False) -> bool:
    """Return whether to colour: as asked, else on a terminal unless NO_COLOR is set (no-color.org)."""
    if colour is not Colour.auto:
        return colour is Colour.always
    stream = sys.stderr if standard_error else sys.stdout
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

"""Where an answer about several runs goes: files that were asked for, and the text for a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer

from simulator.cli.answer import is_coloured
from simulator.cli.options import Colour
from simulator.export import csv_path
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format
from simulator.saved_answer import Answer

Data = Mapping[str, Any]


@dataclass(frozen=True)
class AnswerFiles:
    """The files that were asked for; None where one was not. tables: names of those that the CSV has."""

    json: str | None
    csv: str | None
    plot: str | None
    tables: Sequence[str]

    @contextmanager
    def opened(self) -> Iterator[Outputs]:
        """Open all files before any work; those not written stay as they were. Raises OutputError."""
        if self.plot is not None:
            picture_format(self.plot)
        with Outputs() as outputs:
            for option, path in (("--export-json", self.json), ("--plot", self.plot)):
                if path is not None:
                    outputs.open(option, path)
            if self.csv is not None:
                for table in self.tables:
                    outputs.open("--export-csv", csv_path(self.csv, table), table)
            yield outputs

    def write(
        self,
        outputs: Outputs,
        data: dict[str, Any],
        tables: Callable[[Data], Mapping[str, str]],
        picture: Callable[[Data, str], bytes],
    ) -> None:
        """Write all files that were opened. tables, picture: make the CSV texts and the picture."""
        if self.json is not None:
            outputs.write("--export-json", Answer(data).to_json())
        if self.csv is not None:
            for name, text in tables(data).items():
                outputs.write("--export-csv", text, name)
        if self.plot is not None:
            outputs.write("--plot", picture(data, picture_format(self.plot)))

    def show(self, verdict: str, whole: Callable[[bool], str], colour: Colour, quiet: bool) -> None:
        """Print the whole text, made for colour or not, or the verdict; aside where the JSON is on standard output."""
        aside = self.json == STANDARD_OUTPUT
        if quiet and aside:
            return
        coloured = is_coloured(colour, aside)
        typer.echo(verdict + "\n" if quiet else whole(coloured), nl=False, err=aside, color=coloured)


@contextmanager
def unless_stopped(data: dict[str, Any]) -> Iterator[None]:
    """Add to an answer what follows from it; Ctrl-C meanwhile leaves it as it is, marked as partial."""
    try:
        yield
    except KeyboardInterrupt:
        data["interrupted"] = True

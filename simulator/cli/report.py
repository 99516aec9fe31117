"""`sim report`: saved results as text, or as a page to pass on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from simulator.answer_report import answer_text, answers_html
from simulator.cli import options
from simulator.cli.answer import is_coloured
from simulator.output_files import Outputs
from simulator.saved_answer import load_answer


def report(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT...", help="Results that --export-json has written.")],
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write one self-contained HTML page.")
    ] = None,
    color: options.Color = options.Colour.auto,
) -> None:
    """Print saved results, or write them as one HTML page that needs nothing else."""
    loaded = [(str(path), load_answer(path)) for path in results]
    if output is None:
        coloured = is_coloured(color)
        texts = [answer_text(data, colour=coloured) for _, data in loaded]
        typer.echo("\n".join(texts), nl=False, color=coloured)
        return
    from simulator.report_html import report_html  # Matplotlib takes most of a second to load

    page = report_html if all(data["kind"] == "run" for _, data in loaded) else answers_html
    with Outputs() as outputs:
        outputs.open("--output", output)
        outputs.write("--output", page(loaded))
    typer.echo(f"{output} written", err=True)

"""Saved answers of every kind again: as text, and as one HTML page that needs nothing else."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator.compare_text import compare_text
from simulator.limits.summary import limits_text
from simulator.plan.summary import plan_text
from simulator.summary import summary_text
from simulator.sweep_text import sweep_text

Data = Mapping[str, Any]

TEXTS: Final[Mapping[str, Any]] = {
    "run": summary_text,
    "sweep": sweep_text,
    "compare": compare_text,
    "limits": limits_text,
    "plan": plan_text,
}

STYLE: Final = (
    "body{font:15px system-ui,sans-serif;margin:2em;max-width:75em}"
    "pre{font-size:13px;overflow-x:auto;background:#f6f6f6;padding:1em}svg{max-width:100%;height:auto}"
)


def answer_text(data: Data, *, colour: bool = False) -> str:
    """Print a saved answer as the command printed it."""
    text: str = TEXTS[data["kind"]](data, colour=colour)
    return text


def answers_html(answers: Sequence[tuple[str, Data]]) -> str:
    """Return a page with each answer's text and picture. answers: label and data of each."""
    sections = []
    for label, data in answers:
        svg = picture(data, "svg").decode()
        text = html.escape(answer_text(data))
        sections.append(f"<h1>{html.escape(label)}</h1>\n<pre>{text}</pre>\n{svg[svg.index('<svg') :]}")
    head = '<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>Capacity answers</title>'
    return "\n".join([head, f"<style>{STYLE}</style>", *sections, "</html>\n"])


def picture(data: Data, form: str) -> bytes:
    """Draw a saved answer. form: png, svg or pdf."""
    # Matplotlib takes most of a second to load, and a text needs none.
    from simulator.compare_plot import compare_plot_bytes
    from simulator.limits.plot import limits_plot_bytes
    from simulator.plan.tables import plan_plot_bytes
    from simulator.plot import plot_bytes
    from simulator.sweep_plot import sweep_plot_bytes

    draws = {
        "run": plot_bytes,
        "sweep": sweep_plot_bytes,
        "compare": compare_plot_bytes,
        "limits": limits_plot_bytes,
        "plan": plan_plot_bytes,
    }
    return draws[data["kind"]](data, form)

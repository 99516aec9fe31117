"""A comparison as one picture: how far each system is from the first, with its interval, a panel for each measure."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.compare_text import MAIN, headline
from simulator.plot import COLOURS, SETTINGS, say
from simulator.quantity_text import reach_of

Data = Mapping[str, Any]


def compare_plot_bytes(data: Data, form: str) -> bytes:
    """Draw a comparison. form: png, svg or pdf."""
    with mpl.rc_context(SETTINGS):
        figure = _figure(data)
        buffer = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _figure(data: Data) -> Figure:
    rows = len(data["differences"])
    figure = Figure(figsize=(13, 1.8 + 0.35 * rows), layout="constrained")
    for position, (name, label) in enumerate(MAIN):
        axes = figure.add_subplot(1, len(MAIN), position + 1)
        _draw(axes, data, name)
        axes.set_title(label)
        if position:
            axes.set_yticklabels([])
    about = "\n".join(textwrap.wrap(headline(data), 150))
    figure.suptitle(about, x=0.01, ha="left", fontsize=9, color="#555555")
    return figure


def _draw(axes: Axes, data: Data, name: str) -> None:
    """Draw the relative differences of one measure, the first system being the line at 0."""
    rows = [(row["name"], row["metrics"][name]) for row in data["differences"]][::-1]
    if all(metric["relative"]["value"] is None for _, metric in rows):
        say(axes, "nothing to be relative to")
        return
    for place, (_, metric) in enumerate(rows):
        value, reach = metric["relative"]["value"], reach_of(metric["relative"])
        if value is not None:
            colour = COLOURS[0] if metric["more_than_noise"] else "#999999"
            ends = [[100 * reach[0]], [100 * reach[1]]]
            axes.errorbar([100 * value], [place], xerr=ends, color=colour, marker="o", capsize=3)
    axes.set_yticks(range(len(rows)), [label for label, _ in rows])
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.axvline(0, color="#999999", linewidth=1)
    axes.set_xlabel("% of the first")
    axes.grid(axis="x", alpha=0.3)

"""The limits of a configuration as one picture: what was seen over the load, and where the limits are."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.limits.load import PROCS
from simulator.limits.summary import SAID, headline
from simulator.plot import COLOURS, SETTINGS, say
from simulator.quantity_text import value_of

Data = Mapping[str, Any]

PANELS: Final = (
    ("p95_s", "response time, p95 [ms]", 1e3),
    ("throughput_per_s", "throughput [1/s]", 1.0),
    ("cpu_headroom", "idle share of the busiest cores [%]", 100.0),
)


def limits_plot_bytes(data: Data, form: str) -> bytes:
    """Draw limits. form: png, svg or pdf."""
    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(13, 4.2), layout="constrained")
        for position, (name, label, scale) in enumerate(PANELS):
            axes = figure.add_subplot(1, len(PANELS), position + 1)
            _draw(axes, data, name, scale)
            axes.set_title(label)
            axes.set_xlabel("procs" if data["axis"] == PROCS else "rate [1/s]")
        about = "\n".join(textwrap.wrap(headline(data, "limits"), 150))
        figure.suptitle(about, x=0.01, ha="left", fontsize=9, color="#555555")
        buffer = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _draw(axes: Axes, data: Data, name: str, scale: float) -> None:
    """Draw one measure over the loads that the search looked at, with the limits as lines."""
    seen = [(point["load"], scale * point[name]) for point in data["curve"] if point[name] is not None]
    found = [row for row in data["levels"].values() if row["load"] and row["at_limit"]]
    seen += [(row["load"], scale * _at(row, name)) for row in found]
    if not seen:
        say(axes, "nothing was simulated")
        return
    loads, values = zip(*sorted(seen), strict=True)
    axes.plot(loads, values, color=COLOURS[0], marker="o", markersize=3)
    for place, (level, row) in enumerate(data["levels"].items()):
        if row["load"] and not row["unlimited"]:
            axes.axvline(row["load"], color=COLOURS[1 + place], linestyle="--", label=SAID[level])
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _at(row: Data, name: str) -> float:
    """Return a measure at a limit."""
    figures = row["at_limit"]
    if name == "p95_s":
        return value_of(figures["response_time_s"]["p95"]) or 0.0
    if name == "cpu_headroom":
        return 1.0 - (value_of(figures["cpu_utilization"]) or 0.0)
    return value_of(figures[name]) or 0.0

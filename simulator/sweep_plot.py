"""A sweep as one picture: a panel for each metric, a line for each curve, the bounds beside it."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.plot import COLOURS, SETTINGS
from simulator.quantity_text import (
    BANDWIDTH,
    RATE,
    SHARE,
    SIZE,
    TIME,
    fitting_unit,
    reach_of,
    value_of,
)
from simulator.summary import estimate_at
from simulator.sweep_text import headline, labels, setting_text
from simulator.theory.bounds import usl_relative_capacity

PANELS: Final = (
    ("throughput_per_s", "throughput", RATE),
    ("response_time_s.mean", "mean response time", TIME),
    ("response_time_s.p50", "response time, p50", TIME),
    ("response_time_s.p95", "response time, p95", TIME),
    ("response_time_s.p99", "response time, p99", TIME),
    ("cpu_utilization", "cpu", SHARE),
    ("efficiency", "efficiency", SHARE),
    ("error_rate", "error rate", SHARE),
    ("memory_bytes.peak", "memory, peak", SIZE),
    ("network_bytes_per_s", "network", BANDWIDTH),
    ("disk_bytes_per_s", "disk", BANDWIDTH),
)
COLUMNS: Final = 3

Data = Mapping[str, Any]


def sweep_plot_bytes(data: Data, form: str) -> bytes:
    """Draw a sweep. form: png, svg or pdf."""
    with mpl.rc_context(SETTINGS):
        figure = _figure(data)
        buffer = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _figure(data: Data) -> Figure:
    panels = [panel for panel in PANELS if _has_content(data, panel[0])]
    rows = max(-(-len(panels) // COLUMNS), 1)
    figure = Figure(figsize=(12, 0.8 + 2.9 * rows), layout="constrained")
    for position, (path, title, family) in enumerate(panels):
        axes = figure.add_subplot(rows, COLUMNS, position + 1)
        _draw(axes, data, path, family)
        axes.set_title(title)
        if position == 0 and axes.get_legend_handles_labels()[1]:
            axes.legend(frameon=False, fontsize=8)
    about = "\n".join(textwrap.wrap(headline(data), 150))
    figure.suptitle(about, x=0.01, ha="left", fontsize=9, color="#555555")
    return figure


def _has_content(data: Data, path: str) -> bool:
    return any(value_of(estimate_at(point, path)) for point in data["points"])


def _draw(axes: Axes, data: Data, path: str, family: str) -> None:
    """Draw one metric of all curves, its interval as a band."""
    values = [value_of(estimate_at(point, path)) or 0.0 for point in data["points"]]
    size, unit = fitting_unit(max(values), family)
    short = labels(data)
    for position, curve in enumerate(data["curves"]):
        points = [data["points"][index] for index in curve["points"]]
        places = _places(curve, points)
        colour = COLOURS[position % len(COLOURS)]
        # What is undefined leaves a gap.
        heights = [_scaled(value_of(estimate_at(point, path)), size) for point in points]
        reach = [reach_of(estimate_at(point, path)) for point in points]
        label = setting_text(curve["setting"], short) or "simulated"
        axes.plot(places, heights, color=colour, marker="o" if len(points) <= 20 else "", label=label, linewidth=1.6)
        low = [height - below / size for height, (below, _) in zip(heights, reach, strict=True)]
        high = [height + above / size for height, (_, above) in zip(heights, reach, strict=True)]
        axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
        bounds = _bounds(path, points)
        if bounds:
            heights = [bound / size for bound in bounds]
            axes.plot(places, heights, color=colour, linestyle="--", linewidth=1, label="asymptotic bound")
    if len(data["curves"]) == 1 and data["curves"][0]["levels"] is not None:
        _draw_levels(axes, path, data["curves"][0], size)
    axes.set_ylim(bottom=0)
    axes.set_ylabel(unit)
    axes.grid(alpha=0.3)
    if data["curves"]:
        axes.set_xlabel(short[data["curves"][0]["axis"]].replace("_", " "))


def _places(curve: Data, points: Sequence[Data]) -> list[Any]:
    if curve["levels"] is not None:
        return list(curve["levels"])
    return [point["setting"][curve["axis"]] for point in points]


def _scaled(value: float | None, size: float) -> float:
    return float("nan") if value is None else value / size


def _bounds(path: str, points: Sequence[Data]) -> list[float]:
    """Return what a metric cannot exceed at each point, where it has such a bound."""
    names = {
        "throughput_per_s": "throughput_at_most_per_s",
        "response_time_s.mean": "response_time_at_least_s",
    }
    if path not in names or not all(point["bounds"] for point in points):
        return []
    return [point["bounds"][names[path]] for point in points]


def _draw_levels(axes: Axes, path: str, curve: Data, size: float) -> None:
    """Draw the fitted law, and mark the knee and the saturation point, of the only curve."""
    if path == "throughput_per_s" and curve["usl"]:
        law = curve["usl"]
        heights = [
            law["rate_per_s"] * usl_relative_capacity(level, law["contention"], law["coherency"]) / size
            for level in curve["levels"]
        ]
        axes.plot(curve["levels"], heights, color=COLOURS[1], linestyle=":", label="Universal Scalability Law")
    for name, style in (("knee", "-."), ("saturation", ":")):
        if curve[name]:
            axes.axvline(curve[name]["level"], color="#999999", linestyle=style, linewidth=1, label=name)

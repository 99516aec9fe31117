"""A result as one picture: response-time percentiles, where the time goes, utilization of the stations."""

from __future__ import annotations

import io
import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from simulator.quantity_text import TIME, estimate_text, fitting_unit, reach_of, value_of
from simulator.summary import cause_columns, headline, station_rows
from simulator.verdict import OK, verdict

PERCENTS: Final = (("p50", 50.0), ("p90", 90.0), ("p95", 95.0), ("p99", 99.0), ("p999", 99.9))
STATION_BARS: Final = 14
SMALL_CAUSE: Final = 0.01  # share below which causes are drawn together

# Okabe and Ito (2008): told apart with every kind of colour vision.
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#F0E442", "#000000")
_GREY: Final = "#999999"
SETTINGS: Final[Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "svg.hashsalt": "simulator",  # the same result, the same bytes
    "svg.fonttype": "none",
}

Data = Mapping[str, Any]


def plot_bytes(data: Data, form: str) -> bytes:
    """Draw a result. form: png, svg or pdf."""
    with mpl.rc_context(SETTINGS):
        figure = _figure(data)
        buffer = io.BytesIO()
        # No date in the file.
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()


def _figure(data: Data) -> Figure:
    figure = Figure(figsize=(11, 7.6), layout="constrained")
    stations = min(len(station_rows(data)), STATION_BARS)
    grid = figure.add_gridspec(2, 2, height_ratios=[1.0, 0.28 + 0.075 * max(stations, 3)])
    _draw_percentiles(figure.add_subplot(grid[0, 0]), data)
    _draw_causes(figure.add_subplot(grid[0, 1]), data)
    _draw_utilization(figure.add_subplot(grid[1, :]), data)
    found = verdict(data)
    colour = COLOURS[2] if found.state == OK else COLOURS[3]
    says = "\n".join(textwrap.wrap(found.text, 110)[:3])
    figure.suptitle(says, x=0.01, ha="left", fontsize=11, fontweight="bold", color=colour)
    about = "\n".join(textwrap.wrap(headline(data), 150))
    figure.supxlabel(about, x=0.01, ha="left", fontsize=8.5, color="#555555")
    return figure


def _draw_percentiles(axes: Axes, data: Data) -> None:
    """Draw response time against percentile, on an axis on which each nine takes the same room."""
    times = data.get("response_time_s") or {}
    points = [(percent, times[key]) for key, percent in PERCENTS if value_of(times.get(key)) is not None]
    of = "90 % prediction" if data.get("uncertainty") else "95 %"
    axes.set_title(f"Response time, with {of} intervals")
    if not points:
        say(axes, "no operation completed")
        return
    values = [value_of(estimate) or 0.0 for _, estimate in points]
    size, unit = fitting_unit(max(values), TIME)
    places = [-math.log10(1.0 - percent / 100.0) for percent, _ in points]
    scaled = [value / size for value in values]
    errors = [[reach / size for reach in side] for side in zip(*(reach_of(one) for _, one in points), strict=True)]
    if min(scaled) > 0 and max(scaled) > 20 * min(scaled):
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, max(s + e for s, e in zip(scaled, errors[1], strict=True)) * 1.18)
    axes.errorbar(places, scaled, yerr=errors, color=COLOURS[0], marker="o", capsize=3, linewidth=1.6)
    for place, value, height in zip(places, values, scaled, strict=True):
        axes.annotate(
            estimate_text(value, TIME, brief=True),
            (place, height),
            (-7, 5),
            textcoords="offset points",
            ha="right",
        )
    axes.set_xticks(places, [f"p{percent:g}" for percent, _ in points])
    axes.set_xlim(places[0] - 0.75, places[-1] + 0.15)
    axes.set_ylabel(f"response time ({unit})")
    axes.grid(axis="y", alpha=0.3)


def _draw_causes(axes: Axes, data: Data) -> None:
    """Draw the mean time by cause as a bar for each group of operations."""
    axes.set_title("Where the time goes")
    columns = [(label, shares) for label, shares in cause_columns(data) if sum(shares.values())]
    if not columns:
        say(axes, "not accounted in this run")
        return
    names = _drawn_causes([shares for _, shares in columns])
    size, unit = fitting_unit(max(sum(shares.values()) for _, shares in columns), TIME)
    labels = [label.replace(" ", "\n", 1) for label, _ in columns]
    base = [0.0] * len(columns)
    for position, name in enumerate([*names, ""]):
        heights = [_cause_of(shares, name, names) / size for _, shares in columns]
        if not any(heights):
            continue
        colour = COLOURS[position % len(COLOURS)] if name else _GREY
        hatch = "//" if position >= len(COLOURS) and name else ""
        label = name.replace("_", " ") or "all else"
        axes.bar(labels, heights, bottom=base, color=colour, hatch=hatch, label=label, width=0.6)
        base = [low + height for low, height in zip(base, heights, strict=True)]
    axes.set_ylabel(f"mean time of an operation ({unit})")
    axes.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=8, reverse=True)


def _drawn_causes(groups: Sequence[Mapping[str, float]]) -> list[str]:
    """Return the causes that are worth a colour, in the order in which they are accounted."""
    return [
        name
        for name in groups[0]
        if any(shares.get(name, 0.0) > SMALL_CAUSE * sum(shares.values()) for shares in groups)
    ]


def _cause_of(shares: Mapping[str, float], name: str, drawn: Sequence[str]) -> float:
    """Return the time of one cause, or of all that are not drawn for the empty name."""
    if name:
        return shares.get(name, 0.0)
    return sum(value for cause, value in shares.items() if cause not in drawn)


def _draw_utilization(axes: Axes, data: Data) -> None:
    """Draw how busy each station is, busiest on top."""
    axes.set_title("Utilization of the stations")
    rows = [
        (label, station) for label, station in station_rows(data) if value_of(station.get("utilization")) is not None
    ]
    if not rows:
        say(axes, "no station was used")
        return
    rows = rows[:STATION_BARS][::-1]
    values = [100.0 * (value_of(station["utilization"]) or 0.0) for _, station in rows]
    reaches = [reach_of(station["utilization"]) for _, station in rows]
    errors = [[100.0 * reach for reach in side] for side in zip(*reaches, strict=True)]
    colours = [COLOURS[3] if value >= 90 else COLOURS[1] if value >= 70 else COLOURS[0] for value in values]
    labels = [label for label, _ in rows]
    axes.barh(labels, values, xerr=errors, color=colours, height=0.65, error_kw={"capsize": 2})
    for place, value in enumerate(values):
        axes.annotate(f"{value:.3g} %", (max(value, 0.0), place), (6, 0), textcoords="offset points", va="center")
    axes.set_xlim(0, 108)
    axes.set_xlabel("% of the capacity (orange from 70 %, red from 90 %)")
    axes.grid(axis="x", alpha=0.3)


def say(axes: Axes, text: str) -> None:
    """Say why there is nothing to draw."""
    axes.text(0.5, 0.5, text, ha="center", va="center", color=_GREY, transform=axes.transAxes)
    axes.set_axis_off()

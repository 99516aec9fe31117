"""A plan as a table and as a picture, for other programs and for slides."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.export import csv_text
from simulator.limits.summary import headline
from simulator.quantity_text import value_of

COUNTS: Final = ("cores", "instances", "memory_bytes", "cost", "feasible", "probability", "resource", "why")

Data = Mapping[str, Any]


def plan_csv(data: Data) -> str:
    """Return a row for each configuration that the answer speaks of, in SI units."""
    rows = []
    for role, entry in _entries(data):
        times = entry["response_time_s"] or {}
        rows.append(
            {
                "role": role,
                **{name: entry[name] for name in COUNTS},
                "throughput_per_s": value_of(entry["throughput_per_s"]),
                **{f"response_time_s.{name}": value_of(times.get(name)) for name in ("mean", "p50", "p95", "p99")},
                "cpu_utilization": value_of(entry["cpu_utilization"]),
                "error_rate": value_of(entry["error_rate"]),
            }
        )
    return csv_text(list(rows[0]), [list(row.values()) for row in rows])


def _entries(data: Data) -> Iterator[tuple[str, Data]]:
    for role in ("plan", "largest"):
        if data[role] is not None:
            yield role, data[role]
    for role in ("smaller", "runners_up", "equal_cost"):
        for entry in data[role]:
            yield role, entry


def plan_plot_bytes(data: Data, form: str) -> bytes:
    """Draw which configurations serve the load, as far as they were judged. form: png, svg or pdf."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    from simulator.plot import COLOURS, SETTINGS

    with mpl.rc_context(SETTINGS):
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.add_subplot()
        for serves, colour, marker, label in ((True, COLOURS[0], "o", "serves"), (False, "#bb3333", "x", "does not")):
            chosen = [one for one in data["known"] if one["feasible"] is serves]
            axes.scatter(
                [one["cores"] for one in chosen],
                [one["instances"] for one in chosen],
                c=colour,
                marker=marker,
                label=label,
            )
        if data["plan"] is not None:
            best = data["plan"]
            ring: dict[str, Any] = {"s": 220, "facecolors": "none", "edgecolors": "black", "label": "the plan"}
            axes.scatter(best["cores"], best["instances"], **ring)
        axes.set_xlabel(f"cores of an instance of {data['service']}")
        axes.set_ylabel("instances")
        axes.grid(alpha=0.3)
        axes.legend()
        about = "\n".join(textwrap.wrap(headline(data, "plan"), 110))
        figure.suptitle(about, x=0.01, ha="left", fontsize=9, color="#555555")
        buffer = io.BytesIO()
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form, {})
        figure.savefig(buffer, format=form, dpi=150, metadata=metadata)
    return buffer.getvalue()

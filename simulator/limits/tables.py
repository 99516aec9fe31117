"""The limits of a configuration as tables for other programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from simulator.export import csv_text
from simulator.quantity_text import value_of

TABLES: Final = ("levels", "criteria", "alerts")
ALERT_COLUMNS: Final = (
    "metric",
    "threshold",
    "fires_at_load",
    "lead",
    "false_alarms_at_recommended",
    "caught_at_safe",
    "caught_at_tolerable",
)

Data = Mapping[str, Any]


def limits_tables(data: Data) -> dict[str, str]:
    """Return a CSV for each of TABLES, in SI units."""
    kinds: list[tuple[str, Data]] = [("whole", data["levels"])]
    lost = data["n_minus_1"]
    if lost and lost["levels"]:
        kinds.append((f"one instance of {lost['service']} lost", lost["levels"]))
    rows = [_level(system, level, row) for system, levels in kinds for level, row in levels.items()]
    criteria = [
        [system, level, *(one[name] for name in ("criterion", "value", "half_width", "limit", "kept", "probability"))]
        for system, levels in kinds
        for level, row in levels.items()
        for one in row["criteria"]
    ]
    head = ["system", "level", "criterion", "value", "half_width", "limit", "kept", "probability"]
    alerts = (data["monitoring"] or {}).get("alerts") or []
    return {
        "levels": csv_text(list(rows[0]), [list(row.values()) for row in rows]),
        "criteria": csv_text(head, criteria),
        "alerts": csv_text(list(ALERT_COLUMNS), [[alert[name] for name in ALERT_COLUMNS] for alert in alerts]),
    }


def _level(system: str, level: str, row: Data) -> dict[str, Any]:
    figures = row["at_limit"] or {}
    times = figures.get("response_time_s") or {}
    return {
        "system": system,
        "level": level,
        "limit": row["load"],
        "unlimited": row["unlimited"],
        "breaks_at": row["estimate"],
        "margin": row["margin"],
        "precision_reached": row["precision_reached"],
        "what_breaks": row["binding"],
        "resource": (row["resource"] or {}).get("name"),
        "throughput_per_s": value_of(figures.get("throughput_per_s")),
        **{f"response_time_s.{name}": value_of(times.get(name)) for name in ("mean", "p50", "p95", "p99")},
        "cpu_utilization": value_of(figures.get("cpu_utilization")),
        "error_rate": value_of(figures.get("error_rate")),
    }

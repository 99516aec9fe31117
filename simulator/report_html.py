"""Results as one self-contained HTML page to pass on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import jinja2

from models.scenario_text import write_toml
from simulator.plot import plot_bytes
from simulator.quantity_text import TIME
from simulator.summary import (
    SYSTEM_ROWS,
    bottleneck_text,
    cause_table,
    estimate_at,
    full_text,
    headline,
    response_time_label,
    share_text,
    station_table,
    threshold_text,
    workload_table,
)
from simulator.verdict import OK, verdict

Data = Mapping[str, Any]


def report_html(results: Sequence[tuple[str, Data]]) -> str:
    """Return a page about results. results: what each is called, and its data."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        files("simulator").joinpath("data", "report.html.j2").read_text(encoding="utf-8")
    )
    names = list(dict.fromkeys(_name(data) for _, data in results))
    return template.render(
        title=", ".join(names),
        results=[_section(label, data) for label, data in results],
        comparison=_comparison([data for _, data in results]),
    )


def _name(data: Data) -> str:
    return str((data.get("scenario") or {}).get("name", "scenario"))


def _section(label: str, data: Data) -> dict[str, Any]:
    """Return what the template shows of one result."""
    found = verdict(data)
    return {
        "label": label,
        "headline": headline(data),
        "state": found.state,
        "ok": found.state == OK,
        "verdict": found.text,
        "bottleneck": bottleneck_text(data),
        "trust": (data.get("trust") or {}).get("line", ""),
        "far": bool((data.get("trust") or {}).get("marked")),
        "uncertainty": _uncertainty(data),
        "picture": _inline_svg(data),
        "tables": list(_tables(data)),
        "thresholds": [_threshold(threshold) for threshold in data.get("thresholds") or ()],
        "warnings": data.get("warnings") or [],
        "scenario": write_toml(data.get("scenario") or {}),
        "provenance": list((data.get("provenance") or {}).items()),
    }


def _tables(data: Data) -> Iterable[dict[str, Any]]:
    rows = [[label, *texts] for label, *texts in _figures([data])]
    yield {"title": "Figures", "header": [], "rows": rows}
    for title, table in (
        ("Workloads", workload_table(data)),
        ("Stations", station_table(data)),
        ("Where the time goes", cause_table(data)),
    ):
        if table.rows:
            yield {"title": title, "header": table.header, "rows": table.rows}


def _figures(results: Sequence[Data]) -> Iterable[list[str]]:
    """Return rows of a label and, for each result, its estimate; rows that no result has are left out."""
    keys = dict.fromkeys(key for data in results for key in data.get("response_time_s") or ())
    times = [(f"response_time_s.{key}", f"response time {response_time_label(key)}", TIME) for key in keys]
    for path, label, family in (*SYSTEM_ROWS[:3], *times, *SYSTEM_ROWS[3:]):
        estimates = [estimate_at(data, path) for data in results]
        if any(estimate is not None for estimate in estimates):
            yield [label, *(full_text(estimate, family) for estimate in estimates)]


def _comparison(results: Sequence[Data]) -> list[list[str]]:
    bottlenecks = [str((data.get("bottleneck") or {}).get("name") or "-") for data in results]
    return [*_figures(results), ["bottleneck", *bottlenecks]]


def _uncertainty(data: Data) -> dict[str, Any] | None:
    """Return what the prediction intervals are, and where the uncertainty comes from."""
    found = data.get("uncertainty")
    if not found:
        return None
    return {
        "about": f"{found['level']:.0%} prediction intervals over {found['draws']} draws: {found['method']}",
        "shares": [share_text(name, rows) for name, rows in found["shares"].items()],
        "unidentified": ", ".join(found["unidentified"]),
    }


def _threshold(threshold: Data) -> dict[str, str]:
    state = "uncertain" if threshold.get("verdict") == "uncertain" else "ok" if threshold["passed"] else "failed"
    return {"state": state, "text": threshold_text(threshold)}


def _inline_svg(data: Data) -> str:
    """Return the picture as an SVG element without the XML prologue, which has no place inside HTML."""
    text = plot_bytes(data, "svg").decode()
    return text[text.index("<svg") :]

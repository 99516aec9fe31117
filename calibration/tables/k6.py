"""The summary of k6 as JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures, number

_PERCENTILE: Final = re.compile(r"p\((\d+(?:\.\d+)?)\)")


class K6Reader:
    """All summaries: `--summary-export`, what `handleSummary` is given, and both in the newer versioned shape.

    The newer shape (`--new-machine-readable-summary`) lists its metrics, and its counters have no rate: the throughput
    is the count over the run's duration. Times are milliseconds, the run's duration there seconds.

    k6's executors may be closed (vus) or open (arrival rates); the summary does not say which. Dropped
    iterations show that an open one could not keep its rate.
    """

    tool = "k6"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is a k6 summary."""
        document = _document(content.json)
        return _metric(document, "iterations") is not None or _metric(document, "http_reqs") is not None

    def read(self, content: Content) -> LevelTable:
        """Read the one level of the run."""
        collected = Collected(content.source, self.tool)
        figures = Figures()
        document = _document(content.json)
        requests = _metric(document, "http_reqs")
        times = _metric(document, "http_req_duration")
        if requests is None:
            requests, times = _metric(document, "iterations"), _metric(document, "iteration_duration")
        figures.set("throughput_per_s", number(requests, "rate"))
        figures.set("operations", number(requests, "count"))
        _users(figures, document)
        _times(figures, times)
        _duration(figures, document, requests)
        figures.set("error_rate", _failed(document))
        received = number(_metric(document, "data_received"), "rate")
        sent = number(_metric(document, "data_sent"), "rate")
        if received is not None and sent is not None:
            figures.set("network_bytes_per_s", received + sent)
        dropped = number(_metric(document, "dropped_iterations"), "count")
        figures.set("kind", "open" if dropped else None)
        if dropped:
            collected.remark("dropped", "", f"k6 dropped {dropped:g} iterations: it could not keep the rate")
        if number(_metric(document, "iterations"), "count") != number(requests, "count"):
            collected.remark(
                "iterations", "", "requests and iterations differ in number: an operation here is one request"
            )
        collected.add(figures)
        return collected.table(
            leaves_out_late_starts=None, accepted="a k6 summary with http_reqs or iterations"
        )


def _document(found: Any) -> Any:
    """Return a summary in the older shape, with the rates that the newer one leaves to its reader."""
    results = found.get("results") if isinstance(found, Mapping) else None
    listed = results.get("metrics") if isinstance(results, Mapping) else None
    if not isinstance(listed, list):
        return found
    duration_s = number(found, "config", "duration")
    metrics = {}
    for metric in listed:
        if not isinstance(metric, Mapping) or not isinstance(metric.get("values"), Mapping):
            continue
        values = dict(metric["values"])
        count = number(values, "count")
        if metric.get("type") == "counter" and count is not None and duration_s:
            values["rate"] = count / duration_s
        metrics[str(metric.get("name"))] = {"values": values}
    return {"metrics": metrics, "state": {"testRunDurationMs": duration_s * 1e3} if duration_s else {}}


def _metric(document: Any, name: str) -> Mapping[str, Any] | None:
    metrics = document.get("metrics") if isinstance(document, Mapping) else None
    found = metrics.get(name) if isinstance(metrics, Mapping) else None
    if not isinstance(found, Mapping):
        return None
    values = found.get("values")
    return values if isinstance(values, Mapping) else found


def _users(figures: Figures, document: Any) -> None:
    users = _metric(document, "vus_max") or _metric(document, "vus")
    most = number(users, "max")
    figures.set("procs", most if most else number(users, "value"))
    if "procs" in figures.values:
        figures.set("concurrency", 1.0)


def _times(figures: Figures, times: Mapping[str, Any] | None) -> None:
    for key, value in (times or {}).items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            continue
        seconds = value / 1e3
        match = _PERCENTILE.fullmatch(key)
        if match:
            figures.percentile(float(match[1]), seconds)
        elif key == "med":
            figures.percentile(50.0, seconds)
        elif key in ("avg", "min", "max"):
            figures.set({"avg": "mean_s", "min": "min_s", "max": "max_s"}[key], seconds)


def _duration(figures: Figures, document: Any, requests: Mapping[str, Any] | None) -> None:
    run_ms = number(document, "state", "testRunDurationMs")
    count, rate = number(requests, "count"), number(requests, "rate")
    if run_ms:
        figures.set("duration_s", run_ms / 1e3)
    elif count and rate:
        figures.set("duration_s", count / rate)


def _failed(document: Any) -> float | None:
    """http_req_failed counts failures as its passes: it is the rate of a condition that is bad."""
    failed = _metric(document, "http_req_failed")
    rate = number(failed, "rate")
    return rate if rate is not None else number(failed, "value")

"""Results of this simulator as measured levels, so that a simulated report can be held against the laws too."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures, number
from simulator.measures import percent_of


class SimulatedReader:
    """`sim run --export-json` and sweeps: the levels are the points. Several workloads count together."""

    tool = "sim"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is a result of this simulator."""
        document = content.json
        return (
            isinstance(document, Mapping)
            and {"schema_version", "kind"} <= document.keys()
            and bool(_points(document))
        )

    def read(self, content: Content) -> LevelTable:
        """Read one level a point."""
        collected = Collected(content.source, self.tool)
        for index, point in enumerate(_points(content.json)):
            collected.add(_level(f"point {index + 1}", point))
        return collected.table(
            leaves_out_late_starts=False, accepted="a run or a sweep with throughput_per_s"
        )


def _points(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    points = document.get("points")
    if isinstance(points, list):
        return [point for point in points if isinstance(point, Mapping)]
    return [document] if "throughput_per_s" in document and "scenario" in document else []


def _level(place: str, point: Mapping[str, Any]) -> Figures:
    figures = Figures(place)
    for name in (
        "throughput_per_s",
        "goodput_per_s",
        "efficiency",
        "success_rate",
        "error_rate",
        "timeout_rate",
        "retry_rate",
        "cpu_utilization",
        "network_bytes_per_s",
        "disk_bytes_per_s",
    ):
        figures.set(name, _value(point.get(name)))
    memory = point.get("memory_bytes")
    figures.set("memory_bytes", _value(memory.get("mean")) if isinstance(memory, Mapping) else None)
    times = point.get("response_time_s")
    for name, estimate in times.items() if isinstance(times, Mapping) else ():
        if name == "mean":
            figures.set("mean_s", _value(estimate))
        elif name == "max":
            figures.set("max_s", _value(estimate))
        elif name[1:].replace(".", "").isdigit():
            figures.percentile(percent_of(name), _value(estimate))
    duration, replications = number(point, "duration_s"), number(point, "replications")
    figures.set("duration_s", duration * (replications or 1) if duration else None)
    _load(figures, point.get("scenario"))
    return figures


def _value(estimate: Any) -> float | None:
    return (
        number({"value": estimate}, "value")
        if not isinstance(estimate, Mapping)
        else number(estimate, "value")
    )


def _load(figures: Figures, scenario: Any) -> None:
    """Set load and machine where there is one workload and one service with cores of its own."""
    if not isinstance(scenario, Mapping):
        return
    workloads, services = scenario.get("workloads") or [], scenario.get("services") or {}
    if len(workloads) == 1:
        workload = workloads[0]
        kind = workload.get("kind", "closed")
        figures.set("kind", "closed" if kind == "closed" else "open")
        if kind == "closed":
            figures.set("procs", number(workload, "procs") or 1.0)
            figures.set("concurrency", number(workload, "concurrency") or 1.0)
    if len(services) == 1:
        (service,) = services.values()
        figures.set("cores", number(service, "cores"))
        figures.set("instances", number(service, "instances") or 1.0)

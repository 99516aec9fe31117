"""What the points of one curve of a sweep say together: knee, saturation, peak, and what binds where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator.quantity_text import value_of

LOAD_AXES: Final = ("procs", "rate", "concurrency")
RESOURCE_AXES: Final = ("cores", "instances", "workers", "memory")
PAYS: Final = 0.5  # share of the proportional gain from which on a further resource is called worth it
FALLS: Final = 0.02  # throughput lost from the peak on that is more than the ripple of a flat curve

Points = Sequence[Mapping[str, Any]]


def describe(axis: str, levels: Sequence[float], points: Points) -> dict[str, Any]:
    """Return what a curve shows.

    knee: the level of greatest power on an axis of offered load. saturation: the lowest level from which a
    station binds to the end of the curve. peak: the level of greatest throughput. pays_up_to: on an axis of resources.
    bottlenecks: what binds, from level to level. Each is None where the curve does not show it.

    axis: name of the axis. levels: in increasing order. points: results of runs, one for each level.
    """
    loaded = axis in LOAD_AXES
    return {
        "knee": knee(levels, points) if loaded else None,
        "saturation": saturation(levels, points) if loaded else None,
        "peak": peak(levels, points),
        "pays_up_to": pays_up_to(levels, points) if axis in RESOURCE_AXES else None,
        "bottlenecks": bottlenecks(levels, points),
    }


def knee(levels: Sequence[float], points: Points) -> dict[str, Any] | None:
    """Return the level at which throughput over mean response time is greatest.

    This ratio is the power of the system (Kleinrock, 1979, "Power and deterministic rules of thumb"): beyond
    its maximum each per cent of throughput costs more than one of response time. None if it lies at an end of
    the curve, where the true maximum may lie outside, or if there are fewer than three levels.
    """
    power = [
        _goodput(point) / mean_s if (mean_s := value_of(point["response_time_s"]["mean"])) else 0.0 for point in points
    ]
    if len(power) < 3 or not any(power):
        return None
    best = max(range(len(power)), key=power.__getitem__)
    if best in (0, len(power) - 1):
        return None
    return _place(levels, points, best)


def saturation(levels: Sequence[float], points: Points) -> dict[str, Any] | None:
    """Return the lowest level from which on a station binds the throughput; None if none binds at the end."""
    start = len(points)
    while start > 0 and points[start - 1]["bottleneck"]["kind"] == "station":
        start -= 1
    if start == len(points):
        return None
    return {**_place(levels, points, start), "station": points[start]["bottleneck"]["name"]}


def peak(levels: Sequence[float], points: Points) -> dict[str, Any] | None:
    """Return the level of greatest throughput, and whether it falls beyond that by more than a ripple."""
    if not points:
        return None
    best = max(range(len(points)), key=lambda index: _throughput(points[index]))
    after = min((_throughput(point) for point in points[best:]), default=0.0)
    falls = after < (1 - FALLS) * _throughput(points[best])
    return {**_place(levels, points, best), "falls_beyond": falls}


def pays_up_to(levels: Sequence[float], points: Points) -> dict[str, Any] | None:
    """Return the last level before a step that brings less than half of its proportional gain in throughput.

    None if every step brings more.
    """
    for index in range(1, len(points)):
        before, after = _throughput(points[index - 1]), _throughput(points[index])
        if before <= 0 or levels[index - 1] <= 0:
            continue
        gain = after / before - 1
        if gain < PAYS * (levels[index] / levels[index - 1] - 1):
            return {**_place(levels, points, index - 1), "next_gain": gain}
    return None


def bottlenecks(levels: Sequence[float], points: Points) -> list[dict[str, Any]]:
    """Return what binds from which level to which."""
    rows: list[dict[str, Any]] = []
    for level, point in zip(levels, points, strict=True):
        name = point["bottleneck"]["name"]
        if rows and rows[-1]["name"] == name:
            rows[-1]["to"] = level
        else:
            rows.append({"from": level, "to": level, "name": name, "why": point["bottleneck"]["why"]})
    return rows


def _place(levels: Sequence[float], points: Points, index: int) -> dict[str, Any]:
    point = points[index]
    return {
        "level": levels[index],
        "throughput_per_s": _throughput(point),
        "response_time_mean_s": value_of(point["response_time_s"]["mean"]),
    }


def _throughput(point: Mapping[str, Any]) -> float:
    return value_of(point["throughput_per_s"]) or 0.0


def _goodput(point: Mapping[str, Any]) -> float:
    return value_of(point["goodput_per_s"]) or 0.0

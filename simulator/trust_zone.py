"""The trust zone: how far an answer lies from what was measured, and which assumption carries it there.

Along each of concurrency, rate, cores and instances the distance is a factor: what is asked over the nearest end of
what was measured (or the other way round below it), 1 within. Beyond the factors in `MARKED_BEYOND` the answer is
marked, and a strict command refuses it. Each doubling beyond adds the profile's `per_doubling` to the model's error, as
squares; less concurrency or a lower rate than was measured is said, and adds nothing: nothing new can fill up there.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from models.scenario import Scenario
from simulator.scenario_base import Calibration

MARKED_BEYOND: Final[Mapping[str, float]] = {"concurrency": 50.0, "rate": 50.0, "cores": 8.0, "instances": 8.0}
"""Fifty times the concurrency is what the simulator is made for; cores and instances change what binds."""
NOT_CALIBRATED: Final = "not calibrated: nothing was measured, so it is as true as the scenario's own numbers"
TOLERANCE: Final = 1.001

_BEYOND: Final[Mapping[str, str]] = {
    "concurrency": "that an operation needs the same with more of them in flight, and that nothing else fills up",
    "rate": "that an operation needs the same at that rate, and that nothing else fills up",
    "cores": "that cores slow each other down as they did where it was measured, the last speed holding on",
    "instances": "that instances do not slow each other down and share the operations as the balancer says",
}
_UNSEEN: Final[Mapping[str, str]] = {
    "concurrency": "that clients which wait for their answers meet what arrivals at a rate met",
    "rate": "that arrivals which do not wait for answers meet what waiting clients met",
    "cores": "that the number of cores is as the scenario says",
    "instances": "that instances do not slow each other down and share the operations as the balancer says",
}


class Distance(NamedTuple):
    """How far an answer is from what was measured along one axis.

    asked: what the answer is for. measured: the range, None where the axis was never measured.
    factor: 1 within, None where there is none to compare with. marked: whether it is beyond what is stated.
    """

    axis: str
    asked: float
    measured: tuple[float, float] | None
    factor: float | None
    marked: bool
    assumption: str | None

    @property
    def harmless(self) -> bool:
        """Whether it is less of a load than was measured."""
        return self.axis in ("concurrency", "rate") and self.measured is not None and self.asked < self.measured[0]

    def as_json(self) -> dict[str, Any]:
        """Return the distance as it stands in a result."""
        return {
            "axis": self.axis,
            "asked": self.asked,
            "measured": None if self.measured is None else list(self.measured),
            "factor": self.factor,
            "marked": self.marked,
            "assumption": self.assumption,
        }


def asked_of(scenario: Scenario) -> dict[str, float]:
    """Return where a scenario lies: operations in flight, arrivals per second, cores and instances of the entry."""
    closed = sum(one.users for one in scenario.workloads if one.kind == "closed")
    rate = sum(_rate_per_s(one) for one in scenario.workloads if one.kind == "open")
    service = next(iter(scenario.services.values()))
    found = {"cores": float(service.cores), "instances": float(service.instances)}
    if closed:
        found["concurrency"] = float(closed)
    if rate:
        found["rate"] = rate
    return found


def _rate_per_s(workload: Any) -> float:
    if workload.arrival_rate is not None:
        return float(workload.arrival_rate)
    mean_ns = workload.interarrival.mean if workload.interarrival is not None else 0.0
    return float(workload.procs * 1e9 / mean_ns) if mean_ns else 0.0


def distances(scenario: Scenario, calibration: Calibration) -> list[Distance]:
    """Return the distances of a scenario from what was measured, the farthest first."""
    seen = calibration.seen
    ranges: dict[str, tuple[float, float] | None] = {
        "concurrency": seen.concurrency,
        "rate": seen.rate_per_s,
        "cores": seen.cores,
        "instances": seen.instances,
    }
    found = [_distance(axis, asked, ranges[axis]) for axis, asked in asked_of(scenario).items()]
    return sorted(found, key=lambda one: (not one.marked, -(one.factor or math.inf)))


def _distance(axis: str, asked: float, measured: tuple[float, float] | None) -> Distance:
    if measured is None and axis == "instances":
        measured = (1.0, 1.0)  # whatever was measured was at least one
    if measured is None:
        return Distance(axis, asked, None, None, axis != "cores", _UNSEEN[axis])
    low, high = measured
    factor = max(asked / high if high else math.inf, low / asked if asked else math.inf, 1.0)
    if factor <= TOLERANCE:
        return Distance(axis, asked, measured, 1.0, False, None)
    less = axis in ("concurrency", "rate") and asked < low
    assumption = "that an idle machine does the same for an operation as a busy one" if less else _BEYOND[axis]
    return Distance(axis, asked, measured, factor, factor > MARKED_BEYOND[axis], assumption)


def widening(found: Iterable[Distance], per_doubling: float) -> float:
    """Return the model's additional error for an answer beyond what was measured: a relative standard deviation."""
    counted = [one.factor for one in found if one.factor and not one.harmless]
    return per_doubling * math.sqrt(sum(math.log2(factor) for factor in counted))


def trust_zone(scenario: Scenario, calibration: Calibration | None) -> dict[str, Any]:
    """Return what an answer says about its distance from what was measured.

    calibrated: whether the operations were measured. marked: whether it is not to be relied on without a look at the
    assumption. widening: what is added to the model's error. line: all that in one line.
    """
    if calibration is None:
        return {"calibrated": False, "marked": True, "distances": [], "widening": 0.0, "line": NOT_CALIBRATED}
    if not calibration.workload:
        line = (
            f"not calibrated: profile {calibration.profile} measured the machine and no operation, so it is as true "
            "as the scenario's own numbers"
        )
        return {"calibrated": False, "marked": True, "distances": [], "widening": 0.0, "line": line}
    found = distances(scenario, calibration)
    wider = widening(found, calibration.discrepancy.per_doubling)
    return {
        "calibrated": True,
        "profile": calibration.profile,
        "profile_date": calibration.date,
        "host": calibration.host,
        "marked": any(one.marked for one in found),
        "distances": [one.as_json() for one in found],
        "widening": wider,
        "line": _line(found, wider),
    }


def _line(found: Sequence[Distance], wider: float) -> str:
    beyond = [one for one in found if one.assumption is not None]
    if not beyond:
        return f"within what was measured ({', '.join(map(_text, found))})"
    marked = "FAR FROM WHAT WAS MEASURED: " if any(one.marked for one in beyond) else "beyond what was measured: "
    assumed = "; ".join(f"{_text(one)}, on the assumption {one.assumption}" for one in beyond)
    widened = f"; intervals are widened by {wider:.1%} of the value for that" if wider else ""
    return f"{marked}{assumed}{widened}"


def _text(one: Distance) -> str:
    name = "rate" if one.axis == "rate" else one.axis
    unit = "/s" if one.axis == "rate" else ""
    asked = f"{name} {one.asked:,.5g}{unit}"
    if one.measured is None:
        return f"{asked} (never measured)"
    low, high = one.measured
    measured = f"{low:,.5g}{unit}" if low == high else f"{low:,.5g} to {high:,.5g}{unit}"
    if one.factor is not None and one.factor > 1:
        side = "above" if one.asked > high else "below"
        return f"{asked}, {one.factor:.3g} times {side} the measured {measured}"
    return f"{asked} of {measured}" if low != high else asked


def farthest(zones: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return that of several trust zones which is least to be relied on."""

    def rank(zone: dict[str, Any]) -> tuple[bool, bool, float]:
        return not zone["calibrated"], zone["marked"], zone["widening"]

    return max(zones, key=rank)


def nowhere_near(zones: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return one of the zones if an answer in any of them would be marked, along one axis at least; else None.

    zones: of what a search may come to, such as every load or every number of cores.
    """
    for zone in zones:
        if not zone["calibrated"]:
            return zone
        for one in zone["distances"]:
            alike = (other for others in zones for other in others["distances"] if other["axis"] == one["axis"])
            if all(other["marked"] for other in alike):
                return zone
    return None

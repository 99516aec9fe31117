"""What a fit misses at its own levels, carried on to the load of an answer, as `sim validate` carries it on.

How much slower the whole service is stands in the scenario that is played (`calibration.profile_base`). What single
figures miss beside that is put on the answer's figures here, and its size into their intervals: how far a miss goes on
beyond its level is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from models.measured import Missed
from models.scenario import Scenario
from simulator.scenario_base import Calibration
from simulator.thresholds import parse
from simulator.trust_zone import asked_of

GOES_ON: Final = 0.5
"""Standard deviation of how far a miss goes on beyond its level, relative to the miss; again for each doubling."""
PERCENTS: Final = {"p50": 50.0, "p95": 95.0, "p99": 99.0}


def missed_at(missed: Sequence[Missed], scenario: Scenario, structure: int = 0) -> Missed | None:
    """Return what a structure misses at the fitted level that is nearest to a scenario's load; None: nothing known."""
    asked = asked_of(scenario)
    rate = asked.get("rate")
    flight = in_flight(scenario)
    of_structure = [one for one in missed if one.structure == structure]
    opened = [one for one in of_structure if one.rate_per_s]
    if rate is not None and "concurrency" not in asked and opened:
        return min(opened, key=lambda one: abs(math.log((one.rate_per_s or rate) / rate)))
    closed = [one for one in of_structure if one.rate_per_s is None]
    return min(closed, key=lambda one: abs(math.log(one.concurrency / flight)), default=None)


def in_flight(scenario: Scenario) -> float:
    """Return the operations in flight of closed workloads; of others, whose number nobody sets, the processes."""
    return asked_of(scenario).get("concurrency") or float(sum(one.procs for one in scenario.workloads)) or 1.0


def carry(data: dict[str, Any], scenario: Scenario, calibration: Calibration) -> None:
    """Put on the figures of a run what the fit misses in them, and judge its thresholds anew."""
    miss = missed_at(calibration.missed, scenario)
    if miss is None:
        return
    figures = {**miss.figures, **_bent(data, scenario, calibration, miss)}
    for times in (data["response_time_s"], *(one["response_time_s"] for one in data["workloads"])):
        for name, estimate in times.items():
            _scale(estimate, math.exp(_of_time(name, figures)))
    if data["cpu_utilization"] is not None:
        _scale(data["cpu_utilization"], math.exp(figures.get("cpu", 0.0) - miss.slower), most=1.0)
    names = [one["name"] for one in data["workloads"]]
    for threshold in data["thresholds"]:
        _judge(threshold, figures, names)


def own_error(name: str, scenario: Scenario, calibration: Calibration) -> float:
    """Return what a miss and the measurement's repeatability leave open of a measure, as a relative deviation."""
    miss = missed_at(calibration.missed, scenario)
    if miss is None:
        return calibration.repeatability
    last = name.rpartition(".")[2]
    figure = "throughput" if "throughput" in name else "cpu" if "utilization" in name else _nearest(last)
    size = miss.size.get(figure, miss.size.get("mean", 0.0))
    flight, seen = asked_of(scenario).get("concurrency"), calibration.seen.concurrency
    doublings = max(math.log2(flight / seen[1]), 0.0) if flight and seen else 0.0
    return left_open(size, doublings, calibration.repeatability)


def left_open(size: float, doublings: float, repeatability: float) -> float:
    """Return the relative deviation that a miss and the measurement's repeatability leave open, added as squares.

    size: of the miss, absolute. doublings: of the concurrency beyond the fitted levels.
    """
    return math.hypot(repeatability, GOES_ON * size * math.sqrt(1.0 + doublings))


def _nearest(name: str) -> str:
    return "p99" if name in ("p999", "max") else "p95" if name == "p90" else name


def bends(miss: Missed, times: Mapping[str, float], doublings: float) -> dict[str, float]:
    """Return by how much percentiles are moved towards where they are if they keep their distance from the mean.

    miss: at the highest fitted level. times: percentiles and mean [s], as predicted so far. doublings: of the
    operations in flight beyond that level. Returns logarithms.
    """
    found = {
        name: (far + miss.growing.get(name, 0.0) * doublings - math.log(times[name] / times["mean"])) * miss.kept
        for name, far in miss.tails.items()
        if name in times
    }
    if miss.stops_s is not None and {"p95", "p99"} <= found.keys():
        # what is missed of the tail at the fitted level are these stops, so the tail without it is compared to them
        own = [times[name] * math.exp(-miss.figures.get(name, 0.0)) for name in ("p95", "p99")]
        beyond = max(own[1] - own[0], miss.stops_s)
        found["p99"] = math.log((times["p95"] * math.exp(found["p95"]) + beyond) / times["p99"])
    return found


def _bent(data: Mapping[str, Any], scenario: Scenario, calibration: Calibration, miss: Missed) -> dict[str, float]:
    """Return the misses of percentiles, bent beyond the fitted concurrency alone: few clients do not show it."""
    flight, seen = asked_of(scenario).get("concurrency"), calibration.seen.concurrency
    simulated = {name: data["response_time_s"][name]["value"] for name in ("mean", *miss.tails)}
    if not flight or seen is None or flight <= seen[1] or not simulated["mean"]:
        return {}
    carried = {name: value * math.exp(miss.figures.get(name, 0.0)) for name, value in simulated.items()}
    bent = bends(miss, carried, math.log2(flight / seen[1]))
    return {name: miss.figures.get(name, 0.0) + bend for name, bend in bent.items()}


def _of_time(name: str, figures: Mapping[str, float]) -> float:
    """Return the miss of a response time by its name: of other percentiles between those that are known."""
    if name == "mean":
        return figures.get("mean", 0.0)
    known = sorted((_depth(percent), figures[one]) for one, percent in PERCENTS.items() if one in figures)
    if not known or not (name == "max" or name[1:].isdigit()):
        return figures.get("mean", 0.0)
    depth = math.inf if name == "max" else _depth(_percent(name))
    return _between(known, depth)


def _between(known: Sequence[tuple[float, float]], depth: float) -> float:
    if depth <= known[0][0]:
        return known[0][1]
    for (below, low), (above, high) in pairwise(known):
        if depth <= above:
            return low + (high - low) * (depth - below) / (above - below)
    return known[-1][1]


def _percent(name: str) -> float:
    digits = name[1:]
    return float(f"{digits[:2]}.{digits[2:]}") if len(digits) > 2 else float(digits)


def _depth(percent: float) -> float:
    """Return how far in the tail a percentile lies."""
    return -math.log1p(-percent / 100.0)


def _scale(estimate: Any, factor: float, most: float = math.inf) -> None:
    if not isinstance(estimate, dict) or estimate.get("value") is None:
        return
    estimate["value"] = min(estimate["value"] * factor, most)
    if estimate.get("half_width") is not None:
        estimate["half_width"] *= factor


def _judge(threshold: dict[str, Any], figures: Mapping[str, float], names: Sequence[str]) -> None:
    place, _, last = threshold["field"].partition(".")
    if place != "response_time_s" or threshold["value"] is None:
        return
    _scale(threshold, math.exp(_of_time(last, figures)))
    read = parse(threshold["threshold"], names)
    threshold["passed"] = read.meets(threshold["value"])
    ends = list(_ends(threshold))
    met = {read.meets(one) for one in ends}
    threshold["verdict"] = "uncertain" if len(met) > 1 else "pass" if threshold["passed"] else "fail"


def _ends(threshold: Mapping[str, Any]) -> Iterator[float]:
    reach = threshold["half_width"] or 0.0
    yield threshold["value"] - reach
    yield threshold["value"] + reach

"""What to watch: alert thresholds from the distribution over monitoring intervals, and how early each fires.

A threshold lies just above what the recommended load shows in its intervals, so that it seldom fires there. How early
it is says the load at which half of the intervals are beyond it, against the tolerable limit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.special import stdtrit

from models.units import NS_PER_S
from simulator.limits.load import Axis
from simulator.limits.trials import FRESH, Laboratory, Trial, Window
from simulator.quantity_text import RATE, SHARE, TIME, estimate_text

INTERVALS: Final = 40  # simulated at each load
OPERATIONS: Final = 5_000  # in an interval, where none is given
INTERVALS_NS: Final = tuple(seconds * NS_PER_S for seconds in (1, 2, 5, 10, 15, 30, 60))
FALSE_ALARMS: Final = 0.01  # of the intervals, wanted at the recommended load
APART: Final = 1.1  # times: loads that are closer to each other show the same
SURE: Final = 0.9  # of the intervals at the tolerable limit: an alert that fires less often is none


@dataclass(frozen=True)
class Watched:
    """A metric that monitoring sees. field: of a trial's measures. upward: whether high values are bad."""

    metric: str
    field: str
    family: str
    upward: bool = True


WATCHED: Final = (
    Watched("response_time: p(95)", "response_time_s.p95", TIME),
    Watched("response_time: p(99)", "response_time_s.p99", TIME),
    Watched("response_time: avg", "response_time_s.mean", TIME),
    Watched("error_rate", "error_rate", SHARE),
    Watched("timeout_rate", "timeout_rate", SHARE),
    Watched("retry_rate", "retry_rate", SHARE),
    Watched("cpu_utilization", "cpu_utilization", SHARE),
    Watched("throughput per process", "throughput_per_proc", RATE, upward=False),
)


def interval_ns(window: Window) -> int:
    """Return a monitoring interval in which enough operations end, rounded to what monitors offer [ns]."""
    wanted = OPERATIONS / window.rate_per_ns if window.rate_per_ns else math.inf
    return next((choice for choice in INTERVALS_NS if choice >= wanted), INTERVALS_NS[-1])


def alerts(
    laboratory: Laboratory, axis: Axis, loads: Mapping[str, float], watched_ns: int, affordable: float
) -> dict[str, Any]:
    """Return the alerts of a system, those that fire earliest first.

    loads: the limits by level, rising. watched_ns: monitoring interval [ns]. affordable: operations for all.
    """
    lowest, highest = loads["recommended"], loads["tolerable"]
    steps = {lowest, loads["safe"], highest}
    middle = axis.rounded(math.sqrt(lowest * highest))
    if all(max(load / middle, middle / load) > APART for load in steps):
        steps.add(middle)
    trials: dict[float, Trial] = {}
    for load in sorted(steps):
        scenario = axis.at(load)
        pilot = laboratory.window_at(axis, load, OPERATIONS)
        count = int(affordable / len(steps) / max(pilot.rate_per_ns * (watched_ns + pilot.warmup_ns), 1))
        count = min(max(count, 10), INTERVALS)
        laboratory.tell(f"alerts at {axis.text(load)}", len(trials), len(steps))
        window = Window(pilot.warmup_ns, watched_ns, pilot.rate_per_ns)
        trials[load] = laboratory.trial(scenario, window, range(2 * FRESH, 2 * FRESH + count))
    found = [_alert(one, axis, trials, loads) for one in WATCHED if _is_watchable(one, axis)]
    kept = [alert for alert in found if alert is not None]
    kept.sort(key=lambda alert: (alert["caught_at_tolerable"] < SURE, alert["fires_at_load"]))
    return {
        "interval_s": watched_ns / NS_PER_S,
        "intervals": min(len(trial.totals.measures) for trial in trials.values()),
        "alerts": kept,
    }


def _is_watchable(watched: Watched, axis: Axis) -> bool:
    return watched.field != "throughput_per_proc" or axis.scenario.workloads[0].kind == "closed"


def _alert(
    watched: Watched, axis: Axis, trials: Mapping[float, Trial], loads: Mapping[str, float]
) -> dict[str, Any] | None:
    """Return one alert; None for a metric that does not change with the load."""
    sign = 1.0 if watched.upward else -1.0
    values = {load: sign * _defined(trial.totals.series(watched.field)) for load, trial in trials.items()}
    if any(len(series) < 2 for series in values.values()):
        return None
    lowest, highest = loads["recommended"], loads["tolerable"]
    quiet = values[lowest]
    threshold = _rounded_up(float(quiet.mean() + _reach(len(quiet)) * quiet.std(ddof=1)))
    if not values[highest].mean() > quiet.mean():
        return None
    fires = _fires_at(list(values), [float(np.median(series)) for series in values.values()], threshold)
    beyond = {level: float((values[load] > threshold).mean()) for level, load in loads.items()}
    lead = None if fires is None else (highest - fires) / highest
    return {
        "metric": watched.metric,
        "field": watched.field,
        "threshold": sign * threshold,
        "text": f"{watched.metric} {'>' if watched.upward else '<'} "
        f"{estimate_text(sign * threshold, watched.family, brief=True)}",
        "false_alarms_at_recommended": beyond["recommended"],
        "caught_at_safe": beyond["safe"],
        "caught_at_tolerable": beyond["tolerable"],
        "fires_at_load": math.inf if fires is None else axis.rounded(fires),
        "lead": lead,
    }


def _defined(series: Sequence[float]) -> Any:
    return np.array([value for value in series if not math.isnan(value)])


def _reach(count: int) -> float:
    """Return how many standard deviations above the mean only FALSE_ALARMS of the next intervals lie (Student)."""

    return float(stdtrit(count - 1, 1 - FALSE_ALARMS)) * math.sqrt(1 + 1 / count)


def _rounded_up(value: float) -> float:
    """Round a threshold up to three digits: away from what is normal, as high values are the bad ones here."""
    if value == 0:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 2)
    return math.ceil(value / unit - 1e-9) * unit


def _fires_at(loads: Sequence[float], medians: Sequence[float], threshold: float) -> float | None:
    """Return the load at which the median interval reaches the threshold; None if none does."""
    previous = None
    for load, median in zip(loads, medians, strict=True):
        if median > threshold:
            if previous is None or median <= previous[1]:
                return load
            share = (threshold - previous[1]) / (median - previous[1])
            return float(previous[0] + min(max(share, 0.0), 1.0) * (load - previous[0]))
        previous = (load, median)
    return None

"""Measured levels as a fit by simulation compares them: one row a figure, with how far it repeats."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from calibration.fitting.blueprint import Load
from calibration.levels import Level
from calibration.live.measured import Measurement
from calibration.profile import Profile

LEAST: Final = {
    "throughput": 0.01,
    "cpu": 0.015,
    "served_cpu": 0.02,
    "mean": 0.02,
    "p50": 0.02,
    "p95": 0.05,
    "p99": 0.10,
}
"""Least relative deviation of each figure: of the model itself, beside that of the measurement."""
ONCE: Final = 2.0
"""A level measured once repeats so many times worse than the least deviation, for want of knowing."""
DISK_ERROR: Final = 0.2
"""Relative deviation of a program's gain from that of the host's probe: other sizes, other work between the writes."""
OF_A_MEDIAN: Final = 0.5
"""Variance of the median of three repeats or more, relative to that of one."""
SINGLE: Final = 0.08
"""Relative standard deviation of one repeat of a service's level on a shared machine, before any was repeated."""
SINGLE_KNOWN: Final = 2.0
"""Repeats that this knowledge is worth."""
TAIL_OPERATIONS: Final = 20
"""Operations beyond a percentile from which it is taken for measured."""


@dataclass(frozen=True)
class Target:
    """One level: its load, and of each figure the measured value and its relative standard deviation.

    operations: of one repeat. throughput_per_s: for the length of the simulation.
    """

    load: Load
    throughput_per_s: float
    operations: float
    measured: Mapping[str, tuple[float, float]]


def targets_of(levels: Sequence[Level], think_kind: str = "exponential") -> list[Target]:
    """Return the levels of one service in the order of their load, repeats together.

    Raises ValueError for a level without whole numbers of clients.
    """
    grouped: dict[Load, list[Level]] = {}
    for level in levels:
        grouped.setdefault(load_of(level, think_kind), []).append(level)
    return [
        _target(load, grouped[load]) for load in sorted(grouped, key=lambda one: (one.rate_per_s or 0, one.in_flight))
    ]


def repeatability(levels: Sequence[Level]) -> float:
    """Return how far a later measurement may lie from the fitted ones, as relative standard deviation.

    A shared machine is slower or faster for minutes, so that the mean of repeats one after the other is off as much as
    each of them; what is predicted is a median of repeats that lie minutes apart. Of all closed levels together, as
    they were measured on the same machine, without what random pauses make of the few operations of a repeat; 0 where
    none was repeated.
    """
    grouped: dict[tuple[float | None, float | None], list[Level]] = {}
    for level in levels:
        if level.kind != "open":
            grouped.setdefault((level.procs, level.concurrency), []).append(level)
    repeated = [repeats for repeats in grouped.values() if len(repeats) > 1]
    freedom = sum(len(repeats) - 1 for repeats in repeated)
    squares = sum((len(repeats) - 1) * _variance(repeats) for repeats in repeated)
    return math.sqrt((1.0 + OF_A_MEDIAN) * squares / freedom) if freedom else 0.0


def _variance(repeats: Sequence[Level]) -> float:
    """Return the variance of the logarithm of the throughput that is not that of counting random events."""
    found = statistics.variance(math.log(one.throughput_per_s) for one in repeats)
    counting = [1.0 / one.operations for one in repeats if one.think_time_s and one.operations]
    return max(found - statistics.fmean(counting), 0.0) if counting else found


def served_repeatability(levels: Sequence[Level]) -> float:
    """Return the same of a service, whose levels were repeated too seldom to show it by themselves."""
    grouped: dict[tuple[float | None, float | None], list[float]] = {}
    for level in levels:
        if level.kind != "open":
            grouped.setdefault((level.procs, level.concurrency), []).append(math.log(level.throughput_per_s))
    if not grouped:
        return SINGLE
    return math.sqrt(variance_of_repeats(grouped.values()) / statistics.fmean(map(len, grouped.values())))


def variance_of_repeats(groups: Collection[Sequence[float]]) -> float:
    """Return the variance of a repeat about its group, of few repeats: what is usual counts as two more."""
    variance = SINGLE_KNOWN * SINGLE**2 + sum(statistics.pvariance(one) * len(one) for one in groups)
    return variance / (SINGLE_KNOWN + sum(len(one) - 1 for one in groups))


def load_of(level: Level, think_kind: str = "exponential") -> Load:
    """Return the load of a level. Raises ValueError for one without whole numbers of clients."""
    procs, concurrency = level.procs, level.concurrency or 1.0
    if procs is None and level.kind == "open":
        procs = 1.0
    if procs is None or procs != round(procs) or concurrency != round(concurrency):
        raise ValueError(f"{level.name} without a whole number of clients, which a simulation needs")
    rate = (level.arrival_rate_per_s or level.throughput_per_s) if level.kind == "open" else None
    kind: Any = think_kind
    return Load(round(procs), round(concurrency), level.think_time_s or 0.0, kind, rate)


def disk_targets(measurement: Measurement, host: Profile | None, targets: Sequence[Target]) -> list[Target]:
    """Return what the host's disk gains with several writers, as throughputs of a program that waits for its writes.

    What more writers at once gain was measured by the host's calibration; the program's few levels do not show it.
    Empty for programs that do not write, and where the host was not calibrated.
    """
    workload = measurement.workload
    alone = next((one for one in targets if one.load == Load(1)), None)
    if host is None or alone is None or workload is None or workload.wait is None or not workload.disk_written_bytes:
        return []
    measured = {one.load.procs for one in targets}
    found = []
    for writers in (4, 8):
        gain = host.quantity(f"disk.fsync_gain_{writers}")
        if gain is not None and gain.value > 0 and writers not in measured:
            rate = alone.throughput_per_s * gain.value
            found.append(Target(Load(writers), rate, 0.0, {"throughput": (rate, DISK_ERROR)}))
    return found


def cpu_of_operation_s(level: Level) -> float | None:
    """Return the CPU of an operation by the utilization law [s], the generator's included; None: not measured."""
    if level.busy_cores is None:
        return None
    return (level.busy_cores + (level.generator_cpu_cores or 0.0)) / level.throughput_per_s


def served_cpu_s(level: Level) -> float | None:
    """Return the CPU of an operation that the service took, beside a generator [s]; None: not told apart."""
    if level.busy_cores is None or not level.generator_cpu_cores:
        return None
    return level.busy_cores / level.throughput_per_s


def _target(load: Load, levels: Sequence[Level]) -> Target:
    operations = statistics.median([level.operations or 0.0 for level in levels])
    readers: dict[str, Callable[[Level], float | None]] = {
        "throughput": lambda level: level.throughput_per_s if load.rate_per_s is None else None,
        "cpu": cpu_of_operation_s,
        "served_cpu": served_cpu_s,
        "mean": lambda level: level.mean_s,
    }
    for percent in (50.0, 95.0, 99.0):
        if not operations or operations * (1.0 - percent / 100.0) >= TAIL_OPERATIONS:
            readers[f"p{percent:g}"] = lambda level, percent=percent: level.percentiles_s.get(percent)  # type: ignore[misc]
    measured = {}
    for name, read in readers.items():
        found = [value for level in levels if (value := read(level))]
        if found:
            measured[name] = (math.exp(statistics.fmean(map(math.log, found))), _deviation(name, found))
    rate = math.exp(statistics.fmean(math.log(level.throughput_per_s) for level in levels))
    return Target(load, rate, operations, measured)


def _deviation(name: str, values: Sequence[float]) -> float:
    """Return the relative standard deviation of the mean of repeats, and of the model, together."""
    least = LEAST[name]
    if len(values) < 2:
        return ONCE * least
    spread = statistics.stdev(map(math.log, values)) / math.sqrt(len(values))
    # of two or three repeats the spread itself is hardly known: Student's t in place of the normal
    return math.hypot(least, spread * (1.0 + 2.0 / (len(values) - 1)))

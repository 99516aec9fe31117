"""Measured levels as the fit needs them: repeats drawn together, with how far they repeat."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from calibration.levels import Level

ASSUMED_REPEATABILITY: Final = 0.02
"""Relative standard deviation of a level that was measured once: what benchmarks of services commonly show."""
LEAST_REPEATABILITY: Final = 0.005
FEWEST_LEVELS: Final = 3


@dataclass(frozen=True)
class Point:
    """One level of load.

    load: operations that circulate; of series over cores or nodes, their number. throughput_per_s: the geometric
    mean of the repeats. deviation: relative standard deviation of that mean. mean_s, percentiles_s: medians.
    busy_cores: CPU that the service took. think_time_s: of the clients. cores: CPUs of this level.
    """

    load: float
    throughput_per_s: float
    deviation: float
    mean_s: float | None = None
    percentiles_s: tuple[tuple[float, float], ...] = ()
    busy_cores: float | None = None
    think_time_s: float = 0.0
    cores: float | None = None
    repeats: int = 1

    @property
    def cpu_s(self) -> float | None:
        """CPU of an operation by the utilization law [s]; None where the CPU was not measured."""
        return self.busy_cores / self.throughput_per_s if self.busy_cores else None


def points_of(levels: Sequence[Level]) -> list[Point]:
    """Return the levels of one series in the order of their load, repeats of a level as one point.

    Where only cores or instances vary they are the load. Levels without any load are left out.
    """
    grouped: dict[float, list[Level]] = {}
    for level in levels:
        load = level.load or level.cores or level.instances
        if load is not None:
            grouped.setdefault(load, []).append(level)
    return [_point(load, grouped[load]) for load in sorted(grouped)]


def _point(load: float, levels: Sequence[Level]) -> Point:
    logs = [math.log(level.throughput_per_s) for level in levels]
    count = len(logs)
    spread = statistics.stdev(logs) if count > 1 else ASSUMED_REPEATABILITY
    rounding = max(level.relative_rounding("throughput_per_s") for level in levels)
    percents = sorted({percent for level in levels for percent in level.percentiles_s})
    return Point(
        load=load,
        throughput_per_s=math.exp(statistics.fmean(logs)),
        deviation=max(math.hypot(spread / math.sqrt(count), rounding / math.sqrt(3.0)), LEAST_REPEATABILITY),
        mean_s=_median([level.mean_s for level in levels]),
        percentiles_s=tuple(
            (percent, statistics.median([one.percentiles_s[percent] for one in levels if percent in one.percentiles_s]))
            for percent in percents
        ),
        busy_cores=_median([level.busy_cores for level in levels]),
        think_time_s=_median([level.think_time_s for level in levels]) or 0.0,
        cores=_median([level.cores for level in levels]),
        repeats=count,
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def grows(levels: Sequence[Level]) -> bool:
    """Return whether the machine grows with the load: levels over cores or nodes, each kept busy."""
    if all(level.load is None for level in levels):
        return True
    sizes = {(level.load, (level.cores or 1.0) * (level.instances or 1.0)) for level in levels if level.load}
    ratios = {round(load / size, 6) for load, size in sizes}
    return len({size for _, size in sizes}) > 1 and len(ratios) == 1


def split(points: Sequence[Point]) -> tuple[list[Point], list[Point]]:
    """Return the lower half of the levels, at least three, and the levels held out."""
    count = max(len(points) // 2, FEWEST_LEVELS)
    return list(points[:count]), list(points[count:])

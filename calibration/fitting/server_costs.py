"""What the levels of a server say of the costs of an operation, before the fit.

How often server and generator slept was counted at every level, so what a level takes more than the busiest one is the
cost of its sleeps.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from calibration.fitting.blueprint import LEAST_S
from calibration.fitting.stops import median_and_beyond
from calibration.fitting.targets import SINGLE, variance_of_repeats
from calibration.live.measured import Detail, Measurement, Workload

REAL_WAIT: Final = 2.0
"""A response has a pure wait if so many times the CPU of the idle wake-ups is not explained otherwise."""
LEAST_WAIT_S: Final = 20e-6
"""Of each sleep; less is what it takes to leave the idle state."""
LEAST_WAKE_S: Final = 1e-6
LEAST_IDLE_S: Final = 3e-6
LEAST_WORK: Final = 0.3
"""Share of the CPU of the busiest level that is work at least, however often it sleeps there."""
LEAST_APART: Final = 0.25
"""Sleeps for each operation more than at the busiest level, from which a level tells what they cost."""
SHORTER: Final = 0.5
"""What a sleep costs while others are at work, of what one connection shows, if no other level tells: the core is not
idle for long, and caches stay warm, so anything between nothing and all of it. Chosen on recordings of Redis and
pgbench of 30 November: with all of it taken off, both were said to need a tenth to a fifth less CPU than they do."""
NORMAL_P90: Final = 1.2816
KNOWN_CPU: Final = 0.04
"""Relative deviation of the CPU of an operation as counted at a level, from what it is while others are at work."""


@dataclass(frozen=True)
class Costs:
    """What the levels say of an operation before the fit, in seconds.

    server, generator: CPU without that of sleeps, as far as was seen. server_wake, generator_wake: CPU of each sleep.
    deviation: relative, of server and generator, by how well the busiest level repeats.
    differ: standard deviation of the answers to one connection, without their tail [s]; None: not known.
    idle: of a wake-up from idling what no process is charged with. wait: pure wait of an operation; 0: none.
    """

    server: float
    generator: float
    server_wake: float
    generator_wake: float
    idle: float
    wait: float
    deviation: float = KNOWN_CPU
    differ: float | None = None


def costs_of(measurement: Measurement, workload: Workload) -> Costs:
    """Return the costs of an operation by the CPU and the sleeps of its levels."""
    by_level = {
        copies: [one for one in measurement.details if one.copies == copies and one.cpu_s is not None]
        for copies in sorted({one.copies for one in measurement.details})
    }
    by_level = {copies: found for copies, found in by_level.items() if found}
    lowest = by_level[min(by_level)]
    server, server_wake = _work_and_sleep(by_level, "cpu_s", "voluntary_switches")
    generator, generator_wake = _work_and_sleep(by_level, "generator_cpu_s", "generator_switches")
    sleeps = _middle(lowest, "voluntary_switches") + (_middle(lowest, "generator_switches") or 1.0)
    charged = _middle(lowest, "cpu_s") + _middle(lowest, "generator_cpu_s")
    more = max(charged - server - generator, 0.0)
    times = [level.mean_s for level in measurement.table.levels if level.procs == min(by_level) and level.mean_s]
    left = max((statistics.fmean(times) if times else charged) - charged, 0.0)
    waits = left > max(REAL_WAIT * more, LEAST_WAIT_S * sleeps) or bool(workload.disk_written_bytes)
    return Costs(
        server=max(server, LEAST_S),
        generator=generator,
        server_wake=max(server_wake, LEAST_WAKE_S),
        generator_wake=max(generator_wake, LEAST_WAKE_S),
        idle=LEAST_IDLE_S if waits else max(left / max(sleeps, 0.1), LEAST_IDLE_S),
        wait=left if waits else 0.0,
        deviation=_deviation(by_level[max(by_level)]),
        differ=_differ(by_level.get(1, [])),
    )


def _differ(alone: Sequence[Detail]) -> float | None:
    """Return the standard deviation of the answers to one connection, as normal as their p50 and p90 are.

    What is longer was stopped: that is no work of the operation.
    """
    found = [median_and_beyond(one, 0.9)[1] / NORMAL_P90 for one in alone if one.response_quantiles_s]
    return statistics.median(found) if found else None


def _deviation(busiest: Sequence[Detail]) -> float:
    """Return how well the CPU of an operation is known from the repeats of the busiest level, relative."""
    cpu = [math.log(one.cpu_s + (one.generator_cpu_s or 0.0)) for one in busiest if one.cpu_s]
    if not cpu:
        return math.hypot(KNOWN_CPU, SINGLE)
    return math.sqrt(KNOWN_CPU**2 + variance_of_repeats([cpu]) / len(cpu))


def _work_and_sleep(by_level: Mapping[int, Sequence[Detail]], cpu: str, sleeps: str) -> tuple[float, float]:
    """Return the CPU of an operation without sleeps, and that of a sleep, by lines through the busiest level [s].

    The flattest counts: after long sleeps, at one connection, caches are cold and the idle state is deep, which is
    more than what the sleeps of a busier level cost; where that level alone tells, part of it. Levels that sleep as
    often tell nothing. A line is followed no further beyond its levels than these lie apart: one that still sleeps for
    most operations at its busiest level has not shown what it takes without.
    """
    most = max(by_level)
    top, slept = _middle(by_level[most], cpu), _middle(by_level[most], sleeps)
    slopes: dict[int, tuple[float, float]] = {}
    for copies, found in by_level.items():
        apart = _middle(found, sleeps) - slept
        if apart >= LEAST_APART:
            followed = min(apart / slept, 1.0) if slept > 0.0 else 1.0
            slopes[copies] = max((_middle(found, cpu) - top) / apart, 0.0), followed
    slope, followed = min(slopes.values(), default=(0.0, 1.0))
    if [*slopes] == [1]:
        followed *= SHORTER
    most_each = (1.0 - LEAST_WORK) * top / slept if slept > 0.0 else slope
    each = min(slope, most_each) * followed
    return top - each * slept, each


def _middle(details: Sequence[Detail], name: str) -> float:
    known = [value for one in details if (value := getattr(one, name)) is not None]
    return statistics.median(known) if known else 0.0

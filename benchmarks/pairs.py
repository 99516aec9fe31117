"""Ratios of two runs that are timed side by side, for machines whose speed changes from second to second.

Two medians of long runs compare the machine at two times. Here the two sides are timed in turn, each for a fraction of
a second, the second one first in every other pair, and the ratio is the median over the pairs; its quartiles say how
much to make of it.
"""

from __future__ import annotations

import gc
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

_CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]

Run = Callable[[], int]
"""Does a fraction of a second of work; returns how many operations that was."""


@dataclass
class Timed:
    """A run, and the time of an operation [ns] each time that it was timed."""

    run: Run
    times_ns: list[float] = field(default_factory=list)

    def once(self) -> float:
        """Time the run once more; returns the time of an operation [ns]."""
        gc.collect()  # or it would pay for what the run before it left
        begin = time.perf_counter()
        operations = self.run()
        self.times_ns.append((time.perf_counter() - begin) / operations * 1e9)
        return self.times_ns[-1]


@dataclass
class Ratio:
    """How many times as long an operation of one run takes as one of another.

    slower, faster: names of the runs. wanted: what is asked of the ratio, empty for nothing.
    """

    name: str
    slower: str
    faster: str
    wanted: str = ""
    of_pairs: list[float] = field(default_factory=list)


def time_pairs(runs: dict[str, Timed], ratios: Sequence[Ratio], until_s: float) -> int:
    """Time both sides of every ratio in turn, in as many rounds as end before a time, one at least; returns how many.

    until_s: on the clock of `time.monotonic`.
    """
    gc.freeze()  # what lives for the whole time is not to be looked at again
    rounds, longest_s = 0, 0.0
    while not rounds or time.monotonic() + longest_s < until_s:
        began_s = time.monotonic()
        for ratio in ratios:
            sides = (ratio.slower, ratio.faster)
            took = {name: runs[name].once() for name in (sides if rounds % 2 == 0 else sides[::-1])}
            ratio.of_pairs.append(took[ratio.slower] / took[ratio.faster])
        rounds += 1
        longest_s = max(longest_s, time.monotonic() - began_s)
    return rounds


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Return the lower quartile, the median and the upper quartile of values, of one or more."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return lower, middle, upper


def stay_on(core: int) -> None:
    """Keep this thread, and those that it starts, on one of the cores that the process had at first, if it may.

    core: counts from 0. The cores of a virtual machine differ for minutes, so that two sides on two cores do.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {_CORES[core % len(_CORES)]})


def machine_lines(what: str) -> Iterator[str]:
    """Yield where, how often and when something was measured."""
    loaded = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    yield f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {what}"
    yield f"{time.strftime('%Y-%m-%d')}; runnable tasks on the machine over 1, 5 and 15 minutes: {loaded}"


def tables(runs: dict[str, Timed], ratios: Sequence[Ratio]) -> Iterator[str]:
    """Yield the table of times and the table of ratios."""
    yield "\n| run | time of an operation (quartiles), ns | operations/s |\n| --- | --- | --- |"
    for name, timed in runs.items():
        lower, middle, upper = quartiles(timed.times_ns)
        yield f"| {name} | {middle:,.0f} ({lower:,.0f} to {upper:,.0f}) | {1e9 / middle:,.0f} |"
    yield "\n| ratio | median of the pairs (quartiles) | wanted |\n| --- | --- | --- |"
    for ratio in ratios:
        lower, middle, upper = quartiles(ratio.of_pairs)
        yield f"| {ratio.name} | {middle:.2f} ({lower:.2f} to {upper:.2f}) | {ratio.wanted} |"

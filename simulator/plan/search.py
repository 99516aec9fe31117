"""The cheapest configuration that serves a load, by a search that relies on more never being worse.

For each size of an instance the fewest instances are found by halving; what a verdict implies for larger and smaller
configurations is not simulated. At the end the neighbours of what was found are judged themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from simulator.plan.judge import Judge, Verdict
from simulator.plan.space import Configuration, Prices

REACH: Final = 1.5  # times the cost of the best: up to there runners-up are looked for


@dataclass(frozen=True)
class Found:
    """What a search found: for each size of an instance its fewest instances that serve the load, cheapest first."""

    frontier: list[Configuration]

    @property
    def best(self) -> Configuration | None:
        """The cheapest."""
        return self.frontier[0] if self.frontier else None


def search(judge: Judge, prices: Prices) -> Found:
    """Find the cheapest configuration, and the runners-up."""
    frontier: set[Configuration] = set()
    key = ranked(prices)
    # Large instances first: their verdicts say most about the others, and they need the fewest trials.
    for cores, memory in sorted(judge.space.columns(), key=lambda column: (-column[0], -(column[1] or 0))):
        best = min(map(prices.of, frontier), default=float("inf"))
        one = _fewest(judge, cores, memory, lambda other, best=best: prices.of(other) <= REACH * best)  # type: ignore[misc]
        if one is not None:
            frontier.add(one)
    while frontier:
        best_one = min(frontier, key=key)
        cheaper = [one for one in smaller(judge, best_one) if judge.judge(one).feasible]
        if not cheaper:
            break
        # More was worse there: the search goes on from the smaller one.
        frontier.update(cheaper)
    return Found(sorted(frontier, key=key))


def ranked(prices: Prices) -> Callable[[Configuration], tuple[float, int, int, int]]:
    """Return the order of preference: cost, then fewer instances, then less of each."""
    return lambda one: (round(prices.of(one), 9), one.instances, one.cores, one.memory_bytes or 0)


def _fewest(
    judge: Judge, cores: int, memory: int | None, affordable: Callable[[Configuration], bool]
) -> Configuration | None:
    """Return the fewest instances of a size that serve the load; None if none do, or none that is affordable."""
    choices = [Configuration(cores, count, memory) for count in judge.space.instances]
    low, high = 0, len(choices)  # below low all fail, from high on all serve
    while low < high and judge.inferred(choices[low]) is False:
        low += 1
    while high > low and judge.inferred(choices[high - 1]) is True:
        high -= 1
    while high > low and not affordable(choices[high - 1]):
        high -= 1
        if high == low:
            return None
    open_ended = high == len(choices) or judge.inferred(choices[high]) is not True
    while low < high:
        middle = (low + high) // 2
        if judge.judge(choices[middle]).feasible:
            high, open_ended = middle, False
        else:
            low = middle + 1
    if open_ended or not affordable(choices[low]):
        return None
    # What was only inferred is judged itself.
    return choices[low] if judge.judge(choices[low]).feasible else None


def smaller(judge: Judge, one: Configuration) -> Iterator[Configuration]:
    """Yield the configurations one step below in each respect."""
    space = judge.space
    fewer_cores = [count for count in space.cores if count < one.cores]
    fewer = [count for count in space.instances if count < one.instances]
    less = [size for size in space.memories if size is not None and size < (one.memory_bytes or 0)]
    if fewer_cores:
        yield Configuration(fewer_cores[-1], one.instances, one.memory_bytes)
    if fewer:
        yield Configuration(one.cores, fewer[-1], one.memory_bytes)
    if less:
        yield Configuration(one.cores, one.instances, less[-1])


def at_equal_cost(judge: Judge, one: Configuration, most: int) -> list[Verdict]:
    """Judge configurations with as many cores in all, from many small instances to a few large ones.

    most: how many, spread evenly over the sizes.
    """
    total = one.cores * one.instances
    same = [
        Configuration(cores, total // cores, one.memory_bytes)
        for cores in judge.space.cores
        if total % cores == 0 and total // cores in judge.space.instances
    ]
    if len(same) > most:
        steps = {round(step * (len(same) - 1) / (most - 1)) for step in range(most)}
        same = [other for place, other in enumerate(same) if place in steps or other == one]
    return [judge.judge(other) for other in same]

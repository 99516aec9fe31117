"""The cheapest configuration that serves a load, by a search that relies on more never being worse.

For each size of an instance the search begins with the fewest instances that no law rules out, and goes upward; sizes
whose fewest are cheapest come first, so that the others soon cost too much to be looked at. What a verdict implies for
larger and smaller configurations is not simulated. At the end the neighbours of what was found are judged themselves.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from simulator.plan.judge import Judge
from simulator.plan.space import Configuration, Prices

REACH: Final = 1.5  # times the cost of the best: up to there runners-up are looked for
RUNNERS_UP: Final = 4
MOST: Final = 1 + RUNNERS_UP  # what costs more than so many that serve is not looked at
NEARLY_FULL: Final = 0.8  # utilization from which on a configuration may well fail


@dataclass(frozen=True)
class Found:
    """What a search found: for each size of an instance its fewest instances that serve the load, cheapest first."""

    frontier: list[Configuration]

    @property
    def best(self) -> Configuration | None:
        """The cheapest."""
        return self.frontier[0] if self.frontier else None


def search(judge: Judge, prices: Prices, most: int = MOST) -> Found:
    """Find the cheapest configuration, and the runners-up. most: how many in all."""
    frontier: set[Configuration] = set()
    key = ranked(prices)
    columns = [column for size in judge.space.columns() if (column := _possible(judge, *size))]
    for column in sorted(columns, key=lambda column: key(column[0])):
        costs = sorted(map(prices.of, frontier))
        bound = min([REACH * cost for cost in costs[:1]] + costs[most - 1 : most], default=math.inf)
        one = _fewest(judge, [one for one in column if prices.of(one) <= bound])
        if one is not None:
            frontier.add(one)
        elif not frontier:
            # Where the largest does not serve, no other one is looked at.
            judge.judge(judge.space.largest)
    while frontier:
        best_one = min(frontier, key=key)
        less = list(smaller(judge, best_one))
        cheaper = [one for one, verdict in zip(less, judge.judge_all(less), strict=True) if verdict.feasible]
        if not cheaper:
            break
        # More was worse there: the search goes on from the smaller one.
        frontier.update(cheaper)
    return Found(sorted(frontier, key=key))


def ranked(prices: Prices) -> Callable[[Configuration], tuple[float, int, int, int]]:
    """Return the order of preference: cost, then fewer instances, then less of each."""
    return lambda one: (round(prices.of(one), 9), one.instances, one.cores, one.memory_bytes or 0)


def _possible(judge: Judge, cores: int, memory: int | None) -> list[Configuration]:
    """Return the configurations of a size that no law rules out, fewest instances first."""
    choices = [Configuration(cores, count, memory) for count in judge.space.instances]

    def serves(one: Configuration) -> bool:
        offered = judge.offered(one)
        return offered is None or offered[1] < 1

    return choices[bisect_left(choices, True, key=serves) :]


def _fewest(judge: Judge, choices: Sequence[Configuration]) -> Configuration | None:
    """Return the fewest instances that serve the load; None if none do. choices: of one size, rising."""
    low, high, step = 0, len(choices), 1  # below low all fail, from high on all serve
    while True:
        while low < high and judge.inferred(choices[low]) is False:
            low += 1
        if low >= high:
            break
        places = [(low + high) // 2]
        if high == len(choices):
            places = [low]
            offered = judge.offered(choices[low])
            if step > 1 or (offered is not None and offered[1] > NEARLY_FULL):
                # Most likely the first fails and the second serves, and both verdicts are needed.
                places = sorted({low, min(low + step, high - 1)})
            step *= 2
        for place, verdict in zip(places, judge.judge_all([choices[place] for place in places]), strict=True):
            if verdict.feasible:
                high = min(high, place)
            elif place < high:
                low = place + 1
    return choices[high] if high < len(choices) and judge.judge(choices[high]).feasible else None


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


def at_equal_cost(judge: Judge, one: Configuration, most: int) -> list[Configuration]:
    """Return configurations with as many cores in all, from many small instances to a few large ones.

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
    return same

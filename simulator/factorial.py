"""Several switches at once: what each brings, and how much of that depends on the others."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence

from simulator.paired import Series
from simulator.statistics import Estimate, interval

Combination = frozenset[int]
"""The switches that are thrown, by position."""


def combinations(switches: int) -> list[Combination]:
    """Return every combination of switches: none first, then each alone, then pairs, and all at the end."""
    return list(_subsets(switches))


def _subsets(switches: int) -> Iterator[Combination]:
    for size in range(switches + 1):
        for chosen in itertools.combinations(range(switches), size):
            yield frozenset(chosen)


def effect(chosen: Combination, series: Mapping[Combination, Series], switches: int) -> Estimate:
    """Estimate the main effect of a switch, or the interaction of several, by pairs of replications.

    Of one switch: the mean change when it is thrown, over all positions of the others. Of two: how much the effect
    of one changes when the other is thrown too; of three: how much that interaction changes; and so on. (Contrasts of a
    two-level factorial design: Box, Hunter and Hunter, 2005, chapter 5, not halved for interactions, so that for
    two switches together = the sum of both alone + their interaction.)

    chosen: not empty. series: a measure in each replication, of every combination of all switches.
    """
    signs = {combination: (-1) ** len(chosen - combination) / 2 ** (switches - len(chosen)) for combination in series}
    replications = range(len(next(iter(series.values()))))
    return interval(_contrasts(signs, series, replications))


def _contrasts(
    signs: Mapping[Combination, float], series: Mapping[Combination, Series], replications: Sequence[int]
) -> Iterator[float]:
    """Yield the contrast in each replication in which the measure is defined everywhere."""
    for replication in replications:
        values = {combination: measured[replication] for combination, measured in series.items()}
        if all(value is not None for value in values.values()):
            yield sum(signs[combination] * (value or 0.0) for combination, value in values.items())

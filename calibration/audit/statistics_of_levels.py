"""Mean and percentiles that levels have in common, and what they show of times that are all the same."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]

LARGEST_PERCENT: Final = 99.5
"""Percentiles beyond are left out: they rest on few operations."""
MOVES: Final = 0.05
"""Natural logarithm by which another figure changes where an equal percentile is no chance."""
MOVES_OF_ROUNDING: Final = 60.0
"""The same as a multiple of the relative rounding of that percentile: of coarse figures, more must change."""
HARDLY: Final = 0.003
"""Natural logarithm by which a percentile changes that lies just beside such a time."""
MOVES_MUCH: Final = 0.1
"""The same by which another figure then changes at least."""


def common_statistics(levels: Sequence[Level]) -> list[str]:
    """Return mean and percentiles that all levels have and that are not 0."""
    if not levels:
        return []
    percents = set.intersection(*(set(level.percentiles_s) for level in levels))
    names = ["mean_s"] if all(level.mean_s for level in levels) else []
    return names + [
        percentile_name(percent)
        for percent in sorted(percents)
        if percent <= LARGEST_PERCENT and all(level.percentiles_s[percent] > 0 for level in levels)
    ]


def percentiles_of(names: Sequence[str]) -> list[int]:
    """Return which of the statistics are percentiles: all but the mean."""
    return [place for place, name in enumerate(names) if name != "mean_s"]


def figures_of(levels: Sequence[Level], names: Sequence[str]) -> tuple[Numbers, Numbers]:
    """Return natural logarithms of statistics that are not 0, and their relative rounding: (levels, statistics)."""
    figures = np.log([[level.figure(name) or 1.0 for name in names] for level in levels])
    return figures, np.array([[level.relative_rounding(name) for name in names] for level in levels])


def has_steps(figures: Numbers, names: Sequence[str]) -> bool:
    """Return whether two percentiles of a level are equal: many operations take the same time."""
    percentiles = percentiles_of(names)
    return any(len(set(row[percentiles])) < len(percentiles) for row in figures)


def next_to_atoms(figures: Numbers, rounding: Numbers, names: Sequence[str]) -> NDArray[np.bool_]:
    """Return which percentiles may jump: those that are the same at two loads while others move, and their neighbours.

    Many operations take just that time, and beyond it there is a gap, across which a percentile goes at once. One that
    is nearly the same lies beside such a time itself.
    """
    percentiles = percentiles_of(names)
    found = np.zeros(len(names), dtype=bool)
    for order, place in enumerate(percentiles):
        coarse = MOVES_OF_ROUNDING * float(rounding[:, place].max())
        if _stays_where_others_move(figures, place, 0.0, max(MOVES, coarse)):
            found[percentiles[max(order - 1, 0) : order + 2]] = True
        found[place] |= _stays_where_others_move(figures, place, HARDLY, max(MOVES_MUCH, coarse))
    return found


def _stays_where_others_move(figures: Numbers, place: int, most: float, least: float) -> bool:
    """Return whether a statistic changes by at most `most` between two loads, and another by more than `least`."""
    return any(
        abs(one[place] - other[place]) <= most and np.abs(one - other).max() > least
        for one, other in combinations(figures, 2)
    )

"""Figures that change with the load, but steadily: the level whose figure leaves the course of the others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

FEWEST = 4
"""Levels: with three others the course has one bend that shows how steady it is."""
PAST_AN_END = 1.5
"""How much steeper than between the two nearest others the course may go on past an end."""


def off_course(
    across: Numbers, along: Numbers, tolerance: Numbers, judged: Sequence[int] | None = None
) -> tuple[int, float] | None:
    """Return the level that leaves the course of the others most, and where they put it; None if none does.

    The course is the line through the two nearest other levels. How far the other levels leave it among themselves is
    allowed on top, as is, past an end, what the slope there comes to.

    Args:
        across: increasing. along: the figures; both on scales on which the course is nearly straight.
        tolerance: of each figure, in the unit of `along`.
        judged: the levels that may leave it; None for all.
    """
    count = len(along)
    if count < FEWEST:
        return None
    worst: tuple[float, int, float] | None = None
    for index in range(count) if judged is None else judged:
        rest = np.delete(np.arange(count), index)
        rough = max(_bend(across, along, rest, place) for place in range(1, count - 2))
        expected = float(np.interp(across[index], across[rest], along[rest]))
        step = 0.0 if rest[0] < index < rest[-1] else _past_the_end(across, along, rest, index)
        beyond = abs(float(along[index]) - expected) / (float(tolerance[index]) + rough + step)
        if worst is None or beyond > worst[0]:
            worst = (beyond, index, expected)
    return None if worst is None or worst[0] <= 1.0 else worst[1:]


def _bend(across: Numbers, along: Numbers, rest: NDArray[np.int_], place: int) -> float:
    """Return how far one of the other levels is from the line through its neighbours."""
    around = np.delete(rest, place)
    return abs(float(along[rest[place]] - np.interp(across[rest[place]], across[around], along[around])))


def _past_the_end(across: Numbers, along: Numbers, rest: NDArray[np.int_], index: int) -> float:
    """Return how far the course may go on from the nearest of the others to a level past their end."""
    near, next_ = (rest[0], rest[1]) if index < rest[0] else (rest[-1], rest[-2])
    slope = (along[near] - along[next_]) / (across[near] - across[next_])
    return PAST_AN_END * abs(float(slope * (across[index] - across[near])))

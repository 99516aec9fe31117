"""Figures against what all others predict, over several Gaussian models that are weighed by the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, stdtr

Numbers = NDArray[np.float64]

SUSPECTS: Final = 6
"""Figures that are predicted again."""
FREEDOM: Final = 4.0
"""Degrees of freedom: how much farther off figures are than a normal distribution has it."""
TOGETHER: Final = 16
"""Levels that are predicted together, so that many take no longer each than few."""


@dataclass(frozen=True)
class LeftOut:
    """Every figure against its prediction from all others.

    off: natural logarithm of stated over expected. chance: of being at least so far off.
    deviation: standard deviation of the prediction; None where only the chance is known.
    """

    off: Numbers
    chance: Numbers
    deviation: Numbers | None = None

    def of_shape(self, shape: tuple[int, ...]) -> LeftOut:
        """Return the same in the shape of a report: (levels, statistics)."""
        deviation = None if self.deviation is None else self.deviation.reshape(shape)
        return LeftOut(self.off.reshape(shape), self.chance.reshape(shape), deviation)


def left_out(centred: Numbers, covariances: Numbers, likely: Numbers) -> LeftOut:
    """Predict each figure from all others, over all models by how well each suits those others.

    Leave-one-out residuals by Dubrule (1983).

    Args:
        centred: figures less their mean by the model, (figures,) or (models, figures).
        covariances: (models, figures, figures). likely: (models,), natural logarithm of how likely each model is.
    """
    inverse = np.linalg.inv(covariances)
    centred = np.broadcast_to(centred, inverse.shape[:2])
    pulled, precision = np.einsum("kij,kj->ki", inverse, centred), np.einsum("kii->ki", inverse)
    fits = -0.5 * ((pulled * centred).sum(axis=1) + np.linalg.slogdet(covariances)[1])
    off = pulled / precision
    weight = (likely + fits)[:, None] + 0.5 * (off**2 * precision - np.log(precision))
    weight = np.exp(weight - weight.max(axis=0))
    weight /= weight.sum(axis=0)
    chance = (weight * 2.0 * ndtr(-np.abs(off) * np.sqrt(precision))).sum(axis=0)
    mean = (weight * off).sum(axis=0)
    deviation = np.sqrt((weight * (1.0 / precision + (off - mean) ** 2)).sum(axis=0))
    return LeftOut(mean, chance, deviation)


def in_parts(
    predict: Callable[[Numbers, Numbers], LeftOut], figures: Numbers, rounding: Numbers, loads: Numbers
) -> LeftOut:
    """Predict the figures of many levels from those of the levels of nearest load, TOGETHER at once.

    predict: from figures and rounding of levels in the order of their load. figures, rounding: (levels, statistics).
    """
    order = np.argsort(loads, kind="stable")
    found = np.array([np.zeros(figures.shape), np.ones(figures.shape), np.ones(figures.shape)])
    for start in (*range(0, len(order) - TOGETHER, TOGETHER // 2), max(len(order) - TOGETHER, 0)):
        near = order[start : start + TOGETHER]
        part = predict(figures[near], rounding[near])
        first = TOGETHER // 4 if start else 0  # the others have more neighbours in the part before
        found[:, near[first:]] = _stacked(part)[:, first:]
    return LeftOut(*found)


def without_their_part(predict: Callable[[Numbers], LeftOut], figures: Numbers) -> LeftOut:
    """Predict figures, and those that are predicted worst again by a scale in which they have no part.

    predict: by figures from which the scale of each level is taken. figures: (levels, statistics), natural logarithms.
    """
    found = _stacked(predict(figures))
    off, chance, _ = found
    for place in np.argsort(chance, axis=None)[:SUSPECTS]:
        level, statistic = np.unravel_index(int(place), figures.shape)
        others = figures.copy()
        others[level, statistic] -= off[level, statistic]
        found[:, level, statistic] = _stacked(predict(others))[:, level, statistic]
    return LeftOut(*found)


def agreed(one: LeftOut, other: LeftOut | None) -> LeftOut:
    """Combine two predictions of the same figures by their precision; where they differ, neither is sure.

    The chance is by Student's t distribution, as figures are farther off than a normal distribution has it. Both rest
    on the same figures, so that two know no more than one.
    """
    if one.deviation is None:
        raise ValueError("a prediction without its deviation cannot be combined")
    if other is None or other.deviation is None:
        return LeftOut(one.off, _by_student(one.off, one.deviation), one.deviation)
    first, second = one.deviation**-2, other.deviation**-2
    off = (first * one.off + second * other.off) / (first + second)
    deviation = np.hypot(np.sqrt(2.0 / (first + second)), (one.off - other.off) / 2.0)
    return LeftOut(off, _by_student(off, deviation), deviation)


def _by_student(off: Numbers, deviation: Numbers) -> Numbers:
    return np.asarray(2.0 * stdtr(FREEDOM, -np.abs(off) / deviation))


def _stacked(found: LeftOut) -> Numbers:
    if found.deviation is None:
        raise ValueError("a prediction without its deviation cannot be combined")
    return np.array([found.off, found.chance, found.deviation])

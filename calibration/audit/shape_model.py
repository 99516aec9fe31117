"""Mean and percentiles of all levels as a Gaussian process, and each figure as all others predict it.

The logarithm of a percentile is taken as a smooth function of its normal score: the scale of its level, a spread (a
log-normal has nothing else), a curvature (with which a gamma distribution bends downwards and a constant part of the
time upwards), and what is left of the form. A mean lies where that of a log-normal of the level's spread lies. As the
load grows, the scale is free; spread, curvature and form change smoothly with it. How much they change in this report,
and how large its sampling noise is, is weighed by the report's own figures. What is usual was estimated on simulated
reports, by the likelihood of each figure given all others (Sundararajan and Keerthi, 2001).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import combinations, product
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.left_out import LeftOut, in_parts, left_out, without_their_part
from calibration.audit.matern import rough, smooth
from calibration.audit.statistics_of_levels import percentiles_of
from calibration.audit.tolerances import sampling_factor
from simulator.measures import percent_of

Numbers = NDArray[np.float64]

FREE: Final = 10.0
"""Standard deviation of the scale of a level, natural logarithm: it is free."""
PROPORTION: Final = 0.2
"""Standard deviation of the proportion that a statistic has at all levels, beyond spread and curvature."""
SPREAD: Final = 1.0
"""Standard deviation of the spread that all levels have, for each unit of the normal score."""
CURVATURE: Final = 0.2
"""The same of the curvature, for each unit of the spread squared and of the normal score squared."""
CURVATURE_OF_LEVELS: Final = 0.15
"""Standard deviation of what the curvature of a level has beyond that of all."""
VARIATIONS: Final = tuple(np.exp(np.linspace(np.log(0.014), np.log(0.63), 7)))
"""Standard deviations of the form, natural logarithm, that are weighed."""
LIKELY: Final = (0.1, 0.24, 0.42, 0.16, 0.04, 0.02, 0.02)
"""How likely each of them is: the posterior over simulated reports."""
SPREAD_OVER_FORM: Final = 7.0
"""Standard deviation by which the spread varies over the scale, over that of the form."""
CURVATURE_OVER_FORM: Final = 3.0
FORM_SCALE: Final = 1.8
"""Natural logarithm of the scale over which the form stays alike."""
BEND_SCALE: Final = 0.25
"""The same of a smaller part of the form, which changes faster: at a knee."""
BEND_OVER_FORM: Final = 0.2
"""Standard deviation of that part over that of the form."""
SPREAD_SCALE: Final = 1.5
CURVATURE_SCALE: Final = 1.5
ALIKE: Final = 1.4
"""Distance in normal scores over which percentiles change their form together."""
STEEP: Final = 1.4
"""Power of the steepness of the quantile function beside a percentile by which its form varies more: where operations
of two kinds leave a gap between their times, a small change of their shares moves a percentile across it."""
GAP: Final = 1.0
"""Natural logarithm over the normal score from one percentile to the next, beyond which there is a gap."""
OF_SCORE: Final = 0.05
"""Normal score by which the share of a percentile varies across one."""
FLATTEST, STEEPEST = 0.5, 6.0
"""Bounds of a steepness, relative to the median one."""
NOISES: Final = ((0.0015, 0.46), (0.003, 0.27), (0.006, 0.15), (0.012, 0.1), (0.03, 0.007), (0.06, 0.003))
"""Relative sampling noise of a median, and how likely each is: from a hundred thousand operations to some hundred, and
machines that are not left alone."""
BEGINNINGS: Final = ((0.0, 0.9), (0.12, 0.1))
"""Standard deviation of what begins at the highest load alone, at a p99, and how likely it is: queues that nothing at
the other levels foretells lengthen the tail first."""
MEAN_OF_SPREAD: Final = 0.5
"""Normal score of a mean for each unit of the spread: exact for a log-normal."""
MEAN_SCORE: Final = 0.55
"""Normal score beside which the form of a mean varies."""
BEGINS: Final = 0.5
"""Normal score from which on what begins at the highest load is felt."""
_NORMAL = NormalDist()


def predicted_from_all_others(names: Sequence[str], figures: Numbers, rounding: Numbers, loads: Numbers) -> LeftOut:
    """Predict each figure from those of its own level and of the levels of nearest load, some at once.

    Parameters as of leave_one_out, and loads: of the levels.
    """
    return in_parts(partial(leave_one_out, names), figures, rounding, loads)


def leave_one_out(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut:
    """Predict each figure from all others, over all variations and noises by how well they suit those others.

    names: "mean_s" or percentiles such as "p95".
    figures: (levels, statistics), natural logarithms, by increasing load. rounding: relative, of each.
    Those that are predicted worst are predicted again with scales and spreads in which they have no part.
    """
    return without_their_part(partial(_left_out, names, figures, rounding), figures)


def _left_out(names: Sequence[str], figures: Numbers, rounding: Numbers, scaled_by: Numbers) -> LeftOut:
    """Predict each figure from all others. scaled_by: figures that give the scale, spread and steepness of a level."""
    given, varying = _covariances(names, scaled_by)
    beginning = _beginning(names, len(figures), len(figures) - 1)
    noisy = np.tile([sampling_factor(name) for name in names], len(figures)) ** 2
    centred = (figures - figures.mean()).ravel()
    usual = list(product(zip(VARIATIONS, LIKELY, strict=True), NOISES, BEGINNINGS))
    likely = np.log([one * other * third for (_, one), (_, other), (_, third) in usual])
    rounded = np.diag(rounding.ravel() ** 2)
    covariance = np.array(
        [
            given + rounded + variation**2 * varying + np.diag(noise**2 * noisy) + tail**2 * beginning
            for (variation, _), (noise, _), (tail, _) in usual
        ]
    )
    found = left_out(centred, covariance, likely)
    return found.of_shape(figures.shape)


def _covariances(names: Sequence[str], figures: Numbers) -> tuple[Numbers, Numbers]:
    """Return the covariance of what is given, and of what varies over the scales at a form's deviation of 1."""
    levels, count = figures.shape
    scales = figures.mean(axis=1)
    apart = np.abs(scales[:, None] - scales[None])
    scores, spreads = _scores(names, figures)
    bent = (spreads[:, None] ** 2 * (scores**2 - 1.0)).ravel()
    spread, curvature = np.outer(scores.ravel(), scores.ravel()), np.outer(bent, bent)
    everywhere, same = np.ones((count, count)), np.ones((levels, levels))
    smoothly = np.kron(smooth(apart / CURVATURE_SCALE), everywhere)
    given = FREE**2 * np.kron(np.eye(levels), everywhere) + PROPORTION**2 * np.kron(same, np.eye(count))
    given += SPREAD**2 * spread + (CURVATURE**2 + CURVATURE_OF_LEVELS**2 * smoothly) * curvature
    varying = SPREAD_OVER_FORM**2 * np.kron(smooth(apart / SPREAD_SCALE), everywhere) * spread
    varying += CURVATURE_OVER_FORM**2 * smoothly * curvature
    varying += np.kron(
        smooth(apart / FORM_SCALE) + BEND_OVER_FORM**2 * rough(apart / BEND_SCALE), _form(names, figures)
    )
    return np.asarray(given), np.asarray(varying)


def _beginning(names: Sequence[str], levels: int, highest: int) -> Numbers:
    """Return the covariance of what begins at the highest load alone, of unit variance at a p99."""
    scores = np.array([_score(name) for name in names])
    reached = np.maximum(scores - BEGINS, 0.0) / (_NORMAL.inv_cdf(0.99) - BEGINS)
    together = np.exp(-np.abs(scores[:, None] - scores[None]) / ALIKE) * np.outer(reached, reached)
    alone = np.zeros((levels, levels))
    alone[highest, highest] = 1.0
    return np.asarray(np.kron(alone, together))


def _form(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return how the forms of the statistics vary together at one level: (statistics, statistics)."""
    scores = np.array([_score(name) for name in names])
    varying = _steepness(names, figures) ** STEEP
    return np.asarray(np.exp(-np.abs(scores[:, None] - scores[None]) / ALIKE) * np.outer(varying, varying))


def _scores(names: Sequence[str], figures: Numbers) -> tuple[Numbers, Numbers]:
    """Return the normal score of each figure (levels, statistics), and the spread of each level.

    The spread is the median slope of the logarithm over the score between two percentiles, so that one that is wrong
    hardly changes it. A mean behaves as at half the spread.
    """
    scores = np.tile([_score(name) for name in names], (len(figures), 1))
    percentiles = percentiles_of(names)
    slopes = [
        (figures[:, high] - figures[:, low]) / (scores[:, high] - scores[:, low])
        for low, high in combinations(percentiles, 2)
    ]
    spreads = np.clip(np.median(slopes, axis=0), 0.02, 3.0) if slopes else np.full(len(figures), 0.5)
    if "mean_s" in names:
        scores[:, list(names).index("mean_s")] = np.clip(MEAN_OF_SPREAD * spreads, 0.05, 1.5)
    return scores, np.asarray(spreads)


def across_gaps(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return how far each percentile may move by chance across a gap beside it; 0 where there is none, or for a mean.

    Where operations of two kinds leave a gap between their times, a small change of their shares moves a percentile as
    far as the quantile function is steep there. figures: (levels, statistics), natural logarithms, as is what it
    returns of each statistic.
    """
    steepest = np.zeros(len(names))
    percentiles = percentiles_of(names)
    if len(percentiles) > 1:
        steepest[percentiles] = _steeper_side(_slopes(names, figures, np.max))
    return np.asarray(OF_SCORE * np.maximum(steepest - GAP, 0.0))


def _steepness(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return how steep the quantile function is beside each percentile at most levels, over the median; 1 for a mean.

    The slope is constant for a log-normal.
    """
    steep = np.ones(len(names))
    percentiles = percentiles_of(names)
    if len(percentiles) < 2:
        return steep
    slopes = _slopes(names, figures, np.median)
    usual = max(float(np.median(slopes)), 0.05)
    steep[percentiles] = np.clip(_steeper_side(slopes) / usual, FLATTEST, STEEPEST)
    return steep


def _slopes(names: Sequence[str], figures: Numbers, of_levels: Callable[..., Numbers]) -> Numbers:
    """Return the gap from each percentile to the next, in logarithms, over that of their normal scores.

    of_levels: which gap of those at all levels it is.
    """
    percentiles = percentiles_of(names)
    gaps = of_levels(np.diff(figures[:, percentiles], axis=1), axis=0)
    return np.asarray(gaps / np.diff([_score(names[place]) for place in percentiles]))


def _steeper_side(slopes: Numbers) -> Numbers:
    """Return the larger slope of those on both sides of each percentile."""
    sides = np.concatenate([[0.0], slopes, [0.0]])
    return np.asarray(np.maximum(sides[:-1], sides[1:]))


def _score(name: str) -> float:
    """Return the normal score of a percentile; that of a mean is only where its form belongs."""
    return MEAN_SCORE if name == "mean_s" else _NORMAL.inv_cdf(percent_of(name) / 100.0)

"""The mean of a level by its percentiles, beside how the two go together at the other levels.

A distribution through the percentiles of a level, whose logarithm is a straight line over the normal score from each to
the next and beyond the outermost, has a mean. What is stated differs from it by what lies between and beyond the
percentiles: little as a rule, and much the same at all levels, so that a mean that is off shows, and so does a
percentile by as much as the mean rests on it. How much the difference varies was estimated on simulated reports, by the
likelihood of each given those of the other levels.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.left_out import LeftOut, in_parts, left_out
from calibration.audit.matern import rough
from calibration.audit.statistics_of_levels import percentiles_of
from simulator.measures import percent_of

Numbers = NDArray[np.float64]

LOWEST, HIGHEST = 60.0, 89.0
"""The least percentile is at most, and the greatest at least this: else the mean rests on what is not stated."""
COMMON: Final = ((0.025, 0.8), (0.08, 0.2))
"""Standard deviation of the difference that all levels have, natural logarithm, and how likely each is."""
VARIATIONS: Final = ((0.006, 0.15), (0.02, 0.35), (0.06, 0.35), (0.15, 0.15))
"""The same of what each level has beyond it."""
NOISES: Final = ((0.0007, 0.5), (0.002, 0.3), (0.006, 0.13), (0.02, 0.07))
"""The same of sampling: mean and percentiles of one run vary together."""
BEGINNINGS: Final = ((0.0, 0.5), (0.015, 0.3), (0.06, 0.2))
"""The same of what begins at the highest load alone, as a tail of another form."""
ALIKE: Final = 0.6
"""Distance of the forms of two levels over which the difference stays alike: logarithm over the normal score."""
LEAST_WEIGHT: Final = 1e-3
"""Of a percentile in the mean, below which the mean says nothing of it."""
_SCORES: Final = np.linspace(-4.0, 4.0, 401)
_DENSITY: Final = np.exp(-(_SCORES**2) / 2.0) / np.exp(-(_SCORES**2) / 2.0).sum()


def predicted_by_means(names: Sequence[str], figures: Numbers, rounding: Numbers, loads: Numbers) -> LeftOut | None:
    """Predict each mean from the percentiles of its level, and each of these from the mean.

    Parameters as of `calibration.audit.shape_model.predicted_from_all_others`. None where the percentiles do not
    reach from the middle to the tail, or no mean is stated.
    """
    percentiles = percentiles_of(names)
    percents = [percent_of(names[place]) for place in percentiles]
    if "mean_s" not in names or len(percents) < 2 or min(percents) > LOWEST or max(percents) < HIGHEST:
        return None
    return in_parts(partial(_left_out, names), figures, rounding, loads)


def _left_out(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut:
    mean = list(names).index("mean_s")
    percentiles = percentiles_of(names)
    scores = np.array([NormalDist().inv_cdf(percent_of(names[place]) / 100.0) for place in percentiles])
    expected, weights = mean_of_percentiles(scores, figures[:, percentiles])
    difference = figures[:, mean] - expected
    rounded = np.hypot(rounding[:, mean], np.linalg.norm(weights * rounding[:, percentiles], axis=1))
    alike = rough(_apart(scores, figures[:, percentiles]) / ALIKE)
    highest = np.zeros(alike.shape)
    highest[-1, -1] = 1.0
    usual = list(product(COMMON, VARIATIONS, NOISES, BEGINNINGS))
    covariance = np.array(
        [
            common**2 + variation**2 * alike + np.diag(noise**2 + rounded**2) + begun**2 * highest
            for (common, _), (variation, _), (noise, _), (begun, _) in usual
        ]
    )
    found = left_out(difference, covariance, np.log([np.prod([share for _, share in one]) for one in usual]))
    return _of_all_statistics(found, mean, percentiles, weights)


def mean_of_percentiles(scores: Numbers, figures: Numbers) -> tuple[Numbers, Numbers]:
    """Return the logarithm of the mean of each level by its percentiles, and how much of it each of them moves.

    Args:
        scores: normal scores of the percentiles, (percentiles,). figures: their natural logarithms, (levels,
            percentiles).

    Returns:
        (levels,), and the derivative of that by each figure, (levels, percentiles); it adds up to 1.
    """
    basis = _interpolation(scores)  # (grid, percentiles)
    curve = figures @ basis.T
    top = curve.max(axis=1, keepdims=True)
    mass = _DENSITY * np.exp(curve - top)
    total = mass.sum(axis=1, keepdims=True)
    return (top + np.log(total))[:, 0], (mass / total) @ basis


def _apart(scores: Numbers, figures: Numbers) -> Numbers:
    """Return how far the forms of two levels are apart: the distance of their slopes, (levels, levels)."""
    slopes = np.diff(figures, axis=1) / np.diff(scores)
    return np.asarray(np.linalg.norm(slopes[:, None] - slopes[None], axis=2))


def _interpolation(scores: Numbers) -> Numbers:
    """Return by how much each percentile takes part in the logarithm at each score: (scores, percentiles)."""
    segment = np.clip(np.searchsorted(scores, _SCORES) - 1, 0, len(scores) - 2)
    along = (_SCORES - scores[segment]) / (scores[segment + 1] - scores[segment])
    basis = np.zeros((len(_SCORES), len(scores)))
    rows = np.arange(len(_SCORES))
    basis[rows, segment], basis[rows, segment + 1] = 1.0 - along, along
    return basis


def _of_all_statistics(found: LeftOut, mean: int, percentiles: Sequence[int], weights: Numbers) -> LeftOut:
    """Return how far off each statistic would be, were it the one that is wrong."""
    if found.deviation is None:
        raise ValueError("a prediction without its deviation cannot be carried over")
    share = np.ones((len(found.off), len(percentiles) + 1))
    share[:, percentiles] = -np.maximum(weights, LEAST_WEIGHT)
    return LeftOut(
        found.off[:, None] / share,
        np.tile(found.chance[:, None], share.shape[1]),
        found.deviation[:, None] / np.abs(share),
    )

"""The gaps between mean and percentiles, whatever the location and the scale of the response times of a level.

Where percentiles lie close together, as in a closed system near saturation, a figure that is off by a tenth changes the
gaps beside it severalfold, while logarithms of the figures hardly show it. So a percentile is taken as location + scale
x form: both are free at each level, and the form changes smoothly with them. Its unit is the gap that an exponential
distribution has between two percentiles, whose gaps have the same proportions at any scale. As in
`calibration.audit.shape_model`, what is usual was estimated on simulated reports, by the likelihood of each figure
given all others.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.left_out import LeftOut, in_parts, left_out, without_their_part
from calibration.audit.matern import rough, smooth
from calibration.audit.statistics_of_levels import percentiles_of
from calibration.audit.tolerances import sampling_factor
from simulator.measures import percent_of

Numbers = NDArray[np.float64]

FEWEST_STATISTICS: Final = 3
"""Of which two go to location and scale."""
FREE: Final = 30.0
"""Standard deviation of location and scale of a level, in units of its scale: they are free."""
PROPORTION: Final = 3.0
"""The same of the form that all levels have."""
VARIATIONS: Final = tuple(np.exp(np.linspace(np.log(0.02), np.log(1.2), 7)))
"""Standard deviations of the form at one level that are weighed."""
LIKELY: Final = (0.1, 0.2, 0.25, 0.2, 0.12, 0.08, 0.05)
"""How likely each of them is."""
NOISES: Final = ((0.0015, 0.46), (0.003, 0.27), (0.006, 0.15), (0.012, 0.1), (0.03, 0.02))
"""Relative sampling noise of a median, and how likely each is."""
BEGINNINGS: Final = ((0.0, 0.85), (0.3, 0.15))
"""Standard deviation of what begins at the highest load alone, and how likely it is."""
FORM_SCALE: Final = 1.0
"""Distance of two levels over which their form stays alike: natural logarithm of location and scale."""
BEND_SCALE: Final = 1.0
"""The same of a smaller part, which changes less smoothly."""
BEND_OVER_FORM: Final = 0.25
"""Standard deviation of that part over that of the form."""
ALIKE: Final = 0.3
"""Ratio of exponential scores, natural logarithm, over which figures change their form together."""
WIDER: Final = 1.2
"""Power of the exponential score by which the form of tails varies more."""
SCORE_OF_MEAN: Final = 0.9
"""Exponential score of a mean: that of a distribution a little narrower than the exponential, which has 1."""
LEAST_LEFT: Final = 1e-3
"""Share of a figure that is expected at least, where its gaps would have it negative."""
NARROWEST: Final = 1e-3
"""Scale of a level over its figures below which nothing is said: all operations take the same time."""


def predicted_from_gaps(names: Sequence[str], figures: Numbers, rounding: Numbers, loads: Numbers) -> LeftOut | None:
    """Predict each figure from the gaps between all others; None for too few of them, or with levels without gaps.

    Args:
        names: "mean_s" or percentiles such as "p95".
        figures: (levels, statistics), natural logarithms. rounding: relative, of each. loads: of the levels.
    """
    percentiles = percentiles_of(names)
    if len(names) < FEWEST_STATISTICS or len(percentiles) < 2:
        return None
    if (_scales(names, np.exp(figures)) <= NARROWEST * np.exp(figures).mean(axis=1)).any():
        return None
    return in_parts(partial(_of_near_levels, names), figures, rounding, loads)


def _of_near_levels(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut:
    return without_their_part(partial(_left_out, names, figures, rounding), figures)


def _left_out(names: Sequence[str], figures: Numbers, rounding: Numbers, scaled_by: Numbers) -> LeftOut:
    """Predict each figure from all others. scaled_by: figures that give location and scale of a level."""
    scales = np.maximum(_scales(names, np.exp(scaled_by)), NARROWEST * np.exp(scaled_by).mean(axis=1))
    given, varying, beginning = _covariances(names, scaled_by, scales)
    relative = np.exp(scaled_by) / scales[:, None]  # a relative change of a figure, in units of the scale
    noisy = (relative * [sampling_factor(name) for name in names]).ravel() ** 2
    given = given + np.diag((relative * rounding).ravel() ** 2)
    centred = np.exp(figures) / scales[:, None]
    centred = (centred - centred[:, [_lowest(names)]]).ravel()
    usual = list(product(zip(VARIATIONS, LIKELY, strict=True), NOISES, BEGINNINGS))
    covariance = np.array(
        [
            given + variation**2 * varying + np.diag(noise**2 * noisy) + tail**2 * beginning
            for (variation, _), (noise, _), (tail, _) in usual
        ]
    )
    found = left_out(centred, covariance, np.log([one * other * third for (_, one), (_, other), (_, third) in usual]))
    found = found.of_shape(figures.shape)
    expected = np.exp(figures) - found.off * scales[:, None]
    off = figures - np.log(np.maximum(expected, LEAST_LEFT * np.exp(figures)))
    deviation = None if found.deviation is None else found.deviation / relative
    return LeftOut(off, found.chance, deviation)


def _covariances(names: Sequence[str], figures: Numbers, scales: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Return the covariance of what is given, of what varies at a form's deviation of 1, and of the highest load's."""
    levels, count = figures.shape
    scores = _scores(names)
    apart = (_apart(figures.mean(axis=1)) ** 2 + _apart(np.log(scales)) ** 2) ** 0.5 / np.sqrt(2.0)
    wider = (scores / 2.0) ** WIDER
    form = np.exp(-_apart(np.log(scores)) / ALIKE) * np.outer(wider, wider)
    of_level = FREE**2 * (np.ones((count, count)) + np.outer(scores, scores))
    given = np.kron(np.eye(levels), of_level) + PROPORTION**2 * np.kron(np.ones((levels, levels)), np.diag(wider**2))
    alike = smooth(apart / FORM_SCALE) + BEND_OVER_FORM**2 * rough(apart / BEND_SCALE)
    highest = np.zeros((levels, levels))
    highest[-1, -1] = 1.0
    return np.asarray(given), np.asarray(np.kron(alike, form)), np.asarray(np.kron(highest, form))


def _apart(values: Numbers) -> Numbers:
    return np.asarray(np.abs(values[:, None] - values[None]))


def _scores(names: Sequence[str]) -> Numbers:
    """Return where an exponential distribution of mean 1 has each statistic."""
    return np.array([SCORE_OF_MEAN if name == "mean_s" else -np.log1p(-percent_of(name) / 100.0) for name in names])


def _scales(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return the scale of each level: the median gap of two neighbouring percentiles over that of their scores."""
    percentiles = percentiles_of(names)
    gaps = np.diff(figures[:, percentiles], axis=1) / np.diff(_scores(names)[percentiles])
    return np.asarray(np.median(gaps, axis=1))


def _lowest(names: Sequence[str]) -> int:
    return percentiles_of(names)[0]

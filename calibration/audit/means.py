"""What percentiles say about the mean of a distribution: hard bounds, and an estimate."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Final

import numpy as np

from calibration.levels import Level

ESTIMATED: Final = 0.15
"""How far off, relative, a mean may be that follows from percentiles alone, and operations in flight that follow."""
_NORMAL = NormalDist()


def mean_bounds(level: Level) -> tuple[float, float]:
    """Return the smallest and the largest mean that a distribution with these percentiles can have.

    Each part of the distribution between two percentiles lies between them; below the first it is at least
    the minimum (or 0), beyond the last at most the maximum (or unbounded).
    """
    points = sorted((percent / 100.0, value) for percent, value in level.percentiles_s.items())
    shares = [0.0, *(share for share, _ in points), 1.0]
    values = [
        level.min_s or 0.0,
        *(value for _, value in points),
        level.max_s if level.max_s is not None else math.inf,
    ]
    widths = np.diff(shares)
    lower = float(np.dot(widths, values[:-1]))
    upper = math.inf if math.isinf(values[-1]) else float(np.dot(widths, values[1:]))
    return lower, upper


def estimated_mean(level: Level) -> float | None:
    """Estimate the mean from percentiles; None with fewer than two.

    The logarithm of the quantile is taken as linear in the normal score between the percentiles, and beyond
    them as in the nearest pair: exact for a log-normal, within some 5 % for what load tests show.
    """
    points = sorted((percent, value) for percent, value in level.percentiles_s.items() if value > 0)
    if len(points) < 2:
        return None
    scores = np.array([_NORMAL.inv_cdf(percent / 100.0) for percent, _ in points])
    logarithms = np.log([value for _, value in points])
    grid = (np.arange(2000) + 0.5) / 2000.0
    wanted = np.array([_NORMAL.inv_cdf(share) for share in grid])
    slopes = np.diff(logarithms) / np.diff(scores)
    places = np.clip(np.searchsorted(scores, wanted) - 1, 0, len(slopes) - 1)
    quantiles = logarithms[places] + slopes[places] * (wanted - scores[places])
    lowest = math.log(level.min_s) if level.min_s else -math.inf
    highest = math.log(level.max_s) if level.max_s else math.inf
    return float(np.exp(np.clip(quantiles, lowest, highest)).mean())


def mean_of(level: Level) -> float | None:
    """Return the mean response time as stated, else as the percentiles let it be estimated."""
    return level.mean_s if level.mean_s is not None else estimated_mean(level)

"""Figures of a level from single operations, as per-request logs hold them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from calibration.tables.content import Figures

PERCENTS = (50.0, 90.0, 95.0, 99.0, 99.9)


def set_response_times(figures: Figures, response_s: NDArray[np.float64]) -> None:
    """Set mean, deviation, extremes and percentiles from the response times of all operations.

    A percentile is the smallest value with at least that share at or below it; one that fewer than one
    operation lies beyond is left out.
    """
    ordered = np.sort(response_s)
    count = len(ordered)
    figures.set("mean_s", float(ordered.mean()))
    figures.set("min_s", float(ordered[0]))
    figures.set("max_s", float(ordered[-1]))
    if count > 1:
        figures.set("stdev_s", float(ordered.std(ddof=1)))
    for percent in PERCENTS:
        if count * (100.0 - percent) / 100.0 >= 1.0:
            rank = int(np.ceil(percent / 100.0 * count - 1e-9))
            figures.percentile(percent, float(ordered[max(rank, 1) - 1]))


def most_at_once(starts_s: NDArray[np.float64], ends_s: NDArray[np.float64]) -> int:
    """Return the largest number of operations in flight at one time; one that ends as another starts is not."""
    times = np.concatenate([ends_s, starts_s])
    changes = np.concatenate([-np.ones(len(ends_s)), np.ones(len(starts_s))])
    order = np.lexsort((changes, times))
    return int(np.cumsum(changes[order]).max(initial=0))

"""Matérn covariances: how alike two places of a smooth curve are by their distance in length scales (Matérn, 1960)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


def smooth(apart: Numbers) -> Numbers:
    """Return the covariance with smoothness 5/2: twice differentiable, as response time is over the load."""
    root = np.sqrt(5.0) * apart
    return np.asarray((1.0 + root + root**2 / 3.0) * np.exp(-root))


def rough(apart: Numbers) -> Numbers:
    """Return the covariance with smoothness 3/2: once differentiable."""
    root = np.sqrt(3.0) * apart
    return np.asarray((1.0 + root) * np.exp(-root))

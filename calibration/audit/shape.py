"""Curves over the levels: percentiles that move together, and dips that heal."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from calibration.audit.findings import Ledger
from calibration.audit.tolerances import ODD, rounding_of
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]


def common_statistics(levels: Sequence[Level]) -> list[str]:
    """Return mean and percentiles that all levels have, from the smallest to the largest."""
    percents = set.intersection(*(set(level.percentiles_s) for level in levels)) if levels else set()
    names = [percentile_name(percent) for percent in sorted(percents) if percent < 99.95]
    if levels and all(level.mean_s for level in levels):
        names.insert(sum(percent <= 60.0 for percent in percents), "mean_s")
    return names

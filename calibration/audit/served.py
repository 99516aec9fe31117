"""What is served at the levels of a series, as far as it grows with the load."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.levels import Level

Numbers = NDArray[np.float64]

UNHINDERED: Final = 0.85
"""Share of the throughput of a lower load that a process still has where the system is far from saturated."""


def growing(levels: Sequence[Level]) -> Numbers:
    """Return what is served at the levels in order: rates offered, or throughputs as far as processes hardly slow."""
    if all(level.kind == "open" and level.arrival_rate_per_s for level in levels):
        return np.array([level.arrival_rate_per_s for level in levels], dtype=np.float64)
    if any(level.kind == "open" for level in levels):
        return np.array([])
    served = np.array([level.throughput_per_s for level in levels])
    each = served / np.array([level.load or 1.0 for level in levels])
    slowed = np.flatnonzero((each < UNHINDERED * np.maximum.accumulate(each)) | (np.diff(served, prepend=0.0) <= 0.0))
    return served[: int(slowed[0])] if len(slowed) else served

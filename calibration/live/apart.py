"""How far the ends of operations of two copies lie apart: what a lock that both take near their end shows.

Only one at a time can be done under a lock, so that two operations never end closer to each other than it is held, and
who had to wait for it ends just as much later. Steady copies fall into step there: how often they wait then says
little of the lock, but where the times between their ends begin says how long it is held. Work after the lock blurs
that edge by as much as it varies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.live.level_run import Recording
from calibration.live.measured import Apart
from calibration.live.operations import service_ns
from calibration.live.summarize import succeeded

EDGE: Final = 0.02
BLURRED: Final = (0.01, 0.05)
"""Quantiles of the times between ends: where they begin, and how far that is from a step."""
FEWEST: Final = 200
FAST: Final = 0.05
"""Quantile of the operations' times that stands for those at the edge, where the lock was held for the shortest."""

Floats = NDArray[np.float64]


def ends_apart(by_copies: Mapping[int, Sequence[Recording]], cores: int) -> Apart | None:
    """Return how far the ends of two copies' operations lie apart at least, as long as usual operations take for it.

    by_copies: all repeats of each level. None where two copies had not a core each, were paced, or did too little.
    """
    repeats = by_copies.get(2, ())
    if cores < 2 or not repeats or repeats[0].plan.pacing.kind != "closed":
        return None
    edges, blurs = [], []
    for recording in repeats:
        gaps_ns = _gaps_ns(recording)
        if len(gaps_ns) < FEWEST:
            return None
        low, high = (max(float(one), 1.0) for one in np.quantile(gaps_ns, BLURRED))
        edges.append(max(float(np.quantile(gaps_ns, EDGE)), 1.0) * _usual_over_fast(recording) / 1e9)
        blurs.append(math.log(high / low))
    return Apart(least_s=float(np.mean(edges)), blur=float(np.mean(blurs)))


def _gaps_ns(recording: Recording) -> Floats:
    """Return the times between ends that follow each other and are of different copies [ns]."""
    rows = succeeded(recording.operations)
    gaps: Floats = np.diff(rows["end_ns"]).astype(np.float64)
    of_different: Floats = gaps[np.diff(rows["copy"]) != 0]
    return of_different


def _usual_over_fast(recording: Recording) -> float:
    """Return by how much the usual operation takes longer than a fast one."""
    times = service_ns(succeeded(recording.operations), recording.overhead_ns)
    fast, usual = np.quantile(times, [FAST, 0.5])
    return float(usual / max(fast, 1.0))

"""Timeouts and other errors as laws of the figures of some levels; nothing is simulated.

The report's errors are its retries: shares of the attempts, timeouts among them. What is left without the timeouts
grows as the messages in flight do, from 1 to 50 processes, which is what a conflict with any one of them gives.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import Final

import numpy as np

from examples.orchestrator_hub.figures import levels

SPREADS: Final = np.linspace(0.0, 1.0, 201)
"""Standard deviations of the logarithm of a client's patience that are tried."""
_NORMAL: Final = NormalDist()


def patience(at: Sequence[int]) -> tuple[float, float]:
    """Return mean [ms] and coefficient of variation of a log-normal patience that gives the timeouts of levels.

    An attempt's time is taken as a log-normal through p50 and p99. It is late with probability
    Phi(-(m - ln p50) / sqrt(sigma^2 + s^2)) if the logarithm of the patience has the mean m and the deviation s; each
    level that reports timeouts then says an m for each s, and the s is taken for which they agree best.
    """
    known = [level for level in (levels()[procs] for procs in at) if level["timeout_pct"] > 0.0]
    middle = np.log([level["p50_ms"] for level in known])
    sigma = (np.log([level["p99_ms"] for level in known]) - middle) / _NORMAL.inv_cdf(0.99)
    late = np.array([_NORMAL.inv_cdf(1.0 - level["timeout_pct"] / 100.0) for level in known])
    said = [middle + late * np.sqrt(sigma**2 + spread**2) for spread in SPREADS]
    spread, means = min(zip(SPREADS, said, strict=True), key=lambda one: float(np.std(one[1])))
    mean_ms = math.exp(float(np.mean(means)) + float(spread) ** 2 / 2.0)
    return mean_ms, math.sqrt(math.expm1(float(spread) ** 2))


def conflict(at: Sequence[int], in_flight: Sequence[float]) -> float:
    """Return the chance of a message to collide with any one other in flight, by errors that are no timeouts."""
    chosen = [levels()[procs] for procs in at]
    failing = sum(level["error_pct"] - level["timeout_pct"] for level in chosen) / 100.0
    return failing / sum(in_flight)

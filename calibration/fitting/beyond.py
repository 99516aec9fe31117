"""How far predictions beyond the fitted levels are off, whatever their parameters: causes that were not there yet.

A throughput falls below its prediction more often than it rises above it, and further the more doublings lie between
(a cache, a lock or a link that gives out), most where the fitted levels still rise with the load, so that nothing has
bound yet. The sizes come from the errors of other services' published curves: those that give the best mean interval
score (Gneiting and Raftery, 2007, eq. 43), which rewards narrow intervals and punishes misses.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from calibration.fitting.points import Point

Array = NDArray[np.float64]
MISS: Final = 20.0
"""Cost of a miss of a 90 % interval, relative to its width."""
ALWAYS: Final = 0.02
"""Added for each doubling beyond the fitted levels, also where they show saturation."""


@dataclass(frozen=True)
class Beyond:
    """Half-widths that are added as squares to those of the parameters, in logarithms of the throughput.

    level: at every level. down, up: for each doubling beyond the highest fitted, where the levels rise with the load.
    """

    level: float
    down: float
    up: float

    def widened(self, low: Array, high: Array, doublings: Array, openness: float) -> tuple[Array, Array]:
        """Return the distances of an interval's ends from its middle, from those that the parameters alone give."""
        down, up = ((size * openness + ALWAYS) * doublings for size in (self.down, self.up))
        return np.sqrt(low**2 + self.level**2 + down**2), np.sqrt(high**2 + self.level**2 + up**2)


@dataclass(frozen=True)
class Errors:
    """One curve's errors at held-out levels, for the sizes of `Beyond`.

    low, high: distances of the parameters' 5 % and 95 % quantiles from the median. errors: measured from the median.
    doublings, openness: as `widened` takes them.
    """

    low: Array
    high: Array
    errors: Array
    doublings: Array
    openness: float

    def score(self, beyond: Beyond) -> float:
        """Return the mean interval score."""
        low, high = beyond.widened(self.low, self.high, self.doublings, self.openness)
        outside = np.maximum(np.maximum(-low - self.errors, self.errors - high), 0.0)
        return float(np.mean(low + high + MISS * outside))

    def covered(self, beyond: Beyond) -> NDArray[np.bool_]:
        """Return which levels the interval holds."""
        low, high = beyond.widened(self.low, self.high, self.doublings, self.openness)
        return np.asarray((self.errors >= -low) & (self.errors <= high))


def openness(points: Sequence[Point]) -> float:
    """Return how much of an increase of the load still came out as throughput at the two highest levels, 0 to 1."""
    below, top = points[-2], points[-1]
    gain = math.log(top.throughput_per_s / below.throughput_per_s) / math.log(top.load / below.load)
    return min(max(gain, 0.0), 1.0)


def estimate(curves: Sequence[Errors]) -> Beyond:
    """Return the sizes that give curves the best mean interval score."""

    def loss(free: Array) -> float:
        beyond = Beyond(*np.exp(free))
        return float(np.mean([curve.score(beyond) for curve in curves]))

    starts = ([0.05, 0.1, 0.1], [0.05, 0.5, 0.2], [0.05, 1.0, 0.2])
    found = [
        minimize(loss, np.log(start), method="Nelder-Mead", options={"maxiter": 300, "xatol": 0.01, "fatol": 1e-4})
        for start in starts
    ]
    best = min(found, key=lambda one: float(one.fun))
    return Beyond(*(float(size) for size in np.exp(best.x)))

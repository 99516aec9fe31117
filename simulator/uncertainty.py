"""Prediction intervals: what calibration, model and simulation together leave open of an answer.

The parameters' draws are simulated with the random numbers of the estimates' own replications, so that the shift of an
answer from the estimates to a draw is known much more closely than the answer itself (common random numbers). What is
left of the simulation's noise in the shifts is measured between replications and taken out of their spread (one-way
analysis of variance). The interval then adds, as squares, on each side of the estimate: the quantile of the shifts, the
model's own discrepancy, and the error of the simulation by Student's t.

Times, rates and sizes shift by ratios (their logarithms are used), shares by differences.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from simulator.statistics import student_t

LEVEL: Final = 0.90
"""Of prediction intervals: what forty draws determine well, and what validations are scored by."""
FEWEST_FOR_QUANTILES: Final = 19
"""Draws of which the outermost two hold a further one with probability 0.9; with fewer, Student's t is used."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shifts:
    """How far the parameters' draws shift one measure from its value at the estimates.

    ratio: whether as logarithms of ratios, else as differences. by_draw: with the noise taken out of their spread,
    shape [draws]. noise: standard deviation that the simulation leaves in their common centre.
    residual: the same for each draw's own shift, as it was simulated.
    """

    ratio: bool
    by_draw: Floats
    noise: float
    residual: float

    @property
    def variance(self) -> float:
        """Variance over the draws, noise taken out."""
        return float(np.var(self.by_draw, ddof=1)) if len(self.by_draw) > 1 else 0.0


def shifts(base: Sequence[float], drawn: Sequence[Sequence[float]], ratio: bool) -> Shifts | None:
    """Return the shifts of a measure; None where it is not defined often enough.

    base: at the estimates, shape [replications]. drawn: of each draw, in the same replications.
    ratio: wanted for times, rates and sizes; where a value is not above 0, differences are taken.
    """
    before, after = np.array(base, dtype=np.float64), np.array(drawn, dtype=np.float64)
    defined: NDArray[np.bool_] = np.asarray(np.isfinite(after).all(axis=1))
    if len(after) < 2 or not np.isfinite(before).all() or defined.sum() < max(2, len(after) / 2):
        return None
    after = np.where(defined[:, None], after, np.nan)
    ratio = ratio and bool((before > 0).all()) and bool((after[defined] > 0).all())
    apart = np.log(after) - np.log(before) if ratio else after - before
    means = apart.mean(axis=1)
    own = np.var(apart[defined], axis=1, ddof=1).mean() / len(before) if len(before) > 1 else 0.0
    together = apart[defined].mean(axis=0)
    common = float(np.var(together, ddof=1)) / len(before) if len(before) > 1 else 0.0
    # Noise that all draws share moves their centre and not their spread.
    residual = max(float(own) - common, 0.0)
    spread = float(np.var(means[defined], ddof=1))
    kept = math.sqrt(max(spread - residual, 0.0) / spread) if spread > 0 else 0.0
    center = float(means[defined].mean())
    by_draw = np.where(defined, center + kept * (means - center), center)
    return Shifts(ratio, by_draw, math.sqrt(common), math.sqrt(residual))


def reach(by_draw: Floats, level: float = LEVEL) -> tuple[float, float]:
    """Return how far a further draw lies below and above the estimate, each at least 0.

    By order statistics where there are enough draws: the quantile at p is the draw of rank p (draws + 1), below which a
    further one lies with just that probability (Weibull, 1939). Else by Student's t about the draws' mean.
    """
    if len(by_draw) < FEWEST_FOR_QUANTILES:
        if len(by_draw) < 2:
            return 0.0, 0.0
        half = student_t(level, len(by_draw) - 1) * float(by_draw.std(ddof=1)) * math.sqrt(1 + 1 / len(by_draw))
        low, high = float(by_draw.mean()) - half, float(by_draw.mean()) + half
    else:
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = (float(end) for end in np.quantile(by_draw, ends, method="weibull"))
    return max(-low, 0.0), max(high, 0.0)


@dataclass(frozen=True)
class Leeway:
    """All that an answer's measure leaves open.

    value: at the estimates. error: standard error of its simulation, and degrees of freedom it was estimated with (0:
    not known). shifts: of the draws. discrepancy: relative standard deviation of the model. range: what the measure can
    be at all.
    """

    value: float
    error: float
    degrees: int
    shifts: Shifts
    discrepancy: float
    range: tuple[float, float] = (0.0, math.inf)

    @property
    def scale(self) -> float:
        """Units of the shifts in one of the value: standard deviations are divided by it."""
        return abs(self.value) if self.shifts.ratio else 1.0

    @property
    def simulation(self) -> float:
        """Standard deviation of the simulation, in the scale of the shifts."""
        return math.hypot(self.error / self.scale if self.scale else 0.0, self.shifts.noise)

    @property
    def model(self) -> float:
        """Standard deviation of the model's own error, in the scale of the shifts."""
        return self.discrepancy if self.shifts.ratio else self.discrepancy * abs(self.value)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the prediction interval of the measure."""
        below, above = reach(self.shifts.by_draw, level)
        quantile = student_t(level, self.degrees) if self.degrees > 0 else float(ndtri((1 + level) / 2))
        other = math.hypot(quantile * self.simulation, float(ndtri((1 + level) / 2)) * self.model)
        return self._at(-math.hypot(below, other)), self._at(math.hypot(above, other))

    def probability_below(self, limit: float) -> float:
        """Return the probability that the system's measure is below a limit, over all that is open."""
        if self.shifts.ratio and limit <= 0:
            return 0.0
        distance = math.log(limit / self.value) if self.shifts.ratio else limit - self.value
        width = math.hypot(self.simulation, self.model)
        ahead = distance - self.shifts.by_draw
        if width <= 0:
            return float(np.mean(ahead > 0))
        return float(np.mean(ndtr(ahead / width)))

    def _at(self, shift: float) -> float:
        if self.shifts.ratio:
            return self.value * math.exp(shift)
        return min(max(self.value + shift, self.range[0]), self.range[1])

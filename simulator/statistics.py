"""Statistics over replications: Student-t intervals, the warm-up cut, and how much has to be simulated."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator import student
from simulator.histogram import rank_of

CONFIDENCE: Final = 0.95
MSER_BATCH: Final = 5
MSER_TAIL: Final = 10  # the last tenth is no candidate for the cut: few batches look calm by chance
BATCHES: Final = 10  # for the variance of a correlated series; more would be too short
SLOPE_OBSERVATIONS: Final = 50  # between two percentiles whose distance tells a density

Floats = NDArray[np.float64]


class Estimate(NamedTuple):
    """A value and the half-width of its 95 % interval; None where it is undefined."""

    value: float | None
    half_width: float | None = None

    @property
    def relative_half_width(self) -> float | None:
        """Half-width relative to the value; 0 where both are 0, None where it is undefined."""
        if self.value is None or self.half_width is None:
            return None
        if self.half_width == 0:
            return 0.0
        return self.half_width / abs(self.value) if self.value != 0 else math.inf


def quotient(numerator: Estimate, denominator: Estimate) -> Estimate:
    """Return an estimate over another; their relative half-widths add up as squares (delta method).

    Undefined where one of them is or the denominator is 0; a half-width that is not known stays unknown.
    """
    if numerator.value is None or not denominator.value:
        return Estimate(None)
    value = numerator.value / denominator.value
    relative = denominator.relative_half_width
    if numerator.half_width is None or relative is None:
        return Estimate(value)
    return Estimate(value, math.hypot(numerator.half_width / denominator.value, value * relative))


def student_t(confidence: float, degrees: int) -> float:
    """Return the quantile of Student's t for a two-sided interval."""
    return student.quantile(degrees, 0.5 + confidence / 2)


def interval(values: Iterable[float], confidence: float = CONFIDENCE) -> Estimate:
    """Estimate a mean from independent replications by Student's t (Student, 1908).

    Replications in which the quantity is undefined (NaN, such as a response time without operations) are left
    out; one replication has a value and no half-width.

    values: one for each replication, of any metric, percentiles included.
    """
    defined = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
    if len(defined) == 0:
        return Estimate(None)
    # fmean-like accuracy is not needed, but a constant series must come out exactly constant.
    center = float(defined[0])
    mean = center + float((defined - center).mean())
    if len(defined) == 1:
        return Estimate(mean)
    error = float(np.std(defined - center, ddof=1)) / math.sqrt(len(defined))
    return Estimate(mean, student_t(confidence, len(defined) - 1) * error)


def maximum(values: Iterable[float]) -> Estimate:
    """Return the largest over the replications; an extreme has no Student-t interval."""
    return Estimate(max((value for value in values if not math.isnan(value)), default=None))


def probability_below(limit: float, values: Sequence[float]) -> float | None:
    """Return the probability that the mean lies below a limit, by Student's t over the replications.

    With fewer than two defined replications there is no spread to judge by: None.
    """
    defined = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
    if len(defined) < 2:
        return None
    error = float(np.std(defined, ddof=1)) / math.sqrt(len(defined))
    distance = limit - float(defined.mean())
    if error == 0:
        return 1.0 if distance > 0 else 0.0
    return student.cumulative(len(defined) - 1, distance / error)


@dataclass(frozen=True)
class Truncation:
    """Where a series becomes stationary.

    count: observations to leave out; at most half of them.
    found: False if the best cut lay beyond the first half, or the series is too short to tell.
    """

    count: int
    found: bool


def mser5(observations: Floats) -> Truncation:
    """Find the warm-up cut by MSER-5: the cut that minimizes the standard error of what is left.

    The series is averaged in batches of 5; cutting d of b batches has the objective
    sum over j > d of (Z_j - mean_d)^2 / (b - d)^2. (White, Cobb and Spratt, 2000, "A comparison of five
    steady-state truncation heuristics for simulation".) A cut beyond the first half counts as none (Hoad,
    Robinson and Davies, 2010).

    observations: in the order in which they were made.
    """
    return mser(observations, MSER_BATCH)


def mser(observations: Floats, batch: int) -> Truncation:
    """Find the warm-up cut as `mser5` does, with batches of another size.

    Small batches find a short transient; one that is small against the spread of single observations shows only
    in large ones.
    """
    batches = len(observations) // batch
    if batches < 2 * MSER_TAIL:
        return Truncation(0, False)
    used = np.asarray(observations[: batches * batch], dtype=np.float64)
    means = used.reshape(batches, batch).mean(axis=1)
    means -= means.mean()  # keeps the difference of the two sums accurate
    left = np.arange(batches, 0, -1, dtype=np.float64)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum((means * means)[::-1])[::-1]
    objective = np.maximum(squares - sums * sums / left, 0.0) / (left * left)
    best = int(np.argmin(objective[: batches - batches // MSER_TAIL]))
    half = batches // 2
    return Truncation(min(best, half) * batch, best < half)


def variance_constant(series: Floats) -> float:
    """Return lim n Var(mean of n observations) of a stationary, correlated series, by batch means.

    Few batches: shorter ones miss long correlation, and where operations leave together, as from a batching queue,
    they show what evens out in a window. (Batch means: Law and Carson, 1979.) 0 for a series shorter than BATCHES.
    """
    size = len(series) // BATCHES
    if size == 0:
        return 0.0
    means = series[: BATCHES * size].reshape(BATCHES, size).mean(axis=1)
    return size * float(np.var(means, ddof=1))


def percentile(series: Floats, percent: float) -> float:
    """Return the smallest value with at least that share of the series at or below it. series: not empty."""
    at = min(int(rank_of(percent, len(series))), len(series)) - 1
    return float(np.partition(series, at)[at])


def percentile_variance_constant(series: Floats, percent: float) -> tuple[float, float]:
    """Return a percentile of a correlated series and lim n Var(its estimate from n observations).

    The variance of the share beyond the percentile, divided by the squared density there (Bahadur, 1966); the density
    is that between two percentiles around it, a quarter of the way to 100 % on either side (where a tail falls as an
    exponential does, half of the way makes the variance of p99 a fifth too large), or half of the way where only that
    holds SLOPE_OBSERVATIONS.
    """
    ordered = np.sort(series)

    def quantile(at: float) -> float:
        return float(ordered[min(int(rank_of(at, len(ordered))), len(ordered)) - 1])

    value = quantile(percent)
    reach = (100 - percent) / 4
    if 2 * reach / 100 * len(ordered) < SLOPE_OBSERVATIONS:
        reach *= 2
    slope = (quantile(percent + reach) - quantile(percent - reach)) / (2 * reach / 100)
    return value, variance_constant((series > value).astype(np.float64)) * slope * slope


def observations_needed(value: float, constant: float, precision: float, replications: int) -> float:
    """Return how many observations each replication needs for a relative half-width.

    value: the expected estimate.
    constant: lim n Var(estimate from n observations).
    precision: relative half-width to reach at 95 %.
    replications: how many there will be, at least 2.
    """
    if constant == 0:
        return 0.0
    if value == 0:
        return math.inf
    quantile = student_t(CONFIDENCE, replications - 1)
    return constant * (quantile / (precision * value)) ** 2 / replications


def replications_needed(done: int, relative_half_widths: Sequence[float], precision: float) -> int:
    """Return how many replications are likely to reach a precision in all; `done` if they have.

    Half-widths shrink with the square root of the count; a tenth is added, because the first ones' spread is
    itself an estimate. At most twice as many as before, so that one unlucky batch does not decide.
    """
    worst = max(relative_half_widths, default=0.0)
    if worst <= precision:
        return done
    wanted = 1.1 * done * (worst / precision) ** 2
    return min(2 * done, max(done + 1, math.ceil(min(wanted, 4.0 * done))))

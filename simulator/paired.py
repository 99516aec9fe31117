"""The difference of a measure between two systems, from replications that share their chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from simulator.statistics import CONFIDENCE, Estimate, interval

Series = Sequence[float | None]


@dataclass(frozen=True)
class Difference:
    """What a measure is in two systems, and how far apart.

    before, after: means. difference: after - before. relative: the same over the mean before.
    more_than_noise: whether the interval leaves out 0; None if it is not known.
    replications_unpaired: how many of each system would give the same half-width if they did not share their
        chance; None where the half-width is 0 or there is no pairing.
    """

    before: float | None
    after: float | None
    difference: Estimate
    relative: Estimate
    more_than_noise: bool | None
    replications_unpaired: int | None

    def as_json(self) -> dict[str, Any]:
        """Return the difference as it stands in a result."""
        return {
            "before": self.before,
            "after": self.after,
            "difference": {"value": self.difference.value, "half_width": self.difference.half_width},
            "relative": {"value": self.relative.value, "half_width": self.relative.half_width},
            "more_than_noise": self.more_than_noise,
            "replications_unpaired": self.replications_unpaired,
        }


def paired_difference(before: Series, after: Series, alone: tuple[Series, Series] | None = None) -> Difference:
    """Estimate a difference replication by replication (common random numbers; Law and Kelton, 2000, section 11.2).

    Replications in which either is undefined are left out.

    before, after: the measure in each replication, in the same order of their numbers. alone: the same as an unpaired
        comparison would take them, if that is not so.
    """
    pairs = [(a, b) for a, b in zip(before, after, strict=True) if a is not None and b is not None]
    if not pairs:
        return _undefined(before, after)
    first, second = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))
    found = interval((second - first).tolist())
    apart = float(np.var(second - first, ddof=1)) if len(pairs) > 1 else 0.0
    together = sum(_variance(series) for series in alone or (before, after)) if apart > 0 else 0.0
    needed = math.ceil(len(pairs) * together / apart) if apart > 0 else None
    return _answer(float(first.mean()), float(second.mean()), found, needed)


def _variance(series: Series) -> float:
    defined = [value for value in series if value is not None]
    return float(np.var(defined, ddof=1)) if len(defined) > 1 else 0.0


def unpaired_difference(before: Series, after: Series) -> Difference:
    """Estimate a difference of independent samples of unequal spread (Welch, 1947)."""
    first, second = (np.array([x for x in series if x is not None], dtype=np.float64) for series in (before, after))
    if len(first) == 0 or len(second) == 0:
        return _undefined(before, after)
    apart = float(second.mean() - first.mean())
    if len(first) < 2 or len(second) < 2:
        return _answer(float(first.mean()), float(second.mean()), Estimate(apart), None)
    errors = [float(np.var(series, ddof=1)) / len(series) for series in (first, second)]
    half_width = 0.0
    if sum(errors) > 0:
        degrees = sum(errors) ** 2 / sum(
            error**2 / (len(series) - 1) for error, series in zip(errors, (first, second), strict=True)
        )
        half_width = float(student.ppf(0.5 + CONFIDENCE / 2, degrees)) * math.sqrt(sum(errors))
    return _answer(float(first.mean()), float(second.mean()), Estimate(apart, half_width), None)


def _undefined(before: Series, after: Series) -> Difference:
    means = [interval(x for x in series if x is not None).value for series in (before, after)]
    return Difference(means[0], means[1], Estimate(None), Estimate(None), None, None)


def _answer(before: float, after: float, found: Estimate, unpaired: int | None) -> Difference:
    beyond = None
    if found.value is not None and found.half_width is not None:
        beyond = abs(found.value) > found.half_width
    return Difference(before, after, found, over(found, before), beyond, unpaired)


def over(found: Estimate, base: float | None) -> Estimate:
    """Return an estimate as a share of a number; undefined where that is 0."""
    if not base or found.value is None:
        return Estimate(None)
    half_width = None if found.half_width is None else found.half_width / abs(base)
    return Estimate(found.value / base, half_width)

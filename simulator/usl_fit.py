"""The Universal Scalability Law fitted to a curve: what people know, beside what the simulation says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from scipy.optimize import least_squares

from simulator.theory.bounds import usl_concurrency_at_peak, usl_relative_capacity

FEWEST_LEVELS: Final = 4  # three parameters and something left to be wrong about


@dataclass(frozen=True)
class UslFit:
    """Throughput by the law X(N) = rate N / (1 + a (N-1) + b N (N-1)).

    rate_per_s: throughput at N = 1. contention: a. coherency: b. error_median, error_most: relative, over
    the levels that it was fitted to.
    """

    rate_per_s: float
    contention: float
    coherency: float
    error_median: float
    error_most: float

    def throughput_per_s(self, level: float) -> float:
        """Return the throughput at a level."""
        return self.rate_per_s * usl_relative_capacity(level, self.contention, self.coherency)

    def as_json(self) -> dict[str, Any]:
        """Return the fit as it stands in a result; the peak is None where the law has none."""
        peak = usl_concurrency_at_peak(self.contention, self.coherency)
        bounded = np.isfinite(peak)
        return {
            "rate_per_s": self.rate_per_s,
            "contention": self.contention,
            "coherency": self.coherency,
            "peak_level": peak if bounded else None,
            "peak_throughput_per_s": self.throughput_per_s(peak) if bounded else None,
            "error_median": self.error_median,
            "error_most": self.error_most,
        }


def fit_usl(levels: Sequence[float], throughputs_per_s: Sequence[float]) -> UslFit | None:
    """Fit the law (Gunther, 1993) by least squares of relative errors, with 0 <= a <= 1 and b >= 0.

    None with fewer than four levels of at least 1 and positive throughput.

    levels: processes, cores or nodes. throughputs_per_s: at each.
    """
    pairs = [(n, x) for n, x in zip(levels, throughputs_per_s, strict=True) if n >= 1 and x > 0]
    if len(pairs) < FEWEST_LEVELS:
        return None
    level, throughput = (np.array(column, dtype=np.float64) for column in zip(*pairs, strict=True))

    def errors(parameters: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        logarithm, contention, coherency = parameters
        slowing = 1 + contention * (level - 1) + coherency * level * (level - 1)
        return np.asarray(np.exp(logarithm) * level / slowing / throughput - 1)

    # Coherency is of the order of 1 / N^2; without that scale its steps would be lost beside contention's.
    scale = [1.0, 1 / level.max(), 1 / level.max() ** 2]
    start = [float(np.log((throughput / level).max())), 0.01, scale[2] / 100]
    limits = ([-np.inf, 0.0, 0.0], [np.inf, 1.0, np.inf])
    found = least_squares(errors, start, bounds=limits, x_scale=scale, xtol=1e-12, ftol=1e-12, gtol=1e-12)
    wrong = np.abs(found.fun)
    return UslFit(
        float(np.exp(found.x[0])),
        float(found.x[1]),
        float(found.x[2]),
        float(np.median(wrong)),
        float(wrong.max()),
    )

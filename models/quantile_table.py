"""A distribution given by a table of quantiles: its interpolation and its moments.

Between two rows the value is linear in p, but linear in -log(1 - p) in a segment that begins at p >= 0.9 and
is not the last one: tables of response times are dense in the tail on that scale, and linear interpolation
in p there overstates the far percentiles. The last segment, whose end has -log(1 - p) = infinity, is linear
in p again.
"""

import math
from collections.abc import Sequence

TAIL_BEGINS = 0.9


def is_logarithmic(quantiles: Sequence[tuple[float, float]], segment: int) -> bool:
    """Whether the segment from row `segment` to the next is linear in -log(1 - p)."""
    return quantiles[segment][0] >= TAIL_BEGINS and segment + 2 < len(quantiles)


def quantile_of_table(quantiles: Sequence[tuple[float, float]], probability: float) -> float:
    """Return the value at a probability.

    quantiles: rows (probability, value), from probability 0 to 1.
    Raises ValueError outside 0 to 1, or for an empty table.
    """
    if not 0 <= probability <= 1 or not quantiles:
        raise ValueError(f"no quantile at {probability} in a table of {len(quantiles)} rows")
    segment = 0
    while segment + 2 < len(quantiles) and quantiles[segment + 1][0] <= probability:
        segment += 1
    (left, low), (right, high) = quantiles[segment], quantiles[segment + 1]
    if is_logarithmic(quantiles, segment):
        share = math.log((1 - left) / (1 - probability)) / math.log((1 - left) / (1 - right))
    else:
        share = (probability - left) / (right - left)
    return low + (high - low) * share


def moments_of_table(quantiles: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Return mean and variance, the integrals of the interpolated quantile function and of its square."""
    mean = second = 0.0
    for segment in range(len(quantiles) - 1):
        (left, low), (right, high) = quantiles[segment], quantiles[segment + 1]
        if is_logarithmic(quantiles, segment):
            length = math.log((1 - left) / (1 - right))
            slope = (high - low) / length
            tail = (1 - right) / (1 - left)
            constant, linear = 1 - tail, 1 - (1 + length) * tail
            square = 2 - (length * length + 2 * length + 2) * tail
            mean += (1 - left) * (low * constant + slope * linear)
            second += (1 - left) * (low * low * constant + 2 * low * slope * linear + slope * slope * square)
        else:
            mean += (right - left) * (low + high) / 2
            second += (right - left) * (low * low + low * high + high * high) / 3
    return mean, max(second - mean * mean, 0.0)

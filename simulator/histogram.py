"""Log-linear histogram of integer nanoseconds: bins at most 0.1 % wide, constant memory."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Final

import numpy as np
from numpy.typing import NDArray

from models.compiled import shared

SUB_BITS: Final = 10
SUB_BINS: Final = 1 << SUB_BITS  # bins per doubling
OCTAVES: Final = 43  # up to 2^53 ns, 104 days
BINS: Final = (OCTAVES + 1) * SUB_BINS


@shared("int64(int64)")
def bin_of(value_ns: int) -> int:
    """Return the bin of a nonnegative time; values below 2 * SUB_BINS have a bin of their own."""
    shift = 0
    high = value_ns >> (SUB_BITS + 1)
    while high > 0:
        shift += 1
        high >>= 1
    index = (shift << SUB_BITS) + (value_ns >> shift)
    return min(index, BINS - 1)


def bins_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bins of nonnegative times, elementwise the same as `bin_of`."""
    values = np.asarray(values_ns, dtype=np.int64)
    # The exponent that frexp returns is the bit length: exact, as values above 2^53 ns share the last bin.
    _, shift = np.frexp((values >> (SUB_BITS + 1)).astype(np.float64))
    index: NDArray[np.int64] = (shift.astype(np.int64) << SUB_BITS) + (values >> shift)
    return np.minimum(index, BINS - 1)


def counts_of(values_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the histogram of nonnegative times, shape [BINS]."""
    counts: NDArray[np.int64] = np.bincount(bins_of(values_ns), minlength=BINS).astype(np.int64)
    return counts


def upper_edges() -> NDArray[np.int64]:
    """Return for each bin the largest value that falls into it, shape [BINS]."""
    index = np.arange(BINS, dtype=np.int64)
    shift = index // SUB_BINS - 1
    shift[shift < 0] = 0
    return ((index - (shift << SUB_BITS) + 1) << shift) - 1


UPPER_EDGES: Final = upper_edges()


def merged(histograms: Sequence[NDArray[np.int64]]) -> NDArray[np.int64]:
    """Return the histogram of all observations of several histograms of the same shape."""
    counts: NDArray[np.int64] = np.sum(np.stack(histograms), axis=0, dtype=np.int64)
    return counts


def rank_of(percent: float, total: int) -> int:
    """Return the rank, from 1, of the smallest observation with at least that share at or below it.

    Exact where floats are not: 7 % of 100 is rank 7, although 0.07 * 100 > 7.

    percent: in (0, 100], taken as the decimal number that it prints as.
    total: number of observations.
    """
    share = Fraction(repr(float(percent))) / 100
    return max(-(-share.numerator * total // share.denominator), 1)


def percentile_bins(counts: NDArray[np.int64], percents: Sequence[float]) -> NDArray[np.int64]:
    """Return the bins in which percentiles lie, shape [..., len(percents)]; -1 where nothing was observed.

    counts: histograms, shape [..., BINS].
    """
    cumulative = np.cumsum(counts, axis=-1).reshape(-1, counts.shape[-1])
    found = np.full((len(cumulative), len(percents)), -1, dtype=np.int64)
    for row, sums in enumerate(cumulative):
        if sums[-1]:
            ranks = [rank_of(percent, int(sums[-1])) for percent in percents]
            found[row] = np.searchsorted(sums, ranks, side="left")
    return found.reshape(*counts.shape[:-1], len(percents))


def percentiles_ns(counts: NDArray[np.int64], percents: Sequence[float]) -> NDArray[np.float64]:
    """Return percentiles in ns, shape [..., len(percents)]; NaN where nothing was observed.

    A percentile is the smallest value with at least that share of the observations at or below it, reported
    as the upper edge of its bin: at most 0.1 % above the exact one and never below it.

    counts: histograms, shape [..., BINS].
    percents: in (0, 100].
    """
    bins = percentile_bins(counts, percents)
    return np.where(bins < 0, np.nan, UPPER_EDGES[bins].astype(np.float64))


def share_at_or_below(counts: NDArray[np.int64], value_ns: int) -> float:
    """Return the share of the observations at or below a time, to the resolution of the bins; NaN of none."""
    total = int(counts.sum())
    return float(counts[: bin_of(value_ns) + 1].sum() / total) if total else float("nan")

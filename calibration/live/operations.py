"""The operations that were recorded: one row each, and what is computed from many."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

OPERATION: Final = np.dtype(
    [
        ("copy", np.int32),
        ("intended_ns", np.int64),
        ("begin_ns", np.int64),
        ("end_ns", np.int64),
        ("cpu_ns", np.int64),
        ("moved_bytes", np.int64),
        ("memory_bytes", np.int64),
        ("failed", np.bool_),
    ]
)
"""Times are of CLOCK_MONOTONIC. cpu_ns, moved_bytes (to and from the network) and memory_bytes are -1 where they
are not known."""

Operations = NDArray[Any]

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)

QUANTILE_LEVELS: Final = (
    0.0,
    0.01,
    0.05,
    *(k / 10 for k in range(1, 10)),
    *(1 - 10 ** (-k / 4) for k in range(5, 17)),
)
"""Probabilities of a stored quantile table: even in the body, even in log(1-p) in the tail."""


def operations(rows: Iterable[Sequence[int]]) -> Operations:
    """Make the array from rows in the order of the fields of `OPERATION`."""
    return np.array([tuple(row) for row in rows], dtype=OPERATION)


def together(parts: Sequence[Operations]) -> Operations:
    """Join the operations of several copies, ordered by their end."""
    joined: Operations = np.concatenate([np.empty(0, dtype=OPERATION), *parts])
    return joined[np.argsort(joined["end_ns"], kind="stable")]


def ended_within(rows: Operations, first_ns: int, last_ns: int) -> Operations:
    """Return the operations that ended in the window [first_ns, last_ns)."""
    return rows[(rows["end_ns"] >= first_ns) & (rows["end_ns"] < last_ns)]


def done_within(rows: Operations, first_ns: int, last_ns: int) -> float:
    """Return how much was done in the window, counting an operation across its edge by the share of its time inside.

    It is what CPU time read at the edges must be divided by: a count of ends is wrong by up to one operation of
    each copy.
    """
    overlap = np.minimum(rows["end_ns"], last_ns) - np.maximum(rows["begin_ns"], first_ns)
    length = rows["end_ns"] - rows["begin_ns"]
    inside = np.where(length > 0, np.clip(overlap, 0, None) / np.maximum(length, 1), overlap >= 0)
    return float(inside.sum())


def response_ns(rows: Operations, overhead_ns: float = 0.0) -> NDArray[np.float64]:
    """Return response times from the intended start, less the recorder's own time within them [ns]."""
    times: NDArray[np.float64] = (rows["end_ns"] - rows["intended_ns"]).astype(np.float64)
    return np.maximum(0.0, times - overhead_ns)


def service_ns(rows: Operations, overhead_ns: float = 0.0) -> NDArray[np.float64]:
    """Return times from the real begin, less the recorder's own time within them [ns]."""
    times: NDArray[np.float64] = (rows["end_ns"] - rows["begin_ns"]).astype(np.float64)
    return np.maximum(0.0, times - overhead_ns)


def percentile(ordered: NDArray[np.float64], percent: float) -> float:
    """Return the smallest value with at least that share of all values at or below it.

    ordered: ascending, not empty. percent: 0 to 100.
    """
    return float(ordered[max(0, math.ceil(len(ordered) * percent / 100 - 1e-9) - 1)])


def quantile_table(values: NDArray[np.float64]) -> tuple[tuple[float, float], ...]:
    """Return (probability, value) rows from the smallest to the largest value, as fine as the count allows.

    values: in any order, at least one. Levels beyond the resolution of the count are left out.
    """
    ordered = np.sort(values)
    levels = [level for level in QUANTILE_LEVELS if level == 0 or level < 1 - 1 / len(ordered)]
    rows = [(level, percentile(ordered, 100 * level)) for level in levels]
    return (*rows, (1.0, float(ordered[-1])))

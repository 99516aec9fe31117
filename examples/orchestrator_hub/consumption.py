"""Memory, network and disk traffic as laws of the figures of some levels; nothing is simulated.

Each law has two parts, what there is anyway and what the messages add. Of all such laws the one is taken whose largest
relative error at those levels is smallest, because agreement is asked within a share of each figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.orchestrator_hub.figures import levels

Array = NDArray[np.float64]
FLUSH_TIMES_S: Final = np.geomspace(2e-6, 2e-3, 301)
"""What a flush of the journal may take; a quick disk takes some ten microseconds."""


def two_parts(first: Array, second: Array, figures: Array) -> tuple[float, float]:
    """Return a and b, neither negative, of figures = a * first + b * second with the least largest relative error.

    At the best there are three figures whose errors are equal and alternate, or two where a or b is 0 (Chebyshev), so
    these are all that are tried.
    """
    tried = [np.zeros(2)]
    for column in (0, 1):
        part = ((first, second)[column] / figures)[:, None]
        for i, j in combinations(range(len(figures)), 2):
            alone = np.zeros(2)
            alone[column] = 2.0 / float(part[i, 0] + part[j, 0])
            tried.append(alone)
    parts = np.column_stack([first / figures, second / figures])
    for chosen in combinations(range(len(figures)), 3):
        for signs in ((1.0, -1.0, 1.0), (1.0, 1.0, -1.0), (-1.0, 1.0, 1.0)):
            equations = np.column_stack([parts[list(chosen)], signs])
            if np.linalg.matrix_rank(equations) == 3:
                tried.append(np.linalg.solve(equations, np.ones(3))[:2])
    allowed = [one for one in tried if (one >= 0.0).all()]
    a, b = min(allowed, key=lambda one: largest_error(one, parts))
    return float(a), float(b)


def largest_error(law: Array, parts: Array) -> float:
    """Return the largest relative error of a law of two parts, given as shares of the figures."""
    return float(np.max(np.abs(parts @ law - 1.0)))


def line(across: Array, figures: Array) -> tuple[float, float]:
    """Return a and b of figures = a + b * across."""
    return two_parts(np.ones_like(across), across, figures)


def flushes_per_s(throughput: Array, flush_s: float) -> Array:
    """Return how often a journal is flushed that takes what has gathered while its last flush was on its way.

    Messages come by chance (Poisson). A flush follows the last one at once, unless nothing came meanwhile: then it
    waits for the next message.
    """
    return np.asarray(1.0 / (flush_s + np.exp(-throughput * flush_s) / throughput))


def journal(at: Sequence[int]) -> tuple[float, float, float]:
    """Return the bytes written for a message, the bytes of a flush whatever is in it, and what a flush takes [s]."""
    chosen = [levels()[procs] for procs in at]
    throughput = np.array([level["throughput_per_s"] for level in chosen])
    written = np.array([level["disk_mb_per_s"] * 1e6 for level in chosen])
    found = []
    for flush_s in FLUSH_TIMES_S:
        flushes = flushes_per_s(throughput, float(flush_s))
        law = two_parts(throughput, flushes, written)
        error = largest_error(np.array(law), np.column_stack([throughput, flushes]) / written[:, None])
        found.append((error, *law, float(flush_s)))
    _, message_bytes, flush_bytes, flush_s = min(found)
    return message_bytes, flush_bytes, flush_s

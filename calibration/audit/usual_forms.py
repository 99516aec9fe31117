"""What mean and percentiles of a level usually are between those of the loads beside it.

A form does not go on as it went before: waiting lengthens a tail that was long already by less than one that was short,
as near saturation any wait is about exponential (Kingman, 1962), and a system that saturates evens its times out. How
means and percentiles of three successive loads go together was estimated on simulated services, open and closed ones,
wherever among their loads the three are (`benchmarks.usual_forms`), as a mixture of multivariate t distributions:
systems far from saturation, near it and beyond are of different kinds. The report's own other figures say of which kind
it is, and set the scale.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.left_out import LeftOut

Numbers = NDArray[np.float64]

STATISTICS: Final = ("mean_s", "p50", "p90", "p95", "p99")
LOADS: Final = 3
"""Successive ones, whose figures go together."""
FREEDOM: Final = 3.0
"""Degrees of freedom: how much farther than usual a service may be from what is usual."""
NOISE: Final = 0.004
"""Relative sampling noise of a figure."""
FREE: Final = 10.0
"""Standard deviation of the scale of a report, natural logarithm: it is free."""
UNIT: Final = 1e-5
"""Of the covariances that are stored."""
_STORED: Final = Path(__file__).parents[1] / "data" / "usual_forms.json"


@dataclass(frozen=True)
class Kinds:
    """How the figures of each kind of three loads are distributed: multivariate t distributions.

    share: (kinds,), of all. usual: (kinds, LOADS x STATISTICS), natural logarithms but for the scale.
    together: (kinds, LOADS x STATISTICS, LOADS x STATISTICS), their covariance.
    """

    share: Numbers
    usual: Numbers
    together: Numbers


def predicted_as_usual(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    """Predict each figure from all others of its level and of the two beside it; None for too few of them.

    Statistics that are not among STATISTICS are as expected, with an infinite deviation.

    Args:
        names: of statistics. figures: (levels, statistics), natural logarithms, by increasing load.
        rounding: relative, of each.
    """
    known = [place for place, name in enumerate(names) if name in STATISTICS]
    if len(figures) < LOADS or len(known) < 2:
        return None
    off, deviation = np.zeros(figures.shape), np.full(figures.shape, np.inf)
    taken = np.array([load * len(STATISTICS) + STATISTICS.index(names[one]) for load in range(LOADS) for one in known])
    windows = len(figures) - LOADS + 1
    for first in range(windows):
        three = slice(first, first + LOADS)
        found = left_out_of(stored_kinds(), taken, figures[three, known].ravel(), rounding[three, known].ravel())
        apart, widths = (part.reshape(LOADS, len(known)) for part in found)
        told = slice(int(first > 0), LOADS if first == windows - 1 else LOADS - 1)  # the others are nearer the middle
        off[first : first + LOADS][told, known] = apart[told]
        deviation[first : first + LOADS][told, known] = widths[told]
    return LeftOut(off, np.ones(figures.shape), deviation)


def left_out_of(kinds: Kinds, taken: NDArray[np.int_], figures: Numbers, rounding: Numbers) -> tuple[Numbers, Numbers]:
    """Return how far each figure is from its mean by the others, over all kinds, and the standard deviation of that.

    taken: which of LOADS x STATISTICS the figures are.
    """
    freedom = FREEDOM + len(taken) - 2.0  # one goes to the scale
    covariance = kinds.together[:, taken[:, None], taken] + FREE**2 + np.diag(NOISE**2 + rounding**2)
    inverse = np.linalg.inv(covariance)
    apart = figures - kinds.usual[:, taken]
    pulled, precision = np.einsum("kij,kj->ki", inverse, apart), np.einsum("kii->ki", inverse)
    of_others = np.maximum((apart * pulled).sum(axis=1, keepdims=True) - pulled**2 / precision, 0.0)
    off, variance = pulled / precision, (FREEDOM + of_others) / freedom / precision
    determinant = np.linalg.slogdet(covariance)[1][:, None] + np.log(precision)  # of the covariance of the others
    likely = np.log(kinds.share)[:, None] - 0.5 * (determinant + freedom * np.log1p(of_others / FREEDOM))
    weight = np.exp(likely - likely.max(axis=0))
    weight /= weight.sum(axis=0)
    mean = (weight * off).sum(axis=0)
    return mean, np.sqrt((weight * (variance + (off - mean) ** 2)).sum(axis=0))


@cache
def stored_kinds() -> Kinds:
    """Return what was estimated."""
    stored = json.loads(_STORED.read_text())
    width = LOADS * len(STATISTICS)
    lower = np.zeros((len(stored), width, width))
    rows, columns = np.tril_indices(width)
    lower[:, rows, columns] = lower[:, columns, rows] = np.array([one["together"] for one in stored]) * UNIT
    return Kinds(np.array([one["share"] for one in stored]), np.array([one["usual"] for one in stored]), lower)

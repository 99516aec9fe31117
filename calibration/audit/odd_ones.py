"""Which of several figures contradict a law that all the others keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """A law fitted to the figures that keep it.

    parameters: not negative. expected: of every figure. odd: indices of those that were left out of the fit
    because they contradict the rest; empty if all keep the law.
    """

    parameters: Numbers
    expected: Numbers
    odd: tuple[int, ...]


def keeps_or_odd(design: Numbers, target: Numbers, tolerance: Numbers, *, smallest: Numbers) -> Fit | None:
    """Fit target = design @ parameters, leaving out as few figures as possible; None if too many contradict.

    A fit counts if every figure kept is within its tolerance. At most a quarter of the figures (at least one)
    may be left out, and twice as many as there are parameters must stay, two at least: with fewer, any figure
    could be the wrong one.

    Args:
        design: (figures, parameters). target, tolerance: (figures,), in one unit.
        smallest: (figures,), how far off a figure must be to be called odd; else it is left out silently and
            the law counts as kept.
    """
    count, parameters = design.shape
    kept = list(range(count))
    fitted = _fitted(design, target, tolerance, kept)
    most_odd = max(1, count // 4)
    fewest = max(2, 2 * parameters)
    while fitted is None and count - len(kept) < most_odd and len(kept) > fewest:
        kept = _without_worst(design, target, tolerance, kept)
        fitted = _fitted(design, target, tolerance, kept)
    if fitted is None:
        return None
    expected = design @ fitted
    odd = tuple(
        index for index in range(count) if index not in kept and abs(target[index] - expected[index]) > smallest[index]
    )
    return Fit(fitted, expected, odd)


def first_that_holds(designs: Sequence[Numbers], target: Numbers, tolerance: Numbers, smallest: Numbers) -> Fit | None:
    """Return the fit of the first law that all figures keep; else of the first that all but odd ones keep."""
    fits = [keeps_or_odd(design, target, tolerance, smallest=smallest) for design in designs]
    for fit in fits:
        if fit is not None and not fit.odd:
            return fit
    return next((fit for fit in fits if fit is not None), None)


def _fitted(design: Numbers, target: Numbers, tolerance: Numbers, kept: Sequence[int]) -> Numbers | None:
    """Return parameters by which all kept figures are within their tolerance; None if there are none."""
    parameters = _least_squares(design, target, tolerance, kept)
    off = np.abs(target[kept] - design[kept] @ parameters) / tolerance[kept]
    return parameters if off.max() <= 1.0 else None


def _least_squares(design: Numbers, target: Numbers, tolerance: Numbers, kept: Sequence[int]) -> Numbers:
    weights = 1.0 / tolerance[kept]
    scale = np.abs(design[kept] * weights[:, None]).max(axis=0)
    scale[scale == 0.0] = 1.0
    solution, _ = nnls(design[kept] * weights[:, None] / scale, target[kept] * weights)
    return np.asarray(solution / scale)


def _without_worst(design: Numbers, target: Numbers, tolerance: Numbers, kept: Sequence[int]) -> list[int]:
    """Leave out the figure without which the others agree best."""

    def disagreement(left_out: int) -> float:
        rest = [index for index in kept if index != left_out]
        parameters = _least_squares(design, target, tolerance, rest)
        return float((np.abs(target[rest] - design[rest] @ parameters) / tolerance[rest]).max())

    worst = min(kept, key=disagreement)
    return [index for index in kept if index != worst]

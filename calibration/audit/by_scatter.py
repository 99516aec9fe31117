"""A figure judged by how closely the others keep a law among themselves, where that is closer than is usual."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

Numbers = NDArray[np.float64]

CHANCE: Final = 1e-3
"""A figure is out of line where one so far off, of any of them, is less likely than this."""
USUAL_SCATTER: Final = 0.004
"""Relative: how far measurements of some ten thousand operations are usually apart."""
WEIGHT_OF_USUAL: Final = 4.0
"""How many figures the usual scatter counts for beside the report's own."""


def out_of_scatter(design: Numbers, target: Numbers, scale: Numbers, rounding: Numbers) -> tuple[int, float] | None:
    """Return the figure that is least likely by the others, and where they put it; None if none stands out.

    Each figure is predicted by least squares from all others; their own scatter about that fit, beside the usual one,
    says how far off it may be (deleted residuals by Student's t distribution; Cook and Weisberg, 1982).

    Args:
        design: (figures, parameters). target: (figures,). scale: what a relative scatter is relative to.
        rounding: largest error of each figure by its rounding, in the unit of `target`.
    """
    count, parameters = design.shape
    freedom = count - 1 - parameters
    if freedom < 1:
        return None
    worst: tuple[float, int, float] | None = None
    for index in range(count):
        rest = np.delete(np.arange(count), index)
        scaled = design[rest] / scale[rest, None]
        fitted, _, rank, _ = np.linalg.lstsq(scaled, target[rest] / scale[rest], rcond=None)
        if rank < parameters:
            return None
        left = target[rest] / scale[rest] - scaled @ fitted
        variance = (float(left @ left) + WEIGHT_OF_USUAL * USUAL_SCATTER**2) / (freedom + WEIGHT_OF_USUAL)
        row = design[index] / scale[index]
        variance *= 1.0 + float(row @ np.linalg.solve(scaled.T @ scaled, row))
        expected = float(design[index] @ fitted)
        beyond = max(abs(float(target[index]) - expected) - float(rounding[index]), 0.0)
        chance = 2.0 * float(student.sf(beyond / float(scale[index]) / variance**0.5, freedom + WEIGHT_OF_USUAL))
        if worst is None or chance < worst[0]:
            worst = (chance, index, expected)
    return None if worst is None or worst[0] * count > CHANCE else worst[1:]

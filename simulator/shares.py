"""Where the uncertainty of an answer comes from: each parameter's share, so that one knows what to measure next."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulator.uncertainty import Leeway

MOST_PARAMETERS: Final = 8
"""Parameters that are told apart: with more, those that go along with the answer most (256 regressions)."""
MODEL: Final = "the model itself (assumed)"
SIMULATION: Final = "the simulation"
INTERACTIONS: Final = "interactions and curvature"
NOT_TOLD_APART: Final = 0.9

Floats = NDArray[np.float64]


def shares(samples: Mapping[str, Sequence[float]], leeway: Leeway) -> list[dict[str, Any]]:
    """Return each source's share of the variance of a measure, largest first; they add up to 1. Empty: no variance.

    samples: of each parameter, in the same draws as the shifts. The draws' variance is divided by linear regression:
    each parameter gets the variance that it explains on average over all orders of taking the parameters in (Lindeman,
    Merenda and Gold, 1980), which for parameters that vary independently is the first-order Sobol index of a linear
    answer, and which divides what parameters that vary together explain between them. The explained variance is
    adjusted for what chance explains (Ezekiel, 1930). What is left is interactions and curvature.
    """
    drawn = leeway.shifts.variance
    rest = {MODEL: leeway.model**2, SIMULATION: leeway.simulation**2}
    total = drawn + sum(rest.values())
    if total <= 0:
        return []
    explained = explained_shares(samples, leeway.shifts.by_draw) if drawn > 0 else {}
    found = {name: share * drawn / total for name, share in explained.items()}
    if drawn > 0:
        found[INTERACTIONS] = max(1 - sum(explained.values()), 0.0) * drawn / total
    found |= {name: variance / total for name, variance in rest.items()}
    rows = [{"source": name, "share": share, "parameter": name in explained} for name, share in found.items()]
    return sorted(rows, key=lambda row: -row["share"])


def explained_shares(samples: Mapping[str, Sequence[float]], answer: Floats) -> dict[str, float]:
    """Return the share of an answer's variance that each parameter explains, adjusted for chance.

    samples: of each parameter, shape [draws]; those that do not vary are left out. answer: shape [draws].
    """
    columns = _standardized(samples, answer)
    names = list(columns)
    centred = answer - answer.mean()
    whole = float(centred @ centred)
    if not names or whole <= 0:
        return dict.fromkeys(samples, 0.0)
    explained: dict[tuple[int, ...], float] = {(): 0.0}
    for size in range(1, len(names) + 1):
        for chosen in combinations(range(len(names)), size):
            matrix = np.column_stack([columns[names[index]] for index in chosen])
            fitted = matrix @ np.linalg.lstsq(matrix, centred, rcond=None)[0]
            explained[chosen] = float(fitted @ fitted) / whole
    adjusted = _adjusted(explained[tuple(range(len(names)))], len(answer), len(names))
    raw = {name: _averaged(index, len(names), explained) for index, name in enumerate(names)}
    total = sum(raw.values())
    factor = adjusted / total if total > 0 else 0.0
    return {name: max(raw.get(name, 0.0), 0.0) * factor for name in samples}


def _standardized(samples: Mapping[str, Sequence[float]], answer: Floats) -> dict[str, Floats]:
    """Return the parameters that vary, centred and scaled; at most so many as can be told apart."""
    found = {}
    for name, values in samples.items():
        column = np.array(values, dtype=np.float64)
        spread = float(column.std())
        if spread > 1e-12 * max(abs(float(column.mean())), 1e-300):
            found[name] = (column - column.mean()) / spread
    most = max(min(MOST_PARAMETERS, (len(answer) - 2) // 2), 0)
    centred = answer - answer.mean()
    closest = sorted(found, key=lambda name: -abs(float(found[name] @ centred)))[:most]
    return {name: found[name] for name in found if name in closest}


def _averaged(index: int, count: int, explained: Mapping[tuple[int, ...], float]) -> float:
    """Return what a parameter adds to the explained variance, averaged over all orders."""
    others = [other for other in range(count) if other != index]
    added = 0.0
    for size in range(count):
        weight = 1 / (count * math.comb(count - 1, size))
        for chosen in combinations(others, size):
            added += weight * (explained[tuple(sorted((*chosen, index)))] - explained[chosen])
    return added


def _adjusted(explained: float, draws: int, parameters: int) -> float:
    """Return the explained variance without what so many parameters explain by chance."""
    left = draws - parameters - 1
    return max(1 - (1 - explained) * (draws - 1) / left, 0.0) if left > 0 else explained


def not_told_apart(samples: Mapping[str, Sequence[float]]) -> list[tuple[str, str]]:
    """Return the pairs of parameters whose draws go together so closely that their shares are not known apart."""
    columns = {name: np.array(values, dtype=np.float64) for name, values in samples.items() if len(set(values)) > 1}
    return [
        (one, other)
        for one, other in combinations(columns, 2)
        if abs(float(np.corrcoef(columns[one], columns[other])[0, 1])) > NOT_TOLD_APART
    ]

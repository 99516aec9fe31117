"""Percentiles and mean over the levels: their proportions follow one family of distributions.

As the load grows, a system's response times change their scale and how widely they spread; how the percentiles
go with the spread stays its own. So each level's mean and percentiles are reduced to a spread (that of the gamma
distribution nearest to their proportions) and what is left over, and the left-over of a level is held against
that of the others, which changes little and slowly with the spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from calibration.audit.findings import Ledger
from calibration.audit.tolerances import ODD, rounding_of, sampling_factor
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]

FEWEST_LEVELS: Final = 4
FEWEST_STATISTICS: Final = 3
LARGEST_PERCENT: Final = 99.5
"""Percentiles beyond are left out: they rest on few operations."""
NOISE: Final = 0.0185
"""Of the logarithm of a proportion: what finite samples may do."""
SCATTER: Final = 0.51
"""More, relative to what the other levels show among themselves."""
EXTRAPOLATION: Final = 0.015
"""More for each unit of log spread that a level lies outside of the others."""
APART: Final = 0.044
"""More for each unit of the logarithm by which the nearest neighbour's scale differs."""
TURN: Final = 0.164
"""More, relative to how much the proportions differ between the neighbours: at a knee they change at once."""
LAST: Final = 0.108
"""More at the highest load, beyond which there is no witness: queues begin to rule the tail there.

These and ALONE and REST were chosen on 335 reports simulated under all disciplines, with locks, batches and think
time, so that some 1 % of clean ones are accused; `benchmarks/audit_accuracy.py` holds them against others."""
ALONE: Final = 0.8
"""Weight of what one statistic alone explains of a left-over, against the whole: a defect is in one figure."""
REST: Final = 0.6
"""Taken off for what one statistic does not explain: a change of the system moves several together."""
FEW: Final = 1.7
"""Factor on what is allowed where there are only three statistics: one error always explains those."""
WIDE: Final = 0.3
"""Range of the log spread of the others from which on the left-over may change with it."""
OTHER_FAMILY: Final = 0.3
"""Left-over from which on a distribution is none with one hump (measured reports of such have 0.03 to 0.2)."""
_SPREADS: Final = np.exp(np.linspace(np.log(0.02), np.log(6.0), 400))


def check_shape(levels: Sequence[Level], ledger: Ledger) -> None:
    """Find the level whose mean and percentiles do not go together as at the other levels."""
    names = common_statistics(levels)
    if len(levels) < FEWEST_LEVELS or len(names) < FEWEST_STATISTICS:
        reason = (
            f"it takes {FEWEST_LEVELS} levels and {FEWEST_STATISTICS} of mean and percentiles at each of them"
        )
        ledger.skip("shape", reason)
        return
    proportions = _proportions(levels, names)
    if np.median(_left_over(proportions, tuple(names))) > OTHER_FAMILY:
        ledger.skip("shape", "response times with several humps, as of few cores with many runnable tasks")
        return
    ledger.check("shape", len(levels))
    alone = _standing_alone(levels, names, proportions)
    departures = _departures(proportions, tuple(names), alone)
    worst = max(range(len(levels)), key=lambda index: departures[index].score)
    if departures[worst].score > 1.0:
        _report(ledger, levels, names, worst, departures[worst].statistic)


def common_statistics(levels: Sequence[Level]) -> list[str]:
    """Return mean and percentiles that all levels have and that are not 0."""
    if not levels:
        return []
    percents = set.intersection(*(set(level.percentiles_s) for level in levels))
    names = ["mean_s"] if all(level.mean_s for level in levels) else []
    return names + [
        percentile_name(percent)
        for percent in sorted(percents)
        if percent <= LARGEST_PERCENT and all(level.percentiles_s[percent] > 0 for level in levels)
    ]


def _proportions(levels: Sequence[Level], names: Sequence[str]) -> Numbers:
    """Return the logarithms of the statistics, by level, relative to their average."""
    logarithms = np.log([[level.figure(name) or 1.0 for name in names] for level in levels])
    return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))


@lru_cache(maxsize=64)
def _gamma_proportions(names: tuple[str, ...]) -> Numbers:
    """Return the same of gamma distributions, by spread (coefficient of variation)."""
    shape = _SPREADS**-2
    columns = [
        np.zeros_like(_SPREADS)
        if name == "mean_s"
        else np.log(np.maximum(stats.gamma.ppf(float(name[1:]) / 100.0, shape, scale=1.0 / shape), 1e-9))
        for name in names
    ]
    table = np.column_stack(columns)
    return np.asarray(table - table.mean(axis=1, keepdims=True))


def _left_over(proportions: Numbers, names: tuple[str, ...]) -> Numbers:
    """Return how far each level is from the nearest gamma distribution."""
    distances = ((proportions[:, None, :] - _gamma_proportions(names)[None]) ** 2).sum(axis=2)
    return np.asarray(np.sqrt(distances.min(axis=1)))


def _standing_alone(levels: Sequence[Level], names: Sequence[str], proportions: Numbers) -> Numbers:
    """Return what each level is allowed for its rounding and for how far its neighbours are.

    levels: in the order of their load.
    """
    weights = np.array([sampling_factor(name) for name in names])
    scales = np.array([np.log([level.figure(name) or 1.0 for name in names]).mean() for level in levels])
    last = len(levels) - 1
    allowed = []
    for index, level in enumerate(levels):
        around = [other for other in (index - 1, index + 1) if 0 <= other <= last]
        apart = min(abs(float(scales[index] - scales[other])) for other in around)
        one, other = (
            (1, 2) if index == 0 else (last - 2, last - 1) if index == last else (index - 1, index + 1)
        )
        turn = float(np.linalg.norm((proportions[one] - proportions[other]) / weights))
        rounding = max(rounding_of(level, name) for name in names)
        allowed.append(rounding + APART * apart + TURN * turn + LAST * (index == last))
    return np.array(allowed)


@dataclass(frozen=True)
class _Departure:
    """How far a level is from where the others put it.

    score: relative to what is allowed. statistic: the one that alone explains most of it.
    """

    score: float
    statistic: int


def _departures(proportions: Numbers, names: tuple[str, ...], alone: Numbers) -> list[_Departure]:
    """Return the departure of each level. alone: what each is allowed for standing alone."""
    table = _gamma_proportions(names)
    nearest = ((proportions[:, None, :] - table[None]) ** 2).sum(axis=2).argmin(axis=1)
    spreads, left_over = np.log(_SPREADS[nearest]), proportions - table[nearest]
    weights = np.array([sampling_factor(name) for name in names])
    found = []
    for index in range(len(proportions)):
        others = np.array([other for other in range(len(proportions)) if other != index])
        low, high = float(spreads[others].min()), float(spreads[others].max())
        design = np.ones((len(proportions), 1))
        if high - low > WIDE and len(others) >= FEWEST_LEVELS:
            margin = 0.1 * (high - low)
            design = np.column_stack([design, np.clip(spreads, low - margin, high + margin)])
        fitted, *_ = np.linalg.lstsq(design[others], left_over[others], rcond=None)
        scatter = left_over[others] - design[others] @ fitted
        noise = float(np.sqrt(((scatter / weights) ** 2).sum() / max(len(others) - design.shape[1], 1)))
        outside = max(low - float(spreads[index]), float(spreads[index]) - high, 0.0)
        allowed = NOISE + SCATTER * noise + EXTRAPOLATION * outside + float(alone[index])
        allowed *= FEW if len(names) == FEWEST_STATISTICS else 1.0
        off = left_over[index] - design[index] @ fitted
        along = table[min(nearest[index] + 3, len(table) - 1)] - table[max(nearest[index] - 3, 0)]
        found.append(_departure(off, along, weights, allowed))
    return found


def _departure(off: Numbers, along: Numbers, weights: Numbers, allowed: float) -> _Departure:
    """Judge a left-over by the statistic that alone explains most of it.

    along: direction in which the proportions change with the spread; what an error of one statistic moves along
    it is taken for spread and not left over.
    """
    direction = along / np.linalg.norm(along)
    errors = np.eye(len(off)) - 1.0 / len(off)  # of each statistic: the average is taken off
    errors -= np.outer(errors @ direction, direction)
    errors /= weights
    scaled = off / weights
    sizes = (errors @ scaled) / (errors**2).sum(axis=1)
    rests = np.linalg.norm(scaled - sizes[:, None] * errors, axis=1)
    statistic = int(rests.argmin())
    size = abs(float(sizes[statistic])) / float(weights[statistic])
    whole = float(np.linalg.norm(scaled))
    return _Departure(
        ((1.0 - ALONE) * whole + ALONE * size - REST * float(rests[statistic])) / allowed, statistic
    )


def _report(
    ledger: Ledger, levels: Sequence[Level], names: Sequence[str], worst: int, statistic: int
) -> None:
    level, name = levels[worst], names[statistic]
    listed = ", ".join(f"{named(one)} {shown(one, level.figure(one) or 0.0)}" for one in names)
    text = f"{listed} do not go together as at the other levels"
    stated, expected = level.figure(name) or 0.0, _expected(levels, names, worst, statistic)
    clear = len(names) > FEWEST_STATISTICS and abs(stated / expected - 1.0) >= ODD
    if clear:
        text += f"; by the others the {named(name)} would be about {shown(name, expected)}"
    ledger.find(
        "shape",
        "implausible",
        level,
        text,
        figures=(name,) if clear else tuple(names),
        stated=stated if clear else None,
        expected=expected if clear else None,
        explanations=(
            *(slips(stated, expected) if clear else ()),
            "figures of different runs or operations",
            "an event that hit this level alone: a pause, a full cache, a timeout",
        ),
    )


def _expected(levels: Sequence[Level], names: Sequence[str], worst: int, culprit: int) -> float:
    """Return where the other statistics of the level and all of the other levels put a statistic."""
    rest = [place for place in range(len(names)) if place != culprit]
    logarithms = np.log([[level.figure(name) or 1.0 for name in names] for level in levels])
    table = _gamma_proportions(tuple(names))
    part = logarithms[:, rest] - logarithms[:, rest].mean(axis=1, keepdims=True)
    candidates = table[:, rest] - table[:, rest].mean(axis=1, keepdims=True)
    nearest = ((part[:, None, :] - candidates[None]) ** 2).sum(axis=2).argmin(axis=1)
    by_gamma = (
        logarithms[:, rest].mean(axis=1) + table[nearest, culprit] - table[nearest][:, rest].mean(axis=1)
    )
    others = [index for index in range(len(levels)) if index != worst]
    correction = float(np.median(logarithms[others, culprit] - by_gamma[others]))
    return float(np.exp(by_gamma[worst] + correction))

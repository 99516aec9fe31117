"""Percentiles and mean over the levels: their proportions follow one family of distributions.

As the load grows, a system's response times change their scale and how widely they spread; how the percentiles
go with the spread stays its own. So each level's mean and percentiles are reduced to a spread (that of the gamma
distribution nearest to their proportions) and what is left over, and the left-over of a level is held against
that of the others, which changes little and slowly with the spread.
"""

from __future__ import annotations

from collections.abc import Sequence
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
NOISE: Final = 0.022
"""Of the logarithm of a proportion: what finite samples may do."""
SCATTER: Final = 0.76
"""More, relative to what the other levels show among themselves."""
EXTRAPOLATION: Final = 0.023
"""More for each unit of log spread that a level lies outside of the others."""
APART: Final = 0.05
"""More for each unit of the logarithm by which the nearest neighbour's scale differs."""
TURN: Final = 0.124
"""More, relative to how much the proportions differ between the neighbours: at a knee they change at once."""
LAST: Final = 0.165
"""More at the highest load, beyond which there is no witness: queues begin to rule the tail there.

These six were chosen on 180 reports simulated under all disciplines, with locks, batches and think time, so that
some 1 % of clean ones are accused; `benchmarks/audit_accuracy.py` holds them against others."""
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
    scores = _out_of_line(proportions, tuple(names), _standing_alone(levels, names, proportions))
    worst = max(range(len(levels)), key=lambda index: scores[index][0])
    if scores[worst][0] > 1.0:
        _report(ledger, levels, names, worst, _culprit(proportions, names, worst))


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


def _out_of_line(proportions: Numbers, names: tuple[str, ...], alone: Numbers) -> list[tuple[float, Numbers]]:
    """Return how far each level is from where the others put it, relative to what is allowed, and by how much."""
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
        off = left_over[index] - design[index] @ fitted
        allowed = NOISE + SCATTER * noise + EXTRAPOLATION * outside + float(alone[index])
        found.append((float(np.linalg.norm(off / weights)) / allowed, off))
    return found


def _culprit(proportions: Numbers, names: Sequence[str], worst: int) -> int | None:
    """Return the statistic without which the level is most in line; None if too few would be left."""
    if len(names) <= FEWEST_STATISTICS:
        return None

    def remaining(left_out: int) -> float:
        rest = [place for place in range(len(names)) if place != left_out]
        part = proportions[:, rest] - proportions[:, rest].mean(axis=1, keepdims=True)
        kept = tuple(names[place] for place in rest)
        return _out_of_line(part, kept, np.zeros(len(proportions)))[worst][0]

    return min(range(len(names)), key=remaining)


def _report(
    ledger: Ledger, levels: Sequence[Level], names: Sequence[str], worst: int, culprit: int | None
) -> None:
    level = levels[worst]
    listed = ", ".join(f"{named(name)} {shown(name, level.figure(name) or 0.0)}" for name in names)
    text = f"{listed} do not go together as at the other levels"
    stated = expected = None
    if culprit is not None:
        stated, expected = level.figure(names[culprit]), _expected(levels, names, worst, culprit)
        text += (
            f"; by the others the {named(names[culprit])} would be about {shown(names[culprit], expected)}"
        )
        if abs((stated or 0.0) / expected - 1.0) < ODD:
            stated = expected = None
    ledger.find(
        "shape",
        "implausible",
        level,
        text,
        figures=tuple(names) if culprit is None else (names[culprit],),
        stated=stated,
        expected=expected,
        explanations=(
            *(slips(stated, expected) if stated and expected else ()),
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

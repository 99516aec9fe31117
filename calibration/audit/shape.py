"""Percentiles and mean over the levels: what one statistic of one level should be by all the others.

As the load grows, a system's response times change their scale and how widely they spread, and the form of their
distribution changes little and smoothly with the scale. Each figure is predicted from all others
(`calibration.audit.shape_model`); one is accused that is far beyond its prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from calibration.audit.findings import Ledger
from calibration.audit.shape_model import predicted_from_all_others
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

FEWEST_LEVELS: Final = 3
FEWEST_STATISTICS: Final = 2
LARGEST_PERCENT: Final = 99.5
"""Percentiles beyond are left out: they rest on few operations."""
ACCUSED: Final = 5e-5
"""A level is accused where a figure so far off, of any of the report's, is less likely than this."""
LEAST: Final = 0.085
"""Natural logarithm of how far off an accused figure is at least: tails of short runs vary by some percent."""


def check_shape(levels: Sequence[Level], ledger: Ledger) -> None:
    """Find the level whose mean and percentiles do not go together as at the other levels."""
    names = common_statistics(levels)
    if len(levels) < FEWEST_LEVELS or len(names) < FEWEST_STATISTICS:
        reason = f"it takes {FEWEST_LEVELS} levels and {FEWEST_STATISTICS} of mean and percentiles at each of them"
        ledger.skip("shape", reason)
        return
    if _has_steps(levels, names):
        ledger.skip("shape", "percentiles are equal, so that times have steps, across which a percentile jumps")
        return
    ledger.check("shape", len(levels))
    figures = np.log([[level.figure(name) or 1.0 for name in names] for level in levels])
    rounding = np.array([[level.relative_rounding(name) for name in names] for level in levels])
    loads = np.array([level.load or 0.0 for level in levels])
    if not loads.all():
        loads = figures.mean(axis=1)
    left_out = predicted_from_all_others(names, figures, rounding, loads)
    chance = np.where(np.abs(left_out.off) >= LEAST, left_out.chance, 1.0)
    level, statistic = np.unravel_index(int(chance.argmin()), figures.shape)
    if chance.min() * figures.size < ACCUSED:
        _report(ledger, levels, names, (int(level), int(statistic)), float(left_out.off[level, statistic]))


def _has_steps(levels: Sequence[Level], names: Sequence[str]) -> bool:
    """Return whether two percentiles of a level are equal: many operations take the same time."""
    values = [[level.figure(name) for name in names if name != "mean_s"] for level in levels]
    return any(len(set(row)) < len(row) for row in values)


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


def _report(ledger: Ledger, levels: Sequence[Level], names: Sequence[str], place: tuple[int, int], off: float) -> None:
    level, name = levels[place[0]], names[place[1]]
    stated = level.figure(name) or 0.0
    expected = stated * float(np.exp(-off))
    listed = ", ".join(f"{named(one)} {shown(one, level.figure(one) or 0.0)}" for one in names)
    ledger.find(
        "shape",
        "implausible",
        level,
        f"{listed} do not go together as at the other levels; by the others the {named(name)} would be about "
        f"{shown(name, expected)}",
        figures=(name,),
        stated=stated,
        expected=expected,
        explanations=(
            *slips(stated, expected),
            "figures of different runs or operations",
            "an event that hit this level alone: a pause, a full cache, a timeout",
        ),
    )

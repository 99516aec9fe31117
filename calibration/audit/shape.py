"""Percentiles and mean over the levels: what one statistic of one level should be by all the others.

As the load grows, a system's response times change their scale and how widely they spread, and the form of their
distribution changes little and smoothly with the scale. So the logarithms of the statistics are taken as a Gaussian
process over the scale of the levels (kriging): a free scale of each level, a free proportion of each statistic, a
spread that varies smoothly with the scale, and a smaller smooth change of form. How much form and spread vary in this
report, and how large its sampling noise is, is weighed by the report's own figures. Each figure is then predicted
from all others (leave-one-out residuals; Dubrule, 1983); one is accused that is far beyond its prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from calibration.audit.findings import Ledger
from calibration.audit.tolerances import sampling_factor
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]

FEWEST_LEVELS: Final = 3
FEWEST_STATISTICS: Final = 2
LARGEST_PERCENT: Final = 99.5
"""Percentiles beyond are left out: they rest on few operations."""
ACCUSED: Final = 1.5e-4
"""A level is accused where a figure so far off, of any of the report's, is less likely than this. It is far below the
share of clean reports that are accused, because the process is a simple picture of many systems."""
LEAST: Final = 0.075
"""Natural logarithm of how far off an accused figure is at least: tails of short runs vary by some percent."""
FORM_SCALE: Final = 1.8
"""Natural logarithm of the scale over which the form stays alike."""
BEND_SCALE: Final = 0.25
"""The same of a smaller part of the form, which changes faster: at a knee."""
BEND_OVER_FORM: Final = 0.2
"""Standard deviation of that part over that of the form."""
SPREAD_SCALE: Final = 1.5
SPREAD_OVER_FORM: Final = 7.0
"""Standard deviation of what the spread adds for each unit of the normal score, over that of the form."""
ALIKE: Final = 1.4
"""Distance in normal scores over which percentiles change their form together."""
STEEP: Final = 1.4
"""Power of the steepness of the quantile function beside a percentile by which its form varies more: where operations
of two kinds leave a gap between their times, a small change of their shares moves a percentile across it."""
FLATTEST, STEEPEST = 0.5, 6.0
"""Bounds of a steepness, relative to the median one."""
FORMS: Final = tuple(np.exp(np.linspace(np.log(0.014), np.log(0.63), 7)))
"""Standard deviations of the form, natural logarithm, that are weighed: all as likely."""
NOISES: Final = ((0.0015, 0.45), (0.003, 0.2), (0.006, 0.15), (0.012, 0.15))
"""Relative sampling noise of a median, and how likely each is: from a hundred thousand operations to some hundred."""
FREE: Final = 10.0
"""Standard deviation of what is free: the scale of a level and the proportion of a statistic."""
MEAN_SCORE: Final = 0.55
"""Normal score that a mean behaves like: it lies above the median where the tail is long."""
_NORMAL = NormalDist()


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
    left_out = leave_one_out(names, figures, rounding)
    level, statistic = np.unravel_index(int(left_out.chance.argmin()), figures.shape)
    off = float(left_out.off[level, statistic])
    if left_out.chance.min() * figures.size < ACCUSED and abs(off) >= LEAST:
        _report(ledger, levels, names, (int(level), int(statistic)), off)


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


@dataclass(frozen=True)
class LeftOut:
    """Every figure against its prediction from all others; (levels, statistics).

    off: natural logarithm of stated over expected. chance: of being at least so far off.
    """

    off: Numbers
    chance: Numbers


def leave_one_out(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut:
    """Predict each figure from all others, over all variations and noises by how well they suit those others.

    names: of the statistics. figures: (levels, statistics), natural logarithms. rounding: relative, of each.
    """
    spread, form = _smooth_parts(names, figures)
    free = _free_part(*figures.shape)
    factors = np.tile([sampling_factor(name) for name in names], len(figures))
    centred = (figures - figures.mean()).ravel()
    weights, offs, deviations = [], [], []
    for variation, (noise, likely) in product(FORMS, NOISES):
        covariance = free + variation**2 * (form + SPREAD_OVER_FORM**2 * spread)
        covariance += np.diag((noise * factors) ** 2 + rounding.ravel() ** 2)
        inverse = np.linalg.inv(covariance)
        pulled, precision = inverse @ centred, np.diag(inverse)
        fits = -0.5 * (centred @ pulled + np.linalg.slogdet(covariance)[1])
        off = pulled / precision
        weights.append(np.log(likely) + fits + 0.5 * (off**2 * precision - np.log(precision)))
        offs.append(off)
        deviations.append(1.0 / np.sqrt(precision))
    weight = np.exp(np.array(weights) - np.max(weights, axis=0))
    weight /= weight.sum(axis=0)
    chance = (weight * 2.0 * ndtr(-np.abs(offs) / np.array(deviations))).sum(axis=0)
    expected = (weight * np.array(offs)).sum(axis=0)
    return LeftOut(expected.reshape(figures.shape), chance.reshape(figures.shape))


def _smooth_parts(names: Sequence[str], figures: Numbers) -> tuple[Numbers, Numbers]:
    """Return covariances of spread and form, of unit variance at a normal score of 1, over the levels' scales."""
    scales = figures.mean(axis=1)
    apart = np.abs(scales[:, None] - scales[None])
    scores = np.array([_score(name) for name in names])
    spread = np.kron(_matern(apart / SPREAD_SCALE), np.outer(scores, scores))
    varying = _steepness(names, figures) ** STEEP
    alike = np.exp(-np.abs(scores[:, None] - scores[None]) / ALIKE) * np.outer(varying, varying)
    form = _matern(apart / FORM_SCALE) + BEND_OVER_FORM**2 * _rougher(apart / BEND_SCALE)
    return np.asarray(spread), np.asarray(np.kron(form, alike))


def _steepness(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return how steep the quantile function is beside each percentile at most levels, over the median; 1 for a mean.

    It is the gap to the next percentile, in logarithms, over that of their normal scores: constant for a log-normal.
    """
    steep = np.ones(len(names))
    percentiles = [place for place, name in enumerate(names) if name != "mean_s"]
    if len(percentiles) < 2:
        return steep
    gaps = np.median(np.diff(figures[:, percentiles], axis=1), axis=0)
    gaps /= np.diff([_score(names[place]) for place in percentiles])
    sides = np.concatenate([[0.0], gaps, [0.0]])
    usual = max(float(np.median(gaps)), 0.05)
    steep[percentiles] = np.clip(np.maximum(sides[:-1], sides[1:]) / usual, FLATTEST, STEEPEST)
    return steep


def _free_part(levels: int, statistics: int) -> Numbers:
    scale = np.kron(np.eye(levels), np.ones((statistics, statistics)))
    proportion = np.kron(np.ones((levels, levels)), np.eye(statistics))
    return np.asarray(FREE**2 * (scale + 0.08 * proportion))


def _matern(apart: Numbers) -> Numbers:
    """Matérn covariance with smoothness 5/2: twice differentiable, as response time is over the load."""
    root = np.sqrt(5.0) * apart
    return np.asarray((1.0 + root + root**2 / 3.0) * np.exp(-root))


def _rougher(apart: Numbers) -> Numbers:
    """Matérn covariance with smoothness 3/2."""
    root = np.sqrt(3.0) * apart
    return np.asarray((1.0 + root) * np.exp(-root))


def _score(name: str) -> float:
    return MEAN_SCORE if name == "mean_s" else _NORMAL.inv_cdf(_percent(name) / 100.0)


def _percent(name: str) -> float:
    return 99.9 if name == "p999" else float(name[1:])


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

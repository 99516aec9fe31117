"""Percentiles and mean over the levels: what one statistic of one level should be by all the others.

As the load grows, a system's response times change their scale and how widely they spread, and the form of their
distribution changes little and smoothly with the scale: each figure is predicted from all others, by logarithms
(`calibration.audit.shape_model`) and by the gaps between them (`calibration.audit.gaps_model`). Each statistic keeps a
course of its own over what is served (`calibration.audit.load_curve`). And at the highest load of an open system, where
a form does not go on as it went before, it is as usual (`calibration.audit.highest_load`). A figure is accused that is
far beyond one of these predictions, or beyond two of them together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.audit.findings import Ledger
from calibration.audit.gaps_model import predicted_from_gaps
from calibration.audit.highest_load import at_the_highest_load
from calibration.audit.left_out import LeftOut, agreed
from calibration.audit.load_curve import along_the_load
from calibration.audit.served import growing
from calibration.audit.shape_model import across_gaps, predicted_from_all_others
from calibration.audit.statistics_of_levels import (
    against_neighbours,
    common_statistics,
    figures_of,
    has_steps,
    next_to_atoms,
)
from calibration.audit.tolerances import sampling_factor
from calibration.audit.words import named, shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]

FEWEST_LEVELS: Final = 3
FEWEST_STATISTICS: Final = 2
BY_FORM: Final = 0.17
"""A level is accused where one so far from what all others say, of any of the report's, is less likely than this."""
BY_LOAD: Final = 2e-3
"""The same of a figure that is held against those of its own statistic alone."""
BY_BOTH: Final = 3.5e-3
"""The same of both together."""
BY_HIGHEST: Final = 1e-4
"""The same of the highest load by what is usual there."""
BY_FORM_AND_HIGHEST: Final = 2e-3
"""The same of that together with the form."""
LEAST: Final = 0.09
"""Natural logarithm of how far off an accused figure is at least: tails of short runs vary by some percent. Beside a
gap between the times of two kinds of operations it is more."""


SEEN_BESIDE: Final = 0.03
"""Natural logarithm by which a figure moves against those beside it, where it is accused of its form: what only an
extrapolation says is no more than a knee."""
SEEN_SHARE: Final = 0.6
"""The same as a share of how far off it is: of what is farther off, more must be seen."""
ALONE: Final = 2.0
"""How many times farther than the others of its level a figure must leave its course: together they are a knee."""


class _Odd(NamedTuple):
    """A figure that is out of shape: where, how far off (natural logarithm), and whether its course alone says so."""

    level: int
    statistic: int
    off: float
    by_load: bool


def check_shape(levels: Sequence[Level], ledger: Ledger) -> None:
    """Find the level whose mean and percentiles do not go together as at the other levels, or leave their course."""
    names = common_statistics(levels)
    if len(levels) < FEWEST_LEVELS or not names:
        ledger.skip("shape", f"it takes {FEWEST_LEVELS} levels with the mean or the same percentile at each of them")
        return
    ordered = sorted(levels, key=lambda level: level.load or 0.0)
    figures, rounding = figures_of(ordered, names)
    by_form = _by_form(ordered, names, figures, rounding)
    by_load = _by_load(ordered, names, figures, rounding)
    if by_form is None and by_load is None:
        ledger.skip(
            "shape",
            "percentiles are equal, so that times have steps, across which a percentile jumps"
            if has_steps(figures, names)
            else f"it takes {FEWEST_STATISTICS} of mean and percentiles, or {FEWEST_LEVELS} loads that are served",
        )
        return
    ledger.check("shape", len(ordered))
    highest = _at_the_highest(ordered, names, figures, rounding)
    odd = _least_likely(_held(by_form, by_load, highest, _Beside(names, figures, rounding)))
    if odd is not None and not ledger.found_at("shape", ordered[odd.level]):
        _report(ledger, ordered, names, odd)


def _by_form(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    if len(names) < FEWEST_STATISTICS or has_steps(figures, names):
        return None
    loads = np.array([level.load or 0.0 for level in levels])
    ordered_by = loads if loads.all() else figures.mean(axis=1)
    of_logarithms = predicted_from_all_others(names, figures, rounding, ordered_by)
    return agreed(of_logarithms, predicted_from_gaps(names, figures, rounding, ordered_by))


def _by_load(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    """Return each figure against those of the other loads, as far as what is served grows; else as expected."""
    served = growing(levels)
    count = len(served)
    if count < FEWEST_LEVELS or len(set(served)) < count:
        return None
    found = along_the_load(served, figures[:count], rounding[:count], np.array([sampling_factor(one) for one in names]))
    off, chance = np.zeros(figures.shape), np.ones(figures.shape)
    off[:count], chance[:count] = found.off, found.chance
    return LeftOut(off, chance)


def _at_the_highest(
    levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers
) -> LeftOut | None:
    """Return the figures of the highest load against what is usual there; None for a closed system, or with steps."""
    if any(level.kind != "open" for level in levels) or has_steps(figures, names):
        return None
    return at_the_highest_load(names, figures, rounding)


class _Beside:
    """What is seen of a figure beside its neighbours, whatever predicts it."""

    def __init__(self, names: Sequence[str], figures: Numbers, rounding: Numbers) -> None:
        self._told = np.tile(~next_to_atoms(figures, rounding, names), (len(figures), 1))
        self._least = LEAST + across_gaps(names, figures)
        self._apart = against_neighbours(figures, names) if len(names) > 1 else np.zeros(figures.shape)

    def told(self, off: Numbers) -> NDArray[np.bool_]:
        """Return which figures are so far off that they can be told from those of clean reports."""
        return np.asarray(self._told & (np.abs(off) >= self._least))

    def seen(self, off: Numbers) -> NDArray[np.bool_]:
        """Return which of them move against those beside them as much as they are said to be off."""
        least = np.maximum(SEEN_BESIDE, SEEN_SHARE * np.abs(off))
        return np.asarray(self.told(off) & (np.sign(off) * self._apart >= least))


class _Held(NamedTuple):
    """Figures against a prediction: which of them it may accuse, below which chance, and whether it is their course."""

    found: LeftOut
    judged: NDArray[np.bool_]
    limit: float
    by_load: bool = False


def _held(by_form: LeftOut | None, by_load: LeftOut | None, highest: LeftOut | None, beside: _Beside) -> list[_Held]:
    """Return each prediction that there is, and those that count together."""
    held = []
    if by_load is not None:
        alone = _apart_from_its_level(by_load)
        held.append(_Held(alone, beside.told(alone.off), BY_LOAD, True))
    if by_form is not None:
        seen = beside.seen(by_form.off)
        held.append(_Held(by_form, seen, BY_FORM))
        if by_load is not None:
            held.append(_Held(_together(by_form, alone), seen, BY_BOTH))
    if by_form is not None and highest is not None:
        seen = beside.seen(highest.off)
        held += [
            _Held(highest, seen, BY_HIGHEST),
            _Held(_together(by_form, highest), seen & beside.seen(by_form.off), BY_FORM_AND_HIGHEST),
        ]
    return held


def _least_likely(held: Sequence[_Held]) -> _Odd | None:
    """Return the figure that is out of shape by the most; None if none is."""
    worst: tuple[float, _Odd] | None = None
    for one in held:
        chance = np.where(one.judged, one.found.chance, 1.0)
        level, statistic = np.unravel_index(int(chance.argmin()), chance.shape)
        beyond = float(chance.min()) * chance.size / one.limit
        odd = _Odd(int(level), int(statistic), float(one.found.off[level, statistic]), one.by_load)
        if beyond < 1.0 and (worst is None or beyond < worst[0]):
            worst = beyond, odd
    return None if worst is None else worst[1]


def _apart_from_its_level(by_load: LeftOut) -> LeftOut:
    """Take no figure for odd whose level leaves its course as a whole."""
    count = by_load.off.shape[1]
    if count == 1:
        return by_load
    others = np.column_stack([np.median(np.delete(by_load.off, place, axis=1), axis=1) for place in range(count)])
    alone = np.abs(by_load.off) >= ALONE * np.sign(by_load.off) * others
    return LeftOut(by_load.off, np.where(alone, by_load.chance, 1.0))


def _together(by_form: LeftOut, other: LeftOut) -> LeftOut:
    """Combine two chances of one figure, where both say that it is off to the same side (Fisher, 1932)."""
    product = np.maximum(by_form.chance * other.chance, 1e-300)
    agree = (by_form.off * other.off > 0.0) & (np.minimum(np.abs(by_form.off), np.abs(other.off)) >= LEAST)
    return LeftOut(by_form.off, np.where(agree, product * (1.0 - np.log(product)), 1.0))


def _report(ledger: Ledger, levels: Sequence[Level], names: Sequence[str], odd: _Odd) -> None:
    level, name = levels[odd.level], names[odd.statistic]
    stated = level.figure(name) or 0.0
    expected = stated * float(np.exp(-odd.off))
    listed = ", ".join(f"{named(one)} {shown(one, level.figure(one) or 0.0)}" for one in names)
    said = (
        f"the {named(name)} is {shown(name, stated)}; on the course that it takes over what is served at the other "
        f"levels it would be about {shown(name, expected)}"
        if odd.by_load
        else f"{listed} do not go together as at the other levels; by the others the {named(name)} would be about "
        f"{shown(name, expected)}"
    )
    ledger.find(
        "shape",
        "implausible",
        level,
        said,
        figures=(name,),
        stated=stated,
        expected=expected,
        explanations=(
            *slips(stated, expected),
            "figures of different runs or operations",
            "an event that hit this level alone: a pause, a full cache, a timeout",
        ),
    )

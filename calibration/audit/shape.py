"""Percentiles and mean over the levels: what one statistic of one level should be by all the others.

As the load grows, a system's response times change their scale and how widely they spread, and the form of their
distribution changes little and smoothly with the scale: each figure is predicted from all others, by logarithms
(`calibration.audit.shape_model`) and by the gaps between them (`calibration.audit.gaps_model`). A mean is that of a
distribution through its percentiles, nearly (`calibration.audit.mean_of_percentiles`). Each statistic keeps a course of
its own over what is served (`calibration.audit.load_curve`). And at the highest load of an open system, where a form
does not go on as it went before, it is as usual (`calibration.audit.highest_load`). A figure is accused that is far
beyond one of these predictions, or beyond two of them together.
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
from calibration.audit.mean_of_percentiles import predicted_by_means
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


class _Limit(NamedTuple):
    """Chances below which a figure is accused: between other loads, at the lowest and at the highest one.

    They are of one so far off, of any of the report's. Past an end a prediction is an extrapolation, and clean figures
    are farther off than it says.
    """

    between: float
    lowest: float
    highest: float

    def of(self, levels: int) -> Numbers:
        """Return that of each level, by increasing load: (levels, 1)."""
        limits = np.full((levels, 1), self.between)
        limits[0], limits[-1] = self.lowest, self.highest
        return limits


BY_FORM: Final = _Limit(0.3, 0.08, 0.14)
"""By what all others say of it, where as much is seen beside its neighbours."""
BY_FORM_UNSEEN: Final = _Limit(0.01, 0.01, 0.01)
"""The same where less is seen beside them, as next to a knee."""
BY_FORM_AT_ATOMS: Final = _Limit(0.005, 0.005, 0.005)
"""The same where it may jump, as many operations take just one time."""
BY_MEAN: Final = _Limit(0.02, 0.02, 0.02)
"""By the mean of a distribution through the percentiles of its level."""
BY_LOAD: Final = _Limit(2e-3, 6e-3, 2e-3)
"""By those of its own statistic alone."""
BY_LOAD_OF_ONE: Final = _Limit(3.5e-3, 3.5e-3, 3.5e-3)
"""The same where the report has no other statistic."""
BY_BOTH: Final = _Limit(3.5e-3, 3.5e-3, 3.5e-3)
"""By the form and by those of its own statistic together."""
BY_HIGHEST: Final = _Limit(0.0, 0.0, 4e-4)
"""By what is usual at the highest load."""
BY_FORM_AND_HIGHEST: Final = _Limit(0.0, 0.0, 5e-3)
"""By that together with the form."""
LEAST: Final = 0.09
"""Natural logarithm of how far off an accused figure is at least: tails of short runs vary by some percent. Beside a
gap between the times of two kinds of operations it is more."""
LEAST_OF_MEAN: Final = 0.06
"""The same of a mean beside its percentiles, which vary with it."""
SEEN_BESIDE: Final = 0.03
"""Natural logarithm by which a figure moves against those beside it, where it is accused of its form: what only an
extrapolation says is no more than a knee."""
SEEN_SHARE: Final = 0.6
"""The same as a share of how far off it is: of what is farther off, more must be seen."""
ALONE: Final = 2.0
"""How many times farther than the others of its level a figure must leave its course: together they are a knee."""


NEVER: Final = 1e-300
"""A limit of chance that is never reached."""


class _Odd(NamedTuple):
    """A figure that is out of shape: where, how far off (natural logarithm), and what says so."""

    level: int
    statistic: int
    off: float
    by: str


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
    by_mean = _by_mean(ordered, names, figures, rounding)
    if by_form is None and by_load is None and by_mean is None:
        ledger.skip(
            "shape",
            "percentiles are equal, so that times have steps, across which a percentile jumps"
            if has_steps(figures, names)
            else f"it takes {FEWEST_STATISTICS} of mean and percentiles, or {FEWEST_LEVELS} loads that are served",
        )
        return
    ledger.check("shape", len(ordered))
    highest = _at_the_highest(ordered, names, figures, rounding)
    odd = _least_likely(_held(by_form, by_load, by_mean, highest, _Beside(names, figures, rounding)))
    if odd is not None and not ledger.found_at("shape", ordered[odd.level]):
        _report(ledger, ordered, names, odd)


def _by_form(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    if len(names) < FEWEST_STATISTICS or has_steps(figures, names):
        return None
    order = _order(levels, figures)
    of_logarithms = predicted_from_all_others(names, figures, rounding, order)
    return agreed(of_logarithms, predicted_from_gaps(names, figures, rounding, order))


def _by_mean(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    found = predicted_by_means(names, figures, rounding, _order(levels, figures))
    return None if found is None else agreed(found, None)


def _order(levels: Sequence[Level], figures: Numbers) -> Numbers:
    """Return by what levels are near each other: their load, or else their response times."""
    loads = np.array([level.load or 0.0 for level in levels])
    return loads if loads.all() else np.asarray(figures.mean(axis=1))


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
        self.jumps = np.tile(next_to_atoms(figures, rounding, names), (len(figures), 1))
        self._least = LEAST + across_gaps(names, figures)
        self._apart = against_neighbours(figures, names) if len(names) > 1 else np.zeros(figures.shape)
        self._is_mean = np.tile([name == "mean_s" for name in names], (len(figures), 1))

    def told(self, off: Numbers) -> NDArray[np.bool_]:
        """Return which figures are so far off that they can be told from those of clean reports."""
        return np.asarray(~self.jumps & self.far(off))

    def far(self, off: Numbers) -> NDArray[np.bool_]:
        """Return the same where any may jump."""
        return np.asarray(np.abs(off) >= self._least)

    def seen(self, off: Numbers) -> NDArray[np.bool_]:
        """Return which of them move against those beside them as much as they are said to be off."""
        least = np.maximum(SEEN_BESIDE, SEEN_SHARE * np.abs(off))
        return np.asarray(self.far(off) & (np.sign(off) * self._apart >= least))

    def means(self, off: Numbers) -> NDArray[np.bool_]:
        """Return which figures are means that are so far off their percentiles."""
        return np.asarray(self._is_mean & (np.abs(off) >= LEAST_OF_MEAN))


class _Held(NamedTuple):
    """Figures against a prediction: which of them it may accuse, below which chance, and what says so."""

    found: LeftOut
    judged: NDArray[np.bool_]
    limit: _Limit
    by: str = "form"


def _held(
    by_form: LeftOut | None, by_load: LeftOut | None, by_mean: LeftOut | None, highest: LeftOut | None, beside: _Beside
) -> list[_Held]:
    """Return each prediction that there is, and those that count together."""
    held = []
    if by_mean is not None:
        held.append(_Held(by_mean, beside.means(by_mean.off), BY_MEAN, "mean"))
    if by_load is not None:
        alone = _apart_from_its_level(by_load)
        limit = BY_LOAD if alone.off.shape[1] > 1 else BY_LOAD_OF_ONE
        held.append(_Held(alone, beside.told(alone.off), limit, "load"))
    if by_form is not None:
        seen = beside.seen(by_form.off) & ~beside.jumps
        held += [
            _Held(by_form, seen, BY_FORM),
            _Held(by_form, beside.told(by_form.off), BY_FORM_UNSEEN),
            _Held(by_form, beside.seen(by_form.off) & beside.jumps, BY_FORM_AT_ATOMS),
        ]
        if by_load is not None:
            held.append(_Held(_together(by_form, alone), seen, BY_BOTH))
    if by_form is not None and highest is not None:
        seen_there = beside.seen(highest.off) & ~beside.jumps
        held += [
            _Held(highest, seen_there, BY_HIGHEST),
            _Held(_together(by_form, highest), seen_there & seen, BY_FORM_AND_HIGHEST),
        ]
    return held


def _least_likely(held: Sequence[_Held]) -> _Odd | None:
    """Return the figure that is out of shape by the most; None if none is."""
    worst: tuple[float, _Odd] | None = None
    for one in held:
        levels, count = one.judged.shape
        figures = levels if one.by == "mean" else levels * count
        limit = np.maximum(one.limit.of(levels), NEVER)
        beyond = np.where(one.judged, one.found.chance, 1.0) * figures / limit
        level, statistic = np.unravel_index(int(beyond.argmin()), beyond.shape)
        odd = _Odd(int(level), int(statistic), float(one.found.off[level, statistic]), one.by)
        if beyond.min() < 1.0 and (worst is None or beyond.min() < worst[0]):
            worst = float(beyond.min()), odd
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
    told = [one for one in names if odd.by != "mean" or one != name]
    listed = ", ".join(f"{named(one)} {shown(one, level.figure(one) or 0.0)}" for one in told)
    is_ = f"the {named(name)} is {shown(name, stated)}"
    said = {
        "form": f"{listed} do not go together as at the other levels; by the others the {named(name)} would be about "
        f"{shown(name, expected)}",
        "load": f"{is_}; on the course that it takes over what is served at the other levels it would be about "
        f"{shown(name, expected)}",
        "mean": f"{is_}; a distribution with {listed} has, as at the other levels, one of about "
        f"{shown(name, expected)}",
    }[odd.by]
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

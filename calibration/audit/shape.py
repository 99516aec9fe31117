"""Percentiles and mean over the levels: what one statistic of one level should be by all the others.

As the load grows, a system's response times change their scale and how widely they spread, and the form of their
distribution changes little and smoothly with the scale: each figure is predicted from all others, by logarithms
(`calibration.audit.shape_model`) and by the gaps between them (`calibration.audit.gaps_model`). How a form changes from
one load to the next is much the same for all services (`calibration.audit.usual_forms`). Each statistic keeps a course
of its own over what is served (`calibration.audit.load_curve`). And a mean is that of a distribution through its
percentiles, nearly (`calibration.audit.mean_of_percentiles`). These predictions are weighed by their precision; where
they differ, none is sure. A figure is accused where it is so much likelier to be wrong than right, by what they say
together, that hardly any of a clean report would be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibration.audit.findings import Ledger
from calibration.audit.gaps_model import predicted_from_gaps
from calibration.audit.left_out import FREEDOM, LeftOut, agreed
from calibration.audit.load_curve import along_the_load
from calibration.audit.mean_of_percentiles import predicted_by_means
from calibration.audit.served import growing
from calibration.audit.shape_model import across_gaps, predicted_from_all_others
from calibration.audit.statistics_of_levels import (
    common_statistics,
    figures_of,
    has_steps,
    next_to_atoms,
    percentiles_of,
)
from calibration.audit.tolerances import sampling_factor
from calibration.audit.usual_forms import predicted_as_usual
from calibration.audit.words import named, shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]

FEWEST_LEVELS: Final = 3
FEWEST_STATISTICS: Final = 2


class _Trust(NamedTuple):
    """How far a prediction is trusted: its deviation is longer by a factor, and by what it never knows.

    Both were chosen on simulated services, so that of their defects as many as possible are found and few clean reports
    accused (docs/audit.md).
    """

    factor: float
    unknown: float


TRUST: Final = {
    "form": _Trust(1.8, 0.004),
    "usual": _Trust(1.6, 0.004),
    "load": _Trust(1.45, 0.012),
    "mean": _Trust(2.8, 0.007),
}
DIFFERENT: Final = 0.2
"""Share of the variance between predictions that counts beside their own."""
GAP: Final = 0.5
"""Share of a jump across a gap beside a percentile by which a prediction may be off."""
JUMP: Final = 0.12
"""Natural logarithm by which a percentile may jump beside a time that many operations take."""
WRONG: Final = (0.12, 0.25, 0.4)
"""Natural logarithms by which a wrong figure is off, each as likely: what is left out or counted twice is off by a part
of the figure, as are figures of another run."""
BY_FAR: Final = 0.05
"""How likely a wrong figure is off by any one greater size, over one of those: by a unit, or a digit."""
LIMIT: Final = -0.9
"""Natural logarithm of how much likelier a figure is wrong than right, over the number of figures, that is accused."""
LESS_LIKELY: Final = 1.0
"""The same by which more is asked of two kinds of figures that are out of line in clean reports too: the highest
percentile at the highest load, where a tail may begin, and those between the lowest and the highest at the lowest load,
where hardly anything waits, so that they lie at the edge of what operations of one kind take."""
NOTHING: Final = 1e-12
"""A precision by which nothing is known."""
KNOWN: Final = 1.0
"""Deviation, natural logarithm, above which nothing is known of a figure."""
ALONE: Final = 2.0
"""How many times farther than the others of its level a figure must leave its course: together they are a knee."""
SUREST: Final = 1e-3
"""Deviations, as of a normal distribution, that a figure is off at least where only the chance of that is known."""


class _Odd(NamedTuple):
    """A figure that is out of shape: where, how far off (natural logarithm), and what says so most."""

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
    predictions = {
        "form": _by_form(ordered, names, figures, rounding),
        "load": _by_load(ordered, names, figures, rounding),
        "mean": _by_mean(ordered, names, figures, rounding),
        "usual": _as_usual(names, figures, rounding),
    }
    known = {by: found for by, found in predictions.items() if found is not None}
    if not known:
        ledger.skip(
            "shape",
            "percentiles are equal, so that times have steps, across which a percentile jumps"
            if has_steps(figures, names)
            else f"it takes {FEWEST_STATISTICS} of mean and percentiles, or {FEWEST_LEVELS} loads that are served",
        )
        return
    ledger.check("shape", len(ordered))
    odd = _likeliest_wrong(known, _jumps(names, figures, rounding), _asked(names, figures))
    if odd is not None and not ledger.found_at("shape", ordered[odd.level]):
        _report(ledger, ordered, names, odd)


def _by_form(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    if len(names) < FEWEST_STATISTICS or has_steps(figures, names):
        return None
    order = _order(levels, figures)
    of_logarithms = predicted_from_all_others(names, figures, rounding, order)
    return agreed(of_logarithms, predicted_from_gaps(names, figures, rounding, order))


def _by_mean(levels: Sequence[Level], names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    """Return each figure as mean and percentiles go together; where percentiles are equal they may jump, means not."""
    found = predicted_by_means(names, figures, rounding, _order(levels, figures))
    if found is None or found.deviation is None or not has_steps(figures, names):
        return found
    is_mean = np.array([name == "mean_s" for name in names])
    return LeftOut(found.off, found.chance, np.where(is_mean, found.deviation, np.inf))


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
    off, deviation = np.zeros(figures.shape), np.full(figures.shape, np.inf)
    off[:count] = found.off
    surely = np.maximum(-ndtri(_apart_from_its_level(found).chance / 2.0), SUREST)
    deviation[:count] = np.where(found.off == 0.0, np.inf, np.abs(found.off) / surely)
    return LeftOut(off, np.ones(figures.shape), deviation)


def _as_usual(names: Sequence[str], figures: Numbers, rounding: Numbers) -> LeftOut | None:
    """Return the figures against what is usual; None with steps, across which a percentile jumps."""
    if len(names) < FEWEST_STATISTICS or has_steps(figures, names):
        return None
    return predicted_as_usual(names, figures, rounding)


def _jumps(names: Sequence[str], figures: Numbers, rounding: Numbers) -> Numbers:
    """Return how far each statistic may jump, natural logarithm: beside a gap, or a time that many operations take."""
    return np.asarray(GAP * across_gaps(names, figures) + JUMP * next_to_atoms(figures, rounding, names))


def _asked(names: Sequence[str], figures: Numbers) -> Numbers:
    """Return the natural logarithm of how much likelier wrong than right each figure must be, (levels, statistics)."""
    asked = np.full(figures.shape, LIMIT + np.log(figures.size))
    percentiles = percentiles_of(names)
    if len(names) > 1:
        asked[-1, percentiles[-1:]] += LESS_LIKELY
        asked[0, percentiles[1:-1]] += LESS_LIKELY
    return asked


def _likeliest_wrong(predictions: Mapping[str, LeftOut], jumps: Numbers, asked: Numbers) -> _Odd | None:
    """Return the figure that is likeliest to be wrong by what all predictions say together; None if none is.

    jumps: (statistics,), how far each may jump. asked: (levels, statistics), odds, natural logarithm.
    """
    trusted = [_trusted(by, one, jumps) for by, one in predictions.items()]
    off, precision = (np.array(part) for part in zip(*trusted, strict=True))
    precise = np.maximum(precision.sum(axis=0), NOTHING)
    together = (precision * off).sum(axis=0) / precise
    variance = (1.0 + DIFFERENT * (precision * (off - together) ** 2).sum(axis=0)) / precise
    odds = np.where(variance < KNOWN**2, _odds(together, np.sqrt(variance)) - asked, -np.inf)
    level, statistic = np.unravel_index(int(odds.argmax()), odds.shape)
    if odds[level, statistic] <= 0.0:
        return None
    says = precision[:, level, statistic] * off[:, level, statistic] * np.sign(together[level, statistic])
    by = list(predictions)[int(says.argmax())]
    return _Odd(int(level), int(statistic), float(together[level, statistic]), by)


def _odds(off: Numbers, deviation: Numbers) -> Numbers:
    """Return the natural logarithm of how much likelier figures so far off are wrong than right."""
    far = np.abs(off)
    near = np.minimum(far, WRONG[-1])  # what is farther off is no less likely wrong
    by_part = [_likelihood(near - side * size, deviation) for size in WRONG for side in (-1.0, 1.0)]
    odds = np.log(np.mean(by_part, axis=0) / _likelihood(near, deviation))
    by_far = np.log(BY_FAR * _likelihood(np.zeros(off.shape), deviation) / _likelihood(off, deviation))
    return np.asarray(np.where(far > WRONG[-1], np.maximum(odds, by_far), odds))


def _likelihood(off: Numbers, deviation: Numbers) -> Numbers:
    """Return the density of Student's t distribution, but for a constant."""
    return np.asarray((1.0 + (off / deviation) ** 2 / FREEDOM) ** (-(FREEDOM + 1.0) / 2.0) / deviation)


def _trusted(by: str, found: LeftOut, jumps: Numbers) -> tuple[Numbers, Numbers]:
    """Return how far off each figure is by a prediction, and the precision that is trusted in that."""
    if found.deviation is None:
        raise ValueError("a prediction without its deviation cannot be combined")
    trust = TRUST[by]
    unknown = trust.unknown + (0.0 if by == "mean" else jumps)
    return found.off, 1.0 / ((found.deviation * trust.factor) ** 2 + unknown**2)


def _apart_from_its_level(by_load: LeftOut) -> LeftOut:
    """Take no figure for odd whose level leaves its course as a whole."""
    count = by_load.off.shape[1]
    if count == 1:
        return by_load
    others = np.column_stack([np.median(np.delete(by_load.off, place, axis=1), axis=1) for place in range(count)])
    alone = np.abs(by_load.off) >= ALONE * np.sign(by_load.off) * others
    return LeftOut(by_load.off, np.where(alone, by_load.chance, 1.0))


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
        "usual": f"{listed} do not go together as is usual at such loads; by the others the {named(name)} would be "
        f"about {shown(name, expected)}",
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

"""Mean and percentiles move together from one load to the next: none alone, and none against all others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from calibration.audit.findings import Ledger
from calibration.audit.shape_model import across_gaps
from calibration.audit.statistics_of_levels import common_statistics, figures_of
from calibration.audit.tolerances import sampling_factor
from calibration.audit.words import named, percent, shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]

FEWEST_LEVELS: Final = 3
FEWEST_STATISTICS: Final = 3
STAYS: Final = 0.01
"""Natural logarithm by which a statistic that stays as it is changes at most."""
ALONE: Final = 0.08
"""The same by which one changes that moves alone, of a median: more work waits longer, and all of it shows."""
AGAINST: Final = 0.07
"""The same by which one falls while no other does."""
ELSEWHERE: Final = 1.5
"""How many times as far as it leaves the others between other loads a statistic must move here: what lies beside a gap
goes to and fro across it by chance, while one wrong figure leaves all other loads as they were."""


class _Step(NamedTuple):
    """A statistic that moves as no other does, from the level before another to that one; by how much beyond."""

    before: int
    statistic: int
    beyond: float


def check_together(levels: Sequence[Level], ledger: Ledger) -> None:
    """Find the figure that alone changes from one load to the next, or falls where no other does.

    A tail may begin where nothing else shows yet, so the highest percentile may rise alone.
    """
    names = common_statistics(levels)
    loads = {level.load for level in levels if level.load}
    if len(names) < FEWEST_STATISTICS or len(levels) < FEWEST_LEVELS or len(loads) < len(levels):
        return
    ordered = sorted(levels, key=lambda level: level.load or 0.0)
    figures, rounding = figures_of(ordered, names)
    steps = [step for place in range(len(ordered) - 1) for step in _steps(names, figures, rounding, place)]
    if steps:
        step = max(steps, key=lambda one: one.beyond)
        _report(ledger, ordered, names, figures, step)


def _steps(names: Sequence[str], figures: Numbers, rounding: Numbers, place: int) -> list[_Step]:
    """Return the statistics that move as no other does from a level to the next."""
    moves = figures[place + 1] - figures[place]
    rounded = rounding[place + 1] + rounding[place]
    jumps = across_gaps(names, figures[place : place + 2])
    found = []
    for one, name in enumerate(names):
        others = np.delete(moves, one)
        factor, slack = sampling_factor(name), float(rounded[one] + jumps[one])
        slack += ELSEWHERE * _leaves_elsewhere(figures, place, one)
        alone = np.abs(others).max() <= STAYS and (moves[one] < 0.0 or one < len(names) - 1)
        if alone and abs(moves[one]) > ALONE * factor + slack:
            found.append(_Step(place, one, float(abs(moves[one])) / (ALONE * factor + slack)))
        elif others.min() >= -STAYS and moves[one] < -(AGAINST * factor + slack):
            found.append(_Step(place, one, float(-moves[one]) / (AGAINST * factor + slack)))
    return found


def _leaves_elsewhere(figures: Numbers, before: int, statistic: int) -> float:
    """Return how far, at most, a statistic leaves the range of the others' moves between loads without the odd one."""
    wrong, _ = _wrong_and_right(figures, before, statistic)
    moves = np.diff(np.delete(figures, wrong, axis=0), axis=0)
    own, others = moves[:, statistic], np.delete(moves, statistic, axis=1)
    return float(np.maximum(own - others.max(axis=1), others.min(axis=1) - own).max(initial=0.0))


def _report(ledger: Ledger, levels: Sequence[Level], names: Sequence[str], figures: Numbers, step: _Step) -> None:
    """Accuse that of the two levels which agrees less with a third."""
    wrong, right = _wrong_and_right(figures, step.before, step.statistic)
    level, name = levels[wrong], names[step.statistic]
    if ledger.found_at("shape", level):
        return
    others = np.delete(figures[wrong] - figures[right], step.statistic)
    stated = level.figure(name) or 0.0
    expected = float(np.exp(figures[right, step.statistic] + np.median(others)))
    move = float(np.expm1(figures[step.before + 1, step.statistic] - figures[step.before, step.statistic]))
    ledger.find(
        "shape",
        "implausible",
        level,
        f"the {named(name)} is {shown(name, stated)}: from {levels[step.before].name} to "
        f"{levels[step.before + 1].name} it changes by {percent(move)}, and {_listed(names, step.statistic)} do not go "
        f"with it; by them it would be about {shown(name, expected)}",
        figures=(name,),
        stated=stated,
        expected=expected,
        explanations=(
            *slips(stated, expected),
            "figures of different runs or operations",
            "operations of two kinds, between whose times the percentile lies",
        ),
    )


def _wrong_and_right(figures: Numbers, before: int, statistic: int) -> tuple[int, int]:
    """Return that of two neighbouring levels which agrees less with a third, and the other."""
    both = (before, before + 1), (before + 1, before)
    apart = [_from_thirds(figures, one, other, statistic) for one, other in both]
    return both[int(apart[1] > apart[0])]


def _from_thirds(figures: Numbers, level: int, other: int, statistic: int) -> float:
    """Return how far a figure is from where the nearest third level and its own level's others put it."""
    thirds = [one for one in (level - 1, level + 1, level - 2, level + 2) if 0 <= one < len(figures) and one != other]
    moves = figures[level] - figures[thirds[0]]
    return abs(float(moves[statistic] - np.median(np.delete(moves, statistic))))


def _listed(names: Sequence[str], but: int) -> str:
    return ", ".join(named(name) for place, name in enumerate(names) if place != but)

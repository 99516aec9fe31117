"""Confirms a limit with replications that its search has not seen; what they break, they lower."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from simulator.limits.criteria import Criterion
from simulator.limits.found import Between, Limit
from simulator.limits.load import Axis
from simulator.limits.root import Series, is_lost, keeps
from simulator.limits.trials import FRESH, REPLICATIONS, Laboratory, Spent, Trial, series_of

ATTEMPTS: Final = 10
FIRST_LOOK: Final = 2  # replications of a load, after which it may be lost already
MOST_WORK: Final = 4.0  # budgets of the engine for one confirmation; what is tried beyond is only lowered
MOST_CROWDED: Final = 3.0  # times what a load costs where no tasks crowd the cores: by then it is given up as not kept


def fresh(
    laboratory: Laboratory,
    axis: Axis,
    load: float,
    operations: float,
    *,
    count: int = REPLICATIONS,
    length: float = 1.0,
) -> Trial:
    """Simulate a load with replications that no search has seen.

    operations: of ten replications. count: of replications. length: of the least window, relative.
    """
    scenario = axis.at(load)
    window = laboratory.window_at(axis, load, operations / REPLICATIONS, length)
    return laboratory.trial(scenario, window, range(FRESH, FRESH + count), causes=True)


@dataclass
class Confirmation:
    """Confirms one limit.

    base: the nearly empty system, None if no criterion is relative to it. precision: of a limit, relative.
    at: where the first criterion breaks.
    """

    laboratory: Laboratory
    axis: Axis
    base: Trial | None
    precision: float
    level: str
    criteria: Sequence[Criterion]
    at: Between
    seen: dict[float, tuple[Trial, dict[Criterion, Series]]] = field(default_factory=dict)
    tried: int = 0

    def __post_init__(self) -> None:
        self.most_work = self.laboratory.work + MOST_WORK

    def limit(self) -> Limit:
        """Simulate the limit anew; where it does not keep the criteria, the largest lower load that does.

        Steps downward that double find one that does, halving what lies between finds the largest: a cliff is
        reached in few trials, however far below the straight line it lies. Where the work is spent, halving is left
        out, and the limit is not precise.
        """
        axis, found = self.axis, self.at.found
        least_step = 1.0 if axis.whole else 0.0
        low = axis.rounded(max(found.bound, axis.least))
        high, step = low, max(self.precision * low, least_step)
        while not self._kept(low):
            high = low
            if low <= axis.least:
                return Limit(self.level, None, found.load, found.margin, found.criterion, False, False, *self.seen[low])
            low = max(axis.rounded(low - step), axis.least)
            step *= 2
        while self._is_apart(low, high, least_step) and self.tried < ATTEMPTS and self._left() > 0:
            middle = axis.rounded((low + high) / 2)
            low, high = (middle, high) if self._kept(middle) else (low, middle)
        precise = self._left() > 0 or not self._is_apart(low, high, least_step)
        seen = self.seen[low]
        return Limit(self.level, low, found.load, found.margin, found.criterion, False, True, *seen, precise=precise)

    def _is_apart(self, low: float, high: float, least_step: float) -> bool:
        return high - low > max(1.5 * self.precision * low, least_step)

    def _left(self) -> float:
        """Return the work that is left [budgets of the engine]."""
        return self.most_work - self.laboratory.work

    def _kept(self, load: float) -> bool:
        """Return whether a load keeps the criteria.

        One that takes much more work than is left and than it would without a crowd on its cores does not, to be safe.
        """
        self.laboratory.tell(f"{self.level}: confirming {self.axis.text(load)}", self.tried, ATTEMPTS)
        self.tried += 1
        with self.laboratory.within(self._allowed(load)):
            try:
                return self._keeps(load)
            except Spent:
                return False

    def _allowed(self, load: float) -> float:
        """Return the work that looking at a load may take [budgets of the engine]; the least load may take any."""
        if load <= self.axis.least:
            return math.inf
        window = self.laboratory.window_at(self.axis, load, self.at.operations / REPLICATIONS)
        usual = self.at.count * self.laboratory.cost(self.axis.at(load), window)
        return max(self._left(), MOST_CROWDED * usual)

    def _keeps(self, load: float) -> bool:
        at, criteria = self.at, self.criteria
        lowest = load <= self.axis.least  # there is no lower one: all of it is shown, also where it is lost
        count = at.count if lowest else min(FIRST_LOOK, at.count)
        trial = fresh(self.laboratory, self.axis, load, at.operations, count=count)
        found = series_of(trial, criteria, self.base)
        if not lowest and any(is_lost(one, values, at.count) for one, values in found.items()):
            return False
        self.laboratory.extend([trial], range(FRESH, FRESH + at.count))
        self.seen[load] = trial, series_of(trial, criteria, self.base)
        return keeps(self.seen[load][1])

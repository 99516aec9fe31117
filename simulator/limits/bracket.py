"""The coarse part of a search: short trials that bracket the load at which a level's criteria break.

Few replications do, because nothing is decided here: the finer trials move a bracket that is beside the limit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from simulator.limits.criteria import Criterion
from simulator.limits.load import Axis
from simulator.limits.root import Series, first_break, keeps, slack
from simulator.limits.trials import COARSE, REPLICATIONS, Laboratory, Trial

SHARE: Final = 0.005  # of the engine's budget, for a trial
LEAST_OPERATIONS: Final = 2_000.0
COUNT: Final = 4  # replications of a trial
RATIO: Final = 1.1  # between the loads of a bracket that is close enough
BEYOND: Final = 1.04  # times: how far beyond where the break is expected the next load lies
AHEAD: Final = (1.15, 2.0)  # times: least and most step to a higher load
CLOSE: Final = 1.05  # times: least step where the break is expected within it
FAR: Final = 8.0  # times: the step where, after some steps, nothing is seen to come closer
STEPS_BEFORE_FAR: Final = 3
MOST_WORK_AHEAD: Final = 0.3  # budgets of the engine, after which loads at which nothing comes closer end the search


@dataclass
class Bracketing:
    """Coarse trials along one axis. base: the nearly empty system, None if no criterion is relative to it.

    work: of all trials, in budgets of the engine.
    """

    laboratory: Laboratory
    axis: Axis
    base: Trial | None
    trials: dict[float, Trial] = field(default_factory=dict)
    work: float = 0.0

    @property
    def highest(self) -> float:
        """The highest load that was looked at."""
        return max(self.trials)

    def __post_init__(self) -> None:
        one = self.axis.least
        if self.axis.whole and one == 1 and self.base is not None and self.base.scenario == self.axis.at(one):
            # The nearly empty system is the least load: the first bracket begins there.
            self.trials[one] = self.base

    @property
    def operations(self) -> float:
        """Operations of a coarse trial, had it as many replications as others."""
        return max(SHARE * self.laboratory.engine.operations, LEAST_OPERATIONS)

    def series(self, load: float, criteria: Sequence[Criterion]) -> dict[Criterion, Series]:
        """Return each criterion's values at a load that was simulated."""
        return {criterion: self.trials[load].values(criterion, self.base) for criterion in criteria}

    def bracket(self, criteria: Sequence[Criterion]) -> tuple[float | None, float] | None:
        """Return a load that keeps the criteria and one somewhat higher that does not.

        The lower one is None if no load keeps them; None where all loads do that were looked at.
        """
        axis = self.axis
        low, high = self._known(criteria)
        while high is None:
            if low is not None and self._is_far(criteria, low):
                return None
            first = low is None or (len(self.trials) == 1 and low < axis.start)
            load = min(axis.most, axis.start if first else self._ahead(criteria, low or axis.start))
            if not self._kept_at(load, criteria):
                high = load
            elif load >= axis.most:
                return None
            else:
                low = load
        while low is None:
            load = max(axis.least, axis.rounded(high / 2))
            if load >= high:
                return None, high
            if self._kept_at(load, criteria):
                low = load
            else:
                high = load
        return self._narrowed(criteria, low, high)

    def _narrowed(self, criteria: Sequence[Criterion], low: float, high: float) -> tuple[float, float]:
        while high / low > RATIO:
            middle = self._between(criteria, low, high)
            if middle is None:
                break
            if self._kept_at(middle, criteria):
                low = middle
            else:
                high = middle
        return low, high

    def guess(self, criteria: Sequence[Criterion], low: float, high: float) -> float:
        """Return where the trials of a bracket see the limit."""
        if low in self.trials and high in self.trials:
            return first_break(low, high, self.series(low, criteria), self.series(high, criteria))[0]
        return self.axis.between(low, high) or low

    def _kept_at(self, load: float, criteria: Sequence[Criterion]) -> bool:
        """Return whether a load keeps the criteria, by a coarse trial or by law."""
        if load >= self.axis.capacity:
            return False
        if load not in self.trials:
            self.laboratory.tell(f"looking at {self.axis.text(load)}", len(self.trials), 0)
            scenario = self.axis.at(load)
            window = self.laboratory.window_at(self.axis, load, self.operations / COUNT, COARSE)
            # Below the least load nothing is looked at: that has to be right.
            count = REPLICATIONS if load == self.axis.least else COUNT
            before = self.laboratory.work
            self.trials[load] = self.laboratory.trial(scenario, window, range(1, count + 1))
            self.work += self.laboratory.work - before
        return keeps(self.series(load, criteria))

    def _known(self, criteria: Sequence[Criterion]) -> tuple[float | None, float | None]:
        """Return the bracket that trials of other levels already give."""
        failing = [load for load in self.trials if not keeps(self.series(load, criteria))]
        high = min(failing, default=None)
        below = [load for load in self.trials if high is None or load < high]
        if self.axis.capacity <= self.axis.most:
            high = min(high or math.inf, self.axis.capacity)
        return max(below, default=None), high

    def _is_far(self, criteria: Sequence[Criterion], load: float) -> bool:
        """Return whether nothing is seen to break beyond a load that keeps the criteria, and looking on is dear.

        Users who queue for something else than a criterion is about only make the queue longer.
        """
        if self.work <= MOST_WORK_AHEAD or sum(one < load for one in self.trials) <= STEPS_BEFORE_FAR:
            return False
        return self._expected(criteria, load) > FAR * load

    def _expected(self, criteria: Sequence[Criterion], low: float) -> float:
        """Return just beyond where straight lines say that the first criterion breaks, of a load that keeps them."""
        wanted = math.inf
        before = max((load for load in self.trials if load < low), default=None)
        if before is not None:
            at_before, at_low = self.series(before, criteria), self.series(low, criteria)
            for criterion in criteria:
                left, lost = slack(criterion, at_low[criterion]), slack(criterion, at_before[criterion])
                if math.isfinite(left) and lost > left:
                    wanted = min(wanted, BEYOND * (low + left * (low - before) / (lost - left)))
        return wanted

    def _ahead(self, criteria: Sequence[Criterion], low: float) -> float:
        """Return a load beyond one that keeps the criteria: where straight lines say that one breaks."""
        least, most = (low * step for step in AHEAD)
        earlier = [load for load in self.trials if load < low]
        wanted = self._expected(criteria, low)
        if wanted > FAR * low and len(earlier) >= STEPS_BEFORE_FAR:
            most = FAR * low
        if wanted < BEYOND * CLOSE * low and max(earlier) < low / CLOSE**2:
            least = CLOSE * low
        load = min(max(wanted, least), most)
        return max(float(round(load)), low + 1) if self.axis.whole else load

    def _between(self, criteria: Sequence[Criterion], low: float, high: float) -> float | None:
        """Return the next load within a bracket: beyond the expected break, on the side of the farther end.

        If the break is where it is expected, the farther end comes close with it.
        """
        axis = self.axis
        if not (low in self.trials and high in self.trials):
            return axis.between(low, high)
        guess = self.guess(criteria, low, high)
        guess *= BEYOND if high / guess > guess / low else 1 / BEYOND
        apart = float((high / low) ** 0.1)
        guess = min(max(guess, low * apart), high / apart)
        if not axis.whole:
            return guess
        guess = min(max(round(guess), low + 1), high - 1)
        return float(guess) if low < guess < high else None

"""The search for the largest load that keeps a level's criteria, as a one-sided bound at 95 % confidence.

Coarse trials bracket it; finer ones, with common random numbers, find where the first criterion breaks; replications
that the search has not seen confirm it. A bracket that is not precise enough gets more replications before it
gets longer ones, so that nothing simulated is lost.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from simulator.limits.bracket import COUNT, Bracketing
from simulator.limits.confirmation import ATTEMPTS, FIRST_LOOK, Confirmation, fresh
from simulator.limits.criteria import Criterion
from simulator.limits.found import Between, Limit
from simulator.limits.load import Axis
from simulator.limits.root import Crossing, Series, broken, crossing, is_lost, keeps
from simulator.limits.trials import COARSE, REPLICATIONS, Laboratory, Spent, Trial, Window, series_of

FINEST_SHARE: Final = 0.5  # of the engine's budget, for the finest trial of a load
FIRST_REPLICATIONS: Final = 6  # a bracket that is beside the limit costs less with few
MOST_REPLICATIONS: Final = 40  # of a window, before it is made longer
FIRST_REACH: Final = 0.02  # half the width of the first bracket, relative
FIRST_PART: Final = 0.2  # of a process, at most: the next number of processes is simulated if the limit lies beyond
NARROW: Final = 5.0  # times the precision: within it a straight line is good enough
WHOLE_MARGINS: Final = ((20.0, 0.05), (40.0, 0.25), (math.inf, 0.5))
"""Processes, and up to them what part of one a margin may be: few are asked about one by one."""
GROWTH_SHARE: Final = 0.5  # of the finest trial: a queue that fills up slowly to its mean looks as if it grew
ROUNDS: Final = 10
FINER: Final = (2.0, 16.0)  # least and most times the operations of the round before
MOST_FINER: Final = 4.0  # while the bracket is wide: what clients retry may hold for seconds and break in a minute
MOST_WORK: Final = 4.0  # budgets of the engine for one limit, before its confirmation: by then no round begins
MOST_SPENT: Final = 6.0  # the same, by when one ends that is dearer than expected: queues that collapsed cost ten times
NEARLY: Final = 1.5  # times the margin that was wanted: not worth a word
MOST_MORE: Final = 2.0  # times as many replications: nothing is lost by looking at them in between
RESERVE: Final = 1.2  # times what the margin asks for, because that is an estimate


@dataclass
class Search:
    """Finds limits along one axis.

    base: the nearly empty system, None if no criterion is relative to it.
    precision: of a limit, relative. operations: bound for each trial.
    """

    laboratory: Laboratory
    axis: Axis
    base: Trial | None
    precision: float
    operations: float
    fine: dict[tuple[Window, float], Trial] = field(default_factory=dict)
    found: dict[tuple[str, ...], Limit] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.coarse = Bracketing(self.laboratory, self.axis, self.base)

    def limit(self, level: str, criteria: Sequence[Criterion]) -> Limit:
        """Find the largest load that keeps the criteria of a level, unless another level asked the same."""
        same = tuple(criterion.text for criterion in criteria)
        if same not in self.found:
            self.found[same] = self._limit(level, criteria)
        found = self.found[same]
        return replace(found, level=level, series=dict(zip(criteria, found.series.values(), strict=True)))

    def _limit(self, level: str, criteria: Sequence[Criterion]) -> Limit:
        bracket = self.coarse.bracket(criteria)
        if bracket is None:
            operations = self.coarse.operations
            trial = fresh(self.laboratory, self.axis, self.coarse.highest, operations, count=COUNT, length=COARSE)
            series = self.series(trial, criteria)
            return Limit(level, self.coarse.highest, None, None, None, True, keeps(series), trial, series)
        low, high = bracket
        if low is None:
            trial = fresh(self.laboratory, self.axis, self.axis.least, self.coarse.operations)
            series = self.series(trial, criteria)
            binding = [*broken(series), *criteria][0]
            return Limit(level, None, None, None, binding, False, False, trial, series)
        return self._refined(level, criteria, low, high)

    def at_least(self, limit: Limit, criteria: Sequence[Criterion], stricter: Limit) -> Limit:
        """Return a limit that is not below that of a stricter level, whose trial keeps the criteria too."""
        if stricter.load is None or stricter.trial is None or stricter.load <= (limit.load or 0):
            return limit
        series = self.series(stricter.trial, criteria)
        if not keeps(series):
            return limit
        return replace(limit, load=stricter.load, trial=stricter.trial, series=series, confirmed=True)

    def series(self, trial: Trial, criteria: Sequence[Criterion]) -> dict[Criterion, Series]:
        """Return each criterion's values in a trial."""
        return series_of(trial, criteria, self.base)

    def _refined(self, level: str, criteria: Sequence[Criterion], low: float, high: float) -> Limit:
        """Find where the first criterion breaks with trials that grow until the precision is reached."""
        guess = self.coarse.guess(criteria, low, high)
        self._tell(level, guess)
        reach = max(self.precision, min(FIRST_REACH, FIRST_PART / guess) if self.axis.whole else FIRST_REACH)
        at = self._around(criteria, guess, reach, self.coarse.operations * FINER[0], FIRST_REPLICATIONS)
        begun = spent = self.laboratory.work
        for _ in range(ROUNDS):
            last, spent = self.laboratory.work - spent, self.laboratory.work
            if self._is_precise(at) or spent - begun + FINER[0] * last > MOST_WORK:
                break
            self._tell(level, at.found.load)
            finer = self._affordable(criteria, at, begun + MOST_SPENT - spent)
            if finer is None or finer == at:
                break
            at = finer
        precise = self._is_precise(at) or at.found.margin <= NEARLY * self._wanted(at.found.load)
        found = Confirmation(self.laboratory, self.axis, self.base, self.precision, level, criteria, at).limit()
        return replace(found, precise=precise and found.precise)

    def _affordable(self, criteria: Sequence[Criterion], at: Between, work: float) -> Between | None:
        """Return a more precise crossing; None where the engine's budget is spent, or would be by more than this work.

        What is simulated by then is given up: of a round that is not at its end the criteria are not known.
        """
        try:
            with self.laboratory.within(work):
                return self._finer(criteria, at)
        except Spent:
            return None

    def _tell(self, level: str, load: float) -> None:
        self.laboratory.tell(f"{level}: near {self.axis.text(load)}", 0, 0)

    def _step(self) -> float:
        return 1.0 if self.axis.whole else 0.0

    def _wanted(self, load: float) -> float:
        """Return the margin that is precise enough at a load."""
        if not self.axis.whole:
            return self.precision * load
        part = next(part for most, part in WHOLE_MARGINS if load <= most)
        return part if load <= WHOLE_MARGINS[0][0] else max(self.precision * load, part)

    def _is_narrow(self, at: Between) -> bool:
        return at.width <= NARROW * self.precision * at.found.load + self._step()

    def _is_precise(self, at: Between) -> bool:
        """Return whether more precision would change too little, or not the whole number of processes."""
        if not self._is_narrow(at):
            return False
        found = at.found
        if found.criterion.metric == "growth" and at.operations < GROWTH_SHARE * self.operations:
            return False
        settled = self.axis.whole and math.floor(found.bound) == math.floor(found.load) >= at.below
        return settled or found.margin <= self._wanted(found.load)

    def _finer(self, criteria: Sequence[Criterion], at: Between) -> Between | None:
        """Return a more precise crossing; None where the engine's budget is spent."""
        guess, margin = at.found.load, at.found.margin
        wanted = self._wanted(guess)
        factor = min(max((margin / wanted) ** 2 * RESERVE, FINER[0]), FINER[1])
        count = math.ceil(at.count * min(factor, MOST_MORE) / 2) * 2
        used = at.operations * at.count / REPLICATIONS
        if not self._is_narrow(at):
            factor = min(factor, MOST_FINER) if margin > wanted else 1.0
            operations = min(at.operations * factor, self.operations)
            return self._around(criteria, guess, self._reach(at, factor), operations, at.count)
        if used >= self.operations:
            return None
        if count <= MOST_REPLICATIONS and at.found.criterion.metric != "growth":
            return self._more(criteria, at, count)
        operations = min(at.operations * factor * at.count / REPLICATIONS, self.operations)
        return self._around(criteria, guess, self._reach(at, factor), operations, REPLICATIONS)

    def _reach(self, at: Between, factor: float) -> float:
        """Return half the width of the next bracket, relative: narrow, if the next margin fits into it.

        factor: times so many operations.
        """
        margin = at.found.margin / at.found.load / math.sqrt(factor)
        return max(0.9 * NARROW / 2 * self.precision, min(FIRST_REACH, margin))

    def _more(self, criteria: Sequence[Criterion], at: Between, count: int) -> Between:
        """Return the crossing between the same loads from more replications."""
        return replace(at, count=count, found=self._crossing(criteria, at.below, at.above, at.window, count))

    def _crossing(
        self, criteria: Sequence[Criterion], below: float, above: float, window: Window, count: int
    ) -> Crossing:
        low, high = self._fine([below, above], window, count)
        units = self.base.without_each(criteria) if self.base is not None else []
        return crossing(below, above, self.series(low, criteria), self.series(high, criteria), units)

    def _around(
        self, criteria: Sequence[Criterion], guess: float, reach: float, operations: float, count: int
    ) -> Between:
        """Bracket the limit around a guess and return the crossing between the two loads.

        reach: half the bracket's width, relative to the guess. operations: of ten replications. count: of replications.
        """
        axis = self.axis
        window = self.laboratory.window_at(axis, self._simulable(guess), operations / REPLICATIONS)
        below, above = self._ends(guess, guess * reach)
        width = above - below
        for _ in range(ATTEMPTS):
            if below > axis.least and not self._keeps(below, window, count, criteria):
                below, above = self._ends((below + max(below - width, axis.least)) / 2, width / 2)
            elif above < axis.most and self._keeps(above, window, count, criteria):
                below, above = self._ends((above + min(above + width, axis.most)) / 2, width / 2)
            else:
                break
            width *= 1.5
        return Between(below, above, window, count, operations, self._crossing(criteria, below, above, window, count))

    def _keeps(self, load: float, window: Window, count: int, criteria: Sequence[Criterion]) -> bool:
        """Return whether a load keeps the criteria; what is lost after a first look is not simulated to its end."""
        first = self.series(self._fine([load], window, min(FIRST_LOOK, count))[0], criteria)
        if any(is_lost(criterion, values[:FIRST_LOOK], count) for criterion, values in first.items()):
            return False
        return keeps(self.series(self._fine([load], window, count)[0], criteria))

    def _ends(self, middle: float, reach: float) -> tuple[float, float]:
        """Return the ends of a bracket within the axis; neighbours at least in whole processes."""
        axis = self.axis
        below, above = max(middle - reach, axis.least), min(middle + reach, axis.most)
        if not axis.whole:
            return below, above
        if above - below < 1:
            below = above = middle
        below = min(max(math.floor(below), axis.least), axis.most - 1)
        return below, max(math.ceil(above), below + 1)

    def _simulable(self, load: float) -> float:
        return max(self.axis.rounded(load), self.axis.least)

    def _fine(self, loads: Sequence[float], window: Window, count: int) -> list[Trial]:
        """Simulate so many replications of loads in the same window, as far as they were not."""
        missing = [load for load in dict.fromkeys(loads) if (window, load) not in self.fine]
        self.fine.update({(window, load): self.laboratory.begun(self.axis.at(load), window) for load in missing})
        trials = [self.fine[window, load] for load in loads]
        self.laboratory.extend(list({id(trial): trial for trial in trials}.values()), range(1, count + 1))
        return trials

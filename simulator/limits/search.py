"""The search for the largest load that keeps a level's criteria, as a one-sided bound at 95 % confidence.

Coarse trials bracket it; finer ones, with common random numbers, find where the first criterion breaks; replications
that the search has not seen confirm it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from simulator.limits.criteria import Criterion
from simulator.limits.load import Axis
from simulator.limits.root import Crossing, Series, broken, crossing, keeps
from simulator.limits.trials import FRESH, REPLICATIONS, Laboratory, Trial, Window

COARSE_SHARE: Final = 0.005  # of the engine's budget, for a coarse trial
FINEST_SHARE: Final = 0.5  # for the finest
COARSE_RATIO: Final = 1.1  # between the loads of a bracket, before it is refined
COARSE_PRECISION: Final = 0.02
WHOLE_MARGIN: Final = 0.25  # of a process: a finer bound would seldom change a whole number of them
ATTEMPTS: Final = 10  # at a bracket around a guess, and at a confirmation
FINER: Final = (2.0, 16.0)  # least and most times the operations of the trial before


@dataclass(frozen=True)
class Limit:
    """What was found for one level.

    load: the limit, None if no load keeps the criteria. estimate, margin: where the first criterion breaks, and what
    the one-sided bound takes off it. criterion: which. unlimited: nothing breaks up to the last load.
    trial: fresh replications at the limit, or at the least load where there is none.
    confirmed: whether they keep all criteria. series: their values.
    """

    level: str
    load: float | None
    estimate: float | None
    margin: float | None
    criterion: Criterion | None
    unlimited: bool
    confirmed: bool
    trial: Trial | None
    series: dict[Criterion, Series]


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
    coarse: dict[float, Trial] = field(default_factory=dict)
    fine: dict[tuple[Window, float], Trial] = field(default_factory=dict)
    found: dict[tuple[str, ...], Limit] = field(default_factory=dict)

    def limit(self, level: str, criteria: Sequence[Criterion]) -> Limit:
        """Find the largest load that keeps the criteria of a level, unless another level asked the same."""
        same = tuple(criterion.text for criterion in criteria)
        if same not in self.found:
            self.found[same] = self._limit(level, criteria)
        found = self.found[same]
        return replace(found, level=level, series=dict(zip(criteria, found.series.values(), strict=True)))

    def _limit(self, level: str, criteria: Sequence[Criterion]) -> Limit:
        bracket = self._bracket(criteria)
        if bracket is None:
            trial = self._fresh(self.axis.most, self._coarse_operations())
            series = self.series(trial, criteria)
            return Limit(level, self.axis.most, None, None, None, True, keeps(series), trial, series)
        low, high = bracket
        if low is None:
            trial = self._fresh(self.axis.least, self._coarse_operations())
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
        return {criterion: trial.values(criterion, self.base) for criterion in criteria}

    def _coarse_operations(self) -> float:
        return max(COARSE_SHARE * self.laboratory.engine.operations, 2_000.0)

    def _keeps(self, trial: Trial, criteria: Sequence[Criterion]) -> bool:
        return keeps(self.series(trial, criteria))

    def _kept_at(self, load: float, criteria: Sequence[Criterion]) -> bool:
        """Return whether a load keeps the criteria, by a coarse trial or by law."""
        if load >= self.axis.capacity:
            return False
        if load not in self.coarse:
            self.laboratory.tell(f"looking at {self.axis.text(load)}", len(self.coarse), 0)
            scenario = self.axis.at(load)
            window = self.laboratory.window(scenario, self._coarse_operations() / REPLICATIONS)
            self.coarse[load] = self.laboratory.trial(scenario, window)
        return self._keeps(self.coarse[load], criteria)

    def _bracket(self, criteria: Sequence[Criterion]) -> tuple[float | None, float] | None:
        """Return a load that keeps the criteria and one somewhat higher that does not.

        The lower one is None if no load keeps them; None where all loads do.
        """
        axis = self.axis
        low, high = self._known(criteria)
        load = axis.start
        while high is None:
            load = min(axis.most, max(load, (low or 0) * 2))
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
        while high / low > COARSE_RATIO:
            middle = axis.between(low, high)
            if middle is None:
                break
            if self._kept_at(middle, criteria):
                low = middle
            else:
                high = middle
        return low, high

    def _known(self, criteria: Sequence[Criterion]) -> tuple[float | None, float | None]:
        """Return the bracket that trials of other levels already give."""
        failing = [load for load, trial in self.coarse.items() if not self._keeps(trial, criteria)]
        high = min(failing, default=None)
        below = [load for load in self.coarse if high is None or load < high]
        if self.axis.capacity <= self.axis.most:
            high = min(high or math.inf, self.axis.capacity)
        return max(below, default=None), high

    def _refined(self, level: str, criteria: Sequence[Criterion], low: float, high: float) -> Limit:
        """Find where the first criterion breaks with trials that grow until the precision is reached."""
        operations, guess = self._coarse_operations() * FINER[0], self._guess(criteria, low, high)
        reach = max(self.precision, COARSE_PRECISION)
        while True:
            self.laboratory.tell(f"{level}: near {self.axis.text(guess)}", 0, 0)
            found, below, above = self._around(criteria, guess, reach, operations)
            guess = found.load
            wanted = max(self.precision * guess, WHOLE_MARGIN * self._step())
            if found.margin <= wanted and above - below <= max(2.5 * wanted, self._step()):
                break
            if self._settled(found, below, above) or operations >= self.operations:
                break
            short = (found.margin / wanted) ** 2 * 1.2 if wanted else FINER[1]
            operations = min(operations * min(max(short, FINER[0]), FINER[1]), self.operations)
            reach = max(self.precision, min(COARSE_PRECISION, 1.5 * found.margin / guess))
        return self._confirmed(level, criteria, found, operations)

    def _step(self) -> float:
        return 1.0 if self.axis.whole else 0.0

    def _settled(self, found: Crossing, below: float, above: float) -> bool:
        """Return whether more precision would not change a limit in whole processes."""
        if not self.axis.whole or above - below > 1:
            return False
        return math.floor(found.bound) == math.floor(found.load) >= below

    def _guess(self, criteria: Sequence[Criterion], low: float, high: float) -> float:
        """Return where coarse trials see the limit."""
        if low not in self.coarse or high not in self.coarse:
            return self.axis.between(low, high) or low
        at_low, at_high = (self.series(self.coarse[load], criteria) for load in (low, high))
        return crossing(low, high, at_low, at_high).load

    def _around(
        self, criteria: Sequence[Criterion], guess: float, reach: float, operations: float
    ) -> tuple[Crossing, float, float]:
        """Bracket the limit around a guess and return the crossing between the two loads.

        reach: half the bracket's width, relative to the guess. operations: of each trial.
        """
        axis = self.axis
        window = self.laboratory.window(axis.at(self._simulable(guess)), operations / REPLICATIONS)
        below, above = self._ends(guess, guess * reach)
        width = above - below
        for _ in range(ATTEMPTS):
            low, high = self._fine([below, above], window)
            at_low, at_high = self.series(low, criteria), self.series(high, criteria)
            if not keeps(at_low) and below > axis.least:
                below, above = self._ends((below + max(below - width, axis.least)) / 2, width / 2)
            elif keeps(at_high) and above < axis.most:
                below, above = self._ends((above + min(above + width, axis.most)) / 2, width / 2)
            else:
                break
            width *= 1.5
        return crossing(below, above, at_low, at_high), below, above

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

    def _fine(self, loads: Sequence[float], window: Window) -> list[Trial]:
        """Simulate loads in the same window, unless they were."""
        missing = [load for load in dict.fromkeys(loads) if (window, load) not in self.fine]
        trials = self.laboratory.trials([self.axis.at(load) for load in missing], window)
        self.fine.update({(window, load): trial for load, trial in zip(missing, trials, strict=True)})
        return [self.fine[window, load] for load in loads]

    def _fresh(self, load: float, operations: float) -> Trial:
        """Simulate a load with replications that no search has seen."""
        scenario = self.axis.at(load)
        window = self.laboratory.window(scenario, operations / REPLICATIONS)
        return self.laboratory.trial(scenario, window, range(FRESH, FRESH + REPLICATIONS), causes=True)

    def _confirmed(
        self, level: str, criteria: Sequence[Criterion], found: Crossing, operations: float
    ) -> Limit:
        """Simulate the limit anew; a load that does not keep the criteria is lowered by the precision."""
        axis = self.axis
        load = axis.rounded(max(found.bound, axis.least))
        for attempt in range(ATTEMPTS):
            self.laboratory.tell(f"{level}: confirming {axis.text(load)}", attempt, ATTEMPTS)
            trial = self._fresh(load, operations)
            series = self.series(trial, criteria)
            if keeps(series):
                break
            lower = axis.rounded(min(load * (1 - self.precision), load - self._step()))
            if lower < axis.least:
                return Limit(level, None, found.load, found.margin, found.criterion, False, False, trial, series)
            load = lower
        return Limit(
            level, load, found.load, found.margin, found.criterion, False, keeps(series), trial, series
        )


"""Whether a configuration serves the load: by law where that is enough, else by trials until it is sure.

All configurations see the same draws (common random numbers). A trial begins short and grows until each threshold is
clearly met, or one is clearly missed, so that only configurations near the border cost much.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator.limits.binding import Data, resource, result_data
from simulator.limits.criteria import Criterion
from simulator.limits.load import Axis, axis_of, without_one
from simulator.limits.root import Series, statistic
from simulator.limits.trials import COARSE, REPLICATIONS, Laboratory, Trial
from simulator.plan.space import Configuration, Space
from simulator.planning import sheds
from simulator.statistics import probability_below

FIRST_SHARE: Final = 0.002  # of the engine's budget, for the first trial of a configuration
LAST_SHARE: Final = 0.1
LEAST_OPERATIONS: Final = 2_000
GROWTH: Final = 4.0
FEW: Final = 4  # replications that a trial begins with: most configurations are clear
CLEAR: Final = 0.9995  # probability from which on a small trial is believed


@dataclass(frozen=True)
class Verdict:
    """What was found of one configuration.

    why: of a failure, one sentence. resource: what makes it fail, or what is busiest where it does not.
    probability: that each threshold is met, the lowest; None where a law decided. data: estimates, None likewise.
    """

    configuration: Configuration
    feasible: bool
    why: str
    resource: str | None
    probability: float | None
    criterion: Criterion | None
    data: Data | None


@dataclass
class Judge:
    """Judges configurations of a space, each once.

    criteria: to be met. probability: wanted of each. without_one: also with one instance lost.
    base: the nearly empty system, for criteria that are relative to it.
    """

    laboratory: Laboratory
    space: Space
    criteria: Sequence[Criterion]
    probability: float
    without_one: bool
    base: Trial | None = None
    base_data: Data | None = None
    known: dict[Configuration, Verdict] = field(default_factory=dict)
    laws: dict[Configuration, tuple[str, float] | None] = field(default_factory=dict)
    simulated: int = 0

    def judge(self, one: Configuration) -> Verdict:
        """Return the verdict on a configuration."""
        return self.judge_all([one])[0]

    def judge_all(self, ones: Sequence[Configuration]) -> list[Verdict]:
        """Return the verdicts on some configurations, which are judged beside each other where the engine can."""
        unknown = [one for one in dict.fromkeys(ones) if one not in self.known]
        if unknown:
            text = " and ".join(one.text for one in unknown[:2]) + (" ..." if len(unknown) > 2 else "")
            self.laboratory.tell(f"judging {text}", len(self.known), self.space.size)
        for one, (verdict, simulated) in zip(unknown, self.laboratory.spread(self._judge, unknown), strict=True):
            self.known[one] = verdict
            self.simulated += simulated
        return [self.known[one] for one in ones]

    def offered(self, one: Configuration) -> tuple[str, float] | None:
        """Return the station that is offered most of what it can do, and that share; None where no law says it.

        With one instance lost, if that is asked.
        """
        if one not in self.laws:
            self.laws[one] = self._offered(one)
        return self.laws[one]

    def _offered(self, one: Configuration) -> tuple[str, float] | None:
        if self.without_one:
            if one.instances == 1:
                return self.space.service, math.inf
            one = replace(one, instances=one.instances - 1)
        scenario = self.space.at(one)
        found = [] if sheds(scenario) else offered_utilization(scenario)
        return (found[0].station, found[0].utilization) if found else None

    def inferred(self, one: Configuration) -> bool | None:
        """Return whether it serves the load, as far as verdicts on others say: more of everything never hurts."""
        if one in self.known:
            return self.known[one].feasible
        for other, verdict in self.known.items():
            if verdict.feasible and other.within(one):
                return True
            if not verdict.feasible and one.within(other):
                return False
        return None

    def _judge(self, one: Configuration) -> tuple[Verdict, int]:
        """Return the verdict on a configuration, and how many systems were simulated for it."""
        when = "with one instance lost, " if self.without_one else ""
        offered = self.offered(one)
        if offered is not None and offered[1] >= 1:
            name, share = offered
            why = f"{when}{name} is offered {share:.0%} of what it can do"
            if math.isinf(share):
                why = "one instance: losing it stops the service"
            return Verdict(one, False, why, name, None, None, None), 0
        scenario = self.space.at(one)
        if not self.without_one:
            return self._tried(one, scenario, ""), 1
        fewer = without_one(axis_of(scenario), self.space.service)
        lost = self._tried(one, fewer.scenario, when)
        if not lost.feasible:
            return lost, 1
        whole = self._tried(one, scenario, "")
        probability = min(whole.probability or 0.0, lost.probability or 0.0)
        return (replace(whole, probability=probability) if whole.feasible else whole), 2

    def _tried(self, one: Configuration, scenario: Scenario, when: str) -> Verdict:
        """Judge a scenario by trials. when: begins the reason."""
        engine = self.laboratory.engine
        operations = max(FIRST_SHARE * engine.operations, LEAST_OPERATIONS)
        most = max(LAST_SHARE * engine.operations, operations)
        length = COARSE
        while True:
            window = self.laboratory.window(scenario, operations / REPLICATIONS, length)
            trial = self.laboratory.begun(scenario, window, causes=True)
            for count in (FEW, REPLICATIONS):
                self.laboratory.extend([trial], range(1, count + 1))
                series = {criterion: trial.values(criterion, self.base) for criterion in self.criteria}
                binding, probability, clear = decisive(series)
                if clear:
                    break
            # Long response times make a window longer than was asked for: the next one is to tell more than this.
            operations = max(operations, window.operations * REPLICATIONS)
            if clear or (operations >= most and length == 1):
                break
            operations, length = min(operations * GROWTH, most), 1.0
        data = result_data(trial)
        feasible = probability >= self.probability
        behind: dict[str, Any] = resource(binding, data, self.base_data)
        why = ""
        if not feasible:
            value = binding.print(statistic(binding, series[binding]))
            why = f"{when}{binding.text} is met with probability {probability:.2f} (it is {value}); "
            why += f"{behind['name']} binds"
        return Verdict(one, feasible, why, behind["name"], probability, binding, data)


def decisive(series: Mapping[Criterion, Series]) -> tuple[Criterion, float, bool]:
    """Return the criterion that decides, the probability that it is met, and whether a small trial is believed.

    It is the one least sure to be met. One that is clearly missed decides at once, but for a queue that grows: one that
    fills up to its mean looks like it. Times that are missed while it fills up are missed later all the more.
    """
    chances = {criterion: chance(criterion, values) for criterion, values in series.items()}
    missed = {one: met for one, met in chances.items() if met <= 1 - CLEAR and one.metric != "growth"}
    decisive = min(missed or chances, key=lambda criterion: chances[criterion])
    return decisive, chances[decisive], bool(missed) or chances[decisive] >= CLEAR


def chance(criterion: Criterion, values: Series) -> float:
    """Return the probability that a criterion is met, by Student's t; for an extreme, the share that meet it."""
    if criterion.maximal or criterion.metric == "growth":
        return float(criterion.meets(statistic(criterion, values)))
    below = probability_below(criterion.limit, list(values))
    if below is None or any(value != value for value in values):  # noqa: PLR0124 - undefined is not met
        return 0.0
    if len(set(values)) == 1:
        return float(criterion.meets(values[0]))
    return 1 - below if criterion.upward else below


def empty_axis(space: Space) -> Axis:
    """Return the axis of the largest configuration, whose nearly empty system ratios are taken of."""
    return axis_of(space.at(space.largest))

"""Whether a configuration serves the load: by law where that is enough, else by trials until it is sure.

All configurations see the same draws (common random numbers). A trial grows until each threshold is clearly met or
missed, so that only configurations near the border cost much.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator.limits.binding import Data, resource, result_data
from simulator.limits.criteria import Criterion
from simulator.limits.load import Axis, axis_of, without_one
from simulator.limits.root import Series, statistic
from simulator.limits.trials import REPLICATIONS, Laboratory, Trial
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
    simulated: int = 0

    def judge(self, one: Configuration) -> Verdict:
        """Return the verdict on a configuration."""
        if one not in self.known:
            self.laboratory.tell(f"judging {one.text}", len(self.known), self.space.size)
            self.known[one] = self._judge(one)
        return self.known[one]

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

    def _judge(self, one: Configuration) -> Verdict:
        scenario = self.space.at(one)
        if not self.without_one:
            return self._of(one, scenario, scenario, "")
        if one.instances == 1:
            why = "one instance: losing it stops the service"
            return Verdict(one, False, why, self.space.service, None, None, None)
        axis = axis_of(scenario)
        fewer = without_one(axis, self.space.service)
        left = self.space.at(Configuration(one.cores, one.instances - 1, one.memory_bytes))
        lost = self._of(one, fewer.scenario, left, "with one instance lost, ")
        return lost if not lost.feasible else self._both(one, scenario, lost)

    def _both(self, one: Configuration, scenario: Scenario, lost: Verdict) -> Verdict:
        """Return the verdict on the whole configuration, if it is worse than that with one instance lost."""
        whole = self._of(one, scenario, scenario, "")
        if not whole.feasible:
            return whole
        probability = min(whole.probability or 0.0, lost.probability or 0.0)
        return Verdict(one, True, whole.why, whole.resource, probability, whole.criterion, whole.data)

    def _of(self, one: Configuration, scenario: Scenario, by_law: Scenario, when: str) -> Verdict:
        """Judge a scenario. by_law: the one that laws are asked about. when: begins the reason."""
        offered = [] if sheds(by_law) else offered_utilization(by_law)
        if offered and offered[0].utilization >= 1:
            name, _, utilization = offered[0]
            why = f"{when}{name} is offered {utilization:.0%} of what it can do"
            return Verdict(one, False, why, name, None, None, None)
        self.simulated += 1
        engine = self.laboratory.engine
        operations = max(FIRST_SHARE * engine.operations, LEAST_OPERATIONS)
        most = max(LAST_SHARE * engine.operations, operations)
        while True:
            window = self.laboratory.window(scenario, operations / REPLICATIONS)
            trial = self.laboratory.begun(scenario, window, causes=True)
            for count in (FEW, REPLICATIONS):
                self.laboratory.extend([trial], range(1, count + 1))
                series = {criterion: trial.values(criterion, self.base) for criterion in self.criteria}
                chances = {criterion: chance(criterion, values) for criterion, values in series.items()}
                lowest = min(chances, key=lambda criterion: chances[criterion])
                if _is_clear(lowest, chances[lowest]):
                    break
            if _is_clear(lowest, chances[lowest]) or operations >= most:
                break
            operations = min(operations * GROWTH, most)
        data = result_data(trial)
        probability = chances[lowest]
        feasible = probability >= self.probability
        behind: dict[str, Any] = resource(lowest, data, self.base_data)
        why = ""
        if not feasible:
            value = lowest.print(statistic(lowest, series[lowest]))
            why = f"{when}{lowest.text} is met with probability {probability:.2f} (it is {value}); "
            why += f"{behind['name']} binds"
        return Verdict(one, feasible, why, behind["name"], probability, lowest, data)


def _is_clear(criterion: Criterion, probability: float) -> bool:
    """Return whether a small trial is believed; not that a queue grows: one that fills up to its mean looks like it."""
    return probability >= CLEAR or (probability <= 1 - CLEAR and criterion.metric != "growth")


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

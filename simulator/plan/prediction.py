"""Adds to a plan what calibration leaves open: the probability that a configuration meets each criterion, over draws.

The plan was found at the estimates of the parameters. Where it does not meet the criteria with the probability wanted
once the draws are taken in, others of the same cost and dearer ones are judged in the order of their cost until one
does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence, Set
from dataclasses import dataclass, field, replace
from typing import Any, Final

from models.measured import Discrepancy
from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator import warnings as notes
from simulator.engines import Engine
from simulator.limits.binding import Data, busiest, result_data
from simulator.limits.criteria import GROWTH, Criterion
from simulator.limits.load import axis_of, without_one
from simulator.limits.prediction import criterion_error
from simulator.limits.trials import Laboratory, Trial, chosen_for_search, percents_of
from simulator.parameter_trials import AT_ONCE, Draws, draws_of
from simulator.plan.answer import Wanted, criteria_of, figures
from simulator.plan.judge import empty_axis
from simulator.plan.search import ranked
from simulator.plan.space import Configuration, Space, space_of
from simulator.planning import sheds
from simulator.prediction import METHOD
from simulator.replications import Report
from simulator.scenario_source import Prepared
from simulator.shares import not_told_apart, shares
from simulator.statistics import interval, student_t
from simulator.trust_zone import trust_zone
from simulator.uncertainty import LEVEL, Leeway, shifts

DRAWS: Final = 20
REPEATS: Final = 2
OPERATIONS: Final = 0.02
"""Of the engine's budget, for all draws of one configuration."""
MOST_JUDGED: Final = 25
"""Dearer configurations that are judged over the draws, before the search is given up."""


@dataclass(frozen=True)
class Judged:
    """A configuration over all draws.

    probability: of the criterion least sure to be met, which `binding` names. data: at the estimates of the parameters;
    None where they are offered too much.
    """

    configuration: Configuration
    probability: float
    binding: str
    criteria: list[dict[str, Any]]
    shares: list[dict[str, Any]]
    data: Data | None


@dataclass
class _Judge:
    """Judges configurations over the draws."""

    laboratory: Laboratory
    space: Space
    draws: Draws
    criteria: Sequence[Criterion]
    discrepancy: Discrepancy
    calibrated: Prepared
    without_one: bool
    drawn: list[Scenario] = field(default_factory=list)
    empties: list[Trial | None] = field(default_factory=list)

    def prepare(self) -> None:
        """Make the scenarios of the draws, and where criteria are relative, play the nearly empty systems."""
        self.drawn = [self.space.scenario, *self.draws.scenarios()]
        self.empties = [None] * len(self.drawn)
        if any(criterion.relative for criterion in self.criteria):  # of which a trace has none
            axes = [empty_axis(replace(self.space, scenario=one)) for one in self.drawn]
            self.empties = list(self._trials([axis.empty() for axis in axes]))

    def judge(self, one: Configuration) -> Judged:
        """Return with what probability a configuration meets each criterion."""
        scenarios = [self._at(one, scenario) for scenario in self.drawn]
        fits = [not _overloaded(scenario) for scenario in scenarios]
        playable = [index for index, fit in enumerate(fits) if fit]
        share = sum(fits[1:]) / (len(fits) - 1)
        entries: list[dict[str, Any]] = []
        divided: dict[str, list[dict[str, Any]]] = {}
        data: Data | None = None
        if fits[0] and share > 0.5:
            trials = self._trials([scenarios[index] for index in playable])
            empties = [self.empties[index] for index in playable]
            wider, data = self._widening(one), result_data(trials[0])
            for criterion in self.criteria:
                values = [
                    [float("nan")] * REPEATS if criterion.field == GROWTH else trial.values(criterion, empty)
                    for trial, empty in zip(trials, empties, strict=True)
                ]
                leeway = None if criterion.field == GROWTH else self._leeway(criterion, values, playable, wider)
                entries.append(_entry(criterion, leeway, share))
                if leeway is not None:
                    divided[criterion.text] = shares(self.draws.samples, leeway)
        else:
            entries = [{"criterion": criterion.text, "probability": share} for criterion in self.criteria]
        worst = min(entries, key=lambda entry: entry["probability"])
        shared = divided.get(worst["criterion"], [])
        return Judged(one, worst["probability"], worst["criterion"], entries, shared, data)

    def _at(self, one: Configuration, scenario: Scenario) -> Scenario:
        placed = replace(self.space, scenario=scenario).at(one)
        if not self.without_one or one.instances == 1:
            return placed
        return without_one(axis_of(placed), self.space.service).scenario

    def _widening(self, one: Configuration) -> float:
        base = self.calibrated.base
        zone = trust_zone(self.space.at(one), None if base is None else base.calibration)
        return float(zone["widening"])

    def _leeway(
        self, criterion: Criterion, values: Sequence[Sequence[float]], playable: Sequence[int], wider: float
    ) -> Leeway | None:
        """Return what a criterion leaves open. values: at the estimates, then of the draws that can be played."""
        drawn = [[math.nan] * REPEATS for _ in range(len(self.drawn) - 1)]
        for index, row in zip(playable[1:], values[1:], strict=True):
            drawn[index - 1] = list(row)
        spread = shifts(values[0], drawn, ratio="response_time" in criterion.field)
        found = interval(values[0])
        if spread is None or found.value is None:
            return None
        error = 0.0 if found.half_width is None else found.half_width / student_t(0.95, REPEATS - 1)
        model = criterion_error(criterion, found.value, self.discrepancy, wider)
        return Leeway(found.value, error, REPEATS - 1, spread, model)

    def _trials(self, scenarios: Sequence[Scenario]) -> list[Trial]:
        operations = OPERATIONS * self.laboratory.engine.operations / len(self.drawn) / REPEATS
        window = self.laboratory.window(scenarios[0], operations)
        found: list[Trial] = []
        for first in range(0, len(scenarios), AT_ONCE):
            found += self.laboratory.trials(scenarios[first : first + AT_ONCE], window, range(1, REPEATS + 1))
        return found


def _overloaded(scenario: Scenario) -> bool:
    return not sheds(scenario) and any(entry.utilization >= 1 for entry in offered_utilization(scenario))


def _entry(criterion: Criterion, leeway: Leeway | None, share: float) -> dict[str, Any]:
    """Return a criterion as it stands in an answer. share: of the draws that are not offered too much."""
    if leeway is None:
        return {"criterion": criterion.text, "probability": share}
    below = leeway.probability_below(criterion.limit)
    return {
        "criterion": criterion.text,
        "probability": (1 - below if criterion.upward else below) * share,
        "value": leeway.value,
        "prediction": list(leeway.interval()),
    }


def zones_of_choices(prepared: Prepared, wanted: Wanted) -> list[dict[str, Any]]:
    """Return the trust zones of configurations that have every number of cores and of instances between them."""
    calibration = None if prepared.base is None else prepared.base.calibration
    space = space_of(prepared.scenario, wanted.cores, wanted.instances, wanted.memories, prepared.directory)
    memory = space.memories[0]
    choices = [Configuration(cores, space.instances[0], memory) for cores in space.cores]
    choices += [Configuration(space.cores[0], count, memory) for count in space.instances[1:]]
    return [trust_zone(space.at(one), calibration) for one in choices]


def predict_plan(
    data: dict[str, Any],
    prepared: Prepared,
    wanted: Wanted,
    uncertainty: bool | None,
    *,
    engine: str | Engine = "auto",
    report: Report | None = None,
) -> None:
    """Add the trust zone to the data of a plan and, where its profile has draws, what is bought with them taken in.

    uncertainty: False: no draws; else where they are there.
    """
    calibration = None if prepared.base is None else prepared.base.calibration
    space = space_of(prepared.scenario, wanted.cores, wanted.instances, wanted.memories, prepared.directory)
    bought = _configuration(data["plan"])
    data["trust"] = trust_zone(space.at(bought or space.largest), calibration)
    data["uncertainty"] = None
    draws = draws_of(prepared, DRAWS, uncertainty)
    if draws is None or calibration is None or bought is None or data.get("interrupted"):
        if calibration is not None and calibration.workload and draws is None:
            data["warnings"] += notes.simulation_alone(uncertainty is False)
        return
    chosen, _ = chosen_for_search(engine)
    criteria = criteria_of(prepared.scenario, wanted)
    laboratory = Laboratory(chosen, data["seed"], percents_of(criteria), None, prepared.directory, report)
    judge = _Judge(laboratory, space, draws, criteria, calibration.discrepancy, prepared, wanted.without_one)
    try:
        judge.prepare()
        fails = {_configuration(row) for row in data["known"] if not row["feasible"]}
        judged = _search(judge, bought, wanted, fails)
    except KeyboardInterrupt:
        data["interrupted"] = True
        data["warnings"] += notes.without_draws()
        return
    enough = judged[-1] if judged[-1].probability >= wanted.probability else None
    if enough is not None:
        data["trust"] = trust_zone(space.at(enough.configuration), calibration)
    shown = enough or max(judged, key=lambda one: one.probability)
    data["uncertainty"] = {
        "level": LEVEL,
        "draws": len(draws.positions),
        "method": METHOD,
        "discrepancy": calibration.discrepancy.model_dump(),
        "plan": None if enough is None else _bought(enough, wanted),
        "at_estimates": _bought(judged[0], wanted),
        "judged": len(judged),
        "given_up": len(judged) > MOST_JUDGED,
        "unidentified": list(calibration.unidentified),
        "not_told_apart": [list(pair) for pair in not_told_apart(draws.samples)],
        "shares": {shown.binding: shown.shares} if shown.shares else {},
    }


def _configuration(row: dict[str, Any] | None) -> Configuration | None:
    return None if row is None else Configuration(row["cores"], row["instances"], row["memory_bytes"])


def _search(judge: _Judge, bought: Configuration, wanted: Wanted, fails: Set[Configuration | None]) -> list[Judged]:
    """Judge the plan and then others of its cost and dearer ones, until one meets all criteria as surely as is wanted.

    What has no more of anything than one that failed is not judged: more of everything never hurts. Nor is what fails
    at the estimates alone.
    """
    judged = [judge.judge(bought)]
    key = ranked(wanted.prices)
    others = [one for one in judge.space.all() if key(one) > key(bought) and one not in fails]
    for one in sorted(others, key=key):
        if judged[-1].probability >= wanted.probability or len(judged) > MOST_JUDGED:
            break
        if any(one.within(failed.configuration) for failed in judged):
            continue
        judge.laboratory.tell(f"draws of the parameters, {one.text}", len(judged), MOST_JUDGED)
        judged.append(judge.judge(one))
    return judged


def _bought(judged: Judged, wanted: Wanted) -> dict[str, Any]:
    one = judged.configuration
    return {
        "cores": one.cores,
        "instances": one.instances,
        "memory_bytes": one.memory_bytes,
        "text": one.text,
        "cost": wanted.prices.of(one),
        "probability": judged.probability,
        "binding": judged.binding,
        "criteria": judged.criteria,
        **figures(judged.data),
        "resource": None if judged.data is None else busiest(judged.data),
    }

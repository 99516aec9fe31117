"""Adds to limits what calibration leaves open of them: their prediction interval, probabilities, shares, trust zone.

The draws of the parameters are played at the same loads, with the same random numbers, as the estimates. Where the
first criterion breaks is found for each draw between neighbouring loads, so that a limit has a spread over the draws.
The model's own error counts by how far it moves the crossing; that of the simulation is the margin of the search.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from models.measured import Discrepancy
from models.scenario import Scenario
from simulator import warnings as notes
from simulator.compare_prediction import EFFECT_ERROR
from simulator.engines import Engine
from simulator.limits.criteria import GROWTH, Criterion, Given, by_level
from simulator.limits.load import Axis, axis_of, capacity_of
from simulator.limits.root import one_sided, slack
from simulator.limits.trials import REPLICATIONS, Laboratory, Trial, chosen_for_search, percents_of
from simulator.parameter_trials import AT_ONCE, Draws, draws_of
from simulator.prediction import METHOD, model_error
from simulator.replications import Report
from simulator.scenario_source import Prepared
from simulator.shares import not_told_apart, shares
from simulator.statistics import CONFIDENCE, student_t
from simulator.trust_zone import farthest, trust_zone
from simulator.uncertainty import LEVEL, Leeway, shifts

DRAWS: Final = 20  # as many as tell a 90 % interval
REPEATS: Final = 2  # replications of each draw at each load
BUDGET_SHARE: Final = 0.3  # of the engine's operations, for all draws
WIDEST: Final = (0.4, 1.8)  # times the lowest and the highest estimate: between these, limits of draws are looked for
GRID: Final = 6
LOADS_OF_ZONES: Final = 24  # over all loads that are looked at

Values = dict[Criterion, list[float]]
"""Of each criterion, its value in each replication."""


@dataclass(frozen=True)
class Curves:
    """Each criterion's values at each load. capacity: load from which on the system is offered too much."""

    loads: Sequence[float]
    at: Sequence[Values]
    capacity: float

    def breaks(
        self, criteria: Sequence[Criterion], repeat: int, model: Mapping[Criterion, float] | None = None
    ) -> float:
        """Return the load at which the first criterion breaks in one replication, at most the last load.

        model: logarithm of a factor on each criterion's values, to see what it moves.
        """
        found = min(self.capacity, self.loads[-1])
        for criterion in criteria:
            factor = math.exp(model.get(criterion, 0.0)) if model else 1.0
            left = [slack(criterion, [values[criterion][repeat] * factor]) for values in self.at]
            found = min(found, _first(self.loads, left))
        return found


def _first(loads: Sequence[float], left: Sequence[float]) -> float:
    """Return where a criterion's slack first falls to 0: on a straight line over the logarithm of the load."""
    for index, slack_here in enumerate(left):
        if slack_here > 0:
            continue
        if index == 0 or math.isinf(slack_here):
            return loads[max(index - 1, 0)]
        before = left[index - 1]
        share = before / (before - slack_here)
        return math.exp(math.log(loads[index - 1]) * (1 - share) + math.log(loads[index]) * share)
    return math.inf


@dataclass(frozen=True)
class _Played:
    """What was simulated. curves: at the estimates, then of each draw."""

    axis: Axis
    draws: Draws
    curves: Sequence[Curves]


def zones_of_loads(prepared: Prepared, between: tuple[float, float] | None = None) -> list[dict[str, Any]]:
    """Return the trust zones of the loads that limits may come to."""
    calibration = None if prepared.base is None else prepared.base.calibration
    axis = axis_of(prepared.scenario, between)
    loads = np.geomspace(axis.least, axis.most, LOADS_OF_ZONES)
    return [trust_zone(axis.at(float(load)), calibration) for load in loads]


def predict_limits(
    data: dict[str, Any],
    prepared: Prepared,
    given: Given,
    wanted: bool | None,
    *,
    between: tuple[float, float] | None = None,
    engine: str | Engine = "auto",
    report: Report | None = None,
) -> None:
    """Add to the data of limits the trust zone of each level and, where the profile has draws, the predictions.

    given: the criteria, as for the limits. wanted: False: no draws; else where they are there.
    """
    calibration = None if prepared.base is None else prepared.base.calibration
    axis = axis_of(prepared.scenario, between)
    loads = {level: row["load"] for level, row in data["levels"].items() if row["load"]}
    zones = {level: trust_zone(axis.at(load), calibration) for level, load in loads.items()}
    for level, zone in zones.items():
        data["levels"][level]["trust"] = zone
    data["trust"] = farthest([*zones.values()] or [trust_zone(axis.scenario, calibration)])
    data["uncertainty"] = None
    draws = draws_of(prepared, DRAWS, wanted)
    if draws is None or not loads or data.get("interrupted"):
        if calibration is not None and calibration.workload and draws is None:
            data["warnings"] += notes.simulation_alone(wanted is False)
        return
    levels = by_level(given, prepared.scenario)
    chosen, _ = chosen_for_search(engine)
    every = {criterion for level in loads for criterion in levels[level]}
    laboratory = Laboratory(chosen, data["seed"], percents_of(every), None, prepared.directory, report)
    try:
        curves = _curves(laboratory, axis, draws, sorted(every, key=lambda one: one.text), _grid(axis, data))
    except KeyboardInterrupt:
        data["interrupted"] = True
        data["warnings"] += notes.without_draws()
        return
    discrepancy = Discrepancy() if calibration is None else calibration.discrepancy
    for level in loads:
        wider = zones[level]["widening"]
        _predict_level(data["levels"][level], levels[level], _Played(axis, draws, curves), (discrepancy, wider))
    data["uncertainty"] = {
        "level": LEVEL,
        "draws": len(draws.positions),
        "method": METHOD,
        "discrepancy": discrepancy.model_dump(),
        "unidentified": [] if calibration is None else list(calibration.unidentified),
        "not_told_apart": [list(pair) for pair in not_told_apart(draws.samples)],
        "shares": {
            f"the {level} limit": data["levels"][level].get("shares") or []
            for level in loads
            if data["levels"][level].get("shares")
        },
    }


def _grid(axis: Axis, data: Mapping[str, Any]) -> list[float]:
    """Return the loads at which draws are played: the limits themselves, and a grid around them."""
    limits = [row["load"] for row in data["levels"].values() if row["load"]]
    estimates = [row["estimate"] or row["load"] for row in data["levels"].values() if row["load"]]
    low = max(WIDEST[0] * min(limits), axis.least)
    high = min(WIDEST[1] * max(estimates), axis.most, 0.995 * axis.capacity)
    spread = np.geomspace(low, max(high, low * 1.01), GRID)
    wanted = sorted({*limits, *(_settable(axis, float(load)) for load in spread)})
    # Neighbours that are nearly the same tell nothing of a slope.
    apart = [index == 0 or load > 1.05 * wanted[index - 1] for index, load in enumerate(wanted)]
    return [load for load, far in zip(wanted, apart, strict=True) if far or load in limits]


def _settable(axis: Axis, load: float) -> float:
    return max(float(round(load)) if axis.whole else load, axis.least)


def _curves(
    laboratory: Laboratory, axis: Axis, draws: Draws, criteria: Sequence[Criterion], loads: Sequence[float]
) -> list[Curves]:
    """Return the criteria's values of the estimates, then of each draw, at all loads."""
    plain = [one.model_copy(update={"thresholds": []}) for one in draws.scenarios()]
    scenarios = [axis.scenario, *plain]
    axes = [replace(axis, scenario=one) for one in scenarios]
    operations = BUDGET_SHARE * laboratory.engine.operations / (len(loads) + 1) / len(scenarios) / REPEATS
    asked = [criterion for criterion in criteria if criterion.field != GROWTH and criterion.metric != "growth"]
    empties: list[Trial | None] = [None] * len(scenarios)
    if any(criterion.relative for criterion in asked):
        empties = list(_trials(laboratory, [one.empty() for one in axes], operations))
    at: list[list[Values]] = [[] for _ in scenarios]
    for done, load in enumerate(loads):
        laboratory.tell("draws of the parameters", done, len(loads))
        trials = _trials(laboratory, [one.at(load) for one in axes], operations)
        for row, trial, empty in zip(at, trials, empties, strict=True):
            row.append({criterion: trial.values(criterion, empty) for criterion in asked})
    return [
        Curves(loads, row, capacity_of(scenario, axis.kind, axis.start)[0])
        for row, scenario in zip(at, scenarios, strict=True)
    ]


def _trials(laboratory: Laboratory, scenarios: Sequence[Scenario], operations: float) -> list[Trial]:
    """Simulate scenarios over the window of the first, some at a time."""
    window = laboratory.window(scenarios[0], operations)
    numbers = range(1, REPEATS + 1)
    found: list[Trial] = []
    for first in range(0, len(scenarios), AT_ONCE):
        found += laboratory.trials(scenarios[first : first + AT_ONCE], window, numbers)
    return found


def _predict_level(
    row: dict[str, Any], criteria: Sequence[Criterion], played: _Played, open_of_model: tuple[Discrepancy, float]
) -> None:
    """Add to a level its prediction, the probability that each criterion is kept at the limit, and the shares.

    open_of_model: the model's own error, and what is added to it beyond what was measured.
    """
    curves, draws, axis = played.curves, played.draws, played.axis
    asked = [criterion for criterion in criteria if criterion in curves[0].at[0]]
    for criterion, entry in zip(criteria, row["criteria"], strict=True):
        _judge(entry, criterion, curves, row["load"], open_of_model)
    model = {one: criterion_error(one, one.limit, *open_of_model) for one in asked}
    base = [curves[0].breaks(asked, repeat) for repeat in range(REPEATS)]
    drawn = [[one.breaks(asked, repeat) for repeat in range(REPEATS)] for one in curves[1:]]
    spread = shifts(base, drawn, ratio=True)
    estimate = row["estimate"] or (None if row["unlimited"] else row["load"])
    if spread is None or estimate is None:
        return
    error = (row["margin"] or 0.0) / math.sqrt(2) / one_sided(REPLICATIONS)
    leeway = Leeway(estimate, error, REPLICATIONS - 1, spread, _moved(curves[0], asked, model, open_of_model))
    low, high = leeway.interval()
    kept = [leeway.probability_below(row["load"])]
    row["prediction"] = {
        "load": axis.rounded(min(low, row["load"])) or None,
        "low": low,
        "high": high,
        "probability": 1 - kept[0],
        "censored": sum(min(values) >= 0.999 * curves[0].loads[-1] for values in drawn),
    }
    row["shares"] = shares(draws.samples, leeway)


def _moved(
    base: Curves, asked: Sequence[Criterion], model: Mapping[Criterion, float], open_of_model: tuple[Discrepancy, float]
) -> float:
    """Return how far the model's own error moves a limit: half of the ratio between its crossings at both sides.

    Where the limit is one of capacity, it is the error of rates.
    """
    worse = {one: -error if one.upward else error for one, error in model.items()}
    better = {one: -error for one, error in worse.items()}
    apart = [
        abs(math.log(base.breaks(asked, repeat, better) / base.breaks(asked, repeat, worse))) / 2
        for repeat in range(REPEATS)
    ]
    return max(float(np.mean(apart)), math.hypot(open_of_model[0].rate, open_of_model[1]))


def criterion_error(criterion: Criterion, value: float, discrepancy: Discrepancy, wider: float) -> float:
    """Return the relative standard deviation of the model's own error in a criterion's value.

    What is relative to the empty system is an effect, of which a share is open; what is idle is known as well as what
    is busy.
    """
    if not value:
        return 0.0
    if criterion.relative:
        return math.hypot(EFFECT_ERROR, wider) * abs(value - 1) / abs(value)
    own = model_error(criterion.field, discrepancy, wider)
    return own * abs(1 - value) / abs(value) if "headroom" in criterion.field else own


def _judge(
    entry: dict[str, Any],
    criterion: Criterion,
    curves: Sequence[Curves],
    load: float,
    open_of_model: tuple[Discrepancy, float],
) -> None:
    """Put into a criterion's entry the probability that the system keeps it at the limit."""
    fit = float(np.mean([one.capacity > load for one in curves[1:]]))
    entry["simulation_probability"] = entry["probability"]
    if criterion not in curves[0].at[0]:
        entry["probability"] = fit
        return
    place = curves[0].loads.index(load)
    spread = shifts(
        curves[0].at[place][criterion],
        [one.at[place][criterion] for one in curves[1:]],
        ratio="response_time" in criterion.field,
    )
    if spread is None or entry["value"] is None:
        return
    half_width = entry["half_width"]
    error = 0.0 if half_width is None else half_width / student_t(CONFIDENCE, REPLICATIONS - 1)
    model = criterion_error(criterion, entry["value"], *open_of_model)
    leeway = Leeway(entry["value"], error, REPLICATIONS - 1, spread, model)
    below = leeway.probability_below(entry["limit"])
    entry["probability"] = (1 - below if criterion.upward else below) * fit
    entry["prediction"] = list(leeway.interval())

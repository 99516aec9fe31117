"""`plan(scenario)`: the cheapest configuration that serves the scenario's load, as plain data."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from models.scenario import Scenario
from simulator.assembly import scenario_hash
from simulator.engines import Engine
from simulator.limits.binding import Data, result_data
from simulator.limits.criteria import (
    DEFAULTS,
    FAMILIES,
    STABILITY,
    Criterion,
    applies,
    can_grow,
    is_traced,
    read,
    reject_impossible,
)
from simulator.limits.empty import empty_trial
from simulator.limits.trials import Laboratory, chosen_for_search, percents_of
from simulator.plan.judge import Judge, Verdict, empty_axis
from simulator.plan.search import RUNNERS_UP, at_equal_cost, ranked, search, smaller
from simulator.plan.space import Configuration, Prices, Space, space_of
from simulator.provenance import provenance
from simulator.replications import Report
from simulator.result import SCHEMA_VERSION
from simulator.thresholds import ThresholdError
from simulator.warnings import engine_fallback, warning

LEVEL: Final = "safe"  # whose default criteria stand where no threshold is given
ALWAYS: Final = ("errors",)  # families of which the default stands beside given thresholds, too
EQUAL_COST: Final = 5
EMPTY_SHARE: Final = 0.02
PROBABILITY: Final = 0.95


@dataclass(frozen=True)
class Wanted:
    """What is to be planned.

    cores, instances, memories: texts of the values to choose from; no memories: as in the scenario.
    thresholds: what is to be met; without any, the criteria of a load that is safe with monitoring.
    probability: that each threshold is met. without_one: with one instance lost, too.
    defaults: whether default criteria count.
    """

    cores: Sequence[str] = tuple(map(str, range(1, 17)))
    instances: Sequence[str] = tuple(map(str, range(1, 33)))
    memories: Sequence[str] = ()
    thresholds: Sequence[str] = ()
    probability: float = PROBABILITY
    without_one: bool = False
    prices: Prices = field(default_factory=Prices)
    defaults: bool = True


def plan(
    scenario: Scenario,
    wanted: Wanted | None = None,
    *,
    engine: str | Engine = "auto",
    seed: int | None = None,
    progress: Report | None = None,
    threads: int | None = None,
    base_directory: Path | None = None,
) -> dict[str, Any]:
    """Find the cheapest configuration of the entry service; `feasible` is False in the answer where there is none.

    engine, seed, progress, threads, base_directory: as for `run`.
    Raises ThresholdError for a threshold that cannot be, ScenarioError for bounds without a configuration.
    """
    started = time.monotonic()
    wanted = wanted or Wanted()
    directory = base_directory or Path()
    chosen, fallback = chosen_for_search(engine)
    criteria = criteria_of(scenario, wanted)
    space = space_of(scenario, wanted.cores, wanted.instances, wanted.memories, directory)
    number = scenario.run.seed if seed is None else seed
    laboratory = Laboratory(chosen, number, percents_of(criteria), threads, directory, progress)
    judge = Judge(laboratory, space, criteria, wanted.probability, wanted.without_one)
    frontier, answer, interrupted = _found(judge, wanted.prices)
    data = {
        "schema_version": SCHEMA_VERSION,
        "kind": "plan",
        "scenario": scenario.model_dump(mode="json", exclude_none=True),
        "seed": number,
        "engine": chosen.name,
        "criteria": [criterion.text for criterion in criteria],
        "probability": wanted.probability,
        "without_one": wanted.without_one,
        "unit": wanted.prices.unit,
        "service": space.service,
        "configurations": space.size,
        "interrupted": interrupted,
        "feasible": bool(frontier),
        **answer,
        "known": [_brief(verdict, wanted.prices) for verdict in judge.known.values()],
        "judged": len(judge.known),
        "configurations_simulated": judge.simulated,
        "operations_simulated": laboratory.simulated,
        "warnings": [*_notes(space), *engine_fallback(fallback)],
    }
    data["provenance"] = provenance(chosen.name, scenario_hash(data["scenario"]), time.monotonic() - started)
    return data


def _found(judge: Judge, prices: Prices) -> tuple[list[Configuration], dict[str, Any], bool]:
    """Search; where that is stopped, take what was judged until then. Raises KeyboardInterrupt if that is nothing."""
    try:
        measure_empty(judge)
        frontier = search(judge, prices).frontier
        return frontier, _answer(judge, frontier, prices), False
    except KeyboardInterrupt:
        serving = [one for one, verdict in judge.known.items() if verdict.feasible]
        if not serving:
            raise
        best = min(serving, key=ranked(prices))
        rest: dict[str, Any] = {"binding": None, "largest": None, "smaller": [], "runners_up": [], "equal_cost": []}
        return [best], {"plan": _entry(judge.known[best], prices), **rest}, True


def criteria_of(scenario: Scenario, wanted: Wanted) -> list[Criterion]:
    """Return what a configuration has to meet, stability first. Raises ThresholdError."""
    names = [workload.name for workload in scenario.workloads]
    asked = [read(text, names) for text in wanted.thresholds]
    for criterion in asked:
        reject_impossible(criterion)
        if criterion.relative and is_traced(scenario):
            raise ThresholdError(f"{criterion.text!r}: a trace has no nearly empty system; accepted: response_time")
    standing = [replace(read(STABILITY, names), default=True)] if can_grow(scenario) else []
    if wanted.defaults:
        taken = {FAMILIES.get(criterion.metric, criterion.metric) for criterion in asked}
        for text in DEFAULTS[LEVEL]:
            criterion = replace(read(text, names), default=True)
            family = FAMILIES[criterion.metric]
            if family not in taken and (not asked or family in ALWAYS) and applies(criterion, scenario):
                standing.append(criterion)
    return [*standing, *asked]


def measure_empty(judge: Judge) -> None:
    """Simulate the nearly empty system of the largest configuration: what ratios and added waiting are taken of."""
    if is_traced(judge.space.scenario):
        return
    laboratory = judge.laboratory
    judge.base = empty_trial(laboratory, empty_axis(judge.space), EMPTY_SHARE * laboratory.engine.operations)
    judge.base_data = result_data(judge.base)


def _answer(judge: Judge, frontier: list[Configuration], prices: Prices) -> dict[str, Any]:
    """Return the plan, the runners-up, why less does not do, and the same money spent otherwise."""
    if not frontier:
        largest = judge.judge(judge.space.largest)
        return {
            "plan": None,
            "binding": {"resource": largest.resource, "why": largest.why},
            "largest": _entry(largest, prices),
            "smaller": [],
            "runners_up": [],
            "equal_cost": [],
        }
    best = frontier[0]
    others = frontier[1 : 1 + RUNNERS_UP]
    equal = at_equal_cost(judge, best, EQUAL_COST)
    judge.judge_all([*(less for one in (best, *others) for less in smaller(judge, one)), *equal])
    return {
        "plan": _entry(judge.judge(best), prices),
        "binding": None,
        "largest": None,
        "smaller": [_entry(judge.judge(one), prices) for one in smaller(judge, best)],
        "runners_up": [
            {
                **_entry(judge.judge(one), prices),
                "smaller": [_entry(judge.judge(less), prices) for less in smaller(judge, one)],
            }
            for one in others
        ],
        "equal_cost": [_entry(verdict, prices) for verdict in judge.judge_all(equal)],
    }


def _brief(verdict: Verdict, prices: Prices) -> dict[str, Any]:
    """Return a verdict in short."""
    one = verdict.configuration
    counts = {"cores": one.cores, "instances": one.instances, "memory_bytes": one.memory_bytes}
    return {**counts, "cost": prices.of(one), "feasible": verdict.feasible, "why": verdict.why}


def _entry(verdict: Verdict, prices: Prices) -> dict[str, Any]:
    """Return a verdict as it stands in an answer."""
    one = verdict.configuration
    return {
        "cores": one.cores,
        "instances": one.instances,
        "memory_bytes": one.memory_bytes,
        "text": one.text,
        "cost": prices.of(one),
        "feasible": verdict.feasible,
        "why": verdict.why,
        "resource": verdict.resource,
        "probability": verdict.probability,
        **figures(verdict.data),
    }


def figures(data: Data | None) -> dict[str, Any]:
    """Return what is shown of a configuration, out of its estimates; None for each where a law decided."""
    names = ("response_time_s", "throughput_per_s", "cpu_utilization", "error_rate")
    return {name: None if data is None else data[name] for name in names}


def _notes(space: Space) -> list[dict[str, str]]:
    found = []
    if space.follows:
        message = f"{space.service} has one worker for each core, as in the scenario"
        found.append(
            warning("workers_follow_cores", message, "set its workers to another number to keep that number")
        )
    if space.guests and len(space.instances) > 1:
        guests = ", ".join(space.guests)
        message = f"as many instances as of {space.service} are taken of what is on its cores: {guests}"
        found.append(warning("guests_follow_hosts", message, "give --instances one number to keep it"))
    return found

"""Compares scenarios that meet the same chance: the same seed, the same replications, the same window."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator.arms import Arm
from simulator.comparison import comparison, sample, switch_effects
from simulator.engines import Engine
from simulator.look_ahead import look_ahead
from simulator.paired import paired_difference
from simulator.parallel_runs import Task, Workers, run_all, settled
from simulator.planning import FEWEST_REPLICATIONS, MOST_REPLICATIONS, Plan
from simulator.provenance import provenance
from simulator.replications import PRECISE, Replicator, Report
from simulator.result import Result
from simulator.saved_answer import Answer
from simulator.statistics import replications_needed


def compare(
    arms: Sequence[Arm],
    workers: Workers | None = None,
    *,
    switches: Sequence[str] = (),
    report: Report | None = None,
    max_operations: int | None = None,
) -> Answer:
    """Simulate all arms and return how each differs from the first.

    All have the warm-up and the duration of the one that needs most, and as many replications as bring the half-width
    of every difference of throughput and response time below the precision, relative to the first arm.

    switches: where the arms are all their combinations. max_operations: bound of what each arm simulates.
    Raises KeyboardInterrupt if it is stopped: a part of a comparison is none.
    """
    started = time.monotonic()
    workers, chosen, notes = settled(workers or Workers())
    operations = max_operations or max(chosen.operations * 2 // len(arms), 1)
    events = max(chosen.events * operations // chosen.operations, 1)
    planned, found = _common(arms, replace(chosen, operations=operations, events=events), report)
    results = _simulated(arms, planned, planned.replications, workers, report)
    while (needed := _needed(arms, results, planned, operations)) > results[0].data["replications"]:
        results = _simulated(arms, planned, needed, workers, report)
    for result, warnings in zip(results, found, strict=True):
        known = {warning["code"] for warning in result.warnings}
        result.data["warnings"] += [warning for warning in warnings if warning["code"] not in known]
    data = comparison([arm.name for arm in arms], results)
    if switches:
        data["factorial"] = switch_effects(switches, arms, results)
    for arm, result in zip(arms, results, strict=True):
        result.data["provenance"].update(arm.prepared.provenance())
    data["provenance"] = {
        **provenance(chosen.name, "", time.monotonic() - started),
        **arms[0].prepared.provenance(),
    }
    data["provenance"]["notes"] += notes
    return Answer(data)


def _common(arms: Sequence[Arm], engine: Engine, report: Report | None) -> tuple[Plan, list[list[dict[str, str]]]]:
    """Look ahead at every arm; return the plan that is enough for each of them, and what to warn about in each."""
    plans, found = [], []
    for arm in arms:
        scenario = arm.prepared.scenario
        compiled = engine.compile(scenario, arm.prepared.directory)
        replicator = Replicator(engine, compiled, arms[0].prepared.scenario.run.seed, report)
        overloaded = [entry for entry in offered_utilization(scenario) if entry.utilization >= 1]
        _, plan, warnings = look_ahead(scenario, compiled, replicator, overloaded)
        plans.append(plan)
        found.append(warnings)
    wanted = arms[0].prepared.scenario.run.replications
    most = MOST_REPLICATIONS if wanted == "auto" else int(wanted)
    first = min(max(FEWEST_REPLICATIONS, *(plan.replications for plan in plans)), most)
    warmup_ns = max(plan.warmup_ns for plan in plans)
    duration_ns = max(plan.duration_ns for plan in plans)
    return Plan(warmup_ns, duration_ns, first, most, max(plan.stagger_ns for plan in plans)), found


def _simulated(
    arms: Sequence[Arm], window: Plan, replications: int, workers: Workers, report: Report | None
) -> list[Result]:
    """Return the result of each arm over the same replications of the same window."""
    tasks = []
    for arm in arms:
        scenario = _windowed(arm.prepared.scenario, window, replications)
        tasks.append(Task(scenario, arm.prepared.directory, stagger_ns=window.stagger_ns))
    seeded = replace(workers, seed=arms[0].prepared.scenario.run.seed)
    results = dict(run_all(tasks, seeded, report))
    if len(results) < len(tasks):
        raise KeyboardInterrupt
    return [results[position] for position in range(len(tasks))]


def _windowed(scenario: Scenario, planned: Plan, replications: int) -> Scenario:
    window = {"warmup": planned.warmup_ns, "duration": planned.duration_ns, "replications": replications}
    return scenario.model_copy(update={"run": scenario.run.model_copy(update=window)})


def _needed(arms: Sequence[Arm], results: Sequence[Result], planned: Plan, operations: int) -> int:
    """Return how many replications bring every difference from the first arm to the precision, if they are affordable.

    operations: that each arm may simulate.
    """
    widths = []
    for result in results[1:]:
        for name in PRECISE:
            relative = paired_difference(sample(results[0].data, name), sample(result.data, name)).relative
            if relative.half_width is not None:
                widths.append(relative.half_width)
    done = int(results[0].data["replications"])
    needed = replications_needed(done, widths, arms[0].prepared.scenario.run.precision)
    spent = max(int(result.data["operations"]["offered"]) for result in results)
    return min(needed, planned.most_replications, done * operations // max(spent, 1))


def compare_results(names: Sequence[str], results: Sequence[Result]) -> Answer:
    """Compare two saved results: paired where they have the same seed and window, else as independent samples."""
    data = comparison(names, results)
    data["provenance"] = {**provenance(data["engine"], "", 0.0), "source": " and ".join(names), "notes": []}
    return Answer(data)

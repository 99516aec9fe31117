"""Compares scenarios that meet the same chance: the same seed, the same replications, the same window."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator.arms import Arm
from simulator.comparison import comparison, paired_of, switch_effects
from simulator.engines import Engine
from simulator.look_ahead import look_ahead
from simulator.parallel_runs import Task, Workers, run_all, settled
from simulator.planning import FEWEST_REPLICATIONS, MOST_REPLICATIONS, Plan
from simulator.provenance import provenance
from simulator.replications import PRECISE, Replicator, Report
from simulator.result import Result
from simulator.saved_answer import Answer
from simulator.statistics import replications_needed
from simulator.trust_zone import farthest

FEWEST_PAIRS: Final = 2  # replications of each, of which a difference can be told from noise


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
    Ctrl-C gives the replications that the first arm and others have in common, marked, of those arms that have any;
    KeyboardInterrupt where these are not two.
    """
    started = time.monotonic()
    workers, chosen, notes = settled(workers or Workers())
    operations = max_operations or max(chosen.operations * 2 // len(arms), 1)
    events = max(chosen.events * operations // chosen.operations, 1)
    planned, found = _common(arms, chosen._replace(operations=operations, events=events), report)
    results = _simulated(arms, planned, planned.replications, workers, report)
    interrupted = _is_cut_short(results, len(arms))
    while not interrupted:
        needed = _needed(arms, list(results.values()), planned, operations)
        if needed <= _common_count(results):
            break
        more = _simulated(arms, planned, needed, workers, report)
        interrupted = _is_cut_short(more, len(arms))
        if not interrupted or (len(more) == len(arms) and _common_count(more) > _common_count(results)):
            results = more
    if interrupted:
        results = {at: result for at, result in results.items() if result.data["replications"] >= FEWEST_PAIRS}
        if 0 not in results or len(results) < 2:
            raise KeyboardInterrupt
    data = _compared(arms, results, found, switches)
    data["interrupted"] = interrupted
    data["provenance"] = {
        **provenance(chosen.name, "", time.monotonic() - started),
        **arms[0].prepared.provenance(),
    }
    data["provenance"]["notes"] += notes
    return Answer(data)


def _compared(
    arms: Sequence[Arm], found: Mapping[int, Result], warned: Sequence[list[dict[str, str]]], switches: Sequence[str]
) -> dict[str, Any]:
    """Return the comparison of the arms that have a result. warned: about each arm; switches: what the arms are of."""
    known = [arms[at] for at in sorted(found)]
    results = [found[at] for at in sorted(found)]
    for result, warnings in zip(results, (warned[at] for at in sorted(found)), strict=True):
        codes = {warning["code"] for warning in result.warnings}
        result.data["warnings"] += [warning for warning in warnings if warning["code"] not in codes]
    data = comparison([arm.name for arm in known], results)
    if switches and len(known) == len(arms):
        data["factorial"] = switch_effects(switches, known, results)
    for arm, result in zip(known, results, strict=True):
        result.data["provenance"].update(arm.prepared.provenance())
    return data


def _is_cut_short(results: Mapping[int, Result], arms: int) -> bool:
    return len(results) < arms or any(result.interrupted for result in results.values())


def _common_count(results: Mapping[int, Result]) -> int:
    """Return how many replications all have."""
    return min(int(result.data["replications"]) for result in results.values())


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
) -> dict[int, Result]:
    """Return the results by arm over the same replications of the same window, as far as it was not stopped."""
    tasks = []
    for arm in arms:
        scenario = _windowed(arm.prepared.scenario, window, replications)
        task = Task(scenario, arm.prepared.directory, stagger_ns=window.stagger_ns, partial=True, controls=True)
        tasks.append(task)
    seeded = replace(workers, seed=arms[0].prepared.scenario.run.seed)
    return dict(sorted(run_all(tasks, seeded, report)))


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
            relative = paired_of(results[0].data, result.data, name).relative
            if relative.half_width is not None:
                widths.append(relative.half_width)
    done = int(results[0].data["replications"])
    needed = replications_needed(done, widths, arms[0].prepared.scenario.run.precision)
    spent = max(int(result.data["operations"]["offered"]) for result in results)
    return min(needed, planned.most_replications, done * operations // max(spent, 1))


def compare_results(names: Sequence[str], results: Sequence[Result]) -> Answer:
    """Compare two saved results: paired where they have the same seed and window, else as independent samples."""
    data = comparison(names, results)
    zones = [result.data.get("trust") for result in results]
    if all(zones):
        data["trust"] = farthest([zone for zone in zones if zone])
    data["provenance"] = {**provenance(data["engine"], "", 0.0), "source": " and ".join(names), "notes": []}
    return Answer(data)

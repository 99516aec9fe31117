"""Runs a scenario and answers with a result."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from models.scenario import Scenario
from models.scenario_capacity import OfferedUtilization, offered_utilization
from simulator import warnings as notes
from simulator.assembly import as_json, estimates, samples, scenario_hash, seconds
from simulator.bottleneck import bottleneck
from simulator.causes import parse_percentile
from simulator.engines import Engine, choose
from simulator.laws import LAWS
from simulator.look_ahead import look_ahead
from simulator.measures import STANDARD_PERCENTS
from simulator.operation_controls import OperationControls, worth_recording
from simulator.pilot import Pilot
from simulator.planning import Plan
from simulator.provenance import provenance
from simulator.replications import Progress, Replicator, Report, imprecise
from simulator.result import SCHEMA_VERSION, Result
from simulator.statistics import Estimate, quotient
from simulator.thresholds import Threshold, evaluate, parse
from simulator.totals import Totals

__all__ = ["Progress", "run"]


class _Request(NamedTuple):
    """What was asked for: the arguments of `run` after they were read.

    overloaded: the stations to which open workloads offer more than they can do.
    stagger_ns: instead of the plan's. records: whether they are wanted. controls: see `run`.
    """

    scenario: Scenario
    engine: Engine
    seed: int
    explain: float | None
    thresholds: Sequence[Threshold]
    overloaded: Sequence[OfferedUtilization]
    stagger_ns: int | None = None
    records: bool = False
    controls: bool = False


def run(
    scenario: Scenario,
    *,
    engine: str | Engine = "auto",
    seed: int | None = None,
    explain: str | None = None,
    check: bool = False,
    records: bool = False,
    efficiency: bool = False,
    progress: Report | None = None,
    max_operations: int | None = None,
    threads: int | None = None,
    base_directory: Path | None = None,
    stagger_ns: int | None = None,
    controls: bool = False,
) -> Result:
    """Simulate a scenario and return what it answers; the same seed gives the same result.

    engine: "auto", "fast" or "reference", or an engine itself.
    seed: instead of the scenario's.
    explain: a percentile such as "p99", whose operations' time is split into causes beside the median's.
    check: check the sample-path laws (slower).
    records: keep every operation of every replication in the result.
    efficiency: also run one process of each workload, to relate the throughput per process to it.
    progress: told how far the run is; returns False to stop with what there is.
    max_operations: bound of the operations that are simulated when duration or replications are "auto",
        instead of the engine's own.
    threads: at most so many replications at once, if the engine can; default: one for each CPU.
    base_directory: of the trace files, if it is not the scenario file's.
    stagger_ns: how much later than after the warm-up the windows of replications begin at most; default: a tenth to a
        fifth of the window where the warm-up is "auto", else nothing.
    controls: measure what a comparison takes out as well (`simulator.operation_controls`), where that is worth the
        records that it takes.

    Ctrl-C gives the result of the complete replications, marked; KeyboardInterrupt if there are none.
    Raises ValueError for an unknown engine or percentile, ThresholdError for a threshold that cannot be read.
    """
    started = time.monotonic()
    chosen, fallback = choose(engine) if isinstance(engine, str) else (engine, [])
    if max_operations is not None:
        chosen = _bounded(chosen, max_operations)
    names = [workload.name for workload in scenario.workloads]
    request = _Request(
        scenario,
        chosen,
        scenario.run.seed if seed is None else seed,
        None if explain is None else parse_percentile(explain),
        [parse(text, names) for text in scenario.thresholds],
        [entry for entry in offered_utilization(scenario) if entry.utilization >= 1],
        stagger_ns,
        records,
        controls,
    )
    compiled = chosen.compile(scenario, base_directory)
    replicator = Replicator(chosen, compiled, request.seed, progress, records, check, threads)
    data, totals = _answer(request, compiled, replicator)
    data["warnings"] += notes.engine_fallback(fallback)
    if efficiency and not data["interrupted"]:
        _add_efficiency(data, request, replicator, base_directory)
    printed = data["scenario"]
    data["provenance"] = provenance(chosen.now().name, scenario_hash(printed), time.monotonic() - started)
    return Result(data, totals.records)


def _bounded(engine: Engine, operations: int) -> Engine:
    """Return an engine with another bound of the operations, and of the events in proportion."""
    if operations < 1:
        raise ValueError(f"max_operations: found {operations}; accepted: at least 1")
    events = max(engine.events * operations // engine.operations, 1)
    return engine._replace(operations=operations, events=events)


def _answer(request: _Request, compiled: Any, replicator: Replicator) -> tuple[dict[str, Any], Totals]:
    """Plan, replicate and assemble everything but efficiency and provenance."""
    scenario = request.scenario
    pilot, planned, found = look_ahead(scenario, compiled, replicator, request.overloaded)
    if request.stagger_ns is not None:
        planned = planned._replace(stagger_ns=request.stagger_ns)
    percents = sorted({*STANDARD_PERCENTS, *(one.percent for one in request.thresholds if one.percent is not None)})
    open_workloads = [index for index, workload in enumerate(scenario.workloads) if workload.kind != "closed"]
    controls = None
    if request.controls and worth_recording(scenario, planned):
        controls = OperationControls(scenario, percents)
        replicator.records = True
    totals = Totals(compiled, percents, open_workloads, controls=controls, keeps_records=request.records)
    spent = 0.0 if pilot is None else pilot.cost
    count = replicator.replicate(planned, totals, spent, scenario.run.precision)
    cut_short = replicator.stopped.is_set()
    names = [workload.name for workload in scenario.workloads]
    data: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "kind": "run",
        "scenario": scenario.model_dump(mode="json", exclude_none=True),
        "seed": request.seed,
        "engine": request.engine.now().name,
        "replications": totals.replications,
        "duration_s": seconds(planned.duration_ns),
        "warmup_s": seconds(planned.warmup_ns),
        "stagger_s": seconds(planned.stagger_ns),
        "precision": scenario.run.precision,
        "interrupted": cut_short,
        "pilot": _pilot_data(pilot),
        **estimates(totals, request.explain),
    }
    data["bottleneck"] = bottleneck(data, scenario)
    data["thresholds"] = [evaluate(one, totals.measures, names) for one in request.thresholds]
    data["laws"] = _laws(replicator)
    data["samples"] = samples(totals)
    data["warnings"] = [
        *found,
        *_judgements(request, planned, totals),
        *(notes.interrupted(totals.replications, count) if cut_short else []),
        *notes.broken_laws(replicator.violations),
    ]
    return data, totals


def _pilot_data(pilot: Pilot | None) -> dict[str, Any] | None:
    if pilot is None:
        return None
    return {
        "duration_s": seconds(pilot.end_ns),
        "operations": len(pilot.all_ends_ns),
        "warmup_found": pilot.warmup_found,
    }


def _judgements(request: _Request, planned: Plan, totals: Totals) -> list[dict[str, str]]:
    """Warn about what the replications turned out to be."""
    wanted = request.scenario.run
    found = notes.nothing_completed(totals.completed)
    if not request.overloaded:
        found += notes.growing_queue(totals.growth, totals.arrivals)
    found += notes.scripted(request.scenario)
    if wanted.replications == "auto" or wanted.duration == "auto":
        bound = _bound(request, planned, totals)
        found += notes.precision_missed(imprecise(totals, wanted.precision), wanted.precision, bound)
    found += notes.single_replication(totals.replications)
    return found + notes.few_observations(totals.completed, totals.percents)


def _bound(request: _Request, planned: Plan, totals: Totals) -> str:
    """Say what ended the replications."""
    if request.scenario.run.replications != "auto":
        return f"with the {totals.replications} replications that were asked for"
    if totals.replications >= planned.most_replications:
        return f"after {totals.replications} replications"
    return f"bounded to what the {request.engine.now().name} engine does in seconds"


def _laws(replicator: Replicator) -> list[dict[str, Any]] | None:
    """Return for each law whether it held, if they were checked."""
    if not replicator.check:
        return None
    rows = []
    for number, law in LAWS.items():
        broken = [line for line in replicator.violations if line.startswith(f"law {number}:")]
        detail = broken[0] + (f" (and {len(broken) - 1} more)" if len(broken) > 1 else "") if broken else None
        rows.append({"number": number, "law": law, "holds": not broken, "detail": detail})
    return rows


def _add_efficiency(
    data: dict[str, Any], request: _Request, replicator: Replicator, base_directory: Path | None
) -> None:
    """Add throughput per process relative to a run of one process of each workload."""
    workloads = request.scenario.workloads
    if any(workload.kind != "closed" for workload in workloads):
        data["warnings"] += notes.no_efficiency()
        return
    alone = request.scenario.model_copy(
        update={
            "workloads": [workload.model_copy(update={"procs": 1}) for workload in workloads],
            "thresholds": [],
        }
    )

    def report(progress: Progress) -> bool | None:
        told = replicator.report
        return None if told is None else told(progress._replace(stage="one process"))

    try:
        single = run(
            alone,
            engine=request.engine,
            seed=request.seed,
            progress=report,
            threads=replicator.threads,
            base_directory=base_directory,
        )
    except KeyboardInterrupt:
        data["interrupted"] = True
        data["warnings"] += notes.interrupted(data["replications"], data["replications"])
        return
    expected = [workload.procs * single.workload(workload.name)["throughput_per_s"]["value"] for workload in workloads]
    throughput = data["throughput_per_s"]
    own = Estimate(throughput["value"], throughput["half_width"])
    relative = single.throughput_per_s.relative_half_width
    half_width = None if relative is None else relative * sum(expected)
    data["efficiency"] = as_json(quotient(own, Estimate(sum(expected), half_width)))

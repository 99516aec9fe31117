"""An engine of one queue with one server (Lindley, 1952): exact, fast, and independent of the real ones.

It serves the first workload of a scenario with the demand of its first stage, both exponential, first come
first served, and keeps all the accounts that an engine has to keep. A closed workload arrives at 100/s from
each process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from models.records import (
    CAUSES,
    COMPLETED,
    CORE_IDLE,
    CORE_STATES,
    CORE_WORKING,
    COUNT_COMPLETED,
    COUNT_IN_FLIGHT,
    COUNTS,
    OFFERED,
    OPERATION_RECORD,
    STATION_TOTALS,
    WAITING_FOR_CORE,
    WORKING,
)
from models.scenario import Scenario
from simulator.engines import Engine
from simulator.histogram import BINS, bins_of, counts_of
from simulator.output import EngineOutput

EVENTS_PER_OPERATION = 2


def scenario(
    rate_per_s: float = 700.0, demand: str = "1ms", run: dict[str, Any] | None = None, **more: Any
) -> Scenario:
    """Return an M/M/1 scenario."""
    return Scenario.from_dict(
        {
            "name": "single-server",
            "run": run or {},
            "workloads": [{"name": "clients", "kind": "open", "arrival_rate": f"{rate_per_s}/s"}],
            "services": {"web": {"cores": 1, "discipline": "fifo"}},
            "operations": [
                {
                    "name": "request",
                    "stages": [
                        {"kind": "cpu", "demand": {"distribution": "exponential", "mean": demand}}
                    ],
                }
            ],
            **more,
        }
    )


def compile_scenario(scenario: Scenario, base_directory: Path | None) -> Any:
    station = SimpleNamespace(name="cpu", kind="cpu", service="web", instance=0, servers=1)
    instance = SimpleNamespace(service="web", index=0, cores=1, memory_bytes=None)
    hosts = np.array([(0, 0, 1)], dtype=[("instance", "i8"), ("first_core", "i8"), ("cores", "i8")])
    return SimpleNamespace(
        scenario=scenario,
        workload_names=tuple(workload.name for workload in scenario.workloads),
        stations=(station,),
        instance_names=(instance,),
        hosts=hosts,
        arrivals=np.zeros((0, 2), dtype=np.int64),
    )


@dataclass
class Calls:
    """What the engine was asked to do."""

    replications: list[int]
    windows_ns: list[tuple[int, int]]


def engine(
    operations: int = 300_000,
    *,
    threads: bool = False,
    on_replication: Callable[[int], None] | None = None,
    broken: Callable[[EngineOutput], None] | None = None,
) -> tuple[Engine, Calls]:
    """Return a fake engine and what it is asked.

    operations: budget. on_replication: called before each. broken: spoils each output, to break a law.
    """
    calls = Calls([], [])

    def simulate(
        compiled: Any,
        *,
        seed: int,
        replication: int,
        warmup_ns: int,
        end_ns: int,
        records: bool = False,
        causes: bool = False,
        check: bool = False,
        progress: Callable[[int], bool] | None = None,
    ) -> EngineOutput:
        calls.replications.append(replication)
        calls.windows_ns.append((warmup_ns, end_ns))
        if on_replication is not None:
            on_replication(replication)
        interrupted = False
        for quarter in range(1, 5):
            if progress is not None and not progress(end_ns * quarter // 4):
                interrupted = quarter < 4
                end_ns = end_ns * quarter // 4
                break
        output = lindley(compiled.scenario, seed, replication, warmup_ns, end_ns)
        output.interrupted = interrupted
        if not records:
            output.records = None
        if not causes:
            output.causes_ns = None
        if broken is not None:
            broken(output)
        return output

    return (
        Engine("fake", compile_scenario, simulate, operations, EVENTS_PER_OPERATION * operations, threads),
        calls,
    )


def lindley(scenario: Scenario, seed: int, replication: int, warmup_ns: int, end_ns: int) -> EngineOutput:
    """Simulate the queue; ends are computed as running maxima of arrival minus the work that came before."""
    rate_per_ns = (scenario.workloads[0].arrival_rate or 100.0 * scenario.workloads[0].procs) / 1e9
    demand_ns = scenario.operations[0].stages[0].demand.mean
    generator = np.random.default_rng([seed, replication])
    gaps, works = _draws(generator, int(rate_per_ns * end_ns * 1.2) + 1000, rate_per_ns, demand_ns)
    arrivals = np.cumsum(gaps)
    kept = arrivals < end_ns
    arrivals, works = arrivals[kept], works[kept]
    done = np.cumsum(works)
    ends = done + np.maximum.accumulate(arrivals - (done - works))
    starts = ends - works
    coordinates = {"seed": seed, "replication": replication, "warmup_ns": warmup_ns, "end_ns": end_ns}
    return _output(len(scenario.workloads), coordinates, (arrivals, starts, ends))


def _draws(generator: Any, count: int, rate_per_ns: float, demand_ns: float) -> tuple[Any, Any]:
    # Drawn in blocks, so that a longer run starts with the same operations.
    gaps, works = [], []
    for _ in range(count // 1000 + 1):
        gaps.append(generator.exponential(1 / rate_per_ns, 1000))
        works.append(generator.exponential(demand_ns, 1000))
    return tuple(np.concatenate(block).astype(np.int64) + 1 for block in (gaps, works))


def _output(workloads: int, coordinates: dict[str, int], times: tuple[Any, Any, Any]) -> EngineOutput:
    arrivals, starts, ends = times
    warmup_ns, end_ns = coordinates["warmup_ns"], coordinates["end_ns"]
    ended = ends < end_ns
    measured = ended & (ends >= warmup_ns)
    response = (ends - arrivals)[measured]
    counts = np.zeros((workloads, COUNTS), dtype=np.int64)
    counts[0, OFFERED] = len(arrivals)
    counts[0, COUNT_COMPLETED] = ended.sum()
    counts[0, COUNT_IN_FLIGHT] = len(arrivals) - ended.sum()
    window = np.zeros_like(counts)
    window[0, OFFERED] = (arrivals >= warmup_ns).sum()
    window[0, COUNT_COMPLETED] = measured.sum()
    window[0, COUNT_IN_FLIGHT] = counts[0, COUNT_IN_FLIGHT]
    histogram = np.zeros((workloads, BINS), dtype=np.int64)
    histogram[0] = counts_of(response)
    by_cause = np.zeros((len(arrivals), CAUSES), dtype=np.int64)
    by_cause[:, WAITING_FOR_CORE] = starts - arrivals
    by_cause[:, WORKING] = ends - starts
    causes = np.zeros((BINS, CAUSES), dtype=np.int64)
    np.add.at(causes, bins_of(response), by_cause[measured])
    busy = _overlap(starts, ends, warmup_ns, end_ns)
    busy_whole = _overlap(starts, ends, 0, end_ns)
    sums = np.zeros(workloads, dtype=np.int64)
    sums[0] = response.sum()
    largest = np.zeros(workloads, dtype=np.int64)
    largest[0] = response.max(initial=0)
    in_flight = np.zeros(workloads, dtype=np.int64)
    in_flight[0] = _overlap(arrivals, ends, warmup_ns, end_ns)
    return EngineOutput(
        engine="fake",
        **coordinates,
        events=EVENTS_PER_OPERATION * len(arrivals),
        counts=counts,
        window_counts=window,
        histogram=histogram,
        response_sum_ns=sums,
        response_max_ns=largest,
        in_flight_ns=in_flight,
        causes_ns=causes,
        stations=_station(arrivals, starts, ends, warmup_ns, end_ns),
        stations_whole=_station(arrivals, starts, ends, 0, end_ns),
        stations_present_ns=np.array([(end_ns - arrivals[~ended]).sum()], dtype=np.int64),
        cores_ns=_core(busy, end_ns - warmup_ns),
        cores_whole_ns=_core(busy_whole, end_ns),
        memory_mean_bytes=np.zeros(1),
        memory_peak_bytes=np.zeros(1, dtype=np.int64),
        records=_records(arrivals, ends, ended, by_cause),
    )


def _overlap(first: Any, last: Any, start_ns: int, end_ns: int) -> int:
    return int((np.clip(last, start_ns, end_ns) - np.clip(first, start_ns, end_ns)).sum())


def _station(arrivals: Any, starts: Any, ends: Any, start_ns: int, end_ns: int) -> Any:
    totals = np.zeros(1, dtype=STATION_TOTALS)
    left = (ends < end_ns) & (ends >= start_ns)
    totals["busy_ns"] = _overlap(starts, ends, start_ns, end_ns)
    totals["number_ns"] = _overlap(arrivals, ends, start_ns, end_ns)
    totals["waiting_ns"] = _overlap(arrivals, starts, start_ns, end_ns)
    totals["arrivals"] = ((arrivals >= start_ns) & (arrivals < end_ns)).sum()
    totals["departures"] = left.sum()
    totals["residence_ns"] = (ends - arrivals)[left].sum()
    return totals


def _core(busy_ns: int, total_ns: int) -> Any:
    states = np.zeros((1, CORE_STATES), dtype=np.int64)
    states[0, CORE_WORKING] = busy_ns
    states[0, CORE_IDLE] = total_ns - busy_ns
    return states


def _records(arrivals: Any, ends: Any, ended: Any, by_cause: Any) -> Any:
    records = np.zeros(len(arrivals), dtype=OPERATION_RECORD)
    records["operation"] = np.arange(len(arrivals))
    records["attempts"] = 1
    records["start_ns"] = arrivals
    records["end_ns"] = np.where(ended, ends, -1)
    records["outcome"] = np.where(ended, COMPLETED, -1)
    records["causes_ns"] = by_cause
    return records

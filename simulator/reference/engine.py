"""One replication on the reference engine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from models.clients import Operation
from models.cpu.cores import Cores
from models.records import (
    CAUSES,
    COMPLETED,
    COUNT_IN_FLIGHT,
    OFFERED,
    OPERATION_RECORD,
    STATION_TOTALS,
)
from simulator.compile import Compiled
from simulator.histogram import BINS, bin_of
from simulator.output import EngineOutput, Integers
from simulator.reference.wiring import System, separate_cores

_EVENTS_BETWEEN_PROGRESS = 4096


def simulate(
    compiled: Compiled,
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
    """Simulate [0, end_ns) of a compiled scenario and measure [warmup_ns, end_ns).

    ``records`` keeps a row for each operation, ``causes`` sums the causes by histogram bin, ``check`` adds the laws
    that only the engine can see. ``progress`` is called from time to time with the simulated time [ns]; False stops
    the run.
    """
    measurement = _Measurement(compiled, warmup_ns, records=records or check, causes=causes)
    system = System(compiled, seed=seed, replication=replication, started=measurement.started, ended=measurement.ended)
    hosts = [host for host in system.hosts if separate_cores(host)] if check else []
    for host in hosts:
        host.checks = True
    events, reached = _advance(system, hosts, warmup_ns, progress, 0)
    measurement.begin_window(system)
    if reached == warmup_ns:
        events, reached = _advance(system, hosts, end_ns, progress, events)
    output = measurement.output(system, seed, replication, reached, events)
    output.interrupted = reached < end_ns
    if check:
        output.law_violations = law_violations(system)
    return output


def _advance(
    system: System, checked: list[Cores], until_ns: int, progress: Callable[[int], bool] | None, events: int
) -> tuple[int, int]:
    """Handle everything before ``until_ns``; returns the number of events so far and the time reached.

    ``checked``: cores that must not be idle beside a waiting task when time goes on.
    """
    environment = system.clock.environment
    while environment.peek() < until_ns:
        environment.step()
        events += 1
        if checked and environment.peek() > environment.now:
            for host in checked:
                host.check_rest()
        if progress is not None and events % _EVENTS_BETWEEN_PROGRESS == 0 and not progress(system.clock.now):
            return events, system.clock.now
    environment.run(until=until_ns) if environment.now < until_ns else None
    return events, until_ns


class _Measurement:
    """What is written down of one replication."""

    def __init__(self, compiled: Compiled, warmup_ns: int, *, records: bool, causes: bool) -> None:
        self.compiled = compiled
        self.warmup_ns = warmup_ns
        self.operations: list[Operation] | None = [] if records else None
        self.causes_ns = np.zeros((BINS, CAUSES), dtype=np.int64) if causes else None
        workloads = len(compiled.workloads)
        self.histogram = np.zeros((workloads, BINS), dtype=np.int64)
        self.response_sum_ns = np.zeros(workloads, dtype=np.int64)
        self.response_max_ns = np.zeros(workloads, dtype=np.int64)
        self.failed_sum_ns = np.zeros(workloads, dtype=np.int64)
        self.starts_ns = np.zeros(workloads, dtype=np.int64)  # of those in flight, added up

    def started(self, operation: Operation) -> None:
        """Note the start of an operation."""
        self.starts_ns[operation.source.workload] += operation.start_ns
        if self.operations is not None:
            self.operations.append(operation)

    def ended(self, operation: Operation) -> None:
        """Note the end of an operation."""
        workload = operation.source.workload
        self.starts_ns[workload] -= operation.start_ns
        if operation.end_ns < self.warmup_ns:
            return
        response_ns = operation.end_ns - operation.start_ns
        if operation.outcome != COMPLETED:
            self.failed_sum_ns[workload] += response_ns
            return
        position = bin_of(response_ns)
        self.histogram[workload, position] += 1
        self.response_sum_ns[workload] += response_ns
        self.response_max_ns[workload] = max(self.response_max_ns[workload], response_ns)
        if self.causes_ns is not None:
            self.causes_ns[position] += operation.causes_ns

    def begin_window(self, system: System) -> None:
        """Remember the totals at the start of the measured window."""
        self.counts_before = _counts(system)
        self.ages_before_ns = self._ages_ns(self.counts_before, system)
        for instance in system.instances:
            instance.memory.advance()
        self.stations_before = _stations(system)
        self.cores_before = _cores(system)
        for instance in system.instances:
            instance.memory.peak_bytes = instance.memory.held_bytes
        self.memory_before = [instance.memory.byte_ns for instance in system.instances]

    def _ages_ns(self, counts: Integers, system: System) -> Integers:
        """Return for each workload the sum over its operations in flight of the time since their start [ns]."""
        ages_ns: Integers = counts[:, COUNT_IN_FLIGHT] * system.clock.now - self.starts_ns
        return ages_ns

    def output(self, system: System, seed: int, replication: int, end_ns: int, events: int) -> EngineOutput:
        """Return everything."""
        for instance in system.instances:
            instance.memory.advance()
        counts, stations, cores = _counts(system), _stations(system), _cores(system)
        window_counts = counts - self.counts_before
        window_counts[:, COUNT_IN_FLIGHT] = counts[:, COUNT_IN_FLIGHT]
        ages_ns = self._ages_ns(counts, system)
        window_ns = max(1, end_ns - self.warmup_ns)
        memories = [instance.memory for instance in system.instances]
        means = [
            memory.base_bytes + (memory.byte_ns - before) / window_ns
            for memory, before in zip(memories, self.memory_before, strict=True)
        ]
        return EngineOutput(
            engine="reference",
            seed=seed,
            replication=replication,
            warmup_ns=self.warmup_ns,
            end_ns=end_ns,
            events=events,
            counts=counts,
            window_counts=window_counts,
            histogram=self.histogram,
            response_sum_ns=self.response_sum_ns,
            response_max_ns=self.response_max_ns,
            in_flight_ns=self.response_sum_ns + self.failed_sum_ns + ages_ns - self.ages_before_ns,
            causes_ns=self.causes_ns,
            stations=_difference(stations, self.stations_before),
            stations_whole=stations,
            stations_present_ns=np.array(
                [0 if totals is None else totals.present_ns() for totals in system.station_totals], dtype=np.int64
            ),
            cores_ns=cores - self.cores_before,
            cores_whole_ns=cores,
            memory_mean_bytes=np.array(means, dtype=np.float64),
            memory_peak_bytes=np.array([memory.base_bytes + memory.peak_bytes for memory in memories], dtype=np.int64),
            records=None if self.operations is None else _records(self.operations),
        )


def _counts(system: System) -> Any:
    """Return the counts by workload, in flight included."""
    counts = np.array([clients.counts for clients in system.workloads], dtype=np.int64)
    counts[:, COUNT_IN_FLIGHT] = counts[:, OFFERED] - counts[:, 1] - counts[:, 2]
    return counts


def _stations(system: System) -> Any:
    """Return the stations' totals up to now."""
    rows = [(0,) * 7 if totals is None else totals.row() for totals in system.station_totals]
    result = np.array(rows, dtype=STATION_TOTALS)
    for instance in system.instances:  # byte-nanoseconds would overflow
        result["busy_ns"][instance.row.memory_station] = int(instance.memory.byte_ns / 1000.0)
    return result


def _difference(after: Any, before: Any) -> Any:
    """Return the totals of the window."""
    result = after.copy()
    for name in after.dtype.names:
        result[name] = after[name] - before[name]
    return result


def _cores(system: System) -> Any:
    """Return the times of all cores up to now, in the order of their numbers."""
    rows: list[list[int]] = []
    for host in system.hosts:
        if separate_cores(host):
            for core in host.cores:
                host.account(core)
                rows.append(list(core.times_ns))
        else:
            host._account()
            rows.extend(list(times) for times in host.times_ns)
    return np.array(rows, dtype=np.int64)


def _records(operations: list[Operation]) -> Any:
    """Return the operations' records by start."""
    result = np.zeros(len(operations), dtype=OPERATION_RECORD)
    for row, operation in zip(result, operations, strict=True):
        source = operation.source
        row["workload"], row["process"], row["slot"] = source.workload, source.process, source.slot
        row["operation"], row["kind"], row["attempts"] = operation.number, operation.kind, operation.attempts
        row["start_ns"], row["end_ns"] = operation.start_ns, operation.end_ns
        row["outcome"], row["instance"] = operation.outcome, operation.instance
        if operation.end_ns >= 0:
            row["causes_ns"] = operation.causes_ns
    return result


def law_violations(system: System) -> list[str]:
    """Return the violations of the laws that only the engine can see (numbers as in `simulator.laws`)."""
    violations = []
    for instance in system.instances:
        group = instance.group
        name = f"instance {instance.position}"
        if group.work_asked != group.work_done + group.work_withdrawn + group.work_present:
            violations.append(f"law 4: {name}: asked {group.work_asked}, done {group.work_done}")
        memory = instance.memory
        if memory.taken_bytes != memory.given_back_bytes + memory.held_bytes:
            violations.append(f"law 6: {name}: taken {memory.taken_bytes}, back {memory.given_back_bytes}")
    for index, host in enumerate(system.hosts):
        if separate_cores(host) and host.idle_beside_waiting:
            violations.append(f"law 5: host {index}: {host.idle_beside_waiting} times a core idled beside a task")
    return violations

"""A scenario compiled to flat arrays: all that an engine reads.

Every table is a structured array; positions in it are the identifiers that the engines, the draws and the ranks use.
Times are integer nanoseconds, sizes integer bytes, -1 stands for "none" or "unlimited". Operations become linear
programs (`PROGRAM`), in which visits to services begin and end explicitly.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.arithmetic import SPEED_BITS, SPEED_ONE
from models.distributions import Distribution
from models.draws import CONSTANT, KIND_CODES
from models.scenario import Scenario
from models.service import Service
from simulator.compiled_tables import (
    ALL_CORES,
    BATCHER,
    BLOCKING,
    BUDGET_ONE,
    CLOSED,
    DISCIPLINES,
    DISTRIBUTION,
    EVENT,
    EVENT_DOWN,
    EVENT_LOOP,
    EVENT_SLOW,
    EVENT_UP,
    HOST,
    INSTANCE,
    LINK,
    LOCK,
    OPEN,
    OPERATION,
    PAUSE,
    PER_OPERATION,
    POLICIES,
    POLICY_FIXED,
    POOL,
    PROCESSOR_SHARING,
    READY_ORDERS,
    SERVICE,
    TRACE,
    WORKLOAD,
)
from simulator.interruptions import answered, with_interruptions
from simulator.program import BRANCH, PROGRAM
from simulator.program_compiler import ProgramCompiler


class Station(NamedTuple):
    """One queueing station by name; ``servers`` is 0 where there is no limit (memory: capacity in bytes)."""

    name: str
    kind: str
    service: str
    instance: int
    servers: int


@dataclass(frozen=True)
class InstanceName:
    """One instance of a service by name; ``memory_bytes`` is None where memory is unlimited."""

    service: str
    index: int
    cores: int
    memory_bytes: int | None


@dataclass(frozen=True)
class Compiled:
    """A compiled scenario. Read only; one object serves any number of replications."""

    scenario: Scenario
    workload_names: tuple[str, ...]
    operation_names: tuple[str, ...]
    stations: tuple[Station, ...]
    instance_names: tuple[InstanceName, ...]
    hosts: NDArray[Any]
    instances: NDArray[Any]
    services: NDArray[Any]
    batchers: NDArray[Any]
    locks: NDArray[Any]
    pools: NDArray[Any]
    links: NDArray[Any]
    workloads: NDArray[Any]
    operations: NDArray[Any]
    program: NDArray[Any]
    branches: NDArray[Any]
    events: NDArray[Any]
    pauses: NDArray[Any]
    distributions: NDArray[Any]
    quantiles: NDArray[np.float64]  # [n, 2] rows (probability, value)
    speeds: NDArray[np.int64]  # per host [2][cores + 1]: alone on its physical core or not, by busy cores
    weights: NDArray[np.float64]  # cumulative shares: balancers (plain weights), locks, operations
    kinds: NDArray[np.int64]  # operation of each weight of a workload
    phases: NDArray[np.int64]  # [n, 2] rows (start_ns, factor in 2^-20)
    arrivals: NDArray[np.int64]  # [n, 2] rows (time_ns, operation or -1)
    total_cores: int
    total_users: int
    total_sources: int
    whole: Compiled | None = None  # what engines play, where the names here are fewer: see simulator.interruptions

    @property
    def instances_by_service(self) -> dict[str, list[int]]:
        """Return the positions in `instances` of each service."""
        result: dict[str, list[int]] = {}
        for position, name in enumerate(self.instance_names):
            result.setdefault(name.service, []).append(position)
        return result


def compile_scenario(scenario: Scenario, base_directory: Path | None = None) -> Compiled:
    """Compile a checked scenario; trace files are read relative to ``base_directory``.

    The workloads and services that stand for interruptions are in it, after all others.
    """
    return _Compiler(with_interruptions(scenario), base_directory).compiled()


def compile_to_answer(scenario: Scenario, base_directory: Path | None = None) -> Compiled:
    """Compile a checked scenario by the names that an answer holds."""
    return answered(compile_scenario(scenario, base_directory), scenario)


class _Compiler:
    """Collects rows table by table."""

    def __init__(self, scenario: Scenario, base_directory: Path | None) -> None:
        self.scenario = scenario
        self.base_directory = base_directory
        self.rows: dict[str, list[tuple[Any, ...]]] = {}
        self.quantiles: list[tuple[float, float]] = []
        self.speeds: list[int] = []
        self.weights: list[float] = []
        self.kinds: list[int] = []
        self.phases: list[tuple[int, int]] = []
        self.arrivals: list[NDArray[np.int64]] = []
        self.stations: list[Station] = []
        self.instance_names: list[InstanceName] = []
        self.service_index = {name: index for index, name in enumerate(scenario.services)}
        self.operation_index = {operation.name: index for index, operation in enumerate(scenario.operations)}
        self.core_count = 0
        self.worker_count = 0
        self.user_count = 0
        self.source_count = 0
        self.channel_count = 0
        self.lock_count = 0

    def add(self, table: str, *row: Any) -> int:
        """Append a row and return its position."""
        rows = self.rows.setdefault(table, [])
        rows.append(row)
        return len(rows) - 1

    def array(self, table: str, dtype: np.dtype[Any]) -> NDArray[Any]:
        """Return a table as a structured array."""
        return np.array(self.rows.get(table, []), dtype=dtype)

    def distribution(self, distribution: Distribution) -> int:
        """Add a distribution and return its position."""
        if distribution.kind == "empirical":
            first = len(self.quantiles)
            self.quantiles.extend(distribution.quantiles)
            count = len(distribution.quantiles)
            return self.add("distributions", KIND_CODES["empirical"], 0.0, 0.0, 0.0, first, count)
        parameters = (*distribution.parameters(), 0.0, 0.0, 0.0)[:3]
        return self.add("distributions", KIND_CODES[distribution.kind], *parameters, 0, 0)

    def constant(self, value: int) -> int:
        """Add a constant and return its position among the distributions."""
        return self.add("distributions", CONSTANT, float(value), 0.0, 0.0, 0, 0)

    def cumulative(self, weights: list[float]) -> int:
        """Add the cumulative shares of some weights and return the position of the first."""
        first = len(self.weights)
        total = sum(weights)
        running = 0.0
        for weight in weights:
            running += weight
            self.weights.append(running / total)
        return first

    def station(self, name: str, kind: str, service: str, instance: int, servers: int) -> int:
        """Name a station and return its position."""
        self.stations.append(Station(name, kind, service, instance, servers))
        return len(self.stations) - 1

    def compiled(self) -> Compiled:
        """Compile part by part; hosts come before the services that run on others' cores."""
        self._services()
        programs = ProgramCompiler(self.scenario, self.service_index, self.distribution, self.constant)
        for operation in self.scenario.operations:
            first_row = programs.add(operation)
            self.add("operations", first_row, programs.entry_service(operation))
        for workload in self.scenario.workloads:
            self._workload(workload)
        self._events()
        return Compiled(
            scenario=self.scenario,
            workload_names=tuple(workload.name for workload in self.scenario.workloads),
            operation_names=tuple(self.operation_index),
            stations=tuple(self.stations),
            instance_names=tuple(self.instance_names),
            hosts=self.array("hosts", HOST),
            instances=self.array("instances", INSTANCE),
            services=self.array("services", SERVICE),
            batchers=self.array("batchers", BATCHER),
            locks=self.array("locks", LOCK),
            pools=self.array("pools", POOL),
            links=self.array("links", LINK),
            workloads=self.array("workloads", WORKLOAD),
            operations=self.array("operations", OPERATION),
            program=np.array(programs.rows, dtype=PROGRAM),
            branches=np.array(programs.branches, dtype=BRANCH),
            events=self.array("events", EVENT),
            pauses=self.array("pauses", PAUSE),
            distributions=self.array("distributions", DISTRIBUTION),
            quantiles=np.array(self.quantiles, dtype=np.float64).reshape(-1, 2),
            speeds=np.array(self.speeds, dtype=np.int64),
            weights=np.array(self.weights, dtype=np.float64),
            kinds=np.array(self.kinds, dtype=np.int64),
            phases=np.array(self.phases, dtype=np.int64).reshape(-1, 2),
            arrivals=np.concatenate(self.arrivals) if self.arrivals else np.zeros((0, 2), dtype=np.int64),
            total_cores=self.core_count,
            total_users=self.user_count,
            total_sources=self.source_count,
        )

    def _services(self) -> None:
        """Number the instances in the order of the services, then their hosts and everything in them."""
        first_instance = 0
        first: dict[str, int] = {}
        for name, service in self.scenario.services.items():
            first[name] = first_instance
            first_instance += service.instances
        hosts: dict[tuple[str, int], int] = {}
        for name, service in self.scenario.services.items():
            if service.cores_of is None:
                for index in range(service.instances):
                    hosts[name, index] = self._host(service, first[name] + index)
        for name, service in self.scenario.services.items():
            station = -1
            if service.balancer.enabled and service.balancer.dispatch > 0:
                station = self.station("balancer", "balancer", name, 0, 1)
            self._balancer(service, first[name], station)
            for index in range(service.instances):
                if service.cores_of is None:
                    host = hosts[name, index]
                else:
                    owner = self.scenario.services[service.cores_of]
                    host = hosts[service.cores_of, index if owner.instances > 1 else 0]
                self._instance(name, service, index, host)

    def _balancer(self, service: Service, first_instance: int, station: int) -> None:
        """Add the row of a service."""
        balancer = service.balancer
        first_weight = len(self.weights)
        if balancer.policy == "weighted" and balancer.weights is not None:
            self.weights.extend(balancer.weights)
        on = balancer.enabled
        self.add(
            "services",
            first_instance,
            service.instances,
            POLICIES[balancer.policy] if on else POLICY_FIXED,
            balancer.dispatch if on else 0,
            balancer.hop if on else 0,
            first_weight,
            station,
        )

    def _host(self, service: Service, instance: int) -> int:
        """Add the cores of one instance, their speeds and pauses."""
        cores = service.cores
        first_speed = len(self.speeds)
        free = (cores - service.background_cores) / cores
        for shared in (1.0, service.smt_speedup / 2.0):
            for busy in range(cores + 1):
                by_busy = service.speed_by_busy[min(max(busy, 1), len(service.speed_by_busy)) - 1]
                self.speeds.append(max(1, int(SPEED_ONE * (by_busy * free * shared))))
        alone = self.speeds[first_speed + 1 : first_speed + cores + 1]
        uniform = int(service.threads_per_core == 1 and min(alone) == max(alone))
        host = len(self.rows.get("hosts", []))
        first_pause = len(self.rows.get("pauses", []))
        for pause in service.pauses:
            every, duration = self.distribution(pause.every), self.distribution(pause.duration)
            for core in range(cores) if pause.scope == "core" else [ALL_CORES]:
                self.add("pauses", host, core, every, duration)
        linux = service.linux
        self.add(
            "hosts",
            instance,
            self.core_count,
            cores,
            service.threads_per_core,
            DISCIPLINES[service.discipline],
            service.round_robin.time_slice,
            linux.base_slice_ns(cores),
            linux.tick,
            linux.idle_search,
            linux.idle_steal,
            linux.migration_cost,
            linux.balance_interval,
            round(1000 * linux.balance_from),
            linux.stray_moves,
            int(linux.protected_until == "parity"),
            service.context_switch,
            service.idle_exit,
            first_speed,
            uniform,
            first_pause,
            len(self.rows.get("pauses", [])) - first_pause,
        )
        self.core_count += cores
        return host

    def _instance(self, name: str, service: Service, index: int, host: int) -> None:
        """Add one instance: its row, its stations, its batchers, locks, pools and links."""
        position = len(self.instance_names)
        cores = int(self.rows["hosts"][host][2])
        self.instance_names.append(InstanceName(name, index, cores, service.memory))
        cpu_station = self.station("cpu", "cpu", name, index, cores)
        workers, worker_kind, worker_station = -1, PER_OPERATION, -1
        if service.workers != "per_operation":
            workers = int(service.workers)
            worker_kind = BLOCKING if service.worker_kind == "blocking" else EVENT_LOOP
            worker_station = self.station("workers", "workers", name, index, workers)
        capacity = -1 if service.memory is None else service.memory - service.memory_base
        memory_station = self.station("memory", "memory", name, index, max(capacity, 0))
        pool, hit, miss = -1, 0, 0
        if service.memory_pool is not None:
            pool = service.memory_pool.size if service.memory_pool.enabled else 0
            hit, miss = service.memory_pool.hit, service.memory_pool.miss
        quota, period, quota_slice = -1, -1, 0
        if service.cpu_quota is not None:
            period = service.cpu_quota_period
            quota = int(service.cpu_quota * period + 0.5)
            sharing = self.rows["hosts"][host][4] == PROCESSOR_SHARING  # draws on the budget as it is used
            quota_slice = 0 if sharing else service.cpu_quota_slice
        first_batcher = len(self.rows.get("batchers", []))
        first_lock = len(self.rows.get("locks", []))
        first_pool = len(self.rows.get("pools", []))
        first_link = len(self.rows.get("links", []))
        self._parts(name, service, index, position, first_link)
        self.add(
            "instances",
            self.service_index[name],
            index,
            host,
            capacity,
            service.memory_base,
            pool,
            hit,
            miss,
            worker_kind,
            workers,
            -1 if service.queue_limit is None else service.queue_limit,
            READY_ORDERS[service.ready_order],
            service.wakeup,
            quota,
            period,
            quota_slice,
            first_batcher,
            first_lock,
            first_pool,
            first_link,
            cpu_station,
            worker_station,
            memory_station,
            self.worker_count,
        )
        self.worker_count += max(workers, 0)

    def _parts(self, name: str, service: Service, index: int, instance: int, first_link: int) -> None:
        """Add the batchers, locks, pools and links of one instance."""
        link_positions = {link: first_link + offset for offset, link in enumerate(service.links)}
        for batcher_name, batcher in service.batchers.items():
            self.add(
                "batchers",
                instance,
                self.station(batcher_name, "batcher", name, index, 1),
                batcher.max_size,
                batcher.linger,
                batcher.fixed,
                batcher.per_item,
                int(batcher.compression * SPEED_ONE + 0.5),
                batcher.compression_cpu,
                batcher.overhead,
                -1 if batcher.link is None else link_positions[batcher.link],
            )
        for lock_name, lock in service.locks.items():
            first_weight = self.cumulative([1.0 / (rank + 1) ** lock.skew for rank in range(lock.count)])
            station = self.station(lock_name, "lock", name, index, lock.count)
            self.add("locks", instance, station, lock.count, first_weight, self.lock_count, lock.barging)
            self.lock_count += lock.count
        for pool_name, pool in service.pools.items():
            self.add("pools", instance, self.station(pool_name, "pool", name, index, pool.size), pool.size)
        for link_name, link in service.links.items():
            station = self.station(link_name, "link", name, index, link.parallel)
            row = (instance, station, link.bandwidth, link.delay, link.parallel, self.channel_count)
            self.add("links", *row)
            self.channel_count += link.parallel

    def _workload(self, workload: Any) -> None:
        """Add one workload with its phases, operation weights and arrivals."""
        kind = {"closed": CLOSED, "open": OPEN, "trace": TRACE}[workload.kind]
        users = workload.procs * workload.concurrency if kind == CLOSED else 0
        factors = [int(phase.factor * SPEED_ONE + 0.5) for phase in workload.phases]
        users = max([users, *((users * factor + SPEED_ONE // 2) >> SPEED_BITS for factor in factors)])
        sources = {CLOSED: 0, OPEN: workload.procs, TRACE: 1}[kind]
        names = list(workload.operations)
        first_kind = self.cumulative([workload.operations[name] for name in names])
        self.kinds.extend([0] * (first_kind - len(self.kinds)))
        self.kinds.extend(self.operation_index[name] for name in names)
        first_phase, at = len(self.phases), 0
        for phase in workload.phases:
            self.phases.append((at, int(phase.factor * SPEED_ONE + 0.5)))
            at += phase.duration
        first_arrival = sum(len(rows) for rows in self.arrivals)
        arrivals = self._arrivals(workload) if kind == TRACE else 0
        retry = workload.retry
        has_budget = retry is not None and retry.budget is not None
        self.add(
            "workloads",
            kind,
            workload.procs,
            workload.concurrency if kind == CLOSED else 1,
            self.user_count,
            users,
            self.distribution(workload.think_time) if kind == CLOSED else -1,
            self.source_count,
            sources,
            self._interarrival(workload) if kind == OPEN else -1,
            -1 if workload.timeout is None else self.distribution(workload.timeout),
            int(workload.cancel_on_timeout),
            1 if retry is None else retry.attempts,
            0 if retry is None else retry.backoff,
            1.0 if retry is None else retry.multiplier,
            -1 if retry is None or retry.cap is None else retry.cap,
            int(retry is not None and retry.jitter == "full"),
            int(retry.budget * BUDGET_ONE + 0.5) if has_budget else -1,
            first_phase,
            len(workload.phases),
            first_kind,
            len(names),
            first_arrival,
            arrivals,
        )
        self.user_count += users
        self.source_count += sources

    def _interarrival(self, workload: Any) -> int:
        """Add the time between the arrivals of one process of an open workload."""
        if workload.interarrival is not None:
            return self.distribution(workload.interarrival)
        mean = 1e9 * workload.procs / workload.arrival_rate
        return self.add("distributions", KIND_CODES["exponential"], mean, 0.0, 0.0, 0, 0)

    def _arrivals(self, workload: Any) -> int:
        """Read a trace and return how many arrivals it has."""
        times, names = workload.arrivals()
        rows = np.full((len(times), 2), -1, dtype=np.int64)
        rows[:, 0] = times
        if names is not None:
            rows[:, 1] = [self.operation_index[name] for name in names]
        self.arrivals.append(rows)
        return len(rows)

    def _events(self) -> None:
        """Add the events of the scenario."""
        actions = {"down": EVENT_DOWN, "up": EVENT_UP, "slow": EVENT_SLOW}
        for event in self.scenario.events:
            first = int(self.rows["services"][self.service_index[event.service]][0])
            factor = 1.0 if event.factor is None else event.factor
            speed = max(1, int(SPEED_ONE / factor))
            self.add("events", event.at, actions[event.action], first + event.instance, speed)

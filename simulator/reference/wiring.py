"""A compiled scenario wired up from SimPy components."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import simpy

from models.arithmetic import pick_by_weight
from models.balancer import Balancer, Dispatcher
from models.batching import Batcher
from models.clients import Clients, Operation, Retry, Source
from models.clock import Clock
from models.cpu.cores import Cores
from models.cpu.fifo import FifoCores
from models.cpu.linux import LinuxCores
from models.cpu.processor_sharing import ProcessorSharingCores
from models.cpu.round_robin import RoundRobinCores
from models.cpu.task import Group
from models.draws import (
    DECISION_PAUSE,
    DECISION_POLICY,
    DECISION_SEARCH,
    DECISION_STEAL,
    DECISION_STRAY,
    decision_key,
    run_key,
    sample_integer,
    source_key,
    uniform,
)
from models.link import Link
from models.memory import Memory
from models.pauses import Pauses
from models.ranks import EVENT
from models.runner import BlockingWorkers, EventLoopWorkers, Runner
from models.station import StationTotals
from models.tokens import locks, token_pool
from simulator import compiled_tables as tables
from simulator.compile import Compiled
from simulator.reference.attempt import Server
from simulator.reference.instance import Instance, new_task_factory


def plain(row: Any) -> SimpleNamespace:
    """Return a row of a structured array as an object with plain Python attributes."""
    return SimpleNamespace(**{name: row[name].item() for name in row.dtype.names})


def counter() -> Callable[[], int]:
    """Return a function that counts from 0."""
    count = -1

    def following() -> int:
        nonlocal count
        count += 1
        return count

    return following


class System:
    """All parts of one replication in a SimPy environment, started."""

    def __init__(
        self,
        compiled: Compiled,
        *,
        seed: int,
        replication: int,
        started: Callable[[Operation], None],
        ended: Callable[[Operation], None],
    ) -> None:
        self.compiled = compiled
        self.clock = Clock(simpy.Environment())
        self.key = int(run_key(seed, replication))
        self.program = [plain(row) for row in compiled.program]
        self.branch_rows = [int(row) for row in compiled.branches["row"]]
        self.branch_shares = np.ascontiguousarray(compiled.branches["cumulative"])
        self.distributions = [tuple(value.item() for value in row) for row in compiled.distributions]
        self.quantiles = compiled.quantiles if len(compiled.quantiles) else np.zeros((1, 2))
        self.station_totals: list[StationTotals | None] = [None] * len(compiled.stations)
        self.new_task = new_task_factory()
        self.next_strand = counter()
        self.hosts = [self._host(index) for index in range(len(compiled.hosts))]
        self.instances = [self._instance(index) for index in range(len(compiled.instances))]
        self.services = [self._service(index) for index in range(len(compiled.services))]
        for index in range(len(compiled.pauses)):
            self._pauses(index)
        for index in range(len(compiled.events)):
            self._event(index)
        self.server = Server(self)
        self.operation_serial = counter()
        self.started = started
        self.ended = ended
        self.workloads = [self._workload(index) for index in range(len(compiled.workloads))]

    # --- draws -----------------------------------------------------------------------------------------------

    def draw(self, distribution: int, key: int, position: int) -> int:
        """Draw an integer from a compiled distribution."""
        row = self.distributions[distribution]
        return int(sample_integer(*row, self.quantiles, key, position))  # type: ignore[call-arg]

    def decisions(self, kind: int, owner: int) -> Callable[[], float]:
        """Return the uniform draws of an owner's decisions."""
        key = int(decision_key(self.key, kind, owner))
        number = counter()
        return lambda: float(uniform(key, number()))

    def pick_branch(self, step: Any, draw: float) -> int:
        """Return the branch of a choice for a uniform draw."""
        return int(pick_by_weight(self.branch_shares, step.a, step.b, draw))

    def entry_service(self, kind: int) -> int:
        """Return the service that an operation enters first."""
        return int(self.compiled.operations[kind]["service"])

    # --- cores -----------------------------------------------------------------------------------------------

    def _host(self, index: int) -> Any:
        """Make the cores of one host."""
        row = plain(self.compiled.hosts[index])
        width = row.cores + 1
        table = self.compiled.speeds[row.first_speed : row.first_speed + 2 * width].tolist()
        options: dict[str, Any] = {
            "first_index": row.first_core,
            "threads_per_core": row.threads_per_core,
            "speeds": [table[:width], table[width:]],
        }
        if row.discipline == tables.PROCESSOR_SHARING:
            return ProcessorSharingCores(self.clock, row.cores, **options)
        options |= {"switch_ns": row.switch_ns, "exit_ns": row.exit_ns}
        if row.discipline == tables.FIFO:
            return FifoCores(self.clock, row.cores, **options)
        if row.discipline == tables.ROUND_ROBIN:
            return RoundRobinCores(self.clock, row.cores, time_slice_ns=row.time_slice_ns, **options)
        return LinuxCores(
            self.clock,
            row.cores,
            slice_ns=row.base_slice_ns,
            tick_ns=row.tick_ns,
            idle_search=row.idle_search,
            idle_steal=row.idle_steal,
            migration_ns=row.migration_ns,
            balance_ns=row.balance_ns,
            balance_permille=row.balance_permille,
            stray_moves=row.stray_moves,
            until_parity=bool(row.until_parity),
            search_draw=self.decisions(DECISION_SEARCH, index),
            steal_draw=self.decisions(DECISION_STEAL, index),
            stray_draw=self.decisions(DECISION_STRAY, index),
            identifier=index,
            **options,
        )

    def _pauses(self, index: int) -> None:
        """Start the pauses of a host."""
        row = plain(self.compiled.pauses[index])
        key = int(decision_key(self.key, DECISION_PAUSE, index))
        number = counter()
        Pauses(
            self.clock,
            self.hosts[row.host],
            index,
            lambda: self.draw(row.every, key, number() << 16),
            lambda: self.draw(row.duration, key, number() << 16),
            position=row.core,
        )

    # --- instances -------------------------------------------------------------------------------------------

    def _instance(self, index: int) -> Instance:
        """Make one instance with its parts."""
        row = plain(self.compiled.instances[index])
        processor = self.hosts[row.host]
        group = Group(
            self.clock,
            index,
            wakeup_ns=row.wakeup_ns,
            quota_ns=row.quota_ns if row.quota_ns >= 0 else None,
            period_ns=row.period_ns,
            quota_slice_ns=row.quota_slice_ns,
        )
        processor.add_group(group)
        instance = Instance(self.clock, index, row, processor, group)
        self.station_totals[row.cpu_station] = group.totals
        instance.memory = Memory(
            self.clock,
            capacity_bytes=row.memory_bytes if row.memory_bytes >= 0 else None,
            base_bytes=row.memory_base_bytes,
            pool_bytes=row.pool_bytes if row.pool_bytes >= 0 else None,
            hit_ns=row.hit_ns,
            miss_ns=row.miss_ns,
        )
        self.station_totals[row.memory_station] = instance.memory.totals
        self._workers(instance)
        self._links_and_batchers(instance)
        for table in self._of_instance("locks", index):
            made = locks(self.clock, table.count, table.barging_ns)
            self.station_totals[table.station] = made[0].totals
            instance.locks.append(made)
        for table in self._of_instance("pools", index):
            pool = token_pool(self.clock, table.size)
            self.station_totals[table.station] = pool.totals
            instance.pools.append(pool)
        return instance

    def _of_instance(self, table: str, index: int) -> list[SimpleNamespace]:
        """Return an instance's rows of a table."""
        rows = getattr(self.compiled, table)
        return [plain(row) for row in rows if row["instance"] == index]

    def _workers(self, instance: Instance) -> None:
        """Make an instance's workers, each with a task."""
        row = instance.row
        if row.worker_kind == tables.PER_OPERATION:
            return
        event_loop = row.worker_kind == tables.EVENT_LOOP
        totals = StationTotals(self.clock)
        runners = [
            Runner(
                instance.processor,
                self.new_task(instance.group),
                totals if event_loop else None,
                own_first=row.ready_order == tables.OWN_FIRST,
                client_first=row.ready_order == tables.CLIENT_FIRST,
            )
            for _ in range(row.workers)
        ]
        if event_loop:
            instance.workers = EventLoopWorkers(self.clock, runners, totals)
        else:
            instance.workers = BlockingWorkers(self.clock, runners)
        self.station_totals[row.worker_station] = instance.workers.totals

    def _links_and_batchers(self, instance: Instance) -> None:
        """Make an instance's links, and the batchers that use them, each with a flusher task."""
        for row in self._of_instance("links", instance.position):
            link = Link(
                self.clock,
                bandwidth_bytes_per_s=row.bandwidth_bytes_per_s,
                delay_ns=row.delay_ns,
                parallel=row.parallel,
                first_channel=row.first_channel,
            )
            self.station_totals[row.station] = link.totals
            instance.links.append(link)
        for position, row in enumerate(self._of_instance("batchers", instance.position)):
            batcher = Batcher(
                self.clock,
                instance.processor,
                self.new_task(instance.group),
                max_size=row.max_size,
                linger_ns=row.linger_ns,
                fixed_ns=row.fixed_ns,
                per_item_ns=row.per_item_ns,
                compression_q20=row.compression_q20,
                compression_cpu_ns=row.compression_cpu_ns,
                overhead_bytes=row.overhead_bytes,
                link=instance.links[row.link - instance.row.first_link] if row.link >= 0 else None,
                identifier=instance.row.first_batcher + position,
            )
            self.station_totals[row.station] = batcher.totals
            instance.batchers.append(batcher)

    def _service(self, index: int) -> SimpleNamespace:
        """Make a service's balancer over its instances."""
        row = plain(self.compiled.services[index])
        instances = self.instances[row.first_instance : row.first_instance + row.instances]
        names = {code: name for name, code in tables.POLICIES.items()} | {tables.POLICY_FIXED: "fixed"}
        weights = self.compiled.weights[row.first_weight : row.first_weight + row.instances].tolist()
        balancer = Balancer(instances, names[row.policy], draw=self.decisions(DECISION_POLICY, index), weights=weights)
        dispatcher = Dispatcher(self.clock, row.dispatch_ns, index)
        if row.station >= 0:
            self.station_totals[row.station] = dispatcher.totals
        return SimpleNamespace(row=row, instances=instances, balancer=balancer, dispatcher=dispatcher)

    def _event(self, index: int) -> None:
        """Schedule an event of the scenario."""
        row = plain(self.compiled.events[index])
        instance = self.instances[row.instance]

        def happen() -> None:
            if row.action == tables.EVENT_DOWN:
                instance.go_down()
            elif row.action == tables.EVENT_UP:
                instance.up = True
            else:
                instance.processor.set_group_speed(instance.group, row.factor_q20)

        self.clock.at(row.at_ns, EVENT, index, happen)

    # --- workloads -------------------------------------------------------------------------------------------

    def _workload(self, index: int) -> Clients:
        """Make and start the clients of a workload."""
        row = plain(self.compiled.workloads[index])
        clients = Clients(
            self.clock,
            index=index,
            serve=self.server.serve,
            started=self.started,
            ended=self.ended,
            operation_serial=self.operation_serial,
            attempt_serial=self.next_strand,
            pick_kind=lambda draw: int(
                self.compiled.kinds[
                    row.first_kind + pick_by_weight(self.compiled.weights, row.first_kind, row.kinds, draw)
                ]
            ),
            timeout=None if row.timeout < 0 else lambda key, at: self.draw(row.timeout, key, at),
            cancel_on_timeout=bool(row.cancel),
            retry=Retry(
                attempts=row.attempts,
                backoff_ns=row.backoff_ns,
                multiplier=row.multiplier,
                cap_ns=row.cap_ns,
                full_jitter=bool(row.jitter),
                budget=row.budget if row.budget >= 0 else None,
            ),
        )
        if row.kind == tables.CLOSED:
            users = [
                self._source(index, number // row.concurrency, number % row.concurrency, row.first_user + number)
                for number in range(row.users)
            ]
            phases = self.compiled.phases[row.first_phase : row.first_phase + row.phases].tolist()
            clients.start_closed(
                users,
                lambda key, at: self.draw(row.think, key, at),
                base_users=row.procs * row.concurrency,
                phases=[tuple(phase) for phase in phases],
            )
        elif row.kind == tables.OPEN:
            sources = [self._source(index, number, 0, row.first_source + number) for number in range(row.sources)]
            table = self.compiled.phases if len(self.compiled.phases) else np.zeros((1, 2), dtype=np.int64)
            clients.start_open(
                sources, lambda key, at: self.draw(row.interarrival, key, at), table, row.first_phase, row.phases
            )
        else:
            arrivals = self.compiled.arrivals[row.first_arrival : row.first_arrival + row.arrivals].tolist()
            source = self._source(index, 0, 0, row.first_source)
            clients.start_trace(source, [tuple(arrival) for arrival in arrivals])
        return clients

    def _source(self, workload: int, process: int, slot: int, identifier: int) -> Source:
        """Make a closed user or a process of an open workload."""
        key = int(source_key(self.key, workload, process, slot))
        return Source(workload, process, slot, key, identifier)


def separate_cores(host: Any) -> bool:
    """Return whether a host has cores of their own rather than shares of all."""
    return isinstance(host, Cores)

"""How much of each station's capacity open workloads ask for: above 1 the queue grows without end."""

import math
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from models.offered_work import OfferedWork, StageCost, member_cpu_ns
from models.scenario import Operation, Scenario
from models.service import Lock, Service
from models.units import NS_PER_S
from models.workload import Workload

LEAST_CORES: Final = 1e-6


class OfferedUtilization(NamedTuple):
    """A station's name, its kind, and the work offered to it over what it can do."""

    station: str
    kind: str
    utilization: float


def offered_utilization(scenario: Scenario) -> list[OfferedUtilization]:
    """Return the utilization that open workloads offer to each station that they use, the highest first.

    From mean demands at full batches, without what closed and traced workloads, retries, switches and
    wake-ups add: a station above 1 is overloaded, one below may be too. Of a service with several instances
    it is that of the instance with most work. Rates are those of the last phase, which holds on.
    """
    rates_per_s: dict[str, float] = {}
    for workload in scenario.workloads:
        total = sum(workload.operations.values())
        for name, weight in workload.operations.items():
            rate_per_s = arrival_rate_per_s(workload) * weight / total
            rates_per_s[name] = rates_per_s.get(name, 0.0) + rate_per_s
    stations = [entry for entry in _Offered(scenario, rates_per_s).stations() if entry.utilization > 0]
    return sorted(stations, key=lambda entry: -entry.utilization)


def arrival_rate_per_s(workload: Workload) -> float:
    """Return the mean rate of an open workload in its last phase [per s]; 0 for the other kinds."""
    factor = workload.phases[-1].factor if workload.phases else 1.0
    if workload.arrival_rate is not None:
        return workload.arrival_rate * factor
    if workload.interarrival is not None:
        return workload.procs * NS_PER_S / workload.interarrival.mean * factor
    return 0.0


def largest_share(service: Service) -> float:
    """Return the share of a service's visits that go to the instance with most of them."""
    if not service.balancer.enabled:
        return 1.0
    weights = service.balancer.weights
    return max(weights) / sum(weights) if weights else 1 / service.instances


def core_capacity(service: Service) -> float:
    """Return the work that all cores of an instance do for operations [core-seconds of a core alone per s].

    What runs beside them, evenly or as interruptions, is taken off; something is left even where that takes all.
    """
    speed = service.speed_by_busy[min(service.cores, len(service.speed_by_busy)) - 1]
    hyperthread = service.smt_speedup / 2 if service.threads_per_core == 2 else 1.0
    capacity = (service.cores - service.background_cores) * speed * hyperthread
    return max(capacity - service.cores * interrupted_share(service), LEAST_CORES)


def interrupted_share(service: Service) -> float:
    """Return the share of a core alone that a service's interruptions take."""
    found = service.interruptions
    return 0.0 if found is None else found.rate * found.duration.mean / NS_PER_S


def most_popular_share(lock: Lock) -> float:
    """Return the share of the holds that the most popular lock has, by Zipf's law."""
    return 1 / math.fsum(rank**-lock.skew for rank in range(1, lock.count + 1))


class _Offered:
    """The stations of a scenario under operations at given rates [per s], by the operations' names."""

    def __init__(self, scenario: Scenario, rates_per_s: dict[str, float]) -> None:
        self._services = scenario.services
        self._first = next(iter(scenario.services))
        self._work = OfferedWork(scenario.services, self._first)
        self._operations: list[tuple[float, Operation]] = [
            (rates_per_s.get(operation.name, 0.0), operation) for operation in scenario.operations
        ]

    def stations(self) -> Iterator[OfferedUtilization]:
        """Yield all stations, also those without work."""
        for name, service in self._services.items():
            share = largest_share(service)
            yield from self._cpu(name, service)
            if service.balancer.enabled:
                visits_per_s = sum(rate * self._work.visits(op.stages, name) for rate, op in self._operations)
                busy = visits_per_s * service.balancer.dispatch / NS_PER_S
                yield OfferedUtilization(f"{name}.balancer", "balancer", busy)
            if service.worker_kind == "blocking" and isinstance(service.workers, int):
                held = self._worker_seconds_per_s(name)
                yield OfferedUtilization(f"{name}.workers", "workers", share * held / service.workers)
            yield from self._batchers_and_links(name, service, share)
            yield from self._locks_and_pools(name, service, share)

    def _cpu(self, name: str, service: Service) -> Iterator[OfferedUtilization]:
        own = largest_share(service) * self._cpu_seconds_per_s(name)
        if service.cpu_quota is not None:
            yield OfferedUtilization(f"{name}.cpu_quota", "cpu", own / service.cpu_quota)
        if service.cores_of is not None:
            return
        on_host = own
        for guest_name, guest in self._services.items():
            if guest.cores_of == name:
                share = largest_share(guest) if service.instances > 1 else 1.0
                on_host += share * self._cpu_seconds_per_s(guest_name)
        yield OfferedUtilization(f"{name}.cpu", "cpu", on_host / core_capacity(service))

    def _batchers_and_links(self, name: str, service: Service, share: float) -> Iterator[OfferedUtilization]:
        for part, batcher in service.batchers.items():
            if batcher.enabled:
                members_per_s = self._per_s(partial(self._work.members, part=(name, part)))
                busy = members_per_s * member_cpu_ns(batcher) / NS_PER_S
                yield OfferedUtilization(f"{name}.{part}", "batcher", share * busy)
        for part, link in service.links.items():
            bytes_per_s = self._per_s(partial(self._work.link_bytes, part=(name, part)))
            busy = bytes_per_s / link.bandwidth / link.parallel
            yield OfferedUtilization(f"{name}.{part}", "link", share * busy)

    def _locks_and_pools(self, name: str, service: Service, share: float) -> Iterator[OfferedUtilization]:
        for part, lock in service.locks.items():
            held_ns_per_s = self._per_s(partial(self._work.lock_ns, part=(name, part)))
            busy = held_ns_per_s / NS_PER_S * most_popular_share(lock)
            yield OfferedUtilization(f"{name}.{part}", "lock", share * busy)
        for part, pool in service.pools.items():
            if pool.enabled:
                held_ns_per_s = self._per_s(partial(self._work.token_ns, part=(name, part)))
                busy = held_ns_per_s / NS_PER_S / pool.size
                yield OfferedUtilization(f"{name}.{part}", "pool", share * busy)

    def _per_s(self, cost: StageCost) -> float:
        """Return what all operations together ask for each second."""
        return sum(rate * self._work.total(operation.stages, cost) for rate, operation in self._operations)

    def _cpu_seconds_per_s(self, name: str) -> float:
        return self._per_s(partial(self._work.cpu_on_ns, service=name)) / NS_PER_S

    def _worker_seconds_per_s(self, name: str) -> float:
        """Return how long blocking workers are held.

        That is all the time for the service on which an operation enters, and for others their CPU at least.
        """
        total_ns = 0.0
        cpu_ns = partial(self._work.cpu_on_ns, service=name)
        for rate, operation in self._operations:
            if (operation.stages[0].service or self._first) == name:
                total_ns += rate * self._work.least_time_ns(operation.stages)
            else:
                total_ns += rate * self._work.total(operation.stages, cpu_ns)
        return total_ns / NS_PER_S

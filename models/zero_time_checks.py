"""Circuits without time: closed users that could start operations for ever without the clock moving."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from models.arithmetic import transfer_ns
from models.errors import FieldProblem
from models.stages import (
    BatchStage,
    ChoiceStage,
    CpuStage,
    DelayStage,
    FailureStage,
    LinkStage,
    LockStage,
    MemoryStage,
    ParallelStage,
    PoolStage,
    Stage,
)

if TYPE_CHECKING:
    from models.distributions import Distribution
    from models.scenario import Scenario
    from models.service import Link
    from models.workload import Workload


class _Ends(NamedTuple):
    """How a list of stages can end without any time having passed: by going on, or by failing the attempt."""

    goes_on: bool
    fails: bool


def zero_time_problems(scenario: Scenario) -> Iterator[FieldProblem]:
    """Yield each closed workload with an operation that can go round without time passing on some path."""
    for index, workload in enumerate(scenario.workloads):
        if workload.kind != "closed" or not workload.think_time.can_be_zero:
            continue
        circuits = _Circuits(scenario, workload)
        for operation in scenario.operations:
            if not workload.operations.get(operation.name, 0 if workload.operations else 1):
                continue
            ends = circuits.ends_of_attempt(operation.stages)
            if ends.goes_on or (ends.fails and not circuits.backs_off()):
                how = "completes" if ends.goes_on else "fails"
                found = f"a circuit without time (the operation {operation.name} can be one that {how} at once)"
                accepted = 'a think_time above 0, such as "1ms", or a stage that takes time on every path'
                yield FieldProblem(("workloads", index, "think_time"), found, accepted)
                break


class _Circuits:
    """Follows the paths of an operation of one closed workload as long as no time passes on them."""

    def __init__(self, scenario: Scenario, workload: Workload) -> None:
        self._services = scenario.services
        self._first = next(iter(scenario.services))
        self._workload = workload
        self._unreachable = set(_services_that_go_down(scenario))
        timeouts = any(other.timeout is not None for other in scenario.workloads)
        closed = all(other.kind == "closed" for other in scenario.workloads)
        most = sum(math.ceil(w.users * max([1.0, *(p.factor for p in w.phases)])) for w in scenario.workloads)
        self._most_attempts = most if closed and not timeouts else None

    def backs_off(self) -> bool:
        """Whether time passes before the last failure of an operation."""
        retry = self._workload.retry
        return retry is not None and retry.attempts > 1 and retry.backoff > 0 and retry.budget is None

    def ends_of_attempt(self, stages: Sequence[Stage]) -> _Ends:
        """Follow an attempt from its start."""
        ends, _ = self._ends_of_list(stages, self._first, frozenset())
        return ends

    def _ends_of_list(
        self, stages: Sequence[Stage], service: str, visited: frozenset[str]
    ) -> tuple[_Ends, frozenset[str]]:
        fails = False
        for stage in stages:
            runs_on = stage.service or service
            if runs_on not in visited:
                visited |= {runs_on}
                fails = fails or self._can_reject(runs_on)
                if self._entering_takes_time(runs_on):
                    return _Ends(False, fails), visited
            ends, visited = self._ends_of_stage(stage, runs_on, visited)
            fails = fails or ends.fails
            if not ends.goes_on:
                return _Ends(False, fails), visited
        return _Ends(True, fails), visited

    def _can_reject(self, name: str) -> bool:
        limit = self._services[name].queue_limit
        full = limit is not None and (self._most_attempts is None or limit < self._most_attempts)
        return name in self._unreachable or (full and not self._entering_takes_time(name))

    def _entering_takes_time(self, name: str) -> bool:
        balancer = self._services[name].balancer
        return balancer.enabled and (balancer.dispatch > 0 or balancer.hop > 0)

    def _ends_of_stage(self, stage: Stage, runs_on: str, visited: frozenset[str]) -> tuple[_Ends, frozenset[str]]:
        if isinstance(stage, ChoiceStage):
            ways = [self._ends_of_list(b.stages, runs_on, visited)[0] for b in stage.branches if b.weight > 0]
            return _Ends(any(way.goes_on for way in ways), any(way.fails for way in ways)), visited
        if isinstance(stage, ParallelStage):
            ways = [self._ends_of_list(b.stages, runs_on, visited)[0] for b in stage.branches]
            return _Ends(all(way.goes_on for way in ways), any(way.fails for way in ways)), visited
        if isinstance(stage, PoolStage):
            return self._ends_of_list(stage.stages, runs_on, visited)
        if isinstance(stage, FailureStage):
            return _Ends(stage.probability < 1, stage.probability > 0 or stage.conflict > 0), visited
        fails = isinstance(stage, MemoryStage) and stage.on_exhaustion == "fail" and self._memory_ends(runs_on)
        return _Ends(not self._takes_time(stage, runs_on), fails), visited

    def _memory_ends(self, name: str) -> bool:
        return self._services[name].memory is not None

    def _takes_time(self, stage: Stage, runs_on: str) -> bool:
        service = self._services[runs_on]
        if isinstance(stage, CpuStage):
            return not stage.demand.can_be_zero
        if isinstance(stage, DelayStage):
            return not stage.time.can_be_zero
        if isinstance(stage, LockStage):
            return not stage.hold.can_be_zero
        if isinstance(stage, LinkStage):
            return _carrying_takes_time(service.links[stage.link], _least_bytes(stage.bytes))
        if isinstance(stage, BatchStage):
            batcher = service.batchers[stage.batcher]
            compression = batcher.compression if batcher.enabled else 1.0
            sent = _least_bytes(stage.bytes) / compression + batcher.overhead
            carried = batcher.link is not None and _carrying_takes_time(service.links[batcher.link], sent)
            compression_cpu = batcher.compression_cpu if batcher.enabled else 0
            return batcher.fixed + batcher.per_item + compression_cpu > 0 or carried
        if isinstance(stage, MemoryStage):  # no bytes are no allocation, and cost nothing
            pool = service.memory_pool
            costs = pool is not None and pool.miss > 0 and (pool.hit > 0 or not pool.enabled)
            return costs and not stage.bytes.can_be_zero
        return False


def _least_bytes(size: Distribution) -> float:
    """Return the size at which a circuit could stay for ever: the smallest that has a probability of its own."""
    return size.quantiles[1][1] if size.kind == "empirical" else size.mean


def _carrying_takes_time(link: Link, size_bytes: float) -> bool:
    """Whether bytes take time on a link, to the nanosecond: a few on a fast one do not."""
    return link.delay > 0 or transfer_ns(math.floor(size_bytes), link.bandwidth) > 0


def _services_that_go_down(scenario: Scenario) -> Iterator[str]:
    """Yield each service that rejects because instances are down: all of them, or any that nothing routes around."""
    for name, service in scenario.services.items():
        down: set[int] = set()
        for event in sorted(scenario.events, key=lambda event: event.at):
            if event.service != name:
                continue
            if event.action == "down":
                down.add(event.instance)
            elif event.action == "up":
                down.discard(event.instance)
            if len(down) == service.instances or (down and not service.balancer.enabled):
                yield name
                break

"""The server side of an attempt: one strand walks the operation's program through the services."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import simpy

from models.arithmetic import pick_by_weight
from models.clients import Attempt
from models.clock import Clock
from models.draws import CONFLICTS, WHICH_LOCK, coordinate, uniform
from models.link import StrandCargo
from models.memory import Allocation
from models.ranks import DELAY
from models.records import (
    CANCELLED,
    COMPLETED,
    DELAYED,
    FAILED,
    HOP_AND_DISPATCH,
    MEMORY_EXHAUSTED,
    REJECTED,
    WAITING_FOR_CORE,
    WORKING,
)
from models.runner import BlockingWorkers, EventLoopWorkers
from models.strand import Strand, StrandEnded
from simulator import program
from simulator.reference.instance import Instance, Visit

Steps = Generator[simpy.Event, Any, None]


class Pausing:
    """The place of a strand in a pure wait: leaving it needs nothing, the stale timer finds the wait over."""

    def withdraw(self, strand: Strand) -> bool:
        """Leave."""
        return True


class Join:
    """The place of a strand that waits for its parallel branches."""

    def __init__(self, parent: Strand, clock: Clock) -> None:
        self.parent = parent
        self.clock = clock
        self.children: list[Strand] = []
        self.pending = 0
        self.outcome = COMPLETED

    def withdraw(self, strand: Strand) -> bool:
        """Take all branches out; the parent stays until they have ended."""
        for child in self.children:
            child.take_out(CANCELLED)
        return False

    def child_ended(self, child: Strand, outcome: int) -> None:
        """Count a branch out; the first failure takes the others out; the last end wakes the parent."""
        self.children.remove(child)
        self.pending -= 1
        if outcome != COMPLETED and self.outcome == COMPLETED:
            self.outcome = outcome
            for other in list(self.children):
                other.take_out(CANCELLED)
        allocations = [holding for holding in child.holdings if isinstance(holding, Allocation)]
        child.holdings = [holding for holding in child.holdings if holding not in allocations]
        child.release_all()
        self.parent.holdings.extend(allocations)
        if self.pending == 0:
            parent = self.parent
            parent.causes_ns = [a + b for a, b in zip(parent.causes_ns, child.causes_ns, strict=True)]
            parent.since_ns = self.clock.now
            parent.wake()


class Server:
    """Serves attempts on the instances of a wired system (see `simulator.reference.wiring.System`)."""

    def __init__(self, system: Any) -> None:
        self.system = system
        self.clock: Clock = system.clock
        self.pausing = Pausing()
        self.handlers = {
            program.VISIT: self._visit,
            program.LEAVE: self._leave,
            program.CPU: self._cpu,
            program.DELAY: self._delay,
            program.MEMORY: self._memory,
            program.BATCH: self._batch,
            program.LOCK: self._lock,
            program.ACQUIRE: self._acquire,
            program.RELEASE: self._release,
            program.LINK: self._link,
            program.FAILURE: self._failure,
            program.CONFLICT: self._conflict,
            program.FORK: self._fork,
        }

    def serve(self, attempt: Attempt) -> None:
        """Start an attempt; its process begins as soon as the caller yields."""
        strand = Strand(self.clock, attempt.serial, attempt)
        attempt.cancel = lambda: strand.take_out(CANCELLED)
        self.clock.environment.process(self._root(strand, attempt))

    def _root(self, strand: Strand, attempt: Attempt) -> Steps:
        """Walk an operation's program and report the outcome."""
        row = int(self.system.compiled.operations[attempt.operation.kind]["first_row"])
        outcome = COMPLETED
        try:
            yield from self._walk(strand, row)
        except StrandEnded as end:
            outcome = end.outcome
            strand.release_all()
        strand.enter(WORKING)
        attempt.end(outcome, strand.causes_ns)

    def _walk(self, strand: Strand, row: int) -> Steps:
        """Execute rows up to the end of the operation or branch."""
        rows = self.system.program
        while True:
            step = rows[row]
            if step.code == program.END:
                return
            if step.code == program.JUMP:
                row = step.a
            elif step.code == program.CHOICE:
                draw = self._uniform(strand, step, 0)
                row = self.system.branch_rows[step.a + self.system.pick_branch(step, draw)]
            else:
                yield from self.handlers[step.code](strand, step)
                row = step.next

    # --- draws -----------------------------------------------------------------------------------------------

    def _position(self, strand: Strand, step: Any, index: int) -> int:
        """Return the draw coordinate of a stage of this attempt."""
        return int(coordinate(strand.owner.number, step.stage, index))

    def _draw(self, strand: Strand, step: Any) -> int:
        """Draw from the stage's distribution."""
        key = strand.owner.operation.key
        return int(self.system.draw(step.distribution, key, self._position(strand, step, 0)))

    def _uniform(self, strand: Strand, step: Any, index: int) -> float:
        """Draw uniformly for a stage."""
        return float(uniform(strand.owner.operation.key, self._position(strand, step, index)))

    def _instance(self, strand: Strand, step: Any) -> Instance:
        """Return the instance of the visit in which a stage runs."""
        instance: Instance = strand.visits[step.service].instance
        return instance

    # --- visits ----------------------------------------------------------------------------------------------

    def _visit(self, strand: Strand, step: Any) -> Steps:
        """Be dispatched, hop to an instance, go inside and get a worker."""
        service = self.system.services[step.service]
        if service.row.dispatch_ns:
            service.dispatcher.join(strand)
            yield from strand.wait()
        attempt = strand.owner
        index = strand.chosen.get(step.service)
        if index is None:
            index = service.balancer.choose(attempt.operation.source)
            if index is None:
                raise StrandEnded(REJECTED)
            strand.chosen[step.service] = index
        instance = service.instances[index]
        visit = Visit(instance, strand)
        strand.holdings.append(visit)
        if step.service == self.system.entry_service(attempt.operation.kind) and not attempt.is_settled:
            attempt.operation.instance = index
        yield from self._wait(strand, service.row.hop_ns, HOP_AND_DISPATCH)
        if not instance.up or not visit.enter():
            raise StrandEnded(REJECTED)
        strand.visits[step.service] = visit
        workers = instance.workers
        if isinstance(workers, BlockingWorkers):
            visit.runner = workers.try_take(strand)
            if visit.runner is None:
                yield from strand.wait()
                visit.runner = workers.runner_of(strand)
        elif isinstance(workers, EventLoopWorkers):
            visit.runner = workers.join()
        else:
            visit.take_own_task(attempt.operation.source, self.system.new_task)

    def _leave(self, strand: Strand, step: Any) -> Steps:
        """Leave an instance and hop back; with the entry visit the attempt gives everything back."""
        visit = strand.visits.pop(step.service)
        if strand.serial == strand.owner.serial and strand.holdings[0] is visit:
            strand.release_all()
        else:
            strand.release(visit)
        yield from self._wait(strand, self.system.services[step.service].row.hop_ns, HOP_AND_DISPATCH)

    def _wait(self, strand: Strand, duration_ns: int, cause: int) -> Steps:
        """Wait for a time; no time is no wait."""
        if duration_ns == 0:
            return
        strand.prepare(self.pausing, cause)
        event = strand.event
        assert event is not None

        def over() -> None:
            if not event.triggered:
                strand.wake()

        self.clock.at(self.clock.now + duration_ns, DELAY, strand.serial, over)
        yield from strand.wait()

    # --- stages ----------------------------------------------------------------------------------------------

    def _execute(self, strand: Strand, step: Any, demand_ns: int, *, after_timer: bool = False) -> Steps:
        """Execute CPU on the visit's task."""
        if demand_ns == 0:
            return
        visit = strand.visits[step.service]
        runner = visit.runner_for(strand, self.system.new_task)
        strand.prepare(runner, WAITING_FOR_CORE)
        runner.run(strand, demand_ns, after_timer=after_timer)
        yield from strand.wait()

    def _cpu(self, strand: Strand, step: Any) -> Steps:
        """Execute the stage's demand."""
        yield from self._execute(strand, step, self._draw(strand, step), after_timer=bool(step.a))

    def _delay(self, strand: Strand, step: Any) -> Steps:
        """Wait without using anything."""
        yield from self._wait(strand, self._draw(strand, step), DELAYED)

    def _memory(self, strand: Strand, step: Any) -> Steps:
        """Take memory until the attempt ends, and pay for the allocation."""
        memory = self._instance(strand, step).memory
        size_bytes = self._draw(strand, step)
        if size_bytes == 0:
            return
        if memory.fits(size_bytes):
            memory.take(strand, size_bytes)
        elif step.a or size_bytes > (memory.capacity_bytes or 0):
            raise StrandEnded(MEMORY_EXHAUSTED)
        else:
            memory.wait_for(strand, size_bytes)
            yield from strand.wait()
        allocation = strand.holdings[-1]
        assert isinstance(allocation, Allocation)
        yield from self._execute(strand, step, memory.cost_ns(allocation))

    def _batch(self, strand: Strand, step: Any) -> Steps:
        """Join a batch and sleep until it has been sent."""
        self._instance(strand, step).batchers[step.a].join(strand, self._draw(strand, step))
        yield from strand.wait()

    def _lock(self, strand: Strand, step: Any) -> Steps:
        """Hold a lock while executing; a preempted holder keeps everyone waiting."""
        instance = self._instance(strand, step)
        choices = instance.locks[step.a]
        lock = choices[0]
        if len(choices) > 1:
            row = self.system.compiled.locks[instance.row.first_lock + step.a]
            draw = self._uniform(strand, step, WHICH_LOCK)
            weights = self.system.compiled.weights
            lock = choices[pick_by_weight(weights, row["first_weight"], len(choices), draw)]
        if not lock.try_take(strand):
            yield from strand.wait()
            while lock.barging_ns:
                yield from self._execute(strand, step, lock.barging_ns)
                if lock.try_again(strand):
                    break
                yield from strand.wait()
        yield from self._execute(strand, step, self._draw(strand, step))
        strand.release(lock)

    def _acquire(self, strand: Strand, step: Any) -> Steps:
        """Take a token."""
        if not self._instance(strand, step).pools[step.a].try_take(strand):
            yield from strand.wait()

    def _release(self, strand: Strand, step: Any) -> Steps:
        """Give a token back."""
        strand.release(self._instance(strand, step).pools[step.a])
        return
        yield

    def _link(self, strand: Strand, step: Any) -> Steps:
        """Send bytes over a link."""
        link = self._instance(strand, step).links[step.a]
        link.carry(StrandCargo(link, strand, self._draw(strand, step) + int(step.b)))
        yield from strand.wait()

    def _failure(self, strand: Strand, step: Any) -> Steps:
        """Fail by chance."""
        if step.value > 0.0 and self._uniform(strand, step, 0) < step.value:
            raise StrandEnded(FAILED)
        return
        yield

    def _conflict(self, strand: Strand, step: Any) -> Steps:
        """Fail by chance, the more likely the more others are inside."""
        others = len(self._instance(strand, step).inside) - 1
        if self._uniform(strand, step, CONFLICTS) < step.value * others:
            raise StrandEnded(FAILED)
        return
        yield

    # --- parallel branches -----------------------------------------------------------------------------------

    def _fork(self, strand: Strand, step: Any) -> Steps:
        """Run branches at once and go on when all have ended; the first failure takes the others out."""
        join = Join(strand, self.clock)
        strand.prepare(join, WORKING)
        join.pending = step.b
        for offset in range(step.b):
            child = Strand(self.clock, self.system.next_strand(), strand.owner)
            child.visits = dict(strand.visits)
            child.chosen = strand.chosen
            join.children.append(child)
            first_row = self.system.branch_rows[step.a + offset]
            self.clock.environment.process(self._branch(child, join, first_row))
        event = strand.event
        assert event is not None
        yield event
        strand.event = None
        strand.since_ns = self.clock.now
        strand.check()
        if join.outcome != COMPLETED:
            raise StrandEnded(join.outcome)

    def _branch(self, strand: Strand, join: Join, row: int) -> Steps:
        """Walk one branch."""
        outcome = COMPLETED
        try:
            strand.check()
            yield from self._walk(strand, row)
        except StrandEnded as end:
            outcome = end.outcome
        strand.enter(WORKING)
        join.child_ended(strand, outcome)

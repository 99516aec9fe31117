"""Clients: closed users, open and traced arrivals, timeouts, retries with a budget, phases."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from typing import Any

import simpy

from models.arithmetic import SPEED_BITS, arrival_after, backoff_ns, scaled_ns
from models.clock import Clock
from models.draws import (
    STAGE_BACKOFF,
    STAGE_FIRST_THINK,
    STAGE_INTERARRIVAL,
    STAGE_OPERATION_KIND,
    STAGE_THINK,
    STAGE_TIMEOUT,
    chain,
    coordinate,
    uniform,
)
from models.ranks import ARRIVAL, BACKOFF, PHASE, THINK, TIMEOUT
from models.records import (
    ABANDONED_ATTEMPTS,
    BACKING_OFF,
    CAUSES,
    COMPLETED,
    COUNT_COMPLETED,
    COUNT_FAILED,
    COUNT_REJECTED,
    COUNT_RETRIED,
    COUNT_TIMED_OUT,
    COUNTS,
    IN_FLIGHT,
    OFFERED,
    REJECTED,
    TIMED_OUT,
)

Draw = Callable[[int, int], int]
"""A distribution: (key, position) to an integer number of nanoseconds or bytes."""


def _succeed(event: simpy.Event) -> None:
    """Wake who waits for an event."""
    event.succeed()


@dataclass
class Retry:
    """Up to ``attempts`` tries, backing off between them; ``budget`` in millionths of a token, None: no limit."""

    attempts: int = 1
    backoff_ns: int = 0
    multiplier: float = 2.0
    cap_ns: int = -1
    full_jitter: bool = True
    budget: int | None = None


class Source:
    """Where operations come from: a closed user (process, slot), or a process of an open workload."""

    def __init__(self, workload: int, process: int, slot: int, key: int, identifier: int) -> None:
        self.workload = workload
        self.process = process
        self.slot = slot
        self.key = key
        self.identifier = identifier  # of the user or of the source, over all workloads
        self.operations = 0
        self.is_user = False
        self.parked: Callable[[], None] | None = None

    def next_key(self) -> int:
        """Return the key of the operation to come."""
        return int(chain(self.key, self.operations))


class Operation:
    """One operation and what became of it."""

    def __init__(self, serial: int, source: Source, kind: int, key: int, start_ns: int) -> None:
        self.serial = serial
        self.source = source
        self.number = source.operations
        self.kind = kind
        self.key = key
        self.start_ns = start_ns
        self.end_ns = -1
        self.outcome = IN_FLIGHT
        self.attempts = 0
        self.instance = -1
        self.causes_ns = [0] * CAUSES


class Attempt:
    """One try of an operation. The server side reports its end with ``end``; the client may have left before."""

    def __init__(self, clock: Clock, serial: int, operation: Operation, number: int) -> None:
        self.serial = serial
        self.operation = operation
        self.number = number
        self.start_ns = clock.now
        self.settled = simpy.Event(clock.environment)
        self.is_settled = False
        self.causes_ns: list[int] = []
        self.cancel: Callable[[], None] = lambda: None  # set by the server side: take the attempt out

    def end(self, outcome: int, causes_ns: list[int]) -> None:
        """Report the end of the server side; one hop to the client if it still waits."""
        if not self.is_settled:
            self.is_settled = True
            self.causes_ns = causes_ns
            self.settled.succeed(outcome)


class Clients:
    """One workload. ``serve`` starts the server side of an attempt; ``ended`` is called with each operation that ends.

    ``timeout`` is a draw; ``pick_kind`` maps a uniform draw to an operation; the serials are functions that return the
    next serial of an operation and of an attempt.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        index: int,
        serve: Callable[[Attempt], None],
        started: Callable[[Operation], None],
        ended: Callable[[Operation], None],
        operation_serial: Callable[[], int],
        attempt_serial: Callable[[], int],
        pick_kind: Callable[[float], int],
        timeout: Draw | None = None,
        cancel_on_timeout: bool = False,
        retry: Retry | None = None,
    ) -> None:
        self.clock = clock
        self.index = index
        self.serve = serve
        self.started = started
        self.ended = ended
        self.operation_serial = operation_serial
        self.attempt_serial = attempt_serial
        self.pick_kind = pick_kind
        self.timeout = timeout
        self.cancel_on_timeout = cancel_on_timeout
        self.retry = retry or Retry()
        self.tokens = 0
        self.counts = [0] * COUNTS

    # --- operations and attempts -----------------------------------------------------------------------------

    def operation(self, source: Source, kind: int) -> Generator[simpy.Event, Any, None]:
        """Run one operation of a source from now to its final outcome; ``kind`` -1 is drawn."""
        key = source.next_key()
        if kind < 0:
            kind = self.pick_kind(uniform(key, coordinate(0, STAGE_OPERATION_KIND, 0)))
        operation = Operation(self.operation_serial(), source, kind, key, self.clock.now)
        source.operations += 1
        self.counts[OFFERED] += 1
        self.started(operation)
        if self.retry.budget is not None:
            self.tokens += self.retry.budget
        while True:
            operation.attempts += 1
            outcome = yield from self._attempt(operation)
            if outcome == COMPLETED or not self._may_retry(operation):
                break
            yield from self._back_off(operation)
        operation.outcome = outcome
        operation.end_ns = self.clock.now
        self.counts[COUNT_COMPLETED if outcome == COMPLETED else COUNT_FAILED] += 1
        self.ended(operation)

    def _attempt(self, operation: Operation) -> Generator[simpy.Event, Any, int]:
        """Make one attempt and return its outcome."""
        attempt = Attempt(self.clock, self.attempt_serial(), operation, operation.attempts)
        operation.instance = -1
        if self.timeout is not None:
            position = coordinate(operation.attempts, STAGE_TIMEOUT, 0)
            wait_ns = max(1, self.timeout(operation.key, position))
            self.clock.at(self.clock.now + wait_ns, TIMEOUT, attempt.serial, lambda: self._time_out(attempt))
        self.serve(attempt)
        outcome: int = yield attempt.settled
        if outcome == COMPLETED:
            operation.causes_ns = [a + b for a, b in zip(operation.causes_ns, attempt.causes_ns, strict=True)]
        else:
            operation.causes_ns[ABANDONED_ATTEMPTS] += self.clock.now - attempt.start_ns
            self.counts[COUNT_REJECTED] += outcome == REJECTED
        return outcome

    def _time_out(self, attempt: Attempt) -> None:
        """Abandon an attempt whose time is up."""
        if attempt.is_settled:
            return
        attempt.is_settled = True
        self.counts[COUNT_TIMED_OUT] += 1
        if self.cancel_on_timeout:
            attempt.cancel()
        attempt.settled.succeed(TIMED_OUT)

    def _may_retry(self, operation: Operation) -> bool:
        """Return whether a further attempt is allowed, and pay for it from the budget."""
        if operation.attempts >= self.retry.attempts:
            return False
        if self.retry.budget is not None:
            if self.tokens < 1_000_000:
                return False
            self.tokens -= 1_000_000
        self.counts[COUNT_RETRIED] += 1
        return True

    def _back_off(self, operation: Operation) -> Generator[simpy.Event, Any, None]:
        """Wait before the next attempt."""
        retry = self.retry
        wait_ns = backoff_ns(retry.backoff_ns, retry.multiplier, retry.cap_ns, operation.attempts)
        if retry.full_jitter:
            draw = uniform(operation.key, coordinate(operation.attempts, STAGE_BACKOFF, 0))
            wait_ns = scaled_ns(wait_ns, draw)
        if wait_ns:
            operation.causes_ns[BACKING_OFF] += wait_ns
            event = simpy.Event(self.clock.environment)
            self.clock.at(self.clock.now + wait_ns, BACKOFF, operation.serial, partial(_succeed, event))
            yield event

    # --- closed users ----------------------------------------------------------------------------------------

    def start_closed(
        self, users: list[Source], think: Draw, *, base_users: int, phases: list[tuple[int, int]]
    ) -> None:
        """Start closed users in order; ``base_users`` are active at factor 1, surplus ones park when they finish."""
        self.users = users
        self.think = think
        self.active = self._active(base_users, phases[0][1]) if phases else base_users
        for position, user in enumerate(users):
            user.is_user = True
            self.clock.environment.process(self._user(user, position))
        for start_ns, factor in phases[1:]:
            active = self._active(base_users, factor)
            self.clock.at(start_ns, PHASE, self.index, lambda active=active: self._enter_phase(active))  # type: ignore[misc]

    def _active(self, base_users: int, factor: int) -> int:
        """Return the number of active users of a phase."""
        return (base_users * factor + (1 << (SPEED_BITS - 1))) >> SPEED_BITS

    def _enter_phase(self, active: int) -> None:
        """Change the number of active users; those parked go on with a think time, in the order of their numbers."""
        self.active = active
        for user in self.users[:active]:
            if user.parked is not None:
                resume, user.parked = user.parked, None
                self.clock.at(self.clock.now, THINK, user.identifier, resume)

    def _user(self, user: Source, position: int) -> Generator[simpy.Event, Any, None]:
        """Think, operate, and so on. After the start and after parking the think time is cut by a uniform draw."""
        fresh = True
        while True:
            if position >= self.active:
                event = simpy.Event(self.clock.environment)
                user.parked = partial(_succeed, event)
                yield event
                fresh = True
            key = user.next_key()
            wait_ns = self.think(key, coordinate(0, STAGE_THINK, 0))
            if fresh:
                wait_ns = scaled_ns(wait_ns, uniform(key, coordinate(0, STAGE_FIRST_THINK, 0)))
            if wait_ns or fresh:
                event = simpy.Event(self.clock.environment)
                self.clock.at(self.clock.now + wait_ns, THINK, user.identifier, partial(_succeed, event))
                yield event
            fresh = False
            yield from self.operation(user, -1)

    # --- open and traced arrivals ----------------------------------------------------------------------------

    def start_open(self, sources: list[Source], interarrival: Draw, phases: Any, first: int, count: int) -> None:
        """Start each process's arrivals; phases as in `models.arithmetic.arrival_after`."""
        self.interarrival = interarrival
        self.phases = (phases, first, count)
        for source in sources:
            self._schedule_arrival(source, 0)

    def _schedule_arrival(self, source: Source, number: int) -> None:
        """Schedule a process's arrival of a number."""
        key = int(chain(source.key, number))
        gap_ns = self.interarrival(key, coordinate(0, STAGE_INTERARRIVAL, 0))
        time_ns = int(arrival_after(*self.phases, self.clock.now, gap_ns))
        if time_ns >= 0:
            self.clock.at(time_ns, ARRIVAL, source.identifier, lambda: self._arrive(source, number))

    def _arrive(self, source: Source, number: int) -> None:
        """Schedule the arrival after this one, and start its operation last: a process start jumps every queue."""
        self._schedule_arrival(source, number + 1)
        self.clock.environment.process(self.operation(source, -1))

    def start_trace(self, source: Source, arrivals: list[tuple[int, int]]) -> None:
        """Start traced arrivals, rows of (time_ns, operation or -1)."""
        self.arrivals = arrivals
        self._schedule_traced(source, 0)

    def _schedule_traced(self, source: Source, number: int) -> None:
        """Schedule the traced arrival of a number."""
        if number < len(self.arrivals):
            time_ns, kind = self.arrivals[number]
            self.clock.at(time_ns, ARRIVAL, source.identifier, lambda: self._arrive_traced(source, number, kind))

    def _arrive_traced(self, source: Source, number: int, kind: int) -> None:
        """As `_arrive`."""
        self._schedule_traced(source, number + 1)
        self.clock.environment.process(self.operation(source, kind))

"""Runners: who executes the bursts of an attempt. A task of its own, a worker's event loop, a blocking worker."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from models.arithmetic import LOOK_NS
from models.clock import Clock
from models.cpu.task import Burst, Task
from models.records import WAITING_FOR_WORKER
from models.station import StationTotals
from models.strand import Strand


class Processor(Protocol):
    """The cores, whatever their discipline."""

    def ask(self, task: Task, burst: Burst) -> None:
        """Let a task execute a burst."""
        ...

    def withdraw(self, task: Task) -> None:
        """Take a task's burst back."""
        ...


class Runner:
    """A task with the bursts that are ready for it; it sleeps when there are none.

    It serves them in turns. A turn takes all that are ready when the one before is done: those after a timer behind
    the others, each first come, first served. ``totals``: the station "workers" of an event loop, None otherwise.
    ``own_first``: whether what it made ready itself comes first in a turn: bursts asked for at the instant at which it
    finished one. What the last burst of a turn makes ready so belongs to the turn that begins at that instant.
    ``client_first``: whether a turn takes nothing but what it made ready itself, as long as there is any; and with each
    burst that it has finished it looks for what others answered the same client meanwhile, and goes on with that.
    Looking takes its task 1 ns, at which whoever it woke may take the core: the answer of that one is found then.
    """

    def __init__(
        self,
        processor: Processor,
        task: Task,
        totals: StationTotals | None = None,
        *,
        own_first: bool = False,
        client_first: bool = False,
    ) -> None:
        self.processor = processor
        self.task = task
        self.totals = totals
        self.own_first = own_first
        self.client_first = client_first
        self.finished_ns = -1
        self.turn_began_ns = -1
        self.turn_own = 0  # bursts at the head of the turn that it made ready itself
        self.own: deque[Burst] = deque()
        self.turn: deque[Burst] = deque()
        self.ready: deque[Burst] = deque()
        self.after_timers: deque[Burst] = deque()
        self.current: Burst | None = None
        self.attempts = 0  # that belong to it
        self.joined_ns: dict[Burst, int] = {}

    def run(self, strand: Strand, demand_ns: int, *, after_timer: bool = False) -> None:
        """Execute a burst for a strand, which is woken when it is finished. The strand is prepared."""
        burst = Burst(demand_ns, strand, self._finished)
        if self.totals is not None:
            self.joined_ns[burst] = self.totals.arrive()
        if self.current is None:
            self._begin(burst)
        else:
            strand.enter(WAITING_FOR_WORKER)
            self._queue(burst, strand.clock.now, after_timer=after_timer)
            if self.totals is not None:
                self.totals.change(waiting=1)

    def _queue(self, burst: Burst, now_ns: int, *, after_timer: bool) -> None:
        """Let a burst wait for its turn."""
        if after_timer:
            self.after_timers.append(burst)
        elif not (self.own_first or self.client_first) or now_ns != self.finished_ns:
            self.ready.append(burst)
        elif now_ns == self.turn_began_ns:
            self.turn.insert(self.turn_own, burst)
            self.turn_own += 1
        else:
            self.own.append(burst)

    def _begin(self, burst: Burst) -> None:
        """Let the task execute a burst."""
        self.current = burst
        if self.totals is not None:
            self.totals.change(busy=1)
        self.processor.ask(self.task, burst)

    def _end(self, burst: Burst, *, busy: bool) -> None:
        """Count a burst out."""
        if self.totals is not None:
            self.totals.change(busy=-1 if busy else 0, waiting=0 if busy else -1)
            self.totals.depart(self.joined_ns.pop(burst))

    def _finished(self) -> None:
        """Wake the strand whose burst is finished and go on with the next."""
        burst = self.current
        assert burst is not None
        assert burst.strand is not None
        self.current = None
        self.finished_ns = burst.strand.clock.now
        self._end(burst, busy=True)
        burst.strand.wake()
        if self.client_first:
            self._look(burst.strand)
        else:
            self._next(self.finished_ns)

    def _look(self, served: Strand) -> None:
        """Look whether the client of a strand is ready again, before all others."""
        self.current = Burst(LOOK_NS, None, lambda: self._looked(served))
        self.processor.ask(self.task, self.current)

    def _looked(self, served: Strand) -> None:
        """Go on with what others answered the client that was served last, or with the next ready burst."""
        self.current = None
        client = served.client()
        for queue in (self.turn, self.ready, self.after_timers):
            for burst in queue:
                assert burst.strand is not None
                if burst.strand.client() == client:
                    queue.remove(burst)
                    self._begin_queued(burst)
                    return
        self._next(served.clock.now)

    def _begin_queued(self, burst: Burst) -> None:
        """Let the task execute a burst that waited."""
        if self.totals is not None:
            self.totals.change(waiting=-1)
        self._begin(burst)

    def _next(self, now_ns: int) -> None:
        """Go on with the next ready burst."""
        if not self.turn and (self.own or self.ready or self.after_timers):
            self.turn_own, self.turn_began_ns = len(self.own), now_ns
            queues = (self.own,) if self.client_first and self.own else (self.own, self.ready, self.after_timers)
            for queue in queues:
                self.turn += queue
                queue.clear()
        if self.turn:
            self.turn_own = max(self.turn_own - 1, 0)
            self._begin_queued(self.turn.popleft())

    def withdraw(self, strand: Strand) -> bool:
        """Take a strand's burst back, wherever it is."""
        current = self.current
        if current is not None and current.strand is strand:
            self.current = None
            self.processor.withdraw(self.task)
            self._end(current, busy=True)
            self._next(strand.clock.now)
            return True
        queues = (self.turn, self.own, self.ready, self.after_timers)
        queue, burst = next((queue, burst) for queue in queues for burst in queue if burst.strand is strand)
        if queue is self.turn and queue.index(burst) < self.turn_own:
            self.turn_own -= 1
        queue.remove(burst)
        self._end(burst, busy=False)
        return True


class BlockingWorkers:
    """Workers that an attempt holds; an attempt waits for a free one first come, first served."""

    def __init__(self, clock: Clock, runners: list[Runner]) -> None:
        self.runners = runners
        self.free = [True] * len(runners)
        self.queue: deque[Strand] = deque()
        self.granted: dict[Strand, tuple[Runner, int]] = {}
        self.totals = StationTotals(clock)
        self.arrived_ns: dict[Strand, int] = {}

    def try_take(self, strand: Strand) -> Runner | None:
        """Take the free worker of the lowest index, or join the queue and return None (the strand then waits)."""
        self.arrived_ns[strand] = self.totals.arrive()
        if True in self.free:
            return self._take(strand)
        strand.prepare(self, WAITING_FOR_WORKER)
        self.queue.append(strand)
        self.totals.change(waiting=1)
        return None

    def _take(self, strand: Strand) -> Runner:
        """Give the free worker of the lowest index to a strand."""
        index = self.free.index(True)
        self.free[index] = False
        self.totals.change(busy=1)
        self.granted[strand] = (self.runners[index], self.arrived_ns.pop(strand))
        return self.runners[index]

    def runner_of(self, strand: Strand) -> Runner:
        """Return the worker that a strand holds."""
        return self.granted[strand][0]

    def give_back(self, strand: Strand) -> None:
        """Give a strand's worker to the first in the queue, or set it free."""
        runner, arrived_ns = self.granted.pop(strand)
        self.free[self.runners.index(runner)] = True
        self.totals.change(busy=-1)
        self.totals.depart(arrived_ns)
        if self.queue:
            first = self.queue.popleft()
            self.totals.change(waiting=-1)
            self._take(first)
            first.wake()

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue."""
        self.queue.remove(strand)
        self.totals.change(waiting=-1)
        self.totals.depart(self.arrived_ns.pop(strand))
        return True


class EventLoopWorkers:
    """Workers that serve many attempts each; an attempt belongs to the one with the fewest, lowest index first."""

    def __init__(self, clock: Clock, runners: list[Runner], totals: StationTotals) -> None:
        self.runners = runners
        self.totals = totals

    def join(self) -> Runner:
        """Return the worker that a new attempt belongs to."""
        runner = min(self.runners, key=lambda runner: runner.attempts)
        runner.attempts += 1
        return runner

    def leave(self, runner: Runner) -> None:
        """Let an attempt of a worker end."""
        runner.attempts -= 1

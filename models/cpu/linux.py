"""The scheduler of Linux: EEVDF with delayed dequeue, one run queue for each core.

Earliest eligible virtual deadline first (Stoica and Abdel-Wahab 1995) as in kernels since 6.12, in integers: the
virtual runtime v and the deadline d of a task are core nanoseconds. With S the sum of v over the n tasks on a queue,
the running and the delayed ones included, V = floor(S / n); a task is eligible if n v <= S; the eligible task
with the earliest deadline is picked, ties by queue order, the running one last.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from models.arithmetic import averaged_utilization, search_passes
from models.cpu.cores import Core, Cores
from models.cpu.task import Group, Task
from models.ranks import BALANCE, TICK

_ONE_Q20 = 1 << 20


class RunQueue:
    """One core's queue. ``order`` holds its tasks but the running one, waiting and delayed, in queue order."""

    def __init__(self) -> None:
        self.order: list[Task] = []
        self.sum_v = 0
        self.count = 0  # the running (or held) one included
        self.last_average = 0
        self.repick = False  # a wake-up found the held task's slice used up, or preempts it

    def average(self) -> int:
        """Return V."""
        return self.sum_v // self.count if self.count else self.last_average

    def join(self, task: Task) -> None:
        """Count a task whose v is set."""
        self.sum_v += task.v
        self.count += 1

    def leave(self, task: Task) -> None:
        """Do not count a task any more."""
        self.last_average = self.average()
        self.sum_v -= task.v
        self.count -= 1


class LinuxCores(Cores):
    """Cores under EEVDF.

    ``slice_ns``: base slice. ``tick_ns``: period of the timer interrupt. ``idle_search`` and ``idle_steal``: chances
    that a search for an idle core finds one, and that a core that becomes idle takes a waiting task from another, one
    that last ran ``migration_ns`` ago or longer;
    ``balance_ns``: period of the balancing. ``balance_permille``: thousandths of the shortest queue that the longest
    must be beyond to be shortened; ``stray_moves``: chance of a move where none is. ``until_parity``: whether
    wake-ups are as in Linux with RUN_TO_PARITY, else the running task is protected from them until its deadline: only
    while it is eligible; delayed tasks that would be picked before the woken one leave; and one that wakes in place
    is compared with the average of the last accounting, before the running task is accounted. ``search_draw``,
    ``steal_draw`` and ``stray_draw`` return the next draw; ``identifier`` is the host's among simultaneous events.
    """

    idle_cores_look = False

    def __init__(
        self,
        *arguments: Any,
        slice_ns: int = 1_400_000,
        tick_ns: int = 4_000_000,
        idle_search: float = 1.0,
        idle_steal: float = 1.0,
        migration_ns: int = 0,
        balance_ns: int = 32_000_000,
        balance_permille: int = 1000,
        stray_moves: float = 0.0,
        until_parity: bool = False,
        search_draw: Callable[[], float] = lambda: 0.0,
        steal_draw: Callable[[], float] = lambda: 0.0,
        stray_draw: Callable[[], float] = lambda: 0.0,
        identifier: int = 0,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self.slice_ns = slice_ns
        self.tick_ns = tick_ns
        self.idle_search = idle_search
        self.idle_steal = idle_steal
        self.migration_ns = migration_ns
        self.balance_ns = balance_ns
        self.balance_permille = balance_permille
        self.stray_moves = stray_moves
        self.until_parity = until_parity
        self.search_draw = search_draw
        self.steal_draw = steal_draw
        self.stray_draw = stray_draw
        self.identifier = identifier
        self.queues = [RunQueue() for _ in self.cores]
        self.utilization_q20 = 0
        self.balanced_core_ns = 0
        self.clock.at(self.clock.now + tick_ns, TICK, identifier, self._tick)
        self.clock.at(self.clock.now + balance_ns, BALANCE, identifier, self._balance)

    # --- accounting and picking ------------------------------------------------------------------------------

    def _update(self, core: Core) -> bool:
        """Bring the running task's v up to now; returns whether its deadline was reached and moved."""
        task = core.task
        assert task is not None
        self.account(core)
        return self._update_task(core, task)

    def _update_task(self, core: Core, task: Task) -> bool:
        """Add the time executed to v, and begin a new slice if the deadline was reached."""
        task.v += task.executed_ns
        self.queues[core.position].sum_v += task.executed_ns
        task.executed_ns = 0
        if task.v < task.deadline:
            return False
        task.deadline = task.v + self.slice_ns
        return True

    def _choose(self, core: Core) -> Task | None:
        """Return the task to run next, the running one included; None if there is none that may run."""
        queue = self.queues[core.position]
        candidates = queue.order if core.task is None else [*queue.order, core.task]
        best: Task | None = None
        fallback: Task | None = None
        for task in candidates:
            if task.group in core.throttled:
                continue
            if fallback is None or task.deadline < fallback.deadline:
                fallback = task
            if queue.count * task.v <= queue.sum_v and (best is None or task.deadline < best.deadline):
                best = task
        return best if best is not None else fallback

    def _drop_delayed(self, core: Core, task: Task) -> None:
        """Let a delayed task that was picked leave, without lag."""
        queue = self.queues[core.position]
        queue.order.remove(task)
        queue.leave(task)
        task.delayed = False
        task.lag = 0

    def _repick(self, core: Core) -> bool:
        """Pick again; returns whether the running task stays."""
        while True:
            task = self._choose(core)
            if task is None or task is core.task:
                return True
            if not task.delayed:
                self.give_up(core, throttled=False)
                self.take_next(core)
                return False
            self._drop_delayed(core, task)

    def pick(self, core: Core) -> Task | None:
        """Take the task that EEVDF picks, else perhaps one from the longest queue."""
        queue = self.queues[core.position]
        while True:
            task = self._choose(core)
            if task is None:
                return self._steal(core)
            if not task.delayed:
                queue.order.remove(task)
                return task
            self._drop_delayed(core, task)

    def goes_on(self, core: Core) -> bool:
        """Go on in the slice, unless a wake-up at this very instant asked to pick again."""
        queue = self.queues[core.position]
        if not queue.repick:
            return True
        queue.repick = False
        return self._repick(core)

    # --- sleeping and waking ---------------------------------------------------------------------------------

    def put_to_sleep(self, core: Core, task: Task) -> None:
        """Leave the queue with the lag, or stay on it, delayed, when ahead of the average."""
        queue = self.queues[core.position]
        queue.repick = False
        task.last_ran_ns = self.clock.now
        self._update_task(core, task)
        average = queue.average()
        if task.v > average:
            task.delayed = True
            task.core = core
            queue.order.append(task)
        else:
            task.lag = min(average - task.v, 2 * self.slice_ns)
            queue.leave(task)

    def place(self, task: Task) -> None:
        """Wake in place if delayed, else find a core and join its queue."""
        if task.delayed:
            core = task.core
            assert core is not None
            self._wake_in_place(core, task)
        else:
            core = self._find_core(task)
            if self.checks and self._overlooked(core, task):
                self.idle_beside_waiting += 1
            self._enqueue(core, task)
        task.waits(self.blocked(core, task.group))
        self._after_wake(core, task)

    def _wake_in_place(self, core: Core, task: Task) -> None:
        """Go on with the old v and the old deadline, unless the average has passed meanwhile."""
        queue = self.queues[core.position]
        if not self.until_parity:
            self._expect_repick(core)
        task.delayed = False
        average = queue.average()
        if average > task.v:
            queue.sum_v += average - task.v
            task.v = average
            task.deadline = task.v + self.slice_ns
        if self.until_parity:
            self._expect_repick(core)

    def _enqueue(self, core: Core, task: Task) -> None:
        """Place a woken task by its lag."""
        queue = self.queues[core.position]
        self._expect_repick(core)
        slice_ns = self.slice_ns
        if task.fresh:
            task.fresh = False
            task.lag = 0
            slice_ns //= 2
        task.v = queue.average()
        if queue.count:
            shift = abs(task.lag) * (queue.count + 1) // queue.count
            task.v -= shift if task.lag >= 0 else -shift
        task.deadline = task.v + slice_ns
        task.executed_ns = 0
        task.core = core
        queue.order.append(task)
        queue.join(task)

    def _expect_repick(self, core: Core) -> None:
        """Account the running task at a wake-up on its core."""
        if core.task is not None and self._update(core):
            self.queues[core.position].repick = True

    def _after_wake(self, core: Core, woken: Task) -> None:
        """Start an idle core, or replace a running task that is not protected any more if the pick says so."""
        queue = self.queues[core.position]
        if core.task is None:
            self.take_next(core, from_idle=True)
            return
        queue.repick = queue.repick or self._preempts(core, core.task, woken)
        if queue.repick and not core.held:
            queue.repick = False
            self._repick(core)

    def _preempts(self, core: Core, running: Task, woken: Task) -> bool:
        """Return whether a woken task is picked in place of a running one that has passed the average.

        Delayed tasks that are picked before it leave, after which the average is another one.
        """
        queue = self.queues[core.position]
        while self.until_parity and queue.count * running.v > queue.sum_v:
            chosen = self._choose(core)
            if chosen is None or not chosen.delayed:
                return chosen is woken
            self._drop_delayed(core, chosen)
        return False

    def _find_core(self, task: Task) -> Core:
        """Return the core for a task that wakes up: the previous one if idle, else perhaps another idle one."""
        previous = task.last_core
        idle = self.idle_core(task.group)
        if previous is None:
            return idle or min(self.cores, key=self._runnable)
        if previous.task is None and not previous.busy and task.group not in previous.throttled:
            return previous
        if idle is None or not search_passes(len(self.cores), self.utilization_q20):
            return previous
        return idle if self.search_draw() < self.idle_search else previous

    def _overlooked(self, core: Core, task: Task) -> bool:
        """Return whether a woken task is queued on a busy core although a certain search would find an idle one."""
        if core.task is None or self.idle_search < 1.0:
            return False
        searched = task.last_core is None or search_passes(len(self.cores), self.utilization_q20)
        idle = any(other.task is None and task.group not in other.throttled for other in self.cores)
        return bool(searched) and idle

    def _runnable(self, core: Core) -> int:
        """Return how many tasks run or wait on a core, delayed ones not counted."""
        waiting = sum(1 for task in self.queues[core.position].order if not task.delayed)
        return waiting + (core.task is not None)

    # --- moving between queues -------------------------------------------------------------------------------

    def _movable(self, source: Core, target: Core) -> list[Task]:
        """Return the waiting tasks of a queue that may move to another core."""
        return [
            task
            for task in self.queues[source.position].order
            if not task.delayed and task.group not in source.throttled and task.group not in target.throttled
        ]

    def _is_hot(self, task: Task) -> bool:
        """Return whether a task ran so recently that an idle core leaves it where its cache is warm."""
        return self.clock.now - task.last_ran_ns < self.migration_ns

    def _steal(self, core: Core) -> Task | None:
        """Take a waiting task that did not run just now from where most of them wait, by chance."""
        longest: list[Task] = []
        for other in self.cores:
            if other is not core:
                cold = [task for task in self._movable(other, core) if not self._is_hot(task)]
                if len(cold) > len(longest):
                    longest = cold
        if not longest or self.steal_draw() >= self.idle_steal:
            return None
        task = longest[0]
        self._migrate(task, core)
        self.queues[core.position].order.remove(task)
        return task

    def _migrate(self, task: Task, target: Core) -> None:
        """Move a waiting task; it keeps V - v and d - v."""
        source = task.core
        assert source is not None
        for core in (source, target):
            if core.task is not None:
                self._settle(core)
        lag = self.queues[source.position].average() - task.v
        slice_left = task.deadline - task.v
        self.queues[source.position].order.remove(task)
        self.queues[source.position].leave(task)
        task.v = self.queues[target.position].average() - lag
        task.deadline = task.v + slice_left
        task.core = target
        self.queues[target.position].order.append(task)
        self.queues[target.position].join(task)

    def _settle(self, core: Core) -> None:
        """Add the time executed to the running task's v; its deadline waits for the next tick or wake-up."""
        task = core.task
        assert task is not None
        self.account(core)
        task.v += task.executed_ns
        self.queues[core.position].sum_v += task.executed_ns
        task.executed_ns = 0

    def _balance(self) -> None:
        """Average the utilization, and move half the difference between the longest and the shortest queue."""
        now = self.clock.now
        self.clock.at(now + self.balance_ns, BALANCE, self.identifier, self._balance)
        busy_core_ns = self.busy_core_ns + self.busy_cores * (now - self.busy_since_ns)
        busy_q20 = (busy_core_ns - self.balanced_core_ns) * _ONE_Q20 // (len(self.cores) * self.balance_ns)
        self.balanced_core_ns = busy_core_ns
        self.utilization_q20 = averaged_utilization(self.utilization_q20, busy_q20, self.balance_ns)
        longest = max(self.cores, key=self._runnable)
        shortest = min(self.cores, key=self._runnable)
        most, least = self._runnable(longest), self._runnable(shortest)
        excess = (most - least) // 2
        if excess and 1000 * most > self.balance_permille * least:
            self._even_out(longest, shortest, excess)
        elif self.stray_moves and len(self.cores) > 1:
            self._stray()

    def _even_out(self, source: Core, target: Core, excess: int) -> None:
        """Move waiting tasks, at most so many."""
        moving = self._movable(source, target)[:excess]
        for task in moving:
            self._migrate(task, target)
        if moving and target.task is None:
            self.take_next(target, from_idle=True)

    def _stray(self) -> None:
        """Move a task by chance from one core, any of them, to the next one, unless that has more of them already."""
        draw = self.stray_draw()
        if draw < self.stray_moves:
            position = min(int(draw / self.stray_moves * len(self.cores)), len(self.cores) - 1)
            source, target = self.cores[position], self.cores[(position + 1) % len(self.cores)]
            if self._runnable(source) >= self._runnable(target):
                self._even_out(source, target, 1)

    # --- ticks, queue membership -----------------------------------------------------------------------------

    def _tick(self) -> None:
        """Account every running task; one that reached its deadline may lose its core."""
        self.clock.at(self.clock.now + self.tick_ns, TICK, self.identifier, self._tick)
        for core in self.cores:
            if core.task is not None and self._update(core):
                self._repick(core)

    def may_take(self, core: Core) -> bool:
        """Return whether a task waits that a freed core must take; from other queues only if it always steals."""
        others = self.cores if self.idle_steal >= 1.0 else [core]
        return any(other is core or not self._is_hot(task) for other in others for task in self._movable(other, core))

    def check_rest(self) -> None:
        """Check nothing: tasks wait beside idle cores where no search was allowed, and in place; see `place`."""

    def put_back(self, core: Core, task: Task, *, throttled: bool) -> None:
        """Join the end of the queue order; it was counted all the time."""
        task.last_ran_ns = self.clock.now
        self._update_task(core, task)
        self.queues[core.position].order.append(task)

    def remove(self, task: Task) -> None:
        """Leave the queue while waiting, with the lag of the moment."""
        core = task.core
        assert core is not None
        queue = self.queues[core.position]
        lag = queue.average() - task.v
        task.lag = max(-2 * self.slice_ns, min(2 * self.slice_ns, lag))
        queue.order.remove(task)
        queue.leave(task)
        task.last_core = core

    def waiting_on(self, core: Core, group: Group) -> Iterable[Task]:
        """Return the group's tasks that wait on this core's queue."""
        return [task for task in self.queues[core.position].order if task.group is group and not task.delayed]

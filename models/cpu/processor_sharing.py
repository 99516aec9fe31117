"""Processor sharing: n tasks on c cores progress at min(1, c/n) each.

The total speed is an integer; the remainder of its division among the tasks goes to the lowest serials, so that no
work is lost. A task that finishes is held until the cascade has drained, like on separate cores: if it asks again at
that instant it has not slept.
"""

from __future__ import annotations

from collections.abc import Sequence

from models.arithmetic import SPEED_BITS, SPEED_ONE, time_for_work
from models.clock import Clock
from models.cpu.task import ASLEEP, HELD, RUNNING, WAITING, Burst, Group, Task
from models.ranks import CORE, QUOTA, RELEASE
from models.records import (
    CORE_IDLE,
    CORE_PAUSED,
    CORE_STATES,
    CORE_THROTTLED,
    CORE_WORKING,
    THROTTLED_OR_PAUSED,
    WAITING_FOR_CORE,
)


class ProcessorSharingCores:
    """Cores shared by all tasks at once; arguments as those of `models.cpu.cores.Cores`."""

    def __init__(
        self,
        clock: Clock,
        cores: int,
        *,
        first_index: int = 0,
        threads_per_core: int = 1,
        speeds: Sequence[Sequence[int]] | None = None,
    ) -> None:
        self.clock = clock
        self.count = cores
        self.first_index = first_index
        self.times_ns = [[0] * CORE_STATES for _ in range(cores)]
        self.capacity = _capacities(cores, threads_per_core, speeds or [[SPEED_ONE] * (cores + 1)] * 2)
        self.since_ns = 0
        self.tasks: list[Task] = []  # with a burst, by serial
        self.rates: list[int] = []  # of the tasks that are not throttled, in their order
        self.active: list[Task] = []
        self.held: list[Task] = []
        self.throttled: set[Group] = set()
        self.pauses = 0
        self.dirty = False
        self.version = 0

    def add_group(self, group: Group) -> None:
        """Let the tasks of an instance use these cores; its quota periods start now."""
        if group.quota_ns is not None:
            self.clock.at(group.period_ns, QUOTA, group.identifier, lambda: self._start_period(group))

    def ask(self, task: Task, burst: Burst) -> None:
        """Let a task that has none execute a burst of more than 0 ns; ``burst.done`` is called when it is finished."""
        group = task.group
        burst.arrived_ns = group.totals.arrive()
        burst.wakeup_ns = 0 if task.state == HELD else group.wakeup_ns
        task.burst = burst
        task.work = (burst.demand_ns + burst.wakeup_ns) << SPEED_BITS
        task.state = WAITING
        group.work_asked += task.work
        group.work_present += task.work
        group.totals.change(waiting=1)
        task.waits(group in self.throttled)
        self._change()
        position = len(self.tasks)
        while position and self.tasks[position - 1].serial > task.serial:
            position -= 1
        self.tasks.insert(position, task)

    def withdraw(self, task: Task) -> None:
        """Take a task's unfinished burst back."""
        self._account()
        group, burst = task.group, task.burst
        assert burst is not None
        group.work_withdrawn += task.work
        group.work_present -= task.work
        self._leave(task, burst)

    def _leave(self, task: Task, burst: Burst) -> None:
        """Take a task out and hold it until the cascade has drained."""
        self._change()
        self.tasks.remove(task)
        self._set_state(task, HELD)
        task.work = 0
        task.burst = None
        task.group.totals.depart(burst.arrived_ns)
        self.held.append(task)

    def _set_state(self, task: Task, state: int) -> None:
        """Change a task's state and the station's counts with it."""
        if task.state != state:
            task.group.totals.change(
                busy=(state == RUNNING) - (task.state == RUNNING), waiting=(state == WAITING) - (task.state == WAITING)
            )
            task.state = state

    def _change(self) -> None:
        """Account up to now and share anew when the cascade has drained."""
        self._account()
        if not self.dirty:
            self.dirty = True
            self.clock.at(self.clock.now, RELEASE, self.first_index, self._release)

    def _release(self) -> None:
        """End of the cascade: held tasks sleep, the others share the cores."""
        self.dirty = False
        for task in self.held:
            if task.state == HELD:
                task.state = ASLEEP
        self.held.clear()
        self._share()

    def _share(self) -> None:
        """Divide the cores' speed and set the timer of the first completion or of the end of a budget."""
        self.active = [task for task in self.tasks if task.group not in self.throttled]
        self.rates = []
        if self.active:
            total = self.capacity[min(len(self.active), self.count)]
            rate, rest = divmod(total, len(self.active))
            for position, task in enumerate(self.active):
                share = rate + (1 if position < rest else 0)
                self.rates.append(max(1, share * task.group.speed >> SPEED_BITS))
        for task in self.tasks:
            if task.group in self.throttled:
                self._set_state(task, WAITING)
        for position, task in enumerate(self.active):
            self._set_state(task, RUNNING if position < self.count else WAITING)
        self._arm()

    def _arm(self) -> None:
        """Set the timer."""
        self.version += 1
        if self.pauses or not self.active:
            return
        wait = min(time_for_work(task.work, rate) for task, rate in zip(self.active, self.rates, strict=True))
        for group in {task.group for task in self.active if task.group.quota_ns is not None}:
            cores_q20 = self._drawn_q20(group)
            wait = min(wait, max(0, -(-(group.left_ns << SPEED_BITS) // max(1, cores_q20))))
        version = self.version
        self.clock.at(self.clock.now + wait, CORE, self.first_index, lambda: self._expire(version))

    def _drawn_q20(self, group: Group) -> int:
        """Return the cores that a group uses, in units of 2^-20."""
        share = min(SPEED_ONE, (self.count << SPEED_BITS) // len(self.active))
        return share * sum(1 for task in self.active if task.group is group)

    def _account(self) -> None:
        """Bring the tasks' work, the cores' times and the budgets up to now."""
        now = self.clock.now
        elapsed = now - self.since_ns
        if elapsed == 0:
            return
        self.since_ns = now
        working = min(len(self.active), self.count)
        for position, times in enumerate(self.times_ns):
            if self.pauses:
                times[CORE_PAUSED] += elapsed
            elif position < working:
                times[CORE_WORKING] += elapsed
            else:
                times[CORE_THROTTLED if self.throttled else CORE_IDLE] += elapsed
        if self.pauses:
            return
        for group in {task.group for task in self.active if task.group.quota_ns is not None}:
            group.left_ns -= elapsed * self._drawn_q20(group) >> SPEED_BITS
        for task, rate in zip(self.active, self.rates, strict=True):
            burst = task.burst
            assert burst is not None
            served = elapsed * working // len(self.active)  # its share of the elapsed time; it waited in the rest
            burst.account(0, served)
            if burst.strand is not None:
                burst.strand.causes_ns[WAITING_FOR_CORE] += elapsed - served
            done = min(task.work, elapsed * rate)
            task.work -= done
            task.group.work_done += done
            task.group.work_present -= done

    def _expire(self, version: int) -> None:
        """Finish the first task without work, or throttle a group whose budget is used up."""
        if self.version != version:
            return
        self._account()
        for task in self.active:
            if task.work == 0:
                burst = task.burst
                assert burst is not None
                burst.finish()
                self._leave(task, burst)
                burst.done()
                return
        for task in self.active:
            group = task.group
            if group.quota_ns is not None and group.left_ns <= 0:
                self.throttled.add(group)
                for waiting in self.tasks:
                    if waiting.group is group:
                        waiting.waits(True)
                break
        self._share()

    def _start_period(self, group: Group) -> None:
        """Refill a group's budget and let its tasks go on."""
        assert group.quota_ns is not None
        self.clock.at(self.clock.now + group.period_ns, QUOTA, group.identifier, lambda: self._start_period(group))
        self._account()
        group.left_ns = group.quota_ns + min(0, group.left_ns)
        if group in self.throttled:
            self.throttled.discard(group)
            for task in self.tasks:
                if task.group is group:
                    task.waits(False)
        self._share()

    def set_group_speed(self, group: Group, speed: int) -> None:
        """Change the speed of a group's tasks (units of 2^-20)."""
        self._account()
        group.speed = speed
        self._share()

    def pause(self, position: int = -1) -> None:
        """Stop all cores, which here are one; pauses may overlap."""
        assert position < 0, "scenarios with pauses of single cores are rejected"
        self._account()
        for task in self.active:
            assert task.burst is not None
            task.burst.enter(THROTTLED_OR_PAUSED)
        self.pauses += 1
        self._arm()

    def resume(self, position: int = -1) -> None:
        """End one pause; the last one lets the cores go on."""
        self._account()
        self.pauses -= 1
        for task in self.active:
            assert task.burst is not None
            task.burst.enter(THROTTLED_OR_PAUSED)
        self._arm()


def _capacities(cores: int, threads_per_core: int, speeds: Sequence[Sequence[int]]) -> list[int]:
    """Return the total speed with 0, 1, ... busy cores; empty physical cores are taken first."""
    result = [0]
    for busy in range(1, cores + 1):
        physical = cores // threads_per_core
        paired = max(0, busy - physical)
        result.append(2 * paired * speeds[1][busy] + (busy - 2 * paired) * speeds[0][busy])
    return result

"""The cores of one instance: what every discipline with separate cores has in common.

A discipline is a subclass with a few hooks: where a woken task goes (`place`), which task a free core takes (`pick`),
what happens to a task that gives up its core (`put_back`), and optionally when a running task's slice ends.

A core whose task has finished a burst is held until the cascade of that instant has drained: if the same task asks
again it goes on in its slice, else the core is released and picks. Every core's time is accounted as working,
switching, exiting idle, throttled, paused or idle, and the sum is the time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from models.arithmetic import SPEED_BITS, SPEED_ONE, time_for_work
from models.clock import Clock
from models.cpu.task import ASLEEP, HELD, RUNNING, WAITING, Burst, Group, Task
from models.ranks import CORE, QUOTA, RELEASE
from models.records import (
    CORE_EXITING_IDLE,
    CORE_IDLE,
    CORE_PAUSED,
    CORE_STATES,
    CORE_SWITCHING,
    CORE_THROTTLED,
    CORE_WORKING,
    THROTTLED_OR_PAUSED,
)


class Core:
    """One CPU as the operating system counts it."""

    def __init__(self, index: int, position: int) -> None:
        self.index = index  # over all hosts: the identifier of its events
        self.position = position  # within its host
        self.task: Task | None = None
        self.held = False
        self.busy = False  # counted among the busy cores, that is not idle at the end of the last cascade
        self.speed = SPEED_ONE
        self.exit_left_ns = 0
        self.switch_left_ns = 0
        self.slice_left_ns = 0
        self.since_ns = 0
        self.times_ns = [0] * CORE_STATES
        self.version = 0
        self.last_task: Task | None = None
        self.throttled: set[Group] = set()
        self.pauses = 0
        self.budget_ns: dict[Group, int] = {}


class Cores:
    """Cores with a task each. ``first_index`` is the number of the first core over all hosts.

    ``speeds[s][b]`` is the speed (units of 2^-20) of a core when ``b`` are busy and its physical core is its own
    (s = 0) or shared with a busy hyperthread (s = 1). ``switch_ns`` is paid by a core that takes another task than it
    ran last, ``exit_ns`` is the time in which an idle core starts a woken task.
    """

    def __init__(
        self,
        clock: Clock,
        cores: int,
        *,
        first_index: int = 0,
        threads_per_core: int = 1,
        speeds: Sequence[Sequence[int]] | None = None,
        switch_ns: int = 0,
        exit_ns: int = 0,
    ) -> None:
        self.clock = clock
        self.cores = [Core(first_index + position, position) for position in range(cores)]
        self.threads_per_core = threads_per_core
        self.speeds = speeds if speeds is not None else [[SPEED_ONE] * (cores + 1)] * 2
        self.speeds_vary = threads_per_core > 1 or len(set(self.speeds[0][1:])) > 1
        self.switch_ns = switch_ns
        self.exit_ns = exit_ns
        self.busy_cores = 0
        self.busy_core_ns = 0  # integral of busy_cores up to busy_since_ns
        self.busy_since_ns = 0
        self.groups: list[Group] = []
        self.checks = False  # whether idle_beside_waiting is counted
        self.idle_beside_waiting = 0  # how often a core was idle beside a task that it may run

    idle_cores_look = True
    """Whether a core that is idle takes a task that may move to it only now; if not, it must become idle to look."""

    # --- hooks of a discipline -------------------------------------------------------------------------------

    def place(self, task: Task) -> None:
        """Start a woken task on an idle core, or queue it."""
        raise NotImplementedError

    def pick(self, core: Core) -> Task | None:
        """Take a waiting task that may run on a free core out of its queue."""
        raise NotImplementedError

    def put_back(self, core: Core, task: Task, *, throttled: bool) -> None:
        """Queue a task that lost its core."""
        raise NotImplementedError

    def may_take(self, core: Core) -> bool:
        """Return whether a task waits that a free core may run: beside it the core must not be idle."""
        raise NotImplementedError

    def remove(self, task: Task) -> None:
        """Take a waiting task out of its queue: it sleeps."""
        raise NotImplementedError

    def waiting_on(self, core: Core, group: Group) -> Iterable[Task]:
        """Return the tasks of a group that wait where a throttling of this core concerns them."""
        raise NotImplementedError

    def blocked(self, core: Core, group: Group) -> bool:
        """Return whether a group's tasks waiting on this core's queue wait for their quota rather than for a core."""
        return group in core.throttled

    def put_to_sleep(self, core: Core, task: Task) -> None:
        """Do what the discipline does when a task leaves its core to sleep."""

    def shares(self, core: Core) -> bool:
        """Return whether the running task's slice ends because others wait."""
        return False

    def begin_sharing(self, core: Core) -> None:
        """Let the running task's slice end, if others wait from now on."""

    def end_slice(self, core: Core) -> None:
        """Handle the end of a running task's slice."""

    def goes_on(self, core: Core) -> bool:
        """Return whether a held task that asks again may go on; if not it was put back and the core has picked."""
        return True

    # --- asking, finishing, withdrawing ----------------------------------------------------------------------

    def add_group(self, group: Group) -> None:
        """Let the tasks of an instance use these cores; its quota periods start now."""
        self.groups.append(group)
        for core in self.cores:
            core.budget_ns[group] = 0
        if group.quota_ns is not None:
            self.clock.at(group.period_ns, QUOTA, group.identifier, lambda: self._start_period(group))

    def ask(self, task: Task, burst: Burst) -> None:
        """Let a task that has none execute a burst of more than 0 ns; ``burst.done`` is called when it is finished."""
        group = task.group
        burst.arrived_ns = group.totals.arrive()
        burst.wakeup_ns = 0 if task.state == HELD else group.wakeup_ns
        task.burst = burst
        task.work = (burst.demand_ns + burst.wakeup_ns) << SPEED_BITS
        group.work_asked += task.work
        group.work_present += task.work
        if task.state == HELD:
            core = task.core
            assert core is not None
            core.held = False
            task.state = RUNNING
            burst.enter(THROTTLED_OR_PAUSED)  # `account` books what is neither throttled nor paused
            if not self.goes_on(core):
                return
            if self._has_budget(core, task):
                self.arm(core)
            else:
                self.take_next(core)
        else:
            group.totals.change(waiting=1)
            task.state = WAITING
            task.waits(False)
            self.place(task)

    def withdraw(self, task: Task) -> None:
        """Take a task's unfinished burst back."""
        burst, group = task.burst, task.group
        assert burst is not None
        core = task.core
        if task.state == RUNNING:
            assert core is not None
            self.account(core)
            self._hold(core, task)
        else:
            assert task.state == WAITING
            self.remove(task)
            task.state = ASLEEP
            group.totals.change(waiting=-1)
        group.work_withdrawn += task.work
        group.work_present -= task.work
        task.work = 0
        task.burst = None
        group.totals.depart(burst.arrived_ns)

    def _hold(self, core: Core, task: Task) -> None:
        """Keep a core for its task until the cascade has drained."""
        task.state = HELD
        core.held = True
        core.version += 1
        version = core.version
        self.clock.at(self.clock.now, RELEASE, core.index, lambda: self._release(core, version))

    def _release(self, core: Core, version: int) -> None:
        """End of the cascade: a task that did not ask again sleeps, and the core takes another."""
        if not core.held or core.version != version:
            return
        task = core.task
        assert task is not None
        core.held = False
        core.task = None
        task.state = ASLEEP
        task.last_core = core
        task.group.totals.change(busy=-1)
        self.put_to_sleep(core, task)
        self.take_next(core)

    def take_next(self, core: Core, *, from_idle: bool = False) -> None:
        """Let a free core pick until it has a task with budget, else go idle."""
        while True:
            task = self.pick(core)
            if task is None:
                self._go_idle(core)
                return
            if self.start(core, task, from_idle=from_idle):
                return

    def _go_idle(self, core: Core) -> None:
        """Have nothing to run: give unused quota back and change the others' speeds."""
        self.account(core)
        if self.checks and self.may_take(core):
            self.idle_beside_waiting += 1
        for group, budget in core.budget_ns.items():
            group.left_ns += budget
            core.budget_ns[group] = 0
        if core.busy:
            core.busy = False
            self._change_busy(-1, core)

    def start(self, core: Core, task: Task, *, from_idle: bool) -> bool:
        """Put a waiting task on a free core.

        Returns False if its quota is used up: it is queued again, and the core is still free.
        """
        self.account(core)
        core.task = task
        task.core = core
        task.state = RUNNING
        task.group.totals.change(busy=1, waiting=-1)
        assert task.burst is not None
        if not self._has_budget(core, task):
            return False
        task.burst.enter(THROTTLED_OR_PAUSED)
        core.exit_left_ns = self.exit_ns if from_idle else 0
        core.switch_left_ns = self.switch_ns if core.last_task is not task else 0
        core.last_task = task
        self.new_slice(core)
        if not core.busy:
            core.busy = True
            self._change_busy(1, core)
        self._set_speed(core)
        self.arm(core)
        if task.group.ideal_quota:
            self._rearm_group(task.group, core)
        return True

    def new_slice(self, core: Core) -> None:
        """Give the running task a new slice."""

    def give_up(self, core: Core, *, throttled: bool) -> None:
        """Take the running task off its core and queue it; the core is free afterwards."""
        task = core.task
        assert task is not None
        self.account(core)
        core.version += 1
        core.task = None
        task.state = WAITING
        task.last_core = core
        task.group.totals.change(busy=-1, waiting=1)
        task.waits(throttled)
        self.put_back(core, task, throttled=throttled)

    # --- time, speed, timers ---------------------------------------------------------------------------------

    def account(self, core: Core) -> None:
        """Bring a core's times, its task's work and its budgets up to now."""
        now = self.clock.now
        elapsed = now - core.since_ns
        if elapsed == 0:
            return
        core.since_ns = now
        task = core.task
        if core.pauses:
            core.times_ns[CORE_PAUSED] += elapsed
        elif task is None:
            core.times_ns[CORE_THROTTLED if core.throttled else CORE_IDLE] += elapsed
        else:
            exiting = min(elapsed, core.exit_left_ns)
            switching = min(elapsed - exiting, core.switch_left_ns)
            running = elapsed - exiting - switching
            core.exit_left_ns -= exiting
            core.switch_left_ns -= switching
            core.times_ns[CORE_EXITING_IDLE] += exiting
            core.times_ns[CORE_SWITCHING] += switching
            core.times_ns[CORE_WORKING] += running
            self._execute(core, task, exiting + switching, running)

    def _execute(self, core: Core, task: Task, leading_ns: int, running_ns: int) -> None:
        """Account the execution of a running task."""
        group, burst = task.group, task.burst
        assert burst is not None
        burst.account(leading_ns, running_ns)
        done = min(task.work, running_ns * core.speed)
        task.work -= done
        group.work_done += done
        group.work_present -= done
        task.executed_ns += running_ns
        core.slice_left_ns -= running_ns
        if group.quota_ns is not None:
            if group.quota_slice_ns == 0:
                group.left_ns -= running_ns
            else:
                core.budget_ns[group] -= running_ns

    def arm(self, core: Core) -> None:
        """Set the timer of a core: completion, end of the slice or of its budget, whichever is first."""
        task = core.task
        if task is None or core.held:
            return
        core.version += 1
        if core.pauses:
            return
        wait = time_for_work(task.work, core.speed)
        if self.shares(core):
            wait = min(wait, core.slice_left_ns)
        group = task.group
        if group.ideal_quota:
            running = self._draw(group)
            wait = min(wait, max(0, -(-group.left_ns // running)))
        elif group.quota_ns is not None:
            wait = min(wait, core.budget_ns[group])
        version = core.version
        time_ns = self.clock.now + core.exit_left_ns + core.switch_left_ns + wait
        self.clock.at(time_ns, CORE, core.index, lambda: self._expire(core, version))

    def _expire(self, core: Core, version: int) -> None:
        """Handle a core's timer: completion beats the end of the budget, and that the end of a slice."""
        if core.version != version:
            return
        task = core.task
        assert task is not None
        self.account(core)
        if task.work == 0:
            burst = task.burst
            assert burst is not None
            burst.finish()
            task.burst = None
            task.group.totals.depart(burst.arrived_ns)
            self._hold(core, task)
            burst.done()
        elif not self._has_budget(core, task):
            self.take_next(core)
        elif self.shares(core) and core.slice_left_ns <= 0:
            self.end_slice(core)
        else:
            self.arm(core)

    def _change_busy(self, change: int, cause: Core) -> None:
        """Count busy cores and change the speeds that depend on their number."""
        now = self.clock.now
        self.busy_core_ns += self.busy_cores * (now - self.busy_since_ns)
        self.busy_since_ns = now
        if self.speeds_vary:
            for core in self.cores:
                if core.task is not None and core is not cause:
                    self.account(core)
        self.busy_cores += change
        if self.speeds_vary:
            for core in self.cores:
                if core.task is not None and core is not cause and self._set_speed(core):
                    self.arm(core)

    def _set_speed(self, core: Core) -> bool:
        """Give a core the speed of the moment; returns whether it changed."""
        task = core.task
        assert task is not None
        shared = 0
        if self.threads_per_core > 1 and self.cores[core.position ^ 1].busy:
            shared = 1
        speed = max(1, self.speeds[shared][max(self.busy_cores, 1)] * task.group.speed >> SPEED_BITS)
        changed = speed != core.speed
        core.speed = speed
        return changed

    def set_group_speed(self, group: Group, speed: int) -> None:
        """Change the speed of a group's tasks (units of 2^-20)."""
        for core in self.cores:
            if core.task is not None and core.task.group is group:
                self.account(core)
        group.speed = speed
        for core in self.cores:
            if core.task is not None and core.task.group is group and self._set_speed(core):
                self.arm(core)

    def idle_core(self, group: Group) -> Core | None:
        """Return the idle core that a task would take: empty physical cores first, then the lowest index."""
        second = None
        for core in self.cores:
            if core.busy or core.task is not None or group in core.throttled:
                continue
            if self.threads_per_core == 1 or not self.cores[core.position ^ 1].busy:
                return core
            if second is None:
                second = core
        return second

    def check_rest(self) -> None:
        """Look for idle cores beside waiting tasks when everything of an instant has happened."""
        self.idle_beside_waiting += sum(1 for core in self.cores if core.task is None and self.may_take(core))

    # --- pauses ----------------------------------------------------------------------------------------------

    def _at(self, position: int) -> list[Core]:
        """Return the core at a position, all of them for -1."""
        return self.cores if position < 0 else [self.cores[position]]

    def pause(self, position: int = -1) -> None:
        """Stop one core or all (-1); pauses may overlap."""
        for core in self._at(position):
            self.account(core)
            core.version += 1
            core.pauses += 1
            if core.task is not None and core.task.burst is not None:
                core.task.burst.enter(THROTTLED_OR_PAUSED)

    def resume(self, position: int = -1) -> None:
        """End one pause; the last one lets the core go on, or all (-1)."""
        stopped = self._at(position)
        for core in stopped:
            self.account(core)
            core.pauses -= 1
        for core in stopped:
            if core.task is not None:
                assert core.task.burst is not None
                core.task.burst.enter(THROTTLED_OR_PAUSED)
                self.arm(core)

    # --- quota -----------------------------------------------------------------------------------------------

    def _has_budget(self, core: Core, task: Task) -> bool:
        """Make sure that a core may run the task that it has; if not, the task is queued and the core is free."""
        group = task.group
        if group.quota_ns is None:
            return True
        if group.quota_slice_ns == 0:
            self._draw(group)
            if group.left_ns > 0:
                return True
            self._throttle_everywhere(core, group)
            return False
        if core.budget_ns[group] > 0:
            return True
        taken = min(group.quota_slice_ns, group.left_ns)
        if taken > 0:
            group.left_ns -= taken
            core.budget_ns[group] += taken
            return True
        self.give_up(core, throttled=True)
        self.throttle(core, group)
        return False

    def throttle(self, core: Core, group: Group) -> None:
        """Stop a group on one core until its next period."""
        self.account(core)
        core.throttled.add(group)
        for task in self.waiting_on(core, group):
            task.waits(self.blocked(core, group))

    def _throttle_everywhere(self, noticed: Core, group: Group) -> None:
        """Stop a group whose ideal budget is used up; all cores but the one that noticed move on."""
        freed = []
        for core in self.cores:
            if core.task is not None and core.task.group is group and not core.held:
                self.give_up(core, throttled=True)
                freed.append(core)
            if group not in core.throttled:
                self.throttle(core, group)
        for core in freed:
            if core is not noticed:
                self.take_next(core)

    def _draw(self, group: Group) -> int:
        """Bring a group's ideal budget up to now; returns how many cores draw on it."""
        drawing = 0
        for core in self.cores:
            if core.task is not None and core.task.group is group:
                self.account(core)
                drawing += 1
        return drawing

    def _rearm_group(self, group: Group, cause: Core) -> None:
        """Bring forward the end of an ideal budget that one more core now draws on."""
        for core in self.cores:
            if core is not cause and core.task is not None and core.task.group is group:
                self.arm(core)

    def _start_period(self, group: Group) -> None:
        """Refill a group's budget and let its throttled tasks go on."""
        assert group.quota_ns is not None
        self.clock.at(self.clock.now + group.period_ns, QUOTA, group.identifier, lambda: self._start_period(group))
        for core in self.cores:
            self.account(core)
        group.left_ns = group.quota_ns + min(0, group.left_ns)
        released = [core for core in self.cores if group in core.throttled]
        for core in released:
            core.throttled.discard(group)
            for task in self.waiting_on(core, group):
                task.waits(self.blocked(core, group))
        for core in released:
            self.begin_sharing(core)
        for core in self.cores:
            if core.task is None and (core in released or self.idle_cores_look):
                self.take_next(core)
            elif group.ideal_quota and core.task is not None and core.task.group is group:
                self.arm(core)

"""Round robin: a run queue for each core; tasks that share a core take turns of one time slice."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from models.cpu.cores import Core, Cores
from models.cpu.task import Group, Task


class RoundRobinCores(Cores):
    """Cores with a queue each; ``time_slice_ns`` is the turn of a task that shares its core."""

    def __init__(self, *arguments: Any, time_slice_ns: int = 4_000_000, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.time_slice_ns = time_slice_ns
        self.queues: list[deque[Task]] = [deque() for _ in self.cores]

    def place(self, task: Task) -> None:
        """Take an idle core, else join the shortest queue, the running task counted."""
        core = self.idle_core(task.group)
        if core is not None:
            if not self.start(core, task, from_idle=True):
                self.take_next(core)
            return
        core = min(self.cores, key=lambda core: len(self.queues[core.position]) + (core.task is not None))
        task.core = core
        self.queues[core.position].append(task)
        task.waits(self.blocked(core, task.group))
        self.begin_sharing(core)

    def begin_sharing(self, core: Core) -> None:
        """Let the running task's slice end, if another waits from now on; alone it went round in full slices."""
        if core.task is None or core.held or not self.shares(core):
            return
        self.account(core)
        if core.slice_left_ns <= 0:
            core.slice_left_ns = self.time_slice_ns - (-core.slice_left_ns) % self.time_slice_ns
        self.arm(core)

    def shares(self, core: Core) -> bool:
        """Return whether a task waits here that may run."""
        return any(task.group not in core.throttled for task in self.queues[core.position])

    def new_slice(self, core: Core) -> None:
        """Begin a turn."""
        core.slice_left_ns = self.time_slice_ns

    def goes_on(self, core: Core) -> bool:
        """Go on in the slice that is left; a used-up slice ends here if others wait."""
        if core.slice_left_ns > 0:
            return True
        if self.shares(core):
            self.end_slice(core)
            return False
        return True

    def end_slice(self, core: Core) -> None:
        """Go to the tail; the head runs. A core that is idle, as the others' quota is used up there, takes the task."""
        task = core.task
        assert task is not None
        self.give_up(core, throttled=False)
        self.take_next(core)
        if self.busy_cores < len(self.cores):
            idle = self.idle_core(task.group)
            if idle is not None:
                self.take_next(idle, from_idle=True)

    def pick(self, core: Core) -> Task | None:
        """Take the first of this queue, else the first of the longest other one."""
        own = self._first(core, core)
        if own is not None:
            return self._take(core, own)
        longest, found = 0, None
        for other in self.cores:
            if other is core:
                continue
            length = sum(1 for task in self.queues[other.position] if self._movable(task, other, core))
            if length > longest:
                longest, found = length, other
        if found is None:
            return None
        task = next(task for task in self.queues[found.position] if self._movable(task, found, core))
        return self._take(found, task)

    def _movable(self, task: Task, source: Core, target: Core) -> bool:
        """Return whether a waiting task may move: not where its group is throttled."""
        return task.group not in source.throttled and task.group not in target.throttled

    def _first(self, queue_of: Core, core: Core) -> Task | None:
        """Return the first task of a queue that may run on a core."""
        for task in self.queues[queue_of.position]:
            if task.group not in core.throttled:
                return task
        return None

    def _take(self, core: Core, task: Task) -> Task:
        """Take a task out of a core's queue."""
        self.queues[core.position].remove(task)
        return task

    def may_take(self, core: Core) -> bool:
        """Return whether a task waits that a free core may run."""
        return any(self._movable(task, other, core) for other in self.cores for task in self.queues[other.position])

    def put_back(self, core: Core, task: Task, *, throttled: bool) -> None:
        """Go to the tail at the end of a slice, to the head when throttled."""
        if throttled:
            self.queues[core.position].appendleft(task)
        else:
            self.queues[core.position].append(task)

    def remove(self, task: Task) -> None:
        """Leave the queue."""
        assert task.core is not None
        self.queues[task.core.position].remove(task)

    def waiting_on(self, core: Core, group: Group) -> Iterable[Task]:
        """Return the group's tasks in this core's queue."""
        return [task for task in self.queues[core.position] if task.group is group]

"""First in, first out: one queue for all cores; a task keeps its core until it sleeps."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any

from models.cpu.cores import Core, Cores
from models.cpu.task import Group, Task


class FifoCores(Cores):
    """Cores that serve one common queue."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.queue: deque[Task] = deque()

    def place(self, task: Task) -> None:
        """Take an idle core, else join the queue."""
        core = self.idle_core(task.group)
        if core is None:
            self.queue.append(task)
            task.waits(self.blocked(self.cores[0], task.group))
        elif not self.start(core, task, from_idle=True):
            self.take_next(core)

    def pick(self, core: Core) -> Task | None:
        """Take the first task whose group is not throttled on this core."""
        for position, task in enumerate(self.queue):
            if task.group not in core.throttled:
                del self.queue[position]
                return task
        return None

    def may_take(self, core: Core) -> bool:
        """Return whether a task waits that a free core may run."""
        return any(task.group not in core.throttled for task in self.queue)

    def put_back(self, core: Core, task: Task, *, throttled: bool) -> None:
        """Go to the head: only a throttled task loses its core."""
        self.queue.appendleft(task)

    def throttle(self, core: Core, group: Group) -> None:
        """Throttle the idle cores too: offered the task in the common queue, they would find nothing left."""
        super().throttle(core, group)
        for other in self.cores:
            if other.task is None and group not in other.throttled:
                super().throttle(other, group)

    def remove(self, task: Task) -> None:
        """Leave the queue."""
        self.queue.remove(task)

    def waiting_on(self, core: Core, group: Group) -> Iterable[Task]:
        """Return the group's tasks in the common queue."""
        return [task for task in self.queue if task.group is group]

    def blocked(self, core: Core, group: Group) -> bool:
        """Return whether no core may run the group."""
        return all(group in other.throttled for other in self.cores)

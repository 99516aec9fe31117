"""One instance of a service and the visits to it."""

from __future__ import annotations

from typing import Any

from models.batching import Batcher
from models.clients import Source
from models.clock import Clock
from models.cpu.task import Group, Task
from models.link import Link
from models.memory import Memory
from models.records import INSTANCE_DOWN
from models.runner import BlockingWorkers, EventLoopWorkers, Runner
from models.strand import Strand
from models.tokens import Tokens


class Instance:
    """An instance with its parts. ``workers`` is None where every operation has a task of its own."""

    def __init__(self, clock: Clock, position: int, row: Any, processor: Any, group: Group) -> None:
        self.clock = clock
        self.position = position
        self.row = row
        self.processor = processor
        self.group = group
        self.up = True
        self.connections = 0
        self.inside: dict[int, Visit] = {}  # by the serial of the visiting strand
        self.workers: BlockingWorkers | EventLoopWorkers | None = None
        self.memory: Memory
        self.batchers: list[Batcher] = []
        self.locks: list[list[Tokens]] = []
        self.pools: list[Tokens] = []
        self.links: list[Link] = []
        self.user_tasks: dict[int, Runner] = {}  # of closed users, by their number

    def go_down(self) -> None:
        """Fail every attempt inside, in the order of the strands, and drop the batches."""
        self.up = False
        for serial in sorted(self.inside):
            self.inside[serial].strand.take_out(INSTANCE_DOWN)
        for batcher in self.batchers:
            batcher.reset()


class Visit:
    """A strand's stay in an instance, from the balancer's choice on."""

    def __init__(self, instance: Instance, strand: Strand) -> None:
        self.instance = instance
        self.strand = strand
        self.runner: Runner | None = None
        self.own_task_of: int | None = None  # number of the closed user whose task serves this visit
        self.branch_runners: dict[int, Runner] = {}  # of parallel branches, by the serial of their strand
        instance.connections += 1

    def enter(self) -> bool:
        """Go inside; returns False if the queue limit forbids it."""
        limit = self.instance.row.queue_limit
        if limit >= 0 and len(self.instance.inside) >= limit:
            return False
        self.instance.inside[self.strand.serial] = self
        return True

    def give_back(self, strand: Strand) -> None:
        """Leave: give the worker or the task back."""
        instance = self.instance
        instance.connections -= 1
        instance.inside.pop(strand.serial, None)
        workers = instance.workers
        if isinstance(workers, BlockingWorkers):
            if strand in workers.granted:
                workers.give_back(strand)
        elif isinstance(workers, EventLoopWorkers):
            if self.runner is not None:
                workers.leave(self.runner)
        elif self.own_task_of is not None and self.runner is not None:
            self.runner.attempts -= 1

    def take_own_task(self, source: Source, new_task: Any) -> None:
        """Use the closed user's task, or one of its own where that is busy or there is no such user."""
        instance = self.instance
        if source.is_user:
            runner = instance.user_tasks.get(source.identifier)
            if runner is None:
                runner = Runner(instance.processor, new_task(instance.group))
                instance.user_tasks[source.identifier] = runner
            if runner.attempts == 0:
                runner.attempts = 1
                self.runner = runner
                self.own_task_of = source.identifier
                return
        self.runner = Runner(instance.processor, new_task(instance.group))

    def runner_for(self, strand: Strand, new_task: Any) -> Runner:
        """Return who executes a strand's bursts; parallel branches without workers have tasks of their own."""
        assert self.runner is not None
        if strand is self.strand or self.instance.workers is not None:
            return self.runner
        runner = self.branch_runners.get(strand.serial)
        if runner is None:
            runner = Runner(self.instance.processor, new_task(self.instance.group))
            self.branch_runners[strand.serial] = runner
        return runner


def new_task_factory() -> Any:
    """Return a function that makes tasks with consecutive serials."""
    count = 0

    def new_task(group: Group) -> Task:
        nonlocal count
        count += 1
        return Task(count - 1, group)

    return new_task

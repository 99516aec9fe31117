"""One component alone in a bare SimPy environment: scripted bursts and strands, and what became of them."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import simpy

from models.clock import Clock
from models.cpu.cores import Cores
from models.cpu.task import Burst, Group, Task
from models.ranks import ARRIVAL
from models.strand import Strand, StrandEnded

ONE = 1 << 20
"""Speed 1 in units of 2^-20."""


class Kit:
    """An environment with a clock, in which things are scripted to happen at given times."""

    def __init__(self) -> None:
        self.environment = simpy.Environment()
        self.clock = Clock(self.environment)
        self.log: list[tuple[int, str]] = []
        self._scripted = 0

    def at(self, time_ns: int, action: Callable[[], Any]) -> None:
        """Let something happen at a time, after all else of that instant, in the order of the script."""
        self._scripted += 1
        self.clock.at(time_ns, ARRIVAL, self._scripted, action)

    def note(self, what: str) -> None:
        """Write down that something happens now."""
        self.log.append((self.clock.now, what))

    def run(self, until_ns: int) -> None:
        self.environment.run(until=until_ns)

    def strand(self, at_ns: int, name: str, body: Callable[[Strand], Generator[Any, Any, Any]]) -> Strand:
        """Start a strand at a time; its end is noted as ``name`` or, if it was taken out, as ``name!``."""
        self._scripted += 1
        strand = Strand(self.clock, self._scripted)

        def walk() -> Generator[Any, Any, None]:
            try:
                yield from body(strand)
            except StrandEnded:
                self.note(name + "!")
                strand.release_all()
            else:
                self.note(name)

        self.at(at_ns, lambda: self.environment.process(walk()))
        return strand

    def sleep(self, duration_ns: int) -> Generator[Any, Any, None]:
        """Pass time inside a strand's body, outside all components."""
        event = simpy.Event(self.environment)
        self.at(self.clock.now + duration_ns, event.succeed)
        yield event


class CoresKit(Kit):
    """Cores of a discipline under scripted bursts. ``finished`` maps the names of bursts to the times of their ends."""

    def __init__(self, discipline: Callable[..., Any], cores: int, **options: Any) -> None:
        super().__init__()
        self.cores = discipline(self.clock, cores, **options)
        self.finished: dict[str, int] = {}
        self.tasks: dict[str, Task] = {}
        self.groups: list[Group] = []
        self.group()

    def group(self, **options: Any) -> Group:
        """Add the tasks of one more instance."""
        group = Group(self.clock, len(self.groups), **options)
        self.groups.append(group)
        self.cores.add_group(group)
        return group

    def task(self, name: str, group: int = 0) -> Task:
        """Return the task of a name, made when first asked for."""
        if name not in self.tasks:
            self.tasks[name] = Task(len(self.tasks), self.groups[group])
        return self.tasks[name]

    def ask(
        self,
        at_ns: int,
        name: str,
        *demands_ns: int,
        task: str | None = None,
        group: int = 0,
        strand: Strand | None = None,
    ) -> None:
        """Let a task (by default of that name) execute bursts one after the other; note the end of the last."""
        executing = self.task(task or name, group)
        left = list(demands_ns)

        def following() -> None:
            if left:
                self.cores.ask(executing, Burst(left.pop(0), strand, following))
            else:
                self.finished[name] = self.clock.now
                self.note(name)

        self.at(at_ns, following)

    def repeat(self, at_ns: int, name: str, demand_ns: int, group: int = 0) -> None:
        """Let a task execute bursts one after the other for ever; each end is noted."""
        task = self.task(name, group)

        def following() -> None:
            if self.clock.now > at_ns:
                self.note(name)
            self.cores.ask(task, Burst(demand_ns, None, following))

        self.at(at_ns, following)

    def states(self) -> list[list[int]]:
        """Return the times of each core by state, up to now."""
        if isinstance(self.cores, Cores):
            for core in self.cores.cores:
                self.cores.account(core)
            return [core.times_ns for core in self.cores.cores]
        self.cores._account()
        return self.cores.times_ns  # type: ignore[no-any-return]

    def running(self) -> list[str | None]:
        """Return the name of the task on each core."""
        names = {task: name for name, task in self.tasks.items()}
        return [None if core.task is None else names[core.task] for core in self.cores.cores]

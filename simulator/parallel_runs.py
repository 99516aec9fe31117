"""Many scenarios simulated at once: in threads where the engine lets go of the interpreter, else in processes."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from models.scenario import Scenario
from simulator.engines import Engine, choose
from simulator.replications import Progress, Report
from simulator.result import Result
from simulator.run import run

STAGE: Final = "points"


@dataclass(frozen=True)
class Task:
    """One scenario to be simulated.

    directory: of its trace files. max_operations: bound of what is simulated; None: the engine's own.
    stagger_ns: how much later the windows of replications begin at most; None: as the run plans it.
    partial: whether a result that was cut short is wanted too. controls: as `simulator.run` takes it.
    """

    scenario: Scenario
    directory: Path
    max_operations: int | None = None
    stagger_ns: int | None = None
    partial: bool = False
    controls: bool = False


@dataclass(frozen=True)
class Workers:
    """Who simulates.

    engine: "auto", "fast", "reference", or an engine itself (which runs in threads).
    seed: of all scenarios instead of their own. count: how many at once; None: one for each CPU.
    """

    engine: str | Engine = "auto"
    seed: int | None = None
    count: int | None = None


def settled(workers: Workers) -> tuple[Workers, Engine, list[str]]:
    """Return workers with the engine that "auto" or "fast" comes to, that engine, and what to note about the choice.

    "auto" waits for the fast engine where it has to be compiled: many runs on the reference engine would take longer.
    """
    if not isinstance(workers.engine, str):
        return workers, workers.engine, []
    chosen, notes = choose("fast" if workers.engine == "auto" else workers.engine)
    return replace(workers, engine=chosen.name), chosen, notes


def run_all(
    tasks: Sequence[Task], workers: Workers, report: Report | None = None, done: int = 0
) -> Iterator[tuple[int, Result]]:
    """Simulate scenarios and yield (position, result) of each as it ends, in any order.

    The same seed for all: what differs between two results is not their chance. Ends early, once `report` answers False
    or at Ctrl-C; of what was cut short then, only the tasks that want it so give what there is.

    done: how many of the same work were done before, for the report.
    """
    if not tasks:
        return
    chosen = choose(workers.engine)[0] if isinstance(workers.engine, str) else workers.engine
    count = min(workers.count or os.cpu_count() or 1, len(tasks))
    in_processes = isinstance(workers.engine, str) and not chosen.threads and count > 1
    crew: _Crew = _Processes(workers, count) if in_processes else _Threads(workers, count)
    share = _Share(report, len(tasks) + done, done)
    with crew.executor() as pool:
        waiting = iter(enumerate(tasks))
        running: dict[Future[Result | None], int] = {}
        try:
            # Only as many are handed over as can run, so that a stop leaves nothing behind.
            while not crew.stopped.is_set():
                while len(running) < count and (following := next(waiting, None)) is not None:
                    running[crew.start(pool, following[1])] = following[0]
                if not running:
                    return
                ended, _ = wait(running, timeout=0.2, return_when=FIRST_COMPLETED)
                for future in ended:
                    position, result = running.pop(future), future.result()
                    if result is None or result.interrupted:
                        crew.stopped.set()
                    if result is None:
                        continue
                    share.done += 1
                    yield position, result
                if not share.tell():
                    crew.stopped.set()
        except KeyboardInterrupt:
            pass
        finally:
            crew.stopped.set()
        for future, position in running.items():
            result = future.result()
            if result is not None and tasks[position].partial:
                yield position, result


@dataclass
class _Share:
    """Tells how many of the points are done."""

    report: Report | None
    total: int
    done: int

    def tell(self) -> bool:
        """Return whether to go on."""
        if self.report is None:
            return True
        return self.report(Progress(STAGE, self.done, self.total, self.done / self.total)) is not False


def _simulated(task: Task, workers: Workers, threads: int, go_on: Callable[[], bool]) -> Result | None:
    """Simulate one scenario; None if it was cut short."""
    try:
        result = run(
            task.scenario,
            engine=workers.engine,
            seed=workers.seed,
            progress=lambda _: go_on(),
            max_operations=task.max_operations,
            threads=threads,
            base_directory=task.directory,
            stagger_ns=task.stagger_ns,
            controls=task.controls,
        )
    except KeyboardInterrupt:
        return None
    return None if result.interrupted and not task.partial else result


class _Threads:
    """Simulates in threads of this process."""

    def __init__(self, workers: Workers, count: int) -> None:
        self.stopped: Any = threading.Event()
        self._workers = workers
        self._count = count
        # A single scenario may use all CPUs for its replications; several share them.
        self._threads = max((workers.count or os.cpu_count() or 1) // count, 1)

    def executor(self) -> Executor:
        return ThreadPoolExecutor(self._count)

    def start(self, pool: Executor, task: Task) -> Future[Result | None]:
        return pool.submit(_simulated, task, self._workers, self._threads, lambda: not self.stopped.is_set())


class _Processes:
    """Simulates in processes of their own."""

    def __init__(self, workers: Workers, count: int) -> None:
        # Forking a process that has threads can leave it waiting for a lock that nobody holds.
        self._context = multiprocessing.get_context("spawn")
        self.stopped: Any = self._context.Event()
        self._workers = workers
        self._count = count

    def executor(self) -> Executor:
        return ProcessPoolExecutor(self._count, self._context, initializer=_begin, initargs=(self.stopped,))

    def start(self, pool: Executor, task: Task) -> Future[Result | None]:
        return pool.submit(_simulated_here, task, self._workers)


_Crew = _Threads | _Processes

_stop: list[Any] = []
"""In a process of `_Processes`: the event that ends its work."""


def _begin(stopped: Any) -> None:
    """Prepare a process: Ctrl-C reaches it too, and is left to the one that started it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _stop[:] = [stopped]


def _simulated_here(task: Task, workers: Workers) -> Result | None:
    return _simulated(task, workers, 1, lambda: not _stop[0].is_set())

"""What the probes share inside their fresh process: workers behind a barrier that cannot outlive it, and pinning."""

from __future__ import annotations

import ctypes
import mmap
import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

START_DELAY_NS: Final = 20_000_000
"""From the release of the barrier to the common begin: long enough for every worker to be waiting for it."""
READY_S: Final = 10.0
_HEADER: Final = 2  # values in use, run-queue wait [ns]
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_TIMERSLACK: Final = 29

Slab = memoryview


class Unavailable(RuntimeError):  # noqa: N818 - says what the host is
    """A probe that this host does not permit or that means nothing here; the text is the reason."""


class WorkerFailed(RuntimeError):  # noqa: N818 - says what happened
    """A worker that ended with an error or not at all."""


def die_with_parent(parent: int) -> None:
    """Make the kernel end this process when its parent ends (Linux; elsewhere the parent's cleanup must do).

    parent: its id; where that has ended already, so does this process.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def set_timer_slack(slack_ns: int) -> None:
    """Set by how much the kernel may delay this process's sleeps [ns]."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_TIMERSLACK, slack_ns, 0, 0, 0)


def usable_cpus() -> list[int]:
    """Return the CPUs that this process may use, one of each physical core first."""
    if not hasattr(os, "sched_getaffinity"):
        return list(range(os.cpu_count() or 1))
    cpus = sorted(os.sched_getaffinity(0))
    place: dict[int, int] = {}
    for cpu in cpus:
        siblings = [other for other in siblings_of(cpu) if other in cpus]
        place[cpu] = siblings.index(cpu) if cpu in siblings else 0
    return sorted(cpus, key=lambda cpu: (place[cpu], cpu))


def siblings_of(cpu: int) -> list[int]:
    """Return the hyperthreads of a CPU's physical core, itself included."""
    try:
        with open(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list") as file:
            return cpu_list(file.read())
    except OSError:
        return [cpu]


def cpu_list(text: str) -> list[int]:
    """Read a list of the kernel's, such as `0-3,8`."""
    cpus: list[int] = []
    for part in filter(None, text.strip().split(",")):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return cpus


def pin(cpu: int | None) -> None:
    """Let this process run on one CPU only; None: wherever it may. Raises Unavailable."""
    if cpu is None:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise Unavailable("this system cannot pin a process to a CPU")
    try:
        os.sched_setaffinity(0, {cpu})
    except OSError as error:
        raise Unavailable(f"pinning to CPU {cpu} is not permitted ({error.strerror})") from None


def run_queue_wait_ns() -> int:
    """Return how long this thread has waited for a core so far [ns]; 0 where the kernel does not count it."""
    try:
        with open("/proc/thread-self/schedstat") as file:
            return int(file.read().split()[1])
    except (OSError, IndexError, ValueError):
        return 0


def sleep_until(at_ns: int) -> None:
    """Sleep until a monotonic time."""
    remaining = at_ns - time.monotonic_ns()
    if remaining > 0:
        time.sleep(remaining / 1e9)


def run_together(
    count: int,
    body: Callable[[int, int, int, Slab], int],
    *,
    window_s: float,
    capacity: int = 16,
    cpus: Sequence[int] | None = None,
    warm_up: Callable[[int], None] | None = None,
    beside: Callable[[list[int], int, int], None] | None = None,
) -> tuple[list[list[int]], float]:
    """Fork workers that begin at one common time, and return what each wrote down.

    body: called in each worker with its index, the common begin and end [monotonic ns] and its slab of `capacity`
        integers; returns how many of these it used.
    cpus: worker k is pinned to the k-th. warm_up: called in each worker before the barrier. beside: called in this
        process once the workers were released, with their ids, begin and end.
    Returns the used part of each slab and the share of the window that the average worker waited for a core.

    Raises WorkerFailed if a worker ends with an error or does not end; none is left behind.
    """
    fields = capacity + _HEADER
    with mmap.mmap(-1, 8 * (2 + count * fields)) as memory, memoryview(memory) as plain:
        shared = plain.cast("q")
        gate_read, gate_write = os.pipe()
        ready_read, ready_write = os.pipe()
        pids: list[int] = []
        try:
            for index in range(count):
                slab = shared[2 + index * fields : 2 + (index + 1) * fields]
                pids.append(
                    _fork(
                        index,
                        body,
                        slab=slab,
                        shared=shared,
                        pipes=(gate_read, gate_write, ready_write),
                        cpus=cpus,
                        warm_up=warm_up,
                    )
                )
                slab.release()
            os.close(gate_read)
            os.close(ready_write)
            _await_ready(ready_read, count)
            shared[0] = time.monotonic_ns() + START_DELAY_NS
            shared[1] = shared[0] + int(window_s * 1e9)
            os.close(gate_write)
            if beside is not None:
                beside(pids, shared[0], shared[1])
            _reap(pids, shared[1] / 1e9 + 5.0 + 0.1 * count)
            results = []
            waited = 0
            for index in range(count):
                first = 2 + index * fields
                results.append(list(shared[first + _HEADER : first + _HEADER + shared[first]]))
                waited += shared[first + 1]
        finally:
            _kill(pids)
            os.close(ready_read)
            shared.release()
    return results, waited / (count * window_s * 1e9)


def _fork(
    index: int,
    body: Callable[[int, int, int, Slab], int],
    *,
    slab: Slab,
    shared: Slab,
    pipes: tuple[int, int, int],
    cpus: Sequence[int] | None,
    warm_up: Callable[[int], None] | None,
) -> int:
    """Fork one worker and return its id. pipes: the gate's two ends, and where it says that it is ready.

    It begins when the write end of the gate is closed everywhere.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        die_with_parent(parent)
        os.close(pipes[1])
        pin(cpus[index % len(cpus)] if cpus else None)
        if warm_up is not None:
            warm_up(index)
        os.write(pipes[2], b".")
        os.read(pipes[0], 1)
        sleep_until(shared[0])
        before = run_queue_wait_ns()
        slab[0] = body(index, shared[0], shared[1], slab[_HEADER:])
        slab[1] = run_queue_wait_ns() - before
        status = 0
    finally:
        os._exit(status)


def _await_ready(ready_read: int, count: int) -> None:
    """Wait until every worker has warmed up. Raises WorkerFailed."""
    until_s = time.monotonic() + READY_S
    ready = 0
    while ready < count:
        if not select.select([ready_read], [], [], max(0.0, until_s - time.monotonic()))[0]:
            raise WorkerFailed(f"{count - ready} workers were not ready after {READY_S:g} s")
        said = os.read(ready_read, count)
        if not said:
            raise WorkerFailed(f"{count - ready} workers ended before they were ready")
        ready += len(said)


def _reap(pids: list[int], until_s: float) -> None:
    """Wait for all workers until a monotonic time. Raises WorkerFailed."""
    while pids:
        for pid in list(pids):
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                pids.remove(pid)
                if status:
                    raise WorkerFailed(f"a worker ended with {os.waitstatus_to_exitcode(status)}")
        if pids and time.monotonic() > until_s:
            raise WorkerFailed(f"{len(pids)} workers did not end")
        time.sleep(0.002)


def _kill(pids: list[int]) -> None:
    """End the workers that are still there."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        os.waitpid(pid, 0)


@contextmanager
def background(body: Callable[[], None], cpu: int | None = None) -> Iterator[int]:
    """Run something endless in a process of its own while the block runs; gives its id."""
    parent = os.getpid()
    pid = os.fork()
    if not pid:
        try:
            die_with_parent(parent)
            pin(cpu)
            body()
        finally:
            os._exit(0)
    try:
        yield pid
    finally:
        _kill([pid])


def levels_up_to(cores: int) -> list[int]:
    """Return 1, 2, 4, ... and the count of cores itself."""
    levels = [1 << power for power in range(cores.bit_length()) if 1 << power < cores]
    return [*levels, cores]

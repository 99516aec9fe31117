"""The part of a copy that all workers share: warm-up, barrier, the loop of operations, and the report.

Times go to memory that was touched before the start; nothing is written while the operations run.
"""

from __future__ import annotations

import mmap
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from calibration.live.names import (
    DURATION_VARIABLE,
    PACE_VARIABLE,
    PACING_VARIABLE,
    REPORT_VARIABLE,
    START_VARIABLE,
)

FIELDS: Final = 6
MAX_OPERATIONS: Final = 2_000_000
WARM_UP_S: Final = 0.3
WARM_UP_CALLS: Final = 200
LONG_CALL_S: Final = 5.0
"""A first call that takes longer than this is the only one of the warm-up."""
OVERHEAD_CALLS: Final = 2000
CHUNK: Final = 10_000
REPORT_DELAY_NS: Final = 300_000_000


class OperationFailed(Exception):  # noqa: N818 - says what happened
    """An operation that failed, in words that need no name of an exception before them."""


@dataclass(frozen=True)
class Task:
    """What one operation does and what is read around it.

    function: does it; an exception is a failed operation. cpu_clock: CPU time used so far [ns], read before and
    after every operation. memory: peak memory of the last operation [bytes], read after it. None: not read.
    """

    function: Callable[[], Any]
    cpu_clock: Callable[[], int] | None = None
    memory: Callable[[], int] | None = None


def operate(
    task: Task, slab: memoryview, starts: Sequence[int], kind: str, window_ns: tuple[int, int]
) -> tuple[int, str | None]:
    """Do operations through the window and record every one.

    slab: 64-bit integers: intended start, begin, end, CPU time, memory (-1: not read), failed, of each.
    starts: pauses (kind "think") or intended starts since the begin of the window (kind "rate") [ns].
    Returns how many operations there were, and what the first failed one raised.
    """
    clock, sleep = time.monotonic_ns, time.sleep
    function, cpu_clock, memory = task.function, task.cpu_clock, task.memory
    capacity = len(slab) // FIELDS
    count, problem, now = 0, None, window_ns[0]
    sleep(max(0, now - clock()) / 1e9)
    while count < capacity and now < window_ns[1]:
        intended = now
        if kind != "closed":
            if count >= len(starts):
                break
            intended = starts[count] + (window_ns[0] if kind == "rate" else now)
            if intended >= window_ns[1]:
                break
            sleep(max(0, intended - clock()) / 1e9)
        failed = 0
        before_ns = cpu_clock() if cpu_clock else 0
        # In a plain closed loop the end of one operation is the begin of the next: nothing stays unaccounted.
        begin = now if kind == "closed" and not cpu_clock else clock()
        try:
            function()
        except Exception as error:
            failed = 1
            problem = problem or in_words(error)
        now = clock()
        used_ns = cpu_clock() - before_ns if cpu_clock else -1
        base = count * FIELDS
        slab[base], slab[base + 1], slab[base + 2], slab[base + 3] = min(intended, begin), begin, now, used_ns
        slab[base + 4], slab[base + 5] = memory() if memory else -1, failed
        count += 1
    return count, problem


def take_part(prepare: Callable[[], Task]) -> int:
    """Take part in one level with what `prepare` returns, and return the exit code.

    An exception of `prepare`, or of the first operations, is reported as the reason why there is no measurement.
    """
    descriptor, start = int(os.environ[REPORT_VARIABLE]), int(os.environ[START_VARIABLE])
    kind = os.environ.get(PACING_VARIABLE, "closed")
    starts: list[int] = []
    if kind != "closed":
        with os.fdopen(int(os.environ[PACE_VARIABLE])) as file:
            starts = [int(line) for line in file]
    for inherited in (descriptor, start):
        os.set_inheritable(inherited, False)
    try:
        task = prepare()
        shortest_ns = _warm_up(task.function)
    except Exception as error:
        os.write(descriptor, f"fail {in_words(error)}\n".encode())
        return 0
    own_ns = _overhead_ns(task)
    # Nothing gets faster than the fastest warm call; twice that many operations leave room to spare.
    fastest = 2 * int(os.environ[DURATION_VARIABLE]) // (shortest_ns + own_ns) + 100
    capacity = min(MAX_OPERATIONS, fastest, len(starts) if kind == "rate" else fastest)
    slab = _pre_touched(max(1, capacity))
    os.write(descriptor, f"ready\noverhead {own_ns}\n".encode())
    words = os.read(start, 100).split()
    if len(words) == 3:
        window_ns = int(words[1]), int(words[2])
        count, problem = operate(task, slab, starts, kind, window_ns)
        # Others may still be measured, and the counters of this process are about to be read.
        time.sleep(max(0, window_ns[1] + REPORT_DELAY_NS - time.monotonic_ns()) / 1e9)
        if problem is not None:
            os.write(descriptor, f"problem {' '.join(problem.split())}\n".encode())
        _report(descriptor, slab, count, paced=kind != "closed")
    return 0


def in_words(error: Exception) -> str:
    """Return what an error says, with its kind where that says something."""
    kind = "" if isinstance(error, OperationFailed) else f"{type(error).__name__}: "
    return " ".join(f"{kind}{error}".split()).removesuffix(":")


def _warm_up(function: Callable[[], Any]) -> int:
    """Call the function until it is warm and return the shortest time that a call took [ns].

    Raises OperationFailed if no call succeeds.
    """
    shortest, last = 2**62, "no call"
    give_up = time.monotonic() + WARM_UP_S
    for call in range(WARM_UP_CALLS):
        before = time.monotonic_ns()
        try:
            function()
        except Exception as error:
            last = in_words(error)
        else:
            shortest = min(shortest, time.monotonic_ns() - before)
        # The first call may set up what the others use, so that alone it says nothing of how long they take.
        left_s = give_up - time.monotonic()
        if left_s < (-LONG_CALL_S if call == 0 else 0.0):
            break
    if shortest == 2**62:
        raise OperationFailed(last)
    return max(1, shortest)


def _overhead_ns(task: Task) -> int:
    """Return what recording adds to an operation: the median time of one that does nothing [ns]."""
    slab = memoryview(bytearray(8 * FIELDS * OVERHEAD_CALLS)).cast("q")
    begin = time.monotonic_ns()
    idle = Task(lambda: None, task.cpu_clock, task.memory)
    count, _ = operate(idle, slab, [], "closed", (begin, begin + 10**9))
    times = sorted(slab[k * FIELDS + 2] - slab[k * FIELDS + 1] for k in range(count))
    return times[count // 2]


def _pre_touched(capacity: int) -> memoryview:
    """Return room for that many operations whose pages are already there."""
    memory = mmap.mmap(-1, 8 * FIELDS * capacity)
    for offset in range(0, len(memory), mmap.PAGESIZE):
        memory[offset] = 0
    return memoryview(memory).cast("q")


def _report(descriptor: int, slab: memoryview, count: int, *, paced: bool) -> None:
    """Write the recorded operations as lines of the protocol."""
    for first in range(0, count, CHUNK):
        lines = []
        for base in range(first * FIELDS, min(first + CHUNK, count) * FIELDS, FIELDS):
            intended, begin, end, used_ns, memory_bytes, failed = slab[base : base + FIELDS]
            line = f"op {intended} {begin} {end}" if paced else f"op {begin} {end}"
            line += f" cpu={max(0, used_ns)}" if used_ns != -1 else ""
            line += f" memory={memory_bytes}" if memory_bytes >= 0 else ""
            lines.append(line + (" error\n" if failed else "\n"))
        os.write(descriptor, "".join(lines).encode())

"""One level: so many copies of a program at once, observed from outside between two readings."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol

import numpy as np

from calibration.interference import Interference, Watch
from calibration.live import names, protocol
from calibration.live.awake import kept_awake
from calibration.live.cleanup import stop_if_interrupted
from calibration.live.connections import connections_elsewhere
from calibration.live.copies import Copies, Program
from calibration.live.errors import LiveError, NothingEndedError
from calibration.live.operations import Operations, done_within, ended_within, together
from calibration.live.pacing import Pacing
from calibration.live.usage import (
    Usage,
    cpu_clock_ns,
    loopback_bytes,
    own_bytes,
    peak_bytes,
    reset_peak,
    resident_bytes,
    usage_of,
    with_descendants,
)

START_DELAY_NS: Final = 150_000_000
"""From the opening of the barrier to the common begin: long enough for all copies to be waiting for it."""
READ_AHEAD_NS: Final = 200_000_000
"""Before the window begins: when its first reading of the counters starts."""
COOL_DOWN_NS: Final = 150_000_000
"""How long operations go on after the window, so that its second reading still finds them at work."""
CHECK_S: Final = 0.25
FIRST: Final = -20
"""The nice value of who runs before everybody else, where a real-time policy is not permitted."""
FINISH_TIMEOUT_S: Final = 10.0
"""For the last operations and the reports, after which a copy is ended."""


WatchMaker = Callable[[Callable[[], Iterable[int]]], Watch]
"""Makes the watch over other load, from what returns the processes that are not others."""


@dataclass(frozen=True)
class Plan:
    """What is run in one level.

    copies: of the program. duration_ns: measured window, after warmup_ns. seed: of the pacing.
    cpu_of_each: have the program read its CPU clock around every operation, which is harmless for one copy alone.
    awake: keep the cores from idling meanwhile (see `calibration.live.awake`).
    """

    copies: int
    pacing: Pacing
    duration_ns: int
    warmup_ns: int
    seed: int
    cpu_of_each: bool = False
    awake: bool = False


@dataclass(frozen=True)
class Service:
    """What a service used between the two readings.

    base_bytes: its resident memory before the first operation. peak_bytes: at its peak; None: unknown.
    cpu_ns_of_processes: of each of its processes, the busiest first [ns]. connections_elsewhere: that its clients did
    not make; None: unknown.
    """

    used: Usage
    base_bytes: int
    peak_bytes: int | None
    cpu_ns_of_processes: tuple[int, ...]
    connections_elsewhere: int | None = None


@dataclass(frozen=True)
class Recording:
    """What one level gave.

    window_ns: of CLOCK_MONOTONIC; `operations` are those that ended in it, ordered by their end.
    used: by the copies and what they started, between the two readings. done: operations between them.
    span_ns: between the readings [ns].
    overhead_ns: recorder's own time within each operation [ns].
    own_cpu_ns: CPU that this process used meanwhile [ns].
    base_bytes: resident memory of all copies before their first operation. own_bytes: of it, what they do not
    share. peak_bytes: their resident memory at its peak. loopback_bytes: of the whole machine in the window.
    problem: what the first failed operation said.
    interference: what else the machine did between the readings.
    served: what the service used that the program put under load; None: the program is the service itself.
    """

    plan: Plan
    window_ns: tuple[int, int]
    operations: Operations
    used: Usage
    done: float
    span_ns: int
    overhead_ns: float
    own_cpu_ns: int
    base_bytes: int
    own_bytes: int | None
    peak_bytes: int | None
    loopback_bytes: int | None
    interference: Interference
    problem: str | None = None
    served: Service | None = None


class Served(Protocol):
    """What serves the operations, where that is not the program itself."""

    def pids(self) -> list[int]:
        """Return the processes that are there now. Raises LiveError if none is any more."""


@dataclass(frozen=True)
class _Reading:
    at_ns: int
    used: Usage
    served: Usage | None
    served_cpu_ns: dict[int, int]
    own_cpu_ns: int
    loopback_bytes: int | None


@dataclass(frozen=True)
class _Observed:
    """What was seen from outside between the two readings."""

    before: _Reading
    after: _Reading
    interference: Interference
    peak_bytes: int | None
    served_peak_bytes: int | None


def run_level(
    program: Program,
    plan: Plan,
    watch: WatchMaker,
    ready_timeout_s: float,
    served: Served | None = None,
) -> Recording:
    """Run one level of a program that speaks the line protocol.

    ready_timeout_s: until every copy must be set up. served: the service that the program puts under load.
    Raises LiveError if a copy fails, ends early, reports nothing, or reports what cannot be.
    """
    total_ns = plan.warmup_ns + plan.duration_ns + COOL_DOWN_NS
    paced = plan.pacing.kind != "closed"
    count = 1 if program.holds_all else plan.copies
    starts = None
    if paced and not program.holds_all:
        starts = partial(plan.pacing.schedule, plan.copies, duration_ns=total_ns, seed=plan.seed)
    cores = kept_awake() if plan.awake else contextlib.nullcontext()
    with cores, Copies(_told(program, plan), count, starts) as copies:
        copies.wait_until_set_up(ready_timeout_s)
        base, own = resident_bytes(copies.pids), own_bytes(copies.pids)
        served_base = resident_bytes(served.pids()) if served else None
        elsewhere = connections_elsewhere(served.pids()) if served else None
        begin_ns = time.monotonic_ns() + START_DELAY_NS
        window_ns = begin_ns + plan.warmup_ns, begin_ns + plan.warmup_ns + plan.duration_ns
        copies.begin(begin_ns, begin_ns + total_ns)
        with _ahead():
            seen = _observe(copies, window_ns, plan.warmup_ns, watch, served)
        reports = copies.finish(FINISH_TIMEOUT_S)
        copies.check_failures()
    stop_if_interrupted()
    transcripts = _transcripts(program.name, reports, paced)
    rows = together([transcript.operations for transcript in transcripts])
    _check_clock(program.name, rows, begin_ns)
    before, after = seen.before, seen.after
    return Recording(
        plan=plan,
        window_ns=window_ns,
        operations=_some(program.name, ended_within(rows, *window_ns), transcripts, plan),
        used=after.used - before.used,
        done=done_within(rows, before.at_ns, after.at_ns),
        span_ns=after.at_ns - before.at_ns,
        overhead_ns=float(np.median([transcript.overhead_ns for transcript in transcripts])),
        own_cpu_ns=after.own_cpu_ns - before.own_cpu_ns,
        base_bytes=base,
        own_bytes=own,
        peak_bytes=seen.peak_bytes,
        loopback_bytes=_difference(after.loopback_bytes, before.loopback_bytes),
        problem=next((found.problem for found in transcripts if found.problem), None),
        interference=seen.interference,
        served=_service(seen, served_base, elsewhere),
    )


@contextlib.contextmanager
def _ahead() -> Iterator[None]:
    """Let this thread run before all copies when it wakes up, where that is permitted.

    Behind fifty of them it would read the counters when they have ended. By a real-time policy, as a nice value would
    count in the balance of the run queues: at -20 this one weighs as much as 87 copies, of which Linux takes some off
    the core where it has read the counters, for tenths of a second.
    """
    undo = _go_first()
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            undo()


def _go_first() -> Callable[[], None]:
    """Put this thread before others as far as is permitted, and return what undoes it."""
    with contextlib.suppress(OSError, AttributeError):
        policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
        os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(1))
        return partial(os.sched_setscheduler, 0, policy, priority)
    with contextlib.suppress(OSError, AttributeError):
        before = os.getpriority(os.PRIO_PROCESS, 0)
        os.setpriority(os.PRIO_PROCESS, 0, FIRST)
        return partial(os.setpriority, os.PRIO_PROCESS, 0, before)
    return lambda: None


def _told(program: Program, plan: Plan) -> Program:
    """Return the program with what it must know of the level in its environment."""
    settings = {
        names.PACING_VARIABLE: plan.pacing.kind,
        names.DURATION_VARIABLE: str(plan.warmup_ns + plan.duration_ns + COOL_DOWN_NS),
    }
    if plan.cpu_of_each:
        settings[names.CPU_VARIABLE] = "1"
    return replace(program, environment={**program.environment, **settings})


def _observe(
    copies: Copies, window_ns: tuple[int, int], warmup_ns: int, watch: WatchMaker, served: Served | None
) -> _Observed:
    """Read the counters before the window begins and after it ends, and watch over other load between.

    Reading those of many copies takes a while of a core, which is not to be taken from the window.
    """
    _watch_until(copies, window_ns[0] - min(READ_AHEAD_NS, warmup_ns // 2))
    servers = served.pids() if served else []
    reset_peak([*with_descendants(copies.pids), *servers])
    with watch(lambda: [*copies.pids, *(served.pids() if served else [])]) as watched:
        before = _read(copies, served)
        _watch_until(copies, window_ns[1])
        after = _read(copies, served)
    peak = peak_bytes(copies.pids)
    return _Observed(before, after, watched.interference, peak, peak_bytes(servers) if servers else None)


def _service(seen: _Observed, base_bytes: int | None, elsewhere: int | None) -> Service | None:
    """Return what the service used, if there is one that can be seen."""
    if seen.before.served is None or seen.after.served is None or base_bytes is None:
        return None
    cpu_ns = [used_ns - seen.before.served_cpu_ns.get(pid, 0) for pid, used_ns in seen.after.served_cpu_ns.items()]
    return Service(
        used=seen.after.served - seen.before.served,
        base_bytes=base_bytes,
        peak_bytes=seen.served_peak_bytes,
        cpu_ns_of_processes=tuple(sorted(cpu_ns, reverse=True)),
        connections_elsewhere=elsewhere,
    )


def _watch_until(copies: Copies, at_ns: int) -> None:
    """Sleep until a time, and raise LiveError as soon as a copy ends before it."""
    while (left_s := (at_ns - time.monotonic_ns()) / 1e9) > 0:
        time.sleep(min(left_s, CHECK_S))
        if time.monotonic_ns() < at_ns - START_DELAY_NS:
            copies.check_alive("before the measurement did")


def _read(copies: Copies, served: Served | None) -> _Reading:
    """Read the counters; the time is that in the middle of the reading."""
    servers = served.pids() if served else []
    first_ns = time.monotonic_ns()
    used = usage_of(with_descendants(copies.pids))
    of_service = usage_of(servers) if served else None
    cpu_ns = {}
    for pid in servers:
        with contextlib.suppress(ProcessLookupError):
            cpu_ns[pid] = cpu_clock_ns(pid)
    middle_ns = (first_ns + time.monotonic_ns()) // 2
    return _Reading(middle_ns, used, of_service, cpu_ns, time.process_time_ns(), loopback_bytes())


def _difference(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


def _transcripts(name: str, reports: Sequence[bytes], paced: bool) -> list[protocol.Transcript]:
    offset_ns = time.monotonic_ns() - time.time_ns()
    found = []
    for copy, report in enumerate(reports):
        found.append(protocol.parse(report, name, copy, paced=paced, realtime_offset_ns=offset_ns))
    return found


def _check_clock(name: str, rows: Operations, begin_ns: int) -> None:
    """Raise LiveError if the times of the operations lie where they cannot be."""
    if not len(rows):
        return
    hour_ns = 3_600_000_000_000
    now_ns = time.monotonic_ns()
    if rows["begin_ns"].min() < begin_ns - hour_ns or rows["end_ns"].max() > now_ns + 1_000_000:
        found = f"operations that end at {rows['end_ns'].max()} ns, where the clock is at {now_ns} ns"
        raise LiveError(name, found, 'times of CLOCK_MONOTONIC in ns, or a line "clock realtime" before them')


def _some(name: str, rows: Operations, transcripts: Sequence[protocol.Transcript], plan: Plan) -> Operations:
    """Return the operations of the window. Raises NothingEndedError if there are none, LiveError if all failed."""
    if len(rows) and not rows["failed"].all():
        return rows
    if not len(rows):
        found = f"no operation that ended within {plan.duration_ns / 1e9:g} s ({plan.copies} at once)"
        raise NothingEndedError(name, found, "a --duration and a --warmup that several operations fit into")
    said = next((f": {found.problem}" for found in transcripts if found.problem), "")
    raise LiveError(name, f"{len(rows)} operations that all failed{said}", "operations that succeed")

"""One level: so many copies of a program at once, observed from outside between two readings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from calibration.interference import Interference, Watch
from calibration.live import names, protocol
from calibration.live.copies import Copies, Program
from calibration.live.errors import LiveError
from calibration.live.operations import Operations, done_within, ended_within, together
from calibration.live.pacing import Pacing
from calibration.live.usage import (
    Usage,
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
CHECK_S: Final = 0.25


WatchMaker = Callable[[Callable[[], Iterable[int]]], Watch]
"""Makes the watch over other load, from what returns the processes that are not others."""


@dataclass(frozen=True)
class Plan:
    """What is run in one level.

    copies: of the program. duration_ns: measured window, after warmup_ns. seed: of the pacing.
    cpu_of_each: have the program read its CPU clock around every operation, which is harmless for one copy alone.
    """

    copies: int
    pacing: Pacing
    duration_ns: int
    warmup_ns: int
    seed: int
    cpu_of_each: bool = False


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


@dataclass(frozen=True)
class _Reading:
    at_ns: int
    used: Usage
    own_cpu_ns: int
    loopback_bytes: int | None


def run_level(
    program: Program,
    plan: Plan,
    watch: WatchMaker,
    ready_timeout_s: float,
    finish_timeout_s: float = 10.0,
) -> Recording:
    """Run one level of a program that speaks the line protocol.

    ready_timeout_s: until every copy must be set up. finish_timeout_s: for the last operations and the reports.
    Raises LiveError if a copy fails, ends early, reports nothing, or reports what cannot be.
    """
    total_ns = plan.warmup_ns + plan.duration_ns
    pacing = plan.pacing
    paced = pacing.kind != "closed"
    settings = {names.PACING_VARIABLE: pacing.kind, names.DURATION_VARIABLE: str(total_ns)}
    if plan.cpu_of_each:
        settings[names.CPU_VARIABLE] = "1"
    told = replace(program, environment={**program.environment, **settings})

    def starts(copy: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        return pacing.schedule(plan.copies, copy, total_ns, plan.seed)

    with Copies(told, plan.copies, starts if paced else None) as copies:
        copies.wait_until_set_up(ready_timeout_s)
        base, own = resident_bytes(copies.pids), own_bytes(copies.pids)
        begin_ns = time.monotonic_ns() + START_DELAY_NS
        window_ns = begin_ns + plan.warmup_ns, begin_ns + total_ns
        copies.begin(begin_ns, window_ns[1])
        _watch_until(copies, window_ns[0])
        tree = [pid for leader in copies.pids for pid in with_descendants(leader)]
        reset_peak(tree)
        with watch(lambda: copies.pids) as watched:
            before = _read(copies)
            _watch_until(copies, window_ns[1])
            after = _read(copies)
        peak = peak_bytes(copies.pids)
        reports = copies.finish(finish_timeout_s)
        copies.check_failures()
    transcripts = _transcripts(program.name, reports, paced)
    rows = together([transcript.operations for transcript in transcripts])
    _check_clock(program.name, rows, begin_ns)
    return Recording(
        plan=plan,
        window_ns=window_ns,
        operations=_some(program.name, ended_within(rows, *window_ns), plan),
        used=after.used - before.used,
        done=done_within(rows, before.at_ns, after.at_ns),
        span_ns=after.at_ns - before.at_ns,
        overhead_ns=float(np.median([transcript.overhead_ns for transcript in transcripts])),
        own_cpu_ns=after.own_cpu_ns - before.own_cpu_ns,
        base_bytes=base,
        own_bytes=own,
        peak_bytes=peak,
        loopback_bytes=_difference(after.loopback_bytes, before.loopback_bytes),
        problem=next((found.problem for found in transcripts if found.problem), None),
        interference=watched.interference,
    )


def _watch_until(copies: Copies, at_ns: int) -> None:
    """Sleep until a time, and raise LiveError as soon as a copy ends before it."""
    while (left_s := (at_ns - time.monotonic_ns()) / 1e9) > 0:
        time.sleep(min(left_s, CHECK_S))
        if time.monotonic_ns() < at_ns - START_DELAY_NS:
            copies.check_alive("before the measurement did")


def _read(copies: Copies) -> _Reading:
    """Read the counters; the time is that in the middle of the reading."""
    first_ns = time.monotonic_ns()
    used = usage_of(pid for leader in copies.pids for pid in with_descendants(leader))
    last_ns = time.monotonic_ns()
    return _Reading((first_ns + last_ns) // 2, used, time.process_time_ns(), loopback_bytes())


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


def _some(name: str, rows: Operations, plan: Plan) -> Operations:
    """Return the operations of the window. Raises LiveError if there are none, or only failed ones."""
    if len(rows) and not rows["failed"].all():
        return rows
    window_s = plan.duration_ns / 1e9
    found = (
        f"only failed operations ({len(rows)})" if len(rows) else f"no operation that ended in {window_s:g} s"
    )
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    longer = f"operations that succeed, or a longer --duration ({plan.copies} copies on {cores} cores)"
    raise LiveError(name, found, longer)

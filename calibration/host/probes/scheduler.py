"""The scheduler's tick, base slice and context-switch cost: two spinners on one core and the gaps that each sees.

A spinner reads the clock without end and writes down the interval between two gaps. Where the running task's turn
ends depends on when the kernel accounts it: at the tick, so that turns are whole ticks, or when the task reads its CPU
clock, so that turns are as long as the slice. Two runs, one of each, tell tick and slice apart.

Beside a spinner a task that often sleeps for a moment is behind the average of the core's tasks. Whether it runs at
once when it wakes, or after the spinner's turn, tells how long running tasks are protected from those that wake.
"""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import struct
import time
from itertools import pairwise

from calibration.host.probes.core import clock_cost_ns
from calibration.host.processes import Slab, Unavailable, run_together, set_timer_slack, usable_cpus

GAP_NS = 2_000
"""A longer gap between two readings is an interruption."""
_GRID_NS = 60_000
HZ = (100, 250, 300, 1000)
_SCHED_GETATTR = {"x86_64": 315, "aarch64": 275}
_READINGS_PER_CPU_CLOCK = 20
_WORK_NS = 300_000
_SLEEP_NS = 100_000
_AT_ONCE_NS = 500_000
"""After the end of a sleep: a timer's overshoot, and much less than a turn."""


def spin(end_ns: int, slab: Slab, read_cpu_clock: bool) -> int:
    """Read the clock until the end; write (begin, end) of every stretch without interruption."""
    clock, cpu_clock = time.monotonic_ns, time.process_time_ns
    used, limit, readings = 0, len(slab) - 2, 0
    begin = last = clock()
    while last < end_ns and used < limit:
        if read_cpu_clock:
            readings += 1
            if readings % _READINGS_PER_CPU_CLOCK == 0:
                cpu_clock()
        now = clock()
        if now - last > GAP_NS:
            slab[used], slab[used + 1] = begin, last
            used += 2
            begin = now
        last = now
    slab[used], slab[used + 1] = begin, last
    return used + 2


def doze(end_ns: int, slab: Slab) -> int:
    """Work and sleep for a moment in turns until the end; write how late each sleep ended."""
    clock = time.monotonic_ns
    set_timer_slack(1)
    used, limit = 0, len(slab)
    now = clock()
    while now < end_ns and used < limit:
        until = now + _WORK_NS
        while now < until:
            now = clock()
        time.sleep(_SLEEP_NS / 1e9)
        due = now + _SLEEP_NS
        now = clock()
        slab[used] = now - due
        used += 1
    return used


def share_at_once(late_ns: list[int]) -> float:
    """Return the share of wake-ups that ran at once."""
    return sum(late < _AT_ONCE_NS for late in late_ns) / len(late_ns)


def turns_of(written: list[list[int]]) -> list[tuple[int, int, int]]:
    """Return the turns (begin, end, spinner) in order: a spinner's stretches up to where the other one ran."""
    stretches = sorted(
        (row[index], row[index + 1], spinner) for spinner, row in enumerate(written) for index in range(0, len(row), 2)
    )
    turns: list[tuple[int, int, int]] = []
    for begin, end, spinner in stretches:
        if turns and turns[-1][2] == spinner:
            turns[-1] = (turns[-1][0], end, spinner)
        else:
            turns.append((begin, end, spinner))
    return turns[1:-1]


def tick_of(instants_ns: list[int]) -> float | None:
    """Return the longest period [s] of usual kernels on whose grid most switches lie; None if there is none."""
    for frequency in HZ:
        period_ns = 1_000_000_000 / frequency
        phases = sorted(instant % period_ns for instant in instants_ns)
        near = [
            sum(abs((other - phase + period_ns / 2) % period_ns - period_ns / 2) < _GRID_NS for other in phases)
            for phase in phases[:: max(1, len(phases) // 20)]
        ]
        if near and max(near) >= 0.5 * len(phases):
            return period_ns / 1e9
    return None


def kernel_slice_s() -> float | None:
    """Return this task's slice as the kernel says (sched_getattr, since Linux 6.12); None where it does not."""
    number = _SCHED_GETATTR.get(platform.machine())
    if number is None or platform.system() != "Linux":
        return None
    buffer = ctypes.create_string_buffer(56)
    if ctypes.CDLL(None).syscall(number, 0, buffer, len(buffer), 0) != 0:
        return None
    slice_ns: int = struct.unpack_from("Q", buffer, 24)[0]
    return slice_ns / 1e9 if slice_ns else None


def handovers_ns(turns: list[tuple[int, int, int]]) -> list[int]:
    """Return the times from one spinner's last reading to the other's first."""
    return [later[0] - turn[1] for turn, later in pairwise(turns) if later[2] != turn[2]]


def measure(window_s: float) -> tuple[dict[str, list[float]], float | None]:
    """Run two spinners on one core, without and with readings of their CPU clock, and one alone."""
    if not hasattr(os, "sched_setaffinity"):
        raise Unavailable("this system cannot pin a process to a CPU")
    cpu = usable_cpus()[-1]
    capacity = int(window_s * 40_000)

    def plain(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        return spin(end_ns, slab, read_cpu_clock=False)

    def accounted(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        return spin(end_ns, slab, read_cpu_clock=True)

    def beside_dozing(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        return spin(end_ns, slab, read_cpu_clock=False) if index == 0 else doze(end_ns, slab)

    alone, wait_share = run_together(1, plain, window_s=window_s / 3, capacity=capacity, cpus=[cpu])
    pair, _ = run_together(2, plain, window_s=window_s, capacity=capacity, cpus=[cpu])
    slices, _ = run_together(2, accounted, window_s=window_s, capacity=capacity, cpus=[cpu])
    (_, late_ns), _ = run_together(2, beside_dozing, window_s=window_s / 3, capacity=capacity, cpus=[cpu])
    found: dict[str, list[float]] = {}
    turns = turns_of(pair)
    if len(turns) < 10:
        raise Unavailable("two processes on one core did not take turns")
    tick_s = tick_of([end for _, end, _ in turns])
    if tick_s is not None:
        found["scheduler.tick"] = [tick_s]
    found["scheduler.turn"] = [statistics.median(end - begin for begin, end, _ in turns) / 1e9]
    accounted_turns = turns_of(slices)
    if len(accounted_turns) >= 10:
        # Interruptions cut turns short; what was not cut is the longest common length.
        lengths = sorted(end - begin for begin, end, _ in accounted_turns)
        found["scheduler.base_slice"] = [lengths[int(0.75 * len(lengths))] / 1e9]
        cost_ns = statistics.median(handovers_ns(accounted_turns)) - clock_cost_ns()
        found["scheduler.context_switch"] = [max(0.0, cost_ns) / 1e9]
    if len(late_ns) >= 10:
        found["scheduler.preempting_wakeups"] = [share_at_once(late_ns)]
    told_s = kernel_slice_s()
    if told_s is not None:
        found["scheduler.base_slice_told"] = [told_s]
    (row,) = alone
    gaps = [row[index] - row[index - 1] for index in range(2, len(row), 2)]
    if gaps and tick_s is not None:
        found["scheduler.tick_cost"] = [statistics.median(gaps) / 1e9]
        found["scheduler.interrupted_share"] = [sum(gaps) / max(1, row[-1] - row[0])]
    return found, wait_share

"""What sleeping and waking costs: CPU time of a wake-up, exit from idle, and by how much a timer overshoots.

One process on one core: a loop of work, then the same work after a sleep each time. The difference in CPU time is the
wake-up's. The begin after the intended time is the timer's overshoot; beside a spinner of the idle class, which gives
way at once and keeps the core from idling, the overshoot lacks the exit from idle. The same is done with a pipe from
another core instead of a timer, which has no timer slack in it.
"""

from __future__ import annotations

import os
import random
import statistics
import time
from contextlib import nullcontext

from calibration.host.probes.core import chain, steps_for
from calibration.host.processes import Slab, Unavailable, background, run_together, sleep_until, usable_cpus

_WORK_S = 0.0003
_PAUSE_NS = (600_000, 2_400_000)
_CUT = 5


def _keep_awake() -> None:
    """Spin in the idle class: whoever wakes takes the core at once."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass


def _loop(steps: int, end_ns: int, slab: Slab, sleeps: bool) -> int:
    """Work, with a sleep before each piece or without; write CPU time, pieces and the overshoots."""
    generator = random.Random(1)
    used, pieces = 2, 0
    now = time.monotonic_ns()
    cpu_before = time.process_time_ns()
    while now < end_ns and used < len(slab):
        if sleeps:
            intended = now + generator.randrange(*_PAUSE_NS)
            sleep_until(intended)
            begin = time.monotonic_ns()
            slab[used] = begin - intended
            used += 1
        else:
            # The harness's part, so that it falls out of the difference.
            now + generator.randrange(*_PAUSE_NS)
            time.monotonic_ns()
        chain(steps)
        now = time.monotonic_ns()
        pieces += 1
    slab[0], slab[1] = time.process_time_ns() - cpu_before, pieces
    return used


def _overshoots(steps: int, cpu: int, window_s: float, sleeps: bool) -> tuple[float, list[int], float]:
    """Return CPU time of a piece [ns], overshoots [ns] and the share of time waited for the core."""

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        return _loop(steps, end_ns, slab, sleeps)

    (row,), wait_share = run_together(
        1,
        body,
        window_s=window_s,
        capacity=int(window_s * 3000) + 16,
        cpus=[cpu],
        warm_up=lambda _: _warm(steps),
    )
    return row[0] / max(1, row[1]), row[2 + _CUT :], wait_share


def _warm(steps: int) -> None:
    chain(20 * steps)


def awake_overshoot_ns(steps: int, cpu: int, window_s: float) -> tuple[float, float]:
    """Return the timer's median overshoot on a core kept from idling, and what an idle core adds to it [ns]."""
    _, idle_late, _ = _overshoots(steps, cpu, window_s, sleeps=True)
    idle_ns = statistics.median(idle_late)
    if not hasattr(os, "SCHED_IDLE"):
        return 0.0, idle_ns
    with background(_keep_awake, cpu):
        _, awake_late, _ = _overshoots(steps, cpu, window_s, sleeps=True)
    awake_ns = statistics.median(awake_late)
    return awake_ns, max(0.0, idle_ns - awake_ns)


def _pipe_delays(cpus: list[int], window_s: float) -> list[int]:
    """Return how long after a write on one core the sleeping reader on another one runs [ns]."""
    read_end, write_end = os.pipe()
    back_read, back_write = os.pipe()

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        used = 0
        if index == 1:
            while used < len(slab):
                sent = int.from_bytes(os.read(read_end, 8), "little")
                if not sent:
                    break
                slab[used] = time.monotonic_ns() - sent
                used += 1
                os.write(back_write, b".")
            return used
        for _ in range(len(slab)):
            now = time.monotonic_ns()
            if now >= end_ns:
                break
            sleep_until(now + 500_000)
            os.write(write_end, time.monotonic_ns().to_bytes(8, "little"))
            os.read(back_read, 1)
        os.write(write_end, bytes(8))
        return 0

    written, _ = run_together(2, body, window_s=window_s, capacity=int(window_s * 2100) + 16, cpus=cpus)
    return written[1][_CUT:]


def measure(window_s: float) -> tuple[dict[str, list[float]], float | None]:
    """Measure wake-ups by timer on an idle core and on one kept awake, and by pipe from another core."""
    cpus = usable_cpus()
    cpu = cpus[-1]
    steps = steps_for(_WORK_S)
    working_ns, _, wait_share = _overshoots(steps, cpu, window_s / 2, sleeps=False)
    idle_ns, idle_late, _ = _overshoots(steps, cpu, window_s, sleeps=True)
    found = {
        "wakeup.cpu": [max(0.0, idle_ns - working_ns) / 1e9],
        "timer.overshoot": [statistics.median(idle_late) / 1e9],
        "timer.overshoot_p99": [sorted(idle_late)[int(0.99 * len(idle_late))] / 1e9],
    }
    can_keep_awake = hasattr(os, "SCHED_IDLE")
    if can_keep_awake:
        with background(_keep_awake, cpu):
            awake_ns, awake_late, _ = _overshoots(steps, cpu, window_s, sleeps=True)
        found["timer.overshoot_awake"] = [statistics.median(awake_late) / 1e9]
        found["wakeup.cpu_awake"] = [max(0.0, awake_ns - working_ns) / 1e9]
        found["idle.exit"] = [max(0.0, statistics.median(idle_late) - statistics.median(awake_late)) / 1e9]
    if len(cpus) > 1:
        for name, held in (("wakeup.pipe_idle", False), ("wakeup.pipe_awake", True)):
            if held and not can_keep_awake:
                continue
            with background(_keep_awake, cpu) if held else nullcontext():
                delays = _pipe_delays([cpus[0], cpu], window_s / 2)
            if delays:
                found[name] = [statistics.median(delays) / 1e9]
    if not found:
        raise Unavailable("no process could be put to sleep and woken here")
    return found, wait_share

"""Work rate of one core and its spread, in kilobytes of one chain of dependent integer operations (CRC-CCITT).

A chain leaves a hyperthread beside it little to take away and allocates nothing; of the candidates tried elsewhere in
this project (SHA-256, a Python loop, the chain) it had the steadiest time.
"""

from __future__ import annotations

import binascii
import statistics
import time

from calibration.host.processes import Slab, run_together, usable_cpus

BLOCK = bytes(range(256)) * 4


def chain(steps: int) -> int:
    """Do that many kilobytes of the chain."""
    crc_hqx = binascii.crc_hqx
    value = 0
    for _ in range(steps):
        value = crc_hqx(BLOCK, value)
    return value


def steps_for(demand_s: float) -> int:
    """Return the steps that take about so much CPU time here, by the median of warm trials."""
    steps = 64
    for trials in (20, 60):
        times = []
        for _ in range(trials):
            before = time.process_time_ns()
            chain(steps)
            times.append(time.process_time_ns() - before)
        steps = max(1, round(steps * demand_s * 1e9 / max(1.0, statistics.median(times[trials // 2 :]))))
    return steps


def clock_cost_ns() -> float:
    """Return what reading the clock once costs: the harness's share of every timed piece."""
    count = 2000
    begin = time.monotonic_ns()
    for _ in range(count):
        time.monotonic_ns()
    return (time.monotonic_ns() - begin) / count


def measure(window_s: float) -> tuple[dict[str, list[float]], float]:
    """Time pieces of about 0.5 ms for the window on one core."""
    steps = steps_for(0.0005)
    overhead_ns = clock_cost_ns()

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        count = 0
        now = time.monotonic_ns()
        while now < end_ns and count < len(slab):
            chain(steps)
            after = time.monotonic_ns()
            slab[count] = after - now
            now = after
            count += 1
        return count

    (times_ns,), wait_share = run_together(
        1, body, window_s=window_s, capacity=int(window_s * 20_000), cpus=usable_cpus()[:1]
    )
    pieces_s = sorted((piece - overhead_ns) / 1e9 for piece in times_ns[len(times_ns) // 10 :])
    usual_s = statistics.median(pieces_s)
    return {
        "core.work_rate": [steps / usual_s],
        "core.spread_p90": [pieces_s[int(0.9 * len(pieces_s))] / usual_s - 1],
        "core.spread_p99": [pieces_s[int(0.99 * len(pieces_s))] / usual_s - 1],
        "harness.clock_cost": [overhead_ns / 1e9],
    }, wait_share

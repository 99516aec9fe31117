"""Where sleepers and spinners are put: how long sleepers wait beside idle cores, and how soon spinners are spread.

Sleepers do 0.5 ms of work after an exponential pause, four for each core, at three utilizations. What the scheduler
does not place well shows in how long they take. Their times count from the moment they were woken: the intended end
of the pause and the overshoot of a timer on a core that does not idle. How the chances follow from that is
`calibration.host.placement`'s matter.

Spinners are put on one core, one more on each other core, and are let go at once: the first move shows when the queues
were balanced. Held for longer, they would be found pinned there by the balancer, which then comes ever less often.
"""

from __future__ import annotations

import ctypes
import os
import random
import statistics
import time
from collections.abc import Callable

from calibration.host.probes.core import chain, steps_for
from calibration.host.probes.wakeup import awake_overshoot_ns
from calibration.host.processes import Slab, run_together, sleep_until, usable_cpus

UTILIZATIONS = (0.35, 0.55, 0.85)
SLEEPERS_PER_CORE = 4
WORK_S = 0.0005
CROWD = 4
_CUT_NS = 100_000_000
_GAP_NS = 500_000
_PAUSE_NS = (5_000_000, 60_000_000)
_SPREAD_NS = 140_000_000


def pause_mean_ns(utilization: float, demand_ns: float) -> float:
    """Return the mean pause at which sleepers that never wait use that share of the cores."""
    return max(0.0, demand_ns * (SLEEPERS_PER_CORE / utilization - 1))


def current_cpu() -> Callable[[], int] | None:
    """Return what tells the CPU that it runs on; None where the C library does not."""
    library = ctypes.CDLL(None)
    return library.sched_getcpu if hasattr(library, "sched_getcpu") else None


def _sleepers(steps: int, utilization: float, cores: int, window_s: float) -> tuple[list[int], float, float]:
    """Return the times from the intended begin [ns], CPU time of a piece [ns], and the share found elsewhere."""
    count = SLEEPERS_PER_CORE * cores
    mean_ns = pause_mean_ns(utilization, WORK_S * 1e9)
    where = current_cpu()

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        generator = random.Random(f"{utilization}/{index}")
        used, pieces, moved, cpu = 3, 0, 0, -1
        now = time.monotonic_ns()
        cpu_before = time.process_time_ns()
        while now < end_ns and used < len(slab):
            intended = now + int(generator.expovariate(1.0) * mean_ns)
            sleep_until(intended)
            if where is not None:
                before, cpu = cpu, where()
                moved += before not in (-1, cpu)
            chain(steps)
            now = time.monotonic_ns()
            pieces += 1
            if now > begin_ns + _CUT_NS:
                slab[used] = now - intended
                used += 1
        slab[0], slab[1], slab[2] = time.process_time_ns() - cpu_before, pieces, moved
        return used

    capacity = int(window_s / WORK_S) + 16
    rows, _ = run_together(
        count, body, window_s=window_s, capacity=capacity, warm_up=lambda _: (chain(4 * steps), None)[1]
    )
    pieces = sum(row[1] for row in rows)
    times = [time_ns for row in rows for time_ns in row[3:]]
    return times, sum(row[0] for row in rows) / pieces, sum(row[2] for row in rows) / pieces


def _first_moves_ns(cpus: list[int], window_s: float) -> list[int]:
    """Return how long after their release the first of several spinners on one core moved, for each release."""
    where = current_cpu()
    if where is None or not hasattr(os, "sched_setaffinity"):
        return []
    releases: list[int] = []
    first_cpu = cpus[0]

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        used, cpu, now = 0, -1, begin_ns
        while now < end_ns and used < len(slab):
            found, last = where(), now
            now = time.monotonic_ns()
            # Also after a gap on the same core: it may have been put on another one and fetched back in between.
            if found != cpu or now - last > _GAP_NS:
                slab[used], slab[used + 1] = now, found
                used += 2
                cpu = found
        return used

    def herd(pids: list[int], begin_ns: int, end_ns: int) -> None:
        generator = random.Random(1)
        at = begin_ns + generator.randrange(*_PAUSE_NS)
        while at + _SPREAD_NS < end_ns:
            sleep_until(at)
            for pid in pids[:CROWD]:
                os.sched_setaffinity(pid, {first_cpu})
            for pid in pids[:CROWD]:
                os.sched_setaffinity(pid, cpus)
            releases.append(time.monotonic_ns())
            at += _SPREAD_NS + generator.randrange(*_PAUSE_NS)

    rows, _ = run_together(
        CROWD + len(cpus) - 1,
        body,
        window_s=window_s,
        capacity=4096,
        cpus=[first_cpu] * CROWD + cpus[1:],
        beside=herd,
    )
    moves = sorted(row[k] for row in rows[:CROWD] for k in range(0, len(row), 2) if row[k + 1] != first_cpu)
    delays = []
    for release in releases:
        after = [move - release for move in moves if release < move < release + _SPREAD_NS]
        delays.append(after[0] if after else _SPREAD_NS)
    return delays


def measure(window_s: float) -> tuple[dict[str, list[float]], None]:
    """Run the sleepers at each utilization, then the spinners where there is more than one core."""
    cpus = usable_cpus()
    steps = steps_for(WORK_S)
    slack_ns, exit_ns = awake_overshoot_ns(steps, cpus[-1], 0.15)
    found: dict[str, list[float]] = {
        "placement.timer_slack": [slack_ns / 1e9],
        "placement.idle_exit": [exit_ns / 1e9],
    }
    for utilization in UTILIZATIONS:
        times, cpu_ns, moved = _sleepers(steps, utilization, len(cpus), window_s)
        ordered = sorted(max(0.0, time_ns - slack_ns) / 1e9 for time_ns in times)
        name = f"placement.sleepers_{round(100 * utilization)}"
        found[f"{name}_demand"] = [cpu_ns / 1e9]
        found[f"{name}_mean"] = [statistics.fmean(ordered)]
        for percent in (50, 90, 95):
            found[f"{name}_p{percent}"] = [ordered[len(ordered) * percent // 100]]
        found[f"{name}_moved"] = [moved]
    if len(cpus) > 1:
        moves = _first_moves_ns(cpus, 2 * window_s)
        if moves:
            found["placement.first_move"] = [move / 1e9 for move in moves]
    return found, None

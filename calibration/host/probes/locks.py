"""Hand-off of a lock between processes, on two cores and on one, and what an uncontended lock costs."""

from __future__ import annotations

import multiprocessing
import statistics
import time

from calibration.host.processes import Slab, run_together, usable_cpus


def _hand_off(cpus: list[int], window_s: float) -> tuple[float, float]:
    """Return wall time and CPU time of one hand-off [s]: two processes pass a token to and fro."""
    context = multiprocessing.get_context("fork")
    tokens = [context.Semaphore(0), context.Semaphore(0)]

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        mine, theirs = tokens[index], tokens[1 - index]
        used = 1
        cpu_before = time.process_time_ns()
        before = time.monotonic_ns()
        if index == 1:
            theirs.release()
        while used < len(slab):
            if not mine.acquire(timeout=1.0):
                break
            now = time.monotonic_ns()
            slab[used] = now - before
            before = now
            used += 1
            theirs.release()
            if now > end_ns:
                break
        slab[0] = (time.process_time_ns() - cpu_before) // max(1, used - 1)
        return used

    written, _ = run_together(2, body, window_s=window_s, capacity=int(window_s * 300_000), cpus=cpus)
    rounds = written[0][10:-2]
    cpu_ns = (written[0][0] + written[1][0]) / 2
    return statistics.median(rounds) / 2e9, cpu_ns / 1e9


def measure(window_s: float) -> tuple[dict[str, list[float]], None]:
    """Measure hand-offs across cores and on one core, and an uncontended acquire and release."""
    cpus = usable_cpus()
    found: dict[str, list[float]] = {}
    same_s, same_cpu_s = _hand_off([cpus[0], cpus[0]], window_s / 2)
    found["lock.handoff_same_core"] = [same_s]
    found["lock.handoff_same_core_cpu"] = [same_cpu_s]
    if len(cpus) > 1:
        across_s, across_cpu_s = _hand_off(cpus[:2], window_s / 2)
        found["lock.handoff"] = [across_s]
        found["lock.handoff_cpu"] = [across_cpu_s]
    lock = multiprocessing.get_context("fork").Lock()
    count = 20_000
    before = time.process_time_ns()
    for _ in range(count):
        lock.acquire()
        lock.release()
    found["lock.uncontended"] = [(time.process_time_ns() - before) / count / 1e9]
    return found, None

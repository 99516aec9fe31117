"""Fresh memory against memory kept for reuse: CPU time and page faults of touching every byte, for several sizes."""

from __future__ import annotations

import ctypes
import mmap
import resource
import statistics
import time

SIZES = {"4KiB": 1 << 12, "64KiB": 1 << 16, "1MiB": 1 << 20, "16MiB": 1 << 24}


def _touch(memory: mmap.mmap, size: int) -> None:
    """Write every byte."""
    view = ctypes.c_char.from_buffer(memory)
    ctypes.memset(ctypes.addressof(view), 1, size)
    del view


def _fresh(size: int) -> None:
    with mmap.mmap(-1, size) as memory:
        _touch(memory, size)


def _batches(size: int, window_s: float, reuse: bool) -> tuple[list[float], float]:
    """Return the CPU time of an allocation [s] in each of several batches, and its page faults."""
    pool = mmap.mmap(-1, size)
    _touch(pool, size)

    def act() -> None:
        if reuse:
            _touch(pool, size)
        else:
            _fresh(size)

    act()
    before = time.process_time_ns()
    act()
    one_ns = max(1, time.process_time_ns() - before)
    batches = 5
    count = max(1, min(5000, int(window_s * 1e9 / batches / one_ns)))
    times = []
    faults_before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(batches):
        before = time.process_time_ns()
        for _ in range(count):
            act()
        times.append((time.process_time_ns() - before) / count / 1e9)
    faults = (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults_before) / (batches * count)
    pool.close()
    return times, faults


def _harness_s() -> float:
    """Return what the calls of a touch cost when there is nothing to touch [s]."""
    pool = mmap.mmap(-1, 4096)
    count = 2000
    before = time.process_time_ns()
    for _ in range(count):
        _touch(pool, 0)
    cost = (time.process_time_ns() - before) / count / 1e9
    pool.close()
    return cost


def measure(window_s: float) -> tuple[dict[str, list[float]], None]:
    """Allocate and touch, fresh and from a pool, each size for its part of the window."""
    part_s = window_s / len(SIZES) / 2
    harness_s = _harness_s()
    found: dict[str, list[float]] = {"harness.touch_call": [harness_s]}
    for name, size in SIZES.items():
        fresh, faults = _batches(size, part_s, reuse=False)
        kept, kept_faults = _batches(size, part_s, reuse=True)
        found[f"allocation.fresh_{name}"] = [max(0.0, statistics.median(fresh) - harness_s)]
        found[f"allocation.reuse_{name}"] = [max(0.0, statistics.median(kept) - harness_s)]
        found[f"allocation.faults_fresh_{name}"] = [faults]
        found[f"allocation.faults_reuse_{name}"] = [kept_faults]
    return found, None

"""How much slower a core gets when others are busy: for chains of integer operations, in the caches, from memory."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable

from calibration.host.caches import cache_sizes
from calibration.host.probes.core import chain
from calibration.host.processes import Slab, Unavailable, levels_up_to, run_together, siblings_of, usable_cpus

KINDS = ("compute", "cache", "memory")
_CHUNK_BYTES = 1 << 16


def last_level_cache_bytes() -> int:
    """Return the size of the largest cache of CPU 0; 8 MiB where the system does not say."""
    return max((size for _, size in cache_sizes()), default=8 << 20)


def copy_buffer_bytes(kind: str, workers: int) -> int:
    """Return the size of each of a worker's two buffers.

    cache: both together are half of the last cache, so that one worker fits and all together may not. memory: together
    four times the last cache, but at most an eighth of the free memory for all workers.
    """
    cache_bytes = last_level_cache_bytes()
    if kind == "cache":
        return max(1 << 20, min(cache_bytes // 4, 16 << 20))
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    wanted = min(2 * cache_bytes, 64 << 20, free_bytes // (16 * workers))
    if wanted < min(cache_bytes, 32 << 20):
        raise Unavailable("too little free memory to go beyond the caches")
    return int(wanted)


def work_of(kind: str, workers: int) -> tuple[Callable[[], None], float]:
    """Return one piece of about a tenth of a millisecond, and how much it does (kilobytes or bytes)."""
    if kind == "compute":
        return lambda: (chain(100), None)[1], 100.0
    size = copy_buffer_bytes(kind, workers)
    source, target = ctypes.create_string_buffer(size), ctypes.create_string_buffer(size)
    ctypes.memset(source, 1, size)
    ctypes.memset(target, 1, size)
    first, second = ctypes.addressof(source), ctypes.addressof(target)
    chunk = 8 * _CHUNK_BYTES
    place = 0

    def piece() -> None:
        nonlocal place
        ctypes.memmove(second + place, first + place, chunk)
        place = (place + chunk) % (size - chunk + 1)

    # The closure keeps only addresses: the buffers must live as long as it does.
    piece.buffers = (source, target)  # type: ignore[attr-defined]
    return piece, float(chunk)


def rate(kind: str, cpus: list[int], window_s: float) -> tuple[float, float]:
    """Return the mean rate of a worker on each of these CPUs at once, and the share of time they waited."""
    pieces: dict[int, tuple[Callable[[], None], float]] = {}

    def warm_up(index: int) -> None:
        pieces[index] = work_of(kind, len(cpus))
        for _ in range(20):
            pieces[index][0]()

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        piece, amount = pieces[index]
        done = 0
        begin = now = time.monotonic_ns()
        while now < end_ns:
            piece()
            done += 1
            now = time.monotonic_ns()
        slab[0] = int(done * amount)
        slab[1] = now - begin
        return 2

    written, wait_share = run_together(len(cpus), body, window_s=window_s, cpus=cpus, warm_up=warm_up)
    return sum(done / took_ns * 1e9 for done, took_ns in written) / len(cpus), wait_share


def measure(window_s: float, kind: str, levels: list[int] | None = None) -> tuple[dict[str, list[float]], float]:
    """Measure one kind alone and with 2, 4, ... and all cores busy; the hyperthread gain where there are siblings."""
    cpus = usable_cpus()
    counts = levels or levels_up_to(len(cpus))
    alone, wait_share = rate(kind, cpus[:1], window_s)
    found: dict[str, list[float]] = {}
    for count in counts:
        if count > 1:
            together, waited = rate(kind, cpus[:count], window_s)
            found[f"speed.{kind}.busy_{count}"] = [together / alone]
            wait_share = max(wait_share, waited)
    if kind == "compute":
        pair = [cpu for cpu in siblings_of(cpus[0]) if cpu in cpus]
        if len(pair) > 1:
            found["core.smt_gain"] = [2 * rate(kind, pair[:2], window_s)[0] / alone]
    else:
        # A copy reads and writes every byte; the write's own read of the line is not counted.
        found[f"memory.{kind}_bandwidth"] = [2 * alone]
    if len(cpus) == 1 and kind == "compute":
        raise Unavailable("there is only one core")
    return found, wait_share

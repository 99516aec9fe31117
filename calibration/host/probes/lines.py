"""What a line of memory costs that is no longer in the cache that a core has for itself.

A ring of objects of one line each is walked in random order, so that every step waits for the one before it: once with
a ring that stays in that cache, once with one that is several times as large. A machine with many processes has the
latter: who runs again finds what others left.
"""

from __future__ import annotations

import random
import statistics
import time
from typing import Any

from calibration.host.caches import core_cache_bytes
from calibration.host.processes import Slab, run_together, usable_cpus

LINE_BYTES = 64
INSIDE = 0.25
BEYOND = 8
"""Sizes of the rings, relative to the cache."""
STEPS = 2000
"""Between two readings of the clock."""


class _Link:
    """One line: 16 bytes of the collector, 16 of an object, four slots."""

    __slots__ = ("next", "second", "third", "fourth")  # noqa: RUF023 - the first is the one that is read

    next: _Link


def ring(size_bytes: int, seed: int = 1) -> _Link:
    """Return a link of a ring of so many bytes, in random order."""
    links = [_Link() for _ in range(max(size_bytes // LINE_BYTES, 2))]
    order = links[:]
    random.Random(seed).shuffle(order)
    for one, following in zip(order, [*order[1:], order[0]], strict=True):
        one.next = following
    return order[0]


def walk(link: _Link, steps: int) -> _Link:
    """Go on by so many links."""
    for _ in range(steps):
        link = link.next
    return link


def measure(window_s: float) -> tuple[dict[str, list[float]], float]:
    """Measure the time of a line beyond the cache of a core: a step there, less one within it."""
    size = core_cache_bytes()
    rings: list[Any] = []

    def warm_up(index: int) -> None:
        for share in (INSIDE, BEYOND):
            rings.append(walk(ring(round(share * size)), round(share * size) // LINE_BYTES))

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        half_ns = (end_ns - begin_ns) // 2
        for place, until in enumerate((begin_ns + half_ns, end_ns)):
            link, pieces = rings[place], []
            now = time.monotonic_ns()
            while now < until:
                link = walk(link, STEPS)
                before, now = now, time.monotonic_ns()
                pieces.append(now - before)
            slab[place] = round(statistics.median(pieces))
        return 2

    (times_ns,), wait_share = run_together(1, body, window_s=window_s, cpus=usable_cpus()[:1], warm_up=warm_up)
    within_s, beyond_s = (one / STEPS / 1e9 for one in times_ns)
    return {"memory.line": [max(beyond_s - within_s, 1e-9)]}, wait_share

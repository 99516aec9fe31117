"""Round robin: a queue for each core (the rules of `models.cpu.round_robin`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.cpu_cores import is_throttled
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import core_at, host_at, queue_at, task_at
from simulator.fast.lists import remove_task


@inlined
def _movable(sim: Any, t: int, source: int, target: int) -> bool:
    """Return whether a waiting task may move: not where its instance is throttled."""
    g = task_at(sim, t).group
    return not is_throttled(sim, source, g) and not is_throttled(sim, target, g)


@inlined
def _count_movable(sim: Any, source: int, target: int) -> int:
    """Return how many of a core's waiting tasks may move to another."""
    queue = queue_at(sim, core_at(sim, source).queue)
    if core_at(sim, source).throttled == 0 and core_at(sim, target).throttled == 0:
        return queue.count
    count = 0
    t = queue.head
    while t >= 0:
        if _movable(sim, t, source, target):
            count += 1
        t = task_at(sim, t).next
    return count


@inlined
def _first_movable(sim: Any, source: int, target: int) -> int:
    """Return the first of a core's waiting tasks that may run on another (or the same) core."""
    t = queue_at(sim, core_at(sim, source).queue).head
    while t >= 0 and not _movable(sim, t, source, target):
        t = task_at(sim, t).next
    return t


@kernel
def round_robin_steal(sim: Any, c: int) -> int:
    """Take the first of the longest other queue; -1 if there is none."""
    host = host_at(sim, core_at(sim, c).host)
    longest = 0
    found = -1
    for other in range(host.first_core, host.first_core + host.cores):
        if other != c:
            length = _count_movable(sim, other, c)
            if length > longest:
                longest = length
                found = other
    if found < 0:
        return -1
    t = _first_movable(sim, found, c)
    remove_task(sim, core_at(sim, found).queue, t)
    return t


@inlined
def round_robin_pick(sim: Any, c: int) -> int:
    """Take the first of this core's queue, else the first of the longest other one."""
    t = _first_movable(sim, c, c)
    if t < 0:
        return round_robin_steal(sim, c)
    remove_task(sim, core_at(sim, c).queue, t)
    return t


@inlined
def shortest_queue(sim: Any, h: int) -> int:
    """Return the core of the shortest queue, its running task counted."""
    host = host_at(sim, h)
    best = -1
    shortest = 0
    for c in range(host.first_core, host.first_core + host.cores):
        core = core_at(sim, c)
        length = queue_at(sim, core.queue).count
        if core.task >= 0:
            length += 1
        if best < 0 or length < shortest:
            best = c
            shortest = length
    return best

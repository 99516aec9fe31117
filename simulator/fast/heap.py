"""Pending time events: a binary heap, and a tournament tree for the cores' timers.

Events are ordered by (time, rank, id) (see `models.ranks`). A core has one timer at most, which every change of speed
sets anew; in the tree that costs a walk up, and no stale event remains. Among equal times the core of the lowest
index wins.
"""

from __future__ import annotations

from typing import Any

from models.ranks import RANK_SHIFT
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import NEVER, pending_at, timer_at


@kernel
def schedule(  # noqa: PLR0917 - compiled by position
    sim: Any, time_ns: int, rank: int, identifier: int, what: int, version: int
) -> None:
    """Add a time event; ``what`` and ``version`` are for its handler."""
    key = (rank << RANK_SHIFT) | identifier
    position = sim.heap_count
    sim.heap_count = position + 1
    if position >= sim.heap_margin_at:
        sim.grow = 1
    while position > 0:
        parent = (position - 1) >> 1
        above = pending_at(sim, parent)
        if above.time < time_ns or (above.time == time_ns and above.key <= key):
            break
        below = pending_at(sim, position)
        below.time = above.time
        below.key = above.key
        below.what = above.what
        below.version = above.version
        position = parent
    event = pending_at(sim, position)
    event.time = time_ns
    event.key = key
    event.what = what
    event.version = version


@kernel
def remove_first(sim: Any) -> None:
    """Remove the first event."""
    count = sim.heap_count - 1
    sim.heap_count = count
    last = pending_at(sim, count)
    time_ns, key = last.time, last.key
    position = 0
    while True:
        child = 2 * position + 1
        if child >= count:
            break
        smaller = pending_at(sim, child)
        if child + 1 < count:
            right = pending_at(sim, child + 1)
            if right.time < smaller.time or (right.time == smaller.time and right.key < smaller.key):
                child += 1
        chosen = pending_at(sim, child)
        if time_ns < chosen.time or (time_ns == chosen.time and key <= chosen.key):
            break
        hole = pending_at(sim, position)
        hole.time = chosen.time
        hole.key = chosen.key
        hole.what = chosen.what
        hole.version = chosen.version
        position = child
    hole = pending_at(sim, position)
    hole.time = time_ns
    hole.key = key
    hole.what = last.what
    hole.version = last.version


@inlined
def set_timer(sim: Any, c: int, time_ns: int) -> None:
    """Set the timer of a core, NEVER to stop it."""
    node = sim.timer_leaves + c
    timer_at(sim, node).value = time_ns
    while node > 1:
        other = timer_at(sim, node ^ 1).value
        node >>= 1
        earlier = min(time_ns, other)
        above = timer_at(sim, node)
        if above.value == earlier:
            return
        above.value = earlier
        time_ns = earlier


@inlined
def first_timer(sim: Any) -> int:
    """Return the core of the first timer."""
    node = 1
    time_ns = timer_at(sim, 1).value
    while node < sim.timer_leaves:
        node *= 2
        if timer_at(sim, node).value != time_ns:
            node += 1
    return node - sim.timer_leaves


@inlined
def stop_timer(sim: Any, c: int) -> None:
    """Stop the timer of a core."""
    if timer_at(sim, sim.timer_leaves + c).value != NEVER:
        set_timer(sim, c, NEVER)

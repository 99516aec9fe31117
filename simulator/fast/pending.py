"""The heap of pending time events: four children a node.

An event is 16 bytes, its time and a key of rank, id and the row that its handler needs, so that four siblings are one
line of the processor's cache. Places of the last four siblings without an event hold NEVER, which spares the last node
a case of its own.
"""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import NEVER, TOP, pending_at


@inlined
def push(sim: Any, time_ns: int, key: int) -> None:
    """Add an event."""
    position = sim.heap_count + TOP
    sim.heap_count += 1
    if position & 3 == 0:
        for other in range(position + 1, position + 4):
            pending_at(sim, other).time = NEVER
    while position > TOP:
        parent = (position >> 2) + 2
        above = pending_at(sim, parent)
        if (above.time < time_ns) | ((above.time == time_ns) & (above.key <= key)):
            break
        below = pending_at(sim, position)
        below.time = above.time
        below.key = above.key
        position = parent
    event = pending_at(sim, position)
    event.time = time_ns
    event.key = key


@kernel
def sift(sim: Any, end: int, time_ns: int, key: int) -> None:
    """Put an event where it belongs, from the top on."""
    position = TOP
    child = 4
    while child < end:
        first = pending_at(sim, child)
        best, best_ns, best_key = child, first.time, first.key
        for other in range(child + 1, child + 4):
            event = pending_at(sim, other)
            other_ns, other_key = event.time, event.key
            earlier = (other_ns < best_ns) | ((other_ns == best_ns) & (other_key < best_key))
            best = other if earlier else best
            best_ns = other_ns if earlier else best_ns
            best_key = other_key if earlier else best_key
        if (time_ns < best_ns) | ((time_ns == best_ns) & (key <= best_key)):
            break
        hole = pending_at(sim, position)
        hole.time = best_ns
        hole.key = best_key
        position = best
        child = 4 * position - 8
    hole = pending_at(sim, position)
    hole.time = time_ns
    hole.key = key

"""Pending time events: a heap of four children a node, and a tournament tree for the cores' timers.

Events are ordered by (time, rank, id) (see `models.ranks`). An event is 16 bytes, its time and a key of rank, id and
the row that its handler needs, so that four siblings are one line of the processor's cache; with a million events
pending, the lines that are read are most of the cost. Places of the last four siblings without an event hold NEVER,
which spares the last node a case of its own. An event that has become meaningless, as what it would have ended was
broken off, remains, and is recognized by its time when it is first.

A core has one timer at most, which every change of speed sets anew; in the tree that costs a walk up, and no stale
event remains. Among equal times the core of the lowest index wins.
"""

from __future__ import annotations

from typing import Any, Final

from models.compiled import HAVE_NUMBA
from models.ranks import DELAY, THINK
from simulator.fast.jit import inlined, kernel, prefetch, rare
from simulator.fast.layout import (
    IDS,
    LINE,
    NEVER,
    RANK_AT,
    ROW_BITS,
    ROWS,
    TOP,
    chosen_at,
    holding_at,
    operation_at,
    pending_at,
    source_at,
    strand_at,
    task_at,
    timer_at,
    user_task_at,
)

_MANY: Final = 2000 if HAVE_NUMBA else NEVER  # events from which the next one's row is likely not in the cache


@kernel
def schedule(sim: Any, time_ns: int, rank: int, identifier: int, row: int) -> None:
    """Add a time event; ``row`` is for its handler."""
    key = (rank << RANK_AT) | (identifier << ROW_BITS) | row
    position = sim.heap_count + TOP
    sim.heap_count += 1
    if position >= sim.heap_margin_at:
        sim.grow = 1
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


@inlined
def remove_first(sim: Any) -> None:
    """Remove the first event."""
    count = sim.heap_count - 1
    sim.heap_count = count
    last = pending_at(sim, count + TOP)
    time_ns, key = last.time, last.key
    last.time = NEVER
    last.key = NEVER
    if count > 0:
        _sift(sim, count + TOP, time_ns, key)
        if count > _MANY:
            _prefetch_first(sim)


@kernel
def _sift(sim: Any, end: int, time_ns: int, key: int) -> None:
    """Put an event where it belongs, from the top on."""
    position = TOP
    child = 4
    while child < end:
        if end > _MANY:
            for line in range(4):
                prefetch(pending_at(sim, 4 * child - 8), line * LINE)
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


@inlined
def _prefetch_row(sim: Any, key: int) -> None:
    """Have the row of an event fetched."""
    rank = key >> RANK_AT
    if rank == DELAY:
        a = key & (ROWS - 1)
        for line in range(3):
            prefetch(strand_at(sim, a), line * LINE)
        prefetch(chosen_at(sim, a * sim.service_count), 0)
    elif rank == THINK:
        user = (key >> ROW_BITS) & (IDS - 1)
        prefetch(source_at(sim, user), 0)
        prefetch(user_task_at(sim, user), 0)


@rare
def _prefetch_first(sim: Any) -> None:
    """Have the rows of the next events fetched, and for the very next what its row, already there, refers to."""
    for position in range(TOP + 1, TOP + 5):
        _prefetch_row(sim, pending_at(sim, position).key)
    key = pending_at(sim, TOP).key
    rank = key >> RANK_AT
    if rank == DELAY:
        strand = strand_at(sim, key & (ROWS - 1))
        prefetch(operation_at(sim, strand.operation), 0)
        prefetch(source_at(sim, strand.source), 0)
        prefetch(holding_at(sim, max(strand.last_holding, 0)), 0)
        prefetch(holding_at(sim, max(strand.last_holding, 0)), LINE)
    elif rank == THINK:
        t = max(user_task_at(sim, (key >> ROW_BITS) & (IDS - 1)).value, 0)
        for line in range(2):
            prefetch(task_at(sim, t), line * LINE)


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

"""Pending time events: a heap, what is far ahead in buckets, and a tournament tree for the cores' timers.

Events are ordered by (time, rank, id) (see `models.ranks`). An event that has become meaningless, as what it would have
ended was broken off, remains, and is recognized by its time when it is first.

A core has one timer at most, which every change of speed sets anew; in the tree that costs a walk up, and no stale
event remains. Among equal times the core of the lowest index wins.
"""

from __future__ import annotations

from typing import Any

from models.ranks import DELAY, THINK
from simulator.fast.far import add_far, bring_near, move_far
from simulator.fast.jit import inlined, kernel, prefetch, rare
from simulator.fast.layout import (
    IDS,
    LINE,
    NEVER,
    RANK_AT,
    ROW_BITS,
    ROWS,
    TOP,
    holding_at,
    operation_at,
    pending_at,
    source_at,
    strand_at,
    task_at,
    timer_at,
    user_task_at,
)
from simulator.fast.pending import push, sift
from simulator.fast.strands import prefetch_causes


@inlined
def schedule(sim: Any, time_ns: int, rank: int, identifier: int, row: int) -> None:
    """Add a time event; ``row`` is for its handler."""
    _add(sim, time_ns, (rank << RANK_AT) | (identifier << ROW_BITS) | row)


@kernel
def _add(sim: Any, time_ns: int, key: int) -> None:
    """Add an event near or far."""
    if time_ns >= sim.near_ns:
        add_far(sim, time_ns, key)
    else:
        push(sim, time_ns, key)
        if sim.heap_count >= sim.heap_watch_at:
            _look_after(sim)


@rare
def _look_after(sim: Any) -> None:
    """Have a heap enlarged that is nearly full, and move the events of a large one that are far ahead."""
    if sim.heap_count >= sim.heap_margin_at:
        sim.grow = 1
    elif sim.near_ns == NEVER:
        move_far(sim)


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
        sift(sim, count + TOP, time_ns, key)
    if sim.near_ns != NEVER:
        if count == 0:
            bring_near(sim)
        _prefetch_first(sim)


@kernel
def drop_first(sim: Any) -> None:
    """As `remove_first`, for callers that do so less often."""
    remove_first(sim)


@inlined
def replace_first(sim: Any, time_ns: int) -> None:
    """Put the first event off to a later time, or as late."""
    key = pending_at(sim, TOP).key
    if time_ns >= sim.near_ns:
        drop_first(sim)  # which may bring nearer what is as late
        _add(sim, time_ns, key)
    else:
        sift(sim, sim.heap_count + TOP, time_ns, key)


@kernel
def _prefetch_first(sim: Any) -> None:
    """Have fetched what the row of the first event, already there, refers to."""
    key = pending_at(sim, TOP).key
    rank = key >> RANK_AT
    if rank == DELAY:
        prefetch_causes(sim, key & (ROWS - 1))
        strand = strand_at(sim, key & (ROWS - 1))
        holding = holding_at(sim, max(strand.last_holding, 0))
        prefetch(operation_at(sim, strand.operation), 0)
        prefetch(operation_at(sim, strand.operation), LINE)
        prefetch(source_at(sim, strand.source), 0)
        prefetch(holding, 0)
        prefetch(holding, LINE)
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

"""Rows that come and go: taken from a free list, else, when all are used, from the top of the table.

Taking one never fails: a table that comes near its end asks (``sim.grow``) for the kernel to be stopped before the next
action, and no single action takes more rows than the margin (see `simulator.fast.tables`).
"""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined
from simulator.fast.layout import batch_at, holding_at, operation_at, queue_at, strand_at, task_at
from simulator.fast.lists import ready_queue


@inlined
def take_operation(sim: Any) -> int:
    """Take the row of an operation."""
    o = sim.operation_free
    if o >= 0:
        sim.operation_free = operation_at(sim, o).next
    else:
        o = sim.operation_top
        sim.operation_top = o + 1
        if o >= sim.operation_margin_at:
            sim.grow = 1
    return o


@inlined
def free_operation(sim: Any, o: int) -> None:
    """Give the row of an operation back; who looks for those in flight passes over it."""
    operation_at(sim, o).start_ns = -1
    operation_at(sim, o).next = sim.operation_free
    sim.operation_free = o


@inlined
def take_strand(sim: Any) -> int:
    """Take the row of a strand."""
    a = sim.strand_free
    if a >= 0:
        sim.strand_free = strand_at(sim, a).next
    else:
        a = sim.strand_top
        sim.strand_top = a + 1
        if a >= sim.strand_margin_at:
            sim.grow = 1
    return a


@inlined
def free_strand(sim: Any, a: int) -> None:
    """Give the row of a strand back; its stale events recognize it by the serial."""
    strand = strand_at(sim, a)
    strand.serial = -1
    strand.next = sim.strand_free
    sim.strand_free = a


@inlined
def take_holding(sim: Any) -> int:
    """Take the row of a holding."""
    v = sim.holding_free
    if v >= 0:
        sim.holding_free = holding_at(sim, v).next
    else:
        v = sim.holding_top
        sim.holding_top = v + 1
        if v >= sim.holding_margin_at:
            sim.grow = 1
    return v


@inlined
def free_holding(sim: Any, v: int) -> None:
    """Give the row of a holding back."""
    holding = holding_at(sim, v)
    holding.type = -1
    holding.next = sim.holding_free
    sim.holding_free = v


@inlined
def take_task(sim: Any) -> int:
    """Take the row of a task."""
    t = sim.task_free
    if t >= 0:
        sim.task_free = task_at(sim, t).next
    else:
        t = sim.task_top
        sim.task_top = t + 1
        queue = queue_at(sim, ready_queue(sim, t))  # that of a row that was used is empty
        queue.head = -1
        queue.tail = -1
        if t >= sim.task_margin_at:
            sim.grow = 1
    return t


@inlined
def free_task(sim: Any, t: int) -> None:
    """Give the row of a task back."""
    task_at(sim, t).next = sim.task_free
    sim.task_free = t


@inlined
def take_batch(sim: Any) -> int:
    """Take the row of a batch."""
    b = sim.batch_free
    if b >= 0:
        sim.batch_free = batch_at(sim, b).next
    else:
        b = sim.batch_top
        sim.batch_top = b + 1
        if b >= sim.batch_margin_at:
            sim.grow = 1
    return b


@inlined
def free_batch(sim: Any, b: int) -> None:
    """Give the row of a batch back."""
    batch = batch_at(sim, b)
    batch.next = sim.batch_free
    sim.batch_free = b

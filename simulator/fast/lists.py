"""Queues of strands and of tasks: lists through the rows themselves, as each of them waits in one place at a time."""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import queue_at, strand_at, task_at


@inlined
def push_strand(sim: Any, q: int, a: int) -> None:
    """Put a strand at the end of a queue."""
    queue = queue_at(sim, q)
    strand = strand_at(sim, a)
    strand.next = -1
    strand.previous = queue.tail
    if queue.tail >= 0:
        strand_at(sim, queue.tail).next = a
    else:
        queue.head = a
    queue.tail = a
    queue.count += 1


@kernel
def insert_strand(sim: Any, q: int, a: int, behind: int) -> None:
    """Put a strand into a queue directly before one that is in it."""
    queue = queue_at(sim, q)
    strand, following = strand_at(sim, a), strand_at(sim, behind)
    strand.next = behind
    strand.previous = following.previous
    if following.previous >= 0:
        strand_at(sim, following.previous).next = a
    else:
        queue.head = a
    following.previous = a
    queue.count += 1


@kernel
def insert_strand_after(sim: Any, q: int, a: int, before: int) -> None:
    """Put a strand into a queue directly after one that is in it; -1: at its head."""
    following = strand_at(sim, before).next if before >= 0 else queue_at(sim, q).head
    if following >= 0:
        insert_strand(sim, q, a, following)
    else:
        push_strand(sim, q, a)


@kernel
def remove_strand(sim: Any, q: int, a: int) -> None:
    """Take a strand out of a queue, wherever it is in it."""
    queue = queue_at(sim, q)
    strand = strand_at(sim, a)
    if strand.previous >= 0:
        strand_at(sim, strand.previous).next = strand.next
    else:
        queue.head = strand.next
    if strand.next >= 0:
        strand_at(sim, strand.next).previous = strand.previous
    else:
        queue.tail = strand.previous
    queue.count -= 1


@inlined
def push_task(sim: Any, q: int, t: int) -> None:
    """Put a task at the end of a queue."""
    queue = queue_at(sim, q)
    task = task_at(sim, t)
    task.next = -1
    task.previous = queue.tail
    if queue.tail >= 0:
        task_at(sim, queue.tail).next = t
    else:
        queue.head = t
    queue.tail = t
    queue.count += 1


@kernel
def push_task_first(sim: Any, q: int, t: int) -> None:
    """Put a task at the head of a queue."""
    queue = queue_at(sim, q)
    task = task_at(sim, t)
    task.previous = -1
    task.next = queue.head
    if queue.head >= 0:
        task_at(sim, queue.head).previous = t
    else:
        queue.tail = t
    queue.head = t
    queue.count += 1


@inlined
def remove_task(sim: Any, q: int, t: int) -> None:
    """Take a task out of a queue, wherever it is in it."""
    queue = queue_at(sim, q)
    task = task_at(sim, t)
    if task.previous >= 0:
        task_at(sim, task.previous).next = task.next
    else:
        queue.head = task.next
    if task.next >= 0:
        task_at(sim, task.next).previous = task.previous
    else:
        queue.tail = task.previous
    queue.count -= 1


@inlined
def ready_queue(sim: Any, t: int) -> int:
    """Return the queue of the strands that wait for a task, as for a worker's event loop."""
    return sim.first_dynamic_queue + 2 * t


@inlined
def member_queue(sim: Any, b: int) -> int:
    """Return the queue of a batch's members."""
    return sim.first_dynamic_queue + 2 * b + 1

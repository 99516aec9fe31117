"""Time events that are far ahead: buckets by time, so that the heap stays small enough for the processor's cache.

With many events pending, the heap has only those before ``near_ns``. The others lie in buckets, by the highest of the
digits (of five bits) in which their time differs from ``base_ns``, and by their digit there: thirty-two buckets a
level, each as wide as a whole level below it. When the heap is empty, the first bucket is brought near: a small one
becomes the heap, a large one is spread over the levels below. An event is so moved a few times, from one sequence in
memory to another, where a heap of a million would look for a place in a dozen lines of the cache that are not there.
This is the radix heap of Ahuja, Mehlhorn, Orlin and Tarjan (1990), with a heap in the place of its first buckets; the
order within it decides between equal times, so that the order of all events is the heap's.

A bucket is a list of chunks of sixty-four events, of which the first may be partly filled.
"""

from __future__ import annotations

from typing import Any, Final

from models.compiled import bit_length
from models.ranks import DELAY, THINK
from simulator.fast.jit import inlined, kernel, prefetch, rare
from simulator.fast.layout import (
    CHUNK,
    DIGIT_BITS,
    IDS,
    LEVELS,
    LINE,
    NEVER,
    RANK_AT,
    ROW_BITS,
    ROWS,
    TOP,
    bucket_at,
    bucket_level_at,
    far_at,
    far_chunk_at,
    pending_at,
    source_at,
    strand_at,
    user_task_at,
)
from simulator.fast.pending import push

_DIGITS: Final = 1 << DIGIT_BITS
_SMALL: Final = 512  # events of a bucket that become the heap


@kernel
def add_far(sim: Any, time_ns: int, key: int) -> None:
    """Put an event into its bucket."""
    level = ((bit_length((time_ns ^ sim.base_ns) | 1) - 1) * 52) >> 8  # a fifth of it
    digit = (time_ns >> (DIGIT_BITS * level)) & (_DIGITS - 1)
    bucket = bucket_at(sim, level * _DIGITS + digit)
    count = bucket.count
    if count & (CHUNK - 1) == 0:
        if count == 0:
            bucket_level_at(sim, level).value |= 1 << digit
        chunk = sim.free_chunk
        sim.free_chunk = far_chunk_at(sim, chunk).value
        far_chunk_at(sim, chunk).value = bucket.chunk
        bucket.chunk = chunk
    event = far_at(sim, bucket.chunk * CHUNK + (count & (CHUNK - 1)))
    event.time = time_ns
    event.key = key
    bucket.count = count + 1
    sim.far_count += 1
    if sim.heap_count + sim.far_count >= sim.heap_margin_at:
        sim.grow = 1


@rare
def move_far(sim: Any) -> None:
    """Begin with buckets: move all events there, then the first of them back."""
    sim.near_ns = sim.base_ns = sim.now
    end = sim.heap_count + TOP
    sim.heap_count = 0
    for position in range(TOP, end):
        event = pending_at(sim, position)
        add_far(sim, event.time, event.key)
        event.time = NEVER
        event.key = NEVER
    bring_near(sim)


@inlined
def _prefetch_row(sim: Any, key: int) -> None:
    """Have the row of an event fetched."""
    rank = key >> RANK_AT
    if rank == DELAY:
        a = key & (ROWS - 1)
        for line in range(2):
            prefetch(strand_at(sim, a), line * LINE)
    elif rank == THINK:
        user = (key >> ROW_BITS) & (IDS - 1)
        prefetch(source_at(sim, user), 0)
        prefetch(user_task_at(sim, user), 0)


@kernel
def _empty(sim: Any, chunk: int, count: int, into_heap: bool) -> None:
    """Move the events of a bucket to the heap, or into the buckets of lower levels."""
    first = (count - 1) & (CHUNK - 1)  # of the first chunk, which is not full, the last event
    while count > 0:
        for position in range(chunk * CHUNK, chunk * CHUNK + first + 1):
            event = far_at(sim, position)
            if into_heap:
                _prefetch_row(sim, event.key)
                push(sim, event.time, event.key)
            else:
                add_far(sim, event.time, event.key)
        count -= first + 1
        first = CHUNK - 1
        following = far_chunk_at(sim, chunk).value
        far_chunk_at(sim, chunk).value = sim.free_chunk
        sim.free_chunk = chunk
        chunk = following


@kernel
def bring_near(sim: Any) -> None:
    """Fill the empty heap with the first of the events that are far ahead."""
    while sim.heap_count == 0:
        if sim.far_count == 0:
            sim.near_ns = NEVER
            return
        level = 0
        while bucket_level_at(sim, level).value == 0:
            level += 1
        bits = bucket_level_at(sim, level).value
        lowest = bits & -bits
        bucket_level_at(sim, level).value = bits ^ lowest
        digit = bit_length(lowest) - 1
        bucket = bucket_at(sim, level * _DIGITS + digit)
        count = bucket.count
        bucket.count = 0
        sim.far_count -= count
        shift = DIGIT_BITS * level
        start_ns = digit << shift
        if level < LEVELS - 1:
            start_ns |= (sim.base_ns >> (shift + DIGIT_BITS)) << (shift + DIGIT_BITS)
        into_heap = count <= _SMALL or level == 0
        sim.base_ns = start_ns
        sim.near_ns = start_ns
        if into_heap:
            width_ns = 1 << shift
            sim.near_ns = start_ns + width_ns if start_ns < NEVER - width_ns else NEVER - 1
        _empty(sim, bucket.chunk, count, into_heap)

"""Links and batches: channels, transfers, flushers (the rules of `models.link` and `models.batching`).

A link carries a strand's bytes or a batch. So that both are one kind of cargo, the batcher of number n uses row n of
the strands for the batch that it sends; no attempt uses these rows.
"""

from __future__ import annotations

from typing import Any

from models.arithmetic import SPEED_BITS, transfer_ns
from models.ranks import DELAY, LINGER, PROPAGATION, TRANSFER
from models.records import IN_BATCH, ON_LINK, WAITING_FOR_LINK
from simulator.fast.heap import schedule
from simulator.fast.jit import inlined, kernel, prefetch
from simulator.fast.layout import (
    GO_ON,
    IN_OPEN_BATCH,
    LINE,
    NOWHERE,
    ON_CHANNEL,
    ON_LINK_DELAY,
    ON_LINK_QUEUE,
    batch_at,
    batcher_at,
    channel_at,
    link_at,
    queue_at,
    station_at,
    strand_at,
    task_at,
)
from simulator.fast.lists import member_queue, push_strand, remove_strand
from simulator.fast.processor import ask, withdraw_burst
from simulator.fast.slots import free_batch, take_batch
from simulator.fast.strands import enter, prepare, wake
from simulator.fast.totals import arrive, change, depart

# --- cargoes ---------------------------------------------------------------------------------------------------------


@kernel
def _transferred(sim: Any, n: int, a: int) -> bool:
    """Let a cargo leave its channel and travel for the delay; returns True if it is a batch that arrived at once."""
    link = link_at(sim, n)
    cargo = strand_at(sim, a)
    station_at(sim, link.station).bytes += cargo.size_bytes
    depart(sim, link.station, cargo.arrived_ns)
    if link.delay_ns:
        cargo.place = ON_LINK_DELAY
        if a < sim.batcher_count:
            schedule(sim, sim.now + link.delay_ns, PROPAGATION, a, 0)
        else:
            cargo.due_ns = sim.now + link.delay_ns
            schedule(sim, cargo.due_ns, DELAY, cargo.serial, a)
        return False
    if a < sim.batcher_count:
        cargo.place = NOWHERE
        return True
    wake(sim, a)
    return False


@kernel
def _begin_transfer(sim: Any, n: int, channel_id: int, a: int) -> bool:
    """Put a cargo on a free channel; returns True if it is a batch that has arrived at once."""
    link = link_at(sim, n)
    cargo = strand_at(sim, a)
    if a >= sim.batcher_count:
        enter(sim, a, ON_LINK)
    duration_ns = transfer_ns(cargo.size_bytes, link.bandwidth_bytes_per_s)
    change(sim, link.station, 0, -1)
    if duration_ns == 0:
        return _transferred(sim, n, a)
    channel = channel_at(sim, channel_id)
    channel.cargo = a
    channel.due_ns = sim.now + duration_ns
    cargo.place = ON_CHANNEL
    cargo.place_id = channel_id
    change(sim, link.station, 1, 0)
    schedule(sim, channel.due_ns, TRANSFER, channel_id, 0)
    return False


@kernel
def _carry(sim: Any, n: int, a: int) -> bool:
    """Carry a cargo as soon as a channel is free; returns True if it is a batch that has arrived at once."""
    link = link_at(sim, n)
    cargo = strand_at(sim, a)
    cargo.arrived_ns = sim.now
    cargo.place = ON_LINK_QUEUE
    cargo.place_id = n
    arrive(sim, link.station)
    if queue_at(sim, link.queue).head < 0:  # a channel that was freed just now belongs to the first in the queue
        for channel_id in range(link.first_channel, link.first_channel + link.parallel):
            if channel_at(sim, channel_id).cargo < 0:
                return _begin_transfer(sim, n, channel_id, a)
    push_strand(sim, link.queue, a)
    return False


@kernel
def carry_strand(sim: Any, n: int, a: int, size_bytes: int) -> None:
    """Carry a strand's bytes; it is woken when they have arrived."""
    prepare(sim, a, ON_LINK_QUEUE, n, WAITING_FOR_LINK, GO_ON)
    strand_at(sim, a).size_bytes = size_bytes
    _carry(sim, n, a)


# --- batches ---------------------------------------------------------------------------------------------------------


@kernel
def join_batch(sim: Any, n: int, a: int, size_bytes: int) -> None:
    """Join the open batch; the strand sleeps until its batch has been sent."""
    batcher = batcher_at(sim, n)
    prepare(sim, a, IN_OPEN_BATCH, n, IN_BATCH, GO_ON)
    if batcher.open < 0:
        b = take_batch(sim)
        batcher.open = b
        batch = batch_at(sim, b)
        batch.member_bytes = 0
        members = queue_at(sim, member_queue(sim, b))
        members.head = -1
        members.tail = -1
        members.count = 0
        if batcher.linger_ns:
            batch.due_ns = sim.now + batcher.linger_ns
            schedule(sim, batch.due_ns, LINGER, n, 0)
    strand = strand_at(sim, a)
    strand.batch = batcher.open
    strand.size_bytes = size_bytes
    strand.arrived_ns = sim.now
    arrive(sim, batcher.station)
    push_strand(sim, member_queue(sim, batcher.open), a)
    batch_at(sim, batcher.open).member_bytes += size_bytes
    natural = batcher.linger_ns == 0 and batcher.sending < 0
    if natural or queue_at(sim, member_queue(sim, batcher.open)).count == batcher.max_size:
        close_batch(sim, n)


@inlined
def _append_closed(sim: Any, n: int) -> None:
    """Let the open batch wait for the flusher."""
    batcher = batcher_at(sim, n)
    batch_at(sim, batcher.open).next = -1
    if batcher.closed_tail >= 0:
        batch_at(sim, batcher.closed_tail).next = batcher.open
    else:
        batcher.closed_head = batcher.open
    batcher.closed_tail = batcher.open
    batcher.open = -1


@kernel
def close_batch(sim: Any, n: int) -> None:
    """Close the open batch and send it if the flusher is free."""
    _append_closed(sim, n)
    if batcher_at(sim, n).sending < 0:
        send_next(sim, n)


@inlined
def _take_closed(sim: Any, n: int) -> int:
    """Return the next batch in order, taken out; -1 if there is none."""
    batcher = batcher_at(sim, n)
    if batcher.closed_head < 0:
        if batcher.open < 0 or batcher.linger_ns:
            return -1
        _append_closed(sim, n)
    b = batcher.closed_head
    batcher.closed_head = batch_at(sim, b).next
    if batcher.closed_head < 0:
        batcher.closed_tail = -1
    return b


@kernel
def send_next(sim: Any, n: int) -> None:
    """Pay for the next batch in order; those that neither cost nor travel are sent at once."""
    batcher = batcher_at(sim, n)
    while batcher.sending < 0:
        b = _take_closed(sim, n)
        if b < 0:
            return
        batcher.sending = b
        count = queue_at(sim, member_queue(sim, b)).count
        change(sim, batcher.station, 1, -count)
        cost_ns = batcher.fixed_ns + (batcher.per_item_ns + batcher.compression_cpu_ns) * count
        if cost_ns:
            batcher.executing = 1
            task_at(sim, batcher.task).strand = -1
            ask(sim, batcher.task, cost_ns)
        elif _transmit(sim, n):
            _sent(sim, n)


@inlined
def batch_paid(sim: Any, n: int) -> None:
    """Put the batch that is paid for on the link."""
    batcher_at(sim, n).executing = 0
    if _transmit(sim, n):
        _sent(sim, n)
    send_next(sim, n)


@kernel
def _transmit(sim: Any, n: int) -> bool:
    """Let the link carry the batch; returns True if it has arrived at once."""
    batcher = batcher_at(sim, n)
    if batcher.link < 0:
        return True
    member_bytes = batch_at(sim, batcher.sending).member_bytes
    compressed_bytes = (member_bytes * batcher.compression_q20) >> SPEED_BITS
    strand_at(sim, n).size_bytes = batcher.overhead_bytes + compressed_bytes
    return _carry(sim, batcher.link, n)


@kernel
def _sent(sim: Any, n: int) -> None:
    """Wake the members in joining order."""
    batcher = batcher_at(sim, n)
    b = batcher.sending
    batcher.sending = -1
    change(sim, batcher.station, -1, 0)
    a = queue_at(sim, member_queue(sim, b)).head
    while a >= 0:
        following = strand_at(sim, a).next
        prefetch(strand_at(sim, following), 0)
        prefetch(strand_at(sim, following), 2 * LINE)
        depart(sim, batcher.station, strand_at(sim, a).arrived_ns)
        wake(sim, a)
        a = following
    free_batch(sim, b)


@kernel
def batch_arrived(sim: Any, n: int) -> None:
    """Go on with the next batch once one has arrived."""
    _sent(sim, n)
    send_next(sim, n)


@kernel
def withdraw_from_batch(sim: Any, n: int, a: int) -> bool:
    """Leave an open batch; a closed one keeps its members: False."""
    batcher = batcher_at(sim, n)
    strand = strand_at(sim, a)
    b = batcher.open
    if b < 0 or strand.batch != b:
        return False
    remove_strand(sim, member_queue(sim, b), a)
    batch_at(sim, b).member_bytes -= strand.size_bytes
    change(sim, batcher.station, 0, -1)
    depart(sim, batcher.station, strand.arrived_ns)
    if queue_at(sim, member_queue(sim, b)).count == 0:
        batcher.open = -1
        free_batch(sim, b)
    return True


# --- ends of transfers -----------------------------------------------------------------------------------------------


@inlined
def _free_channel(sim: Any, n: int, channel_id: int) -> None:
    """Take the cargo off a channel."""
    channel = channel_at(sim, channel_id)
    channel.cargo = -1
    channel.due_ns = -1
    change(sim, link_at(sim, n).station, -1, 0)


@kernel
def _next_transfer(sim: Any, n: int, channel_id: int) -> None:
    """Put waiting cargoes on a free channel until it is taken."""
    link = link_at(sim, n)
    while channel_at(sim, channel_id).cargo < 0:
        a = queue_at(sim, link.queue).head
        if a < 0:
            return
        remove_strand(sim, link.queue, a)
        if _begin_transfer(sim, n, channel_id, a):
            batch_arrived(sim, a)


@kernel
def end_transfer(sim: Any, channel_id: int) -> None:
    """End a transfer: its cargo goes on, then the next one begins."""
    channel = channel_at(sim, channel_id)
    if channel.due_ns != sim.now:
        return
    a = channel.cargo
    n = channel.link
    _free_channel(sim, n, channel_id)
    if _transferred(sim, n, a):
        batch_arrived(sim, a)
    _next_transfer(sim, n, channel_id)


@kernel
def withdraw_from_link(sim: Any, a: int) -> None:
    """Take a cargo off its link, wherever it is; a transfer is broken off and the next one begins."""
    cargo = strand_at(sim, a)
    place = cargo.place
    cargo.place = NOWHERE
    if place == ON_LINK_QUEUE:
        n = cargo.place_id
        remove_strand(sim, link_at(sim, n).queue, a)
        change(sim, link_at(sim, n).station, 0, -1)
        depart(sim, link_at(sim, n).station, cargo.arrived_ns)
    elif place == ON_CHANNEL:
        channel_id = cargo.place_id
        n = channel_at(sim, channel_id).link
        _free_channel(sim, n, channel_id)
        depart(sim, link_at(sim, n).station, cargo.arrived_ns)
        _next_transfer(sim, n, channel_id)


@kernel
def reset_batcher(sim: Any, n: int) -> None:
    """Drop everything, as the instance goes down; the members, which are being taken out, are woken."""
    batcher = batcher_at(sim, n)
    b = batcher.sending
    if b >= 0:
        change(sim, batcher.station, -1, queue_at(sim, member_queue(sim, b)).count)
        if batcher.executing:
            batcher.executing = 0
            withdraw_burst(sim, batcher.task)
        elif batcher.link >= 0:
            withdraw_from_link(sim, n)
        batch_at(sim, b).next = batcher.closed_head
    else:
        b = batcher.closed_head
    batcher.sending = -1
    batcher.closed_head = -1
    batcher.closed_tail = -1
    while b >= 0:
        a = queue_at(sim, member_queue(sim, b)).head
        while a >= 0:
            following = strand_at(sim, a).next
            change(sim, batcher.station, 0, -1)
            depart(sim, batcher.station, strand_at(sim, a).arrived_ns)
            wake(sim, a)
            a = following
        following_batch = batch_at(sim, b).next
        free_batch(sim, b)
        b = following_batch

"""What a strand holds until it gives it back: visits, memory, tokens (the rules of `models.memory`, `tokens`)."""

from __future__ import annotations

from typing import Any

from models.records import WAITING_FOR_MEMORY
from simulator.compiled_tables import BLOCKING, EVENT_LOOP
from simulator.fast.cpu_tasks import abandon
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import (
    ALLOCATION,
    AT_MEMORY,
    AT_TOKEN,
    GOT_MEMORY,
    TOKEN_HELD,
    TOKEN_TRIED,
    VISIT,
    holding_at,
    instance_at,
    queue_at,
    station_at,
    strand_at,
    task_at,
    token_at,
)
from simulator.fast.lists import push_strand, remove_strand
from simulator.fast.runners import return_worker
from simulator.fast.slots import free_holding, take_holding
from simulator.fast.strands import prepare, wake
from simulator.fast.totals import arrive, change, depart


@inlined
def append_holding(sim: Any, a: int, v: int) -> None:
    """Put a holding at the end of a strand's."""
    strand = strand_at(sim, a)
    holding = holding_at(sim, v)
    holding.strand = a
    holding.next = -1
    holding.previous = strand.last_holding
    if strand.last_holding >= 0:
        holding_at(sim, strand.last_holding).next = v
    else:
        strand.first_holding = v
    strand.last_holding = v


@inlined
def unlink_holding(sim: Any, v: int) -> None:
    """Take a holding out of its strand's."""
    holding = holding_at(sim, v)
    strand = strand_at(sim, holding.strand)
    if holding.previous >= 0:
        holding_at(sim, holding.previous).next = holding.next
    else:
        strand.first_holding = holding.next
    if holding.next >= 0:
        holding_at(sim, holding.next).previous = holding.previous
    else:
        strand.last_holding = holding.previous


@inlined
def _new_holding(sim: Any, a: int, kind: int, what: int) -> int:
    """Return a new holding of a strand."""
    v = take_holding(sim)
    holding = holding_at(sim, v)
    holding.type = kind
    holding.what = what
    holding.arrived_ns = sim.now
    append_holding(sim, a, v)
    return v


# --- visits ----------------------------------------------------------------------------------------------------------


@inlined
def begin_visit(sim: Any, a: int, g: int, service_id: int) -> None:
    """Have a strand visit an instance, from the balancer's choice on."""
    v = _new_holding(sim, a, VISIT, g)
    visit = holding_at(sim, v)
    visit.service = service_id
    visit.entered = 0
    visit.runner = -1
    visit.is_user_task = 0
    strand_at(sim, a).visit = v
    instance_at(sim, g).connections += 1


@inlined
def _end_visit(sim: Any, v: int) -> None:
    """Leave an instance: give the worker or the task back."""
    visit = holding_at(sim, v)
    g = visit.what
    instance = instance_at(sim, g)
    instance.connections -= 1
    instance.inside -= visit.entered
    t = visit.runner
    if t < 0:
        return
    if instance.worker_kind == BLOCKING:
        return_worker(sim, g, t, visit.arrived_ns)
    elif instance.worker_kind == EVENT_LOOP or visit.is_user_task:
        task_at(sim, t).attempts -= 1
    else:
        abandon(sim, t)


# --- memory ----------------------------------------------------------------------------------------------------------


@inlined
def advance_memory(instance: Any, now: int) -> None:
    """Bring the integral of the bytes held up to now."""
    elapsed = now - instance.since_ns
    if elapsed:
        instance.byte_ns += float(instance.held_bytes) * float(elapsed)
        instance.since_ns = now


@inlined
def memory_fits(sim: Any, g: int, size_bytes: int) -> bool:
    """Return whether an allocation can be granted at once."""
    instance = instance_at(sim, g)
    if instance.memory_bytes < 0:
        return True
    if queue_at(sim, instance.memory_queue).head >= 0:
        return False
    return instance.held_bytes + size_bytes <= instance.memory_bytes


@kernel
def take_memory(sim: Any, g: int, a: int, size_bytes: int) -> None:
    """Let a strand hold bytes that fit."""
    instance = instance_at(sim, g)
    advance_memory(instance, sim.now)
    v = _new_holding(sim, a, ALLOCATION, g)
    holding_at(sim, v).size_bytes = size_bytes
    holding_at(sim, v).pooled_bytes = 0
    instance.held_bytes += size_bytes
    instance.taken_bytes += size_bytes
    station_at(sim, instance.memory_station).bytes += size_bytes
    instance.peak_bytes = max(instance.peak_bytes, instance.held_bytes)


@kernel
def wait_for_memory(sim: Any, g: int, a: int, size_bytes: int) -> None:
    """Join the queue; the strand is woken when it holds the bytes."""
    instance = instance_at(sim, g)
    strand_at(sim, a).arrived_ns = sim.now
    strand_at(sim, a).size_bytes = size_bytes
    arrive(sim, instance.memory_station)
    prepare(sim, a, AT_MEMORY, g, WAITING_FOR_MEMORY, GOT_MEMORY)
    push_strand(sim, instance.memory_queue, a)


@inlined
def allocation_cost_ns(sim: Any, v: int) -> int:
    """Return the CPU of an allocation that is held now, and take it from the pool if that has room."""
    allocation = holding_at(sim, v)
    instance = instance_at(sim, allocation.what)
    if instance.pool_bytes < 0:
        return 0
    if instance.pooled_bytes + allocation.size_bytes <= instance.pool_bytes:
        instance.pooled_bytes += allocation.size_bytes
        allocation.pooled_bytes = allocation.size_bytes
        return instance.hit_ns
    return instance.miss_ns


@inlined
def _leave_memory_queue(sim: Any, g: int, a: int) -> None:
    """Count a strand out of the queue."""
    instance = instance_at(sim, g)
    remove_strand(sim, instance.memory_queue, a)
    change(sim, instance.memory_station, 0, -1)
    depart(sim, instance.memory_station, strand_at(sim, a).arrived_ns)


@kernel
def _grant_memory(sim: Any, g: int) -> None:
    """Grant the allocations at the head of the queue that fit."""
    instance = instance_at(sim, g)
    while True:
        a = queue_at(sim, instance.memory_queue).head
        if a < 0:
            return
        size_bytes = strand_at(sim, a).size_bytes
        if instance.held_bytes + size_bytes > instance.memory_bytes:
            return
        _leave_memory_queue(sim, g, a)
        take_memory(sim, g, a, size_bytes)
        wake(sim, a)


@kernel
def _return_memory(sim: Any, v: int) -> None:
    """Take an allocation back and grant what fits now, first come, first served."""
    allocation = holding_at(sim, v)
    instance = instance_at(sim, allocation.what)
    advance_memory(instance, sim.now)
    instance.held_bytes -= allocation.size_bytes
    instance.given_back_bytes += allocation.size_bytes
    instance.pooled_bytes -= allocation.pooled_bytes
    _grant_memory(sim, allocation.what)


@kernel
def withdraw_from_memory(sim: Any, g: int, a: int) -> None:
    """Leave the queue; those behind may fit now."""
    _leave_memory_queue(sim, g, a)
    _grant_memory(sim, g)


# --- locks and pools -------------------------------------------------------------------------------------------------


@kernel
def take_token(sim: Any, k: int, a: int, resume: int) -> bool:
    """Take a token if one is free; else join the queue and return False."""
    token = token_at(sim, k)
    arrive(sim, token.station)
    if token.free > 0:
        token.free -= 1
        token.groups += 1
        token.group = token.groups
        change(sim, token.station, 1, -1)
        _new_holding(sim, a, TOKEN_HELD, k)
        return True
    strand_at(sim, a).arrived_ns = sim.now
    strand_at(sim, a).behind = token.group
    prepare(sim, a, AT_TOKEN, k, token.cause, resume)
    push_strand(sim, token.queue, a)
    return False


@kernel
def try_token_again(sim: Any, k: int, a: int, resume: int) -> bool:
    """As `take_token`, of a strand that was called: its last holding says so."""
    token = token_at(sim, k)
    strand = strand_at(sim, a)
    v = strand.last_holding
    if token.free > 0:
        token.free -= 1
        token.group = strand.behind
        change(sim, token.station, 1, 0)
        holding_at(sim, v).type = TOKEN_HELD
        return True
    _call_to_token(sim, k, strand.behind)
    strand.behind = token.group
    strand.arrived_ns = holding_at(sim, v).arrived_ns
    unlink_holding(sim, v)
    free_holding(sim, v)
    change(sim, token.station, 0, 1)
    prepare(sim, a, AT_TOKEN, k, token.cause, resume)
    push_strand(sim, token.queue, a)
    return False


@kernel
def _return_token(sim: Any, k: int, arrived_ns: int) -> None:
    """Hand a token to the first in the queue, or put it back."""
    token = token_at(sim, k)
    depart(sim, token.station, arrived_ns)
    a = queue_at(sim, token.queue).head
    if a >= 0 and token.barging_ns == 0:
        _wake_at_token(sim, k, a, TOKEN_HELD)
        return
    change(sim, token.station, -1, 0)
    token.free += 1
    if token.barging_ns:
        _call_to_token(sim, k, token.group)


@kernel
def _call_to_token(sim: Any, k: int, group: int) -> None:
    """Wake the first of a group to try for a token."""
    a = queue_at(sim, token_at(sim, k).queue).head
    while a >= 0:
        if strand_at(sim, a).behind == group:
            _wake_at_token(sim, k, a, TOKEN_TRIED)
            return
        a = strand_at(sim, a).next


@kernel
def _wake_at_token(sim: Any, k: int, a: int, kind: int) -> None:
    """Take the first out of a queue for a token, with what it holds now, and wake it."""
    token = token_at(sim, k)
    remove_strand(sim, token.queue, a)
    change(sim, token.station, 0, -1)
    v = _new_holding(sim, a, kind, k)
    holding_at(sim, v).arrived_ns = strand_at(sim, a).arrived_ns
    wake(sim, a)


@kernel
def _stop_trying(sim: Any, k: int, a: int, arrived_ns: int) -> None:
    """Leave a token without having tried, after being called for it: the next of the group is called."""
    depart(sim, token_at(sim, k).station, arrived_ns)
    _call_to_token(sim, k, strand_at(sim, a).behind)


@kernel
def withdraw_from_token(sim: Any, k: int, a: int) -> None:
    """Leave the queue for a token."""
    token = token_at(sim, k)
    remove_strand(sim, token.queue, a)
    change(sim, token.station, 0, -1)
    depart(sim, token.station, strand_at(sim, a).arrived_ns)


# --- giving back -----------------------------------------------------------------------------------------------------


@kernel
def _return_other(sim: Any, v: int) -> None:
    holding = holding_at(sim, v)
    if holding.type == ALLOCATION:
        _return_memory(sim, v)
    elif holding.type == TOKEN_TRIED:
        _stop_trying(sim, holding.what, holding.strand, holding.arrived_ns)
    else:
        _return_token(sim, holding.what, holding.arrived_ns)


@kernel
def end_visit(sim: Any, v: int) -> None:
    """Give a visit back that is in no list of holdings."""
    _end_visit(sim, v)
    free_holding(sim, v)


@kernel
def give_back(sim: Any, v: int) -> None:
    """Give one holding back."""
    unlink_holding(sim, v)
    if holding_at(sim, v).type == VISIT:
        _end_visit(sim, v)
    else:
        _return_other(sim, v)
    free_holding(sim, v)


@inlined
def give_all_back(sim: Any, a: int) -> None:
    """Give everything back, the last first."""
    v = strand_at(sim, a).last_holding
    while v >= 0:
        give_back(sim, v)
        v = strand_at(sim, a).last_holding


@kernel
def give_token_back(sim: Any, a: int, k: int) -> None:
    """Give a strand's hold of a lock or pool back."""
    v = strand_at(sim, a).last_holding
    while holding_at(sim, v).type != TOKEN_HELD or holding_at(sim, v).what != k:
        v = holding_at(sim, v).previous
    give_back(sim, v)

"""The event loop: one time event, its whole cascade, the release of the cores that it held, then the next."""

from __future__ import annotations

from typing import Any

from models.ranks import (
    ARRIVAL,
    BACKOFF,
    BALANCE,
    DELAY,
    DISPATCH,
    EVENT,
    LINGER,
    PAUSE,
    PHASE,
    PROPAGATION,
    QUOTA,
    THINK,
    TICK,
    TIMEOUT,
    TRANSFER,
)
from simulator.compiled_tables import LINUX
from simulator.fast.balancing import end_dispatch
from simulator.fast.clients import (
    arrive_at_source,
    begin_attempt,
    end_think,
    enter_phase,
    settle,
    start_workload,
    time_out,
)
from simulator.fast.faults import change_pause, happen, schedule_pause
from simulator.fast.heap import (
    first_timer,
    remove_first,
    schedule,
    set_timer,
)
from simulator.fast.integrals import bring_up_to_date
from simulator.fast.jit import entry, inlined, kernel, prefetch, rare
from simulator.fast.layout import (
    GROW,
    IDS,
    LINE,
    NEVER,
    NOWHERE,
    ON_LINK_DELAY,
    PAUSED,
    PAUSING,
    RANK_AT,
    REACHED,
    ROW_BITS,
    ROWS,
    TOP,
    batch_at,
    batcher_at,
    core_at,
    event_at,
    host_at,
    instance_at,
    pending_at,
    release_at,
    start_at,
    state_of,
    strand_at,
    task_at,
    timer_at,
    wake_at,
)
from simulator.fast.links import batch_arrived, batch_paid, close_batch, end_transfer
from simulator.fast.processor import expire, release, start_period
from simulator.fast.runners import burst_done
from simulator.fast.strands import prefetch_causes, push_wake
from simulator.fast.ticks import balance, tick
from simulator.fast.walk import walk


@rare
def _start_all(sim: Any) -> None:
    """Schedule everything that begins by itself."""
    for h in range(sim.host_count):
        host = host_at(sim, h)
        if host.discipline == LINUX:
            schedule(sim, host.tick_ns, TICK, h, 0)
            schedule(sim, host.balance_ns, BALANCE, h, 0)
    for g in range(sim.instance_count):
        instance = instance_at(sim, g)
        if instance.quota_ns >= 0:
            schedule(sim, instance.period_ns, QUOTA, g, 0)
    for p in range(sim.pause_count):
        schedule_pause(sim, p)
    for e in range(sim.event_count):
        schedule(sim, event_at(sim, e).at_ns, EVENT, e, 0)
    for w in range(sim.workload_count):
        start_workload(sim, w)


@inlined
def _release_first(sim: Any) -> None:
    """Release the held core of the lowest index."""
    last = sim.release_count - 1
    first = 0
    for position in range(1, sim.release_count):
        if release_at(sim, position).value < release_at(sim, first).value:
            first = position
    c = release_at(sim, first).value
    release_at(sim, first).value = release_at(sim, last).value
    sim.release_count = last
    core_at(sim, c).releasing = 0
    release(sim, c)


@inlined
def _core_event(sim: Any, c: int) -> int:
    """Handle a core's timer; returns the strand to go on, -1 if there is none."""
    set_timer(sim, c, NEVER)
    t = expire(sim, c)
    if t < 0:
        return -1
    if task_at(sim, t).batcher >= 0:
        batch_paid(sim, task_at(sim, t).batcher)
        return -1
    sim.handled += 1
    return burst_done(sim, t)


@inlined
def _end_delay(sim: Any, a: int, serial: int) -> int:
    """End a strand's delay, unless it is stale; returns the strand to go on, -1 if there is none."""
    strand = strand_at(sim, a)
    if strand.serial != serial or strand.place not in (PAUSING, ON_LINK_DELAY) or strand.due_ns != sim.now:
        return -1
    strand.place = NOWHERE
    return a


@rare
def _rare_event(sim: Any, rank: int, identifier: int, row: int) -> None:
    """Handle one of the less frequent events."""
    if rank == TICK:
        tick(sim, identifier)
    elif rank == TRANSFER:
        end_transfer(sim, identifier)
    elif rank == LINGER:
        b = batcher_at(sim, identifier).open
        if b >= 0 and batch_at(sim, b).due_ns == sim.now:
            close_batch(sim, identifier)
    elif rank == DISPATCH:
        end_dispatch(sim, identifier)
    elif rank == PROPAGATION:
        if strand_at(sim, identifier).place == ON_LINK_DELAY:
            strand_at(sim, identifier).place = NOWHERE
            batch_arrived(sim, identifier)
    elif rank == QUOTA:
        start_period(sim, identifier)
    elif rank == BALANCE:
        balance(sim, identifier)
    elif rank == PAUSE:
        change_pause(sim, identifier)
    elif rank == EVENT:
        happen(sim, identifier)
    elif rank == PHASE:
        enter_phase(sim, identifier, row)


@inlined
def _first_event(sim: Any) -> int:
    """Handle the first event of the heap; returns the strand to go on, -1 if there is none."""
    key = pending_at(sim, TOP).key
    rank = key >> RANK_AT
    identifier = (key >> ROW_BITS) & (IDS - 1)
    row = key & (ROWS - 1)
    if rank == ARRIVAL:
        return arrive_at_source(sim, identifier)
    remove_first(sim)
    if rank == DELAY:
        return _end_delay(sim, row, identifier)
    if rank == THINK:
        return end_think(sim, identifier)
    if rank == TIMEOUT:
        time_out(sim, identifier, row)
    elif rank == BACKOFF:
        return begin_attempt(sim, row)
    else:
        _rare_event(sim, rank, identifier, row)
    return -1


@kernel
def _prefetch_after_next(sim: Any) -> None:
    """Have the strand fetched that goes on after the next one."""
    code = wake_at(sim, (sim.wake_head + 1) & sim.wake_mask).value
    if code & 1 == 0:
        for line in range(3):
            prefetch(strand_at(sim, code >> 1), line * LINE)
        prefetch_causes(sim, code >> 1)


@inlined
def _next_of_cascade(sim: Any) -> int:
    """Take what the cascade does next; returns a code as `push_wake` has it, -1 at the end of the cascade."""
    if sim.start_head != sim.start_tail:
        a = start_at(sim, sim.start_head & sim.start_mask).value
        sim.start_head += 1
        return 2 * a
    if sim.wake_head == sim.wake_tail:
        return -1
    code = wake_at(sim, sim.wake_head & sim.wake_mask).value
    sim.wake_head += 1
    if sim.wake_tail - sim.wake_head > 1:
        _prefetch_after_next(sim)
    sim.handled += 1
    return code


@inlined
def _next_in_time(sim: Any) -> int:
    """Advance to the next time event before the end and handle it; returns as `_first_event`, -2 if there is none."""
    heap_ns = pending_at(sim, TOP).time
    core_ns = timer_at(sim, 1).value
    if min(heap_ns, core_ns) >= sim.until_ns:
        return -2
    sim.handled += 1
    if core_ns <= heap_ns:
        sim.now = core_ns
        return _core_event(sim, first_timer(sim))
    sim.now = heap_ns
    return _first_event(sim)


@entry
def run(state: Any) -> int:
    """Simulate until ``until_ns``, ``handled_limit`` or until a table has to grow; may be called again to go on.

    With ``reading`` set it only brings all integrals up to now.
    """
    sim = state_of(state)
    if sim.reading:
        bring_up_to_date(sim)
        return REACHED
    if sim.started == 0:
        sim.started = 1
        _start_all(sim)
    told = -1  # the operation whose client is told next
    while sim.grow == 0:
        a = -1
        if told >= 0:
            sim.handled += 1
        else:
            code = _next_of_cascade(sim)
            if code >= 0:
                told, a = (code >> 1, -1) if code & 1 else (-1, code >> 1)
            elif sim.release_count > 0:
                _release_first(sim)
                continue
            else:
                if sim.handled >= sim.handled_limit:
                    return PAUSED
                a = _next_in_time(sim)
                if a == -2:
                    sim.now = max(sim.now, sim.until_ns)
                    return REACHED
        if told >= 0:
            a = settle(sim, told)
        told = walk(sim, a) if a >= 0 else -1
    if told >= 0:
        push_wake(sim, 2 * told + 1)
    return GROW

"""Who executes the bursts of an attempt: its own task, an event loop, a worker (the rules of `models.runner`)."""

from __future__ import annotations

from typing import Any, Final

from models.arithmetic import LOOK_NS
from models.records import WAITING_FOR_CORE, WAITING_FOR_WORKER
from simulator import program
from simulator.compiled_tables import ARRIVAL_ORDER, CLIENT_FIRST
from simulator.fast.cpu_tasks import abandon, new_task
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import (
    AT_RUNNER,
    AT_WORKERS,
    GOT_WORKER,
    NOWHERE,
    holding_at,
    instance_at,
    queue_at,
    source_at,
    step_at,
    strand_at,
    task_at,
    user_task_at,
    worker_at,
)
from simulator.fast.lists import insert_strand, insert_strand_after, push_strand, ready_queue, remove_strand
from simulator.fast.processor import ask, withdraw_burst
from simulator.fast.strands import enter, prepare, wake
from simulator.fast.totals import arrive, change, depart

# --- bursts ----------------------------------------------------------------------------------------------------------

BURST: Final = 1
LOOK: Final = 2
"""What a task of a runner executes: a strand's burst, or a look at whether the client that it served is ready again."""


@inlined
def _begin(sim: Any, t: int, a: int, demand_ns: int) -> None:
    """Let a task execute a strand's burst."""
    task = task_at(sim, t)
    task.current = BURST
    task.strand = a
    if task.station >= 0:
        task.joined_ns = strand_at(sim, a).arrived_ns
        change(sim, task.station, 1, -1)
    ask(sim, t, demand_ns)


@kernel
def _queue_burst(sim: Any, t: int, a: int, demand_ns: int) -> None:
    """Let a strand's burst wait until its task is done with those before it.

    The queue holds what is left of the turn, up to `turn_end`, then what came since, then what timers of the next turn
    made ready, from `first_timer` on; -1 where there is none. What the loop made ready itself, if that comes first,
    stands at the head of both: up to `turn_own` of the turn, up to `own_end` of what came since.
    """
    enter(sim, a, WAITING_FOR_WORKER)
    strand_at(sim, a).demand_ns = demand_ns
    task = task_at(sim, t)
    step = step_at(sim, strand_at(sim, a).row)
    if step.code == program.CPU and step.a == 1:
        push_strand(sim, ready_queue(sim, t), a)
        if task.first_timer < 0:
            task.first_timer = a
    elif task.finished_ns == sim.now and instance_at(sim, task.group).ready_order != ARRIVAL_ORDER:
        _queue_own(sim, t, a)
    elif task.first_timer >= 0:
        insert_strand(sim, ready_queue(sim, t), a, task.first_timer)
    else:
        push_strand(sim, ready_queue(sim, t), a)


@rare
def _queue_own(sim: Any, t: int, a: int) -> None:
    """Let a burst that the loop made ready itself wait before what came from outside.

    What the last burst of a turn makes ready belongs to the turn that begins at that instant.
    """
    task = task_at(sim, t)
    if task.turn_began_ns == sim.now:
        before = task.turn_own
        task.turn_own = a
        if task.turn_end == before:
            task.turn_end = a
    else:
        before = task.own_end if task.own_end >= 0 else task.turn_end
        task.own_end = a
    insert_strand_after(sim, ready_queue(sim, t), a, before)


@inlined
def run_burst(sim: Any, t: int, a: int, demand_ns: int, resume: int) -> None:
    """Execute a burst for a strand, which is woken when it is finished."""
    prepare(sim, a, AT_RUNNER, t, WAITING_FOR_CORE, resume)
    task = task_at(sim, t)
    if task.station >= 0:
        strand_at(sim, a).arrived_ns = sim.now
        arrive(sim, task.station)
    if task.current == 0:
        _begin(sim, t, a, demand_ns)
    else:
        _queue_burst(sim, t, a, demand_ns)


@inlined
def _leave_queue(sim: Any, t: int, a: int) -> None:
    """Take a strand out of its task's queue, wherever it is in it."""
    task, strand = task_at(sim, t), strand_at(sim, a)
    if a == task.turn_own:
        task.turn_own = strand.previous
    if a == task.own_end:
        task.own_end = strand.previous if strand.previous != task.turn_end else -1
    if a == task.turn_end:
        task.turn_end = strand.previous
    if a == task.first_timer:
        task.first_timer = strand.next
    remove_strand(sim, ready_queue(sim, t), a)


@inlined
def _begin_queued(sim: Any, t: int, a: int) -> None:
    """Let a task execute the burst of a strand that waited."""
    _leave_queue(sim, t, a)
    enter(sim, a, WAITING_FOR_CORE)
    _begin(sim, t, a, strand_at(sim, a).demand_ns)


@kernel
def _next_burst(sim: Any, t: int) -> None:
    """Go on with the next ready burst."""
    q = ready_queue(sim, t)
    a = queue_at(sim, q).head
    task = task_at(sim, t)
    if task.turn_end < 0:
        if task.own_end >= 0 and instance_at(sim, task.group).ready_order == CLIENT_FIRST:
            task.turn_end = task.own_end
        else:
            task.turn_end = queue_at(sim, q).tail
            task.first_timer = -1
        task.turn_own = task.own_end
        task.own_end = -1
        task.turn_began_ns = sim.now
    _begin_queued(sim, t, a)


@inlined
def _client_of(sim: Any, a: int) -> Any:
    """Return the key of the closed user that a strand works for; of its operation where there is no such user."""
    strand = strand_at(sim, a)
    source = source_at(sim, strand.source)
    return source.key if source.is_user else strand.key


@rare
def _look(sim: Any, t: int, a: int) -> None:
    """Look whether the client of a strand is ready again, before all others."""
    task = task_at(sim, t)
    task.current = LOOK
    task.client = _client_of(sim, a)
    task.strand = -1
    ask(sim, t, LOOK_NS)


@kernel
def _first_that_came(sim: Any, t: int) -> int:
    """Return the first strand that became ready since the turn began and not by the loop itself; -1: there is none."""
    task = task_at(sim, t)
    before = task.own_end if task.own_end >= 0 else task.turn_end
    return strand_at(sim, before).next if before >= 0 else queue_at(sim, ready_queue(sim, t)).head


@rare
def _looked(sim: Any, t: int) -> None:
    """Go on with what others answered the client that was served last, or with the next ready burst."""
    task = task_at(sim, t)
    task.current = 0
    a = queue_at(sim, ready_queue(sim, t)).head if task.turn_end >= 0 else _first_that_came(sim, t)
    while a >= 0 and _client_of(sim, a) != task.client:
        a = _first_that_came(sim, t) if a == task.turn_end else strand_at(sim, a).next
    if a >= 0:
        _begin_queued(sim, t, a)
    elif queue_at(sim, ready_queue(sim, t)).head >= 0:
        _next_burst(sim, t)


@inlined
def burst_done(sim: Any, t: int) -> int:
    """Go on with the next burst; returns the strand whose burst is finished, to go on next as nothing else waits.

    -1 where it was a look.
    """
    task = task_at(sim, t)
    if task.current == LOOK:
        _looked(sim, t)
        return -1
    task.current = 0
    task.finished_ns = sim.now
    if task.station >= 0:
        change(sim, task.station, -1, 0)
        depart(sim, task.station, task.joined_ns)
    a = task.strand
    strand_at(sim, a).place = NOWHERE
    if instance_at(sim, task.group).ready_order == CLIENT_FIRST:
        _look(sim, t, a)
    elif queue_at(sim, ready_queue(sim, t)).head >= 0:
        _next_burst(sim, t)
    return a


@kernel
def withdraw_from_runner(sim: Any, t: int, a: int) -> None:
    """Take a strand's burst back, wherever it is."""
    task = task_at(sim, t)
    if task.current and task.strand == a:
        task.current = 0
        withdraw_burst(sim, t)
        if task.station >= 0:
            change(sim, task.station, -1, 0)
            depart(sim, task.station, task.joined_ns)
        if queue_at(sim, ready_queue(sim, t)).head >= 0:
            _next_burst(sim, t)
    else:
        _leave_queue(sim, t, a)
        if task.station >= 0:
            change(sim, task.station, 0, -1)
            depart(sim, task.station, strand_at(sim, a).arrived_ns)


# --- tasks of their own ----------------------------------------------------------------------------------------------


@inlined
def take_own_task(sim: Any, v: int, g: int, source_id: int) -> None:
    """Use the closed user's task, or one of its own where that is busy or there is no such user."""
    visit = holding_at(sim, v)
    if source_at(sim, source_id).is_user:
        of_user = user_task_at(sim, g * sim.user_count + source_id)
        if of_user.value < 0:
            of_user.value = new_task(sim, g, -1)
        t = of_user.value
        if task_at(sim, t).attempts == 0:
            task_at(sim, t).attempts = 1
            visit.runner = t
            visit.is_user_task = 1
            return
    visit.runner = new_task(sim, g, -1)


@rare
def branch_task(sim: Any, a: int, v: int, g: int) -> int:
    """Return the task of a parallel branch in a visit of its parents."""
    t = strand_at(sim, a).first_task
    while t >= 0:
        if task_at(sim, t).visit == v:
            return t
        t = task_at(sim, t).next_task
    t = new_task(sim, g, -1)
    task_at(sim, t).visit = v
    task_at(sim, t).next_task = strand_at(sim, a).first_task
    strand_at(sim, a).first_task = t
    return t


@rare
def abandon_branch_tasks(sim: Any, a: int) -> None:
    """Give the tasks of a parallel branch that has ended back."""
    t = strand_at(sim, a).first_task
    while t >= 0:
        following = task_at(sim, t).next_task
        abandon(sim, t)
        t = following


# --- workers ---------------------------------------------------------------------------------------------------------


@kernel
def join_event_loop(sim: Any, g: int) -> int:
    """Return the worker that a new attempt belongs to: the one with the fewest, the lowest index first."""
    instance = instance_at(sim, g)
    best = worker_at(sim, instance.first_worker).value
    for index in range(instance.first_worker + 1, instance.first_worker + instance.workers):
        t = worker_at(sim, index).value
        if task_at(sim, t).attempts < task_at(sim, best).attempts:
            best = t
    task_at(sim, best).attempts += 1
    return best


@inlined
def _give_worker(sim: Any, g: int, a: int) -> bool:
    """Give the free worker of the lowest index to a strand; returns False if there is none."""
    instance = instance_at(sim, g)
    index = instance.free_hint
    while index < instance.workers and task_at(sim, worker_at(sim, instance.first_worker + index).value).attempts:
        index += 1
    instance.free_hint = index
    if index == instance.workers:
        return False
    t = worker_at(sim, instance.first_worker + index).value
    task_at(sim, t).attempts = 1
    task_at(sim, t).visit = index
    change(sim, instance.worker_station, 1, -1)
    visit = holding_at(sim, strand_at(sim, a).visit)
    visit.runner = t
    visit.arrived_ns = strand_at(sim, a).arrived_ns
    return True


@kernel
def take_worker(sim: Any, g: int, a: int) -> bool:
    """Take the free blocking worker of the lowest index, or join the queue and return False."""
    strand_at(sim, a).arrived_ns = sim.now
    arrive(sim, instance_at(sim, g).worker_station)
    if _give_worker(sim, g, a):
        return True
    prepare(sim, a, AT_WORKERS, g, WAITING_FOR_WORKER, GOT_WORKER)
    push_strand(sim, instance_at(sim, g).worker_queue, a)
    return False


@kernel
def return_worker(sim: Any, g: int, t: int, arrived_ns: int) -> None:
    """Give a blocking worker to the first in the queue, or set it free."""
    instance = instance_at(sim, g)
    task_at(sim, t).attempts = 0
    instance.free_hint = min(instance.free_hint, task_at(sim, t).visit)
    change(sim, instance.worker_station, -1, 0)
    depart(sim, instance.worker_station, arrived_ns)
    a = queue_at(sim, instance.worker_queue).head
    if a >= 0:
        remove_strand(sim, instance.worker_queue, a)
        _give_worker(sim, g, a)
        wake(sim, a)


@kernel
def withdraw_from_workers(sim: Any, g: int, a: int) -> None:
    """Leave the queue for a worker."""
    instance = instance_at(sim, g)
    remove_strand(sim, instance.worker_queue, a)
    change(sim, instance.worker_station, 0, -1)
    depart(sim, instance.worker_station, strand_at(sim, a).arrived_ns)

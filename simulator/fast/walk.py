"""A strand walks its operation's program (the rules of `simulator.reference.attempt`)."""

from __future__ import annotations

from typing import Any

from models.arithmetic import pick_by_weight
from models.draws import CONFLICTS, WHICH_LOCK, coordinate, uniform
from models.ranks import DELAY as RANK_DELAY
from models.records import (
    CANCELLED,
    COMPLETED,
    DELAYED,
    FAILED,
    HOP_AND_DISPATCH,
    MEMORY_EXHAUSTED,
    REJECTED,
    WORKING,
)
from simulator import program
from simulator.compiled_tables import BLOCKING, EVENT_LOOP, PER_OPERATION
from simulator.fast.balancing import choose_instance, join_dispatcher
from simulator.fast.draw import draw
from simulator.fast.heap import schedule
from simulator.fast.holdings import (
    allocation_cost_ns,
    append_holding,
    begin_visit,
    end_visit,
    give_all_back,
    give_back,
    give_token_back,
    memory_fits,
    take_memory,
    take_token,
    try_token_again,
    unlink_holding,
    wait_for_memory,
)
from simulator.fast.jit import add_columns, clear_columns, copy_columns, inlined, kernel, rare
from simulator.fast.layout import (
    AGAIN,
    ALLOCATION,
    AT_JOIN,
    BEGIN,
    CALLED_TO_LOCK,
    CAUSE_COLUMNS,
    DISPATCHED,
    DONE_UNDER_LOCK,
    ENDED,
    ENTRY,
    GO_ON,
    GOT_LOCK,
    GOT_MEMORY,
    GOT_WORKER,
    HOPPED,
    JOINED,
    NEXT,
    NOWHERE,
    PAUSING,
    TRIES_LOCK,
    VISIT,
    WAITS,
    branch_row_at,
    branch_shares_of,
    chosen_at,
    holding_at,
    instance_at,
    lock_at,
    operation_at,
    operation_cause_at,
    service_at,
    start_at,
    step_at,
    strand_at,
    strand_cause_at,
    token_at,
    weights_of,
)
from simulator.fast.links import carry_strand, join_batch
from simulator.fast.runners import (
    abandon_branch_tasks,
    branch_task,
    join_event_loop,
    run_burst,
    take_own_task,
    take_worker,
)
from simulator.fast.slots import free_strand, take_strand
from simulator.fast.strands import account_wait, prepare, push_wake, wake
from simulator.fast.withdrawal import take_out

# --- helpers of the stages -------------------------------------------------------------------------------------------


@inlined
def _fail(sim: Any, a: int, outcome: int) -> int:
    """End a strand with an outcome."""
    strand_at(sim, a).end_outcome = outcome
    return ENDED


@inlined
def wait(sim: Any, a: int, duration_ns: int, cause: int, resume: int) -> int:
    """Wait for a time; no time is no wait."""
    if duration_ns == 0:
        return NEXT
    prepare(sim, a, PAUSING, 0, cause, resume)
    strand = strand_at(sim, a)
    strand.due_ns = sim.now + duration_ns
    schedule(sim, strand.due_ns, RANK_DELAY, strand.serial, a)
    return WAITS


@inlined
def _draw(sim: Any, a: int, step: Any) -> int:
    """Draw from a stage's distribution."""
    strand = strand_at(sim, a)
    return draw(sim, step.distribution, strand.key, coordinate(strand.attempt, step.stage, 0))


@kernel
def _uniform(sim: Any, a: int, stage: int, index: int) -> float:
    """Draw uniformly for a stage."""
    strand = strand_at(sim, a)
    return uniform(strand.key, coordinate(strand.attempt, stage, index))


@rare
def _search_visit(sim: Any, a: int, s: int) -> int:
    """Find the open visit of a strand or its parents to a service."""
    owner = a
    while True:
        v = strand_at(sim, owner).last_holding
        while v >= 0:
            visit = holding_at(sim, v)
            if visit.type == VISIT and visit.service == s:
                strand_at(sim, a).visit = v
                return v
            v = visit.previous
        owner = strand_at(sim, owner).parent


@inlined
def find_visit(sim: Any, a: int, s: int) -> int:
    """Return the visit to a service in which a stage of a strand runs."""
    v = strand_at(sim, a).visit
    if v >= 0 and holding_at(sim, v).service == s:
        return v
    return _search_visit(sim, a, s)


@inlined
def _execute(sim: Any, a: int, s: int, demand_ns: int, resume: int) -> int:
    """Execute CPU on the visit's task."""
    if demand_ns == 0:
        return NEXT
    v = find_visit(sim, a, s)
    visit = holding_at(sim, v)
    t = visit.runner
    if visit.strand != a and instance_at(sim, visit.what).worker_kind == PER_OPERATION:
        t = branch_task(sim, a, v, visit.what)
    run_burst(sim, t, a, demand_ns, resume)
    return WAITS


@kernel
def _execute_beside(sim: Any, a: int, s: int, demand_ns: int, resume: int) -> int:
    """As `_execute`, for stages that do so less often."""
    return _execute(sim, a, s, demand_ns, resume)


# --- visits ----------------------------------------------------------------------------------------------------------


@inlined
def _visit(sim: Any, a: int, step: Any) -> int:
    """Be dispatched, hop to an instance, go inside and get a worker."""
    if service_at(sim, step.service).dispatch_ns:
        join_dispatcher(sim, step.service, a)
        return WAITS
    return _be_sent(sim, a, step)


@kernel
def _dispatched(sim: Any, a: int, step: Any) -> int:
    """Be sent to an instance by a dispatcher that took time for it."""
    return _be_sent(sim, a, step)


@kernel
def _chosen_before(sim: Any, a: int, s: int) -> int:
    """Return the instance that an attempt uses, -1 before its first visit."""
    return chosen_at(sim, strand_at(sim, a).root * sim.service_count + s).value


@inlined
def _be_sent(sim: Any, a: int, step: Any) -> int:
    """Be sent to an instance."""
    s = step.service
    strand = strand_at(sim, a)
    service = service_at(sim, s)
    index = _chosen_before(sim, a, s) if step.a & AGAIN else -1
    if index < 0:
        index = choose_instance(sim, s, strand.source)
        if index < 0:
            return _fail(sim, a, REJECTED)
        if step.a & AGAIN:
            chosen_at(sim, strand.root * sim.service_count + s).value = index
    begin_visit(sim, a, service.first_instance + index, s)
    if sim.recording and step.a & ENTRY and strand.settled == 0 and strand.root == a:
        operation_at(sim, strand.operation).instance = index
    if service.hop_ns:
        return wait(sim, a, service.hop_ns, HOP_AND_DISPATCH, HOPPED)
    return _hopped(sim, a)


@inlined
def _hopped(sim: Any, a: int) -> int:
    """Go inside the instance and get a worker."""
    v = strand_at(sim, a).visit
    visit = holding_at(sim, v)
    g = visit.what
    instance = instance_at(sim, g)
    if instance.up == 0 or (instance.queue_limit >= 0 and instance.inside >= instance.queue_limit):
        return _fail(sim, a, REJECTED)
    visit.entered = 1
    instance.inside += 1
    if instance.worker_kind == BLOCKING:
        if not take_worker(sim, g, a):
            return WAITS
    elif instance.worker_kind == EVENT_LOOP:
        visit.runner = join_event_loop(sim, g)
    else:
        take_own_task(sim, v, g, strand_at(sim, a).source)
    return NEXT


@inlined
def _leave(sim: Any, a: int, step: Any) -> int:
    """Leave an instance and hop back; with the entry visit the attempt gives everything back."""
    strand = strand_at(sim, a)
    v = find_visit(sim, a, step.service)
    strand.visit = -1
    if strand.root == a and strand.first_holding == v:
        if strand.last_holding == v:
            strand.first_holding = strand.last_holding = -1
            end_visit(sim, v)
        else:
            give_all_back(sim, a)
    else:
        give_back(sim, v)
    return wait(sim, a, service_at(sim, step.service).hop_ns, HOP_AND_DISPATCH, GO_ON)


# --- memory, locks, choices ------------------------------------------------------------------------------------------


@inlined
def _memory(sim: Any, a: int, step: Any) -> int:
    """Take memory until the attempt ends, and pay for the allocation."""
    g = holding_at(sim, find_visit(sim, a, step.service)).what
    size_bytes = _draw(sim, a, step)
    if size_bytes == 0:
        return NEXT
    if memory_fits(sim, g, size_bytes):
        take_memory(sim, g, a, size_bytes)
        return _pay_for_memory(sim, a, step)
    if step.a or size_bytes > instance_at(sim, g).memory_bytes:
        return _fail(sim, a, MEMORY_EXHAUSTED)
    wait_for_memory(sim, g, a, size_bytes)
    return WAITS


@kernel
def _pay_for_memory(sim: Any, a: int, step: Any) -> int:
    """Execute the cost of the last allocation."""
    cost_ns = allocation_cost_ns(sim, strand_at(sim, a).last_holding)
    return _execute_beside(sim, a, step.service, cost_ns, GO_ON)


@kernel
def _lock_of(sim: Any, a: int, step: Any) -> int:
    """Return the lock that a strand takes at a stage."""
    g = holding_at(sim, find_visit(sim, a, step.service)).what
    lock = lock_at(sim, instance_at(sim, g).first_lock + step.a)
    if lock.count == 1:
        return lock.first_lock_unit
    share = _uniform(sim, a, step.stage, WHICH_LOCK)
    return lock.first_lock_unit + pick_by_weight(weights_of(sim), lock.first_weight, lock.count, share)


@kernel
def _lock(sim: Any, a: int, step: Any) -> int:
    """Take a lock and hold it while executing."""
    k = _lock_of(sim, a, step)
    if not take_token(sim, k, a, CALLED_TO_LOCK if token_at(sim, k).barging_ns else GOT_LOCK):
        return WAITS
    return _work_under_lock(sim, a, step)


@kernel
def _try_lock_again(sim: Any, a: int, step: Any) -> int:
    """Take a lock that was free when the strand was woken, unless another came first."""
    if not try_token_again(sim, _lock_of(sim, a, step), a, CALLED_TO_LOCK):
        return WAITS
    return _work_under_lock(sim, a, step)


@kernel
def _work_under_lock(sim: Any, a: int, step: Any) -> int:
    """Execute the hold of a lock, then give the lock back."""
    state = _execute_beside(sim, a, step.service, _draw(sim, a, step), DONE_UNDER_LOCK)
    if state == NEXT:
        give_token_back(sim, a, _lock_of(sim, a, step))
    return state


@inlined
def _pool_of(sim: Any, a: int, step: Any) -> int:
    """Return the pool of a stage."""
    g = holding_at(sim, find_visit(sim, a, step.service)).what
    return sim.first_pool_token + instance_at(sim, g).first_pool + step.a


@kernel
def _choice(sim: Any, a: int, step: Any) -> int:
    """Return the row of the branch that is taken."""
    share = _uniform(sim, a, step.stage, 0)
    return branch_row_at(sim, step.a + pick_by_weight(branch_shares_of(sim), step.a, step.b, share)).value


# --- parallel branches -----------------------------------------------------------------------------------------------


@rare
def _fork(sim: Any, a: int, step: Any) -> int:
    """Run branches at once and go on when all have ended."""
    prepare(sim, a, AT_JOIN, 0, WORKING, JOINED)
    parent = strand_at(sim, a)
    parent.pending = step.b
    parent.join_outcome = COMPLETED
    parent.first_child = -1
    last = -1
    for offset in range(step.b):
        child_id = take_strand(sim)
        reset_strand(sim, child_id)
        child = strand_at(sim, child_id)
        child.operation = parent.operation
        child.attempt = parent.attempt
        child.source = parent.source
        child.key = parent.key
        child.root = parent.root
        child.parent = a
        child.row = branch_row_at(sim, step.a + offset).value
        child.previous_child = last
        if last >= 0:
            strand_at(sim, last).next_child = child_id
        else:
            parent.first_child = child_id
        last = child_id
        start_at(sim, sim.start_tail & sim.start_mask).value = child_id
        sim.start_tail += 1
    return WAITS


@kernel
def reset_strand(sim: Any, a: int) -> None:
    """Make a row a new strand that begins at its row."""
    strand = strand_at(sim, a)
    strand.serial = sim.next_strand_serial
    sim.next_strand_serial += 1
    strand.settled = 0
    strand.resume = BEGIN
    strand.place = NOWHERE
    strand.end_outcome = -1
    strand.first_holding = -1
    strand.last_holding = -1
    strand.visit = -1
    strand.first_child = -1
    strand.next_child = -1
    strand.previous_child = -1
    strand.first_task = -1
    strand.parent = -1
    if sim.tracking:
        strand.since_ns = sim.now
        clear_columns(strand_cause_at(sim, a * CAUSE_COLUMNS))


@rare
def _end_branch(sim: Any, a: int, outcome: int) -> None:
    """Count a branch out; the first failure takes the others out; the last end wakes the parent."""
    child = strand_at(sim, a)
    parent = strand_at(sim, child.parent)
    if child.previous_child >= 0:
        strand_at(sim, child.previous_child).next_child = child.next_child
    else:
        parent.first_child = child.next_child
    if child.next_child >= 0:
        strand_at(sim, child.next_child).previous_child = child.previous_child
    parent.pending -= 1
    if outcome != COMPLETED and parent.join_outcome == COMPLETED:
        parent.join_outcome = outcome
        _cancel_children(sim, child.parent)
    _pass_holdings_on(sim, a, child.parent)
    abandon_branch_tasks(sim, a)
    if parent.pending == 0:
        if sim.tracking:
            add_columns(strand_cause_at(sim, child.parent * CAUSE_COLUMNS), strand_cause_at(sim, a * CAUSE_COLUMNS))
            parent.since_ns = sim.now
        wake(sim, child.parent)
    free_strand(sim, a)


@rare
def _cancel_children(sim: Any, a: int) -> None:
    """Take the branches of a strand out that have not ended."""
    child = strand_at(sim, a).first_child
    while child >= 0:
        take_out(sim, child, CANCELLED)
        child = strand_at(sim, child).next_child


@rare
def _pass_holdings_on(sim: Any, a: int, parent: int) -> None:
    """Give a branch's holdings back, the last first, but its memory, which the parent now holds, in its order."""
    v = strand_at(sim, a).last_holding
    while v >= 0:
        before = holding_at(sim, v).previous
        if holding_at(sim, v).type != ALLOCATION:
            give_back(sim, v)
        v = before
    v = strand_at(sim, a).first_holding
    while v >= 0:
        following = holding_at(sim, v).next
        unlink_holding(sim, v)
        append_holding(sim, parent, v)
        v = following


# --- the walk --------------------------------------------------------------------------------------------------------


@inlined
def _resume(sim: Any, a: int, step: Any) -> int:
    """Go on after a wait in the middle of a stage."""
    resume = strand_at(sim, a).resume
    if resume in (GO_ON, GOT_WORKER):
        return NEXT
    if resume == HOPPED:
        return _hopped(sim, a)
    if resume == DISPATCHED:
        return _dispatched(sim, a, step)
    if resume == GOT_MEMORY:
        return _pay_for_memory(sim, a, step)
    if resume == GOT_LOCK:
        return _work_under_lock(sim, a, step)
    if resume == CALLED_TO_LOCK:
        return _execute_beside(sim, a, step.service, token_at(sim, _lock_of(sim, a, step)).barging_ns, TRIES_LOCK)
    if resume == TRIES_LOCK:
        return _try_lock_again(sim, a, step)
    if resume == DONE_UNDER_LOCK:
        give_token_back(sim, a, _lock_of(sim, a, step))
        return NEXT
    if resume == JOINED and strand_at(sim, a).join_outcome != COMPLETED:
        return _fail(sim, a, strand_at(sim, a).join_outcome)
    return NEXT


@kernel
def _rare_stage(sim: Any, a: int, step: Any) -> int:
    """Begin one of the less frequent stages."""
    code = step.code
    if code == program.LOCK:
        return _lock(sim, a, step)
    if code == program.BATCH:
        g = holding_at(sim, find_visit(sim, a, step.service)).what
        join_batch(sim, instance_at(sim, g).first_batcher + step.a, a, _draw(sim, a, step))
        return WAITS
    if code == program.LINK:
        g = holding_at(sim, find_visit(sim, a, step.service)).what
        carry_strand(sim, instance_at(sim, g).first_link + step.a, a, _draw(sim, a, step) + step.b)
        return WAITS
    if code == program.ACQUIRE:
        return NEXT if take_token(sim, _pool_of(sim, a, step), a, GO_ON) else WAITS
    if code == program.RELEASE:
        give_token_back(sim, a, _pool_of(sim, a, step))
        return NEXT
    if code == program.FORK:
        return _fork(sim, a, step)
    if code == program.CONFLICT:
        others = instance_at(sim, holding_at(sim, find_visit(sim, a, step.service)).what).inside - 1
        return _fail(sim, a, FAILED) if _uniform(sim, a, step.stage, CONFLICTS) < step.value * others else NEXT
    if step.value > 0.0 and _uniform(sim, a, step.stage, 0) < step.value:
        return _fail(sim, a, FAILED)
    return NEXT


@inlined
def _stage(sim: Any, a: int, step: Any) -> int:
    """Begin a stage."""
    code = step.code
    if code == program.CPU:
        return _execute(sim, a, step.service, _draw(sim, a, step), GO_ON)
    if code == program.VISIT:
        return _visit(sim, a, step)
    if code == program.LEAVE:
        return _leave(sim, a, step)
    if code == program.DELAY:
        return wait(sim, a, _draw(sim, a, step), DELAYED, GO_ON)
    if code == program.MEMORY:
        return _memory(sim, a, step)
    return _rare_stage(sim, a, step)


@kernel
def _add_causes(sim: Any, o: int, a: int) -> None:
    """Add a completed attempt's causes to its operation's, which begin with it if it is the first attempt."""
    causes = operation_cause_at(sim, o * CAUSE_COLUMNS)
    if strand_at(sim, a).attempt == 1:
        copy_columns(causes, strand_cause_at(sim, a * CAUSE_COLUMNS))
    else:
        add_columns(causes, strand_cause_at(sim, a * CAUSE_COLUMNS))


@inlined
def _end(sim: Any, a: int, outcome: int) -> int:
    """Report the end of the server side of an attempt: one hop to its client if that still waits.

    Returns the operation if its client is to be told next, as nothing else waits, else -1.
    """
    strand = strand_at(sim, a)
    if strand.parent >= 0:
        _end_branch(sim, a, outcome)
        return -1
    told = -1
    if outcome != COMPLETED:
        give_all_back(sim, a)
    if strand.settled == 0:
        operation = operation_at(sim, strand.operation)
        operation.outcome = outcome
        if sim.wake_head == sim.wake_tail and sim.start_head == sim.start_tail:
            told = strand.operation
        else:
            push_wake(sim, 2 * strand.operation + 1)
        if sim.tracking and outcome == COMPLETED:
            if strand.attempt == 1 and sim.recording == 0:
                operation.causes_of = a  # `settle` takes them from its row, and frees it later
                strand.serial = -1
                return told
            operation.causes_of = -1
            _add_causes(sim, strand.operation, a)
    free_strand(sim, a)
    return told


@kernel
def walk(sim: Any, a: int) -> int:
    """Go on with a strand until it waits or ends; returns as `_end`."""
    strand = strand_at(sim, a)
    state = NEXT
    row = strand.row
    if strand.resume != BEGIN:
        account_wait(sim, a)
    if strand.end_outcome >= 0:
        state = ENDED
    elif strand.resume != BEGIN:
        state = _resume(sim, a, step_at(sim, row))
        if state == NEXT:
            row = step_at(sim, row).next
    while state == NEXT:
        step = step_at(sim, row)
        strand.row = row  # before the code is looked at, so that one jump tells all codes apart
        if step.code == program.END:
            return _end(sim, a, COMPLETED)
        if step.code == program.JUMP:
            row = step.a
        elif step.code == program.CHOICE:
            row = _choice(sim, a, step)
        else:
            state = _stage(sim, a, step)
            row = step.next
    return _end(sim, a, strand.end_outcome) if state == ENDED else -1

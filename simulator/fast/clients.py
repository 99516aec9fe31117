"""Clients: closed users, open and traced arrivals, timeouts, retries, phases (the rules of `models.clients`)."""

from __future__ import annotations

from typing import Any

from models.arithmetic import SPEED_BITS, arrival_after, backoff_ns, pick_by_weight, scaled_ns
from models.compiled import bit_length
from models.draws import (
    STAGE_BACKOFF,
    STAGE_FIRST_THINK,
    STAGE_INTERARRIVAL,
    STAGE_OPERATION_KIND,
    STAGE_THINK,
    STAGE_TIMEOUT,
    chain,
    coordinate,
    source_key,
    uniform,
)
from models.ranks import ARRIVAL, BACKOFF, PHASE, THINK, TIMEOUT
from models.records import ABANDONED_ATTEMPTS, BACKING_OFF, CANCELLED, COMPLETED, IN_FLIGHT, REJECTED, TIMED_OUT
from simulator.compiled_tables import BUDGET_ONE, CLOSED, OPEN
from simulator.fast.draw import draw
from simulator.fast.heap import drop_first, replace_first, schedule
from simulator.fast.jit import (
    add_line,
    clear_columns,
    copy_columns,
    inlined,
    kernel,
    line_is_set,
    prefetch,
    rare,
)
from simulator.fast.layout import (
    CAUSE_COLUMNS,
    CAUSES_OF_A_LINE,
    DEFERRED,
    LINE,
    arrival_at,
    cause_sum_at,
    chosen_at,
    histogram_at,
    kind_weight_at,
    operation_at,
    operation_cause_at,
    operation_kind_at,
    phase_value_at,
    phases_of,
    record_at,
    record_cause_at,
    source_at,
    strand_at,
    strand_cause_at,
    uncounted_at,
    unsummed_at,
    weights_of,
    workload_at,
)
from simulator.fast.slots import free_operation, free_strand, take_operation, take_strand
from simulator.fast.strands import push_wake
from simulator.fast.walk import reset_strand
from simulator.fast.withdrawal import take_out
from simulator.histogram import BINS, SUB_BITS

# --- operations and attempts -----------------------------------------------------------------------------------------


@rare
def _draw_kind(sim: Any, w: int, key: int) -> int:
    """Draw which operation of several it is; returns its position among the workload's."""
    workload = workload_at(sim, w)
    share = uniform(key, coordinate(0, STAGE_OPERATION_KIND, 0))
    return pick_by_weight(weights_of(sim), workload.first_kind, workload.kinds, share)


@inlined
def _kind_of(sim: Any, w: int, key: int) -> int:
    """Return which operation of the workload's it is."""
    workload = workload_at(sim, w)
    position = _draw_kind(sim, w, key) if workload.kinds > 1 else 0
    return kind_weight_at(sim, workload.first_kind + position).value


@inlined
def begin_operation(sim: Any, source_id: int, kind: int, key: int) -> int:
    """Start an operation of a source; ``kind`` -1 is drawn. Returns the strand of its first attempt."""
    source = source_at(sim, source_id)
    workload = workload_at(sim, source.workload)
    o = take_operation(sim)
    operation = operation_at(sim, o)
    operation.serial = sim.next_operation_serial
    sim.next_operation_serial += 1
    operation.source = source_id
    operation.key = key
    if kind < 0:
        kind = _kind_of(sim, source.workload, key)
    operation.kind = kind
    operation.start_ns = sim.now
    source.operations += 1
    workload.offered += 1
    if sim.recording:
        _begin_record(sim, o)
    if workload.budget >= 0:
        workload.tokens += workload.budget
    return _begin_attempt(sim, o, 1, source_id, key, kind)


@rare
def _begin_record(sim: Any, o: int) -> None:
    """Write down the start of an operation."""
    operation = operation_at(sim, o)
    operation.instance = -1
    operation.record = sim.record_count
    operation.live = 1
    record = record_at(sim, sim.record_count)
    sim.record_count += 1
    if sim.record_count >= sim.record_margin_at:
        sim.grow = 1
    record.source = operation.source
    record.number = source_at(sim, operation.source).operations - 1
    record.kind = operation.kind
    record.start_ns = operation.start_ns
    record.end_ns = -1
    record.outcome = IN_FLIGHT


@kernel
def begin_attempt(sim: Any, o: int) -> int:
    """Make an attempt after the first one; returns its strand."""
    operation = operation_at(sim, o)
    operation.instance = -1
    operation.attempt_ns = sim.now
    return _begin_attempt(sim, o, operation.attempts + 1, operation.source, operation.key, operation.kind)


@inlined
def _begin_attempt(  # noqa: PLR0917 - compiled by position
    sim: Any, o: int, attempt: int, source_id: int, key: int, kind: int
) -> int:
    """Make an attempt of an operation of a source; returns its strand."""
    operation_at(sim, o).attempts = attempt
    a = take_strand(sim)
    reset_strand(sim, a)
    strand = strand_at(sim, a)
    strand.operation = o
    strand.attempt = attempt
    strand.source = source_id
    strand.key = key
    strand.root = a
    strand.row = operation_kind_at(sim, kind).first_row
    if sim.choosing:
        for service in range(sim.service_count):
            chosen_at(sim, a * sim.service_count + service).value = -1
    workload = workload_at(sim, source_at(sim, source_id).workload)
    if workload.timeout >= 0:
        wait_ns = max(1, draw(sim, workload.timeout, key, coordinate(attempt, STAGE_TIMEOUT, 0)))
        schedule(sim, sim.now + wait_ns, TIMEOUT, strand.serial, a)
    return a


@rare
def time_out(sim: Any, serial: int, a: int) -> None:
    """Abandon an attempt whose time is up."""
    strand = strand_at(sim, a)
    if strand.serial != serial or strand.settled:
        return
    strand.settled = 1
    o = strand.operation
    workload = workload_at(sim, source_at(sim, strand.source).workload)
    workload.timed_out += 1
    if workload.cancel:
        take_out(sim, a, CANCELLED)
    operation_at(sim, o).outcome = TIMED_OUT
    push_wake(sim, 2 * o + 1)


@kernel
def _abandon(sim: Any, o: int) -> None:
    """Account an attempt that did not complete; the first such begins the operation's causes."""
    operation = operation_at(sim, o)
    began_ns = operation.attempt_ns
    if operation.attempts == 1:
        began_ns = operation.start_ns
        clear_columns(operation_cause_at(sim, o * CAUSE_COLUMNS))
    operation_cause_at(sim, o * CAUSE_COLUMNS + ABANDONED_ATTEMPTS).value += sim.now - began_ns


@rare
def _retry_or_end(sim: Any, o: int) -> int:
    """Go on after an attempt that did not complete; as `settle`."""
    operation = operation_at(sim, o)
    workload = workload_at(sim, source_at(sim, operation.source).workload)
    if sim.tracking:
        _abandon(sim, o)
    if operation.outcome == REJECTED:
        workload.rejected += 1
    if operation.attempts >= workload.attempts:
        return -1
    if workload.budget >= 0:
        if workload.tokens < BUDGET_ONE:
            return -1
        workload.tokens -= BUDGET_ONE
    workload.retried += 1
    wait_ns = backoff_ns(workload.backoff_ns, workload.multiplier, workload.cap_ns, operation.attempts)
    if workload.jitter:
        wait_ns = scaled_ns(wait_ns, uniform(operation.key, coordinate(operation.attempts, STAGE_BACKOFF, 0)))
    if wait_ns == 0:
        return begin_attempt(sim, o)
    if sim.tracking:
        operation_cause_at(sim, o * CAUSE_COLUMNS + BACKING_OFF).value += wait_ns
    schedule(sim, sim.now + wait_ns, BACKOFF, operation.serial, o)
    return -2


@inlined
def settle(sim: Any, o: int) -> int:
    """Tell a client the outcome of an attempt; returns the strand to begin next, -1 if there is none."""
    operation = operation_at(sim, o)
    if operation.outcome != COMPLETED:
        a = _retry_or_end(sim, o)
        if a != -1:
            return max(a, -1)
    source_id = operation.source
    _end_operation(sim, o)
    if source_at(sim, source_id).is_user:
        return next_of_user(sim, source_id)
    return -1


@inlined
def _bin_of(value_ns: int) -> int:
    """Return the same as `simulator.histogram.bin_of`."""
    shift = bit_length(value_ns >> (SUB_BITS + 1))
    return min((shift << SUB_BITS) + (value_ns >> shift), BINS - 1)


@inlined
def _end_operation(sim: Any, o: int) -> None:
    """Count and measure an operation that has its final outcome."""
    operation = operation_at(sim, o)
    w = source_at(sim, operation.source).workload
    workload = workload_at(sim, w)
    if operation.outcome == COMPLETED:
        workload.completed += 1
        position = BINS
        if sim.now >= sim.warmup_ns:
            response_ns = sim.now - operation.start_ns
            position = _bin_of(response_ns)
            _count_in_bin(sim, workload.completed, w * BINS + position)
            workload.response_sum_ns += response_ns
            workload.response_max_ns = max(workload.response_max_ns, response_ns)
        if sim.summing:
            _sum_causes(sim, workload.completed, o, position)
    else:
        workload.failed += 1
        if sim.now >= sim.warmup_ns:
            workload.failed_sum_ns += sim.now - operation.start_ns
    if sim.recording:
        _end_record(sim, o)
    free_operation(sim, o)


@inlined
def _count_in_bin(sim: Any, number: int, position: int) -> None:
    """Count an operation in a bin, once some others have asked: meanwhile the bin, seldom in the cache, is fetched.

    The next one may be too soon: it can end a few dozen nanoseconds later.
    """
    prefetch(histogram_at(sim, position), 0)
    uncounted = uncounted_at(sim, number & (DEFERRED - 1))
    histogram_at(sim, uncounted.value).value += 1
    uncounted.value = position


@inlined
def _add_unsummed(sim: Any, unsummed: Any) -> None:
    """Add the causes of an earlier operation; of the two lines of the cache, the second only if it has any."""
    first = unsummed.strand * CAUSE_COLUMNS
    add_line(cause_sum_at(sim, unsummed.bin * CAUSES_OF_A_LINE), strand_cause_at(sim, first))
    if line_is_set(strand_cause_at(sim, first + CAUSES_OF_A_LINE)):
        second = BINS + 1 + unsummed.bin
        add_line(cause_sum_at(sim, second * CAUSES_OF_A_LINE), strand_cause_at(sim, first + CAUSES_OF_A_LINE))


@inlined
def _prefetch_unsummed(sim: Any, unsummed: Any) -> None:
    """Have causes fetched that are added soon, and the second line of their sums if any go there."""
    first = unsummed.strand * CAUSE_COLUMNS
    prefetch(strand_cause_at(sim, first), 0)
    if line_is_set(strand_cause_at(sim, first + CAUSES_OF_A_LINE)):
        prefetch(cause_sum_at(sim, (BINS + 1 + unsummed.bin) * CAUSES_OF_A_LINE), 0)


@kernel
def _sum_causes(sim: Any, number: int, o: int, position: int) -> None:
    """Add an operation's causes to those of its bin of the histogram, as late as `_count_in_bin` does.

    Meanwhile they lie in the row of a strand that has ended, which nothing else uses.
    """
    prefetch(cause_sum_at(sim, position * CAUSES_OF_A_LINE), 0)
    unsummed = unsummed_at(sim, number & (DEFERRED - 1))
    _add_unsummed(sim, unsummed)
    a = operation_at(sim, o).causes_of
    if a >= 0:  # the operation's are those of its only attempt
        free_strand(sim, unsummed.strand)
        unsummed.strand = a
        prefetch(strand_cause_at(sim, a * CAUSE_COLUMNS), LINE)
    else:
        copy_columns(strand_cause_at(sim, unsummed.strand * CAUSE_COLUMNS), operation_cause_at(sim, o * CAUSE_COLUMNS))
    unsummed.bin = position
    _prefetch_unsummed(sim, unsummed_at(sim, (number + DEFERRED // 2) & (DEFERRED - 1)))


@rare
def count_deferred(sim: Any) -> None:
    """Count and sum what `_count_in_bin` and `_sum_causes` have put off."""
    none = sim.workload_count * BINS
    for number in range(DEFERRED):
        uncounted = uncounted_at(sim, number)
        histogram_at(sim, uncounted.value).value += 1
        uncounted.value = none
        if sim.summing:
            _add_unsummed(sim, unsummed_at(sim, number))
            unsummed_at(sim, number).bin = BINS


@rare
def _end_record(sim: Any, o: int) -> None:
    """Write down the end of an operation."""
    operation = operation_at(sim, o)
    operation.live = 0
    record = record_at(sim, operation.record)
    record.end_ns = sim.now
    record.outcome = operation.outcome
    record.attempts = operation.attempts
    record.instance = operation.instance
    if sim.tracking:
        causes = operation_cause_at(sim, o * CAUSE_COLUMNS)
        copy_columns(record_cause_at(sim, operation.record * CAUSE_COLUMNS), causes)


# --- closed users ----------------------------------------------------------------------------------------------------


@inlined
def next_of_user(sim: Any, source_id: int) -> int:
    """Park a surplus user, else let it think; returns the strand to begin at once, -1 if there is none."""
    source = source_at(sim, source_id)
    if source.position >= workload_at(sim, source.workload).active:
        source.parked = 1
        return -1
    return _think(sim, source_id)


@kernel
def _think(sim: Any, source_id: int) -> int:
    """Let a user think; as `next_of_user`."""
    source = source_at(sim, source_id)
    key = chain(source.key, source.operations)
    source.operation_key = key
    wait_ns = draw(sim, workload_at(sim, source.workload).think, key, coordinate(0, STAGE_THINK, 0))
    if source.fresh:
        wait_ns = scaled_ns(wait_ns, uniform(key, coordinate(0, STAGE_FIRST_THINK, 0)))
    if wait_ns or source.fresh:
        source.fresh = 0
        schedule(sim, sim.now + wait_ns, THINK, source_id, 0)
        return -1
    return begin_operation(sim, source_id, -1, key)


@kernel
def end_think(sim: Any, source_id: int) -> int:
    """Start the operation of a user that has thought, or let one that was parked think; as `next_of_user`."""
    source = source_at(sim, source_id)
    if source.parked:
        source.parked = 0
        source.fresh = 1
        return _think(sim, source_id)
    return begin_operation(sim, source_id, -1, source.operation_key)


@inlined
def _active_users(base_users: int, factor: int) -> int:
    """Return the number of active users of a phase."""
    return (base_users * factor + (1 << (SPEED_BITS - 1))) >> SPEED_BITS


@rare
def enter_phase(sim: Any, w: int, phase: int) -> None:
    """Change the number of active users; those parked go on with a think time, in the order of their numbers."""
    workload = workload_at(sim, w)
    workload.active = _active_users(workload.base_users, phase_value_at(sim, 2 * phase + 1).value)
    for user in range(workload.first_user, workload.first_user + min(workload.active, workload.users)):
        source = source_at(sim, user)
        if source.parked == 1:
            source.parked = 2
            schedule(sim, sim.now, THINK, user, 0)


# --- open and traced arrivals ----------------------------------------------------------------------------------------


@inlined
def _next_arrival_ns(sim: Any, source_id: int, number: int) -> int:
    """Return the time of an arrival of a process of an open workload, -1 if it never comes; draws its key too.

    The key was made with the arrival before, so that the draw need not wait for it.
    """
    source = source_at(sim, source_id)
    workload = workload_at(sim, source.workload)
    key = source.following_key
    source.operation_key = key
    source.following_key = chain(source.key, number + 1)
    gap_ns = draw(sim, workload.interarrival, key, coordinate(0, STAGE_INTERARRIVAL, 0))
    time_ns = sim.now + gap_ns
    if workload.phases:
        time_ns = arrival_after(phases_of(sim), workload.first_phase, workload.phases, sim.now, gap_ns)
    return time_ns


@rare
def _schedule_first_arrival(sim: Any, source_id: int) -> None:
    """Schedule the first arrival of a process of an open workload."""
    source_at(sim, source_id).following_key = chain(source_at(sim, source_id).key, 0)
    time_ns = _next_arrival_ns(sim, source_id, 0)
    if time_ns >= 0:
        schedule(sim, time_ns, ARRIVAL, source_id - sim.user_count, 0)


@rare
def _schedule_traced(sim: Any, source_id: int, number: int) -> None:
    """Schedule a traced arrival."""
    workload = workload_at(sim, source_at(sim, source_id).workload)
    if number < workload.arrivals:
        arrival = arrival_at(sim, workload.first_arrival + number)
        schedule(sim, arrival.first, ARRIVAL, source_id - sim.user_count, 0)


@kernel
def arrive_at_source(sim: Any, identifier: int) -> int:
    """Replace an arrival, the first event, by the one after it, and start its operation; returns its first strand."""
    source_id = sim.user_count + identifier
    number = source_at(sim, source_id).operations  # each arrival starts one
    workload = workload_at(sim, source_at(sim, source_id).workload)
    kind = -1
    if workload.kind == OPEN:
        key = source_at(sim, source_id).operation_key
        time_ns = _next_arrival_ns(sim, source_id, number + 1)
        if time_ns >= 0:
            replace_first(sim, time_ns)
        else:
            drop_first(sim)
    else:
        drop_first(sim)
        key = chain(source_at(sim, source_id).key, number)
        kind = arrival_at(sim, workload.first_arrival + number).second
        _schedule_traced(sim, source_id, number + 1)
    return begin_operation(sim, source_id, kind, key)


# --- the start -------------------------------------------------------------------------------------------------------


@kernel
def _make_key(sim: Any, source_id: int) -> None:
    """Give a source the key of its draws."""
    source = source_at(sim, source_id)
    source.key = source_key(sim.run_key, source.workload, source.process, source.slot)


@rare
def start_workload(sim: Any, w: int) -> None:
    """Schedule the phases and the first event of each source of a workload."""
    workload = workload_at(sim, w)
    if workload.kind == CLOSED:
        workload.base_users = workload.procs * workload.concurrency
        workload.active = workload.base_users
        if workload.phases:
            factor = phase_value_at(sim, 2 * workload.first_phase + 1).value
            workload.active = _active_users(workload.base_users, factor)
        for phase in range(workload.first_phase + 1, workload.first_phase + workload.phases):
            schedule(sim, phase_value_at(sim, 2 * phase).value, PHASE, w, phase)
        for user in range(workload.first_user, workload.first_user + workload.users):
            _make_key(sim, user)
            next_of_user(sim, user)
        return
    for number in range(workload.sources):
        source_id = sim.user_count + workload.first_source + number
        _make_key(sim, source_id)
        if workload.kind == OPEN:
            _schedule_first_arrival(sim, source_id)
        else:
            _schedule_traced(sim, source_id, 0)

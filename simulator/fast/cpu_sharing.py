"""Processor sharing: all tasks of a host at once (the rules of `models.cpu.processor_sharing`).

The tasks with a burst are a list by serial; ``active`` marks those that shared the cores when they were last divided.
"""

from __future__ import annotations

from typing import Any

from models.arithmetic import SPEED_BITS, SPEED_ONE
from models.records import THROTTLED_OR_PAUSED, WAITING_FOR_CORE, WORKING
from simulator.fast.cpu_cores import ask_for_release
from simulator.fast.cpu_tasks import (
    ASLEEP,
    HELD,
    RUNNING,
    WAITING,
    burst_enters,
    finish_burst,
    free_if_done,
    waits,
)
from simulator.fast.heap import set_timer, stop_timer
from simulator.fast.jit import inlined, rare
from simulator.fast.layout import core_at, host_at, instance_at, speed_at, strand_at, task_at
from simulator.fast.strands import add_cause
from simulator.fast.totals import change, depart


@inlined
def _set_state(sim: Any, t: int, state: int) -> None:
    """Change a task's state and the station's counts with it."""
    task = task_at(sim, t)
    if task.state == state:
        return
    busy = 0
    waiting = 0
    if state == RUNNING:
        busy += 1
    if task.state == RUNNING:
        busy -= 1
    if state == WAITING:
        waiting += 1
    if task.state == WAITING:
        waiting -= 1
    change(sim, instance_at(sim, task.group).cpu_station, busy, waiting)
    task.state = state


@inlined
def _drawn_q20(host: Any, group: Any) -> int:
    """Return the cores that an instance uses, in units of 2^-20."""
    share = min(SPEED_ONE, (host.cores << SPEED_BITS) // host.active_count)
    return share * group.active_tasks


@rare
def sharing_account(sim: Any, h: int) -> None:
    """Bring the tasks' work, the cores' times and the budgets up to now."""
    host = host_at(sim, h)
    elapsed = sim.now - host.since_ns
    if elapsed == 0:
        return
    host.since_ns = sim.now
    working = min(host.active_count, host.cores)
    for position in range(host.cores):
        core = core_at(sim, host.first_core + position)
        if host.pausing:
            core.paused_ns += elapsed
        elif position < working:
            core.working_ns += elapsed
        elif host.throttled_groups:
            core.throttled_ns += elapsed
        else:
            core.idle_ns += elapsed
    if host.pausing:
        return
    if host.has_quota:
        g = host.first_member
        while g >= 0:
            group = instance_at(sim, g)
            if group.quota_ns >= 0 and group.active_tasks > 0:
                group.left_ns -= (elapsed * _drawn_q20(host, group)) >> SPEED_BITS
            g = group.next_member
    t = host.sharing_head
    while t >= 0:
        task = task_at(sim, t)
        if task.active:
            _progress(sim, t, elapsed, working, host.active_count)
        t = task.next


@inlined
def _progress(sim: Any, t: int, elapsed: int, working: int, active: int) -> None:
    """Account an active task's share of the time since the last account."""
    task = task_at(sim, t)
    if sim.tracking:
        served = elapsed * working // active  # its share of the elapsed time; it waited in the rest
        task.ran_ns += served
        if task.strand >= 0:
            add_cause(sim, task.strand, WORKING, served)
            add_cause(sim, task.strand, WAITING_FOR_CORE, elapsed - served)
            strand_at(sim, task.strand).since_ns = sim.now
    done = min(task.work, elapsed * task.rate)
    task.work -= done
    if sim.checking:
        group = instance_at(sim, task.group)
        group.work_done += done
        group.work_present -= done


@inlined
def sharing_change(sim: Any, h: int) -> None:
    """Account up to now and share anew when the cascade has drained."""
    sharing_account(sim, h)
    ask_for_release(sim, host_at(sim, h).first_core)


@rare
def sharing_insert(sim: Any, h: int, t: int) -> None:
    """Put a task that asks into the list, by its serial."""
    task = task_at(sim, t)
    host = host_at(sim, h)
    task.active = 0
    before = host.sharing_tail
    while before >= 0 and task_at(sim, before).serial > task.serial:
        before = task_at(sim, before).previous
    task.previous = before
    if before >= 0:
        task.next = task_at(sim, before).next
        task_at(sim, before).next = t
    else:
        task.next = host.sharing_head
        host.sharing_head = t
    if task.next >= 0:
        task_at(sim, task.next).previous = t
    else:
        host.sharing_tail = t


@rare
def sharing_leave(sim: Any, h: int, t: int) -> None:
    """Take a task out and hold it until the cascade has drained."""
    sharing_change(sim, h)
    task = task_at(sim, t)
    host = host_at(sim, h)
    if task.previous >= 0:
        task_at(sim, task.previous).next = task.next
    else:
        host.sharing_head = task.next
    if task.next >= 0:
        task_at(sim, task.next).previous = task.previous
    else:
        host.sharing_tail = task.previous
    _set_state(sim, t, HELD)
    task.work = 0
    depart(sim, instance_at(sim, task.group).cpu_station, task.arrived_ns)
    if task.in_held == 0:
        task.in_held = 1
        task.next_held = host.held_head
        host.held_head = t


@rare
def _wait_within_quotas(sim: Any, h: int, wait_ns: int) -> int:
    """Return a wait cut to the time at which the first budget is used up."""
    host = host_at(sim, h)
    g = host.first_member
    while g >= 0:
        group = instance_at(sim, g)
        if group.quota_ns >= 0 and group.active_tasks > 0:
            drawn_q20 = max(1, _drawn_q20(host, group))
            wait_ns = min(wait_ns, max(0, -((-(group.left_ns << SPEED_BITS)) // drawn_q20)))
        g = group.next_member
    return wait_ns


@rare
def sharing_arm(sim: Any, h: int) -> None:
    """Set the timer of the first completion or of the end of a budget."""
    host = host_at(sim, h)
    if host.pausing or host.active_count == 0:
        stop_timer(sim, host.first_core)
        return
    wait_ns = -1
    t = host.sharing_head
    while t >= 0:
        task = task_at(sim, t)
        if task.active:
            needed_ns = -((-task.work) // task.rate)
            if wait_ns < 0 or needed_ns < wait_ns:
                wait_ns = needed_ns
        t = task.next
    if host.has_quota:
        wait_ns = _wait_within_quotas(sim, h, wait_ns)
    set_timer(sim, host.first_core, sim.now + wait_ns)


@inlined
def _count_active(sim: Any, h: int) -> int:
    """Mark the tasks that may run, count them by instance, and return how many they are."""
    host = host_at(sim, h)
    g = host.first_member
    while g >= 0:
        instance_at(sim, g).active_tasks = 0
        g = instance_at(sim, g).next_member
    count = 0
    t = host.sharing_head
    while t >= 0:
        task = task_at(sim, t)
        group = instance_at(sim, task.group)
        if group.throttled:
            task.active = 0
        else:
            task.active = 1
            count += 1
            group.active_tasks += 1
        t = task.next
    host.active_count = count
    return count


@rare
def sharing_share(sim: Any, h: int) -> None:
    """Divide the cores' speed and set the timer; the remainder goes to the lowest serials."""
    host = host_at(sim, h)
    count = _count_active(sim, h)
    rate = 0
    rest = 0
    if count:
        busy = min(count, host.cores)
        paired = max(0, busy - host.cores // host.threads_per_core)
        alone_speed = speed_at(sim, host.first_speed + busy).value
        paired_speed = speed_at(sim, host.first_speed + host.cores + 1 + busy).value
        total = 2 * paired * paired_speed + (busy - 2 * paired) * alone_speed
        rate = total // count
        rest = total % count
    position = 0
    t = host.sharing_head
    while t >= 0:
        task = task_at(sim, t)
        state = WAITING
        if task.active:
            share = rate + 1 if position < rest else rate
            task.rate = max(1, (share * instance_at(sim, task.group).speed) >> SPEED_BITS)
            if position < host.cores:
                state = RUNNING
            position += 1
        _set_state(sim, t, state)
        t = task.next
    sharing_arm(sim, h)


@rare
def sharing_release(sim: Any, h: int) -> None:
    """End of the cascade: held tasks sleep, the others share the cores."""
    host = host_at(sim, h)
    t = host.held_head
    host.held_head = -1
    while t >= 0:
        task = task_at(sim, t)
        following = task.next_held
        task.in_held = 0
        if task.state == HELD:
            task.state = ASLEEP
            free_if_done(sim, t)
        t = following
    sharing_share(sim, h)


@rare
def sharing_expire(sim: Any, h: int) -> int:
    """Return the first task without work, taken out; else throttle an instance whose budget is used up: -1."""
    sharing_account(sim, h)
    host = host_at(sim, h)
    t = host.sharing_head
    while t >= 0:
        task = task_at(sim, t)
        if task.active and task.work == 0:
            finish_burst(sim, t)
            sharing_leave(sim, h, t)
            return t
        t = task.next
    if host.has_quota:
        t = host.sharing_head
        while t >= 0:
            task = task_at(sim, t)
            group = instance_at(sim, task.group)
            if task.active and group.quota_ns >= 0 and group.left_ns <= 0:
                group.throttled = 1
                host.throttled_groups += 1
                sharing_tell(sim, h, task.group, True)
                break
            t = task.next
    sharing_share(sim, h)
    return -1


@rare
def sharing_tell(sim: Any, h: int, g: int, throttled: bool) -> None:
    """Account the waits of an instance's tasks anew, as its throttling has changed."""
    t = host_at(sim, h).sharing_head
    while t >= 0:
        task = task_at(sim, t)
        if task.group == g:
            waits(sim, t, throttled)
        t = task.next


@rare
def sharing_stop_counting(sim: Any, h: int) -> None:
    """Account the active tasks' time as paused from now on (a pause begins or ends)."""
    t = host_at(sim, h).sharing_head
    while t >= 0:
        task = task_at(sim, t)
        if task.active:
            burst_enters(sim, t, THROTTLED_OR_PAUSED)
        t = task.next

"""CPU quotas: budgets and throttling on separate cores (the rules of `models.cpu.cores`)."""

from __future__ import annotations

from typing import Any

from simulator.compiled_tables import FIFO, LINUX, ROUND_ROBIN
from simulator.fast.cpu_cores import account, draw_on_quota, is_throttled
from simulator.fast.cpu_fifo import fifo_blocked
from simulator.fast.cpu_linux import update_task
from simulator.fast.cpu_tasks import WAITING, waits
from simulator.fast.heap import stop_timer
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import core_at, core_group_at, free_core_at, host_at, instance_at, queue_at, task_at
from simulator.fast.lists import push_task, push_task_first
from simulator.fast.totals import change


@inlined
def blocked(sim: Any, c: int, g: int) -> bool:
    """Return whether an instance's tasks waiting on a core's queue wait for their quota rather than for a core."""
    h = core_at(sim, c).host
    if host_at(sim, h).has_quota == 0:
        return False
    if host_at(sim, h).discipline == FIFO:
        return fifo_blocked(sim, h, g)
    return is_throttled(sim, c, g)


@inlined
def run_queue(sim: Any, c: int) -> int:
    """Return the queue in which the tasks of a core wait."""
    host = host_at(sim, core_at(sim, c).host)
    if host.discipline == FIFO:
        return host.queue
    return core_at(sim, c).queue


@kernel
def give_up(sim: Any, c: int, throttled: bool) -> None:
    """Take the running task off its core and queue it; the core is free afterwards."""
    account(sim, c)
    stop_timer(sim, c)
    core = core_at(sim, c)
    t = core.task
    task = task_at(sim, t)
    core.task = -1
    task.state = WAITING
    task.last_core = c
    change(sim, instance_at(sim, task.group).cpu_station, -1, 1)
    waits(sim, t, throttled)
    discipline = host_at(sim, core.host).discipline
    if discipline == LINUX:
        task.last_ran_ns = sim.now
        update_task(sim, c, t)
        push_task(sim, core.queue, t)
    elif discipline == ROUND_ROBIN and not throttled:
        push_task(sim, core.queue, t)
    else:
        push_task_first(sim, run_queue(sim, c), t)


@rare
def tell_waiting(sim: Any, c: int, g: int) -> None:
    """Account the waits of an instance's tasks on a core's queue anew, as its throttling has changed."""
    if sim.tracking == 0:
        return
    throttled = blocked(sim, c, g)
    t = queue_at(sim, run_queue(sim, c)).head
    while t >= 0:
        task = task_at(sim, t)
        if task.group == g and task.delayed == 0:
            waits(sim, t, throttled)
        t = task.next


@rare
def _throttle_core(sim: Any, c: int, g: int) -> None:
    """Stop an instance on a core."""
    account(sim, c)
    core_at(sim, c).throttled += 1
    core_group_at(sim, c * sim.instance_count + g).throttled = 1
    tell_waiting(sim, c, g)


@rare
def throttle(sim: Any, c: int, g: int) -> None:
    """Stop an instance on one core until its next period.

    Under "fifo" on the idle cores too: offered the task in the common queue, they would find nothing left.
    """
    _throttle_core(sim, c, g)
    host = host_at(sim, core_at(sim, c).host)
    if host.discipline == FIFO:
        for other in range(host.first_core, host.first_core + host.cores):
            if core_at(sim, other).task < 0 and not is_throttled(sim, other, g):
                _throttle_core(sim, other, g)


@rare
def _throttle_everywhere(sim: Any, noticed: int, g: int) -> None:
    """Stop an instance whose ideal budget is used up; all cores but the one that noticed shall take other tasks."""
    host = host_at(sim, instance_at(sim, g).host)
    first = sim.free_core_count
    for c in range(host.first_core, host.first_core + host.cores):
        core = core_at(sim, c)
        if core.task >= 0 and task_at(sim, core.task).group == g and core.held == 0:
            give_up(sim, c, True)
            if c != noticed:
                free_core_at(sim, sim.free_core_count).value = 2 * c
                sim.free_core_count += 1
        if not is_throttled(sim, c, g):
            throttle(sim, c, g)
    last = sim.free_core_count - 1
    while first < last:  # the first of them takes a task first: it lies on top
        other = free_core_at(sim, first).value
        free_core_at(sim, first).value = free_core_at(sim, last).value
        free_core_at(sim, last).value = other
        first += 1
        last -= 1


@rare
def _draw_budget(sim: Any, c: int) -> bool:
    """As `has_budget`, on a host where some instance has a quota."""
    g = task_at(sim, core_at(sim, c).task).group
    group = instance_at(sim, g)
    if group.quota_ns < 0:
        return True
    if group.quota_slice_ns == 0:
        draw_on_quota(sim, g)
        if group.left_ns > 0:
            return True
        _throttle_everywhere(sim, c, g)
        return False
    own = core_group_at(sim, c * sim.instance_count + g)
    if own.budget_ns > 0:
        return True
    taken = min(group.quota_slice_ns, group.left_ns)
    if taken > 0:
        group.left_ns -= taken
        own.budget_ns += taken
        return True
    give_up(sim, c, True)
    throttle(sim, c, g)
    return False


@inlined
def has_budget(sim: Any, c: int) -> bool:
    """Make sure that a core may run the task that it has.

    If not, the task is queued, the core is free, and cores that lost their tasks with it lie on the stack of free
    cores.
    """
    if host_at(sim, core_at(sim, c).host).has_quota == 0:
        return True
    return _draw_budget(sim, c)


@rare
def return_budgets(sim: Any, c: int) -> None:
    """Give what a core took of the quotas and did not use back."""
    g = host_at(sim, core_at(sim, c).host).first_member
    while g >= 0:
        own = core_group_at(sim, c * sim.instance_count + g)
        instance_at(sim, g).left_ns += own.budget_ns
        own.budget_ns = 0
        g = instance_at(sim, g).next_member

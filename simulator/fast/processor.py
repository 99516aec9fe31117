"""The cores of a host as everybody else uses them: ask, withdraw, release, pause, speeds, quota periods."""

from __future__ import annotations

from typing import Any

from models.arithmetic import SPEED_BITS, search_passes
from models.ranks import QUOTA
from models.records import WORKING
from simulator.compiled_tables import FIFO, LINUX, PROCESSOR_SHARING, ROUND_ROBIN
from simulator.fast.cpu_cores import (
    account,
    arm,
    hold,
    idle_core,
    is_throttled,
    set_speed,
    shares,
)
from simulator.fast.cpu_linux import (
    average,
    choose,
    drop_delayed,
    join_queue,
    leave_while_waiting,
    put_to_sleep,
    runnable,
    update,
)
from simulator.fast.cpu_quota import blocked, has_budget, run_queue, tell_waiting
from simulator.fast.cpu_round_robin import shortest_queue
from simulator.fast.cpu_schedule import (
    end_slice,
    push_free_core,
    repick,
    serve,
    serve_free_cores,
    start_on_idle,
    take_next,
)
from simulator.fast.cpu_sharing import (
    sharing_account,
    sharing_arm,
    sharing_change,
    sharing_expire,
    sharing_insert,
    sharing_leave,
    sharing_release,
    sharing_share,
    sharing_stop_counting,
    sharing_tell,
)
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
from simulator.fast.draw import decide
from simulator.fast.heap import schedule
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import core_at, core_group_at, host_at, instance_at, task_at
from simulator.fast.lists import push_task, remove_task
from simulator.fast.totals import arrive, change, depart

# --- asking ----------------------------------------------------------------------------------------------------------


@inlined
def ask(sim: Any, t: int, demand_ns: int) -> None:
    """Let a task that has none execute a burst of more than 0 ns; its strand's time already is a wait for a core."""
    task = task_at(sim, t)
    group = instance_at(sim, task.group)
    h = group.host
    discipline = host_at(sim, h).discipline
    arrive(sim, group.cpu_station)
    task.arrived_ns = sim.now
    task.demand_ns = demand_ns
    task.ran_ns = 0
    task.wakeup_ns = 0 if task.state == HELD else group.wakeup_ns
    task.work = (demand_ns + task.wakeup_ns) << SPEED_BITS
    if sim.checking:
        group.work_asked += task.work
        group.work_present += task.work
    if discipline == PROCESSOR_SHARING:
        task.state = WAITING
        waits(sim, t, group.throttled != 0)
        sharing_change(sim, h)
        sharing_insert(sim, h, t)
    elif task.state == HELD:
        change(sim, group.cpu_station, 0, -1)
        _go_on(sim, task.core, t)
    else:
        task.state = WAITING
        if discipline == FIFO:
            _place_fifo(sim, h, t)
        elif discipline == ROUND_ROBIN:
            _place_round_robin(sim, h, t)
        else:
            _place_linux(sim, h, t)


@kernel
def _go_on(sim: Any, c: int, t: int) -> None:
    """Let a held task that asks again go on in its slice."""
    core = core_at(sim, c)
    core.held = 0
    task_at(sim, t).state = RUNNING
    burst_enters(sim, t, WORKING)
    discipline = host_at(sim, core.host).discipline
    if discipline == ROUND_ROBIN:
        if core.slice_left_ns <= 0 and shares(sim, c):
            end_slice(sim, c)
            return
    elif discipline == LINUX and core.repick:
        core.repick = 0
        if not repick(sim, c):
            return
    push_free_core(sim, c, 0)
    if has_budget(sim, c):
        sim.free_core_count -= 1
        arm(sim, c)
    else:
        serve_free_cores(sim, -1)


@inlined
def _place_fifo(sim: Any, h: int, t: int) -> None:
    """Take an idle core, else join the queue."""
    g = task_at(sim, t).group
    c = idle_core(sim, h, g)
    if c >= 0:
        start_on_idle(sim, c, t)
        return
    host = host_at(sim, h)
    push_task(sim, host.queue, t)
    if host.has_quota:
        waits(sim, t, blocked(sim, host.first_core, g))


@inlined
def _place_round_robin(sim: Any, h: int, t: int) -> None:
    """Take an idle core, else join the shortest queue, the running task counted."""
    task = task_at(sim, t)
    c = idle_core(sim, h, task.group)
    if c >= 0:
        start_on_idle(sim, c, t)
        return
    c = shortest_queue(sim, h)
    core = core_at(sim, c)
    task.core = c
    push_task(sim, core.queue, t)
    if host_at(sim, h).has_quota:
        waits(sim, t, blocked(sim, c, task.group))
    _begin_sharing(sim, c)


@inlined
def _begin_sharing(sim: Any, c: int) -> None:
    """Let the running task's slice end, if another waits from now on; alone it went round in full slices."""
    core = core_at(sim, c)
    if core.task < 0 or core.held or not shares(sim, c):
        return
    account(sim, c)
    time_slice_ns = host_at(sim, core.host).time_slice_ns
    if core.slice_left_ns <= 0:
        core.slice_left_ns = time_slice_ns - (-core.slice_left_ns) % time_slice_ns
    arm(sim, c)


@kernel
def _place_linux(sim: Any, h: int, t: int) -> None:
    """Wake in place if delayed, else find a core and join its queue; start or replace what runs there."""
    task = task_at(sim, t)
    if task.delayed:
        c = task.core
        _wake_in_place(sim, c, t)
    else:
        c = _find_core(sim, h, t)
        _enqueue(sim, c, t)
    waits(sim, t, blocked(sim, c, task.group))
    core = core_at(sim, c)
    if core.task < 0:
        take_next(sim, c, 1)
        return
    if core.repick == 0 and _preempts(sim, c, t):
        core.repick = 1
    if core.repick and core.held == 0:
        core.repick = 0
        repick(sim, c)


@inlined
def _preempts(sim: Any, c: int, t: int) -> bool:
    """Return whether a woken task is picked in place of the running one, which has passed the average.

    Delayed tasks that are picked before it leave.
    """
    core = core_at(sim, c)
    while host_at(sim, core.host).until_parity != 0 and task_at(sim, core.task).v > average(sim, c):
        chosen = choose(sim, c)
        if chosen < 0 or task_at(sim, chosen).delayed == 0:
            return chosen == t
        drop_delayed(sim, c, chosen)
    return False


@inlined
def _expect_repick(sim: Any, c: int) -> None:
    """Account the running task at a wake-up on its core."""
    core = core_at(sim, c)
    if core.task >= 0 and update(sim, c):
        core.repick = 1


@inlined
def _wake_in_place(sim: Any, c: int, t: int) -> None:
    """Go on with the old v and the old deadline, unless the average has passed meanwhile."""
    core = core_at(sim, c)
    task = task_at(sim, t)
    until_parity = host_at(sim, core.host).until_parity
    if until_parity == 0:
        _expect_repick(sim, c)
    task.delayed = 0
    core.delayed -= 1
    mean = average(sim, c)
    if mean > task.v:
        core.sum_v += mean - task.v
        task.v = mean
        task.deadline = mean + host_at(sim, core.host).base_slice_ns
    if until_parity != 0:
        _expect_repick(sim, c)


@inlined
def _enqueue(sim: Any, c: int, t: int) -> None:
    """Place a woken task by its lag."""
    core = core_at(sim, c)
    task = task_at(sim, t)
    _expect_repick(sim, c)
    slice_ns = host_at(sim, core.host).base_slice_ns
    if task.fresh:
        task.fresh = 0
        task.lag = 0
        slice_ns //= 2
    task.v = average(sim, c)
    if core.count:
        shift = abs(task.lag) * (core.count + 1) // core.count
        if task.lag >= 0:
            task.v -= shift
        else:
            task.v += shift
    task.deadline = task.v + slice_ns
    task.executed_ns = 0
    join_queue(sim, c, t)


@inlined
def _find_core(sim: Any, h: int, t: int) -> int:
    """Return the core for a task that wakes up: the previous one if idle, else perhaps another idle one."""
    task = task_at(sim, t)
    host = host_at(sim, h)
    previous = task.last_core
    if previous < 0:
        idle = idle_core(sim, h, task.group)
        return idle if idle >= 0 else _shortest(sim, h)
    core = core_at(sim, previous)
    if core.task < 0 and core.busy == 0 and not is_throttled(sim, previous, task.group):
        return previous
    idle = idle_core(sim, h, task.group)
    if idle < 0 or search_passes(host.cores, host.utilization_q20) == 0:
        return previous
    number = host.search_count
    host.search_count += 1
    return idle if decide(host.search_key, number) < host.idle_search else previous


@kernel
def _shortest(sim: Any, h: int) -> int:
    """Return the core on which the fewest tasks run or wait."""
    host = host_at(sim, h)
    best = host.first_core
    for c in range(host.first_core + 1, host.first_core + host.cores):
        if runnable(sim, c) < runnable(sim, best):
            best = c
    return best


# --- finishing, withdrawing, releasing -------------------------------------------------------------------------------


@inlined
def expire(sim: Any, c: int) -> int:
    """Handle a core's timer; returns the task whose burst is finished, -1 if none is."""
    h = core_at(sim, c).host
    if host_at(sim, h).discipline == PROCESSOR_SHARING:
        return sharing_expire(sim, h)
    account(sim, c)
    core = core_at(sim, c)
    t = core.task
    task = task_at(sim, t)
    if task.work == 0:
        finish_burst(sim, t)
        depart(sim, instance_at(sim, task.group).cpu_station, task.arrived_ns)
        hold(sim, c, t)
        return t
    _continue_or_switch(sim, c)
    return -1


@kernel
def _continue_or_switch(sim: Any, c: int) -> None:
    """Handle the end of a budget or of a slice."""
    core = core_at(sim, c)
    push_free_core(sim, c, 0)
    if not has_budget(sim, c):
        serve_free_cores(sim, -1)
        return
    sim.free_core_count -= 1
    if core.slice_left_ns <= 0 and shares(sim, c):
        end_slice(sim, c)
    else:
        arm(sim, c)


@rare
def withdraw_burst(sim: Any, t: int) -> None:
    """Take a task's unfinished burst back."""
    task = task_at(sim, t)
    group = instance_at(sim, task.group)
    sharing = host_at(sim, group.host).discipline == PROCESSOR_SHARING
    if sharing:
        sharing_account(sim, group.host)
    elif task.state == RUNNING:
        account(sim, task.core)
        hold(sim, task.core, t)
    else:
        if host_at(sim, group.host).discipline == LINUX:
            leave_while_waiting(sim, t)
        elif host_at(sim, group.host).discipline == FIFO:
            remove_task(sim, host_at(sim, group.host).queue, t)
        else:
            remove_task(sim, run_queue(sim, task.core), t)
        task.state = ASLEEP
        change(sim, group.cpu_station, 0, -1)
    if sim.checking:
        group.work_withdrawn += task.work
        group.work_present -= task.work
    if sharing:
        sharing_leave(sim, group.host, t)
    else:
        task.work = 0
        depart(sim, group.cpu_station, task.arrived_ns)


@inlined
def release(sim: Any, c: int) -> None:
    """End of the cascade: a task that did not ask again sleeps, and the core takes another."""
    core = core_at(sim, c)
    if host_at(sim, core.host).discipline == PROCESSOR_SHARING:
        sharing_release(sim, core.host)
        return
    if core.held == 0:
        return
    t = core.task
    task = task_at(sim, t)
    core.held = 0
    core.task = -1
    task.state = ASLEEP
    task.last_core = c
    change(sim, instance_at(sim, task.group).cpu_station, -1, 0)
    if host_at(sim, core.host).discipline == LINUX:
        put_to_sleep(sim, c, t)
    free_if_done(sim, t)
    serve(sim, c, -1, 0)


# --- pauses, speeds, quota periods -----------------------------------------------------------------------------------


@kernel
def pause(sim: Any, h: int, position: int, change_by: int) -> None:
    """Stop (1) the core at a position of a host or all of them (-1), or end one pause (-1); pauses may overlap."""
    host = host_at(sim, h)
    if host.discipline == PROCESSOR_SHARING:
        sharing_account(sim, h)
        sharing_stop_counting(sim, h)
        host.pausing += change_by
        sharing_arm(sim, h)
        return
    first = host.first_core + max(position, 0)
    last = first + 1 if position >= 0 else first + host.cores
    for c in range(first, last):
        account(sim, c)
        core_at(sim, c).pausing += change_by
    for c in range(first, last):
        t = core_at(sim, c).task
        if t >= 0:
            burst_enters(sim, t, WORKING)  # unless `arm` finds that it is paused
            arm(sim, c)


@kernel
def set_group_speed(sim: Any, g: int, speed: int) -> None:
    """Change the speed of an instance's tasks (units of 2^-20)."""
    group = instance_at(sim, g)
    host = host_at(sim, group.host)
    if host.discipline == PROCESSOR_SHARING:
        sharing_account(sim, group.host)
        group.speed = speed
        sharing_share(sim, group.host)
        return
    for c in range(host.first_core, host.first_core + host.cores):
        t = core_at(sim, c).task
        if t >= 0 and task_at(sim, t).group == g:
            account(sim, c)
    group.speed = speed
    for c in range(host.first_core, host.first_core + host.cores):
        t = core_at(sim, c).task
        if t >= 0 and task_at(sim, t).group == g and set_speed(sim, c):
            arm(sim, c)


@kernel
def start_period(sim: Any, g: int) -> None:
    """Refill an instance's budget and let its throttled tasks go on."""
    group = instance_at(sim, g)
    schedule(sim, sim.now + group.period_ns, QUOTA, g, 0)
    if host_at(sim, group.host).discipline == PROCESSOR_SHARING:
        sharing_account(sim, group.host)
        group.left_ns = group.quota_ns + min(0, group.left_ns)
        if group.throttled:
            group.throttled = 0
            host_at(sim, group.host).throttled_groups -= 1
            sharing_tell(sim, group.host, g, False)
        sharing_share(sim, group.host)
    else:
        _start_period_on_cores(sim, g)


@kernel
def _start_period_on_cores(sim: Any, g: int) -> None:
    """As `start_period`, on separate cores."""
    group = instance_at(sim, g)
    host = host_at(sim, group.host)
    for c in range(host.first_core, host.first_core + host.cores):
        account(sim, c)
    group.left_ns = group.quota_ns + min(0, group.left_ns)
    for c in range(host.first_core, host.first_core + host.cores):
        own = core_group_at(sim, c * sim.instance_count + g)
        own.released = own.throttled
        if own.throttled:
            own.throttled = 0
            core_at(sim, c).throttled -= 1
            tell_waiting(sim, c, g)
    if host.discipline == ROUND_ROBIN:
        for c in range(host.first_core, host.first_core + host.cores):
            if core_group_at(sim, c * sim.instance_count + g).released:
                _begin_sharing(sim, c)
    for c in range(host.first_core, host.first_core + host.cores):
        t = core_at(sim, c).task
        if t < 0:
            if host.discipline != LINUX or core_group_at(sim, c * sim.instance_count + g).released:
                take_next(sim, c, 0)
        elif group.quota_slice_ns == 0 and task_at(sim, t).group == g:
            arm(sim, c)

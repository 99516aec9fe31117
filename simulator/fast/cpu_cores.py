"""Cores with a task each: time, speed, timers, holding (the rules of `models.cpu.cores` that all disciplines share)."""

from __future__ import annotations

from typing import Any

from models.arithmetic import SPEED_BITS, SPEED_ONE
from models.records import THROTTLED_OR_PAUSED
from simulator.compiled_tables import ROUND_ROBIN
from simulator.fast.cpu_tasks import HELD, account_lead, burst_enters
from simulator.fast.heap import set_timer, stop_timer
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import (
    core_at,
    core_group_at,
    host_at,
    instance_at,
    queue_at,
    release_at,
    speed_at,
    task_at,
)


@inlined
def is_throttled(sim: Any, c: int, g: int) -> bool:
    """Return whether an instance's tasks wait for their quota on a core."""
    if core_at(sim, c).throttled == 0:
        return False
    return core_group_at(sim, c * sim.instance_count + g).throttled != 0


@inlined
def account(sim: Any, c: int) -> None:
    """Bring a core's times, its task's work and its budgets up to now."""
    core = core_at(sim, c)
    elapsed = sim.now - core.since_ns
    if elapsed == 0:
        return
    core.since_ns = sim.now
    if core.pausing:
        core.paused_ns += elapsed
    elif core.task < 0:
        if core.throttled:
            core.throttled_ns += elapsed
        else:
            core.idle_ns += elapsed
    else:
        leading = 0
        if core.exit_left_ns | core.switch_left_ns:
            exiting = min(elapsed, core.exit_left_ns)
            switching = min(elapsed - exiting, core.switch_left_ns)
            leading = exiting + switching
            core.exit_left_ns -= exiting
            core.switch_left_ns -= switching
            core.exiting_ns += exiting
            core.switching_ns += switching
            account_lead(sim, core.task, leading)
        core.working_ns += elapsed - leading
        _execute(sim, c, elapsed - leading)


@inlined
def _execute(sim: Any, c: int, running_ns: int) -> None:
    """Account the execution of a running task."""
    core = core_at(sim, c)
    task = task_at(sim, core.task)
    task.ran_ns += running_ns
    done = min(task.work, running_ns * core.speed)
    task.work -= done
    task.executed_ns += running_ns
    core.slice_left_ns -= running_ns
    if sim.checking:
        group = instance_at(sim, task.group)
        group.work_done += done
        group.work_present -= done
    if host_at(sim, core.host).has_quota:
        group = instance_at(sim, task.group)
        if group.quota_ns >= 0:
            if group.quota_slice_ns == 0:
                group.left_ns -= running_ns
            else:
                core_group_at(sim, c * sim.instance_count + task.group).budget_ns -= running_ns


@rare
def shares_with_throttled(sim: Any, c: int) -> bool:
    """As `shares`, where some of the waiting tasks may not run."""
    t = queue_at(sim, core_at(sim, c).queue).head
    while t >= 0:
        if not is_throttled(sim, c, task_at(sim, t).group):
            return True
        t = task_at(sim, t).next
    return False


@inlined
def shares(sim: Any, c: int) -> bool:
    """Return whether the running task's slice ends because others wait that may run here."""
    core = core_at(sim, c)
    if host_at(sim, core.host).discipline != ROUND_ROBIN:
        return False
    if core.throttled:
        return shares_with_throttled(sim, c)
    return queue_at(sim, core.queue).count > 0


@rare
def draw_on_quota(sim: Any, g: int) -> int:
    """Bring an instance's ideal budget up to now; returns how many cores draw on it."""
    drawing = 0
    host = host_at(sim, instance_at(sim, g).host)
    for c in range(host.first_core, host.first_core + host.cores):
        t = core_at(sim, c).task
        if t >= 0 and task_at(sim, t).group == g:
            account(sim, c)
            drawing += 1
    return drawing


@rare
def _wait_within_quota(sim: Any, c: int, wait_ns: int) -> int:
    """Return a wait cut to what is left of the running task's quota."""
    g = task_at(sim, core_at(sim, c).task).group
    group = instance_at(sim, g)
    if group.quota_ns < 0:
        return wait_ns
    if group.quota_slice_ns:
        return min(wait_ns, core_group_at(sim, c * sim.instance_count + g).budget_ns)
    running = draw_on_quota(sim, g)
    return min(wait_ns, max(0, -(-group.left_ns // running)))


@inlined
def arm_started(sim: Any, c: int) -> None:
    """Set the timer of a core with a running task: completion, end of the slice or of its budget, the first of them."""
    core = core_at(sim, c)
    host = host_at(sim, core.host)
    if core.pausing:
        burst_enters(sim, core.task, THROTTLED_OR_PAUSED)
        stop_timer(sim, c)
        return
    work = task_at(sim, core.task).work
    if core.speed == SPEED_ONE:
        wait_ns = (work + SPEED_ONE - 1) >> SPEED_BITS
    else:
        wait_ns = -((-work) // core.speed)
    if shares(sim, c):
        wait_ns = min(wait_ns, core.slice_left_ns)
    if host.has_quota:
        wait_ns = _wait_within_quota(sim, c, wait_ns)
    set_timer(sim, c, sim.now + core.exit_left_ns + core.switch_left_ns + wait_ns)


@kernel
def arm(sim: Any, c: int) -> None:
    """As `arm_started`, if the core has a task that runs, for callers that do so less often."""
    core = core_at(sim, c)
    if core.task >= 0 and core.held == 0:
        arm_started(sim, c)


@rare
def _speed_among_others(sim: Any, c: int) -> int:
    """Return the speed of a core, which depends on how many others are busy and on its sibling."""
    host = host_at(sim, core_at(sim, c).host)
    row = host.first_speed + max(host.busy_cores, 1)
    if host.threads_per_core > 1:
        sibling = host.first_core + ((c - host.first_core) ^ 1)
        if core_at(sim, sibling).busy:
            row += host.cores + 1
    return speed_at(sim, row).value


@inlined
def set_speed(sim: Any, c: int) -> bool:
    """Give a core the speed of the moment; returns whether it changed."""
    core = core_at(sim, c)
    host = host_at(sim, core.host)
    speed = host.speed
    if host.speeds_vary:
        speed = _speed_among_others(sim, c)
    speed = max(1, (speed * instance_at(sim, task_at(sim, core.task).group).speed) >> SPEED_BITS)
    changed = speed != core.speed
    core.speed = speed
    return changed


@rare
def _change_speeds(sim: Any, cause: int, change: int) -> None:
    """Change the number of busy cores where their speeds depend on it."""
    host = host_at(sim, core_at(sim, cause).host)
    for c in range(host.first_core, host.first_core + host.cores):
        if core_at(sim, c).task >= 0 and c != cause:
            account(sim, c)
    host.busy_cores += change
    for c in range(host.first_core, host.first_core + host.cores):
        if core_at(sim, c).task >= 0 and c != cause and set_speed(sim, c):
            arm(sim, c)


@inlined
def change_busy(sim: Any, cause: int, change: int) -> None:
    """Count busy cores and change the speeds that depend on their number."""
    host = host_at(sim, core_at(sim, cause).host)
    host.busy_core_ns += host.busy_cores * (sim.now - host.busy_since_ns)
    host.busy_since_ns = sim.now
    if host.speeds_vary:
        _change_speeds(sim, cause, change)
    else:
        host.busy_cores += change


@inlined
def hold(sim: Any, c: int, t: int) -> None:
    """Keep a core for its task until the cascade has drained."""
    task_at(sim, t).state = HELD
    core_at(sim, c).held = 1
    stop_timer(sim, c)
    ask_for_release(sim, c)


@inlined
def ask_for_release(sim: Any, c: int) -> None:
    """Have a core released when the cascade has drained."""
    core = core_at(sim, c)
    if core.releasing == 0:
        core.releasing = 1
        release_at(sim, sim.release_count).value = c
        sim.release_count += 1


@kernel
def _search_idle(sim: Any, h: int, g: int) -> int:
    host = host_at(sim, h)
    second = -1
    for c in range(host.first_core, host.first_core + host.cores):
        core = core_at(sim, c)
        if core.busy or core.task >= 0 or is_throttled(sim, c, g):
            continue
        if host.threads_per_core == 1 or core_at(sim, host.first_core + ((c - host.first_core) ^ 1)).busy == 0:
            return c
        if second < 0:
            second = c
    return second


@inlined
def idle_core(sim: Any, h: int, g: int) -> int:
    """Return the idle core that a task would take: empty physical cores first, then the lowest index; -1 if none."""
    host = host_at(sim, h)
    if host.busy_cores == host.cores:
        return -1
    return _search_idle(sim, h, g)

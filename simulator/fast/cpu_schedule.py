"""A free core takes its next task, whatever the discipline (the rules of `models.cpu.cores`)."""

from __future__ import annotations

from typing import Any

from models.records import WORKING
from simulator.compiled_tables import FIFO, ROUND_ROBIN
from simulator.fast.cpu_cores import account, arm, arm_started, change_busy, idle_core, set_speed
from simulator.fast.cpu_fifo import fifo_pick
from simulator.fast.cpu_linux import choose, drop_delayed, linux_pick
from simulator.fast.cpu_quota import give_up, has_budget, return_budgets
from simulator.fast.cpu_round_robin import round_robin_pick
from simulator.fast.cpu_tasks import RUNNING, burst_enters
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import core_at, free_core_at, host_at, instance_at, task_at
from simulator.fast.lists import remove_task
from simulator.fast.totals import change


@inlined
def _pick(sim: Any, c: int) -> int:
    """Take a waiting task that may run on a free core out of its queue; -1 if there is none."""
    discipline = host_at(sim, core_at(sim, c).host).discipline
    if discipline == FIFO:
        return fifo_pick(sim, c)
    if discipline == ROUND_ROBIN:
        return round_robin_pick(sim, c)
    return linux_pick(sim, c)


@inlined
def _go_idle(sim: Any, c: int) -> None:
    """Have nothing to run: give unused quota back and change the others' speeds."""
    account(sim, c)
    core = core_at(sim, c)
    if host_at(sim, core.host).has_quota:
        return_budgets(sim, c)
    if core.busy:
        core.busy = 0
        change_busy(sim, c, -1)


@rare
def _rearm_group(sim: Any, cause: int, g: int) -> None:
    """Bring forward the end of an ideal budget that one more core now draws on."""
    host = host_at(sim, instance_at(sim, g).host)
    for c in range(host.first_core, host.first_core + host.cores):
        t = core_at(sim, c).task
        if c != cause and t >= 0 and task_at(sim, t).group == g:
            arm(sim, c)


@inlined
def _start(sim: Any, c: int, t: int, from_idle: int) -> bool:
    """Put a waiting task on a free core; returns False if its quota is used up, and the core is still free."""
    account(sim, c)
    core = core_at(sim, c)
    task = task_at(sim, t)
    host = host_at(sim, core.host)
    core.task = t
    task.core = c
    task.state = RUNNING
    change(sim, instance_at(sim, task.group).cpu_station, 1, -1)
    if not has_budget(sim, c):
        return False
    burst_enters(sim, t, WORKING)
    core.exit_left_ns = host.exit_ns if from_idle else 0
    core.switch_left_ns = host.switch_ns if core.last_serial != task.serial else 0
    core.last_serial = task.serial
    core.slice_left_ns = host.time_slice_ns
    if core.busy == 0:
        core.busy = 1
        change_busy(sim, c, 1)
    set_speed(sim, c)
    arm_started(sim, c)
    if host.has_quota:
        group = instance_at(sim, task.group)
        if group.quota_ns >= 0 and group.quota_slice_ns == 0:
            _rearm_group(sim, c, task.group)
    return True


@inlined
def push_free_core(sim: Any, c: int, from_idle: int) -> None:
    """Note that a core is to take a task."""
    free_core_at(sim, sim.free_core_count).value = 2 * c + from_idle
    sim.free_core_count += 1


@rare
def serve_free_cores(sim: Any, t: int) -> None:
    """Let the noted cores pick until each has a task with budget, else go idle; the top one tries ``t`` first."""
    while sim.free_core_count > 0:
        position = sim.free_core_count - 1
        code = free_core_at(sim, position).value
        c = code >> 1
        if t >= 0:
            free_core_at(sim, position).value = 2 * c  # whatever it takes after the given one, it was not idle for it
        else:
            t = _pick(sim, c)
        if t < 0:
            sim.free_core_count = position
            _go_idle(sim, c)
        elif _start(sim, c, t, code & 1):
            sim.free_core_count = position
        t = -1


@inlined
def serve(sim: Any, c: int, t: int, from_idle: int) -> None:
    """Let a free core take task ``t``, without one (-1) pick, else go idle."""
    if host_at(sim, core_at(sim, c).host).has_quota:
        push_free_core(sim, c, from_idle)
        serve_free_cores(sim, t)
        return
    if t < 0:
        t = _pick(sim, c)
    if t < 0:
        _go_idle(sim, c)
    else:
        _start(sim, c, t, from_idle)


@kernel
def _serve(sim: Any, c: int, t: int, from_idle: int) -> None:
    """As `serve`, for callers that do so less often."""
    serve(sim, c, t, from_idle)


@inlined
def take_next(sim: Any, c: int, from_idle: int) -> None:
    """Let a free core take a task, or go idle."""
    _serve(sim, c, -1, from_idle)


@inlined
def start_on_idle(sim: Any, c: int, t: int) -> None:
    """Start a woken task on an idle core, which takes another if the task's quota is used up."""
    _serve(sim, c, t, 1)


@rare
def end_slice(sim: Any, c: int) -> None:
    """Send the running task to the tail; a core that is idle, as the others' quota is used up there, takes the task."""
    h = core_at(sim, c).host
    g = task_at(sim, core_at(sim, c).task).group
    give_up(sim, c, False)
    take_next(sim, c, 0)
    idle = idle_core(sim, h, g)
    if idle >= 0:
        take_next(sim, idle, 1)


@kernel
def repick(sim: Any, c: int) -> bool:
    """Pick again under EEVDF, the running task being up to date; returns whether it stays.

    Among the tasks of the queue it comes last as it does while it runs: the choice is not made twice.
    """
    while True:
        t = choose(sim, c)
        if t < 0 or t == core_at(sim, c).task:
            return True
        if task_at(sim, t).delayed == 0:
            give_up(sim, c, False)
            remove_task(sim, core_at(sim, c).queue, t)
            _serve(sim, c, t, 0)
            return False
        drop_delayed(sim, c, t)

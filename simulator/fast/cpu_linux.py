"""EEVDF with delayed dequeue: the run queues and the pick (the rules of `models.cpu.linux`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.cpu_cores import account, is_throttled
from simulator.fast.cpu_tasks import free_if_done
from simulator.fast.draw import decide
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import core_at, host_at, queue_at, task_at
from simulator.fast.lists import push_task, remove_task


@inlined
def average(sim: Any, c: int) -> int:
    """Return V, the average virtual runtime of a core's queue."""
    core = core_at(sim, c)
    if core.count == 0:
        return core.last_average
    return core.sum_v // core.count


@inlined
def join_queue(sim: Any, c: int, t: int) -> None:
    """Put a task whose v is set at the end of a core's queue order, and count it."""
    core = core_at(sim, c)
    task = task_at(sim, t)
    task.core = c
    push_task(sim, core.queue, t)
    core.sum_v += task.v
    core.count += 1


@inlined
def stop_counting(sim: Any, c: int, t: int) -> None:
    """Do not count a task of a core's queue any more."""
    core = core_at(sim, c)
    core.last_average = average(sim, c)
    core.sum_v -= task_at(sim, t).v
    core.count -= 1


@inlined
def settle(sim: Any, c: int, t: int) -> None:
    """Add what a core's task has executed to its v; its deadline waits for the next tick or wake-up."""
    task = task_at(sim, t)
    task.v += task.executed_ns
    core_at(sim, c).sum_v += task.executed_ns
    task.executed_ns = 0


@inlined
def update_task(sim: Any, c: int, t: int) -> bool:
    """As `settle`, and begin a new slice if the deadline was reached; returns whether it was."""
    settle(sim, c, t)
    task = task_at(sim, t)
    if task.v < task.deadline:
        return False
    task.deadline = task.v + host_at(sim, core_at(sim, c).host).base_slice_ns
    return True


@inlined
def update(sim: Any, c: int) -> bool:
    """Bring the running task's v up to now; returns whether its deadline was reached and moved."""
    account(sim, c)
    return update_task(sim, c, core_at(sim, c).task)


@kernel
def choose(sim: Any, c: int) -> int:
    """Return the task to run next, the running one included; -1 if there is none that may run."""
    core = core_at(sim, c)
    best = -1
    fallback = -1
    best_deadline = 0
    fallback_deadline = 0
    mean = average(sim, c)
    running = core.task
    t = queue_at(sim, core.queue).head
    if t < 0:
        t = running
        running = -1
    while t >= 0:
        task = task_at(sim, t)
        if not is_throttled(sim, c, task.group):
            deadline = task.deadline
            if fallback < 0 or deadline < fallback_deadline:
                fallback = t
                fallback_deadline = deadline
            if task.v <= mean and (best < 0 or deadline < best_deadline):
                best = t
                best_deadline = deadline
        if t == core.task:
            break
        t = task.next
        if t < 0:
            t = running
    return best if best >= 0 else fallback


@kernel
def drop_delayed(sim: Any, c: int, t: int) -> None:
    """Let a delayed task that was picked leave, without lag."""
    core = core_at(sim, c)
    task = task_at(sim, t)
    remove_task(sim, core.queue, t)
    stop_counting(sim, c, t)
    core.delayed -= 1
    task.delayed = 0
    task.lag = 0
    free_if_done(sim, t)


@inlined
def put_to_sleep(sim: Any, c: int, t: int) -> None:
    """Leave the queue with the lag, or stay on it, delayed, when ahead of the average."""
    core = core_at(sim, c)
    task = task_at(sim, t)
    core.repick = 0
    task.last_ran_ns = sim.now
    update_task(sim, c, t)
    mean = average(sim, c)
    if task.v > mean:
        task.delayed = 1
        task.core = c
        core.delayed += 1
        push_task(sim, core.queue, t)
    else:
        task.lag = min(mean - task.v, 2 * host_at(sim, core.host).base_slice_ns)
        stop_counting(sim, c, t)


@kernel
def leave_while_waiting(sim: Any, t: int) -> None:
    """Take a waiting task out of its queue, with the lag of the moment."""
    task = task_at(sim, t)
    c = task.core
    core = core_at(sim, c)
    most = 2 * host_at(sim, core.host).base_slice_ns
    task.lag = max(-most, min(most, average(sim, c) - task.v))
    remove_task(sim, core.queue, t)
    stop_counting(sim, c, t)
    task.last_core = c


# --- moving between queues -------------------------------------------------------------------------------------------


@inlined
def runnable(sim: Any, c: int) -> int:
    """Return how many tasks run or wait on a core, delayed ones not counted."""
    core = core_at(sim, c)
    count = queue_at(sim, core.queue).count - core.delayed
    return count + 1 if core.task >= 0 else count


@inlined
def is_movable(sim: Any, t: int, source: int, target: int) -> bool:
    """Return whether a task on a queue waits and may move to another core."""
    task = task_at(sim, t)
    if task.delayed:
        return False
    return not is_throttled(sim, source, task.group) and not is_throttled(sim, target, task.group)


@inlined
def next_movable(sim: Any, t: int, source: int, target: int) -> int:
    """Return the first movable task from ``t`` on in queue order, -1 if there is none."""
    while t >= 0 and not is_movable(sim, t, source, target):
        t = task_at(sim, t).next
    return t


@inlined
def _count_movable(sim: Any, source: int, target: int) -> int:
    """Return how many of a core's waiting tasks may move to another."""
    queue = queue_at(sim, core_at(sim, source).queue)
    if core_at(sim, source).throttled == 0 and core_at(sim, target).throttled == 0:
        return queue.count - core_at(sim, source).delayed
    count = 0
    t = next_movable(sim, queue.head, source, target)
    while t >= 0:
        count += 1
        t = next_movable(sim, task_at(sim, t).next, source, target)
    return count


@inlined
def _next_cold(sim: Any, t: int, source: int, target: int) -> int:
    """Return the first movable task from ``t`` on that did not run just now, -1 if there is none."""
    until_ns = sim.now - host_at(sim, core_at(sim, source).host).migration_ns
    while t >= 0 and not (is_movable(sim, t, source, target) and task_at(sim, t).last_ran_ns <= until_ns):
        t = task_at(sim, t).next
    return t


@kernel
def _count_cold(sim: Any, source: int, target: int) -> int:
    """Return how many of a core's waiting tasks did not run just now and may move to another."""
    count = 0
    t = _next_cold(sim, queue_at(sim, core_at(sim, source).queue).head, source, target)
    while t >= 0:
        count += 1
        t = _next_cold(sim, task_at(sim, t).next, source, target)
    return count


@kernel
def migrate(sim: Any, t: int, target: int) -> None:
    """Move a waiting task; it keeps V - v and d - v."""
    task = task_at(sim, t)
    source = task.core
    if core_at(sim, source).task >= 0:
        account(sim, source)
        settle(sim, source, core_at(sim, source).task)
    if core_at(sim, target).task >= 0:
        account(sim, target)
        settle(sim, target, core_at(sim, target).task)
    lag = average(sim, source) - task.v
    slice_left = task.deadline - task.v
    remove_task(sim, core_at(sim, source).queue, t)
    stop_counting(sim, source, t)
    task.v = average(sim, target) - lag
    task.deadline = task.v + slice_left
    join_queue(sim, target, t)


@kernel
def _steal(sim: Any, c: int) -> int:
    """Take a waiting task that did not run just now from where most of them wait, by chance; -1 if none is taken."""
    host = host_at(sim, core_at(sim, c).host)
    longest = 0
    found = -1
    for other in range(host.first_core, host.first_core + host.cores):
        if other != c:
            length = _count_cold(sim, other, c) if host.migration_ns else _count_movable(sim, other, c)
            if length > longest:
                longest = length
                found = other
    if found < 0:
        return -1
    number = host.steal_count
    host.steal_count += 1
    if decide(host.steal_key, number) >= host.idle_steal:
        return -1
    t = _next_cold(sim, queue_at(sim, core_at(sim, found).queue).head, found, c)
    migrate(sim, t, c)
    remove_task(sim, core_at(sim, c).queue, t)
    return t


@kernel
def linux_pick(sim: Any, c: int) -> int:
    """Take the task that EEVDF picks, else perhaps one from the longest queue."""
    while True:
        t = choose(sim, c)
        if t < 0:
            return _steal(sim, c)
        if task_at(sim, t).delayed == 0:
            remove_task(sim, core_at(sim, c).queue, t)
            return t
        drop_delayed(sim, c, t)

"""Tasks and their bursts (the rules of `models.cpu.task`)."""

from __future__ import annotations

from typing import Any

from models.cpu.task import NEVER_NS
from models.records import THROTTLED_OR_PAUSED, WAITING_FOR_CORE, WAKING, WORKING
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import strand_at, task_at
from simulator.fast.slots import free_task, take_task
from simulator.fast.strands import add_cause, enter

ASLEEP = 0
WAITING = 1
RUNNING = 2
HELD = 3


@kernel
def new_task(sim: Any, g: int, station: int) -> int:
    """Return a new task of an instance; ``station``: where its bursts are counted as a worker's, -1 for nowhere."""
    t = take_task(sim)
    task = task_at(sim, t)
    task.serial = sim.next_task_serial
    sim.next_task_serial += 1
    task.group = g
    task.state = ASLEEP
    task.work = 0
    task.core = -1
    task.last_core = -1
    task.strand = -1
    task.batcher = -1
    task.current = 0
    task.attempts = 0
    task.station = station
    task.orphan = 0
    task.next_task = -1
    task.visit = -1
    task.lag = 0
    task.delayed = 0
    task.executed_ns = 0
    task.fresh = 1
    task.active = 0
    task.in_held = 0
    task.turn_end = -1
    task.first_timer = -1
    task.turn_own = -1
    task.own_end = -1
    task.finished_ns = -1
    task.turn_began_ns = -1
    task.client = 0
    task.last_ran_ns = NEVER_NS
    return t


@inlined
def free_if_done(sim: Any, t: int) -> None:
    """Give a task's row back if nobody will use it again and no queue still has it."""
    task = task_at(sim, t)
    if task.orphan and task.state == ASLEEP and task.delayed == 0 and task.in_held == 0:
        task.orphan = 0
        free_task(sim, t)


@inlined
def abandon(sim: Any, t: int) -> None:
    """Note that nobody will use a task again."""
    task_at(sim, t).orphan = 1
    free_if_done(sim, t)


@inlined
def burst_enters(sim: Any, t: int, cause: int) -> None:
    """Account the time of the strand whose burst a task has from now on to a cause."""
    if sim.tracking:
        a = task_at(sim, t).strand
        if a >= 0:
            enter(sim, a, cause)


@inlined
def waits(sim: Any, t: int, throttled: bool) -> None:
    """Account the wait for a core, or for the next quota period."""
    burst_enters(sim, t, THROTTLED_OR_PAUSED if throttled else WAITING_FOR_CORE)


@kernel
def account_lead(sim: Any, t: int, leading_ns: int) -> None:
    """Account what comes before the execution on a core (switch, idle exit); what follows it counts as working."""
    a = task_at(sim, t).strand
    if sim.tracking and a >= 0:
        add_cause(sim, a, WAKING, leading_ns)
        strand_at(sim, a).since_ns += leading_ns


@inlined
def finish_burst(sim: Any, t: int) -> None:
    """Account the share of the execution that was the wake-up's work."""
    task = task_at(sim, t)
    if task.wakeup_ns and sim.tracking and task.strand >= 0:
        moved = task.ran_ns * task.wakeup_ns // (task.demand_ns + task.wakeup_ns)
        add_cause(sim, task.strand, WORKING, -moved)
        add_cause(sim, task.strand, WAKING, moved)

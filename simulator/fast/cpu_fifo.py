"""First in, first out: one queue for all cores of a host (the rules of `models.cpu.fifo`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.cpu_cores import is_throttled
from simulator.fast.jit import inlined, rare
from simulator.fast.layout import core_at, host_at, queue_at, task_at
from simulator.fast.lists import remove_task


@inlined
def fifo_pick(sim: Any, c: int) -> int:
    """Take the first task whose instance is not throttled on a core."""
    core = core_at(sim, c)
    q = host_at(sim, core.host).queue
    t = queue_at(sim, q).head
    if core.throttled:
        while t >= 0 and is_throttled(sim, c, task_at(sim, t).group):
            t = task_at(sim, t).next
    if t >= 0:
        remove_task(sim, q, t)
    return t


@rare
def fifo_blocked(sim: Any, h: int, g: int) -> bool:
    """Return whether no core may run an instance's tasks."""
    host = host_at(sim, h)
    for c in range(host.first_core, host.first_core + host.cores):  # noqa: SIM110 - no generators when compiled
        if not is_throttled(sim, c, g):
            return False
    return True

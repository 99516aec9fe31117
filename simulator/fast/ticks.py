"""What EEVDF does from time to time: ticks and balancing (the rules of `models.cpu.linux`)."""

from __future__ import annotations

from typing import Any

from models.arithmetic import averaged_utilization
from models.ranks import BALANCE, TICK
from simulator.fast.cpu_linux import migrate, next_movable, runnable, update
from simulator.fast.cpu_schedule import repick, take_next
from simulator.fast.draw import decide
from simulator.fast.heap import schedule
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import core_at, host_at, queue_at, task_at


@kernel
def tick(sim: Any, h: int) -> None:
    """Account every running task; one that reached its deadline may lose its core."""
    host = host_at(sim, h)
    schedule(sim, sim.now + host.tick_ns, TICK, h, 0)
    for c in range(host.first_core, host.first_core + host.cores):
        if core_at(sim, c).task >= 0 and update(sim, c):
            repick(sim, c)


@inlined
def _average_utilization(sim: Any, h: int) -> None:
    """Bring the average of the utilization that the idle search looks at up to now."""
    host = host_at(sim, h)
    busy_core_ns = host.busy_core_ns + host.busy_cores * (sim.now - host.busy_since_ns)
    busy_q20 = ((busy_core_ns - host.balanced_core_ns) << 20) // (host.cores * host.balance_ns)
    host.balanced_core_ns = busy_core_ns
    host.utilization_q20 = averaged_utilization(host.utilization_q20, busy_q20, host.balance_ns)


@kernel
def _even_out(sim: Any, source: int, target: int, excess: int) -> None:
    """Move waiting tasks, at most so many."""
    moved = 0
    t = next_movable(sim, queue_at(sim, core_at(sim, source).queue).head, source, target)
    while t >= 0 and moved < excess:
        following = task_at(sim, t).next
        migrate(sim, t, target)
        moved += 1
        t = next_movable(sim, following, source, target)
    if moved and core_at(sim, target).task < 0:
        take_next(sim, target, 1)


@kernel
def _stray(sim: Any, h: int) -> None:
    """Move a task by chance from one core, any of them, to the next one, unless that has more of them already."""
    host = host_at(sim, h)
    number = host.stray_count
    host.stray_count += 1
    draw = decide(host.stray_key, number)
    if draw >= host.stray_moves:
        return
    position = min(int(draw / host.stray_moves * host.cores), host.cores - 1)
    source = host.first_core + position
    target = host.first_core + (position + 1) % host.cores
    if runnable(sim, source) >= runnable(sim, target):
        _even_out(sim, source, target, 1)


@kernel
def balance(sim: Any, h: int) -> None:
    """Average the utilization, and move half the difference between the longest and the shortest queue."""
    host = host_at(sim, h)
    schedule(sim, sim.now + host.balance_ns, BALANCE, h, 0)
    _average_utilization(sim, h)
    longest = host.first_core
    shortest = host.first_core
    for c in range(host.first_core + 1, host.first_core + host.cores):
        if runnable(sim, c) > runnable(sim, longest):
            longest = c
        if runnable(sim, c) < runnable(sim, shortest):
            shortest = c
    most = runnable(sim, longest)
    least = runnable(sim, shortest)
    excess = (most - least) // 2
    if excess > 0 and 1000 * most > host.balance_permille * least:
        _even_out(sim, longest, shortest, excess)
    elif host.stray_moves > 0.0 and host.cores > 1:
        _stray(sim, h)

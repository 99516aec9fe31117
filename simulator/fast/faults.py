"""Pauses of an instance, and the events of the scenario (the rules of `models.pauses`)."""

from __future__ import annotations

from typing import Any

from models.ranks import PAUSE
from models.records import INSTANCE_DOWN
from simulator.compiled_tables import EVENT_DOWN, EVENT_UP
from simulator.fast.draw import draw
from simulator.fast.heap import schedule
from simulator.fast.jit import kernel, rare
from simulator.fast.layout import VISIT, event_at, holding_at, inside_at, instance_at, pause_at, strand_at
from simulator.fast.links import reset_batcher
from simulator.fast.processor import pause, set_group_speed
from simulator.fast.withdrawal import take_out

# --- pauses ----------------------------------------------------------------------------------------------------------


@rare
def schedule_pause(sim: Any, p: int) -> None:
    """Schedule the begin or the end of a pause, the next begin counted from the end of the one before."""
    row = pause_at(sim, p)
    distribution = row.duration if row.running else row.every
    wait_ns = max(1, draw(sim, distribution, row.key, row.draws << 16))
    row.draws += 1
    schedule(sim, sim.now + wait_ns, PAUSE, p, 0)


@rare
def change_pause(sim: Any, p: int) -> None:
    """Stop a core of a host or all of them, or let them go on."""
    row = pause_at(sim, p)
    row.running = 1 - row.running
    pause(sim, row.host, row.core, 1 if row.running else -1)
    schedule_pause(sim, p)


# --- events ----------------------------------------------------------------------------------------------------------


@kernel
def _sort_by_serial(sim: Any, count: int) -> None:
    """Sort the strands inside an instance by their serials (Shell 1959)."""
    gap = count // 2
    while gap > 0:
        for position in range(gap, count):
            a = inside_at(sim, position).value
            serial = strand_at(sim, a).serial
            hole = position
            while hole >= gap and strand_at(sim, inside_at(sim, hole - gap).value).serial > serial:
                inside_at(sim, hole).value = inside_at(sim, hole - gap).value
                hole -= gap
            inside_at(sim, hole).value = a
        gap //= 2


@rare
def go_down(sim: Any, g: int) -> None:
    """Fail every attempt inside an instance, in the order of the strands, and drop the batches."""
    instance = instance_at(sim, g)
    instance.up = 0
    count = 0
    for v in range(sim.holding_top):
        visit = holding_at(sim, v)
        if visit.type == VISIT and visit.what == g and visit.entered:
            inside_at(sim, count).value = visit.strand
            count += 1
    _sort_by_serial(sim, count)
    for position in range(count):
        take_out(sim, inside_at(sim, position).value, INSTANCE_DOWN)
    for n in range(instance.first_batcher, instance.first_batcher + instance.batcher_count):
        reset_batcher(sim, n)


@rare
def happen(sim: Any, e: int) -> None:
    """Let an event of the scenario happen."""
    event = event_at(sim, e)
    if event.action == EVENT_DOWN:
        go_down(sim, event.instance)
    elif event.action == EVENT_UP:
        instance_at(sim, event.instance).up = 1
    else:
        set_group_speed(sim, event.instance, event.factor_q20)

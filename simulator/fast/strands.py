"""Strands: the accounting of causes, waits and wakes (the rules of `models.strand`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import CAUSE_COLUMNS, NOWHERE, strand_at, strand_cause_at, wake_at


@kernel
def add_cause(sim: Any, a: int, cause: int, duration_ns: int) -> None:
    """Account a time of a strand to a cause."""
    strand_cause_at(sim, a * CAUSE_COLUMNS + cause).value += duration_ns


@kernel
def _account(sim: Any, a: int) -> None:
    """Account the time since the last change, which is not 0, to the cause so far."""
    strand = strand_at(sim, a)
    add_cause(sim, a, strand.cause, sim.now - strand.since_ns)
    strand.since_ns = sim.now


@inlined
def enter(sim: Any, a: int, cause: int) -> None:
    """Account the time since the last change to the cause so far; from now on it counts as ``cause``."""
    if sim.tracking:
        strand = strand_at(sim, a)
        if strand.since_ns != sim.now:  # most changes follow another at once
            _account(sim, a)
        strand.cause = cause


@inlined
def prepare(  # noqa: PLR0917 - compiled by position
    sim: Any, a: int, place: int, place_id: int, cause: int, resume: int
) -> None:
    """Be about to wait at a place, and go on as ``resume`` says."""
    enter(sim, a, cause)
    strand = strand_at(sim, a)
    strand.place = place
    strand.place_id = place_id
    strand.resume = resume


@inlined
def push_wake(sim: Any, code: int) -> None:
    """Append to what the cascade still has to do: 2 * strand to go on, or 2 * operation + 1 for a client to be told."""
    tail = sim.wake_tail
    wake_at(sim, tail & sim.wake_mask).value = code
    sim.wake_tail = tail + 1


@inlined
def wake(sim: Any, a: int) -> None:
    """End a strand's wait: one hop."""
    strand_at(sim, a).place = NOWHERE
    push_wake(sim, 2 * a)

"""Strands: the accounting of causes, waits and wakes (the rules of `models.strand`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined, kernel, prefetch
from simulator.fast.layout import CAUSE_COLUMNS, NOWHERE, strand_at, strand_cause_at, wake_at


@kernel
def add_cause(sim: Any, a: int, cause: int, duration_ns: int) -> None:
    """Account a time of a strand to a cause."""
    strand_cause_at(sim, a * CAUSE_COLUMNS + cause).value += duration_ns


@inlined
def prefetch_causes(sim: Any, a: int) -> None:
    """Have the causes of a strand fetched that goes on soon: after a long wait they are not in the cache."""
    if sim.tracking:
        prefetch(strand_cause_at(sim, a * CAUSE_COLUMNS), 0)


@inlined
def account_wait(sim: Any, a: int) -> None:
    """Account the time since the last change, or the last account, to the cause so far."""
    if sim.tracking:
        strand = strand_at(sim, a)
        since_ns = strand.since_ns
        if since_ns != sim.now:
            strand.since_ns = sim.now
            strand_cause_at(sim, a * CAUSE_COLUMNS + strand.cause).value += sim.now - since_ns


@inlined
def enter(sim: Any, a: int, cause: int) -> None:
    """Account the time since the last change to the cause so far; from now on it counts as ``cause``."""
    account_wait(sim, a)
    strand_at(sim, a).cause = cause


@inlined
def prepare(  # noqa: PLR0917 - compiled by position
    sim: Any, a: int, place: int, place_id: int, cause: int, resume: int
) -> None:
    """Be about to wait at a place, and go on as ``resume`` says.

    A strand that walks does so in no time, and `walk` has accounted its last wait: no time is without a cause.
    """
    strand = strand_at(sim, a)
    strand.cause = cause
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

"""Taking a strand out from wherever it waits (the rules of `models.strand.Strand.take_out`)."""

from __future__ import annotations

from typing import Any

from models.records import CANCELLED
from simulator.fast.balancing import withdraw_from_dispatcher
from simulator.fast.holdings import withdraw_from_memory, withdraw_from_token
from simulator.fast.jit import rare
from simulator.fast.layout import (
    AT_DISPATCHER,
    AT_JOIN,
    AT_MEMORY,
    AT_RUNNER,
    AT_TOKEN,
    AT_WORKERS,
    IN_OPEN_BATCH,
    NOWHERE,
    ON_CHANNEL,
    ON_LINK_DELAY,
    ON_LINK_QUEUE,
    strand_at,
)
from simulator.fast.links import withdraw_from_batch, withdraw_from_link
from simulator.fast.runners import withdraw_from_runner, withdraw_from_workers
from simulator.fast.strands import wake


@rare
def _withdraw(sim: Any, a: int) -> None:
    """Take a strand out of its place and wake it, unless it has to stay until it is woken."""
    place = strand_at(sim, a).place
    place_id = strand_at(sim, a).place_id
    if place in (NOWHERE, AT_JOIN):
        return
    if place == IN_OPEN_BATCH:
        if not withdraw_from_batch(sim, place_id, a):
            return
    elif place == AT_RUNNER:
        withdraw_from_runner(sim, place_id, a)
    elif place == AT_WORKERS:
        withdraw_from_workers(sim, place_id, a)
    elif place == AT_MEMORY:
        withdraw_from_memory(sim, place_id, a)
    elif place == AT_TOKEN:
        withdraw_from_token(sim, place_id, a)
    elif place in (ON_LINK_QUEUE, ON_CHANNEL, ON_LINK_DELAY):
        withdraw_from_link(sim, a)
    elif place == AT_DISPATCHER:
        withdraw_from_dispatcher(sim, place_id, a)
    wake(sim, a)


@rare
def take_out(sim: Any, a: int, outcome: int) -> None:
    """Make a strand end with an outcome, and with it the branches that it waits for; the first outcome stays."""
    if strand_at(sim, a).end_outcome >= 0:
        return
    strand_at(sim, a).end_outcome = outcome
    _withdraw(sim, a)
    current = a
    descend = True
    while True:
        strand = strand_at(sim, current)
        if descend and strand.place == AT_JOIN and strand.first_child >= 0:
            current = strand.first_child
        else:
            while current != a and strand_at(sim, current).next_child < 0:
                current = strand_at(sim, current).parent
            if current == a:
                return
            current = strand_at(sim, current).next_child
        descend = strand_at(sim, current).end_outcome < 0
        if descend:
            strand_at(sim, current).end_outcome = CANCELLED
            _withdraw(sim, current)

"""Locks and token pools: things that one holds and others wait for, first come, first served."""

from __future__ import annotations

from collections import deque

from models.clock import Clock
from models.records import WAITING_FOR_LOCK, WAITING_FOR_TOKEN
from models.station import StationTotals
from models.strand import Strand


class Tokens:
    """A number of equal tokens. ``totals`` may be shared by several of them (the locks of one name)."""

    def __init__(self, clock: Clock, size: int, *, cause: int, totals: StationTotals | None = None) -> None:
        self.free = size
        self.cause = cause
        self.queue: deque[Strand] = deque()
        self.arrived_ns: dict[Strand, int] = {}
        self.totals = totals or StationTotals(clock)

    def try_take(self, strand: Strand) -> bool:
        """Take a token if one is free; else join the queue and return False (the strand then waits)."""
        self.arrived_ns[strand] = self.totals.arrive()
        if self.free:
            self.free -= 1
            self.totals.change(busy=1)
            strand.holdings.append(self)
            return True
        self.totals.change(waiting=1)
        strand.prepare(self, self.cause)
        self.queue.append(strand)
        return False

    def give_back(self, strand: Strand) -> None:
        """Hand the token to the first in the queue, or put it back."""
        self.totals.depart(self.arrived_ns.pop(strand))
        if self.queue:
            first = self.queue.popleft()
            self.totals.change(waiting=-1)
            first.holdings.append(self)
            first.wake()
        else:
            self.totals.change(busy=-1)
            self.free += 1

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue."""
        self.queue.remove(strand)
        self.totals.change(waiting=-1)
        self.totals.depart(self.arrived_ns.pop(strand))
        return True


def token_pool(clock: Clock, size: int) -> Tokens:
    """Return a pool of ``size`` tokens."""
    return Tokens(clock, size, cause=WAITING_FOR_TOKEN)


def locks(clock: Clock, count: int) -> list[Tokens]:
    """Return ``count`` locks that are one station."""
    totals = StationTotals(clock)
    return [Tokens(clock, 1, cause=WAITING_FOR_LOCK, totals=totals) for _ in range(count)]

"""Locks and token pools: things that one holds and others wait for, first come, first served."""

from __future__ import annotations

from collections import deque

from models.clock import Clock
from models.records import WAITING_FOR_LOCK, WAITING_FOR_TOKEN
from models.station import StationTotals
from models.strand import Strand


class Tokens:
    """A number of equal tokens. ``totals`` may be shared by several of them (the locks of one name).

    ``barging_ns``: 0: a token that is given back is handed to the first in the queue. Else it is free for whoever asks
    next, and the first in the queue is woken to try again, for which it executes so much; until it has, no other is.
    """

    def __init__(
        self, clock: Clock, size: int, *, cause: int, totals: StationTotals | None = None, barging_ns: int = 0
    ) -> None:
        self.free = size
        self.cause = cause
        self.barging_ns = barging_ns
        self.called = False
        self.queue: deque[Strand] = deque()
        self.arrived_ns: dict[Strand, int] = {}
        self.totals = totals or StationTotals(clock)

    def try_take(self, strand: Strand) -> bool:
        """Take a token if one is free; else join the queue and return False (the strand then waits)."""
        self.arrived_ns[strand] = self.totals.arrive()
        return self._take_or_wait(strand)

    def try_again(self, strand: Strand) -> bool:
        """As ``try_take``, of a strand that was woken for it."""
        strand.holdings.pop()
        self.called = False
        return self._take_or_wait(strand)

    def _take_or_wait(self, strand: Strand) -> bool:
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
        if self.queue and not self.barging_ns:
            first = self.queue.popleft()
            self.totals.change(waiting=-1)
            first.holdings.append(self)
            first.wake()
        else:
            self.totals.change(busy=-1)
            self.free += 1
            self.call_next()

    def call_next(self) -> None:
        """Wake the first in the queue for a token that is free, unless another was woken and has not tried yet."""
        if self.queue and self.free and not self.called:
            self.called = True
            first = self.queue.popleft()
            self.totals.change(waiting=-1)
            first.holdings.append(Trying(self))
            first.wake()

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue."""
        self.queue.remove(strand)
        self.totals.change(waiting=-1)
        self.totals.depart(self.arrived_ns.pop(strand))
        return True


class Trying:
    """What a strand holds that was woken for a free token: if it ends before it has tried, the next is woken."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def give_back(self, strand: Strand) -> None:
        """Leave without having tried."""
        self.tokens.called = False
        self.tokens.totals.depart(self.tokens.arrived_ns.pop(strand))
        self.tokens.call_next()


def token_pool(clock: Clock, size: int) -> Tokens:
    """Return a pool of ``size`` tokens."""
    return Tokens(clock, size, cause=WAITING_FOR_TOKEN)


def locks(clock: Clock, count: int, barging_ns: int = 0) -> list[Tokens]:
    """Return ``count`` locks that are one station."""
    totals = StationTotals(clock)
    return [Tokens(clock, 1, cause=WAITING_FOR_LOCK, totals=totals, barging_ns=barging_ns) for _ in range(count)]

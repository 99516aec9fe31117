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
    next, and a strand that is woken to try for it executes so much first. As the file locks of Linux have it
    (``fs/locks.c`` since 5.0), a strand waits behind the holder that it found, after those who do so already. Giving
    back wakes the first of them, whom the others stay behind: they are behind it as a holder if it gets the token; if
    it does not, it wakes the next of them and waits anew, behind the holder that it found.
    """

    def __init__(
        self, clock: Clock, size: int, *, cause: int, totals: StationTotals | None = None, barging_ns: int = 0
    ) -> None:
        self.free = size
        self.cause = cause
        self.barging_ns = barging_ns
        self.group = 0  # of those who wait behind the holder
        self.groups = 0
        self.queue: deque[Strand] = deque()
        self.behind: dict[Strand, int] = {}
        self.arrived_ns: dict[Strand, int] = {}
        self.totals = totals or StationTotals(clock)

    def try_take(self, strand: Strand) -> bool:
        """Take a token if one is free; else join the queue and return False (the strand then waits)."""
        self.arrived_ns[strand] = self.totals.arrive()
        if self.free:
            self.groups += 1
            self._take(strand, self.groups)
            return True
        self._wait(strand)
        return False

    def try_again(self, strand: Strand) -> bool:
        """As ``try_take``, of a strand that was woken for it."""
        strand.holdings.pop()
        group = self.behind.pop(strand)
        if self.free:
            self._take(strand, group)
            return True
        self.call_next(group)
        self._wait(strand)
        return False

    def _take(self, strand: Strand, group: int) -> None:
        self.free -= 1
        self.group = group
        self.totals.change(busy=1)
        strand.holdings.append(self)

    def _wait(self, strand: Strand) -> None:
        self.totals.change(waiting=1)
        strand.prepare(self, self.cause)
        self.behind[strand] = self.group
        self.queue.append(strand)

    def give_back(self, strand: Strand) -> None:
        """Hand the token to the first in the queue, or put it back."""
        self.totals.depart(self.arrived_ns.pop(strand))
        if self.queue and not self.barging_ns:
            first = self.queue.popleft()
            del self.behind[first]
            self.totals.change(waiting=-1)
            first.holdings.append(self)
            first.wake()
            return
        self.totals.change(busy=-1)
        self.free += 1
        if self.barging_ns:
            self.call_next(self.group)

    def call_next(self, group: int) -> None:
        """Wake the first of a group to try for a token."""
        first = next((strand for strand in self.queue if self.behind[strand] == group), None)
        if first is not None:
            self.queue.remove(first)
            self.totals.change(waiting=-1)
            first.holdings.append(Trying(self))
            first.wake()

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue."""
        self.queue.remove(strand)
        del self.behind[strand]
        self.totals.change(waiting=-1)
        self.totals.depart(self.arrived_ns.pop(strand))
        return True


class Trying:
    """What a strand holds that was woken for a free token: if it ends before it has tried, the next of its group is."""

    def __init__(self, tokens: Tokens) -> None:
        self.tokens = tokens

    def give_back(self, strand: Strand) -> None:
        """Leave without having tried."""
        self.tokens.totals.depart(self.tokens.arrived_ns.pop(strand))
        self.tokens.call_next(self.tokens.behind.pop(strand))


def token_pool(clock: Clock, size: int) -> Tokens:
    """Return a pool of ``size`` tokens."""
    return Tokens(clock, size, cause=WAITING_FOR_TOKEN)


def locks(clock: Clock, count: int, barging_ns: int = 0) -> list[Tokens]:
    """Return ``count`` locks that are one station."""
    totals = StationTotals(clock)
    return [Tokens(clock, 1, cause=WAITING_FOR_LOCK, totals=totals, barging_ns=barging_ns) for _ in range(count)]

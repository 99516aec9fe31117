"""Memory of one instance: capacity that attempts hold, waited for first come, first served, and its pool."""

from __future__ import annotations

from collections import deque

from models.clock import Clock
from models.records import WAITING_FOR_MEMORY
from models.station import StationTotals
from models.strand import Strand


class Allocation:
    """Bytes that a strand holds, of which ``pooled_bytes`` come from the pool."""

    def __init__(self, memory: Memory, size_bytes: int) -> None:
        self.memory = memory
        self.size_bytes = size_bytes
        self.pooled_bytes = 0

    def give_back(self, strand: Strand) -> None:
        """Give the bytes back."""
        self.memory.give_back(self)


class Memory:
    """Bytes that attempts hold until they end.

    ``capacity_bytes``: None for no limit. ``pool_bytes``: room of the memory pool, 0 when switched off, None where
    there is none; an allocation costs ``hit_ns`` of CPU while the pool has room, else ``miss_ns``.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        capacity_bytes: int | None = None,
        base_bytes: int = 0,
        pool_bytes: int | None = None,
        hit_ns: int = 0,
        miss_ns: int = 0,
    ) -> None:
        self.clock = clock
        self.capacity_bytes = capacity_bytes
        self.base_bytes = base_bytes
        self.pool_bytes = pool_bytes
        self.hit_ns = hit_ns
        self.miss_ns = miss_ns
        self.held_bytes = 0
        self.pooled_bytes = 0
        self.peak_bytes = 0
        self.byte_ns = 0.0
        self.since_ns = clock.now
        self.taken_bytes = 0
        self.given_back_bytes = 0
        self.queue: deque[tuple[Strand, int]] = deque()
        self.arrived_ns: dict[Strand, int] = {}
        self.totals = StationTotals(clock)

    def advance(self) -> None:
        """Bring the integral of the bytes held up to now."""
        elapsed = self.clock.now - self.since_ns
        if elapsed:
            self.byte_ns += float(self.held_bytes) * float(elapsed)
            self.since_ns += elapsed

    def fits(self, size_bytes: int) -> bool:
        """Return whether an allocation can be granted at once."""
        if self.capacity_bytes is None:
            return True
        return not self.queue and self.held_bytes + size_bytes <= self.capacity_bytes

    def take(self, strand: Strand, size_bytes: int) -> None:
        """Let a strand hold bytes that fit."""
        self.advance()
        strand.holdings.append(Allocation(self, size_bytes))
        self.held_bytes += size_bytes
        self.taken_bytes += size_bytes
        self.totals.bytes += size_bytes
        self.peak_bytes = max(self.peak_bytes, self.held_bytes)

    def wait_for(self, strand: Strand, size_bytes: int) -> None:
        """Join the queue; the strand is woken when it holds the bytes."""
        self.arrived_ns[strand] = self.totals.arrive()
        self.totals.change(waiting=1)
        strand.prepare(self, WAITING_FOR_MEMORY)
        self.queue.append((strand, size_bytes))

    def cost_ns(self, allocation: Allocation) -> int:
        """Return the CPU of an allocation that is held now, and take it from the pool if that has room."""
        if self.pool_bytes is None:
            return 0
        if self.pooled_bytes + allocation.size_bytes <= self.pool_bytes:
            self.pooled_bytes += allocation.size_bytes
            allocation.pooled_bytes = allocation.size_bytes
            return self.hit_ns
        return self.miss_ns

    def give_back(self, allocation: Allocation) -> None:
        """Take an allocation back and grant what fits now, first come, first served."""
        self.advance()
        self.held_bytes -= allocation.size_bytes
        self.given_back_bytes += allocation.size_bytes
        self.pooled_bytes -= allocation.pooled_bytes
        self._grant()

    def _grant(self) -> None:
        """Grant the allocations at the head of the queue that fit."""
        assert self.capacity_bytes is not None or not self.queue
        while self.queue:
            strand, size_bytes = self.queue[0]
            if self.held_bytes + size_bytes > (self.capacity_bytes or 0):
                return
            self.queue.popleft()
            self._leave(strand)
            self.take(strand, size_bytes)
            strand.wake()

    def _leave(self, strand: Strand) -> None:
        """Count a strand out of the queue."""
        self.totals.change(waiting=-1)
        self.totals.depart(self.arrived_ns.pop(strand))

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue; those behind may fit now."""
        position = next(index for index, (waiting, _) in enumerate(self.queue) if waiting is strand)
        del self.queue[position]
        self._leave(strand)
        self._grant()
        return True

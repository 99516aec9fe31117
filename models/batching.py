"""Batching queue: operations join a batch that one flusher sends for all of them.

A batch closes when it is full, when ``linger`` has run from its first member, or, with linger 0, when the flusher is
free: natural batching, what an event loop does. With a disk link this is group commit.
"""

from __future__ import annotations

from collections import deque

from models.arithmetic import SPEED_BITS
from models.clock import Clock
from models.cpu.task import Burst, Task
from models.link import Link
from models.ranks import LINGER, PROPAGATION
from models.records import IN_BATCH
from models.runner import Processor
from models.station import StationTotals
from models.strand import Strand


class Batch:
    """Members in joining order."""

    def __init__(self) -> None:
        self.members: list[Strand] = []
        self.joined_ns: dict[Strand, int] = {}
        self.bytes_of: dict[Strand, int] = {}
        self.member_bytes = 0


class Batcher:
    """One flusher task and its batches.

    ``processor`` and ``task`` execute the flusher's CPU, ``fixed_ns + (per_item_ns + compression_cpu_ns) * k`` for k
    members; ``link`` (None: nothing is sent) then carries ``overhead_bytes`` and the members' bytes times
    ``compression_q20`` / 2^20.
    """

    def __init__(
        self,
        clock: Clock,
        processor: Processor,
        task: Task,
        *,
        max_size: int,
        linger_ns: int = 0,
        fixed_ns: int = 0,
        per_item_ns: int = 0,
        compression_q20: int = 1 << SPEED_BITS,
        compression_cpu_ns: int = 0,
        overhead_bytes: int = 0,
        link: Link | None = None,
        identifier: int = 0,
    ) -> None:
        self.clock = clock
        self.processor = processor
        self.task = task
        self.max_size = max_size
        self.linger_ns = linger_ns
        self.fixed_ns = fixed_ns
        self.per_item_ns = per_item_ns + compression_cpu_ns
        self.compression_q20 = compression_q20
        self.overhead_bytes = overhead_bytes
        self.link = link
        self.identifier = identifier
        self.open: Batch | None = None
        self.closed: deque[Batch] = deque()
        self.sending: Batch | None = None
        self.executing = False
        self.size_bytes = 0  # of the batch on the link
        self.link_arrived_ns = 0
        self.totals = StationTotals(clock)

    def join(self, strand: Strand, size_bytes: int) -> None:
        """Join the open batch; the strand sleeps until its batch has been sent."""
        strand.prepare(self, IN_BATCH)
        if self.open is None:
            self.open = Batch()
            if self.linger_ns:
                batch = self.open
                time_ns = self.clock.now + self.linger_ns
                self.clock.at(time_ns, LINGER, self.identifier, lambda: self._lingered(batch))
        batch = self.open
        batch.joined_ns[strand] = self.totals.arrive()
        self.totals.change(waiting=1)
        batch.members.append(strand)
        batch.bytes_of[strand] = size_bytes
        batch.member_bytes += size_bytes
        natural = self.linger_ns == 0 and self.sending is None
        if len(batch.members) == self.max_size or natural:
            self._close()

    def _lingered(self, batch: Batch) -> None:
        """Close a batch that is still open."""
        if self.open is batch:
            self._close()

    def _close(self) -> None:
        """Close the open batch and send it if the flusher is free."""
        assert self.open is not None
        self.closed.append(self.open)
        self.open = None
        if self.sending is None:
            self._send_next()

    def _send_next(self) -> None:
        """Pay for the next batch in order."""
        while self.sending is None:
            if not self.closed:
                if self.open is None or self.linger_ns:
                    return
                self.closed.append(self.open)
                self.open = None
            batch = self.sending = self.closed.popleft()
            self.totals.change(busy=1, waiting=-len(batch.members))
            cost_ns = self.fixed_ns + self.per_item_ns * len(batch.members)
            if cost_ns:
                self.executing = True
                self.processor.ask(self.task, Burst(cost_ns, None, self._paid))
            else:
                self._transmit()

    def _paid(self) -> None:
        """Put the batch on the link."""
        self.executing = False
        self._transmit()
        self._send_next()

    def _transmit(self) -> None:
        """Let the link carry the batch, or be done without one."""
        assert self.sending is not None
        if self.link is None:
            self._sent()
            return
        compressed_bytes = self.sending.member_bytes * self.compression_q20 >> SPEED_BITS
        self.size_bytes = self.overhead_bytes + compressed_bytes
        self.link.carry(self)

    def waiting(self) -> None:
        """Wait for a channel: the members stay in the batch."""

    def moving(self) -> None:
        """Be on a channel: the members stay in the batch."""

    def delay_order(self) -> tuple[int, int]:
        """Order the end of the link's delay."""
        return PROPAGATION, self.identifier

    def arrived(self) -> None:
        """Go on with the next batch once this one has arrived."""
        self._sent()
        self._send_next()

    def _sent(self) -> None:
        """Wake the members in joining order."""
        batch = self.sending
        assert batch is not None
        self.sending = None
        self.totals.change(busy=-1)
        for strand in batch.members:
            self.totals.depart(batch.joined_ns[strand])
            strand.wake()

    def withdraw(self, strand: Strand) -> bool:
        """Leave an open batch; a closed one keeps its members."""
        batch = self.open
        if batch is None or strand not in batch.joined_ns:
            return False
        position = batch.members.index(strand)
        del batch.members[position]
        batch.member_bytes -= batch.bytes_of.pop(strand)
        self.totals.change(waiting=-1)
        self.totals.depart(batch.joined_ns.pop(strand))
        if not batch.members:
            self.open = None
        return True

    def reset(self) -> None:
        """Drop everything, as the instance goes down; the members, which are being taken out, are woken."""
        batches = [batch for batch in (self.sending, *self.closed) if batch is not None]
        if self.sending is not None:
            self.totals.change(busy=-1, waiting=len(self.sending.members))
            if self.executing:
                self.executing = False
                self.processor.withdraw(self.task)
            elif self.link is not None:
                self.link.withdraw(self)
        self.sending = None
        self.closed.clear()
        for batch in batches:
            for strand in batch.members:
                self.totals.change(waiting=-1)
                self.totals.depart(batch.joined_ns[strand])
                strand.wake()

"""A link: parallel channels that carry bytes first come, first served, and a delay after each transfer."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from models.arithmetic import transfer_ns
from models.clock import Clock
from models.ranks import DELAY, TRANSFER
from models.records import ON_LINK, WAITING_FOR_LINK
from models.station import StationTotals
from models.strand import Strand


class Cargo(Protocol):
    """What a link carries: a strand's bytes or a batch."""

    size_bytes: int
    link_arrived_ns: int

    def waiting(self) -> None:
        """Be told that it waits for a channel."""
        ...

    def moving(self) -> None:
        """Be told that it is on a channel."""
        ...

    def arrived(self) -> None:
        """Be told that it has arrived, the delay included."""
        ...

    def delay_order(self) -> tuple[int, int]:
        """Return rank and identifier of the end of its delay."""
        ...


class StrandCargo:
    """The bytes of one strand, which sleeps until they have arrived."""

    def __init__(self, link: Link, strand: Strand, size_bytes: int) -> None:
        self.link = link
        self.strand = strand
        self.size_bytes = size_bytes
        self.link_arrived_ns = 0
        strand.prepare(self, WAITING_FOR_LINK)

    def waiting(self) -> None:
        """Count the time as waiting for the link."""

    def moving(self) -> None:
        """Count the time as on the link."""
        self.strand.enter(ON_LINK)

    def arrived(self) -> None:
        """Wake the strand."""
        self.strand.wake()

    def delay_order(self) -> tuple[int, int]:
        """Order the end of the delay among the delays of strands."""
        return DELAY, self.strand.serial

    def withdraw(self, strand: Strand) -> bool:
        """Take the cargo off the link."""
        self.link.withdraw(self)
        return True


class Link:
    """Channels of ``bandwidth_bytes_per_s`` each; ``first_channel`` numbers them among simultaneous events."""

    def __init__(
        self,
        clock: Clock,
        *,
        bandwidth_bytes_per_s: float,
        delay_ns: int = 0,
        parallel: int = 1,
        first_channel: int = 0,
    ) -> None:
        self.clock = clock
        self.bandwidth_bytes_per_s = bandwidth_bytes_per_s
        self.delay_ns = delay_ns
        self.first_channel = first_channel
        self.channels: list[Cargo | None] = [None] * parallel
        self.versions = [0] * parallel
        self.queue: deque[Cargo] = deque()
        self.delayed: set[Cargo] = set()
        self.totals = StationTotals(clock)

    def carry(self, cargo: Cargo) -> None:
        """Carry a cargo as soon as a channel is free; ``cargo.arrived`` is called when it has arrived."""
        cargo.link_arrived_ns = self.totals.arrive()
        if None in self.channels and not self.queue:  # freed just now, it belongs to the first in the queue
            self._begin(self.channels.index(None), cargo)
        else:
            cargo.waiting()
            self.totals.change(waiting=1)
            self.queue.append(cargo)

    def _begin(self, channel: int, cargo: Cargo) -> bool:
        """Put a cargo on a free channel; returns whether the channel is taken afterwards."""
        cargo.moving()
        duration_ns = transfer_ns(cargo.size_bytes, self.bandwidth_bytes_per_s)
        if duration_ns == 0:
            self._transferred(cargo)
            return False
        self.channels[channel] = cargo
        self.totals.change(busy=1)
        self.versions[channel] += 1
        version = self.versions[channel]
        identifier = self.first_channel + channel
        self.clock.at(self.clock.now + duration_ns, TRANSFER, identifier, lambda: self._end(channel, version))
        return True

    def _end(self, channel: int, version: int) -> None:
        """End a transfer: its cargo goes on, then the next one begins."""
        if self.versions[channel] != version:
            return
        cargo = self.channels[channel]
        assert cargo is not None
        self._free(channel)
        self._transferred(cargo)
        self._next(channel)

    def _free(self, channel: int) -> None:
        """Take the cargo off a channel."""
        self.channels[channel] = None
        self.versions[channel] += 1
        self.totals.change(busy=-1)

    def _next(self, channel: int) -> None:
        """Put waiting cargoes on a free channel until one takes it."""
        while self.queue:
            cargo = self.queue.popleft()
            self.totals.change(waiting=-1)
            if self._begin(channel, cargo):
                return

    def _transferred(self, cargo: Cargo) -> None:
        """Let a cargo leave the channel and travel for the delay."""
        self.totals.bytes += cargo.size_bytes
        self.totals.depart(cargo.link_arrived_ns)
        if self.delay_ns == 0:
            cargo.arrived()
            return
        self.delayed.add(cargo)
        rank, identifier = cargo.delay_order()
        self.clock.at(self.clock.now + self.delay_ns, rank, identifier, lambda: self._delay_over(cargo))

    def _delay_over(self, cargo: Cargo) -> None:
        """Let a cargo arrive, unless it was withdrawn."""
        if cargo in self.delayed:
            self.delayed.remove(cargo)
            cargo.arrived()

    def withdraw(self, cargo: Cargo) -> None:
        """Take a cargo off, wherever it is; a transfer is broken off and the next one begins."""
        if cargo in self.delayed:
            self.delayed.remove(cargo)
        elif cargo in self.queue:
            self.queue.remove(cargo)
            self.totals.change(waiting=-1)
            self.totals.depart(cargo.link_arrived_ns)
        else:
            channel = self.channels.index(cargo)
            self._free(channel)
            self.totals.depart(cargo.link_arrived_ns)
            self._next(channel)

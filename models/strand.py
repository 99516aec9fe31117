"""One thread of an attempt's way through the services, and the accounting of where its time goes."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Protocol

import simpy

from models.clock import Clock
from models.records import CAUSES, WORKING


class StrandEnded(Exception):  # noqa: N818 - not an error but an outcome
    """The strand was taken out, rejected or failed; carries the outcome (see `models.records`)."""

    def __init__(self, outcome: int) -> None:
        super().__init__(outcome)
        self.outcome = outcome


class WaitingPlace(Protocol):
    """Where a strand can wait."""

    def withdraw(self, strand: Strand) -> bool:
        """Take the strand out and return True, or False if it has to stay until it is woken."""
        ...


class Holding(Protocol):
    """Something that a strand holds until it gives it back, at the latest when it ends."""

    def give_back(self, strand: Strand) -> None:
        """Take it back from the strand."""
        ...


class Strand:
    """A sequence of waits. The root strand of an attempt has the attempt's serial; parallel branches have their own.

    A wait is: ``prepare`` (where, and what the time counts as), then ``yield from wait()``. Whoever ends the wait
    calls ``wake``, which is exactly one hop in the environment's first-in-first-out queue.
    """

    __slots__ = (
        "cause",
        "causes_ns",
        "chosen",
        "clock",
        "end_outcome",
        "event",
        "holdings",
        "owner",
        "place",
        "serial",
        "since_ns",
        "visits",
    )

    def __init__(self, clock: Clock, serial: int, owner: Any = None) -> None:
        self.clock = clock
        self.serial = serial
        self.owner = owner
        self.causes_ns = [0] * CAUSES
        self.cause = WORKING
        self.since_ns = clock.now
        self.event: simpy.Event | None = None
        self.place: WaitingPlace | None = None
        self.end_outcome: int | None = None
        self.visits: dict[int, Any] = {}  # open visits by service
        self.chosen: dict[int, int] = {}  # instance of each service, for the whole attempt
        self.holdings: list[Holding] = []  # in the order in which they were granted

    def client(self) -> int:
        """Return the key of the closed user that it works for; of its operation where it comes from no such user."""
        operation = self.owner.operation
        return int(operation.source.key if operation.source.is_user else operation.key)

    def enter(self, cause: int) -> None:
        """Account the time since the last change to the cause so far; from now on it counts as ``cause``."""
        now = self.clock.now
        self.causes_ns[self.cause] += now - self.since_ns
        self.since_ns = now
        self.cause = cause

    def prepare(self, place: WaitingPlace, cause: int) -> None:
        """Be about to wait at a place; a wake before ``wait`` is not lost."""
        self.enter(cause)
        self.place = place
        self.event = simpy.Event(self.clock.environment)

    def wait(self) -> Generator[simpy.Event, Any, None]:
        """Wait until woken; raises StrandEnded if the strand was taken out meanwhile."""
        assert self.event is not None
        yield self.event
        self.event = None
        self.enter(WORKING)
        self.check()

    def check(self) -> None:
        """Raise StrandEnded if the strand was taken out."""
        if self.end_outcome is not None:
            raise StrandEnded(self.end_outcome)

    def wake(self) -> None:
        """End the wait: one hop."""
        assert self.event is not None
        self.place = None
        self.event.succeed()

    def take_out(self, outcome: int) -> None:
        """Make the strand end with an outcome, from wherever it waits; the first outcome stays."""
        if self.end_outcome is not None:
            return
        self.end_outcome = outcome
        place = self.place
        if place is not None and place.withdraw(self):
            self.wake()

    def release(self, holding: Holding) -> None:
        """Give one holding back."""
        self.holdings.remove(holding)
        holding.give_back(self)

    def release_all(self) -> None:
        """Give everything back, the last first."""
        while self.holdings:
            self.holdings.pop().give_back(self)

"""Pauses of a whole instance, such as those of a garbage collector, or of one core, as by a hypervisor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from models.clock import Clock
from models.ranks import PAUSE


class Pausable(Protocol):
    """Cores that can stop."""

    def pause(self, position: int) -> None:
        """Stop the core at a position, or all (-1)."""
        ...

    def resume(self, position: int) -> None:
        """Go on."""
        ...


class Pauses:
    """Pauses that follow one another; ``every_ns`` and ``duration_ns`` return the next draw of each.

    position: of the core that stops; -1: all of them.
    """

    def __init__(
        self,
        clock: Clock,
        cores: Pausable,
        identifier: int,
        every_ns: Callable[[], int],
        duration_ns: Callable[[], int],
        *,
        position: int = -1,
    ) -> None:
        self.clock = clock
        self.cores = cores
        self.identifier = identifier
        self.every_ns = every_ns
        self.duration_ns = duration_ns
        self.position = position
        self._schedule()

    def _schedule(self) -> None:
        """Schedule the next pause, counted from the end of the one before."""
        self.clock.at(self.clock.now + max(1, self.every_ns()), PAUSE, self.identifier, self._begin)

    def _begin(self) -> None:
        """Stop the cores."""
        self.cores.pause(self.position)
        self.clock.at(self.clock.now + max(1, self.duration_ns()), PAUSE, self.identifier, self._end)

    def _end(self) -> None:
        """Let the cores go on."""
        self.cores.resume(self.position)
        self._schedule()

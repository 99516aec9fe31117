"""Pauses of a whole instance, such as those of a garbage collector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from models.clock import Clock
from models.ranks import PAUSE


class Pausable(Protocol):
    """Cores that can stop."""

    def pause(self) -> None:
        """Stop."""
        ...

    def resume(self) -> None:
        """Go on."""
        ...


class Pauses:
    """Pauses that follow one another; ``every_ns`` and ``duration_ns`` return the next draw of each."""

    def __init__(
        self,
        clock: Clock,
        cores: Pausable,
        identifier: int,
        every_ns: Callable[[], int],
        duration_ns: Callable[[], int],
    ) -> None:
        self.clock = clock
        self.cores = cores
        self.identifier = identifier
        self.every_ns = every_ns
        self.duration_ns = duration_ns
        self._schedule()

    def _schedule(self) -> None:
        """Schedule the next pause, counted from the end of the one before."""
        self.clock.at(self.clock.now + max(1, self.every_ns()), PAUSE, self.identifier, self._begin)

    def _begin(self) -> None:
        """Stop the cores."""
        self.cores.pause()
        self.clock.at(self.clock.now + max(1, self.duration_ns()), PAUSE, self.identifier, self._end)

    def _end(self) -> None:
        """Let the cores go on."""
        self.cores.resume()
        self._schedule()

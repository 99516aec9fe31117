"""Simulated time: every advance goes through one clock that orders what happens at the same nanosecond."""

from __future__ import annotations

from collections.abc import Callable

import simpy

from models.ranks import RANK_SHIFT

_FIRST_PRIORITY = 2  # SimPy's own 0 (process starts) and 1 (wakes) drain first


class Clock:
    """Schedules callbacks in a SimPy environment whose time is integer nanoseconds."""

    def __init__(self, environment: simpy.Environment) -> None:
        self.environment = environment

    @property
    def now(self) -> int:
        """Return the simulated time [ns]."""
        return self.environment.now  # type: ignore[return-value]

    def at(self, time_ns: int, rank: int, identifier: int, callback: Callable[[], None]) -> None:
        """Call ``callback`` at ``time_ns``, ordered among simultaneous events by (rank, identifier).

        Raises ValueError if the time lies in the past: nothing in a simulation may do that.
        """
        now = self.now
        if time_ns < now:
            raise ValueError(f"event of rank {rank}, id {identifier} is scheduled at {time_ns} ns, before {now} ns")
        event = simpy.Event(self.environment)
        event._ok = True
        event._value = None
        event.callbacks = [lambda _event: callback()]
        priority = _FIRST_PRIORITY + (rank << RANK_SHIFT | identifier)
        self.environment.schedule(event, priority=priority, delay=time_ns - now)  # type: ignore[arg-type]

"""Time-weighted totals that every station keeps."""

from __future__ import annotations

from models.clock import Clock


class StationTotals:
    """Integrals of the numbers present, waiting and in service, and sums over arrivals and departures.

    The integral of the number present and the sum of the residence times are counted independently, so that Little's
    law (1961) in its sample-path form is a check and not a definition.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.last_ns = clock.now
        self.present = 0
        self.waiting = 0
        self.busy = 0
        self.busy_ns = 0
        self.number_ns = 0
        self.waiting_ns = 0
        self.arrivals = 0
        self.departures = 0
        self.residence_ns = 0
        self.bytes = 0
        self.arrival_sum_ns = 0  # over those present

    def advance(self) -> None:
        """Bring the integrals up to now."""
        elapsed = self.clock.now - self.last_ns
        if elapsed:
            self.busy_ns += self.busy * elapsed
            self.number_ns += self.present * elapsed
            self.waiting_ns += self.waiting * elapsed
            self.last_ns += elapsed

    def arrive(self) -> int:
        """Count an arrival and return its time [ns]."""
        self.advance()
        self.present += 1
        self.arrivals += 1
        self.arrival_sum_ns += self.last_ns
        return self.last_ns

    def depart(self, arrived_ns: int) -> None:
        """Count the departure of what arrived at ``arrived_ns``."""
        self.advance()
        self.present -= 1
        self.departures += 1
        self.arrival_sum_ns -= arrived_ns
        self.residence_ns += self.last_ns - arrived_ns

    def change(self, *, busy: int = 0, waiting: int = 0) -> None:
        """Change the numbers in service and waiting."""
        self.advance()
        self.busy += busy
        self.waiting += waiting

    def present_ns(self) -> int:
        """Return the sum over those present of the time since their arrival [ns]."""
        return self.present * self.clock.now - self.arrival_sum_ns

    def row(self) -> tuple[int, int, int, int, int, int, int]:
        """Return the totals up to now in the order of `models.records.STATION_TOTALS`."""
        self.advance()
        return (
            self.busy_ns,
            self.number_ns,
            self.waiting_ns,
            self.arrivals,
            self.departures,
            self.residence_ns,
            self.bytes,
        )

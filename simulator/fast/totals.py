"""Time-weighted totals of a station (the rules of `models.station`).

The integral of a number over the time up to T is T times the number less the sum of its changes, each times the moment
at which it happened. That sum is kept, as it costs a subtraction where the integral itself would cost multiplications;
the integral is made of it when it is read. Both may leave the range of 64 bits on the way, where they wrap around.
"""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined
from simulator.fast.layout import station_at


@inlined
def integrate(station: Any, now: int) -> None:
    """Make a station's integrals up to now."""
    station.busy_ns = station.busy * now - station.busy_changes
    station.number_ns = station.present * now - station.number_changes
    station.waiting_ns = station.waiting * now - station.waiting_changes


@inlined
def arrive(sim: Any, station_id: int) -> None:
    """Count an arrival that waits."""
    station = station_at(sim, station_id)
    station.present += 1
    station.waiting += 1
    station.arrivals += 1
    station.number_changes += sim.now
    station.waiting_changes += sim.now
    station.arrival_sum_ns += sim.now


@inlined
def depart(sim: Any, station_id: int, arrived_ns: int) -> None:
    """Count the departure of what arrived at ``arrived_ns``."""
    station = station_at(sim, station_id)
    station.present -= 1
    station.departures += 1
    station.number_changes -= sim.now
    station.arrival_sum_ns -= arrived_ns
    station.residence_ns += sim.now - arrived_ns


@inlined
def change(sim: Any, station_id: int, busy: int, waiting: int) -> None:
    """Change the numbers in service and waiting."""
    station = station_at(sim, station_id)
    station.busy += busy
    station.waiting += waiting
    station.busy_changes += busy * sim.now
    station.waiting_changes += waiting * sim.now

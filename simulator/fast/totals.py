"""Time-weighted totals of a station (the rules of `models.station`)."""

from __future__ import annotations

from typing import Any

from simulator.fast.jit import inlined
from simulator.fast.layout import station_at


@inlined
def advance(station: Any, now: int) -> None:
    """Bring a station's integrals up to now."""
    elapsed = now - station.last_ns
    if elapsed:
        station.busy_ns += station.busy * elapsed
        station.number_ns += station.present * elapsed
        station.waiting_ns += station.waiting * elapsed
        station.last_ns = now


@inlined
def arrive(sim: Any, station_id: int) -> None:
    """Count an arrival that waits."""
    station = station_at(sim, station_id)
    advance(station, sim.now)
    station.present += 1
    station.waiting += 1
    station.arrivals += 1
    station.arrival_sum_ns += sim.now


@inlined
def depart(sim: Any, station_id: int, arrived_ns: int) -> None:
    """Count the departure of what arrived at ``arrived_ns``."""
    station = station_at(sim, station_id)
    advance(station, sim.now)
    station.present -= 1
    station.departures += 1
    station.arrival_sum_ns -= arrived_ns
    station.residence_ns += sim.now - arrived_ns


@inlined
def change(sim: Any, station_id: int, busy: int, waiting: int) -> None:
    """Change the numbers in service and waiting."""
    station = station_at(sim, station_id)
    advance(station, sim.now)
    station.busy += busy
    station.waiting += waiting

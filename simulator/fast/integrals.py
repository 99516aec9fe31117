"""Bringing every integral up to now, before totals are read."""

from __future__ import annotations

from typing import Any

from simulator.compiled_tables import PROCESSOR_SHARING
from simulator.fast.clients import count_deferred
from simulator.fast.cpu_cores import account
from simulator.fast.cpu_sharing import sharing_account
from simulator.fast.holdings import advance_memory
from simulator.fast.jit import rare
from simulator.fast.layout import host_at, instance_at, station_at
from simulator.fast.totals import integrate


@rare
def bring_up_to_date(sim: Any) -> None:
    """Bring stations, cores and memories up to now, as the reference engine does when it reads them."""
    count_deferred(sim)
    for h in range(sim.host_count):
        host = host_at(sim, h)
        if host.discipline == PROCESSOR_SHARING:
            sharing_account(sim, h)
        else:
            for c in range(host.first_core, host.first_core + host.cores):
                account(sim, c)
    for g in range(sim.instance_count):
        advance_memory(instance_at(sim, g), sim.now)
    for station in range(sim.station_count):
        integrate(station_at(sim, station), sim.now)

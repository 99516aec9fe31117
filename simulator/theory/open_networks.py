"""Open and mixed product-form networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from simulator.theory.arguments import require_stable
from simulator.theory.closed_networks import ClosedNetwork, Station, exact_mva
from simulator.theory.multi_server import mmc_response_time_mean
from simulator.theory.percentiles import exponential_sum_percentile
from simulator.theory.single_server import mm1_response_time_mean


@dataclass(frozen=True)
class OpenStation:
    """One station of an open network.

    Attributes:
        visits: mean number of visits of an operation.
        service_time_s: mean of the exponential service time of a visit in seconds.
        servers: number of servers.
    """

    visits: float
    service_time_s: float
    servers: int = 1


def jackson_response_time_mean(arrival_rate_per_s: float, stations: Sequence[OpenStation]) -> float:
    """Mean response time of an open network: each station behaves as M/M/c on its own (Jackson, 1957).

    Args:
        arrival_rate_per_s: Poisson arrivals per second from outside.
        stations: the stations that operations visit.
    """
    return sum(
        station.visits
        * mmc_response_time_mean(arrival_rate_per_s * station.visits, station.service_time_s, station.servers)
        for station in stations
    )


def tandem_response_time_percentile(arrival_rate_per_s: float, service_times_s: Sequence[float], share: float) -> float:
    """Percentile of the response time of first-come single servers in a row.

    The times at the stations are independent and exponential (Reich, 1957).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_times_s: mean of the exponential service time of each station in seconds.
        share: the share of the operations at or below the answer.
    """
    means = [mm1_response_time_mean(arrival_rate_per_s, service_s) for service_s in service_times_s]
    return exponential_sum_percentile(means, share)


@dataclass(frozen=True)
class MixedNetwork:
    """Steady state of a network with open and closed classes.

    Attributes:
        closed: the closed classes.
        open_response_time_s: mean response time of each open class in seconds.
    """

    closed: ClosedNetwork
    open_response_time_s: tuple[float, ...]


def mixed_network(
    stations: Sequence[Station],
    populations: Sequence[int],
    think_times_s: Sequence[float],
    open_rates_per_s: Sequence[float],
    open_demands_s: Sequence[Sequence[float]],
) -> MixedNetwork:
    """Open and closed classes at the same single-server and delay stations.

    Lavenberg, 1983, section 3.5 (product form: Baskett et al., 1975): closed classes see demands divided by 1
    - open utilization; open classes then take demand (1 + mean number of the closed) / (1 - open
    utilization).

    Args:
        stations: the stations with the demands of the closed classes; of fixed rate, or delays.
        populations: operations that circulate, of each closed class.
        think_times_s: mean think time of each closed class in seconds.
        open_rates_per_s: Poisson arrivals per second of each open class.
        open_demands_s: for each station, the demand of each open class in seconds.
    """
    slowed: list[Station] = []
    idle_shares: list[float] = []
    for station, demands in zip(stations, open_demands_s, strict=True):
        utilization = sum(rate * demand for rate, demand in zip(open_rates_per_s, demands, strict=True))
        if station.delay:
            utilization = 0.0
        elif any(multiplier != 1.0 for multiplier in station.multipliers):
            raise ValueError(f"station {station.name} must be a delay or have one server of a fixed rate")
        require_stable(utilization)
        idle_shares.append(1.0 - utilization)
        slowed.append(Station(station.name, tuple(d / idle_shares[-1] for d in station.demands_s), delay=station.delay))
    closed = exact_mva(slowed, populations, think_times_s)
    open_responses = [0.0] * len(open_rates_per_s)
    for station, demands, idle in zip(stations, open_demands_s, idle_shares, strict=True):
        found = 0.0 if station.delay else sum(closed.queue_length[station.name])
        for index, demand in enumerate(demands):
            open_responses[index] += demand * (1.0 + found) / idle
    return MixedNetwork(closed, tuple(open_responses))

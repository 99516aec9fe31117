"""Closed product-form networks: exact mean value analysis of one class or several, and convolution."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from simulator.theory.arguments import require_not_negative, require_positive
from simulator.theory.percentiles import erlang_mixture_percentile


@dataclass(frozen=True)
class Station:
    """One station of a closed network.

    Product form holds where the station is first come first served with exponential service of one mean for
    all classes, or processor sharing with any demand, or a pure delay (Baskett, Chandy, Muntz and Palacios,
    1975).

    Attributes:
        name: how the results name it.
        demands_s: for each class, mean service time times mean number of visits, in seconds.
        multipliers: work rate with 1, 2, ... operations present, relative to one; the last value holds on.
        delay: whether operations never wait for each other here (then `multipliers` has no meaning).
    """

    name: str
    demands_s: tuple[float, ...]
    multipliers: tuple[float, ...] = (1.0,)
    delay: bool = False

    def multiplier(self, population: int) -> float:
        """Work rate with that many operations present."""
        if self.delay:
            return float(population)
        return self.multipliers[min(population, len(self.multipliers)) - 1]


def server_multipliers(servers: int) -> tuple[float, ...]:
    """Work rates of a station of so many equal servers with one queue, for `Station.multipliers`."""
    return tuple(float(busy) for busy in range(1, servers + 1))


@dataclass(frozen=True)
class ClosedNetwork:
    """Steady state of a closed network.

    Attributes:
        throughput_per_s: operations per second of each class.
        response_time_s: mean time from leaving the think state to returning, of each class, in seconds.
        residence_time_s: for each station name, mean time spent there per operation of each class, in
            seconds.
        queue_length: for each station name, mean number there of each class, those in service included.
    """

    throughput_per_s: tuple[float, ...]
    response_time_s: tuple[float, ...]
    residence_time_s: dict[str, tuple[float, ...]]
    queue_length: dict[str, tuple[float, ...]]


def exact_mva(stations: Sequence[Station], populations: Sequence[int], think_times_s: Sequence[float]) -> ClosedNetwork:
    """Exact mean value analysis of one or several classes.

    Reiser and Lavenberg, 1980: the arrival theorem, population by population; load-dependent stations carry
    the chances of their numbers (Reiser, 1981, section 3). The work is the product of (population + 1) over
    the classes. Chances of an empty load-dependent station lose digits near saturation: for one class
    `single_class_network` does not.

    Args:
        stations: the stations, each with a demand for every class.
        populations: operations that circulate, of each class.
        think_times_s: mean think time of each class in seconds.
    """
    classes = len(populations)
    for station in stations:
        if len(station.demands_s) != classes:
            found = len(station.demands_s)
            raise ValueError(f"station {station.name} has {found} demands for {classes} classes")
        require_not_negative(**{f"demand of {station.name}": min(station.demands_s)})
    tables = [_StationTable(station, sum(populations)) for station in stations]
    throughput = [0.0] * classes
    residence = np.zeros((len(stations), classes))
    for population in itertools.product(*(range(count + 1) for count in populations)):
        if sum(population) == 0:
            continue
        residence[:] = 0.0
        throughput = [0.0] * classes
        for index in range(classes):
            if population[index] == 0:
                continue
            fewer = (*population[:index], population[index] - 1, *population[index + 1 :])
            for row, table in enumerate(tables):
                residence[row, index] = table.residence_time(index, fewer)
            throughput[index] = population[index] / (think_times_s[index] + residence[:, index].sum())
        for row, table in enumerate(tables):
            table.record(population, throughput, residence[row])
    rates = np.asarray(throughput)
    return ClosedNetwork(
        tuple(throughput),
        tuple(float(total) for total in residence.sum(axis=0)),
        {s.name: tuple(float(r) for r in residence[row]) for row, s in enumerate(stations)},
        {s.name: tuple(float(q) for q in residence[row] * rates) for row, s in enumerate(stations)},
    )


class _StationTable:
    """What the recursion remembers of one station: mean numbers, or their chances where speeds vary."""

    def __init__(self, station: Station, total: int) -> None:
        self._station = station
        self._multipliers = [station.multiplier(n) for n in range(1, total + 1)]
        self._fixed_rate = not station.delay and all(m == 1.0 for m in station.multipliers)
        self._numbers: dict[tuple[int, ...], float] = {}
        self._chances: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def residence_time(self, index: int, fewer: tuple[int, ...]) -> float:
        """Mean time at the station of an operation of a class that finds `fewer` in the network."""
        demand = self._station.demands_s[index]
        if self._station.delay:
            return demand
        if self._fixed_rate:
            return demand * (1.0 + self._numbers.get(fewer, 0.0))
        found = self._chances.get(fewer, np.ones(1))
        return demand * sum(
            (present + 1) / self._multipliers[present] * float(chance) for present, chance in enumerate(found)
        )

    def record(self, population: tuple[int, ...], throughput: Sequence[float], residence: NDArray[np.float64]) -> None:
        """Keep the steady state at a population, from the throughput and residence time of each class."""
        if self._station.delay:
            return
        if self._fixed_rate:
            self._numbers[population] = float(np.dot(throughput, residence))
            return
        total = sum(population)
        chances = np.zeros(total + 1)
        for index, rate in enumerate(throughput):
            if population[index] == 0:
                continue
            fewer = (*population[:index], population[index] - 1, *population[index + 1 :])
            before = self._chances.get(fewer, np.ones(1))
            offered = rate * self._station.demands_s[index]
            chances[1:] += offered * before / np.asarray(self._multipliers[:total])
        chances[0] = 1.0 - chances[1:].sum()
        self._chances[population] = chances


def single_class_network(stations: Sequence[Station], population: int, think_time_s: float) -> ClosedNetwork:
    """Closed network of one class by convolution, at any population and close to saturation.

    Buzen, 1973, in logarithms: all terms are positive, so nothing cancels. X = G(N-1) / G(N); the mean number
    at a station comes from its own factor and the convolution of all the others.

    Args:
        stations: the stations, with one demand each.
        population: operations that circulate.
        think_time_s: mean think time in seconds; 0 for none.
    """
    require_positive(population=population)
    require_not_negative(think_time_s=think_time_s)
    thinking = Station("think time", (think_time_s,), delay=True)
    factors = [_log_factors(station, population) for station in (*stations, thinking)]
    whole = _convolved(factors, population)
    throughput = math.exp(whole[population - 1] - whole[population])
    numbers = np.arange(population + 1)
    queue_length: dict[str, tuple[float, ...]] = {}
    for index, station in enumerate(stations):
        others = _convolved(factors[:index] + factors[index + 1 :], population)
        chances = np.exp(factors[index] + others[::-1] - whole[population])
        queue_length[station.name] = (float(np.dot(numbers, chances)),)
    response = population / throughput - think_time_s
    residence: dict[str, tuple[float, ...]] = {
        name: (lengths[0] / throughput,) for name, lengths in queue_length.items()
    }
    return ClosedNetwork((throughput,), (response,), residence, queue_length)


def _log_factors(station: Station, population: int) -> NDArray[np.float64]:
    """Logarithms of demand^n / (multiplier(1) ... multiplier(n)) for n from 0 to the population."""
    factors = np.full(population + 1, -math.inf)
    factors[0] = 0.0
    if station.demands_s[0] > 0.0:
        steps = [math.log(station.demands_s[0] / station.multiplier(n)) for n in range(1, population + 1)]
        factors[1:] = np.cumsum(steps)
    return factors


def _convolved(factors: Sequence[NDArray[np.float64]], population: int) -> NDArray[np.float64]:
    """Logarithms of the convolution of sequences given by their logarithms."""
    result = np.full(population + 1, -math.inf)
    result[0] = 0.0
    for factor in factors:
        result = np.array([logsumexp(result[: n + 1] + factor[n::-1]) for n in range(population + 1)])
    return result


def machine_repairman(population: int, think_time_s: float, service_time_s: float, servers: int) -> ClosedNetwork:
    """Users who think and then queue for c servers: M/M/c with a finite population.

    Palm, 1943; Kleinrock, 1975, section 3.8. The think time may have any distribution, and under processor
    sharing the demand too.

    Args:
        population: users.
        think_time_s: mean think time in seconds.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of servers.
    """
    station = Station("servers", (service_time_s,), server_multipliers(servers))
    return single_class_network([station], population, think_time_s)


def machine_repairman_response_time_percentile(
    population: int, think_time_s: float, service_time_s: float, share: float
) -> float:
    """Percentile of the response time with one first-come server and a finite population.

    An arrival sees the steady state of one user fewer (Sevcik and Mitrani, 1981; Lavenberg and Reiser, 1980)
    and needs one exponential service more than it finds there.

    Args:
        population: users.
        think_time_s: mean think time in seconds.
        service_time_s: mean of the exponential service time in seconds.
        share: the share of the operations at or below the answer.
    """
    require_positive(population=population, think_time_s=think_time_s, service_time_s=service_time_s)
    logs = np.array(
        [n * math.log(service_time_s / think_time_s) - math.lgamma(population - n) for n in range(population)]
    )
    weights = np.exp(logs - logs.max())
    return erlang_mixture_percentile(list(weights / weights.sum()), service_time_s, share)

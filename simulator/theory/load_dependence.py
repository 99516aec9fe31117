"""Rates of stations whose speed depends on how many of their cores are busy."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.theory.arguments import require_positive
from simulator.theory.markov_chain import birth_death_probabilities, chain_probabilities


def busy_core_multipliers(cores: int, speed_by_busy: Sequence[float], populations: int) -> list[float]:
    """Total work rate of a first-come station, relative to one core, with 1, 2, ... operations present.

    Args:
        cores: number of cores.
        speed_by_busy: speed of each busy core with 1, 2, ... busy; the last value holds on.
        populations: length of the answer.
    """
    busy = [min(n, cores) for n in range(1, populations + 1)]
    return [count * speed_by_busy[min(count, len(speed_by_busy)) - 1] for count in busy]


def hyperthread_multipliers(smt_speedup: float, populations: int) -> list[float]:
    """Total work rate of one physical core of two hyperthreads with 1, 2, ... operations present.

    Args:
        smt_speedup: work rate with both threads busy, relative to one.
        populations: length of the answer.
    """
    return [1.0 if n == 1 else smt_speedup for n in range(1, populations + 1)]


def load_dependent_response_time_mean(
    arrival_rate_per_s: float, service_time_s: float, multipliers: Sequence[float]
) -> float:
    """Mean response time of an open Markov queue whose service rate depends on the population.

    Jackson, 1963; Kleinrock, 1975, eq. 3.11. The populations above the length of `multipliers` are left out,
    so it must be long enough.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential demand in seconds at speed one.
        multipliers: work rate relative to one core with 1, 2, ... operations present.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s)
    probabilities = birth_death_probabilities(
        [arrival_rate_per_s] * len(multipliers), [speed / service_time_s for speed in multipliers]
    )
    inside = float(np.dot(np.arange(len(probabilities)), probabilities))
    return inside / arrival_rate_per_s


@dataclass(frozen=True)
class HyperthreadedCores:
    """First-come queue in front of physical cores of two hyperthreads each, as a Markov chain.

    Tasks stay on the thread where they start; an arrival takes an empty physical core first. The work rate
    then depends on the arrangement and not on the number alone, so it is not a birth-death process.

    Attributes:
        physical_cores: number of physical cores.
        smt_speedup: work rate of a physical core with both threads busy, relative to one.
        service_time_s: mean of the exponential demand in seconds on a core of its own.
        most_waiting: queue at which the chain is cut off.
    """

    physical_cores: int
    smt_speedup: float
    service_time_s: float
    most_waiting: int = 400

    def response_time_mean(self, arrival_rate_per_s: float) -> float:
        """Mean response time in seconds under Poisson arrivals."""
        require_positive(arrival_rate_per_s=arrival_rate_per_s)

        def transitions(state: tuple[int, int, int]) -> Iterable[tuple[float, tuple[int, int, int]]]:
            single, double, waiting = state
            empty = self.physical_cores - single - double
            if empty:
                yield arrival_rate_per_s, (single + 1, double, 0)
            elif single:
                yield arrival_rate_per_s, (single - 1, double + 1, 0)
            elif waiting < self.most_waiting:
                yield arrival_rate_per_s, (single, double, waiting + 1)
            yield single / self.service_time_s, (single - 1, double, 0)
            rate = double * self.smt_speedup / self.service_time_s
            yield rate, (single, double, waiting - 1) if waiting else (single + 1, double - 1, 0)

        probabilities = chain_probabilities((0, 0, 0), transitions)
        inside = sum((single + 2 * double + waiting) * p for (single, double, waiting), p in probabilities.items())
        return inside / arrival_rate_per_s

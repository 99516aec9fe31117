"""Open queues with several servers, limited places, losses or impatience."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import poisson

from simulator.theory.arguments import require_positive, require_stable
from simulator.theory.markov_chain import birth_death_probabilities
from simulator.theory.percentiles import percentile


def erlang_b(offered_erlangs: float, servers: int) -> float:
    """Share of arrivals lost by servers without a queue, whatever the distribution of the service time.

    Erlang, 1917; by the recursion B(c) = a B(c-1) / (c + a B(c-1)). Sevastyanov, 1957: insensitive.

    Args:
        offered_erlangs: arrival rate times mean service time.
        servers: number of servers (also: tokens, or operations that the memory holds).
    """
    require_positive(offered_erlangs=offered_erlangs)
    lost = 1.0
    for count in range(1, servers + 1):
        lost = offered_erlangs * lost / (count + offered_erlangs * lost)
    return lost


def erlang_c(offered_erlangs: float, servers: int) -> float:
    """Share of arrivals that wait in M/M/c (Erlang, 1917; Kleinrock, 1975, eq. 3.40).

    Args:
        offered_erlangs: arrival rate times mean service time, below the number of servers.
        servers: number of servers.
    """
    require_positive(servers=servers)
    utilization = offered_erlangs / servers
    require_stable(utilization)
    lost = erlang_b(offered_erlangs, servers)
    return lost / (1.0 - utilization * (1.0 - lost))


def mmc_waiting_time_mean(arrival_rate_per_s: float, service_time_s: float, servers: int) -> float:
    """Mean queueing delay of M/M/c (Erlang, 1917): C S / (c (1 - rho)).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of servers.
    """
    offered_erlangs = arrival_rate_per_s * service_time_s
    return erlang_c(offered_erlangs, servers) * service_time_s / (servers - offered_erlangs)


def mmc_response_time_mean(arrival_rate_per_s: float, service_time_s: float, servers: int) -> float:
    """Mean response time of M/M/c; with processor sharing on c cores, of M/G/c too.

    Erlang, 1917; insensitive under processor sharing on c cores: Kelly, 1979, section 3.3.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean service time in seconds.
        servers: number of servers.
    """
    return service_time_s + mmc_waiting_time_mean(arrival_rate_per_s, service_time_s, servers)


def mmc_response_time_percentile(arrival_rate_per_s: float, service_time_s: float, servers: int, share: float) -> float:
    """Percentile of the response time of M/M/c, first come first served.

    The delay is zero with chance 1 - C and exponential with rate c (1 - rho) / S otherwise (Gross and Harris,
    1998, section 2.3), and independent of the service time; the sum is integrated in closed form.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of servers.
        share: the share of the operations at or below the answer.
    """
    offered_erlangs = arrival_rate_per_s * service_time_s
    waiting = erlang_c(offered_erlangs, servers)
    # Rate at which the delay of those who wait ends, in units of the service rate.
    drain = servers - offered_erlangs

    def probability_at_most(time_s: float) -> float:
        services = time_s / service_time_s
        if math.isclose(drain, 1.0, rel_tol=1e-9):
            waited_and_longer = math.exp(-services) * (1.0 + services)
        else:
            waited_and_longer = (drain * math.exp(-services) - math.exp(-drain * services)) / (drain - 1.0)
        return 1.0 - (1.0 - waiting) * math.exp(-services) - waiting * waited_and_longer

    return percentile(probability_at_most, share, service_time_s)


@dataclass(frozen=True)
class LossQueue:
    """Steady state of a queue that turns arrivals away.

    Attributes:
        lost_share: share of the arrivals that are turned away or leave unserved.
        throughput_per_s: operations that are served to the end, per second.
        in_system_mean: mean number inside, waiting or in service.
        response_time_mean_s: mean time inside of all that were let in, in seconds.
    """

    lost_share: float
    throughput_per_s: float
    in_system_mean: float
    response_time_mean_s: float


def mmck(arrival_rate_per_s: float, service_time_s: float, servers: int, places: int) -> LossQueue:
    """M/M/c/K: c servers, at most K operations inside.

    Kleinrock, 1975, section 3.6; Gross and Harris, 1998, section 2.4.

    Args:
        arrival_rate_per_s: Poisson arrivals per second, at any offered load.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of servers.
        places: K, those in service included.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s)
    probabilities = birth_death_probabilities(
        [arrival_rate_per_s] * places, [min(n, servers) / service_time_s for n in range(1, places + 1)]
    )
    lost = float(probabilities[-1])
    inside = float(np.dot(np.arange(places + 1), probabilities))
    throughput = arrival_rate_per_s * (1.0 - lost)
    return LossQueue(lost, throughput, inside, inside / throughput)


def mm1k_lost_share(utilization: float, places: int) -> float:
    """Share of arrivals that M/M/1/K turns away, in closed form (Kleinrock, 1975, eq. 3.43).

    Args:
        utilization: arrival rate times service time; may exceed one.
        places: K, the one in service included.
    """
    if math.isclose(utilization, 1.0, rel_tol=1e-12):
        return 1.0 / (places + 1)
    return (1.0 - utilization) * utilization**places / (1.0 - utilization ** (places + 1))


def multirate_lost_shares(capacity: int, sizes: Sequence[int], offered_erlangs: Sequence[float]) -> list[float]:
    """Share of the arrivals of each class that finds too little of a divided capacity free.

    Kaufman, 1981, and Roberts, 1981: n q(n) = sum over classes of size a q(n - size).

    Args:
        capacity: units in all, such as places of memory.
        sizes: units that an operation of each class holds.
        offered_erlangs: arrival rate times mean holding time of each class.
    """
    weights = np.zeros(capacity + 1)
    weights[0] = 1.0
    for used in range(1, capacity + 1):
        weights[used] = (
            sum(
                size * offered * weights[used - size]
                for size, offered in zip(sizes, offered_erlangs, strict=True)
                if size <= used
            )
            / used
        )
    weights /= weights.sum()
    return [float(weights[capacity - size + 1 :].sum()) for size in sizes]


def mmc_exponential_timeout(
    arrival_rate_per_s: float, service_time_s: float, servers: int, timeout_mean_s: float
) -> LossQueue:
    """M/M/c whose operations are cancelled, waiting or in service, at an exponential age.

    Palm, 1957 (Erlang A), with the patience running on in service: a birth-death process with the death rates
    min(n, c) / S + n / timeout. `lost_share` is the share that was cancelled.

    Args:
        arrival_rate_per_s: Poisson arrivals per second, at any offered load.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of servers.
        timeout_mean_s: mean of the exponential timeout in seconds.
    """
    require_positive(
        arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s, timeout_mean_s=timeout_mean_s
    )
    most = _population_bound(arrival_rate_per_s * timeout_mean_s)
    deaths = [min(n, servers) / service_time_s + n / timeout_mean_s for n in range(1, most + 1)]
    probabilities = birth_death_probabilities([arrival_rate_per_s] * most, deaths)
    inside = float(np.dot(np.arange(most + 1), probabilities))
    lost = inside / timeout_mean_s / arrival_rate_per_s
    return LossQueue(lost, arrival_rate_per_s * (1.0 - lost), inside, inside / arrival_rate_per_s)


def _population_bound(poisson_mean: float) -> int:
    """Population that a Poisson number of this mean, which bounds the true one, practically never exceeds."""
    return math.ceil(poisson_mean + 12.0 * math.sqrt(poisson_mean) + 30.0)


@dataclass(frozen=True)
class TimeoutQueue:
    """Steady state of M/M/1 whose operations are cancelled at a constant age.

    Attributes:
        timed_out_share: share of the operations that are cancelled.
        throughput_per_s: operations that are served to the end, per second.
        response_time_mean_s: mean response time of those, in seconds.
        utilization: share of the time in which the server works.
    """

    timed_out_share: float
    throughput_per_s: float
    response_time_mean_s: float
    utilization: float


def mm1_constant_timeout(arrival_rate_per_s: float, service_time_s: float, timeout_s: float) -> TimeoutQueue:
    """M/M/1 whose operations are cancelled at a constant age, waiting or in service, first come first served.

    Barrer, 1957; Baccelli, Boyer and Hebuterne, 1984. An arrival raises the unfinished work that will really
    be done from w to min(w + service, timeout), so the work is a finite dam of the size of the timeout, whose
    density is that of M/M/1 cut off there: p0 at zero and p0 rate exp(-(1/S - rate) x) above.

    Args:
        arrival_rate_per_s: Poisson arrivals per second, at any offered load.
        service_time_s: mean of the exponential service time in seconds.
        timeout_s: the age in seconds.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s, timeout_s=timeout_s)
    slack = 1.0 / service_time_s - arrival_rate_per_s
    drained = slack * timeout_s
    if abs(drained) < 1e-4:  # the closed forms lose digits where slack is small: Taylor's series
        work_weight = 1.0 - drained / 2.0 + drained**2 / 6.0
        age_weight = 0.5 - drained / 3.0 + drained**2 / 8.0
    else:
        work_weight = -math.expm1(-drained) / drained
        age_weight = (1.0 - math.exp(-drained) * (1.0 + drained)) / drained**2
    empty = 1.0 / (1.0 + arrival_rate_per_s * timeout_s * work_weight)
    timed_out = empty * math.exp(-drained)
    # w + service has the density empty/S exp(-slack t) up to the timeout: completed response times follow it.
    completed_mean = empty / service_time_s * timeout_s**2 * age_weight / (1.0 - timed_out)
    return TimeoutQueue(timed_out, arrival_rate_per_s * (1.0 - timed_out), completed_mean, 1.0 - empty)


def infinite_server_in_system_probabilities(offered_erlangs: float, most: int) -> NDArray[np.float64]:
    """Chances that 0, 1, ..., most operations are inside M/G/infinity: Poisson, whatever the distribution.

    Palm, 1938; Takacs, 1962.

    Args:
        offered_erlangs: arrival rate times mean service time.
        most: the last population.
    """
    require_positive(offered_erlangs=offered_erlangs)
    return np.asarray(poisson.pmf(np.arange(most + 1), offered_erlangs))

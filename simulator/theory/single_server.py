"""Open queues with one server."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.optimize import brentq

from simulator.theory.arguments import require_not_negative, require_positive, require_share, require_stable
from simulator.theory.percentiles import percentile


def _utilization(arrival_rate_per_s: float, service_time_s: float) -> float:
    require_positive(arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s)
    utilization = arrival_rate_per_s * service_time_s
    require_stable(utilization)
    return utilization


def mm1_response_time_mean(arrival_rate_per_s: float, service_time_s: float) -> float:
    """Mean response time of M/M/1, any work-conserving discipline that does not know the service times.

    Erlang, 1917; Kleinrock, 1975, eq. 3.26: S / (1 - rho).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential service time in seconds.
    """
    return service_time_s / (1.0 - _utilization(arrival_rate_per_s, service_time_s))


def mm1_response_time_percentile(arrival_rate_per_s: float, service_time_s: float, share: float) -> float:
    """Percentile of the response time of M/M/1, first come first served: it is exponential.

    Kleinrock, 1975, eq. 5.119: P(T > t) = exp(-t (1 - rho) / S).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential service time in seconds.
        share: the share of the operations at or below the answer.
    """
    require_share(share)
    return -math.log(1.0 - share) * mm1_response_time_mean(arrival_rate_per_s, service_time_s)


def mg1_waiting_time_mean(arrival_rate_per_s: float, service_time_s: float, service_cv: float) -> float:
    """Mean queueing delay of M/G/1, first come first served.

    Pollaczek, 1930, and Khinchine, 1932; Kleinrock, 1975, eq. 5.72: rho S (1 + cv^2) / (2 (1 - rho)).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean service time in seconds.
        service_cv: standard deviation of the service time relative to its mean.
    """
    require_not_negative(service_cv=service_cv)
    utilization = _utilization(arrival_rate_per_s, service_time_s)
    return utilization * service_time_s * (1.0 + service_cv**2) / (2.0 * (1.0 - utilization))


def mg1_response_time_mean(arrival_rate_per_s: float, service_time_s: float, service_cv: float) -> float:
    """Mean response time of M/G/1, first come first served: queueing delay and service time.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean service time in seconds.
        service_cv: standard deviation of the service time relative to its mean.
    """
    return service_time_s + mg1_waiting_time_mean(arrival_rate_per_s, service_time_s, service_cv)


def mg1_processor_sharing_response_time_mean(arrival_rate_per_s: float, service_time_s: float) -> float:
    """Mean response time of M/G/1 under processor sharing, whatever the distribution of the demand.

    Sakata, Noguchi and Oizumi, 1969; Kleinrock, 1976, eq. 4.17: S / (1 - rho).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean CPU demand in seconds.
    """
    return service_time_s / (1.0 - _utilization(arrival_rate_per_s, service_time_s))


def mm1_breakdowns_response_time_mean(
    arrival_rate_per_s: float, service_time_s: float, up_time_s: float, down_time_s: float, down_cv: float
) -> float:
    """Mean response time of M/M/1 whose server breaks down, in service or not, and goes on where it was.

    Avi-Itzhak and Naor, 1963, model A, by decomposition (Fuhrmann and Cooper, 1985): the Pollaczek-Khinchine
    delay of the completion times C, that of an idle server that is down, and C, the service with the repairs
    that fall in it.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: mean of the exponential service time in seconds.
        up_time_s: mean of the exponential time from a repair to the next breakdown in seconds.
        down_time_s: mean repair time in seconds.
        down_cv: standard deviation of the repair time relative to its mean.
    """
    require_positive(service_time_s=service_time_s, up_time_s=up_time_s, down_time_s=down_time_s)
    stretch = 1.0 + down_time_s / up_time_s
    down_square = down_time_s**2 * (1.0 + down_cv**2)
    completion_s = service_time_s * stretch
    completion_square = 2.0 * completion_s**2 + service_time_s / up_time_s * down_square
    utilization = _utilization(arrival_rate_per_s, completion_s)
    waiting_s = arrival_rate_per_s * completion_square / (2.0 * (1.0 - utilization))
    return completion_s + waiting_s + down_square / (2.0 * up_time_s * stretch)


def md1_waiting_time_probability(arrival_rate_per_s: float, service_time_s: float, time_s: float) -> float:
    """Chance that the queueing delay of M/D/1, first come first served, is at most a time.

    Erlang, 1909; Crommelin, 1932, with one server. The terms alternate, so that digits are lost with many
    service times of waiting: fine up to about twenty of them.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: the constant service time in seconds.
        time_s: the time in seconds.
    """
    utilization = _utilization(arrival_rate_per_s, service_time_s)
    if time_s < 0.0:
        return 0.0
    terms = []
    for count in range(math.floor(time_s / service_time_s) + 1):
        expected = arrival_rate_per_s * (time_s - count * service_time_s)
        sign = -1.0 if count % 2 else 1.0
        terms.append(sign * math.exp(expected) * expected**count / math.factorial(count))
    return (1.0 - utilization) * math.fsum(terms)


def md1_response_time_percentile(arrival_rate_per_s: float, service_time_s: float, share: float) -> float:
    """Percentile of the response time of M/D/1, first come first served.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        service_time_s: the constant service time in seconds.
        share: the share of the operations at or below the answer.
    """
    waiting_s = percentile(
        lambda time: md1_waiting_time_probability(arrival_rate_per_s, service_time_s, time),
        share,
        service_time_s,
    )
    return service_time_s + waiting_s


def erlang_m1_waiting_probability(arrival_rate_per_s: float, shape: int, service_time_s: float) -> float:
    """Chance that an arrival of E_k/M/1 finds the server busy.

    The root below one of sigma = A((1 - sigma) / S), A being the Laplace transform of the interarrival time
    (Kendall, 1953; Kleinrock, 1975, eq. 6.28), here A(s) = (k rate / (k rate + s))^k.

    Args:
        arrival_rate_per_s: arrivals per second; each interarrival time is a sum of `shape` exponential times.
        shape: number of these; 1 gives M/M/1.
        service_time_s: mean of the exponential service time in seconds.
    """
    utilization = _utilization(arrival_rate_per_s, service_time_s)

    def excess(sigma: float) -> float:
        return (1.0 + (1.0 - sigma) / (shape * utilization)) ** -shape - sigma

    return _root_below_one(excess)


def constant_m1_waiting_probability(arrival_rate_per_s: float, service_time_s: float) -> float:
    """Chance that an arrival of D/M/1 finds the server busy: sigma = exp(-(1 - sigma) / rho).

    Kendall, 1953; Kleinrock, 1975, eq. 6.28 with a constant interarrival time.

    Args:
        arrival_rate_per_s: arrivals per second, evenly spaced.
        service_time_s: mean of the exponential service time in seconds.
    """
    utilization = _utilization(arrival_rate_per_s, service_time_s)
    return _root_below_one(lambda sigma: math.exp(-(1.0 - sigma) / utilization) - sigma)


def gm1_response_time_mean(waiting_probability: float, service_time_s: float) -> float:
    """Mean response time of GI/M/1, first come first served: S / (1 - sigma) (Kleinrock, 1975, eq. 6.31).

    Args:
        waiting_probability: sigma, the chance that an arrival finds the server busy.
        service_time_s: mean of the exponential service time in seconds.
    """
    return service_time_s / (1.0 - waiting_probability)


def gm1_response_time_percentile(waiting_probability: float, service_time_s: float, share: float) -> float:
    """Percentile of the response time of GI/M/1, which is exponential (Kleinrock, 1975, eq. 6.31).

    Args:
        waiting_probability: sigma, the chance that an arrival finds the server busy.
        service_time_s: mean of the exponential service time in seconds.
        share: the share of the operations at or below the answer.
    """
    require_share(share)
    return -math.log(1.0 - share) * gm1_response_time_mean(waiting_probability, service_time_s)


def _root_below_one(excess: Callable[[float], float]) -> float:
    """Find the root in [0, 1) of a convex function that is also zero at 1 and falls through this root."""
    upper = 1.0
    step = 0.5
    while excess(upper - step) > 0.0:
        step /= 2.0
    return float(brentq(excess, 0.0, upper - step, xtol=1e-15, rtol=1e-13))

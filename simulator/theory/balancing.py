"""Load balancers in front of equal first-come queues of one server each."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations

from simulator.theory.arguments import require_positive, require_stable
from simulator.theory.markov_chain import chain_probabilities
from simulator.theory.percentiles import erlang_mixture_percentile
from simulator.theory.single_server import erlang_m1_waiting_probability

Lengths = tuple[int, ...]


@dataclass(frozen=True)
class BalancedQueues:
    """Steady state behind a balancer that looks at the queues.

    Attributes:
        joined: chance that an arrival is the 1st, 2nd, ... in the queue that it joins.
        service_time_s: mean of the exponential service time in seconds.
    """

    joined: tuple[float, ...]
    service_time_s: float

    @property
    def response_time_mean_s(self) -> float:
        """Mean response time in seconds: that many exponential services."""
        return self.service_time_s * sum(position * p for position, p in enumerate(self.joined, start=1))

    def response_time_percentile_s(self, share: float) -> float:
        """Time in seconds at or below which that share of the operations is done."""
        return erlang_mixture_percentile(self.joined, self.service_time_s, share)


def sampled_shortest_queue(
    arrival_rate_per_s: float, service_time_s: float, servers: int, sampled: int, longest: int
) -> BalancedQueues:
    """Each arrival joins the shortest of `sampled` different queues drawn at random.

    With all queues sampled it is join-the-shortest-queue (Haight, 1958; Kingman, 1961), which
    least-connections is; with two, the power of two choices (Mitzenmacher, 1996) for a finite number of
    servers. Arrivals see time averages (Wolff, 1982). The chain of the sorted queue lengths is solved
    numerically; the tail of the longest queue falls at least as fast as in M/M/1, whose cut at `longest`
    bounds the error.

    Args:
        arrival_rate_per_s: Poisson arrivals per second to the balancer.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of queues.
        sampled: number of queues that an arrival looks at.
        longest: queue length at which the chain is cut off.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s, service_time_s=service_time_s)
    require_stable(arrival_rate_per_s * service_time_s / servers)
    choice = _position_chances(servers, sampled)

    def transitions(lengths: Lengths) -> Iterable[tuple[float, Lengths]]:
        for position, length in enumerate(lengths):
            if length < longest:
                yield arrival_rate_per_s * choice[position], _changed(lengths, position, 1)
            if length > 0:
                yield 1.0 / service_time_s, _changed(lengths, position, -1)

    joined = [0.0] * (longest + 1)
    for lengths, probability in chain_probabilities((0,) * servers, transitions).items():
        for position, length in enumerate(lengths):
            joined[length] += probability * choice[position]
    return BalancedQueues(tuple(joined), service_time_s)


def _position_chances(servers: int, sampled: int) -> list[float]:
    """Chance that the shortest of the sampled queues is the 1st, 2nd, ... in order of length."""
    total = math.comb(servers, sampled)
    chances = [0.0] * servers
    for positions in combinations(range(servers), sampled):
        chances[positions[0]] += 1.0 / total
    return chances


def _changed(lengths: Lengths, position: int, change: int) -> Lengths:
    """Sorted lengths after one of them has changed."""
    changed = list(lengths)
    changed[position] += change
    return tuple(sorted(changed))


def round_robin_waiting_probability(arrival_rate_per_s: float, service_time_s: float, servers: int) -> float:
    """Chance of finding a busy server behind a round-robin balancer: each queue is E_n/M/1.

    Every n-th arrival of a Poisson process goes to the same queue (Kendall, 1953, for GI/M/1). Mean and
    percentiles follow by `gm1_response_time_mean` and `gm1_response_time_percentile`.

    Args:
        arrival_rate_per_s: Poisson arrivals per second to the balancer.
        service_time_s: mean of the exponential service time in seconds.
        servers: number of queues.
    """
    return erlang_m1_waiting_probability(arrival_rate_per_s / servers, servers, service_time_s)

"""Bounds and scaling laws that need no queueing model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from simulator.theory.arguments import require_not_negative, require_positive


@dataclass(frozen=True)
class AsymptoticBounds:
    """What no closed system of fixed-rate stations can exceed.

    Muntz and Wong, 1974; Denning and Buzen, 1978.

    Attributes:
        demand_total_s: sum of the service demands in seconds: the response time of one operation alone.
        demand_most_s: demand of the bottleneck in seconds of one server's time, divided by its servers.
        think_time_s: mean think time in seconds.
    """

    demand_total_s: float
    demand_most_s: float
    think_time_s: float

    @property
    def throughput_most_per_s(self) -> float:
        """Most operations per second at any concurrency: 1 / Dmax."""
        return 1.0 / self.demand_most_s

    @property
    def concurrency_optimal(self) -> float:
        """N*, where the two bounds meet: (D + Z) / Dmax. Beyond it operations must queue."""
        return (self.demand_total_s + self.think_time_s) / self.demand_most_s

    def throughput_at_most_per_s(self, population: float) -> float:
        """Upper bound of the throughput with that many operations: min(N / (D + Z), 1 / Dmax)."""
        return min(population / (self.demand_total_s + self.think_time_s), self.throughput_most_per_s)

    def response_time_at_least_s(self, population: float) -> float:
        """Lower bound of the mean response time in seconds: max(D, N Dmax - Z)."""
        return max(self.demand_total_s, population * self.demand_most_s - self.think_time_s)


def asymptotic_bounds(
    demands_s: Sequence[float], servers: Sequence[int], think_time_s: float, delay_s: float = 0.0
) -> AsymptoticBounds:
    """Asymptotic bounds of a closed system.

    Args:
        demands_s: service demand of an operation at each station in seconds.
        servers: number of servers of each station.
        think_time_s: mean think time in seconds.
        delay_s: pure waits of an operation in seconds, part of its response time.
    """
    require_not_negative(think_time_s=think_time_s, delay_s=delay_s)
    most = max(demand / count for demand, count in zip(demands_s, servers, strict=True))
    require_positive(largest_demand=most)
    return AsymptoticBounds(sum(demands_s) + delay_s, most, think_time_s)


def balanced_job_bounds(demands_s: Sequence[float], population: int, think_time_s: float) -> tuple[float, float]:
    """Lower and upper bound of the throughput of a closed product-form network of single servers, per second.

    Zahorjan, Sevcik, Eager and Galler, 1982; with think time as in Lazowska, Zahorjan, Graham and Sevcik,
    1984, table 5.4.

    Args:
        demands_s: service demand of an operation at each station in seconds.
        population: operations that circulate.
        think_time_s: mean think time in seconds.
    """
    require_positive(population=population)
    require_not_negative(think_time_s=think_time_s)
    total = sum(demands_s)
    most = max(demands_s)
    average = total / len(demands_s)
    others = population - 1
    lower_share = others / (1.0 + think_time_s / (population * total))
    upper_share = others / (1.0 + think_time_s / total)
    lower = population / (think_time_s + total + most * lower_share)
    upper = min(1.0 / most, population / (think_time_s + total + average * upper_share))
    return lower, upper


def amdahl_speedup(processors: float, serial_share: float) -> float:
    """Speed-up of work of which a share cannot be divided (Amdahl, 1967): n / (1 + s (n - 1)).

    Args:
        processors: processors, cores or processes.
        serial_share: share of the work of one processor that is serial.
    """
    return usl_relative_capacity(processors, serial_share, 0.0)


def gustafson_speedup(processors: float, serial_share: float) -> float:
    """Speed-up of work that grows with the machine (Gustafson, 1988): s + n (1 - s).

    Args:
        processors: processors, cores or processes.
        serial_share: share of the time on n processors that is serial.
    """
    require_positive(processors=processors)
    require_not_negative(serial_share=serial_share)
    return serial_share + processors * (1.0 - serial_share)


def usl_relative_capacity(concurrency: float, contention: float, coherency: float) -> float:
    """Throughput relative to one by the Universal Scalability Law.

    Gunther, 1993: N / (1 + a (N-1) + b N (N-1)).

    Args:
        concurrency: N: processes, cores or nodes.
        contention: a, the serial share.
        coherency: b, the cost of each pair that must agree.
    """
    require_positive(concurrency=concurrency)
    require_not_negative(contention=contention, coherency=coherency)
    return concurrency / (1.0 + contention * (concurrency - 1.0) + coherency * concurrency * (concurrency - 1.0))


def usl_concurrency_at_peak(contention: float, coherency: float) -> float:
    """Concurrency of the greatest throughput by the Universal Scalability Law.

    Gunther, 1993: sqrt((1 - a) / b).

    Args:
        contention: a, the serial share.
        coherency: b, the cost of each pair that must agree; with 0 there is no peak, and the answer is
            infinite.
    """
    require_not_negative(contention=contention, coherency=coherency)
    if contention >= 1.0:
        return 1.0
    return max(1.0, math.sqrt((1.0 - contention) / coherency)) if coherency > 0.0 else math.inf

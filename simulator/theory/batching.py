"""Queues that are served in batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import poisson

from simulator.theory.arguments import require_positive, require_share
from simulator.theory.markov_chain import embedded_chain_probabilities


def natural_batch_response_time_mean(
    arrival_rate_per_s: float, batch_time_s: Callable[[int], float], max_size: int, most_waiting: int = 400
) -> float:
    """Mean response time when a free flusher takes all that wait, up to a size.

    A batch of k takes a constant time.

    Bailey, 1954, and Neuts, 1967, for Poisson arrivals and general bulk service that starts with one: the
    chain of the number left behind at the ends of batches, then the mean number inside by renewal reward over
    one cycle, and Little's law.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        batch_time_s: service time in seconds of a batch of k members.
        max_size: most members of a batch.
        most_waiting: number left behind at which the chain is cut off.

    Raises:
        ValueError: full batches cannot keep up with the arrivals.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s)
    times = [batch_time_s(size) for size in range(1, max_size + 1)]
    if arrival_rate_per_s * times[-1] >= max_size:
        raise ValueError(f"no steady state: full batches serve {max_size / times[-1]:.6g}/s at most")
    left = embedded_chain_probabilities(_left_behind_transitions(arrival_rate_per_s, times, most_waiting))
    inside_time = 0.0
    cycle_time = 0.0
    for count, probability in enumerate(left):
        idle_s = 0.0 if count else 1.0 / arrival_rate_per_s
        present = max(count, 1)
        busy_s = times[min(present, max_size) - 1]
        inside_time += probability * (present * busy_s + arrival_rate_per_s * busy_s**2 / 2.0)
        cycle_time += probability * (idle_s + busy_s)
    return float(inside_time / cycle_time / arrival_rate_per_s)


def _left_behind_transitions(arrival_rate_per_s: float, times: list[float], most_waiting: int) -> NDArray[np.float64]:
    """Chances of the numbers left behind by a batch, given the number that the one before left behind."""
    counts = np.arange(most_waiting + 1)
    matrix = np.zeros((most_waiting + 1, most_waiting + 1))
    for count in counts:
        present = max(int(count), 1)
        size = min(present, len(times))
        stay = present - size
        matrix[count, stay:] = poisson.pmf(counts[: most_waiting + 1 - stay], arrival_rate_per_s * times[size - 1])
        matrix[count, -1] += 1.0 - matrix[count].sum()
    return matrix


def linger_batch_size_mean(arrival_rate_per_s: float, linger_s: float, max_size: int) -> float:
    """Mean size of batches that close when full or when the first member has waited `linger`.

    The first member, and the Poisson arrivals in its linger up to the size (renewal reward: Ross, 1983,
    section 3.6).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        linger_s: longest wait of the first member in seconds.
        max_size: most members of a batch.
    """
    require_positive(arrival_rate_per_s=arrival_rate_per_s, linger_s=linger_s, max_size=max_size)
    expected = arrival_rate_per_s * linger_s
    followers = np.arange(max_size)
    chances = poisson.pmf(followers, expected)
    return float(1.0 + np.dot(followers, chances) + (max_size - 1) * (1.0 - chances.sum()))


def linger_waiting_time_mean(arrival_rate_per_s: float, linger_s: float, max_size: int) -> float:
    """Mean time from joining a batch to its closing, full or after `linger` from its first member.

    Renewal reward: while a batch is open, 1 + j members wait, j being Poisson; the waiting time summed over
    the members is the integral over the linger of the expected number while it is not full, divided by the
    mean size.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        linger_s: longest wait of the first member in seconds.
        max_size: most members of a batch.
    """
    size_mean = linger_batch_size_mean(arrival_rate_per_s, linger_s, max_size)
    followers = np.arange(max_size - 1)

    def open_members(time_s: float) -> float:
        return float(np.dot(1 + followers, poisson.pmf(followers, arrival_rate_per_s * time_s)))

    waited, _ = quad(open_members, 0.0, linger_s, epsabs=0.0, epsrel=1e-10)
    return float(waited / size_mean)


def linger_flush_time_mean(arrival_rate_per_s: float, linger_s: float, fixed_s: float, per_item_s: float) -> float:
    """Mean time that a member spends in the flush of batches that only the linger closes.

    A member meets batches in proportion to their size: fixed + per_item E[K^2] / E[K], K - 1 being Poisson.
    Flushes must be shorter than the linger, so that none waits for the one before.

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        linger_s: wait of the first member in seconds.
        fixed_s: CPU of a flush in seconds.
        per_item_s: CPU for each member in seconds.
    """
    expected = arrival_rate_per_s * linger_s
    return fixed_s + per_item_s * (1.0 + 3.0 * expected + expected**2) / (1.0 + expected)


def linger_waiting_time_percentile(arrival_rate_per_s: float, linger_s: float, share: float) -> float:
    """Percentile of the time from joining to closing of batches that only the linger closes.

    One member in 1 + rate linger waits all of it; the others joined uniformly within it (Poisson arrivals
    given their number).

    Args:
        arrival_rate_per_s: Poisson arrivals per second.
        linger_s: wait of the first member in seconds.
        share: the share of the operations at or below the answer.
    """
    require_share(share)
    expected = arrival_rate_per_s * linger_s
    return min(share * (1.0 + expected) / expected, 1.0) * linger_s

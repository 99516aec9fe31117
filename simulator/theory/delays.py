"""Delays, retries and other stations at which operations do not wait for each other."""

from __future__ import annotations

import math
from statistics import NormalDist

from simulator.theory.arguments import require_not_negative, require_positive, require_share


def retried_success_share(failure_probability: float, attempts: int) -> float:
    """Share of the operations that succeed within so many attempts.

    Bernoulli trials (J. Bernoulli, 1713): 1 - p^attempts.

    Args:
        failure_probability: chance that an attempt fails.
        attempts: most attempts, the first one included.
    """
    require_share(failure_probability)
    return 1.0 - failure_probability**attempts


def retried_response_time_mean(
    failure_probability: float, attempts: int, attempt_time_s: float, backoff_means_s: list[float]
) -> float:
    """Mean response time of the operations that succeed, over all attempts and backoffs.

    The number of attempts follows a geometric law, cut off and normalized.

    Args:
        failure_probability: chance that an attempt fails, independent of the others.
        attempts: most attempts, the first one included.
        attempt_time_s: mean time of an attempt in seconds, failed or not.
        backoff_means_s: mean pause before the 2nd, 3rd, ... attempt in seconds.
    """
    require_positive(attempt_time_s=attempt_time_s, attempts=attempts)
    total = 0.0
    spent_s = 0.0
    for attempt in range(attempts):
        spent_s += attempt_time_s + (backoff_means_s[attempt - 1] if attempt else 0.0)
        total += failure_probability**attempt * (1.0 - failure_probability) * spent_s
    return total / retried_success_share(failure_probability, attempts)


def lognormal_percentile(mean_s: float, cv: float, share: float) -> float:
    """Percentile of a log-normal time given by its mean and coefficient of variation.

    Johnson, Kotz and Balakrishnan, 1994, chapter 14.

    Args:
        mean_s: mean in seconds.
        cv: standard deviation relative to the mean.
        share: the share of the distribution at or below the answer.
    """
    require_positive(mean_s=mean_s)
    require_not_negative(cv=cv)
    require_share(share)
    variance_of_log = math.log1p(cv**2)
    location = math.log(mean_s) - variance_of_log / 2.0
    return math.exp(location + math.sqrt(variance_of_log) * NormalDist().inv_cdf(share))

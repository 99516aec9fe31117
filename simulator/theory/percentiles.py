"""Percentiles of distributions that are known by their distribution function or their stages."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.linalg import expm
from scipy.optimize import brentq
from scipy.special import gammainc

from simulator.theory.arguments import require_positive, require_share


def percentile(probability_at_most: Callable[[float], float], share: float, scale_s: float) -> float:
    """Invert a continuous distribution function of a non-negative time.

    Args:
        probability_at_most: the distribution function, of a time in seconds.
        share: the share of the distribution at or below the answer.
        scale_s: any time of the right order, from which the bracket grows.

    Returns:
        The time in seconds; 0 where the atom at zero already holds the share.
    """
    require_share(share)
    require_positive(scale_s=scale_s)
    if probability_at_most(0.0) >= share:
        return 0.0
    upper = scale_s
    while probability_at_most(upper) < share:
        upper *= 2.0
    return float(brentq(lambda time: probability_at_most(time) - share, 0.0, upper, xtol=1e-15 * upper, rtol=1e-13))


def erlang_mixture_probability(weights: Sequence[float], stage_mean_s: float, time_s: float) -> float:
    """Distribution function of a sum of k exponential stages, where k is random.

    Args:
        weights: chance of k = 1, 2, 3, ... stages, summing to one.
        stage_mean_s: mean of each stage in seconds.
        time_s: where to evaluate, in seconds.
    """
    stages = np.arange(1, len(weights) + 1)
    return float(np.dot(weights, gammainc(stages, time_s / stage_mean_s)))


def erlang_mixture_percentile(weights: Sequence[float], stage_mean_s: float, share: float) -> float:
    """Percentile of a sum of k exponential stages, where k is random.

    Args:
        weights: chance of k = 1, 2, 3, ... stages, summing to one.
        stage_mean_s: mean of each stage in seconds.
        share: the share of the distribution at or below the answer.
    """
    return percentile(lambda time: erlang_mixture_probability(weights, stage_mean_s, time), share, stage_mean_s)


def exponential_sum_percentile(means_s: Sequence[float], share: float) -> float:
    """Percentile of a sum of independent exponential times, whose means may coincide.

    The distribution function is that of the time to absorption in a chain of stages (Neuts, 1981, phase-type
    distributions, eq. 2.2.1).

    Args:
        means_s: mean of each of the times in seconds.
        share: the share of the distribution at or below the answer.
    """
    for mean_s in means_s:
        require_positive(mean_s=mean_s)
    stages = len(means_s)
    generator = np.zeros((stages, stages))
    for stage, mean_s in enumerate(means_s):
        generator[stage, stage] = -1.0 / mean_s
        if stage + 1 < stages:
            generator[stage, stage + 1] = 1.0 / mean_s
    return percentile(lambda time: 1.0 - float(expm(generator * time)[0].sum()), share, sum(means_s))

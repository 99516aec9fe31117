"""CPU quotas: a budget per period, as the bandwidth control of an operating system gives it."""

from __future__ import annotations

import math

from scipy.integrate import quad

from simulator.theory.arguments import require_positive


def quota_saturated_throughput_per_s(cpu_quota: float, cores: float, demand_s: float) -> float:
    """Fluid limit: throughput when work always waits, whatever the period: min(quota, cores) / demand.

    Turner, Rao and Rao, 2010 (the budget of each period is used up).

    Args:
        cpu_quota: cores' worth of CPU per period.
        cores: number of cores.
        demand_s: mean CPU demand of an operation in seconds.
    """
    require_positive(cpu_quota=cpu_quota, cores=cores, demand_s=demand_s)
    return min(cpu_quota, cores) / demand_s


def quota_response_time(demand_s: float, phase_s: float, cpu_quota: float, period_s: float, parallel: int = 1) -> float:
    """Response time of equal bursts that start together, each on a core of its own, with an untouched budget.

    The supply of a periodic server at the start of a period (Shin and Lee, 2003, periodic resource model),
    `parallel` cores drawing on one ideal budget at once.

    Args:
        demand_s: CPU of each burst in seconds.
        phase_s: time of the start since the start of a period, in seconds, below the period.
        cpu_quota: cores' worth of CPU per period.
        period_s: the period in seconds.
        parallel: number of bursts and of the cores that they run on.
    """
    require_positive(demand_s=demand_s, cpu_quota=cpu_quota, period_s=period_s, parallel=parallel)
    if not 0.0 <= phase_s < period_s:
        raise ValueError(f"phase_s must be at least 0 and below the period, found {phase_s}")
    per_period_s = min(cpu_quota * period_s / parallel, period_s)
    first_s = min(per_period_s, period_s - phase_s)
    if demand_s <= first_s:
        return demand_s
    full_periods = math.ceil((demand_s - first_s) / per_period_s) - 1
    return period_s - phase_s + full_periods * period_s + demand_s - first_s - full_periods * per_period_s


def quota_worst_response_time(demand_s: float, cpu_quota: float, period_s: float, parallel: int = 1) -> float:
    """Longest response time of such bursts over all phases: m periods and the rest.

    m = ceil(demand / budget) - 1.

    Reached when the bursts start with a period and find its budget untouched; Shin and Lee, 2003, without the
    blackout of a budget that others have spent.

    Args:
        demand_s: CPU of each burst in seconds.
        cpu_quota: cores' worth of CPU per period.
        period_s: the period in seconds.
        parallel: number of bursts and of the cores that they run on.
    """
    return quota_response_time(demand_s, 0.0, cpu_quota, period_s, parallel)


def quota_response_time_mean_over_phases(demand_s: float, cpu_quota: float, period_s: float) -> float:
    """Mean response time of a lone burst that starts at any phase with equal chance, in seconds.

    Args:
        demand_s: CPU of the burst in seconds.
        cpu_quota: cores' worth of CPU per period.
        period_s: the period in seconds.
    """
    budget_s = min(cpu_quota, 1.0) * period_s
    rest_s = demand_s % budget_s
    # The response time is piecewise linear in the phase; it bends or jumps only here.
    bends = [period_s - budget_s, period_s - rest_s]
    total, _ = quad(
        lambda phase: quota_response_time(demand_s, phase, cpu_quota, period_s),
        0.0,
        period_s,
        points=bends,
        limit=200,
    )
    return float(total / period_s)

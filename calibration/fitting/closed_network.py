"""The skeleton's arithmetic, compiled: a fit asks for it a hundred thousand times."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.compiled import shared

Array = NDArray[np.float64]


@shared("float64[::1](int64, float64, float64, float64, float64, float64, float64, float64)")
def work_rates(  # noqa: PLR0917 - compiled: plain numbers only
    population: int,
    cores: float,
    threads: float,
    smt_speedup: float,
    pairing: float,
    misplaced: float,
    contention: float,
    convoy: float,
) -> Array:
    """Return the work rate of all cores together with 1, 2, ... operations on them, relative to one core.

    The arguments are those of `Skeleton`. Operations that fall on the threads at random keep
    threads (1 - (1 - 1/threads)^n) of them busy (the classical occupancy problem).
    """
    rates = np.empty(population)
    for index in range(population):
        present = float(index + 1)
        busy = min(present, threads)
        if misplaced > 0.0 and threads > 1.0:
            met = threads * (1.0 - (1.0 - 1.0 / threads) ** present)
            busy = (1.0 - misplaced) * busy + misplaced * max(met, 1.0)
        rate = busy
        if threads > cores:
            spread = max(busy - cores, 0.0) / (threads - cores)
            random = busy * (busy - 1.0) / (threads * (threads - 1.0)) if threads > 1.0 else 0.0
            shared_cores = cores * ((1.0 - pairing) * spread + pairing * random)
            rate = busy - shared_cores * (threads / cores - smt_speedup)
        if cores > 1.0 and contention > 0.0:
            rate /= 1.0 + contention * max(min(busy, cores) - 1.0, 0.0) / (cores - 1.0)
        rates[index] = rate / (1.0 + convoy * max(busy - 1.0, 0.0))
    return rates


@shared("float64(float64[::1], float64, float64, float64)")
def throughput(rates: Array, demand_s: float, wait_s: float, serial_s: float) -> float:
    """Return the throughput of a closed network [1/s] with as many operations as there are rates.

    A station with load-dependent rates, one that waits for nobody and one that serves one at a time. Convolution
    (Buzen, 1973) of their factors, each scaled by a bound of the throughput, so that the factors are distributions of
    the numbers at the stations and nothing overflows.
    """
    population = len(rates)
    scale: float = min(population / (demand_s + serial_s + wait_s), rates.max() / demand_s)
    if serial_s > 0.0:
        scale = min(scale, 1.0 / serial_s)
    whole = np.empty(population + 1)
    whole[0] = 0.0
    for number in range(1, population + 1):
        whole[number] = whole[number - 1] + math.log(scale * demand_s) - math.log(rates[number - 1])
    whole = np.exp(whole - whole.max())
    if wait_s > 0.0:
        waiting = np.empty(population + 1)
        waiting[0] = 0.0
        for number in range(1, population + 1):
            waiting[number] = waiting[number - 1] + math.log(scale * wait_s) - math.log(float(number))
        waiting = np.exp(waiting - waiting.max())
        joined = np.zeros(population + 1)
        for number in range(population + 1):
            for other in range(number + 1):
                joined[number] += whole[other] * waiting[number - other]
        whole = joined / joined.max()
    if serial_s > 0.0:
        ratio = scale * serial_s
        for number in range(1, population + 1):
            whole[number] += ratio * whole[number - 1]
    if whole[population] > 0.0:
        scale *= whole[population - 1] / whole[population]
    return scale

"""The skeleton of a service: cores that are known, what an operation does on and beside them, and what follows.

It is the closed network that the simulator plays, with everything left out that only shapes percentiles. It is
solved exactly (product form) in microseconds, so that thousands of parameter sets can be tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.closed_network import throughput, work_rates

Array = NDArray[np.float64]
LIMITLESS = 1e6
"""Cores of a machine that nothing is known to limit."""


@dataclass(frozen=True)
class Machine:
    """The CPUs that a service runs on.

    threads: CPUs as the operating system counts them; None: not known. threads_per_core: hyperthreads.
    """

    threads: float | None = None
    threads_per_core: int = 1

    @property
    def physical_cores(self) -> float | None:
        """Physical cores; None where the CPUs are not known."""
        return None if self.threads is None else self.threads / self.threads_per_core


@dataclass(frozen=True)
class Skeleton:
    """What one operation needs, and how the machine slows down.

    demand_s: CPU on a core of its own, with all others idle. wait_s: pure wait. serial_s: time in which no other
    operation may be in the same place (a lock, a single thread, a link).
    cores, threads: physical and logical; fractional where they are estimated.
    smt_speedup: work rate of a core with both threads busy, relative to one.
    pairing: 0: empty physical cores are taken first; 1: any free thread is, so that siblings share a core early, as
    on virtual machines and where clients and servers wake each other.
    misplaced: 0: an operation finds a free thread if there is one; 1: operations fall on the threads at random, as
    those that are woken do where the scheduler does not look for an idle one.
    contention: how much longer work takes with all physical cores busy (memory bandwidth, caches, clock).
    crowding: how much longer it takes for each other operation that is there, running or not (locks, buffers, memory
    that all share).
    convoy: how much longer it takes for each other operation that runs (Amdahl, 1967; Gunther, 1993, as synchronous
    queueing).
    background: cores' worth of CPU that everything else on the machine takes, evenly from all.
    overload: how much longer it takes for each doubling of the operations beyond `crowded_from` (switching, cold
    caches; of a machine that grows with its load: distance).
    crowded_from: operations; None: one a thread.
    """

    demand_s: float
    wait_s: float = 0.0
    serial_s: float = 0.0
    cores: float = LIMITLESS
    threads: float = LIMITLESS
    smt_speedup: float = 1.0
    pairing: float = 0.0
    misplaced: float = 0.0
    contention: float = 0.0
    crowding: float = 0.0
    convoy: float = 0.0
    background: float = 0.0
    overload: float = 0.0
    crowded_from: float | None = None

    def work_rates(self, population: int) -> Array:
        """Work rate of all cores together with 1, 2, ... operations on them, relative to one core."""
        left = max(1.0 - self.background / self.threads, 0.01)
        return left * work_rates(
            population,
            float(self.cores),
            float(self.threads),
            float(self.smt_speedup),
            float(self.pairing),
            float(self.misplaced),
            float(self.contention),
            float(self.convoy),
        )

    def on(self, threads: float) -> Skeleton:
        """Return the same on a machine of another size."""
        return replace(self, threads=threads, cores=self.cores * threads / self.threads)

    def throughput_per_s(self, population: float, think_time_s: float = 0.0) -> float:
        """Throughput with so many operations circulating; between whole numbers on a straight line."""
        below = max(math.floor(population), 1)
        exact = self._throughput(below, think_time_s)
        share = population - below
        if share <= 0.0:
            return exact * min(population, 1.0)
        return exact + share * (self._throughput(below + 1, think_time_s) - exact)

    def demand_at(self, population: float) -> float:
        """Return the CPU of an operation [s] with so many circulating, with what crowding adds."""
        doublings = max(math.log2(population / (self.crowded_from or self.threads)), 0.0)
        return self.demand_s * (1.0 + self.overload * doublings) * (1.0 + self.crowding * (population - 1.0))

    def _throughput(self, population: int, think_time_s: float) -> float:
        rates = self.work_rates(population)
        return throughput(rates, self.demand_at(population), self.wait_s + think_time_s, self.serial_s)

    @property
    def capacity_per_s(self) -> float:
        """The most that the cores, or the serial part, let through."""
        top = self.work_rates(max(math.ceil(min(self.threads, 4096.0)), 1))
        serial = 1.0 / self.serial_s if self.serial_s > 0.0 else math.inf
        return min(float(top.max()) / self.demand_s, serial)

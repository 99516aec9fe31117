"""Draws of the kernel: the shared functions of `models.draws` on its tables."""

from __future__ import annotations

from typing import Any

from models.draws import EXPONENTIAL, exponential, sample_integer, uniform
from simulator.fast.jit import inlined, kernel
from simulator.fast.layout import distribution_at, quantiles_of


@kernel
def _sample(sim: Any, distribution: int, key: int, position: int) -> int:
    row = distribution_at(sim, distribution)
    return sample_integer(row.kind, row.a, row.b, row.c, row.first, row.count, quantiles_of(sim), key, position)


@inlined
def draw(sim: Any, distribution: int, key: int, position: int) -> int:
    """Draw an integer (nanoseconds or bytes) from a distribution of the scenario."""
    row = distribution_at(sim, distribution)
    if row.fixed >= 0:
        return row.fixed
    if row.kind == EXPONENTIAL:  # as `sample_integer` has it, without two calls
        value = row.a * exponential(key, position)
        return int(value + 0.5) if value < 4.6e18 else 1 << 62
    return _sample(sim, distribution, key, position)


@kernel
def decide(key: int, number: int) -> float:
    """Draw uniformly for a decision of the system."""
    return uniform(key, number)

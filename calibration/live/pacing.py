"""When operations are meant to start: one after the other, after a pause, or at the times of a Poisson process."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

MAX_STARTS: Final = 4_000_000
"""Starts of one copy in one level; more than this no program does in the time that a level may last."""


@dataclass(frozen=True)
class Pacing:
    """How operations follow one another.

    think_mean_ns: pause between the end of an operation and the intended start of the next [ns]; 0: none.
    think_kind: whether all pauses are equal or drawn from an exponential distribution.
    rate_per_s: instead, Poisson arrivals of all copies together [per s].
    """

    think_mean_ns: int = 0
    think_kind: Literal["exponential", "constant"] = "exponential"
    rate_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.think_mean_ns and self.rate_per_s is not None:
            raise ValueError("a workload is paced by a think time or by a rate, not by both")
        if self.rate_per_s is not None and not 0 < self.rate_per_s < math.inf:
            raise ValueError(f"found a rate of {self.rate_per_s}/s; accepted: above 0")

    @property
    def kind(self) -> Literal["closed", "think", "rate"]:
        """What the numbers of `schedule` are: nothing, pauses, or times since the common begin."""
        if self.rate_per_s is not None:
            return "rate"
        return "think" if self.think_mean_ns else "closed"

    def schedule(self, copies: int, copy: int, duration_ns: int, seed: int) -> NDArray[np.int64]:
        """Return the pauses of one copy, or its intended starts since the common begin, ascending [ns].

        They reach at least to the end of `duration_ns`, however fast the operations are. Each copy draws its own,
        independent of how many draws the others need. copy: 0 to copies - 1. Empty for a closed loop.
        """
        generator = np.random.default_rng(np.random.SeedSequence((seed, copy)))
        if self.rate_per_s is not None:
            mean_ns = copies * 1e9 / self.rate_per_s
            starts = np.cumsum(_gaps(generator, mean_ns, duration_ns))
            return starts[starts < duration_ns].astype(np.int64)
        if not self.think_mean_ns:
            return np.empty(0, dtype=np.int64)
        if self.think_kind == "constant":
            count = min(MAX_STARTS, duration_ns // self.think_mean_ns + 2)
            return np.full(count, self.think_mean_ns, dtype=np.int64)
        return _gaps(generator, self.think_mean_ns, duration_ns).astype(np.int64)


def _gaps(generator: np.random.Generator, mean_ns: float, duration_ns: int) -> NDArray[np.float64]:
    """Draw exponential gaps whose sum passes the duration with certainty."""
    expected = duration_ns / mean_ns
    drawn = generator.exponential(mean_ns, size=min(MAX_STARTS, int(expected + 8 * math.sqrt(expected)) + 16))
    while drawn.sum() < duration_ns and len(drawn) < MAX_STARTS:
        drawn = np.concatenate([drawn, generator.exponential(mean_ns, size=len(drawn))])
    return drawn

"""Numbers of the hub that follow from the figures of some levels by a law each, and where a search for the rest begins.

Nothing is simulated here and no other level is looked at. What each number is taken from stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.orchestrator_hub.consumption import journal
from examples.orchestrator_hub.consumption import line as closest_line
from examples.orchestrator_hub.failures import conflict, patience
from examples.orchestrator_hub.figures import levels
from examples.orchestrator_hub.structure import Hub

Array = NDArray[np.float64]
Level = Mapping[str, float]
CORES: Final = 4
BUSY: Final = 6
"""Connections that are busy at any load: assumed, somewhat more than there are cores."""
MAILBOX_SHARE: Final = 2 / 3
"""Of the response time at the lowest load, that is spent in mailboxes; the rest is thinking and the way out."""
CYCLES: Final = 1.5
"""A message waits half a cycle of its flusher and then goes with the next: one and a half."""
AGAIN: Final = 0.2
ROUNDS: Final = 1.0 / (1.0 - AGAIN)
DEMAND_MS: Final = 0.02
"""CPU of a round, assumed: some 10 us to compress 10 kB and as much to send and receive them. Levels up to 20 processes
do not tell it from the CPU of a flush."""
FIRST, LAST = 4.0, 2.0
"""Times the lowest and the highest load: where the first and the last quiet connection has a message in each cycle."""
PART: Final = 0.5
"""Of the connections that are said to become busy: cores make messages wait too."""
STEAL: Final = 0.35
"""Chance of a core without work to find some that waits elsewhere: what this project measured on a virtual machine."""
_NORMAL = NormalDist()


def mean_s(level: Level) -> float:
    """Return the mean response time of a log-normal through p50 and p95."""
    sigma = math.log(level["p95_ms"] / level["p50_ms"]) / _NORMAL.inv_cdf(0.95)
    return level["p50_ms"] * 1e-3 * math.exp(sigma**2 / 2)


def line(across: Array, figures: Array) -> tuple[float, float]:
    """Return a and b, neither negative, of figures = a + b * across by relative least squares."""
    slope = float(np.sum(across / figures) / np.sum((across / figures) ** 2))
    design = np.column_stack([1.0 / figures, across / figures])
    a, b = np.linalg.lstsq(design, np.ones_like(figures), rcond=None)[0]
    return (float(a), float(b)) if a >= 0.0 and b >= 0.0 else (0.0, slope)


def circulating(at: Sequence[int]) -> tuple[int, float]:
    """Return the messages that a process keeps circulating and their pause [s]: N / X = (Z + R) / n at all levels."""
    chosen = [levels()[procs] for procs in at]
    each = np.array([procs / level["throughput_per_s"] for procs, level in zip(at, chosen, strict=True)])
    pause, slope = line(np.array([mean_s(level) for level in chosen]), each)
    return round(1.0 / slope), pause / slope


def quiet_connections(low: Level, high: Level) -> int:
    """Return how many connections become busy with the load.

    When the cores are full a cycle lasts as long as all connections' flushes take on them; that it is so much longer
    than alone, as the response times say of the mailboxes, tells how many flushes that are. Of two levels' figures.
    """
    outside = mean_s(low) * (1.0 - MAILBOX_SHARE)
    longer = (mean_s(high) - outside) / (mean_s(low) - outside)
    return max(round(BUSY * (longer / (low["cpu_pct"] / 100.0) - 1.0)), 1)


def start(at: Sequence[int]) -> Hub:
    """Return the hub from which a search that looks at some levels begins."""
    chosen = [levels()[procs] for procs in at]
    low, high = chosen[0], chosen[-1]
    concurrency, think_s = circulating(at)
    cycle_ms = 1e3 * mean_s(low) * MAILBOX_SHARE / (CYCLES * ROUNDS)
    flush_ms = low["cpu_pct"] / 100.0 * CORES * cycle_ms / BUSY
    quiet = max(round(PART * quiet_connections(low, high)), 1)
    rates = np.geomspace(FIRST * low["throughput_per_s"], LAST * high["throughput_per_s"], quiet)
    shares = 1.0 / (rates * cycle_ms * 1e-3)  # of the rounds: a connection is busy from one message a cycle on
    return Hub(
        busy=BUSY,
        quiet=quiet,
        quiet_share=float(shares.sum()),
        fall=float(np.log(shares[0] / shares[-1])),
        flush_ms=flush_ms,
        poll_ms=cycle_ms - flush_ms,
        demand_ms=DEMAND_MS,
        idle_steal=STEAL,
        network_mb_per_s=3000.0,
        network_ms=0.8,
        first_ms=1e3 * mean_s(low) * (1.0 - MAILBOX_SHARE) / 2.0,
        first_cv=2.0,
        agent_ms=1e3 * mean_s(low) * (1.0 - MAILBOX_SHARE) / 2.0 / ROUNDS,
        agent_cv=2.0,
        again=AGAIN,
        think_ms=1e3 * think_s,
        concurrency=concurrency,
        **without_simulation(at),
    )


def without_simulation(at: Sequence[int]) -> dict[str, float]:
    """Return the numbers of the hub that no search changes, from the figures of some levels."""
    chosen = [levels()[procs] for procs in at]
    throughput = np.array([level["throughput_per_s"] for level in chosen])
    in_flight = throughput * np.array([mean_s(level) for level in chosen])
    base, held = closest_line(in_flight, np.array([level["memory_mb"] * 1e6 for level in chosen]))
    idle, sent = closest_line(throughput, np.array([level["network_mb_per_s"] * 1e6 for level in chosen]))
    written, commit, flush_s = journal(at)
    timeout_ms, timeout_cv = patience(at)
    return {
        "timeout_ms": timeout_ms,
        "timeout_cv": timeout_cv,
        "conflict": conflict(at, in_flight.tolist()),
        "wire_bytes": sent,
        "heartbeat_bytes_per_s": idle,
        "base_bytes": base,
        "held_bytes": held,
        "disk_bytes": written,
        "commit_bytes": commit,
        "commit_ms": flush_s * 1e3,
    }

"""Numbers of the hub that follow from the figures of some levels by a law each, and where a search for the rest begins.

Nothing is simulated here and no other level is looked at. What each number is taken from stands beside it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import NormalDist
from typing import Final

import numpy as np
from numpy.typing import NDArray

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
AGAIN: Final = 0.3
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


def robust_line(across: Array, figures: Array) -> tuple[float, float]:
    """Return a and b, neither negative, of figures = a + b * across, by least absolute relative errors.

    One figure that is out of line, as the audit finds some, does not bend it. One of the best lines goes through two of
    the figures, or through one with a or b at 0, so these are all that are tried.
    """
    tried = [(0.0, float(figures[i] / across[i])) for i in range(len(across))]
    tried += [(float(figures[i]), 0.0) for i in range(len(across))]
    for i, j in combinations(range(len(across)), 2):
        slope = float((figures[j] - figures[i]) / (across[j] - across[i]))
        tried.append((float(figures[i]) - slope * float(across[i]), slope))
    allowed = [(a, b) for a, b in tried if a >= 0.0 and b >= 0.0]
    return min(allowed, key=lambda one: float(np.sum(np.abs((one[0] + one[1] * across) / figures - 1.0))))


def circulating(at: Sequence[int]) -> tuple[int, float]:
    """Return the messages that a process keeps circulating and their pause [s]: N / X = (Z + R) / n at all levels."""
    chosen = [levels()[procs] for procs in at]
    each = np.array([procs / level["throughput_per_s"] for procs, level in zip(at, chosen, strict=True)])
    pause, slope = line(np.array([mean_s(level) for level in chosen]), each)
    return round(1.0 / slope), pause / slope


def patience_ms(at: Sequence[int]) -> float:
    """Return the timeout at which log-normals through p50 and p99 have the timeouts of the levels that report some."""
    found = []
    for level in (levels()[procs] for procs in at):
        if level["timeout_pct"] > 0.0:
            sigma = math.log(level["p99_ms"] / level["p50_ms"]) / _NORMAL.inv_cdf(0.99)
            late = _NORMAL.inv_cdf(1.0 - level["timeout_pct"] / 100.0)
            found.append(level["p50_ms"] * math.exp(sigma * late))
    return sum(found) / len(found)


def quiet_connections(low: Level, high: Level) -> int:
    """Return how many connections become busy with the load.

    When the cores are full a cycle lasts as long as all connections' flushes take on them; that it is so much longer
    than alone, as the response times say of the mailboxes, tells how many flushes that are. Of two levels' figures.
    """
    outside = mean_s(low) * (1.0 - MAILBOX_SHARE)
    longer = (mean_s(high) - outside) / (mean_s(low) - outside)
    return max(round(BUSY * (longer / (low["cpu_pct"] / 100.0) - 1.0)), 1)


def start(at: Sequence[int], demand_ms: float, part: float = 1.0) -> Hub:
    """Return the hub from which a search that looks at some levels begins.

    demand_ms: CPU of a round. part: of the connections that are said to become busy: cores make messages wait too.
    """
    chosen = [levels()[procs] for procs in at]
    low, high = chosen[0], chosen[-1]
    throughput = np.array([level["throughput_per_s"] for level in chosen])
    in_flight = throughput * np.array([mean_s(level) for level in chosen])
    concurrency, think_s = circulating(at)
    cycle_ms = 1e3 * mean_s(low) * MAILBOX_SHARE / (CYCLES * (1.0 + AGAIN))
    flush_ms = low["cpu_pct"] / 100.0 * CORES * cycle_ms / BUSY
    quiet = max(round(part * quiet_connections(low, high)), 1)
    rates = np.geomspace(2.0 * low["throughput_per_s"], high["throughput_per_s"], quiet)
    shares = 1.0 / (rates * cycle_ms * 1e-3)  # of the rounds: a connection is busy from one message a cycle on
    base, held = robust_line(in_flight, np.array([level["memory_mb"] * 1e6 for level in chosen]))
    journal, written = robust_line(throughput, np.array([level["disk_mb_per_s"] * 1e6 for level in chosen]))
    sent = np.array([level["network_mb_per_s"] * 1e6 for level in chosen]) / throughput
    return Hub(
        busy=BUSY,
        quiet=quiet,
        quiet_share=float(shares.sum()),
        fall=float(np.log(shares[0] / shares[-1])),
        flush_ms=flush_ms,
        poll_ms=cycle_ms - flush_ms,
        demand_ms=demand_ms,
        network_mb_per_s=3000.0,
        network_ms=0.8,
        first_ms=1e3 * mean_s(low) * (1.0 - MAILBOX_SHARE) / 2.0,
        first_cv=2.0,
        agent_ms=1e3 * mean_s(low) * (1.0 - MAILBOX_SHARE) / 2.0 / (1.0 + AGAIN),
        agent_cv=2.0,
        again=AGAIN,
        fading=0.8,
        think_ms=1e3 * think_s,
        concurrency=concurrency,
        timeout_ms=patience_ms(at),
        failure=sum(level["error_pct"] - level["timeout_pct"] for level in chosen) / len(chosen) / 100.0,
        wire_bytes=float(np.median(sent)),
        base_bytes=base,
        held_bytes=held,
        disk_bytes=written,
        journal_bytes_per_s=journal,
    )

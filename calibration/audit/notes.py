"""What a reader of a report should know though it accuses nobody: figures derived from others, and odd trends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from calibration.audit.findings import Ledger
from calibration.audit.think_times import interactive_law
from calibration.audit.words import shown
from calibration.levels import Level

LEAST_DURATION_S = 10.0
"""A load test of which the duration is not stated is taken to have lasted this long at least."""
_NORMAL = NormalDist()


def add_notes(levels: Sequence[Level], ledger: Ledger) -> None:
    """Add the notes of one series."""
    if len(levels) < 3:
        return
    _derived_totals(levels, ledger)
    _derived_rates(levels, ledger)
    _operations_in_flight(levels, ledger)
    _cost(levels, ledger)
    _maxima(levels, ledger)


def _derived_totals(levels: Sequence[Level], ledger: Ledger) -> None:
    several = [level for level in levels if (level.procs or 1.0) > 1 and level.throughput_per_proc_per_s]
    exact = [
        level
        for level in several
        if abs(level.throughput_per_s - (level.procs or 0.0) * (level.throughput_per_proc_per_s or 0.0))
        < 1e-9 * level.throughput_per_s
    ]
    if len(several) >= 2 and len(exact) == len(several):
        ledger.find(
            "arithmetic",
            "note",
            None,
            "every throughput is exactly processes x throughput per process: totals computed from rounded "
            "rates, not measured apart",
            figures=("throughput_per_s", "throughput_per_proc_per_s"),
        )


def _derived_rates(levels: Sequence[Level], ledger: Ledger) -> None:
    errors = [(level.error_rate, level.retry_rate) for level in levels]
    stated = [(error, retry) for error, retry in errors if error is not None and retry is not None]
    if len(stated) == len(levels) and all(error == retry for error, retry in stated) and any(e for e, _ in stated):
        most = max(error for error, _ in stated)
        ledger.find(
            "arithmetic",
            "note",
            None,
            "errors and retries are equal at every level: one of them was derived from the other; were each error "
            f"retried once, nearly all operations would succeed (all but about {shown('error_rate', most**2)} at "
            f"{shown('error_rate', most)}), so that these are shares of attempts, or nothing was retried",
            figures=("error_rate", "retry_rate"),
        )


def _operations_in_flight(levels: Sequence[Level], ledger: Ledger) -> None:
    if any(level.population is not None for level in levels):
        return
    law = interactive_law([level for level in levels if level.kind != "open"])
    if law is None or law[1] <= 0:
        return
    each, thinking = 1.0 / law[1], law[0] / law[1]
    if each > 1.5:
        ledger.find(
            "little",
            "note",
            None,
            f"throughput and response times agree with about {each:.0f} operations circulating in each process and "
            f"{shown('mean_s', thinking)} of think time (interactive response-time law): a process is not one "
            "operation at a time",
            figures=("throughput_per_s", "procs"),
        )


def _cost(levels: Sequence[Level], ledger: Ledger) -> None:
    """CPU per operation that changes so much that a demand alone does not explain it."""
    costs = [
        (level, (level.busy_cores or level.cpu_utilization or 0.0) / level.throughput_per_s)
        for level in levels
        if level.busy_cores or level.cpu_utilization
    ]
    if len(costs) < 3:
        return
    (first, highest), (last, lowest) = max(costs, key=lambda one: one[1]), min(costs, key=lambda one: one[1])
    if highest > 2.0 * lowest:
        ledger.find(
            "utilization",
            "note",
            None,
            f"an operation at {first.name} takes {highest / lowest:.1f} times the CPU of one at {last.name}: "
            "a cost that batches share, or polling that keeps the gauge up at low load",
            figures=("cpu_utilization", "throughput_per_s"),
        )


def _maxima(levels: Sequence[Level], ledger: Ledger) -> None:
    """Maxima that as many operations would surpass, if the tail goes on as from the median to p99."""
    small = []
    for level in levels:
        median, high = level.percentiles_s.get(50.0), level.percentiles_s.get(99.0)
        if not median or not high or not level.max_s or high <= median:
            continue
        sigma = math.log(high / median) / _NORMAL.inv_cdf(0.99)
        count = level.operations or level.throughput_per_s * (level.duration_s or LEAST_DURATION_S)
        below = _NORMAL.cdf(math.log(level.max_s / median) / sigma)
        if count > 1000 and below < 1 and count * math.log(max(below, 1e-300)) < math.log(1e-3):
            small.append((level, median * math.exp(sigma * _NORMAL.inv_cdf(1.0 - 0.5 / count))))
    if small and len(small) * 2 >= len(levels):
        level, expected = small[0]
        ledger.find(
            "distribution",
            "note",
            level,
            f"the maximum is {shown('max_s', level.max_s or 0.0)}; with a tail that goes on as from p50 to p99 "
            f"it would be about {shown('max_s', expected)}: sampled, or cut off by a timeout "
            f"({len(small)} of {len(levels)} levels)",
            figures=("max_s",),
        )

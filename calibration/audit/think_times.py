"""The interactive response-time law: all levels leave one think time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.by_scatter import out_of_scatter
from calibration.audit.findings import Ledger
from calibration.audit.means import ESTIMATED, mean_of
from calibration.audit.odd_ones import Fit, first_that_holds
from calibration.audit.tolerances import MEASUREMENT, ODD, rounding_of
from calibration.audit.words import shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]

FEWEST: Final = 3
"""Levels that it takes to tell which one is wrong."""
LEAST_OF_THINKING: Final = 0.5
"""Share of what a cycle is longer by that response times must explain, where a level may have another cycle."""
LEAST_OF_MEAN: Final = 0.08
"""How far off, relative, a response time is at least that is accused by the think times it leaves."""


def _array(values: Sequence[float]) -> Numbers:
    return np.array(values, dtype=np.float64)


def check_interactive(levels: Sequence[Level], ledger: Ledger) -> None:
    """Interactive response-time law: N / X - R is the same think time at every closed level.

    Denning and Buzen, 1978. Where only processes are known, each may keep any number of operations in flight,
    the same at all levels.
    """
    closed = _cycling(levels)
    if len(closed) < FEWEST:
        ledger.skip("interactive", f"it takes {FEWEST} closed levels with processes and response times")
        return
    ledger.check("interactive", len(closed))
    fit = _interactive_fit(closed)
    if fit is None and _only_thinking(ledger, closed):
        return
    if fit is None:
        ledger.skip("interactive", "no think time fits most of the levels")
        return
    for index in fit.odd:
        cycle = (closed[index].population or closed[index].procs or 0.0) / closed[index].throughput_per_s
        if abs(cycle - fit.expected[index]) <= _error_of_mean(closed[index], cycle, fit):
            continue
        _report_interactive(ledger, closed[index], cycle, fit.expected[index], fit)
    if not fit.odd and all(level.mean_s is not None for level in closed):
        _by_scatter(ledger, closed, fit)


def _error_of_mean(level: Level, cycle: float, fit: Fit) -> float:
    """Return by how much a cycle may be off because its response time was estimated from percentiles."""
    return 0.0 if level.mean_s is not None else ODD * cycle + ESTIMATED * (mean_of(level) or 0.0) * fit.parameters[1]


def _only_thinking(ledger: Ledger, closed: Sequence[Level]) -> bool:
    """Find the level whose cycle is another where all others have one, and return whether they have.

    Response times that are estimated are then within the error of the think time, and nothing but they could make a
    cycle longer or shorter.
    """
    cycles = _array([(level.population or level.procs or 0.0) / level.throughput_per_s for level in closed])
    means = _array([mean_of(level) or 0.0 for level in closed])
    allowed = _array([MEASUREMENT + rounding_of(level, "throughput_per_s") for level in closed])
    ones = np.ones_like(cycles)
    fit = first_that_holds([ones[:, None]], cycles, allowed * cycles, np.maximum(ODD, 1.5 * allowed) * cycles)
    if fit is None:
        return False
    for index in fit.odd:
        answered = float(means[index] - np.delete(means, index).mean())
        apart = float(cycles[index] - fit.expected[index])
        if answered / apart < LEAST_OF_THINKING:
            parameters = np.append(fit.parameters, 1.0)
            one = Fit(parameters, fit.expected, fit.odd)
            _report_interactive(ledger, closed[index], cycles[index], fit.expected[index], one)
    return True


def _by_scatter(ledger: Ledger, closed: Sequence[Level], fit: Fit) -> None:
    """Report the response time that stands out of think times that agree closely at the other levels.

    Where thinking fills most of the cycle, a response time can be far off and the cycle not.
    """
    cycles = _array([(level.population or level.procs or 0.0) / level.throughput_per_s for level in closed])
    means = _array([level.mean_s or 0.0 for level in closed])
    rounding = cycles * _array([rounding_of(level, "throughput_per_s") for level in closed])
    rounding += means * fit.parameters[1] * _array([rounding_of(level, "mean_s") for level in closed])
    design = np.column_stack([np.ones_like(means), means])
    found = out_of_scatter(design, cycles, cycles, rounding)  # of any number of operations in each process
    if fit.parameters[1] == 1.0:
        any_number, found = found, out_of_scatter(design[:, :1], cycles - means, cycles, rounding)
        uncertain = any(level.population is None for level in closed)
        if uncertain and (found is None or any_number is None or found[0] != any_number[0]):
            return
        found = None if found is None else (found[0], found[1] + means[found[0]])
    if found is None:
        return
    index, expected = found
    if abs(cycles[index] - expected) >= LEAST_OF_MEAN * means[index] * fit.parameters[1]:
        _report_interactive(ledger, closed[index], cycles[index], expected, fit)


def interactive_law(levels: Sequence[Level]) -> tuple[float, float] | None:
    """Return think time and 1, both over the operations that circulate in a process; None if nothing fits."""
    closed = _cycling(levels)
    fit = _interactive_fit(closed) if len(closed) > FEWEST else None
    return None if fit is None else (float(fit.parameters[0]), float(fit.parameters[1]))


def _cycling(levels: Sequence[Level]) -> list[Level]:
    """Return the closed levels with response times and few errors: failed operations are in no response time."""
    return [
        level
        for level in levels
        if level.kind != "open" and level.procs and mean_of(level) and (level.error_rate or 0.0) <= 0.05
    ]


def _interactive_fit(closed: Sequence[Level]) -> Fit | None:
    """Fit N / X = Z + R with the operations known, or n / X = (Z + R) / c with c of them in each process.

    The parameters are Z / c and 1 / c. A mean that is estimated may be off by a factor that c takes up.
    """
    per_throughput = _array([(level.population or level.procs or 0.0) / level.throughput_per_s for level in closed])
    means = _array([mean_of(level) or 0.0 for level in closed])
    estimated = any(level.mean_s is None for level in closed)
    allowed = _array(
        [
            MEASUREMENT + rounding_of(level, "throughput_per_s", "mean_s") + 2.0 * (level.error_rate or 0.0)
            for level in closed
        ]
    )
    allowed += 0.015 if estimated else 0.0
    ones = np.ones_like(means)
    tolerance, smallest = allowed * per_throughput, np.maximum(ODD, 1.5 * allowed) * per_throughput
    fits: list[Fit] = []
    alone = first_that_holds([ones[:, None]], per_throughput - means, tolerance, smallest)
    if alone is not None and not estimated:
        fits.append(Fit(np.append(alone.parameters, 1.0), alone.expected + means, alone.odd))
    if estimated or any(level.population is None for level in closed):
        both = first_that_holds([np.column_stack([ones, means])], per_throughput, tolerance, smallest)
        if both is not None and both.parameters[1] > 0.0 and (estimated or _is_count(1.0 / both.parameters[1])):
            fits.append(both)
    return next((fit for fit in fits if not fit.odd), fits[0] if fits else None)


def _is_count(each: float) -> bool:
    """Return whether so many operations may circulate in a process: one, or clearly several.

    Several cannot be told to a whole number where response times hardly vary beside the think time.
    """
    return abs(each - 1.0) < 0.05 or each > 1.5


def _report_interactive(ledger: Ledger, level: Level, stated: float, expected: float, fit: Fit) -> None:
    count = (level.population or level.procs or 0.0) / expected
    thinking = fit.parameters[0] / fit.parameters[1]
    each = 1.0 / fit.parameters[1]
    said = f" with {each:.4g} operations circulating in each process" if abs(each - 1.0) > 0.02 else ""
    times = ("mean_s",) if level.mean_s is not None else tuple(map(percentile_name, level.percentiles_s))
    ledger.find(
        "interactive",
        "impossible",
        level,
        f"the throughput is {shown('throughput_per_s', level.throughput_per_s)}; with the think time of "
        f"{shown('mean_s', thinking)} that the other levels have{said}, this response time allows "
        f"{shown('throughput_per_s', count)}",
        figures=("throughput_per_s", *times),
        stated=level.throughput_per_s,
        expected=count,
        explanations=(
            *slips(stated, expected),
            "throughput and response time of different runs",
            "another think time, or operations that failed and are in one of the figures only",
        ),
    )

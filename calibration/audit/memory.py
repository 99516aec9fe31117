"""Memory over the load: what is always there, and what each operation in flight holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import nnls

from calibration.audit.findings import Ledger
from calibration.audit.means import ESTIMATED, mean_of
from calibration.audit.steady_change import off_course
from calibration.audit.tolerances import MEASUREMENT, ODD, rounding_of
from calibration.audit.words import shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]

FEWEST: Final = 3
"""Levels that it takes to tell that one is wrong."""


class _Expected(NamedTuple):
    """What the other levels put a memory at, and between what it may be."""

    memory: float
    lowest: float
    highest: float


def check_memory(levels: Sequence[Level], ledger: Ledger) -> None:
    """Memory grows with the operations in flight: base + operations x memory of one.

    Where no response times tell how many are in flight, it changes steadily with the load; at the highest load it may
    rise by any amount, as a queue may begin there.
    """
    held = sorted((level for level in levels if level.memory_bytes and level.load), key=lambda level: level.load or 0.0)
    if len(held) < FEWEST or len({level.load for level in held}) < len(held):
        ledger.skip("memory", f"it takes {FEWEST} levels with memory, of different load")
        return
    known = all(mean_of(level) for level in held)
    judged = _by_in_flight(held) if known else _by_load(held)
    if judged is None:
        ledger.skip("memory", "memory follows neither a constant nor the operations in flight")
        return
    ledger.check("memory", len(held))
    for index, expected in judged.items():
        _report(ledger, held[index], expected, "operations in flight at the other levels" if known else "other levels")


def _by_in_flight(levels: Sequence[Level]) -> dict[int, float] | None:
    """Return the level that contradicts the law of all others, with what they expect; None if there is no law.

    Each level is left out in turn. Of several that are too far from what the others expect, it is the farthest.
    """
    memory = np.array([level.memory_bytes or 0.0 for level in levels])
    in_flight = np.array([level.throughput_per_s * (mean_of(level) or 0.0) for level in levels])
    slack = ESTIMATED if any(level.mean_s is None for level in levels) else 0.0
    allowed = np.array([MEASUREMENT + rounding_of(level, "memory_bytes") for level in levels])
    if _line(in_flight, memory, allowed, slack) is not None:
        return {}
    worst: tuple[float, int, float] | None = None
    for index in range(len(levels)):
        expected = _expected(in_flight, memory, allowed, slack, index)
        if expected is None:
            continue
        stated = float(memory[index])
        limit = expected.highest if stated > expected.memory else expected.lowest
        beyond = abs(stated - expected.memory) / max(abs(limit - expected.memory), 1e-9 * expected.memory)
        worst = max(worst or (0.0, index, 0.0), (beyond, index, expected.memory))
    if worst is None:
        return None
    return {worst[1]: worst[2]} if worst[0] > 1.0 else {}


def _expected(in_flight: Numbers, memory: Numbers, allowed: Numbers, slack: float, index: int) -> _Expected | None:
    """Return what the other levels put a memory at; None if they keep no law among themselves."""
    rest = np.delete(np.arange(len(memory)), index)
    line = _line(in_flight[rest], memory[rest], allowed[rest], slack)
    if line is None:
        return None
    base, each = line
    design = np.column_stack([np.ones(len(rest)), in_flight[rest]]) / (allowed[rest] * memory[rest])[:, None]
    row = np.array([1.0, in_flight[index]])
    of_line = float(np.sqrt(row @ np.linalg.pinv(design.T @ design) @ row))
    expected = base + each * float(in_flight[index])
    own = max(ODD, 1.5 * float(allowed[index]))
    error = own * expected + of_line + slack * each * float(in_flight[index])
    least, most = base + each * float(in_flight[rest].min()), base + each * float(in_flight[rest].max())
    lowest, highest = expected - error, expected + error
    if in_flight[index] >= in_flight[rest].max():
        lowest = max(lowest, most * (1.0 - own - slack))  # more in flight hold no less
    if in_flight[index] <= in_flight[rest].min():
        highest = min(highest, least * (1.0 + own + slack))
    return _Expected(expected, lowest, highest)


def _line(in_flight: Numbers, memory: Numbers, allowed: Numbers, slack: float) -> tuple[float, float] | None:
    """Return base and memory of one operation, not negative, if all levels keep them; else None.

    allowed: relative error of each memory. slack: of the operations in flight.
    """
    design = np.column_stack([np.ones_like(in_flight), in_flight])
    scale = design.max(axis=0) / memory.max()
    tolerance = allowed * memory
    (base, each), _ = nnls(design / scale / tolerance[:, None], memory / tolerance)
    base, each = float(base / scale[0]), float(each / scale[1])
    off = np.abs(memory - base - each * in_flight)
    return (base, each) if (off <= tolerance + slack * each * in_flight).all() else None


def _by_load(levels: Sequence[Level]) -> dict[int, float] | None:
    """Return the level that leaves the course of memory over the load, with what the course expects."""
    logarithms = np.log([level.memory_bytes or 1.0 for level in levels])
    loads = np.log([level.load or 1.0 for level in levels])
    tolerance = np.array([ODD + rounding_of(level, "memory_bytes") for level in levels])
    found = off_course(loads, logarithms, tolerance)
    if found is None:
        return {}
    index, expected = found
    rises_at_last = index == len(levels) - 1 and logarithms[index] > expected
    return {} if rises_at_last else {index: float(np.exp(expected))}


def _report(ledger: Ledger, level: Level, expected: float, by: str) -> None:
    stated = level.memory_bytes or 0.0
    ledger.find(
        "memory",
        "implausible",
        level,
        f"the memory is {shown('memory_bytes', stated)}; by the {by} it would be {shown('memory_bytes', expected)}",
        figures=("memory_bytes",),
        stated=stated,
        expected=expected,
        explanations=(
            *slips(stated, expected),
            "a leak, a cache that fills, or a peak",
        ),
    )

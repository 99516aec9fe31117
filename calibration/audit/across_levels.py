"""Laws that tie the levels of one series together: what holds at most levels must hold at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.audit.findings import Ledger, Severity
from calibration.audit.means import mean_of
from calibration.audit.odd_ones import Fit, first_that_holds
from calibration.audit.steady_change import off_course
from calibration.audit.tolerances import ARITHMETIC, MEASUREMENT, ODD, rounding_of
from calibration.audit.words import named, percent, shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]
SUPERLINEAR = 0.08
"""How much faster than alone a process may be among others: batches that fill sooner and caches that stay warm."""
ODD_COST = 0.075
"""Relative: how far from that of the other levels a cost of an operation is that is accused: costs that operations
share, and machines that slow each other near saturation, change it by some percent."""
SATURATED = 0.1
"""Relative: how far below all cores a CPU may be that would need more than those at the cost of other levels."""
FEWEST = 3
"""Levels that it takes to tell which one is wrong."""


def _array(values: Sequence[float]) -> Numbers:
    return np.array(values, dtype=np.float64)


def check_utilization(levels: Sequence[Level], ledger: Ledger) -> None:
    """Utilization law: cores busy = throughput x demand, perhaps with a fixed part; never above the cores."""
    _check_gauge(levels, ledger)
    busy = [level for level in levels if _cpu(level) is not None]
    if len(busy) < FEWEST:
        ledger.skip("utilization", f"it takes {FEWEST} levels with CPU")
        return
    target = _array([_cpu(level) or 0.0 for level in busy])
    throughput = _array([level.throughput_per_s for level in busy])
    name = "cpu_busy_cores" if busy[0].cpu_busy_cores is not None else "cpu_utilization"
    if target.min() <= 0.0:
        ledger.skip("utilization", "some levels show no CPU at all")
        return
    fit = _proportional(busy, name, target, throughput, fixed=True)
    ledger.check("utilization", len(busy))
    if fit is None:
        if not _leaves_course(ledger, "utilization", busy, name, target):
            ledger.skip("utilization", "the CPU of an operation changes from level to level")
        return
    for index in _sticking_out(fit, target, throughput):
        most = min(fit.expected[index], all_cores(busy[index], name))
        allowed = ODD if most == fit.expected[index] else SATURATED
        if target[index] < fit.expected[index] and target[index] > most / (1.0 + allowed):
            continue  # so many operations could not have cost more
        _report_cost(ledger, "utilization", busy[index], name=name, stated=target[index], expected=fit.expected[index])


def _check_gauge(levels: Sequence[Level], ledger: Ledger) -> None:
    for level in levels:
        cores = (level.cores or 0.0) * (level.instances or 1.0)
        share = level.cpu_utilization
        if share is None and level.cpu_busy_cores is not None and cores:
            share = level.cpu_busy_cores / cores
        if share is None:
            continue
        ledger.check("utilization")
        rounding = rounding_of(level, "cpu_utilization", "cpu_busy_cores")
        if share > 1.01 + rounding:
            ledger.find(
                "utilization",
                "impossible",
                level,
                f"CPU is busy for {shown('cpu_utilization', share)} of all cores",
                figures=("cpu_utilization", "cores"),
                stated=share,
                expected=1.0,
                explanations=("a gauge that counts each core as 100 %", "more cores than were stated"),
            )


def all_cores(level: Level, name: str) -> float:
    """Return the most that a figure of CPU can be at a level; infinity if its cores are not known."""
    if name == "cpu_utilization":
        return 1.0
    return level.cores * (level.instances or 1.0) if level.cores else float("inf")


def _cpu(level: Level) -> float | None:
    return level.cpu_busy_cores if level.cpu_busy_cores is not None else level.cpu_utilization


def _proportional(
    levels: Sequence[Level], name: str, target: Numbers, throughput: Numbers, *, fixed: bool
) -> Fit | None:
    """Fit a figure as a cost per operation, or with a fixed part too.

    fixed: whether a fixed part is likely, so that a level that it explains is not odd; else it is only looked
    for where a cost per operation fails at several levels.
    """
    allowed = _array([MEASUREMENT + rounding_of(level, "throughput_per_s", name) for level in levels])
    tolerance, smallest = allowed * target, np.maximum(ODD_COST, 1.5 * allowed) * target
    designs = [throughput[:, None], np.column_stack([throughput, np.ones_like(throughput)])]
    alone = first_that_holds(designs[:1], target, tolerance, smallest)
    if alone is not None and not fixed:
        return alone
    return first_that_holds(designs, target, tolerance, smallest)


def _sticking_out(fit: Fit, target: Numbers, throughput: Numbers) -> list[int]:
    """Return the odd levels whose cost per operation is beyond that of all others, on the side of their error.

    Costs that change steadily with the load, as by batching, are no contradiction.
    """
    costs = target / throughput
    found = []
    for index in fit.odd:
        others = np.delete(costs, index)
        apart = 1.0 + ODD + _trend(others, index)
        above = costs[index] > others.max() * apart and target[index] > fit.expected[index]
        below = costs[index] < others.min() / apart and target[index] < fit.expected[index]
        found += [index] if above or below else []
    return found


def _trend(others: Numbers, index: int) -> float:
    """Return how far the costs of the other levels go from level to level next to an end; 0 away from the ends.

    others: costs of the other levels, in the order of their load. index: of the level among all.
    """
    if len(others) < FEWEST or 0 < index < len(others):
        return 0.0
    near, next_ = (others[0], others[1]) if index == 0 else (others[-1], others[-2])
    return abs(float(near / next_) - 1.0)


def _leaves_course(ledger: Ledger, law: str, levels: Sequence[Level], name: str, target: Numbers) -> bool:
    """Report the level at which a cost of an operation that changes with the load leaves its course."""
    throughput = _array([level.throughput_per_s for level in levels])
    loads = _array([level.load or 0.0 for level in levels])
    if len(set(loads)) < len(levels) or loads.min() <= 0.0 or (np.diff(loads) < 0.0).any():
        return False
    tolerance = _array([ODD + rounding_of(level, "throughput_per_s", name) for level in levels])
    found = off_course(np.log(loads), np.log(target / throughput), tolerance)
    if found is None:
        return False
    index, cost = found
    expected = float(np.exp(cost) * throughput[index])
    _report_cost(ledger, law, levels[index], name=name, stated=float(target[index]), expected=expected)
    return True


def _report_cost(ledger: Ledger, law: str, level: Level, *, name: str, stated: float, expected: float) -> None:
    each, usual = stated / level.throughput_per_s, expected / level.throughput_per_s
    more = stated > expected
    ledger.find(
        law,
        "implausible",
        level,
        f"the {named(name)} is {shown(name, stated)}; at the cost of an operation at the other levels it would be "
        f"{shown(name, expected)}",
        figures=(name, "throughput_per_s"),
        stated=stated,
        expected=expected,
        off=each / usual - 1.0,
        explanations=(
            *slips(stated, expected),
            *(("a fixed cost that weighs more here", "polling or another load") if more else ()),
            *(("batching, which shares a cost", "a gauge that missed part of the time") if not more else ()),
            "figures of different runs",
        ),
    )


def check_forced_flow(levels: Sequence[Level], ledger: Ledger) -> None:
    """Forced flow: traffic and further operations per operation are the same at all levels.

    Denning and Buzen, 1978.
    """
    flows = ["network_bytes_per_s", "disk_bytes_per_s"]
    flows += sorted({name for level in levels for name in level.other_rates_per_s})
    checked = False
    for name in flows:
        flowing = [level for level in levels if _flow(level, name)]
        if len(flowing) < FEWEST:
            continue
        checked = True
        target = _array([_flow(level, name) or 0.0 for level in flowing])
        throughput = _array([level.throughput_per_s for level in flowing])
        fit = _proportional(flowing, name, target, throughput, fixed=False)
        ledger.check("forced_flow", len(flowing))
        if fit is None:
            if not _leaves_course(ledger, "forced_flow", flowing, name, target):
                ledger.skip("forced_flow", "the traffic of an operation changes from level to level")
            continue
        for index in _sticking_out(fit, target, throughput):
            _report_cost(
                ledger,
                "forced_flow",
                flowing[index],
                name=name,
                stated=target[index],
                expected=fit.expected[index],
            )
    if not checked:
        ledger.skip("forced_flow", f"it takes {FEWEST} levels with network, disk or further rates")


def costs_of(levels: Sequence[Level], name: str) -> Fit | None:
    """Return what an operation costs in a figure by the levels, perhaps with a fixed part; None if it changes."""
    target = _array([level.figure(name) or 0.0 for level in levels])
    throughput = _array([level.throughput_per_s for level in levels])
    return _proportional(levels, name, target, throughput, fixed=name.startswith("cpu"))


def _flow(level: Level, name: str) -> float | None:
    return level.figure(name) if name.endswith("_bytes_per_s") else level.other_rates_per_s.get(name)


def check_efficiency(levels: Sequence[Level], ledger: Ledger) -> None:
    """Efficiency and speedup against the level with the fewest processes (or cores)."""
    for name, definitions in (
        ("efficiency", {"throughput per process relative to the smallest level": _efficiency}),
        ("speedup", {"throughput relative to the smallest level": _speedup}),
    ):
        stated = [level for level in levels if level.figure(name) and _size(level)]
        if len(stated) < 2:
            continue
        (said, expected_of) = next(iter(definitions.items()))
        base = min(stated, key=lambda level: _size(level) or 0.0)
        scale = (base.figure(name) or 0.0) / expected_of(base, base)
        if abs(scale - 1.0) > 0.02:  # relative to something that is not in the table: only proportions count
            scale = float(np.median([(one.figure(name) or 0.0) / expected_of(one, base) for one in stated]))
        if name == "efficiency" and scale > 1.0 + ODD + rounding_of(base, name):
            scale = 1.0  # the smallest level is not more efficient than itself, nor than what could be
        for level in stated:
            _report_efficiency(ledger, level, name, expected_of(level, base) * scale, said)


def _size(level: Level) -> float | None:
    return level.procs or level.cores or level.instances


def _efficiency(level: Level, base: Level) -> float:
    return _speedup(level, base) / ((_size(level) or 1.0) / (_size(base) or 1.0))


def _speedup(level: Level, base: Level) -> float:
    return level.throughput_per_s / base.throughput_per_s


def _report_efficiency(ledger: Ledger, level: Level, name: str, expected: float, said: str) -> None:
    stated = level.figure(name) or 0.0
    ledger.check("arithmetic")
    allowed = 3 * ARITHMETIC + rounding_of(level, name, "throughput_per_s")
    if abs(stated / expected - 1.0) <= allowed:
        return
    wrong = {
        "a speedup": expected * (_size(level) or 1.0),
        "its complement": 1.0 - expected,
        "its inverse": 1.0 / expected,
    }
    guesses = [f"it is {what}" for what, value in wrong.items() if value and abs(stated / value - 1.0) < 0.01]
    text = f"the {name} is {shown('efficiency', stated)}, but {said} is {shown('efficiency', expected)}"
    ledger.find(
        "arithmetic",
        "impossible",
        level,
        text,
        figures=(name, "throughput_per_s"),
        stated=stated,
        expected=expected,
        off=stated / expected - 1.0,
        explanations=(
            *guesses,
            *slips(stated, expected),
            "computed from other figures than those of the table",
        ),
    )


def check_bounds(levels: Sequence[Level], ledger: Ledger) -> None:
    """No process is faster among others than alone, unless its response times say so too (as batches bring)."""
    sized = [level for level in levels if level.kind != "open" and level.procs]
    if len(sized) < 2:
        ledger.skip("bounds", "it takes two closed levels")
        return
    base = min(sized, key=lambda level: level.procs or 0.0)
    for level in sized:
        ledger.check("bounds")
        expected = base.throughput_per_s * (level.procs or 0.0) / (base.procs or 1.0)
        allowed = SUPERLINEAR + rounding_of(level, "throughput_per_s") + rounding_of(base, "throughput_per_s")
        answered = mean_of(level) is not None and mean_of(base) is not None  # then the interactive law judges
        if not answered and level.throughput_per_s > expected * (1.0 + allowed):
            _report_superlinear(ledger, level, base, expected)


def _report_superlinear(ledger: Ledger, level: Level, base: Level, expected: float) -> None:
    severity: Severity = "implausible"
    ledger.find(
        "bounds",
        severity,
        level,
        f"the throughput is {shown('throughput_per_s', level.throughput_per_s)}, "
        f"{percent(level.throughput_per_s / expected - 1.0)} above {level.procs:g} times that of "
        f"{base.procs:g} alone",
        figures=("throughput_per_s", "procs"),
        stated=level.throughput_per_s,
        expected=expected,
        explanations=(
            *slips(level.throughput_per_s, expected),
            f"the level of {base.procs:g} was disturbed or not warmed up",
            "a cost that batches share, or a clock that rises with the load",
        ),
    )

"""Laws that tie the levels of one series together: what holds at most levels must hold at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from calibration.audit.by_scatter import out_of_scatter
from calibration.audit.curves import is_steady
from calibration.audit.findings import Ledger, Severity
from calibration.audit.means import mean_of
from calibration.audit.odd_ones import Fit, first_that_holds
from calibration.audit.steady_change import off_course
from calibration.audit.tolerances import ARITHMETIC, MEASUREMENT, ODD, rounding_of
from calibration.audit.words import named, percent, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

Numbers = NDArray[np.float64]
SUPERLINEAR = 0.08
"""How much faster than alone a process may be among others: batches that fill sooner and caches that stay warm."""
LEAST_OF_MEAN = 0.08
"""How far off, relative, a response time is at least that is accused by the think times it leaves."""
WORK = ("cpu_busy_cores", "cpu_utilization", "network_bytes_per_s", "disk_bytes_per_s")
"""Figures that grow with what is done."""
OVERLOADED = 5.0
"""Times that at the other levels are exceeded only where a queue grows without end."""
FEWEST = 3
"""Levels that it takes to tell which one is wrong."""


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
    if fit is None:
        ledger.skip("interactive", "no think time fits most of the levels")
        return
    for index in fit.odd:
        cycle = (closed[index].population or closed[index].procs or 0.0) / closed[index].throughput_per_s
        _report_interactive(ledger, closed[index], cycle, fit.expected[index], fit)
    if not fit.odd and all(level.mean_s is not None for level in closed):
        _by_scatter(ledger, closed, fit)


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
    tolerance, smallest = allowed * target, np.maximum(ODD, 1.5 * allowed) * target
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


def check_lost(levels: Sequence[Level], ledger: Ledger) -> None:
    """A level that serves less than is offered does not do the work of all that is offered, unless it is lost later.

    What an operation costs is taken from the levels that serve what is offered. Where response times have exploded
    there is an overload, in which work is begun and not ended.
    """
    offered = [level for level in levels if level.kind == "open" and level.arrival_rate_per_s]
    witnesses = [level for level in offered if is_steady(level)]
    for level in offered:
        if is_steady(level) or (level.error_rate or 0.0) > 0.01 or ledger.found_at("bounds", level):
            continue
        typical, usual = _typical(level), [_typical(one) or 0.0 for one in witnesses]
        if typical is not None and typical > OVERLOADED * max(usual, default=0.0):
            continue
        told = {name: _work_of(witnesses, level, name) for name in WORK if level.figure(name)}
        judged = {name: work for name, work in told.items() if work is not None}
        if judged and all(of_all for of_all, _ in judged.values()):
            name = next(iter(judged))
            _report_lost(ledger, level, name, judged[name][1])


def _typical(level: Level) -> float | None:
    return level.percentiles_s.get(50.0) or level.mean_s or min(level.percentiles_s.values(), default=None)


def _work_of(witnesses: Sequence[Level], level: Level, name: str) -> tuple[bool, float] | None:
    """Return whether a figure is that of all that is offered, not of what is served, and what it would be of that."""
    known = [one for one in witnesses if one.figure(name)]
    if len(known) < FEWEST or (fit := _costs(known, name)) is None or fit.odd:
        return None
    stated, fixed = level.figure(name) or 0.0, float([*fit.parameters, 0.0][1])
    of_all = float(fit.parameters[0]) * (level.arrival_rate_per_s or 0.0) + fixed
    of_served = float(fit.parameters[0]) * level.throughput_per_s + fixed
    allowed = MEASUREMENT + rounding_of(level, name)
    return abs(stated / of_all - 1.0) <= allowed and stated / of_served - 1.0 > ODD + allowed, of_served


def _costs(levels: Sequence[Level], name: str) -> Fit | None:
    target = _array([level.figure(name) or 0.0 for level in levels])
    throughput = _array([level.throughput_per_s for level in levels])
    return _proportional(levels, name, target, throughput, fixed=name.startswith("cpu"))


def _report_lost(ledger: Ledger, level: Level, name: str, of_served: float) -> None:
    stated, rate = level.figure(name) or 0.0, level.arrival_rate_per_s or 0.0
    ledger.find(
        "bounds",
        "implausible",
        level,
        f"{shown('throughput_per_s', rate)} are offered and {shown('throughput_per_s', level.throughput_per_s)} end, but "
        f"the {named(name)} of {shown(name, stated)} is that of all that is offered; of those that end it would be "
        f"{shown(name, of_served)}",
        figures=("throughput_per_s", name),
        stated=level.throughput_per_s,
        expected=rate,
        explanations=(
            *slips(level.throughput_per_s, rate),
            "operations that are worked on and then lost, as by timeouts",
        ),
    )


def _flow(level: Level, name: str) -> float | None:
    return level.figure(name) if name.endswith("_bytes_per_s") else level.other_rates_per_s.get(name)


def check_memory(levels: Sequence[Level], ledger: Ledger) -> None:
    """Memory grows with the operations in flight: base + operations x memory of one."""
    held = [level for level in levels if level.memory_bytes and mean_of(level)]
    if len(held) < FEWEST + 1:
        ledger.skip("memory", f"it takes {FEWEST + 1} levels with memory and response time")
        return
    target = _array([level.memory_bytes or 0.0 for level in held])
    in_flight = _array([level.throughput_per_s * (mean_of(level) or 0.0) for level in held])
    ones = np.ones_like(target)
    allowed = _array([MEASUREMENT + rounding_of(level, "memory_bytes") for level in held])
    fit = first_that_holds(
        [ones[:, None], np.column_stack([ones, in_flight])],
        target,
        allowed * target,
        np.maximum(ODD, 1.5 * allowed) * target,
    )
    ledger.check("memory", len(held))
    if fit is None:
        ledger.skip("memory", "memory follows neither a constant nor the operations in flight")
        return
    for index in fit.odd:
        level = held[index]
        ledger.find(
            "memory",
            "implausible",
            level,
            f"the memory is {shown('memory_bytes', target[index])}; by the operations in flight at the other levels "
            f"it would be {shown('memory_bytes', fit.expected[index])}",
            figures=("memory_bytes",),
            stated=target[index],
            expected=fit.expected[index],
            explanations=(
                *slips(target[index], fit.expected[index]),
                "a leak, a cache that fills, or a peak",
            ),
        )


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

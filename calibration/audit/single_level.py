"""Laws that each level must keep by itself: arithmetic, Little's law, and percentiles of one distribution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from calibration.audit.findings import Ledger
from calibration.audit.means import mean_bounds, mean_of
from calibration.audit.tolerances import ARITHMETIC, MEASUREMENT, ODD, rounding_of
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percentile_name

SHARES = ("success_rate", "error_rate")


def check_figures(levels: Sequence[Level], ledger: Ledger) -> None:
    """Shares and gauges between 0 and 1; a success and an error rate that make up the whole."""
    for level in levels:
        for name in SHARES:
            value = level.figure(name)
            if value is not None:
                ledger.check("figures")
                if value > 1.0 + level.rounding.get(name, 0.0) + 1e-9:
                    _share_above_one(ledger, level, name, value)
        if level.success_rate is not None and level.error_rate is not None:
            _complement(ledger, level)


def _share_above_one(ledger: Ledger, level: Level, name: str, value: float) -> None:
    said = ("percent were read as shares, or a typing error",)
    text = f"the {named(name)} is {shown(name, value)}, more than everything"
    ledger.find("figures", "impossible", level, text, figures=(name,), stated=value, expected=1.0, explanations=said)


def _complement(ledger: Ledger, level: Level) -> None:
    success, error = level.success_rate or 0.0, level.error_rate or 0.0
    ledger.check("arithmetic")
    allowed = level.rounding.get("success_rate", 0.0) + level.rounding.get("error_rate", 0.0) + 0.001
    if abs(success + error - 1.0) > allowed + 1e-9:
        ledger.find(
            "arithmetic",
            "impossible",
            level,
            f"success {shown('success_rate', success)} and errors {shown('error_rate', error)} "
            f"make {shown('success_rate', success + error)}",
            figures=SHARES,
            stated=success + error,
            expected=1.0,
            explanations=("timeouts counted as neither", "rates of attempts beside rates of operations"),
        )


def check_arithmetic(levels: Sequence[Level], ledger: Ledger) -> None:
    """Totals of processes, and counts over times."""
    for level in levels:
        if level.procs is not None and level.throughput_per_proc_per_s:
            expected = level.procs * level.throughput_per_proc_per_s
            said = "processes x throughput per process"
            _equal(ledger, level, ("throughput_per_s", "throughput_per_proc_per_s"), expected=expected, said=said)
        if level.operations and level.duration_s:
            expected = level.operations / level.duration_s
            allowed = 0.02 + 2.0 / level.duration_s  # connecting, and the last operations, may be counted apart
            counted = ("throughput_per_s", "operations", "duration_s")
            _equal(ledger, level, counted, expected=expected, said="operations / duration", allowed=allowed)
        if level.goodput_per_s is not None:
            _goodput(ledger, level)


def _equal(
    ledger: Ledger,
    level: Level,
    figures: tuple[str, ...],
    *,
    expected: float,
    said: str,
    allowed: float = ARITHMETIC,
) -> None:
    """Hold the first of the figures against what the others make."""
    stated = level.figure(figures[0]) or 0.0
    ledger.check("arithmetic")
    if abs(stated / expected - 1.0) <= allowed + rounding_of(level, *figures):
        return
    ledger.find(
        "arithmetic",
        "impossible",
        level,
        f"the {named(figures[0])} is {shown(figures[0], stated)}, but {said} is {shown(figures[0], expected)}",
        figures=figures,
        stated=stated,
        expected=expected,
        explanations=(*slips(stated, expected), "one of the figures is of another run or another time"),
    )


def _goodput(ledger: Ledger, level: Level) -> None:
    goodput = level.goodput_per_s or 0.0
    ledger.check("arithmetic")
    allowed = MEASUREMENT + rounding_of(level, "throughput_per_s", "goodput_per_s")
    expected = level.throughput_per_s * (1.0 - (level.error_rate or 0.0))
    over = goodput > expected * (1.0 + allowed)
    if over or (level.error_rate is not None and goodput < expected * (1.0 - allowed)):
        text = (
            f"the goodput is {shown('goodput_per_s', goodput)}, but {shown('throughput_per_s', expected)} "
            "of the throughput succeed"
        )
        figures = ("goodput_per_s", "throughput_per_s", "error_rate")
        ledger.find("arithmetic", "impossible", level, text, figures=figures, stated=goodput, expected=expected)


def check_distribution(levels: Sequence[Level], ledger: Ledger) -> None:
    """Percentiles in order, a mean and a deviation that they allow (Markov, Cantelli, Bhatia and Davis)."""
    for level in levels:
        points = _points(level)
        if len(points) >= 2:
            ledger.check("distribution")
            _order(ledger, level, points)
        if level.mean_s is not None and not ledger.found_at("distribution", level):
            _mean(ledger, level)
        if level.stdev_s is not None and level.mean_s is not None:
            _deviation(ledger, level)


def _points(level: Level) -> list[tuple[float, str, float]]:
    """Return (percentage, name, value) of extremes and percentiles."""
    points = [(percent_, percentile_name(percent_), value) for percent_, value in level.percentiles_s.items()]
    if level.min_s is not None:
        points.append((0.0, "min_s", level.min_s))
    if level.max_s is not None:
        points.append((100.0, "max_s", level.max_s))
    return sorted(points)


def _order(ledger: Ledger, level: Level, points: Sequence[tuple[float, str, float]]) -> None:
    for (_, lower, small), (_, upper, large) in pairwise(points):
        allowed = level.rounding.get(lower, 0.0) + level.rounding.get(upper, 0.0)
        if small > large + allowed + 1e-12:
            text = f"the {named(lower)} is {shown(lower, small)}, above the {named(upper)} of {shown(upper, large)}"
            ledger.find(
                "distribution",
                "impossible",
                level,
                text,
                figures=(lower, upper),
                stated=small,
                expected=large,
                explanations=(
                    *slips(small, large),
                    "percentiles of different runs or of averages of percentiles",
                ),
            )


def _mean(ledger: Ledger, level: Level) -> None:
    mean = level.mean_s or 0.0
    lower, upper = mean_bounds(level)
    if not level.percentiles_s and level.max_s is None:
        return
    ledger.check("distribution")
    allowed = 0.005 + rounding_of(level, "mean_s")
    allowed += max((level.relative_rounding(name) for _, name, _ in _points(level)), default=0.0)
    broken = lower if mean < lower * (1.0 - allowed) else upper if mean > upper * (1.0 + allowed) else None
    if broken is None:
        return
    side = "at least" if broken == lower else "at most"
    figures = ("mean_s", *(name for _, name, _ in _points(level)))
    ledger.find(
        "distribution",
        "impossible",
        level,
        f"the mean is {shown('mean_s', mean)}, but with these percentiles it is {side} {shown('mean_s', broken)}",
        figures=figures,
        stated=mean,
        expected=broken,
        explanations=(*slips(mean, broken), "mean and percentiles of different runs or different operations"),
    )


def _deviation(ledger: Ledger, level: Level) -> None:
    mean, deviation = level.mean_s or 0.0, level.stdev_s or 0.0
    ledger.check("distribution")
    limits = list(_deviation_limits(level, mean))
    allowed = 0.02 + rounding_of(level, "mean_s", "stdev_s")
    for smallest, largest, said in limits:
        off = deviation < smallest * (1.0 - allowed) or deviation > largest * (1.0 + allowed)
        if off and abs(deviation - (smallest or largest)) > 2e-9:
            limit = smallest if deviation < smallest else largest
            side = "at least" if deviation < smallest else "at most"
            text = f"the standard deviation is {shown('stdev_s', deviation)}, but {said} it is {side} "
            ledger.find(
                "distribution",
                "impossible",
                level,
                text + shown("stdev_s", limit),
                figures=("stdev_s", "mean_s"),
                stated=deviation,
                expected=limit,
                explanations=tuple(slips(deviation, limit)),
            )
            return


def _deviation_limits(level: Level, mean: float) -> Iterator[tuple[float, float, str]]:
    """Give (smallest, largest, why) of the standard deviation."""
    if level.max_s is not None:
        spread = max(level.max_s - mean, 0.0) * max(mean - (level.min_s or 0.0), 0.0)
        yield 0.0, math.sqrt(spread), "with mean and maximum (Bhatia and Davis, 2000)"
    for percent_, value in level.percentiles_s.items():
        share = percent_ / 100.0
        if value > mean:  # Cantelli: at most s^2 / (s^2 + d^2) lies d or more above the mean
            yield (
                (value - mean) * math.sqrt((1.0 - share) / share),
                math.inf,
                f"with a p{percent_:g} so far above the mean",
            )
        else:
            yield (
                (mean - value) * math.sqrt(share / (1.0 - share)),
                math.inf,
                f"with a p{percent_:g} so far below the mean",
            )


def check_little(levels: Sequence[Level], ledger: Ledger) -> None:
    """Operations in flight are no more than circulate; with a stated think time, exactly as many."""
    for level in levels:
        mean, population = mean_of(level), level.population
        if population is None or mean is None:
            reason = "operations in flight and response time are not both given"
            ledger.skip("little", reason)
            continue
        ledger.check("little")
        in_flight = level.throughput_per_s * mean
        estimated = level.mean_s is None
        allowed = MEASUREMENT + rounding_of(level, "throughput_per_s", "mean_s") + (0.10 if estimated else 0.0)
        allowed += 2.0 * (level.error_rate or 0.0)
        stated = ("mean_s",) if not estimated else tuple(map(percentile_name, level.percentiles_s))
        figures = ("throughput_per_s", *stated, "procs")
        if in_flight > population * (1.0 + allowed):
            _too_many(ledger, level, figures, in_flight, population)
        elif level.think_time_s is not None:
            _with_think_time(ledger, level, figures, in_flight, max(allowed, ODD))


def _too_many(ledger: Ledger, level: Level, figures: tuple[str, ...], in_flight: float, population: float) -> None:
    text = (
        f"{shown('throughput_per_s', level.throughput_per_s)} x {shown('mean_s', in_flight / level.throughput_per_s)}"
        f" are {in_flight:.4g} operations in flight, but only {population:.4g} circulate"
    )
    said = (*slips(in_flight, population), "clients that keep several operations in flight, or another run")
    ledger.find(
        "little",
        "impossible",
        level,
        text,
        figures=figures,
        stated=in_flight,
        expected=population,
        explanations=said,
    )


def _with_think_time(ledger: Ledger, level: Level, figures: tuple[str, ...], in_flight: float, allowed: float) -> None:
    thinking = level.throughput_per_s * (level.think_time_s or 0.0)
    population = level.population or 0.0
    ledger.check("interactive")
    if abs((in_flight + thinking) / population - 1.0) <= allowed:
        return
    text = (
        f"{in_flight:.4g} operations in flight and {thinking:.4g} in think time make {in_flight + thinking:.4g}, "
        f"but {population:.4g} circulate"
    )
    ledger.find(
        "interactive",
        "impossible",
        level,
        text,
        figures=(*figures, "think_time_s"),
        stated=in_flight + thinking,
        expected=population,
        explanations=(
            *slips(in_flight + thinking, population),
            "time of the load generator between two operations"
            if in_flight + thinking < population
            else "clients that keep several operations in flight",
        ),
    )

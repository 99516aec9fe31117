"""Throughput and response time over the load: what was offered, and dips that heal."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.findings import Ledger, Severity
from calibration.audit.mean_of_percentiles import predicted_by_means
from calibration.audit.per_process import check_per_process
from calibration.audit.served import growing
from calibration.audit.shape_model import across_gaps
from calibration.audit.statistics_of_levels import common_statistics, figures_of
from calibration.audit.steady_change import off_course
from calibration.audit.tolerances import MEASUREMENT, ODD, rounding_of, sampling_factor
from calibration.audit.words import named, shown, slips
from calibration.levels import Level

Numbers = NDArray[np.float64]
PERCENTILES: Final = 0.15
"""Relative: how far a median may stand out from both neighbours by chance, where operations of two kinds leave a gap
between their times; smaller defects are told by their form."""
DEEP: Final = 0.4
"""Share of both neighbours below which a response time at the second load is out of line: batches that fill may let it
fall from the lowest load on, but not so far for one load alone."""
GOES_WITH_IT: Final = 0.5
"""Share of what a response time stands out by, by which another of its level goes with it."""
EXPONENTIAL: Final = math.log(100.0)
"""The p99 of an exponential distribution over its mean."""


def is_steady(level: Level) -> bool:
    """Return whether what is offered ends; under overload queues grow, and work is not done as it comes in."""
    rate = level.arrival_rate_per_s
    return level.kind != "open" or rate is None or level.throughput_per_s >= (1.0 - MEASUREMENT) * rate


def check_offered(levels: Sequence[Level], ledger: Ledger) -> None:
    """No more ends than is offered; and what is served at a higher rate is served at a lower one."""
    offered = [level for level in levels if level.arrival_rate_per_s and level.kind == "open"]
    kept_up = max(
        (
            level.arrival_rate_per_s or 0.0
            for level in offered
            if level.throughput_per_s >= (1.0 - MEASUREMENT) * (level.arrival_rate_per_s or 0.0)
        ),
        default=0.0,
    )
    for level in offered:
        rate = level.arrival_rate_per_s or 0.0
        ledger.check("bounds")
        rounding = rounding_of(level, "throughput_per_s")
        above = level.throughput_per_s > rate * (1.0 + ODD + rounding)
        missing = level.throughput_per_s < rate * (1.0 - ODD - rounding) and rate < kept_up
        if above or missing:
            said = "more than is offered" if above else f"though {shown('throughput_per_s', kept_up)} are served"
            ledger.find(
                "bounds",
                "impossible" if above else "implausible",
                level,
                f"{shown('throughput_per_s', rate)} are offered and "
                f"{shown('throughput_per_s', level.throughput_per_s)} end, {said}",
                figures=("throughput_per_s", "arrival_rate_per_s"),
                stated=level.throughput_per_s,
                expected=rate,
                explanations=(
                    *slips(level.throughput_per_s, rate),
                    "figures of different runs",
                    "failed operations",
                ),
            )


def check_monotonicity(levels: Sequence[Level], ledger: Ledger) -> None:
    """A level that stands out from both neighbours against the course of the curve is out of line.

    Throughput may fall for good past its peak, so only a dip that heals is one. Response times may fall where
    batches fill and then rise, but not rise, fall and rise again, nor rise for one level alone.
    """
    loads = {level.load for level in levels if level.load}
    if len(loads) < 3 or len(loads) < len(levels):
        ledger.skip("monotonicity", "it takes three levels of different load, once each")
        return
    ordered = sorted(levels, key=lambda level: level.load or 0.0)
    ledger.check("monotonicity", len(ordered) - 2)
    _hyperbola(ledger, ordered)
    throughput = [level.throughput_per_s for level in ordered]
    for place in range(1, len(ordered) - 1):
        if _dips(throughput, place, _allowed(ordered, place, "throughput_per_s")):
            _report(ledger, ordered, place, "throughput_per_s", throughput)
    check_per_process(ordered, ledger)
    names = common_statistics(ordered)
    figures, _ = figures_of(ordered, names)
    for statistic, name in enumerate(names):
        values = [level.figure(name) or 0.0 for level in ordered]
        for place in range(1, len(ordered) - 1):
            jump = across_gaps(names, figures[place - 1 : place + 2])[statistic]
            allowed = _allowed(ordered, place, name) + float(jump)
            rising = place >= 2 and values[place - 1] >= values[place - 2] * (1.0 - MEASUREMENT)
            falls = _dips(values, place, allowed if rising else 1.0 - DEEP)
            if falls or _stands_up(values, place, allowed):
                out = _stands_out(figures, place, falls)
                alone = (np.delete(out, statistic) < GOES_WITH_IT * out[statistic]).all()
                _report(ledger, ordered, place, name, values, alone=bool(alone))


def _hyperbola(ledger: Ledger, levels: Sequence[Level]) -> None:
    """The inverse of a mean response time falls steadily with what is served, to 0 at the capacity.

    It is a straight line for one server in front of which arrivals queue (M/M/1) or which they share. Closed levels
    count as far as their processes hardly slow each other.
    """
    name = "mean_s"
    served = growing(levels)
    if name not in common_statistics(levels) or len(served) < 3:
        return
    levels = levels[: len(served)]
    inverse = 1.0 / np.array([level.figure(name) or 1.0 for level in levels])
    allowed = np.array([ODD * _heavier(level) + rounding_of(level, name) for level in levels])
    last, is_open = len(levels) - 1, levels[0].kind == "open"
    found = off_course(served, inverse, allowed * inverse)
    if found is None or found[0] in (0, last) or not (is_open or inverse[found[0]] < found[1]):
        found = _against_the_bend(served, inverse, allowed * inverse)
    if found is None or ledger.found_at("monotonicity", levels[found[0]]):
        return
    level, expected = levels[found[0]], 1.0 / found[1]
    stated = level.figure(name) or 0.0
    if abs(stated / expected - 1.0) < ODD or _borne_out(levels, found[0], math.log(stated / expected)):
        return
    ledger.find(
        "monotonicity",
        "implausible",
        level,
        f"the {named(name)} is {shown(name, stated)}; on the course that it takes over the rates of the other levels "
        f"it would be about {shown(name, expected)}",
        figures=(name,),
        stated=stated,
        expected=expected,
        explanations=(
            *slips(stated, expected),
            "a disturbance of one of these levels",
            "another machine or setting",
        ),
    )


def _borne_out(levels: Sequence[Level], place: int, off: float) -> bool:
    """Return whether the percentiles of a level are off their course as its mean is: then that figure is not wrong.

    off: natural logarithm of the mean over the expected one.
    """
    names = common_statistics(levels)
    figures, rounding = figures_of(levels, names)
    found = predicted_by_means(names, figures, rounding, np.arange(len(levels), dtype=np.float64))
    return found is not None and abs(float(found.off[place, names.index("mean_s")])) < GOES_WITH_IT * abs(off)


def _heavier(level: Level) -> float:
    """Return how much farther the p99 is from the mean than of an exponential distribution, at least 1.

    Rare long operations make everybody behind them wait: so much more does a mean vary from run to run.
    """
    tail = level.percentiles_s.get(99.0)
    return max(1.0, tail / level.mean_s / EXPONENTIAL) if tail and level.mean_s else 1.0


def _against_the_bend(served: Numbers, inverse: Numbers, tolerance: Numbers) -> tuple[int, float] | None:
    """Return the level that bends the course the wrong way: several servers hold it up and let it fall at last.

    Past the highest load nothing tells how near the capacity is; at the lowest, operations may wait for others to share
    a batch, or find everything cold.
    """
    found = off_course(served, inverse, tolerance, range(len(served) - 1))
    if found is None:
        return None
    if found[0] == 0 and (np.diff(inverse[1:]) > 0.0).any():
        return None  # response times fall at first
    above = inverse[found[0]] > found[1]
    return found if above == (found[0] == 0) else None


def _allowed(levels: Sequence[Level], place: int, name: str) -> float:
    noise = PERCENTILES * sampling_factor(name) if name.startswith("p") else ODD
    return noise + max(rounding_of(level, name) for level in levels[place - 1 : place + 2]) * 2.0


def _dips(values: Sequence[float], place: int, allowed: float) -> bool:
    """Return whether a figure falls below that of the lower load and comes back at the higher."""
    before, value, after = values[place - 1 : place + 2]
    return value < before * (1.0 - allowed) and after >= before * (1.0 - MEASUREMENT)


def _stands_up(values: Sequence[float], place: int, allowed: float) -> bool:
    """Return whether a figure is above that of the higher load, which continues that of the lower."""
    before, value, after = values[place - 1 : place + 2]
    return value > after * (1.0 + allowed) and after >= before * (1.0 - MEASUREMENT)


def _stands_out(figures: Numbers, place: int, falls: bool) -> Numbers:
    """Return by how much each statistic falls below the level before, or else is above the level behind it."""
    return np.asarray(figures[place - 1] - figures[place] if falls else figures[place] - figures[place + 1])


def _report(
    ledger: Ledger, levels: Sequence[Level], place: int, name: str, values: Sequence[float], *, alone: bool = True
) -> None:
    """Accuse a figure that stands out alone; where others of its level go with it, that is a note."""
    level = levels[place]
    before, value, after = values[place - 1 : place + 2]
    others = (before + after) / 2.0
    told = any(ledger.found_at(law, level) for law in ("interactive", "little", "monotonicity"))
    if told or any(ledger.found_at("monotonicity", levels[beside]) for beside in (place - 1, place + 1)):
        return  # beside a level that stands out, another seems to
    severity: Severity = "implausible" if alone else "note"
    around = {one.place for one in levels[place - 1 : place + 2]}
    if not alone and any(one.law == "monotonicity" and one.place in around for one in ledger.findings):
        return  # once for a level and those beside it
    ledger.find(
        "monotonicity",
        severity,
        level,
        f"the {named(name)} is {shown(name, value)}, {'below' if value < others else 'above'} "
        f"{shown(name, before)} at {levels[place - 1].name} and {shown(name, after)} at {levels[place + 1].name}"
        + ("" if alone else ", as other response times of that level are"),
        figures=(name,),
        stated=value,
        expected=others,
        explanations=(
            *slips(value, others),
            "a disturbance of one of these levels",
            "another machine or setting",
        ),
    )

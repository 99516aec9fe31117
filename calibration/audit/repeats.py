"""Repeats of one level: they differ by chance, and by how much at least is known."""

from __future__ import annotations

import math
from collections.abc import Sequence

from scipy import stats

from calibration.audit.findings import Ledger
from calibration.audit.words import shown
from calibration.levels import Level

CHANCE = 1e-3
"""An accusation is made where honest repeats would agree so closely less often than this."""
FEWEST_DIGITS = 3
"""Printed digits from which on equal figures say something."""
CAUTION = 3.0
"""The spread of honest repeats is taken this many times smaller than that of independent operations: under
saturation means vary less, as one operation's delay is another's gain."""


def check_repeats(levels: Sequence[Level], ledger: Ledger) -> None:
    """Repeats that agree more closely than the number of their operations allows."""
    groups: dict[float, list[Level]] = {}
    for level in levels:
        if level.load:
            groups.setdefault(level.load, []).append(level)
    repeated = [group for group in groups.values() if len(group) > 1]
    if not repeated:
        ledger.skip("repeats", "no level was measured more than once")
    for group in repeated:
        ledger.check("repeats", len(group))
        _copies(ledger, group)
        _too_close(ledger, group)


def _figures(level: Level) -> dict[str, float]:
    """Return the measured figures of a level that vary from run to run."""
    names = ("throughput_per_s", "mean_s", "stdev_s", "max_s", "cpu_utilization", "cpu_busy_cores")
    found = {name: level.figure(name) for name in names}
    found |= {f"p{percent:g}": value for percent, value in level.percentiles_s.items()}
    return {name: value for name, value in found.items() if value}


def _varies(level: Level) -> bool:
    """Return whether operations take clearly different times, so that no two runs come out the same."""
    smallest = level.percentiles_s.get(50.0) or level.mean_s
    largest = max((value for value in (*level.percentiles_s.values(), level.max_s or 0.0)), default=0.0)
    return bool(smallest) and largest > 1.1 * (smallest or 0.0)


def _copies(ledger: Ledger, group: Sequence[Level]) -> None:
    """Find repeats that are equal in three or more figures of three and more digits."""
    seen: dict[tuple[tuple[str, float], ...], Level] = {}
    for level in group:
        figures = tuple(sorted(_figures(level).items()))
        fine = [name for name, _ in figures if level.relative_rounding(name) < 0.5 * 10.0 ** (1 - FEWEST_DIGITS)]
        other = seen.setdefault(figures, level)
        if other is not level and len(fine) >= 2 and _varies(level):
            ledger.find(
                "repeats",
                "implausible",
                level,
                f"all figures are those of {other.place}, to the last digit "
                f"(throughput {shown('throughput_per_s', level.throughput_per_s)})",
                figures=tuple(name for name, _ in figures),
                explanations=("one measurement entered twice", "the same seed or a replayed run"),
            )


def _too_close(ledger: Ledger, group: Sequence[Level]) -> None:
    """Hold the spread of the means against that which the operations' own spread makes inevitable."""
    if len(group) < 3 or any(ledger.found_at("repeats", level) for level in group):
        return
    first = group[0]
    deviation, mean = _deviation(first), first.mean_s
    operations = min((level.operations or level.throughput_per_s * (level.duration_s or 0.0)) for level in group)
    if not deviation or not mean or operations <= 0:
        return
    least = deviation / math.sqrt(operations) / CAUTION
    rounding = max(level.rounding.get("mean_s", 0.0) for level in group)
    means = [level.mean_s for level in group if level.mean_s is not None]
    if len(means) < 3 or rounding > least:
        return
    average = sum(means) / len(means)
    squares = sum((value - average) ** 2 for value in means) / least**2
    if stats.chi2.cdf(squares, len(means) - 1) < CHANCE:
        spread = math.sqrt(squares / (len(means) - 1)) * least
        ledger.find(
            "repeats",
            "implausible",
            first,
            f"{len(means)} repeats have means within {shown('mean_s', spread)}; with {operations:.0f} operations "
            f"that vary by {shown('stdev_s', deviation)} they differ by {shown('mean_s', least)} at least",
            figures=("mean_s",),
            stated=spread,
            expected=least,
            explanations=("repeats that were computed, not measured", "the same seed or a replayed run"),
        )


def _deviation(level: Level) -> float | None:
    """Return the standard deviation of the response time, or a figure that it exceeds."""
    if level.stdev_s is not None:
        return level.stdev_s
    median, high = level.percentiles_s.get(50.0), level.percentiles_s.get(95.0)
    return None if median is None or high is None else 0.5 * (high - median) * math.sqrt(0.1)

"""Response times under overload, where they grow for as long as is measured."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.curves import is_steady
from calibration.audit.findings import Ledger
from calibration.audit.means import mean_of
from calibration.audit.overload import OVERLOADED
from calibration.audit.statistics_of_levels import common_statistics
from calibration.audit.tolerances import MEASUREMENT, rounding_of
from calibration.audit.words import named, shown, slips
from calibration.levels import Level
from simulator.measures import percent_of

Numbers = NDArray[np.float64]

FEWEST: Final = 3
"""Statistics, of which two give the line for the third."""
OFF_THE_LINE: Final = 0.12
"""Relative: how far a statistic may be from the line of the others: operations of several kinds bend it."""
ON_THE_LINE: Final = 2.0 * MEASUREMENT
"""The same of the others among themselves."""
UNSERVED: Final = 0.1
"""Share of what is offered that is not served, from which on the queue grows steadily: with less it comes and goes."""
LEVERAGE: Final = 2.0
"""Variance of what the line says over that of one of the others, up to which it is believed: beyond them it is not."""


def check_times_of_overload(levels: Sequence[Level], ledger: Ledger) -> None:
    """Hold the statistics of overloaded levels against a line over their share of the operations.

    While a queue grows by as much in each second, so do response times: those measured are spread evenly between the
    first and the last, a percentile is a line over its share, and the mean lies where the median does. Where hardly
    less is served than offered, chance makes the queue as much as growth. Where less is served than at another load,
    the queue itself slows the service, and by ever more as it grows: there is no line.
    """
    usual = max((mean_of(level) or 0.0 for level in levels if is_steady(level)), default=0.0)
    most = max((level.throughput_per_s for level in levels), default=0.0)
    for level in levels:
        names = common_statistics([level])
        if is_steady(level) or len(names) < FEWEST or not usual or (mean_of(level) or 0.0) <= OVERLOADED * usual:
            continue
        if level.throughput_per_s < (1.0 - MEASUREMENT) * most:
            continue
        if level.throughput_per_s > (1.0 - UNSERVED) * (level.arrival_rate_per_s or 0.0):
            continue
        ledger.check("shape")
        shares = np.array([0.5 if name == "mean_s" else percent_of(name) / 100.0 for name in names])
        times = np.array([level.figure(name) or 0.0 for name in names])
        apart = [_apart(shares, times, place) for place in range(len(names))]
        worst = int(np.argmax([abs(off) for off, _, _ in apart]))
        off, expected, among = apart[worst]
        if abs(off) > OFF_THE_LINE + rounding_of(level, names[worst]) and among <= ON_THE_LINE:
            _report(ledger, level, names[worst], expected)


def _apart(shares: Numbers, times: Numbers, place: int) -> tuple[float, float, float]:
    """Return how far a time is from the line of the others, relative, what that says, and how far they leave it."""
    rest = np.delete(np.arange(len(times)), place)
    design = np.column_stack([np.ones(len(times)), shares])
    line = np.linalg.lstsq(design[rest], times[rest], rcond=None)[0]
    said = design @ line
    leverage = float(design[place] @ np.linalg.inv(design[rest].T @ design[rest]) @ design[place])
    off = times / np.maximum(said, 1e-300) - 1.0
    if leverage > LEVERAGE:
        off[place] = 0.0
    return float(off[place]), float(said[place]), float(np.abs(off[rest]).max())


def _report(ledger: Ledger, level: Level, name: str, expected: float) -> None:
    stated = level.figure(name) or 0.0
    ledger.find(
        "shape",
        "implausible",
        level,
        f"the {named(name)} is {shown(name, stated)} at a rate that is not served, where response times grow steadily "
        f"and lie on a line; by the others it would be about {shown(name, expected)}",
        figures=(name,),
        stated=stated,
        expected=expected,
        explanations=(*slips(stated, expected), "figures of different runs or operations", "operations given up"),
    )

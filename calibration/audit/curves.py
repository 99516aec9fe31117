"""Throughput and response time over the load: what was offered, and dips that heal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from calibration.audit.findings import Ledger
from calibration.audit.means import mean_of
from calibration.audit.tolerances import MEASUREMENT, ODD, rounding_of
from calibration.audit.words import shown, slips
from calibration.levels import Level


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
            said = (
                "more than is offered" if above else f"though {shown('throughput_per_s', kept_up)} are served"
            )
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
    """A level below both neighbours in throughput, or in response time, is out of line.

    Throughput may fall for good past its peak, and response times may fall at first where batches fill; but
    neither comes back.
    """
    loads = sorted({level.load for level in levels if level.load})
    if len(loads) < 3 or len(loads) < len(levels):
        ledger.skip("monotonicity", "it takes three levels of different load, once each")
        return
    ordered = sorted(levels, key=lambda level: level.load or 0.0)
    for (before, level), (_, after) in pairwise(pairwise(ordered)):
        ledger.check("monotonicity")
        _dip(
            ledger,
            (before, level, after),
            "throughput_per_s",
            [one.throughput_per_s for one in (before, level, after)],
        )
        means = [mean_of(one) for one in (before, level, after)]
        estimated = level.mean_s is None
        if None not in means:
            name = "mean_s" if not estimated else "p50"
            _dip(ledger, (before, level, after), name, [mean or 0.0 for mean in means])


def _dip(ledger: Ledger, around: tuple[Level, Level, Level], name: str, values: Sequence[float]) -> None:
    """Report a figure that falls below that of the lower load and rises again above it."""
    before, level, after = around
    allowed = ODD + rounding_of(level, name) + rounding_of(before, name)
    falls = values[1] < values[0] * (1.0 - allowed)
    comes_back = values[2] >= values[0] * (1.0 - MEASUREMENT)
    if (
        not (falls and comes_back)
        or ledger.found_at("interactive", level)
        or ledger.found_at("little", level)
    ):
        return
    what = "throughput" if name == "throughput_per_s" else "response time"
    ledger.find(
        "monotonicity",
        "implausible",
        level,
        f"the {what} is {shown(name, values[1])}, below {shown(name, values[0])} at {before.name} and "
        f"{shown(name, values[2])} at {after.name}",
        figures=(name,),
        stated=values[1],
        expected=values[0],
        explanations=(
            *slips(values[1], (values[0] + values[2]) / 2),
            "a disturbance during this level",
            "another machine or setting",
        ),
    )

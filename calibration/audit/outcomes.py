"""The share of operations that succeed over the load: it does not fall at one load and come back at a higher one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from calibration.audit.findings import Ledger
from calibration.audit.words import named, shown, slips
from calibration.levels import Level

FEWEST: Final = 3
"""Levels that it takes to tell a dip from a decline."""
DIP: Final = 0.055
"""How much of all operations must fail more than at both neighbours: less is the chance of a short run."""
FIGURES: Final = ("goodput_per_s", "success_rate", "error_rate")


def check_outcomes(levels: Sequence[Level], ledger: Ledger) -> None:
    """Find a level at which fewer operations succeed than at the loads beside, or more than at both.

    At the highest load any share may begin to fail; at the lowest no more fail than at the next.
    """
    ordered = sorted((level for level in levels if level.load), key=lambda level: level.load or 0.0)
    if len(ordered) < FEWEST or len({level.load for level in ordered}) < len(ordered):
        return
    for name in FIGURES:
        shares = [_share(level, name) for level in ordered]
        known = [share for share in shares if share is not None]
        if len(known) < len(ordered) or (
            name == "goodput_per_s" and any(level.error_rate is not None for level in ordered)
        ):
            continue
        ledger.check("monotonicity", len(ordered))
        place = _standing_out(known, [_rounding(level, name) for level in ordered])
        if place is not None:
            _report(ledger, ordered, name, known, place)
            return


def _share(level: Level, name: str) -> float | None:
    """Return the share of operations that succeed, by one of the figures; None if it is not stated or impossible."""
    value = level.figure(name)
    if value is None:
        return None
    share = (
        value / level.throughput_per_s if name == "goodput_per_s" else 1.0 - value if name == "error_rate" else value
    )
    return share if 0.0 <= share <= 1.0 + DIP else None


def _rounding(level: Level, name: str) -> float:
    if name == "goodput_per_s":
        return level.relative_rounding(name) + level.relative_rounding("throughput_per_s")
    return level.rounding.get(name, 0.0)


def _standing_out(shares: Sequence[float], rounding: Sequence[float]) -> int | None:
    """Return the level at which clearly fewer succeed than beside, or more than at the lower and the higher load."""
    worst, found = 0.0, None
    for place in range(len(shares) - 1):
        beside = [*shares[max(place - 1, 0) : place], shares[place + 1]]
        below = min(beside) - shares[place]
        above = shares[place] - max(beside) if place else 0.0
        beyond = max(below, above) - DIP - 2.0 * rounding[place]
        if beyond > worst:
            worst, found = beyond, place
    return found


def _report(ledger: Ledger, levels: Sequence[Level], name: str, shares: Sequence[float], place: int) -> None:
    level = levels[place]
    beside = [shares[one] for one in (place - 1, place + 1) if one >= 0]
    expected = sum(beside) / len(beside)
    said = " and ".join(
        f"{shown('success_rate', shares[one])} at {levels[one].name}" for one in (place - 1, place + 1) if one >= 0
    )
    ledger.find(
        "monotonicity",
        "implausible",
        level,
        f"by the {named(name)} {shown('success_rate', shares[place])} of the operations succeed, but {said}",
        figures=(name, *(("throughput_per_s",) if name == "goodput_per_s" else ())),
        stated=shares[place],
        expected=expected,
        explanations=(
            *slips(shares[place], expected),
            "a disturbance of one of these levels",
            "another definition of what fails",
        ),
    )

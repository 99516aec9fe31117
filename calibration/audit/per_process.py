"""Throughput of each process over the load, where no response times say how it must be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from calibration.audit.findings import Ledger
from calibration.audit.means import mean_of
from calibration.audit.tolerances import rounding_of
from calibration.audit.words import percent, shown, slips
from calibration.levels import Level

OUT_OF_LINE: Final = 0.15
"""How much more, or less, a process may bring than at the loads beside: where operations share batches of a set size,
it changes with how well the load fills them."""


def check_per_process(ordered: Sequence[Level], ledger: Ledger) -> None:
    """Find a level at which a process brings less, or more, than at both the lower and the higher load.

    Processes hinder each other more, the more there are; where response times are given, the interactive law judges.
    ordered: by their load, all different.
    """
    closed = [level for level in ordered if level.kind != "open" and level.procs]
    if len(closed) < len(ordered) or any(mean_of(level) is not None for level in closed):
        return
    each = [level.throughput_per_s / (level.population or level.procs or 1.0) for level in closed]
    for place in range(1, len(closed) - 1):
        before, value, after = each[place - 1 : place + 2]
        rounding = 2.0 * max(rounding_of(level, "throughput_per_s") for level in closed[place - 1 : place + 2])
        dips = value < min(before, after) * (1.0 - OUT_OF_LINE - rounding)
        peaks = value > before * (1.0 + OUT_OF_LINE + rounding) and after < before
        around = closed[place - 1 : place + 2]  # beside a level that stands out, another seems to
        told = any(ledger.found_at(law, level) for level in around for law in ("bounds", "monotonicity"))
        if (dips or peaks) and not told:
            _report(ledger, closed, place, after if dips else before)


def _report(ledger: Ledger, levels: Sequence[Level], place: int, nearest: float) -> None:
    """nearest: throughput of a process at the neighbour that it is nearer to."""
    level = levels[place]
    expected = nearest * (level.population or level.procs or 1.0)
    off = level.throughput_per_s / expected - 1.0
    ledger.find(
        "monotonicity",
        "implausible",
        level,
        f"the throughput is {shown('throughput_per_s', level.throughput_per_s)}: each process brings "
        f"{percent(off)} against {levels[place + 1 if off < 0 else place - 1].name}, and "
        f"{'less' if off < 0 else 'more'} than at both neighbours",
        figures=("throughput_per_s",),
        stated=level.throughput_per_s,
        expected=expected,
        explanations=(
            *slips(level.throughput_per_s, expected),
            "a disturbance of one of these levels",
            "a cost that batches share" if off > 0 else "another machine or setting",
        ),
    )

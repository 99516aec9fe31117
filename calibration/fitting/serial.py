"""The share of an operation that only one at a time can do, by what two copies with a core each show of it."""

from __future__ import annotations

import math
import statistics
from typing import Final

from calibration.fitting.blueprint import Free
from calibration.fitting.widths import relative_width
from calibration.live.measured import Apart, Measurement, Workload

LEAST_SERIAL: Final = 0.01
"""Sleeps for each operation that the second copy must add before they count as waits for a lock."""
STEADY_BELOW_CV: Final = 0.3
"""Coefficient of variation of the work below which copies fall into step at a lock."""
IN_STEP: Final = 0.5
"""Serial share relative to the sleeps for each operation of copies in step, with how uncertain that is: assumed."""
IN_STEP_WIDTH: Final = 0.6
EDGE_WIDTH: Final = 0.08
"""Relative deviation of a lock's time by a sharp edge of the times between ends: 5, 10, 20 and 40 % of an operation
under a lock at its end came out as 5.6 to 5.9, 10.2, 19 to 20 and 38 to 40 %."""
EDGE_BLUR: Final = 1.5
"""The same for each unit of its blur: 20 % in the middle of an operation came out as 15 to 17 %, blurred by 0.1 to
0.15, and 10 % at its beginning as 2.5 to 8 %, blurred by 0.4 to 0.9."""
EDGE_SLEEPS: Final = 0.04
"""Sleeps for each operation from which copies meet at the lock often enough for an edge: else they may just never have
come close to each other."""


def serial_share(measurement: Measurement, workload: Workload, cores: int) -> Free | None:
    """Return the share of an operation that only one at a time can do; None where nothing shows any.

    That there is a lock the sleeps show that the second copy adds: they are the chance to find it held (see
    `calibration.live.describe.serial_share`, which asks for more repeats). Steady operations fall into step: who has
    waited comes right behind the holder the next time too, and waits again or not by as little as the times vary. Their
    sleeps are at most about as many as the share, and mostly too many; how far their ends lie apart tells more.
    """
    how = "sleeps that the second copy adds"
    if workload.serial is not None:
        share = min(max(workload.serial.share.value, 1e-4), 0.999)
        width = max(relative_width(workload.serial.share, 0.1) / (1.0 - share), 0.1)
        return _of_sleeps(workload, share, width, how)
    alone, crowded = _sleeps(measurement, 1), _sleeps(measurement, 2)
    if measurement.pacing.kind != "closed" or cores < 2 or not alone or not crowded:
        return None
    more = statistics.fmean(crowded) - statistics.fmean(alone)
    if more < LEAST_SERIAL or min(crowded) < 2.0 * max(alone) + LEAST_SERIAL:
        return None
    return _of_sleeps(workload, min(more, 0.9), 0.3, how)


def _of_sleeps(workload: Workload, share: float, width: float, how: str) -> Free:
    """Return the serial share; share: sleeps for each operation. width: as `Free` has it."""
    if workload.demand.cv >= STEADY_BELOW_CV:
        return Free("serial_share", share, width, how, "logit", "share")
    known = Free("serial_share", IN_STEP * share, max(width, IN_STEP_WIDTH), f"{how}, in step", "logit", "share")
    if workload.apart is None or share < EDGE_SLEEPS:
        return known
    return _with_edge(known, workload.apart, workload.demand.mean_s.value)


def _with_edge(known: Free, apart: Apart, demand_s: float) -> Free:
    """Return what sleeps tell together with the least time between the ends of two copies, each by its deviation."""
    share = min(max(apart.least_s / demand_s, 1e-4), 0.9) if demand_s else 1e-4
    width = math.hypot(EDGE_WIDTH, EDGE_BLUR * apart.blur) / (1.0 - share)
    sharp = 1.0 / (1.0 + (width / known.width) ** 2)
    odds = sharp * _logit(share) + (1.0 - sharp) * _logit(known.middle)
    middle = 1.0 / (1.0 + math.exp(-odds))
    how = f"{known.how}, and how far apart two copies end at least"
    return Free("serial_share", middle, width * math.sqrt(sharp), how, "logit", "share")


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _sleeps(measurement: Measurement, copies: int) -> list[float]:
    """Return the sleeps for each operation in the repeats of a level, as far as they were counted."""
    details = [one for one in measurement.details if one.copies == copies]
    return [one.voluntary_switches for one in details if one.voluntary_switches is not None]

"""What many processes cost each other, before the fit: nothing of it shows at few connections.

See `models.measured.CrowdedCaches`. How many lines an operation fetches again is assumed; what a line takes the host's
calibration measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.blueprint import Free
from calibration.live.measured import Measurement, Quantiles
from models.measured import CrowdedCaches

LINES: Final = 896
"""That an operation touches of what only its process has: stack, plans and catalogue of a session, the kernel's."""
LINES_WIDTH: Final = 0.4
MISS_S: Final = 80e-9
"""To fetch a line that has left the core's own cache, where the host was not calibrated: a shared cache answers in 20
ns, memory in 100, and on virtual machines the way to its address is twice as long."""
MISS_WIDTH: Final = 0.5
RETURNS: Final = 0.2
"""Power of the sleeps of an operation by which it comes back to a cold cache, between 0 (once) and 1 (after each)."""
UNDER_WAY: Final = 1.8
"""Lines that a program fetches at a time, where the host's probe waits for each: assumed, chosen on recordings of
pgbench. That servers have few under way is known (Ferdman et al., Clearing the Clouds, ASPLOS 2012)."""
PROBED_WIDTH: Final = 0.3
WHOLE: Final = 1.0
"""Share of a cache that is left for what each process has alone, where it is known how many others have a turn in
between. Chosen on recordings of pgbench of 30 November, 14:57 UTC: operations of 8, 16, 32 and 64 connections took 68,
66, 76 and 98 us of CPU, with 5, 10, 20 and 45 others served in between."""
OPERATIONS: Final = 20
"""Equally likely ones, for each of which it is told how many others were served since the last one of its client."""
FINE: Final = 2001


def crowded_caches(cores: int, cache_bytes: int, sleeps: float, others: Sequence[float] = (1.0,)) -> CrowdedCaches:
    """Return the caches of processes whose operations sleep so often.

    After each sleep a process comes back to a core that others have used, but not every stretch between two sleeps
    touches all its lines: between once and after each sleep, and nearer to once, as recordings of pgbench say.
    others: as `CrowdedCaches` has it; (1.0,): not known.
    """
    found = CrowdedCaches(cores=cores, cache_bytes=cache_bytes, returns=max(sleeps, 1.0) ** RETURNS)
    known = tuple(others)
    return found if known == found.others else found.model_copy(update={"others": known, "room": WHOLE})


def others_served(measurement: Measurement) -> tuple[float, ...]:
    """Return the share of the other clients that are served between two operations of the same, as times tell it.

    For each of several equally likely operations, of the busiest closed level. A client that sends again as soon as it
    has its answer is served again after one response time. All others are served in turn meanwhile if responses take
    about equally long; of responses that differ, the short ones are those of clients that come again before most
    others. (1.0,), all of them, where clients pause in between, or where no level tells.
    """
    closed = [
        detail
        for detail, level in zip(measurement.details, measurement.table.levels, strict=False)
        if level.kind == "closed" and not level.think_time_s and detail.response_quantiles_s
    ]
    most = max((one.copies for one in closed), default=1)
    shares = [_served_within(one.response_quantiles_s) for one in closed if one.copies == most > 1]
    return tuple(float(one) for one in np.mean(shares, axis=0)) if shares else (1.0,)


def _served_within(quantiles: Quantiles) -> NDArray[np.float64]:
    """Return the chance that another client, at any point of its own response, has it within one response.

    For operations in the order of their response times, which follow each other independently: the chance that what is
    left of a response under way ends within r is the integral of 1 - F up to r, over the mean (renewal theory).
    """
    levels, times = np.array(quantiles).T
    share = np.linspace(0.0, 1.0, FINE)
    response_s = np.interp(share, levels, times)
    shorter_s = np.concatenate(([0.0], np.cumsum((response_s[1:] + response_s[:-1]) / 2.0 * np.diff(share))))
    if not shorter_s[-1]:
        return np.ones(OPERATIONS)
    within = (shorter_s + (1.0 - share) * response_s) / shorter_s[-1]
    middles = (np.arange(OPERATIONS) + 0.5) / OPERATIONS
    return np.asarray(np.clip(np.interp(middles, share, within), 0.0, 1.0))


def free_numbers(caches: CrowdedCaches, line_s: float | None) -> list[Free]:
    """Return the numbers that are open. line_s: as the host's calibration has it [s]; None: it was not measured."""
    how = "assumed: cache lines that an operation touches of what only its process has"
    miss = Free("line_miss", MISS_S, MISS_WIDTH, "assumed: time to fetch one that has left the core's cache")
    if line_s is not None:
        of_host = "the host's calibration: a line beyond the core's cache, almost two at a time"
        miss = Free("line_miss", line_s / UNDER_WAY, PROBED_WIDTH, of_host)
    width = math.hypot(LINES_WIDTH, math.log(caches.returns))
    return [Free("own_lines", LINES, width, how, unit="count"), miss]


def extra_s(caches: CrowdedCaches, values: Mapping[str, float], processes: int) -> float:
    """Return the CPU that an operation of so many processes takes more, by the numbers' names [s]."""
    return caches.extra_s(values["own_lines"], values["line_miss"], processes)

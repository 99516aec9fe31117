"""Stops of a service that no process causes, as one connection shows them.

With a single request under way nothing queues, so that an answer that takes a millisecond more than usual was stopped
on its way: by the hypervisor, which runs something else on the core for up to a tick, by an interrupt handler or by the
disk that all wait for. At a rate arrivals gather meanwhile, and all of them are late.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from calibration.live.measured import Detail, Measurement
from models.units import TIME

LONG_S: Final = 1e-3
"""By how much an answer is late that was stopped: more than queues of a scheduler make of one request."""
CLEAR: Final = 0.5
"""Of that, how far p95 may lie from the median: where answers differ by as much anyway, stops do not show."""
STOLEN_S: Final = 2e-3
"""For how long a hypervisor runs something else on a core, in the mean, where answers do not show it: those of nginx,
Redis and PostgreSQL with one connection were late by 1.9 to 2.3 ms."""
LEAST: Final = 0.5
"""Stops that were seen at least, all repeats together: fewer say nothing."""


@dataclass(frozen=True)
class Stops:
    """Stops of all that a service does. rate_per_s: how often. seconds: how long each is, in the mean."""

    rate_per_s: float
    seconds: float

    def faster(self, scale: float) -> Stops:
        """Return the same in a time that passes so many times faster."""
        return Stops(self.rate_per_s * scale, self.seconds / scale)

    def pauses(self) -> list[dict[str, Any]]:
        """Return them as a service of a scenario has them."""
        every = {"distribution": "exponential", "mean": _time(1.0 / self.rate_per_s)}
        return [{"every": every, "duration": _time(self.seconds)}]

    def pauses_of_cores(self) -> list[dict[str, Any]]:
        """Return them as a service has them whose cores are stopped one by one, for times that differ."""
        duration = {"distribution": "exponential", "mean": _time(self.seconds)}
        return [{**one, "duration": duration, "scope": "core"} for one in self.pauses()]


def stops_of(measurement: Measurement) -> Stops | None:
    """Return the stops that the repeats of one connection show; None where there is none, or where none would show.

    Repeats whose answers differ by much anyway are left out.
    """
    # the levels stand in the order of the details
    alone = [
        (detail, level.operations or 0.0)
        for detail, level in zip(measurement.details, measurement.table.levels, strict=False)
        if detail.copies == 1 and detail.response_quantiles_s and level.kind != "open"
    ]
    seen = late_s = seconds = 0.0
    for detail, operations in alone:
        median, clear = median_and_beyond(detail, 0.95)
        if clear > CLEAR * LONG_S:
            continue
        seconds += measurement.duration_s
        share, excess_s = _late(detail.response_quantiles_s, median)
        seen += share * operations
        late_s += share * operations * excess_s
    if seen < LEAST:
        return None
    return Stops(seen / seconds, late_s / seen)


def core_stops_of(measurement: Measurement, stops: Stops | None) -> Stops | None:
    """Return the stops of each core by itself: what the hypervisor was seen to take; None where it took nothing.

    stops: that one connection shows, whose length is that of these too.
    """
    stolen = statistics.fmean([one.steal_share for one in measurement.details] or [0.0])
    seconds = stops.seconds if stops is not None else STOLEN_S
    return Stops(stolen / seconds, seconds) if stolen > 0.0 else None


def median_and_beyond(detail: Detail, level: float) -> tuple[float, float]:
    """Return the median of the response times, and how far the quantile of a higher level lies from it [s]."""
    levels, values = zip(*detail.response_quantiles_s, strict=True)
    median, high = np.interp([0.5, level], levels, values)
    return float(median), float(high - median)


def _late(quantiles: Sequence[tuple[float, float]], median: float) -> tuple[float, float]:
    """Return the share of the answers that are late, and by how much in the mean [s]."""
    levels, values = np.array(quantiles).T
    fine = np.linspace(levels[0], levels[-1], 200_001)
    late = np.interp(fine, levels, values) - median
    late = late[late > LONG_S]
    return (len(late) / len(fine), float(late.mean())) if len(late) else (0.0, 0.0)


def _time(seconds: float) -> str:
    return TIME.print(max(round(seconds * 1e9), 1))

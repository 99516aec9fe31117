"""What an engine returns of one replication: plain arrays, the same from both engines."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


@dataclass
class EngineOutput:
    """One replication's totals.

    "Window" is the measured window [warmup_ns, end_ns). W workloads, S stations, C cores, I instances, L links;
    the order of each is that of the compiled scenario.
    """

    engine: str  # "reference" or "fast"
    seed: int
    replication: int
    warmup_ns: int
    end_ns: int
    events: int  # time events and wakes that were handled
    counts: Integers  # [W, COUNTS] over the whole run
    window_counts: Integers  # [W, COUNTS] of what happened in the window; column IN_FLIGHT: as at end_ns
    histogram: Integers  # [W, BINS] response times of operations completed in the window
    response_sum_ns: Integers  # [W] of the same operations
    response_max_ns: Integers  # [W]
    in_flight_ns: Integers  # [W] integral of the operations in flight over the window
    causes_ns: Integers | None  # [BINS, CAUSES] sums over the same operations, all workloads; None if not asked for
    stations: NDArray[Any]  # [S] STATION_TOTALS in the window
    stations_whole: NDArray[Any]  # [S] STATION_TOTALS over the whole run
    stations_present_ns: Integers  # [S] sum of (end - arrival) over those present at the end (Little's law)
    cores_ns: Integers  # [C, CORE_STATES] in the window
    cores_whole_ns: Integers  # [C, CORE_STATES] over the whole run
    memory_mean_bytes: NDArray[np.float64]  # [I] time average in the window, memory_base included
    memory_peak_bytes: Integers  # [I] in the window, memory_base included
    records: NDArray[Any] | None  # OPERATION_RECORD, by start (TIMES_RECORD if bare); None if not asked for
    interrupted: bool = False  # stopped before end_ns was reached; end_ns is then the time reached
    law_violations: list[str] = field(default_factory=list)  # numbered sample-path laws that did not hold


def used_bins(histogram: Integers) -> slice:
    """Return the range of bins that hold anything. histogram: shape [..., BINS].

    Tables by bin are mostly empty, and what nobody touches of them takes no memory.
    """
    used = np.flatnonzero(histogram.reshape(-1, histogram.shape[-1]).any(axis=0))
    return slice(int(used[0]), int(used[-1]) + 1) if len(used) else slice(0, 0)

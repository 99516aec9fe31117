"""Chance whose mean is known, taken out of what is measured: control variates of closed systems.

In a closed system two things are known beforehand. Users think for the mean think time from one operation to the next,
so that in a window they think for as long as operations start in it, times that mean; and in the long run as many
operations start as end. What a window shows beyond either is chance, and throughput and response times go with it.
(Lavenberg, Moeller and Welch, Statistical results on control variables with application to queueing network simulation,
Operations Research 30, 1982.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.records import COUNT_COMPLETED, COUNT_FAILED, OFFERED
from simulator.output import EngineOutput
from simulator.statistics import Estimate

CONTROLS: Final = ("thinking_excess", "in_flight_excess")
FEWEST: Final = 8  # replications: slopes from fewer add more chance than they take out

MOST_KEPT: Final = 0.5  # of the variance of a difference: what takes out less may do so by chance


def measure_controls(output: EngineOutput, compiled: Any) -> dict[str, float]:
    """Return what one window shows beyond what is known beforehand, relative to all users; NaN where nothing is known.

    thinking_excess: share of the users' time that they thought, less what the operations that started let expect.
    in_flight_excess: operations that started and did not end, less those that ended and had started before.
    Open workloads know neither; of users who come and go, and of systems that change meanwhile, means are not known.
    """
    scenario = compiled.scenario
    known = not scenario.events and all(one.kind == "closed" and not one.phases for one in scenario.workloads)
    if not known:
        return dict.fromkeys(CONTROLS, math.nan)
    window_ns = output.end_ns - output.warmup_ns
    users, thinking_ns, more = 0, 0.0, 0
    for workload, counts, in_flight_ns in zip(
        scenario.workloads, output.window_counts, output.in_flight_ns, strict=True
    ):
        users += workload.users
        expected_ns = int(counts[OFFERED]) * workload.think_time.mean
        thinking_ns += workload.users * window_ns - int(in_flight_ns) - expected_ns
        more += int(counts[OFFERED] - counts[COUNT_COMPLETED] - counts[COUNT_FAILED])
    return {"thinking_excess": thinking_ns / (users * max(window_ns, 1)), "in_flight_excess": more / users}


def controlled(values: Sequence[float | None], controls: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return values of each replication without the chance that controls show, whose means are 0.

    They are jackknife pseudo-values of the regression's value where all controls are 0: their mean is the estimate, and
    a Student interval of theirs allows for slopes that are estimated too. Where there are too few replications, or a
    value or a control is unknown, or the values do not differ, they are returned as they are.

    values: of a measure. controls: each control's values, in the same replications.
    """
    listed = list(values)
    used = [list(control) for control in controls if len(set(control)) > 1]
    unknown = any(value is None for series in (listed, *controls) for value in series)
    if unknown or not used or len(listed) < FEWEST or len(set(listed)) == 1:
        return listed
    measured = np.array(listed, dtype=np.float64)
    shown = np.array(used, dtype=np.float64)
    scales = np.abs(shown).max(axis=1, keepdims=True)
    design = np.vstack([np.ones(len(listed)), shown / scales]).T
    inverse = np.linalg.pinv(design)
    estimate = inverse @ measured
    left = measured - design @ estimate
    leverage = np.einsum("ij,ji->i", design, inverse)
    without = inverse[0] * left / np.maximum(1 - leverage, 1e-9)
    pseudo: list[float | None] = (estimate[0] + (len(listed) - 1) * without).tolist()
    return pseudo


def worth_taking_out(plain: Estimate, controlled: Estimate) -> bool:
    """Return whether a difference is better estimated without the chance that controls show.

    Systems that are much alike share that chance with all other, and it cancels in their difference as it is; taken out
    of each by itself it leaves the error of the slopes. So controls must bring half of the variance at least.
    """
    if plain.half_width is None or controlled.half_width is None:
        return False
    return controlled.half_width**2 < MOST_KEPT * plain.half_width**2

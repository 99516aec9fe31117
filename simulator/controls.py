"""Chance whose mean is known, taken out of what is measured: control variates of closed systems.

In a closed system three things are known beforehand. Users think for the mean think time from one operation to the
next, so that in a window they think for as long as operations start in it, times that mean; in the long run as many
operations start as end; and those that end were delayed for the mean of the delays on their way. What a window shows
beyond any of them is chance, and throughput and response times go with it.
(Lavenberg, Moeller and Welch, Statistical results on control variables with application to queueing network simulation,
Operations Research 30, 1982.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from models.records import COUNT_COMPLETED, COUNT_FAILED, DELAYED, OFFERED
from simulator.known_delays import delay_of_completed_ns
from simulator.operation_controls import BEYOND, CYCLES, means_known
from simulator.output import EngineOutput, used_bins
from simulator.statistics import CONFIDENCE, Estimate, student_t

CONTROLS: Final = ("thinking_excess", "in_flight_excess", "delay_excess")
FEWEST: Final = 4, 2  # replications, and for each control: slopes from fewer add more chance than they take out
_TIMES: Final = "response_time_s."

MOST_KEPT: Final = 0.5  # of the variance of a difference: what takes out less may do so by chance


def measure_controls(output: EngineOutput, compiled: Any) -> dict[str, float]:
    """Return what one window shows beyond what is known beforehand, relative to all users; NaN where that is not known.

    thinking_excess: share of the users' time that they thought, less what the operations that started let expect.
    in_flight_excess: operations that started and did not end, less those that ended and had started before.
    delay_excess: share of the users' time that the operations that completed were delayed, less what is expected of
        so many. Not known where what becomes of an operation may depend on its delays, or where some run side by side.
    Open workloads know none; of users who come and go, and of systems that change meanwhile, means are not known.
    """
    scenario = compiled.scenario
    if not means_known(scenario):
        return dict.fromkeys(CONTROLS, math.nan)
    window_ns = output.end_ns - output.warmup_ns
    users, thinking_ns, more, delayed_ns = 0, 0.0, 0, 0.0
    for workload, counts, in_flight_ns in zip(
        scenario.workloads, output.window_counts, output.in_flight_ns, strict=True
    ):
        users += workload.users
        expected_ns = int(counts[OFFERED]) * workload.think_time.mean
        thinking_ns += workload.users * window_ns - int(in_flight_ns) - expected_ns
        more += int(counts[OFFERED] - counts[COUNT_COMPLETED] - counts[COUNT_FAILED])
        delayed_ns -= int(counts[COUNT_COMPLETED]) * delay_of_completed_ns(scenario, workload)
    causes_ns = output.causes_ns
    delayed_ns += math.nan if causes_ns is None else int(causes_ns[used_bins(output.histogram), DELAYED].sum())
    time_ns = users * max(window_ns, 1)
    return dict(zip(CONTROLS, (thinking_ns / time_ns, more / users, delayed_ns / time_ns), strict=True))


def controls_of(name: str, samples: Mapping[str, Sequence[float | None]]) -> list[Sequence[float | None]]:
    """Return the controls that a measure goes with, of each replication.

    Few say more than many: the slope of each is estimated from as many replications as there are. So a response time
    has the cycles that Little's law balances, and the delays, where records of operations were there; whatever else is
    measured has what a window shows without them.

    name: of the measure. samples: each replication's measures.
    """
    chosen: Sequence[str] = CONTROLS
    if name.startswith(_TIMES) and _known(CYCLES, samples):
        beyond = BEYOND + name.removeprefix(_TIMES)
        chosen = (CYCLES, beyond if _known(beyond, samples) else "delay_excess")
    return [samples[one] for one in chosen if one in samples]


def _known(name: str, samples: Mapping[str, Sequence[float | None]]) -> bool:
    return name in samples and None not in samples[name]


def controlled(values: Sequence[float | None], controls: Sequence[Sequence[float | None]]) -> list[float | None]:
    """Return values of each replication without the chance that controls show, whose means are 0.

    Their mean is the regression's value where all controls are 0, and their Student interval is the regression's: what
    is left of each value is scaled so that it allows for slopes that are estimated too. Controls that are unknown
    somewhere or show nothing are left out. Where there are too few replications, or a value is unknown, or the values
    do not differ, they are returned as they are.

    values: of a measure. controls: each control's values, in the same replications.
    """
    listed = list(values)
    used = [list(control) for control in controls if None not in control and len(set(control)) > 1]
    count, unknowns = len(listed), 1 + len(used)
    if not used or None in listed or count < FEWEST[0] + FEWEST[1] * len(used) or len(set(listed)) == 1:
        return listed
    measured = np.array(listed, dtype=np.float64)
    shown = np.array(used, dtype=np.float64)
    scales = np.abs(shown).max(axis=1, keepdims=True)
    design = np.vstack([np.ones(count), shown / scales]).T
    inverse = np.linalg.pinv(design)
    estimate = inverse @ measured
    left = measured - design @ estimate
    # The regression's variance over that of a mean of what is left.
    widened = (count - 1) / (count - unknowns) * count * float(inverse[0] @ inverse[0])
    scale = math.sqrt(widened) * student_t(CONFIDENCE, count - unknowns) / student_t(CONFIDENCE, count - 1)
    answer: list[float | None] = (estimate[0] + scale * left).tolist()
    return answer


def worth_taking_out(plain: Estimate, controlled: Estimate) -> bool:
    """Return whether a difference is better estimated without the chance that controls show.

    Systems that are much alike share that chance with all other, and it cancels in their difference as it is; taken out
    of each by itself it leaves the error of the slopes. So controls must bring half of the variance at least.
    """
    if plain.half_width is None or controlled.half_width is None:
        return False
    return controlled.half_width**2 < MOST_KEPT * plain.half_width**2

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
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.offered_work import branch_shares
from models.records import COUNT_COMPLETED, COUNT_FAILED, DELAYED, OFFERED
from models.scenario import Scenario
from models.stages import DelayStage, FailureStage, ParallelStage, Stage, nested_stages
from models.workload import Workload
from simulator.output import EngineOutput, used_bins
from simulator.planning import sheds
from simulator.statistics import CONFIDENCE, Estimate, student_t

CONTROLS: Final = ("thinking_excess", "in_flight_excess", "delay_excess")
FEWEST: Final = 4, 2  # replications, and for each control: slopes from fewer add more chance than they take out

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
    known = not scenario.events and all(one.kind == "closed" and not one.phases for one in scenario.workloads)
    if not known:
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


def delay_of_completed_ns(scenario: Scenario, workload: Workload) -> float:
    """Return the mean time in delays of the operations of a workload that complete [ns]; NaN where it is not known.

    Known is what a draw of its own decides: which operation it is, the way it goes, and whether it fails there. What
    queues, clients or time decide may depend on how long an operation was delayed.
    """
    if workload.timeout is not None or workload.retry is not None or sheds(scenario):
        return math.nan
    weights = workload.operations or {scenario.operations[0].name: 1.0}
    passed, delay_ns = 0.0, 0.0
    for operation in scenario.operations:
        weight = weights.get(operation.name, 0.0)
        passes, mean_ns = _passing(operation.stages) if weight else (0.0, 0.0)
        passed += weight * passes
        delay_ns += weight * mean_ns
    return delay_ns / passed if passed > 0 else math.nan


def _passing(stages: Sequence[Stage]) -> tuple[float, float]:
    """Return the probability that no failure ends the stages, and their mean time in delays where none does, times it.

    The second is NaN where it is not known.
    """
    passed, delay_ns = 1.0, 0.0
    for stage in stages:
        inside = [_passing(inner) for _, inner in nested_stages(stage)]
        shares = branch_shares(stage)
        if isinstance(stage, DelayStage):
            passes, mean_ns = 1.0, stage.time.mean
        elif isinstance(stage, FailureStage):
            passes, mean_ns = 1 - stage.probability, math.nan if stage.conflict else 0.0
        elif isinstance(stage, ParallelStage):
            passes, mean_ns = math.prod(way for way, _ in inside), math.nan
        elif not inside:
            passes, mean_ns = 1.0, 0.0
        else:
            passes = sum(share * way for share, (way, _) in zip(shares, inside, strict=True))
            mean_ns = sum(share * mean for share, (_, mean) in zip(shares, inside, strict=True))
        passed, delay_ns = passed * passes, delay_ns * passes + passed * mean_ns
    return passed, delay_ns


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

"""The delays of the operations that complete, where what a draw of its own decides is all that they depend on."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.distributions import Distribution
from models.offered_work import branch_shares
from models.scenario import Scenario
from models.stages import DelayStage, FailureStage, ParallelStage, Stage, nested_stages
from models.workload import Workload
from simulator.planning import sheds
from simulator.statistics import Floats

Ways = dict[Distribution | None, float]
"""The probability of passing with one delay, by what it is drawn from, or with none."""

_POINTS: Final = 1 << 15  # of a distribution's quantiles: a mean over them is off by a hundredth of one in a window


def delay_of_completed_ns(scenario: Scenario, workload: Workload) -> float:
    """Return the mean time in delays of the operations of a workload that complete [ns]; NaN where it is not known.

    Known is what a draw of its own decides: which operation it is, the way it goes, and whether it fails there. What
    queues, clients or time decide may depend on how long an operation was delayed.
    """
    if _chosen_by_delays(scenario, workload):
        return math.nan
    passed, delay_ns = 0.0, 0.0
    for weight, stages in _operations(scenario, workload):
        passes, mean_ns = _passing(stages)
        passed += weight * passes
        delay_ns += weight * mean_ns
    return delay_ns / passed if passed > 0 else math.nan


def delays_of_completed(scenario: Scenario, workload: Workload) -> Ways | None:
    """Return what the delay of an operation of a workload that completes is drawn from, with probabilities.

    None where it is not known, or where an operation has several delays.
    """
    if _chosen_by_delays(scenario, workload):
        return None
    found = _mixed((weight, _ways(stages)) for weight, stages in _operations(scenario, workload))
    if found is None:
        return None
    passed = sum(found.values())
    return {delay: probability / passed for delay, probability in found.items()} if passed > 0 else None


def _chosen_by_delays(scenario: Scenario, workload: Workload) -> bool:
    """Return whether what becomes of an operation may depend on how long it was delayed."""
    return workload.timeout is not None or workload.retry is not None or sheds(scenario)


def _operations(scenario: Scenario, workload: Workload) -> list[tuple[float, Sequence[Stage]]]:
    """Return the weight and the stages of each kind of operation of a workload."""
    weights = workload.operations or {scenario.operations[0].name: 1.0}
    return [(weights[one.name], one.stages) for one in scenario.operations if weights.get(one.name)]


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


def _ways(stages: Sequence[Stage]) -> Ways | None:
    """Return the ways through stages; None where one has several delays or is not known."""
    ways: Ways = {None: 1.0}
    for stage in stages:
        further = _ways_of(stage)
        if further is None:
            return None
        before, ways = ways, {}
        for first, one in before.items():
            for second, other in further.items():
                if first is not None and second is not None:
                    return None
                delay = second if first is None else first
                ways[delay] = ways.get(delay, 0.0) + one * other
    return ways


def _ways_of(stage: Stage) -> Ways | None:
    """Return the ways through one stage."""
    if isinstance(stage, DelayStage):
        return {stage.time: 1.0}
    if isinstance(stage, FailureStage):
        return None if stage.conflict else {None: 1 - stage.probability}
    if isinstance(stage, ParallelStage):
        return None
    inside = nested_stages(stage)
    if not inside:
        return {None: 1.0}
    return _mixed((share, _ways(inner)) for share, (_, inner) in zip(branch_shares(stage), inside, strict=True))


def _mixed(parts: Iterable[tuple[float, Ways | None]]) -> Ways | None:
    """Return the ways of which each part's are taken with its weight; None where one is not known."""
    found: Ways = {}
    for weight, ways in parts:
        if ways is None:
            return None
        for delay, probability in ways.items():
            found[delay] = found.get(delay, 0.0) + weight * probability
    return found


def expected(ways: Mapping[Distribution | None, float], function: Callable[[Floats], Floats]) -> float:
    """Return the mean of a bounded, monotone function of the delay [ns] of the operations that complete."""
    total = 0.0
    for delay, probability in ways.items():
        if delay is None:
            total += probability * float(function(np.zeros(1))[0])
        elif delay.kind == "hyperexponential":
            first, *means = delay.parameters()
            for share, mean in zip((first, 1 - first), means, strict=True):
                total += probability * share * float(function(-mean * np.log1p(-_levels())).mean())
        else:
            total += probability * float(function(_quantiles(delay)).mean())
    return total


def _levels() -> Floats:
    return (np.arange(_POINTS) + 0.5) / _POINTS


@functools.lru_cache(maxsize=8)
def _quantiles(delay: Distribution) -> Floats:
    """Return values of a distribution at evenly spaced probabilities; each kind as `models.draws` draws it.

    Kept for the next percentile and the next arm of a comparison.
    """
    from scipy.special import gammaincinv, ndtri  # not for those who compare nothing

    levels, parameters = _levels(), delay.parameters()
    if delay.kind == "empirical":
        return np.array([delay.quantile(float(level)) for level in levels])
    if delay.kind == "constant":
        return np.full(1, parameters[0])
    first, second = (*parameters, 0.0)[:2]
    found: NDArray[np.floating[Any]]
    if delay.kind == "uniform":
        found = first + (second - first) * levels
    elif delay.kind == "exponential":
        found = -first * np.log1p(-levels)
    elif delay.kind in {"erlang", "gamma"}:
        found = second * gammaincinv(first, levels)
    elif delay.kind == "lognormal":
        found = np.exp(first + second * ndtri(levels))
    elif delay.kind == "weibull":
        found = second * (-np.log1p(-levels)) ** (1 / first)
    else:  # pareto, bounded: shape, low, high
        mass = -math.expm1(-first * math.log(parameters[2] / second))
        found = second * (1 - levels * mass) ** (-1 / first)
    return np.asarray(found, dtype=np.float64)

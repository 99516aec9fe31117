"""Where a criterion breaks between two loads: the crossing of its mean over replications, and how sure that is.

The replications of both loads are the same draws (common random numbers), so leaving one out at both gives
the spread of the crossing itself (jackknife: Quenouille, 1956; Tukey, 1958).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.limits.criteria import Criterion
from simulator.statistics import CONFIDENCE, student_t

Series = Sequence[float]


@dataclass(frozen=True)
class Crossing:
    """The load at which the first criterion breaks.

    load: estimate. margin: what the one-sided bound takes off it. criterion: which breaks first.
    """

    load: float
    margin: float
    criterion: Criterion

    @property
    def bound(self) -> float:
        """The load that keeps all criteria, when it is simulated again, with the confidence asked for."""
        return self.load - self.margin


def statistic(criterion: Criterion, values: Series) -> float:
    """Return what is held against the limit: the mean over replications, or the largest of an extreme.

    Of a queue's growth it is the part that is more than noise: queues of a stable system go up and down.
    """
    defined = np.array([value for value in values if not math.isnan(value)], dtype=np.float64)
    if len(defined) == 0:
        return math.nan
    if criterion.maximal:
        return float(defined.max())
    mean = float(defined.mean())
    if criterion.metric == "growth" and len(defined) > 1:
        error = float(defined.std(ddof=1)) / math.sqrt(len(defined))
        return mean - student_t(CONFIDENCE, len(defined) - 1) * error
    return mean


def is_lost(criterion: Criterion, values: Series, count: int) -> bool:
    """Return whether a criterion is broken, whatever the replications show that are still missing of a count.

    Times, rates and shares are never below 0, and shares never above 1. A queue's growth may be anything.
    """
    defined = [value for value in values if not math.isnan(value)]
    if criterion.metric == "growth" or not defined:
        return False
    if criterion.maximal:
        return not criterion.upward and not criterion.meets(max(defined))
    left = count - len(values)
    best = (sum(defined) + (left if criterion.upward else 0)) / (len(defined) + left)
    return not criterion.meets(best) and (criterion.is_share or not criterion.upward)


def slack(criterion: Criterion, values: Series) -> float:
    """Return how far a criterion is from breaking: positive if it is kept; minus infinity where undefined.

    Times are compared as logarithms, in which they are closer to straight lines over the load.
    """
    found = statistic(criterion, values)
    if math.isnan(found):
        return -math.inf
    limit = criterion.limit
    if criterion.field.find("response_time_s") >= 0 and found > 0 and limit > 0:
        found, limit = math.log(found), math.log(limit)
    return found - limit if criterion.upward else limit - found


def keeps(series: Mapping[Criterion, Series]) -> bool:
    """Return whether all criteria are kept. series: each criterion's value in each replication."""
    return all(criterion.meets(statistic(criterion, values)) for criterion, values in series.items())


def broken(series: Mapping[Criterion, Series]) -> list[Criterion]:
    """Return the criteria that are not kept, by how far they are from it."""
    failing = [criterion for criterion, values in series.items() if not criterion.meets(statistic(criterion, values))]
    return sorted(failing, key=lambda criterion: slack(criterion, series[criterion]))


def crossing(
    low: float,
    high: float,
    at_low: Mapping[Criterion, Series],
    at_high: Mapping[Criterion, Series],
    units: Sequence[Mapping[Criterion, float]] = (),
) -> Crossing:
    """Return where the first criterion breaks between a load that keeps all and one that does not.

    at_low, at_high: values of each criterion in the same replications. units: for each replication of the nearly empty
    system, by what factor the values change that are taken of it, if that one is left out.
    """
    load, criterion = first_break(low, high, at_low, at_high)
    count = min(len(values) for values in at_high.values())
    if count < 2:
        return Crossing(load, 0.0, criterion)
    without = [first_break(low, high, _leaving_out(at_low, one), _leaving_out(at_high, one))[0] for one in range(count)]
    moved = [first_break(low, high, _scaled(at_low, unit), _scaled(at_high, unit))[0] for unit in units]
    error = math.hypot(_jackknife(without), _jackknife(moved))
    # Two estimates differ by the noise of both: the one here and the one that will check it.
    return Crossing(load, one_sided(count) * math.sqrt(2) * error, criterion)


def _jackknife(without: Sequence[float]) -> float:
    """Return the standard error of an estimate from its values with one replication left out after the other."""
    count = len(without)
    if count < 2:
        return 0.0
    spread = np.array(without) - np.mean(without)
    return math.sqrt((count - 1) / count * float(np.sum(spread * spread)))


def _scaled(series: Mapping[Criterion, Series], factors: Mapping[Criterion, float]) -> dict[Criterion, Series]:
    return {one: [value * factors.get(one, 1.0) for value in values] for one, values in series.items()}


def one_sided(count: int) -> float:
    """Return the quantile of Student's t for a one-sided bound from so many replications."""
    return student_t(2 * CONFIDENCE - 1, count - 1)


def _leaving_out(series: Mapping[Criterion, Series], one: int) -> dict[Criterion, Series]:
    return {criterion: [*values[:one], *values[one + 1 :]] for criterion, values in series.items()}


def first_break(
    low: float, high: float, at_low: Mapping[Criterion, Series], at_high: Mapping[Criterion, Series]
) -> tuple[float, Criterion]:
    """Return the lowest crossing and its criterion; straight lines between the two loads.

    at_low, at_high: values of each criterion in the same replications.
    """
    found: list[tuple[float, Criterion]] = []
    for criterion, values in at_high.items():
        above = slack(criterion, values)
        below = slack(criterion, at_low[criterion])
        if above > 0:
            continue
        if math.isinf(above) or below <= above:
            found.append((low, criterion))
        else:
            found.append((low + (high - low) * below / (below - above), criterion))
    if not found:
        return high, min(at_high, key=lambda criterion: slack(criterion, at_high[criterion]))
    return min(found, key=lambda entry: entry[0])

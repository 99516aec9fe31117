"""What a load must keep to be recommended, safe or tolerable: thresholds, and four measures that only limits have.

response_time, error_rate, ...   every metric of a threshold
slowdown: p(95) < 1.5            a response time over that of the nearly empty system
efficiency > 95%                 throughput per process over that of one process (closed workloads)
cpu_headroom > 30%               idle share of the busiest instance's cores
memory_headroom > 20%            free share of the fullest instance's memory, at its peak
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from typing import Final

from models.errors import InvalidField
from models.scenario import Scenario
from models.units import BANDWIDTH, RATE, SIZE, TIME, Quantity
from simulator.measures import is_maximum
from simulator.quantity_text import BANDWIDTH as BANDWIDTHS
from simulator.quantity_text import RATE as RATES
from simulator.quantity_text import SHARE as SHARES
from simulator.quantity_text import SIZE as SIZES
from simulator.quantity_text import TIME as TIMES
from simulator.quantity_text import estimate_text
from simulator.thresholds import EXAMPLE, GRAMMAR, METRICS, OPERATORS, SHARE, Metric, ThresholdError, nearest, parse

LEVELS: Final = ("recommended", "safe", "tolerable")

CPU_HEADROOM: Final = "cpu_headroom"

RATIO: Final = Quantity("a ratio", "1.5x", {"x": Fraction(1)}, 1e6, "")

ONLY_LIMITS: Final = {
    "slowdown": Metric("response_time_s", RATIO, 1, ("avg", "med", "max", "p(x)")),
    "efficiency": Metric("cycles_per_proc", SHARE, by_workload=False),
    CPU_HEADROOM: Metric(CPU_HEADROOM, SHARE, by_workload=False),
    "memory_headroom": Metric("memory_headroom", SHARE, by_workload=False),
}
RELATIVE: Final = ("slowdown", "efficiency")  # to the nearly empty system

GROWTH: Final = "growth."
"""What the growth of each kind of station begins with among the measures."""

STABILITY: Final = "growth < 0.2%"
"""Of the arrivals at a station, in the measured window: a queue that grows by more is not stationary."""

DEFAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "recommended": (
        "slowdown: p(95) < 1.5",
        "efficiency > 95%",
        "error_rate < 0.5%",
        "cpu_headroom > 30%",
        "memory_headroom > 20%",
    ),
    "safe": (
        "slowdown: p(95) < 2",
        "efficiency > 90%",
        "error_rate < 1%",
        "cpu_headroom > 20%",
        "memory_headroom > 10%",
    ),
    "tolerable": (
        "slowdown: p(95) < 3",
        "efficiency > 80%",
        "error_rate < 5%",
        "cpu_headroom > 5%",
        "memory_headroom > 5%",
    ),
}

FAMILIES: Final = {
    "slowdown": "response time",
    "response_time": "response time",
    "efficiency": "efficiency",
    "error_rate": "errors",
    "success_rate": "errors",
    "cpu_headroom": "cpu",
    "cpu_utilization": "cpu",
    "memory_headroom": "memory",
    "memory": "memory",
}
"""A given criterion takes the place of the default one that is about the same thing."""

ASKED_OF_A_LOAD: Final = ("throughput", "goodput")


PRINTED: Final = {TIME.name: TIMES, RATE.name: RATES, SIZE.name: SIZES, BANDWIDTH.name: BANDWIDTHS}
"""How values of a quantity are printed; what is in none of these is a share."""


@dataclass(frozen=True)
class Criterion:
    """One condition on a load.

    text: as it was given. metric: its name. field: of a trial's measures. percent: of a percentile, else None.
    relative: whether the field is taken over that of the nearly empty system.
    comparison, limit: what the value must be, in the unit of the field. default: whether nobody asked for it.
    """

    text: str
    metric: str
    field: str
    percent: float | None
    comparison: str
    limit: float
    relative: bool = False
    default: bool = False

    @property
    def maximal(self) -> bool:
        """Whether the largest over the replications counts, not their mean."""
        return is_maximum(self.field)

    @property
    def upward(self) -> bool:
        """Whether the value must be above the limit."""
        return self.comparison.startswith(">")

    @property
    def is_share(self) -> bool:
        """Whether no value is above 1."""
        known = METRICS.get(self.metric) or ONLY_LIMITS.get(self.metric)
        return known is not None and known.quantity is SHARE and not self.relative

    def meets(self, value: float) -> bool:
        """Return whether a value keeps the criterion; an undefined one does not."""
        return OPERATORS[self.comparison](value, self.limit)

    def print(self, value: float) -> str:
        """Print a value of the criterion in its unit, to three digits."""
        if math.isnan(value):
            return "undefined"
        if self.metric == "slowdown":
            return f"{value:.3g}x"
        known = METRICS.get(self.metric)
        printed = SHARES if known is None else PRINTED.get(known.quantity.name, SHARES)
        return estimate_text(value, printed, brief=True)


@dataclass(frozen=True)
class Given:
    """The criteria that were asked for.

    everywhere: texts for all levels. by_level: texts for one. defaults: whether the defaults count that nothing
    given takes the place of.
    """

    everywhere: Sequence[str] = ()
    by_level: Mapping[str, Sequence[str]] | None = None
    defaults: bool = True


def read(text: str, workloads: Sequence[str]) -> Criterion:
    """Read a criterion. workloads: names that it may speak of. Raises ThresholdError."""
    match = GRAMMAR.fullmatch(text)
    name = match["metric"] if match else ""
    if match is None or (name in METRICS and name not in ONLY_LIMITS):
        return _from_threshold(text, workloads)
    if name == "growth":
        return Criterion(text, name, GROWTH, None, match["operator"], _number(text, SHARE, match["value"]))
    if name not in ONLY_LIMITS:
        raise ThresholdError(f"{text!r}: unknown metric {name!r}; {nearest(name, [*METRICS, *ONLY_LIMITS])}")
    metric = ONLY_LIMITS[name]
    value = match["value"]
    if metric.quantity is RATIO and not value.endswith("x"):
        value += "x"
    limit = _number(text, metric.quantity, value)
    field, percent = metric.field, None
    if metric.aggregates:
        scope = f"workload {match['workload']} " if match["workload"] else ""
        try:
            alike = _from_threshold(f"{scope}response_time: {match['aggregate']} < 1s", workloads)
        except ThresholdError:
            raise ThresholdError(f"{text!r}: accepted: such as 'slowdown: p(95) < 1.5'") from None
        field, percent = alike.field, alike.percent
    elif match["aggregate"] or match["workload"]:
        raise ThresholdError(f"{text!r}: accepted: {name} alone, such as '{name} > 20%'")
    return Criterion(text, name, field, percent, match["operator"], limit, name in RELATIVE)


def _from_threshold(text: str, workloads: Sequence[str]) -> Criterion:
    threshold = parse(text, workloads)
    place = "" if threshold.workload is None else f"workloads.{workloads.index(threshold.workload)}."
    return Criterion(
        text, threshold.metric, place + threshold.field, threshold.percent, threshold.comparison, threshold.limit
    )


def _number(text: str, quantity: Quantity, value: str) -> float:
    try:
        return quantity.read_float(value)
    except InvalidField as problem:
        raise ThresholdError(f"{text!r}: {problem}") from None


def by_level(given: Given, scenario: Scenario) -> dict[str, list[Criterion]]:
    """Return the criteria of each level, stability first.

    A default stands where nothing given is about the same thing, and where the scenario has what it is about.
    Raises ThresholdError for criteria that no load can keep, or that contradict each other.
    """
    workloads = [workload.name for workload in scenario.workloads]
    closed = scenario.workloads[0].kind == "closed"
    levels: dict[str, list[Criterion]] = {}
    for level in LEVELS:
        asked = [read(text, workloads) for text in (*given.everywhere, *(given.by_level or {}).get(level, ()))]
        for criterion in asked:
            _check(criterion, closed)
        taken = {FAMILIES.get(criterion.metric, criterion.metric) for criterion in asked}
        standing = [replace(read(STABILITY, workloads), default=True)] if can_grow(scenario) else []
        if given.defaults:
            offered = [replace(read(text, workloads), default=True) for text in DEFAULTS[level]]
            standing += [one for one in offered if FAMILIES[one.metric] not in taken and applies(one, scenario)]
        levels[level] = [*standing, *asked]
        if not levels[level]:
            raise ThresholdError(f"{level}: no criterion is left; accepted: at least one, such as {EXAMPLE}")
        _check_together(level, levels[level])
    _check_order(levels)
    return levels


def can_grow(scenario: Scenario) -> bool:
    """Return whether queues can grow without end: closed clients that wait for their answers bound them."""
    return any(workload.kind != "closed" or workload.timeout is not None for workload in scenario.workloads)


def is_traced(scenario: Scenario) -> bool:
    """Return whether all arrivals are recorded ones: there is no nearly empty system to compare with."""
    return all(workload.kind == "trace" for workload in scenario.workloads)


def applies(criterion: Criterion, scenario: Scenario) -> bool:
    """Return whether a scenario has what a default criterion is about."""
    if criterion.metric == "efficiency":
        return scenario.workloads[0].kind == "closed"
    if criterion.relative:
        return not is_traced(scenario)
    if criterion.metric == "memory_headroom":
        return any(service.memory is not None for service in scenario.services.values())
    return True


def _check(criterion: Criterion, closed: bool) -> None:
    """Reject a criterion that bounds no load from above, or that nothing can keep."""
    text = criterion.text
    if criterion.metric in ASKED_OF_A_LOAD and criterion.upward:
        raise ThresholdError(
            f"{text!r}: more offered load keeps it, so it bounds none; accepted: it in sim plan, with --rate"
        )
    if criterion.metric == "efficiency" and not closed:
        raise ThresholdError(f"{text!r}: an open workload has none; accepted: it with a closed first workload")
    reject_impossible(criterion)


def reject_impossible(criterion: Criterion) -> None:
    """Raise ThresholdError for a share that nothing can reach."""
    known = METRICS.get(criterion.metric) or ONLY_LIMITS.get(criterion.metric)
    if known is None or known.quantity is not SHARE or criterion.relative:
        return
    beyond = criterion.limit > 1 if criterion.comparison == ">=" else criterion.limit >= 1
    if (criterion.upward and beyond) or (criterion.comparison == "<" and criterion.limit == 0):
        raise ThresholdError(f"{criterion.text!r}: no system keeps it; accepted: a share between 0% and 100%")


def _check_together(level: str, criteria: Iterable[Criterion]) -> None:
    """Reject bounds from both sides that leave no value between them."""
    listed = list(criteria)
    for low in listed:
        for high in listed:
            alike = low.field == high.field and low.relative == high.relative
            if alike and low.upward and not high.upward and low.limit >= high.limit:
                raise ThresholdError(
                    f"{level}: {low.text!r} contradicts {high.text!r}; accepted: bounds with values between them"
                )


def _check_order(levels: Mapping[str, Sequence[Criterion]]) -> None:
    """Reject a level that is stricter than the one before it: it would be the lower limit of the two."""
    for stricter, looser in pairwise(LEVELS):
        for one in levels[stricter]:
            for other in levels[looser]:
                alike = (one.field, one.relative, one.upward) == (other.field, other.relative, other.upward)
                if alike and (one.limit < other.limit if one.upward else one.limit > other.limit):
                    raise ThresholdError(
                        f"{stricter}: {one.text!r} is looser than {other.text!r} of {looser}; accepted: criteria "
                        f"that become looser from {' to '.join(LEVELS)}"
                    )

"""Thresholds: what an answer must meet, in one grammar for the scenario and the command line.

    [workload NAME] METRIC [: AGGREGATE] OPERATOR VALUE

such as `response_time: p(95) < 150ms`, `throughput > 20000/s`, `error_rate < 1%`, `cpu_utilization < 80%` or
`workload agents response_time: p(99) < 2s`.
"""

from __future__ import annotations

import difflib
import operator
import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, Final, NamedTuple

from models.errors import InvalidField
from models.units import BANDWIDTH, NS_PER_S, RATE, SIZE, TIME, Quantity
from simulator.measures import Measures, is_maximum, percentile_name
from simulator.statistics import Estimate, interval, maximum, probability_below

SHARE: Final = Quantity("a share", "1%", {"%": Fraction(1, 100)}, 100.0, "")

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


class Metric(NamedTuple):
    """What a threshold can be about.

    field: its place in the result.
    quantity: its unit. scale: base units of the quantity in one unit of the result.
    aggregates: accepted after the colon, the first being meant without one; none: there is no colon.
    by_workload: whether it exists for a single workload.
    """

    field: str
    quantity: Quantity
    scale: int = 1
    aggregates: tuple[str, ...] = ()
    by_workload: bool = True


METRICS: Final = {
    "response_time": Metric("response_time_s", TIME, NS_PER_S, ("avg", "med", "max", "p(x)")),
    "throughput": Metric("throughput_per_s", RATE),
    "goodput": Metric("goodput_per_s", RATE),
    "success_rate": Metric("success_rate", SHARE),
    "error_rate": Metric("error_rate", SHARE),
    "timeout_rate": Metric("timeout_rate", SHARE),
    "retry_rate": Metric("retry_rate", SHARE),
    "cpu_utilization": Metric("cpu_utilization", SHARE, by_workload=False),
    "memory": Metric("memory_bytes", SIZE, 1, ("max", "avg"), by_workload=False),
    "network": Metric("network_bytes_per_s", BANDWIDTH, by_workload=False),
    "disk": Metric("disk_bytes_per_s", BANDWIDTH, by_workload=False),
}

GRAMMAR: Final = re.compile(
    r"\s*(?:workload\s+(?P<workload>\S+)\s+)?(?P<metric>[A-Za-z_]+)\s*"
    r"(?::\s*(?P<aggregate>[^\s<>=][^<>=]*?)\s*)?"
    r"(?P<operator>[<>]=?)\s*(?P<value>\S.*?)\s*"
)
PERCENTILE: Final = re.compile(r"p\(\s*(\d+(?:\.\d+)?)\s*\)")
EXAMPLE: Final = "'response_time: p(95) < 150ms'"


class ThresholdError(ValueError):
    """A threshold that cannot be read; its text is one line."""


class Threshold(NamedTuple):
    """A threshold that was read.

    text: as it was given. workload: its name, None for all together. metric: its name.
    field: place of the estimate in the result, without the workload. percent: of a percentile, else None.
    limit: in the unit of the result (seconds, per second, bytes, a share).
    """

    text: str
    workload: str | None
    metric: str
    field: str
    percent: float | None
    comparison: str
    limit: float

    def meets(self, value: float) -> bool:
        """Return whether a value meets the threshold; an undefined one does not."""
        return OPERATORS[self.comparison](value, self.limit)


def parse(text: str, workloads: Sequence[str]) -> Threshold:
    """Read a threshold.

    workloads: names that it may speak of.
    Raises ThresholdError with what was found and what is accepted.
    """
    match = GRAMMAR.fullmatch(text)
    if match is None:
        raise ThresholdError(f"{text!r}: accepted: METRIC [: AGGREGATE] < VALUE, such as {EXAMPLE}")
    name, workload = match["metric"], match["workload"]
    if name not in METRICS:
        raise ThresholdError(f"{text!r}: unknown metric {name!r}; {nearest(name, METRICS)}")
    if workload is not None and workload not in workloads:
        raise ThresholdError(f"{text!r}: unknown workload {workload!r}; {nearest(workload, workloads)}")
    metric = METRICS[name]
    if workload is not None and not metric.by_workload:
        raise ThresholdError(f"{text!r}: {name} is of the whole system; accepted: it without a workload")
    field, percent = _field(text, name, metric, match["aggregate"])
    try:
        limit = float(metric.quantity.read(match["value"]) / metric.scale)
    except InvalidField as problem:
        raise ThresholdError(f"{text!r}: {problem}") from None
    return Threshold(text, workload, name, field, percent, match["operator"], limit)


def _field(text: str, name: str, metric: Metric, aggregate: str | None) -> tuple[str, float | None]:
    """Return the place of the estimate, and the percent of a percentile."""
    if not metric.aggregates:
        if aggregate is not None:
            raise ThresholdError(f"{text!r}: {name} has no {aggregate!r}; accepted: {name} alone")
        return metric.field, None
    if aggregate is None and name == "response_time":
        raise ThresholdError(f"{text!r}: response_time of what; accepted: {EXAMPLE}, or avg, med, max")
    chosen = aggregate or metric.aggregates[0]
    percentile = PERCENTILE.fullmatch(chosen) if "p(x)" in metric.aggregates else None
    if percentile is not None:
        percent = float(percentile[1])
        if not 0 < percent < 100:
            raise ThresholdError(f"{text!r}: found {chosen}; accepted: a percentile above 0 and below 100")
        return f"{metric.field}.{percentile_name(percent)}", percent
    if chosen not in metric.aggregates or chosen == "p(x)":
        raise ThresholdError(f"{text!r}: unknown {chosen!r}; accepted: {', '.join(metric.aggregates)}")
    if chosen == "med":
        return f"{metric.field}.p50", 50.0
    if chosen == "avg":
        return f"{metric.field}.mean", None
    return metric.field + (".peak" if name == "memory" else ".max"), None


ALSO_CALLED: Final = {
    "latency": "response_time",
    "duration": "response_time",
    "delay": "response_time",
    "rps": "throughput",
    "qps": "throughput",
    "tps": "throughput",
    "failures": "error_rate",
    "cpu": "cpu_utilization",
    "ram": "memory",
    "bandwidth": "network",
    "io": "disk",
}
"""Names by which others know a metric, whose spelling is near to none."""


def nearest(found: str, accepted: Sequence[str] | dict[str, Any]) -> str:
    """Return the names that are accepted, after the one that was probably meant, if there is one."""
    known = ALSO_CALLED.get(found.lower())
    near = [known] if known in accepted else difflib.get_close_matches(found, list(accepted), n=1, cutoff=0.5)
    listed = f"accepted: {', '.join(accepted)}"
    return f"did you mean {near[0]!r}? {listed}" if near else listed


def evaluate(threshold: Threshold, measures: Sequence[Measures], workloads: Sequence[str]) -> dict[str, Any]:
    """Return a threshold's entry in the result.

    passed: whether the estimate meets it. verdict: "pass" or "fail" where the whole interval is on one side
    of the limit, else "uncertain". probability: that the true mean meets it, by Student's t; null for one
    replication and for maxima, which have no interval. replications_meeting: how many met it by themselves.

    measures: of each replication. workloads: names in the order of the scenario.
    """
    prefix = "" if threshold.workload is None else f"workloads.{workloads.index(threshold.workload)}."
    values = [measure[prefix + threshold.field] for measure in measures]
    maximal = is_maximum(threshold.field)
    estimate = maximum(values) if maximal else interval(values)
    below = None if maximal else probability_below(threshold.limit, values)
    upward = threshold.comparison.startswith(">")
    return {
        "threshold": threshold.text,
        "workload": threshold.workload,
        "field": threshold.field,
        "value": estimate.value,
        "half_width": estimate.half_width,
        "limit": threshold.limit,
        "passed": estimate.value is not None and threshold.meets(estimate.value),
        "verdict": _verdict(threshold, estimate),
        "probability": None if below is None else (1 - below if upward else below),
        "replications_meeting": sum(bool(threshold.meets(value)) for value in values),
    }


def _verdict(threshold: Threshold, estimate: Estimate) -> str:
    if estimate.value is None:
        return "uncertain"
    reach = estimate.half_width or 0.0
    met = [threshold.meets(end) for end in (estimate.value - reach, estimate.value + reach)]
    if met[0] != met[1]:
        return "uncertain"
    return "pass" if met[0] else "fail"

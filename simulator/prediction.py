"""Adds to a result what calibration leaves open: prediction intervals, probabilities of thresholds, shares."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.measured import TAILS, Discrepancy
from models.scenario import Scenario
from models.units import NS_PER_S
from simulator import warnings as notes
from simulator.carried import carry, own_error
from simulator.engines import Engine, choose
from simulator.limits.trials import Laboratory, Window
from simulator.measures import STANDARD_PERCENTS, is_maximum
from simulator.parameter_trials import REPLICATIONS, DrawnMeasures, Draws, drawn_measures, draws_of, figures, is_share
from simulator.planning import scripted_end_ns
from simulator.replications import Report
from simulator.scenario_source import Prepared
from simulator.shares import not_told_apart, shares
from simulator.statistics import CONFIDENCE, student_t
from simulator.thresholds import parse
from simulator.trust_zone import trust_zone
from simulator.uncertainty import LEVEL, Leeway

BUDGET_SHARE: Final = 0.15
"""Of the operations that a run may simulate, for all draws together."""
FEWEST_OPERATIONS: Final = 200
RESPONSES_PER_WINDOW: Final = 20
SHARED_OUT: Final = ("throughput_per_s", "response_time_s.mean", "response_time_s.p95", "response_time_s.p99")
"""Measures whose uncertainty is divided among its sources, beside those of the thresholds."""
METHOD: Final = (
    "draws of the calibrated parameters, simulated with common random numbers, their quantiles by order statistics; "
    "added as squares: the model's own error, more beyond what was measured, and the simulation's error by Student's t"
)
OUTCOMES: Final = ("success_rate", "error_rate")
UNBOUNDED: Final = ("timeout_rate", "retry_rate")  # per operation: there may be several
TIMES: Final = ("response_time", "residence", "queue", "mean_number")


@dataclass(frozen=True)
class Budget:
    """What the draws may take: operations in all; threads at once; who is told."""

    engine: str | Engine = "auto"
    operations: float | None = None
    most_draws: int = 40
    threads: int | None = None
    report: Report | None = None


def predict(data: dict[str, Any], prepared: Prepared, wanted: bool | None, budget: Budget | None = None) -> None:
    """Add the trust zone and, where its profile has draws, the prediction to the data of a run or of a point.

    wanted: False: no draws; True: also those of a machine alone; None: where the operations were measured.
    """
    calibration = None if prepared.base is None else prepared.base.calibration
    data["trust"] = trust_zone(prepared.scenario, calibration)
    data["uncertainty"] = None
    if calibration is not None:
        carry(data, prepared.scenario, calibration)
    budget = budget or Budget()
    draws = draws_of(prepared, budget.most_draws, wanted)
    if draws is None:
        if calibration is not None and calibration.workload:
            data["warnings"] += notes.simulation_alone(wanted is False)
        return
    if data["interrupted"]:
        return
    try:
        measured = _measured(data, draws, budget)
    except KeyboardInterrupt:
        data["interrupted"] = True
        data["warnings"] += notes.without_draws()
        return
    add_prediction(data, measured, draws)
    if calibration is not None and not calibration.workload:
        data["warnings"] += notes.machine_alone()


def _measured(data: Mapping[str, Any], draws: Draws, budget: Budget) -> DrawnMeasures:
    """Simulate the draws in the run's own window, shortened to the budget."""
    engine = choose(budget.engine)[0] if isinstance(budget.engine, str) else budget.engine
    scenario = draws.prepared.scenario
    names = [workload.name for workload in scenario.workloads]
    percents = {parse(text, names).percent for text in scenario.thresholds} - {None}
    wanted = sorted({*STANDARD_PERCENTS, *(percent for percent in percents if percent is not None)})
    laboratory = Laboratory(engine, data["seed"], wanted, budget.threads, draws.prepared.directory, budget.report)
    operations = BUDGET_SHARE * engine.operations if budget.operations is None else budget.operations
    window, replications = window_of(data, scenario, operations / (len(draws.positions) + 1))
    return drawn_measures(laboratory, scenario, draws.scenarios(), window, replications)


def window_of(data: Mapping[str, Any], scenario: Scenario, operations: float) -> tuple[Window, int]:
    """Return the window and the replications in which one draw may take so many operations."""
    warmup_ns, whole_ns = round(data["warmup_s"] * NS_PER_S), round(data["duration_s"] * NS_PER_S)
    rate_per_ns = (data["throughput_per_s"]["value"] or 0.0) / NS_PER_S
    p99_s = data["response_time_s"]["p99"]["value"] or 0.0
    least_ns = RESPONSES_PER_WINDOW * p99_s * NS_PER_S
    if rate_per_ns:
        least_ns = max(least_ns, FEWEST_OPERATIONS / rate_per_ns, warmup_ns / 2)
    if scenario.run.duration != "auto" or scripted_end_ns(scenario) or not rate_per_ns:
        least_ns = float(whole_ns)
    affordable_ns = operations / rate_per_ns if rate_per_ns else 0.0
    for replications in range(REPLICATIONS, 1, -1):
        duration_ns = affordable_ns / replications - warmup_ns
        if duration_ns >= least_ns:
            break
    duration_ns = min(max(duration_ns, least_ns), float(whole_ns))
    return Window(warmup_ns, max(round(duration_ns), 1), rate_per_ns), replications


def add_prediction(data: dict[str, Any], measured: DrawnMeasures, draws: Draws) -> None:
    """Add to every estimate its prediction interval, to thresholds their probability, and the shares."""
    base = draws.prepared.base
    discrepancy = Discrepancy() if base is None else base.calibration.discrepancy
    wider = float(data["trust"]["widening"])
    leeways: dict[str, Leeway] = {}
    for name, estimate in figures(data).items():
        model = model_error(name, discrepancy, wider)
        if base is not None:
            model = math.hypot(model, own_error(name, draws.prepared.scenario, base.calibration))
        leeway = None if is_maximum(name) else leeway_of(name, estimate, data["replications"], measured, model)
        estimate["prediction"] = None if leeway is None else list(leeway.interval())
        if leeway is not None:
            leeways[name] = leeway
    fields = [_judged(threshold, data, leeways) for threshold in data["thresholds"]]
    names = dict.fromkeys([*SHARED_OUT, *(field for field in fields if field)])
    data["uncertainty"] = {
        "level": LEVEL,
        "draws": len(draws.positions),
        "method": METHOD,
        "discrepancy": discrepancy.model_dump(),
        "widening": wider,
        "unidentified": [] if base is None else list(base.calibration.unidentified),
        "not_told_apart": [list(pair) for pair in not_told_apart(draws.samples)],
        "shares": {name: shares(draws.samples, leeways[name]) for name in names if name in leeways},
    }
    data["warnings"] += notes.overloaded_draws(measured.overloaded, len(draws.positions))


def model_error(name: str, discrepancy: Discrepancy, wider: float) -> float:
    """Return the relative standard deviation of the model's own error in a measure. wider: beyond what was measured."""
    own = discrepancy.time if any(part in name for part in TIMES) else discrepancy.rate
    own *= next((factor for tail, factor in TAILS.items() if name.endswith(tail)), 1.0)
    return math.hypot(own, wider)


def leeway_of(
    name: str, estimate: Mapping[str, Any], replications: int, measured: DrawnMeasures, model: float
) -> Leeway | None:
    """Return what a measure leaves open; None where it is not defined at the estimates or in the draws.

    estimate: of so many replications. model: relative standard deviation of the model's own error.
    """
    value = estimate["value"]
    found = measured.shifts(name)
    if value is None or not math.isfinite(value) or found is None or (found.ratio and value <= 0):
        return None
    error, degrees = _error(estimate, replications, [row[name] for row in measured.base])
    if any(part in name for part in OUTCOMES) and value > 0.5:
        model *= max(1 - value, 0.0) / value  # of what fails, as of what succeeds
    bounded = is_share(name) and not any(part in name for part in UNBOUNDED)
    return Leeway(float(value), error, degrees, found, model, (0.0, 1.0 if bounded else math.inf))


def _error(estimate: Mapping[str, Any], replications: int, base: Sequence[float]) -> tuple[float, int]:
    """Return the standard error of an estimate and its degrees of freedom."""
    half_width = estimate["half_width"]
    if half_width is not None and replications > 1:
        return float(half_width) / student_t(CONFIDENCE, replications - 1), replications - 1
    mean = sum(base) / len(base)
    variance = sum((value - mean) ** 2 for value in base) / max(len(base) - 1, 1)
    return math.sqrt(variance), max(len(base) - 1, 0)


def _judged(threshold: dict[str, Any], data: Mapping[str, Any], leeways: Mapping[str, Leeway]) -> str | None:
    """Put into a threshold the probability that the system meets it; return the measure that it is about."""
    names = [workload["name"] for workload in data["workloads"]]
    workload = threshold["workload"]
    name = threshold["field"] if workload is None else f"workloads.{names.index(workload)}.{threshold['field']}"
    leeway = leeways.get(name)
    if leeway is None:
        return None
    below = leeway.probability_below(threshold["limit"])
    low, high = leeway.interval()
    upward = parse(threshold["threshold"], names).comparison.startswith(">")
    threshold["simulation_probability"] = threshold["probability"]
    threshold["probability"] = 1 - below if upward else below
    threshold["prediction"] = [low, high]
    if low <= threshold["limit"] <= high:
        threshold["verdict"] = "uncertain"
    else:
        threshold["verdict"] = "pass" if threshold["passed"] else "fail"
    return name

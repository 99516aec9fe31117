"""`limits(scenario)`: the safe operating limits of a configuration, as plain data."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from models.scenario import Scenario
from simulator.assembly import as_json, scenario_hash
from simulator.engines import Engine
from simulator.limits.alerts import alerts, interval_ns
from simulator.limits.binding import Data, resource, result_data
from simulator.limits.criteria import LEVELS, Criterion, Given, by_level
from simulator.limits.empty import empty_trial
from simulator.limits.found import Limit
from simulator.limits.load import Axis, axis_of, losable, without_one
from simulator.limits.recovery import Spike, Spikes, amplifies
from simulator.limits.root import Series, statistic
from simulator.limits.search import FINEST_SHARE, Search
from simulator.limits.trials import Laboratory, Trial, chosen_for_search, percents_of
from simulator.provenance import provenance
from simulator.replications import Report
from simulator.result import SCHEMA_VERSION
from simulator.statistics import Estimate, interval, maximum, probability_below, quotient
from simulator.warnings import Entry, engine_fallback, warning

PRECISION: Final = 0.005
EMPTY_SHARE: Final = 0.1  # of the engine's budget, for the nearly empty system: every ratio rests on it
ALERT_SHARE: Final = 0.15


@dataclass(frozen=True)
class Asked:
    """What is asked of a configuration.

    given: criteria. between: least and most load to look at. precision: of a limit, relative.
    lost: service of which one instance is lost, None for the first that has several; without_one: whether to ask.
    spike: None: not asked whether it recovers. watched_ns: monitoring interval of the alerts [ns], 0 for one
    that fits the load; None: no alerts.
    """

    given: Given = field(default_factory=Given)
    between: tuple[float, float] | None = None
    precision: float = PRECISION
    without_one: bool = True
    lost: str | None = None
    spike: Spike | None = field(default_factory=Spike)
    watched_ns: int | None = 0


def limits(
    scenario: Scenario,
    asked: Asked | None = None,
    *,
    engine: str | Engine = "auto",
    seed: int | None = None,
    progress: Report | None = None,
    threads: int | None = None,
    base_directory: Path | None = None,
) -> dict[str, Any]:
    """Find the limits of a configuration; the same seed gives the same answer.

    engine, seed, progress, threads, base_directory: as for `run`.
    Raises ThresholdError for criteria that cannot be, ScenarioError for a scenario whose load cannot be varied.
    """
    started = time.monotonic()
    asked = asked or Asked()
    levels = by_level(asked.given, scenario)
    axis = axis_of(scenario, asked.between)
    chosen, fallback = chosen_for_search(engine)  # may have to compile: what is refused, is refused before
    every = [criterion for criteria in levels.values() for criterion in criteria]
    laboratory = Laboratory(
        chosen,
        scenario.run.seed if seed is None else seed,
        percents_of(every),
        threads,
        base_directory,
        progress,
    )
    session = _Session(laboratory, asked, levels, empty_trial(laboratory, axis, EMPTY_SHARE * chosen.operations))
    data = session.answer(axis)
    data["engine"] = chosen.name
    data["warnings"] = [*data["warnings"], *engine_fallback(fallback)]
    data["provenance"] = provenance(chosen.name, scenario_hash(data["scenario"]), time.monotonic() - started)
    return data


class _Session:
    """One answer in the making."""

    def __init__(self, laboratory: Laboratory, asked: Asked, levels: dict[str, list[Criterion]], empty: Trial) -> None:
        self._laboratory = laboratory
        self._asked = asked
        self._levels = levels
        self._empty = empty
        self._empty_data = result_data(empty)
        self._curve: list[dict[str, Any]] = []

    def answer(self, axis: Axis) -> dict[str, Any]:
        """Return the answer but for its provenance; where it is stopped, what was found until then.

        Raises KeyboardInterrupt if that is nothing.
        """
        parts: dict[str, Any] = {"levels": {}, "n_minus_1": None, "recovery": None, "monitoring": None}
        interrupted = False
        try:
            self._found_at(axis, parts["levels"])
            parts["n_minus_1"] = self._lost(axis)
            parts["recovery"] = self._recovery(axis, parts["levels"])
            parts["monitoring"] = self._alerts(axis, parts["levels"])
        except KeyboardInterrupt:
            if not parts["levels"]:
                raise
            interrupted = True
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "limits",
            "scenario": axis.scenario.model_dump(mode="json", exclude_none=True),
            "seed": self._laboratory.seed,
            "interrupted": interrupted,
            "axis": axis.kind,
            "precision": self._asked.precision,
            "capacity": axis.capacity if math.isfinite(axis.capacity) else None,
            "capacity_of": axis.full,
            **parts,
            "curve": self._curve,
            "operations_simulated": self._laboratory.simulated,
            "warnings": self._warnings(axis, parts["levels"]),
        }

    def _found_at(self, axis: Axis, rows: dict[str, Any]) -> None:
        """Add each level's entry to the rows as it is found."""
        operations = FINEST_SHARE * self._laboratory.engine.operations
        search = Search(self._laboratory, axis, self._empty, self._asked.precision, operations)
        found: Limit | None = None
        try:
            for level, criteria in self._levels.items():
                limit = search.limit(level, criteria)
                found = limit if found is None else search.at_least(limit, criteria, found)
                rows[level] = self._row(found, axis)
        finally:
            self._curve = self._curve or _curve(search)

    def _row(self, limit: Limit, axis: Axis) -> dict[str, Any]:
        """Return one level's entry."""
        data = None if limit.trial is None else result_data(limit.trial)
        binding = limit.criterion
        return {
            "load": limit.load,
            "text": None if limit.load is None else axis.text(limit.load),
            "unlimited": limit.unlimited,
            "confirmed": limit.confirmed,
            "estimate": limit.estimate,
            "margin": limit.margin,
            "precision_reached": limit.precise,
            "binding": None if binding is None else binding.text,
            "resource": None if binding is None or data is None else self._resource(binding, data, axis, limit),
            "criteria": [criterion_entry(one, limit.series[one], self._empty) for one in self._levels[limit.level]],
            "at_limit": None if data is None else _figures(data),
            "replications": 0 if limit.trial is None else limit.trial.totals.replications,
            "operations_measured": 0 if limit.trial is None else limit.trial.operations,
        }

    def _resource(self, binding: Criterion, data: Data, axis: Axis, limit: Limit) -> dict[str, Any]:
        if binding.metric == "growth" and axis.full is not None and (limit.estimate or 0) > 0.98 * axis.capacity:
            return {"name": axis.full, "utilization": 1.0, "why": f"it is full at {axis.text(axis.capacity)}"}
        return resource(binding, data, self._empty_data)

    def _lost(self, axis: Axis) -> dict[str, Any] | None:
        """Return the limits with one instance lost; why not, where there is none to lose; None if not asked."""
        if not self._asked.without_one:
            return None
        services = losable(axis.scenario)
        service = self._asked.lost or next(iter(services), None)
        if service not in services:
            return {"service": service, "levels": None, "why": "no instance can be lost: there is only one"}
        fewer = without_one(axis, service)
        rows: dict[str, Any] = {}
        self._found_at(fewer, rows)
        return {"service": service, "levels": rows, "why": None}

    def _recovery(self, axis: Axis, rows: dict[str, Any]) -> dict[str, Any] | None:
        """Return what becomes of a spike at each limit, and from which load on it is never over."""
        loads = {level: row["load"] for level, row in rows.items() if row["load"] and not row["unlimited"]}
        if self._asked.spike is None or not loads:
            return None
        spikes = Spikes(self._laboratory, axis, self._asked.spike)
        found = {level: spikes.at(load).data() for level, load in loads.items()}
        begins = spikes.begins(max(loads.values())) if amplifies(axis.scenario) else None
        return {"factor": self._asked.spike.factor, "levels": found, "never_from": begins}

    def _alerts(self, axis: Axis, rows: dict[str, Any]) -> dict[str, Any] | None:
        """Return what to watch, if all three limits are there and apart."""
        loads: dict[str, Any] = {level: rows[level]["load"] for level in LEVELS if level in rows}
        bounded = all(load and not rows[level]["unlimited"] for level, load in loads.items())
        if self._asked.watched_ns is None or not bounded or not loads["recommended"] < loads["tolerable"]:
            return None
        loads["safe"] = min(max(loads["safe"], loads["recommended"]), loads["tolerable"])
        watched_ns = self._asked.watched_ns
        if watched_ns == 0:
            watched_ns = interval_ns(self._laboratory.window(axis.at(loads["recommended"]), 0))
        affordable = ALERT_SHARE * self._laboratory.engine.operations
        return alerts(self._laboratory, axis, loads, watched_ns, affordable)

    def _warnings(self, axis: Axis, rows: dict[str, Any]) -> list[Entry]:
        found = []
        for level, row in rows.items():
            if row["unlimited"]:
                found.append(
                    warning(
                        "no_limit_found",
                        f"{level}: nothing breaks up to {axis.text(row['load'])}",
                        "give stricter criteria, or look on from there with --between",
                    )
                )
            elif row["margin"] and row["load"] and not row["precision_reached"]:
                below = max(row["margin"], row["estimate"] - row["load"])
                found.append(_imprecise(level, below / row["estimate"], self._asked.precision))
        if len(axis.scenario.workloads) > 1:
            first, *others = (workload.name for workload in axis.scenario.workloads)
            message = f"the load of {first} is varied; {', '.join(others)} stays as it is in the scenario"
            found.append(warning("first_workload", message, "reorder the workloads to vary another one"))
        return found


def _curve(search: Search) -> list[dict[str, Any]]:
    """Return what the coarse trials of a search saw, by load."""
    seen = []
    for load, trial in sorted(search.coarse.trials.items()):
        names = {"p95_s": "response_time_s.p95", "throughput_per_s": "throughput_per_s", "cpu_headroom": "cpu_headroom"}
        seen.append({"load": load, **{key: trial.estimate(name).value for key, name in names.items()}})
    return seen


def _imprecise(level: str, width: float, precision: float) -> Entry:
    return warning(
        "precision_not_reached",
        f"{level}: the bound is {width:.1%} below the estimate, not {precision:.1%} (bounded to what the engine does "
        "in some ten seconds)",
        "the limit is on the safe side by so much; accept it, ask for less with --precision, or use the fast engine",
    )


def criterion_entry(criterion: Criterion, values: Series, base: Trial) -> dict[str, Any]:
    """Return one criterion's entry: its value at the limit, and the probability that it is kept there.

    A growth that is beyond its limit but no more than noise is kept, and marked: its probability says what the mean of
    the replications says, its decision allows for that queues go up and down. base: the nearly empty system.
    """
    value = statistic(criterion, values)
    mean = maximum(values) if criterion.maximal else interval(values)
    estimate = mean
    if criterion.relative and not criterion.maximal:
        estimate = _with_noise_of(mean, base.estimate(criterion.field))
    return {
        "criterion": criterion.text,
        "default": criterion.default,
        "metric": criterion.metric,
        "limit": criterion.limit,
        **as_json(estimate),
        "kept": criterion.meets(value),
        "within_noise": criterion.meets(value) and mean.value is not None and not criterion.meets(mean.value),
        "probability": None if criterion.maximal else _probability(criterion, values, mean, estimate),
    }


def _with_noise_of(ratio: Estimate, unit: Estimate) -> Estimate:
    """Return a ratio whose half-width allows for the noise of what it was taken of."""
    return quotient(ratio, unit._replace(value=1.0, half_width=unit.relative_half_width)) if unit.value else ratio


def _probability(criterion: Criterion, values: Series, mean: Estimate, estimate: Estimate) -> float | None:
    """Return the probability that the estimate keeps the criterion; its noise may be more than that of the mean."""
    limit = criterion.limit
    if mean.value is not None and mean.half_width and estimate.half_width:
        limit = mean.value + (limit - mean.value) * mean.half_width / estimate.half_width
    below = probability_below(limit, list(values))
    return None if below is None else (1 - below if criterion.upward else below)


def _figures(data: Data) -> dict[str, Any]:
    """Return what a planner looks at first."""
    names = ("throughput_per_s", "goodput_per_s", "response_time_s", "error_rate", "cpu_utilization", "memory_bytes")
    return {name: data[name] for name in names}


def failing(row: dict[str, Any]) -> list[str]:
    """Return the criteria that an entry's load does not keep."""
    return [one["criterion"] for one in row["criteria"] if not one["kept"]]

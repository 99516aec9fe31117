"""Simulates every point of a grid and says what the curves show."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from models.errors import FieldProblem, ScenarioError
from simulator.checkpoint import Checkpoint
from simulator.curve import LOAD_AXES, describe
from simulator.grid import Axis, Grid
from simulator.overrides import Override, apply
from simulator.parallel_runs import Task, Workers, run_all, settled
from simulator.provenance import provenance
from simulator.quantity_text import value_of
from simulator.replications import Report
from simulator.result import SCHEMA_VERSION
from simulator.saved_answer import Answer
from simulator.scenario_base import Base
from simulator.scenario_bounds import scenario_bounds
from simulator.scenario_source import Prepared, prepare, scenario_table
from simulator.statistics import Estimate, quotient
from simulator.usl_fit import fit_usl

BUDGET_SHARE: Final = 0.05  # of a single run's operations, for each point: many points, each a little coarser
PRECISION: Final = 0.05  # of each point, where none is asked for: a curve is read as a whole
USL_AXES: Final = ("procs", "concurrency", "cores", "instances", "workers")

Point = dict[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A sweep that was read and checked.

    grid: the axes. settings: of each point, by the names of the axes. prepared: the scenario of each point.
    base: the scenario without what is swept.
    """

    grid: Grid
    settings: Sequence[Mapping[str, str]]
    prepared: Sequence[Prepared]
    base: Prepared


def prepare_sweep(
    path: Path | Base | None, grid: Grid, overrides: Sequence[Override] = (), thresholds: Sequence[str] = ()
) -> Sweep:
    """Read the scenario of every point, so that a wrong value is found before anything is simulated.

    path: scenario file, or a scenario from calibration; None: the one built in. overrides: made at every point, before
    the grid's.
    Raises ScenarioError, also where two axes are the same field, and ThresholdError.
    """
    settings = list(grid.points())
    _refuse_the_same(path, [*overrides, *grid.overrides(settings[0])], len(grid.axes))
    prepared = [_coarser(prepare(path, [*overrides, *grid.overrides(setting)], thresholds)) for setting in settings]
    return Sweep(grid, settings, prepared, prepare(path, overrides, thresholds))


def _refuse_the_same(path: Path | Base | None, overrides: Sequence[Override], axes: int) -> None:
    """Raise ScenarioError where two axes set one field: under `--cores` and as `--set services.web.cores`.

    axes: how many of the overrides, the last ones, are a point of the grid.
    """
    table = path.table(None) if isinstance(path, Base) else scenario_table(path)[-1]
    swept = apply(table, overrides).paths[len(overrides) - axes :]
    for index, (place, override) in enumerate(swept):
        other = next((one for there, one in swept[:index] if there == place), None)
        if other is not None:
            found = f"the same field as {other.origin}"
            raise ScenarioError(override.origin, [FieldProblem((), found, "one list of values")])


def _coarser(prepared: Prepared) -> Prepared:
    """Return a point with a sweep's precision, unless the scenario or an option says another."""
    scenario = prepared.scenario
    if "precision" in scenario.run.model_fields_set:
        return prepared
    run = scenario.run.model_copy(update={"precision": PRECISION})
    return prepared._replace(scenario=scenario.model_copy(update={"run": run}))


def sweep(
    wanted: Sweep,
    workers: Workers | None = None,
    *,
    report: Report | None = None,
    max_operations: int | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Answer:
    """Simulate all points and return them with what their curves show.

    All points have the same seed: neighbours see the same arrivals and demands, and curves are smooth.

    max_operations: bound of what each point simulates; None: a twentieth of what a run may.
    checkpoint: file that keeps each point as it is done. resume: take from it what is done already.
    Ctrl-C, or a report that answers False, gives the points that are complete, marked.
    Raises ResultError for a checkpoint of other work.
    """
    started = time.monotonic()
    workers, chosen, notes = settled(workers or Workers())
    budget = max_operations or int(chosen.operations * BUDGET_SHARE)
    kept = None if checkpoint is None else Checkpoint(checkpoint, _identity(wanted, workers, chosen.name, budget))
    done = kept.load() if kept is not None and resume else {}
    left = [index for index in range(len(wanted.prepared)) if index not in done]
    tasks = [Task(wanted.prepared[i].scenario, wanted.prepared[i].directory, budget) for i in left]
    for position, result in run_all(tasks, workers, report, len(done)):
        index = left[position]
        result.data["provenance"].update(wanted.prepared[index].provenance())
        done[index] = result.data
        if kept is not None:
            kept.add(index, result.data)
    if not done:
        raise KeyboardInterrupt
    data = _data(wanted, done)
    data["provenance"] = {
        **provenance(chosen.name, "", time.monotonic() - started),
        **wanted.base.provenance(),
        "resumed_points": len(wanted.prepared) - len(left),
    }
    data["provenance"]["notes"] += notes
    if kept is not None and not data["interrupted"]:
        kept.discard()
    return Answer(data)


def _identity(wanted: Sweep, workers: Workers, engine: str, budget: int) -> dict[str, Any]:
    """Return everything that the points depend on."""
    return {
        "scenario": wanted.base.scenario.model_dump(mode="json", exclude_none=True),
        "settings": [dict(setting) for setting in wanted.settings],
        "seed": workers.seed,
        "engine": engine,
        "budget": budget,
        "schema_version": SCHEMA_VERSION,
    }


def _data(wanted: Sweep, done: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    points = [_point(wanted, index, done[index]) for index in sorted(done)]
    first = points[0]
    return {
        "schema_version": SCHEMA_VERSION,
        "kind": "sweep",
        "name": wanted.base.scenario.name,
        "seed": first["seed"],
        "engine": first["engine"],
        "precision": first["precision"],
        "axes": [{"name": axis.name, "values": list(axis.texts)} for axis in wanted.grid.axes],
        "planned_points": len(wanted.prepared),
        "interrupted": len(done) < len(wanted.prepared),
        "curves": list(_curves(wanted.grid, points)),
        "points": points,
    }


def _point(wanted: Sweep, index: int, data: dict[str, Any]) -> Point:
    bounds = scenario_bounds(wanted.prepared[index].scenario)
    # Where attempts are abandoned the bounds of those that run to their end say nothing.
    abandoned = bool(value_of(data["timeout_rate"]))
    return {
        **data,
        "setting": dict(wanted.settings[index]),
        "bounds": None if bounds is None or abandoned else bounds.as_json(),
    }


def _curves(grid: Grid, points: Sequence[Point]) -> Iterator[dict[str, Any]]:
    """Yield each curve: the points that differ in the last axis alone, in the order of its levels."""
    if not grid.axes:
        return
    axis = grid.axes[-1]
    groups: dict[tuple[str, ...], list[int]] = {}
    for index, point in enumerate(points):
        key = tuple(point["setting"][other.name] for other in grid.axes[:-1])
        groups.setdefault(key, []).append(index)
    for key, indices in groups.items():
        setting = {other.name: text for other, text in zip(grid.axes, key, strict=False)}
        yield {"axis": axis.name, "setting": setting, **_curve(axis, points, indices)}


def _curve(axis: Axis, points: Sequence[Point], indices: list[int]) -> dict[str, Any]:
    levels = [axis.level(points[index]["setting"][axis.name]) for index in indices]
    if any(level is None for level in levels):
        return {"points": indices, "levels": None}
    ordered = sorted(zip((level or 0.0 for level in levels), indices, strict=True))
    numbers = [level for level, _ in ordered]
    chosen = [points[index] for _, index in ordered]
    if axis.name == "procs" and numbers[0] == 1:
        _add_efficiency(numbers, chosen)
    throughputs = [value_of(point["throughput_per_s"]) or 0.0 for point in chosen]
    usl = fit_usl(numbers, throughputs) if axis.name in USL_AXES else None
    return {
        "points": [index for _, index in ordered],
        "levels": numbers,
        **describe(axis.name, numbers, chosen),
        "bounds": _curve_bounds(axis.name, chosen),
        "usl": None if usl is None else usl.as_json(),
    }


def _curve_bounds(axis: str, points: Sequence[Point]) -> dict[str, Any] | None:
    """Return the bounds that hold for a whole curve of offered load, the best concurrency as a level of its axis."""
    bounds = points[0]["bounds"]
    if axis not in LOAD_AXES or bounds is None:
        return None
    optimal = bounds["concurrency_optimal"]
    workload = points[0]["scenario"]["workloads"][0]
    others = {"procs": workload.get("concurrency", 1), "concurrency": workload.get("procs", 1)}
    return {
        "throughput_most_per_s": bounds["throughput_most_per_s"],
        "response_time_alone_s": bounds["response_time_alone_s"],
        "station": bounds["station"],
        "optimal_level": None if optimal is None else optimal / others[axis],
    }


def _add_efficiency(levels: Sequence[float], points: Sequence[Point]) -> None:
    """Add throughput per process relative to the point of one process."""
    workloads = points[0]["scenario"]["workloads"]
    if len(workloads) > 1 or workloads[0]["kind"] != "closed":
        return
    alone = _estimate(points[0]["throughput_per_s"])
    for level, point in zip(levels, points, strict=True):
        found = quotient(_estimate(point["throughput_per_s"]), alone)
        half_width = None if found.half_width is None else found.half_width / level
        value = None if found.value is None else found.value / level
        point["efficiency"] = {"value": value, "half_width": half_width if level > 1 else 0.0}


def _estimate(data: Mapping[str, Any]) -> Estimate:
    return Estimate(data["value"], data["half_width"])

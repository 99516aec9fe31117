"""Both engines on one scenario, compared whole; a scenario on which they differ, made small and kept as a file."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from models.scenario import Scenario, ScenarioError
from simulator.compile import Compiled, compile_scenario
from simulator.output import EngineOutput
from simulator.reference import simulate as simulate_reference

MISMATCHES = Path(__file__).resolve().parent / "mismatches"
HOW_NOT_WHAT = ("engine", "events")
"""Fields of an output that say how it was found, in which engines may differ."""

Simulate = Callable[..., EngineOutput]


def fast_engine() -> Simulate:
    """Return the fast engine; raises ImportError where there is none."""
    simulate: Simulate | None = getattr(import_module("simulator.fast"), "simulate", None)
    if simulate is None:
        raise ImportError("simulator.fast has no simulate")
    return simulate


@dataclass(frozen=True)
class Comparison:
    """What two engines made of a scenario; ``differences`` is empty where they agree.

    ties: operations that start or end at the same nanosecond as another.
    """

    operations: int
    ties: int
    differences: list[str]


def compare(scenario: Scenario, fast: Simulate, *, replication: int = 0) -> Comparison:
    """Run a scenario with explicit warm-up and duration on both engines and compare everything they return."""
    compiled = compile_scenario(scenario)
    run = scenario.run
    times = {"warmup_ns": run.warmup, "end_ns": run.warmup + run.duration}
    options = {"seed": run.seed, "replication": replication, "records": True, "causes": True, **times}
    expected = simulate_reference(compiled, **options)
    assert expected.records is not None
    try:
        found = fast(compiled, **options)
    except Exception as error:  # a crash of the engine under test is a difference like any other
        differences = [f"the fast engine raised {type(error).__name__}: {error}"]
    else:
        differences = list(_differences(expected, found)) or _without_records(compiled, expected, fast, options)
    return Comparison(len(expected.records), _ties(expected.records), differences)


def _without_records(
    compiled: Compiled, expected: EngineOutput, fast: Simulate, options: dict[str, Any]
) -> list[str]:
    """Return how an engine that keeps no records, and may sum the causes in another way, differs."""
    found = fast(compiled, **options | {"records": False})
    return [f"without records: {line}" for line in _differences(replace(expected, records=None), found)]


def _ties(records: np.ndarray[Any, Any]) -> int:
    """Count operations that start or end together with another."""
    tied = np.zeros(len(records), dtype=bool)
    for name in ("start_ns", "end_ns"):
        times = records[name]
        _, inverse, counts = np.unique(times, return_inverse=True, return_counts=True)
        tied |= (counts[inverse] > 1) & (times >= 0)
    return int(tied.sum())


def _differences(expected: EngineOutput, found: EngineOutput) -> Iterator[str]:
    """Yield a line for each field of the output that is not the same."""
    for field in fields(EngineOutput):
        if field.name in HOW_NOT_WHAT:
            continue
        wanted, got = getattr(expected, field.name), getattr(found, field.name)
        if isinstance(wanted, np.ndarray) and isinstance(got, np.ndarray):
            yield from _array_differences(field.name, wanted, got)
        elif type(wanted) is not type(got) or wanted != got:
            yield f"{field.name}: reference {wanted!r}, fast {got!r}"


def _array_differences(name: str, wanted: np.ndarray[Any, Any], got: np.ndarray[Any, Any]) -> Iterator[str]:
    """Yield a line if two arrays differ: where they do so first, and in how many places."""
    if wanted.shape != got.shape or wanted.dtype != got.dtype:
        yield f"{name}: reference {wanted.shape} of {wanted.dtype}, fast {got.shape} of {got.dtype}"
        return
    parts = wanted.dtype.names or (None,)
    for part in parts:
        one, other = (wanted, got) if part is None else (wanted[part], got[part])
        places = np.argwhere(one != other)
        if len(places):
            first = tuple(int(index) for index in places[0])
            label = name if part is None else f"{name}.{part}"
            yield f"{label}{list(first)}: reference {one[first]}, fast {other[first]} ({len(places)} such places)"


# --- shrinking ---------------------------------------------------------------------------------------------


def shrink(
    scenario: Scenario, directory: Path, differs: Callable[[Scenario], bool], *, most_runs: int = 600
) -> Scenario:
    """Return a smaller scenario that still differs: parts are left out one after the other as long as it does.

    directory: of the trace files. most_runs: how many smaller scenarios are tried at most.
    """
    data = scenario.model_dump(mode="json")
    runs, smaller = 0, True
    while smaller:
        smaller = False
        for candidate in _smaller(data):
            try:
                read = Scenario.from_dict(candidate, directory=directory)
            except ScenarioError:
                continue
            runs += 1
            if runs > most_runs:
                return scenario
            if differs(read):
                data, scenario, smaller = candidate, read, True
                break
    return scenario


def _smaller(data: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield copies with one thing left out or made simpler, the largest first."""
    places = sorted(_places(data), key=len)
    for place in places:
        if place[0] != "run" and place != ("name",):
            candidate = deepcopy(data)
            inside = _at(candidate, place[:-1])
            del inside[place[-1]]
            yield candidate
    for place in places:
        value = _at(data, place)
        simpler: list[Any] = []
        if isinstance(value, dict) and "stages" in value and "kind" in value:
            simpler = [value["stages"][0]]
        elif isinstance(value, dict) and value.get("branches"):
            simpler = [stage for branch in value["branches"] for stage in branch["stages"][:1]]
        elif isinstance(value, int) and not isinstance(value, bool) and value > 1 and place[0] != "run":
            simpler = [1, value // 2]
        for replacement in simpler:
            candidate = deepcopy(data)
            _at(candidate, place[:-1])[place[-1]] = replacement
            yield candidate


def _places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the place of everything inside tables and lists."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield (*place, key)
        yield from _places(value[key], (*place, key))


def _at(data: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        data = data[key]
    return data


# --- kept files --------------------------------------------------------------------------------------------


def keep(scenario: Scenario, directory: Path, differences: list[str], target: Path = MISMATCHES) -> Path:
    """Write a scenario on which the engines differed, with its trace files; returns the file."""
    target.mkdir(exist_ok=True)
    for workload in scenario.workloads:
        if workload.file is not None:
            shutil.copyfile(directory / workload.file, target / workload.file)
    file = target / f"{scenario.name}.toml"
    comment = "".join(f"# {line}\n" for line in differences[:5])
    file.write_text(f"# The engines differed on this scenario:\n{comment}\n{scenario.to_toml()}", encoding="utf-8")
    return file


def summary(comparisons: list[Comparison]) -> str:
    """Say how much was compared."""
    total = Counter({"operations": 0, "ties": 0, "mismatches": 0})
    for one in comparisons:
        total.update(operations=one.operations, ties=one.ties, mismatches=bool(one.differences))
    return (
        f"{len(comparisons)} scenarios, {total['operations']} operations, {total['ties']} of them sharing a nanosecond "
        f"with another: {total['mismatches']} mismatches"
    )

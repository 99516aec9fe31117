"""The simulator against response times measured on a real machine with up to 25 processes per core.

One set of machine parameters (tests/data/measured/machine_*.toml) for all rows of a machine; the demand is
that of one process alone. The bounds are what the measurement can tell apart.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "tests" / "data" / "measured"
SECONDS = 40.0


def load_benchmark(name: str) -> ModuleType:
    """Import benchmarks/NAME.py, which is no part of an installed package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    spec.loader.exec_module(module)
    return module


tables = load_benchmark("measured_tables")

CLOSED_BOUNDS = {"throughput_per_s": 0.04, "p50_ms": 0.04, "p90_ms": 0.10, "p95_ms": 0.10, "p99_ms": 0.10}
THINK_BOUNDS = {
    "throughput_per_s": 0.02,
    "mean_ms": 0.06,
    "p50_ms": 0.06,
    "p90_ms": 0.06,
    "p95_ms": 0.06,
    "p99_ms": 0.06,
}
FOUR_THINKING_BOUNDS = THINK_BOUNDS | dict.fromkeys(("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms"), 0.12)


def row_of(table, procs):
    """Return the row of so many processes."""
    (row,) = [row for row in tables.read_table(DATA / f"{table}.csv") if row.procs == procs]
    return row


def outside(machine, row, bounds):
    """Return what the simulator says beyond the range of the repeats by more than the relative bound.

    A row that was measured once has a range of one value.
    """
    simulated = tables.simulate(DATA / f"machine_{machine}.toml", row, SECONDS)
    return {
        measure: (simulated[measure], values)
        for measure, values in row.repeats.items()
        if measure in bounds
        and not min(values) * (1 - bounds[measure])
        <= simulated[measure]
        <= max(values) * (1 + bounds[measure])
    }


@pytest.mark.parametrize("machine", ["semantics", "2026-11-23"])
def test_the_demand_is_that_of_one_process_alone(machine):
    alone = row_of(f"closed_loop_{machine}", 1)
    scenario = tables.scenario_of(DATA / f"machine_{machine}.toml", 1, 0, 1, 1)
    (work,) = [operation for operation in scenario.operations if operation.name == "work"]
    demand = work.stages[0].demand
    assert demand.mean == pytest.approx(1e9 / alone.median("throughput_per_s"), rel=0.002)
    measured = {percent: alone.median(f"p{percent}_ms") * 1e6 for percent in (50, 90, 95, 99)}
    said = {percent: dict(demand.quantiles)[percent / 100] for percent in measured}
    assert said == pytest.approx(measured, rel=0.002)


@pytest.mark.parametrize("procs", [1, 4, 30, 50])
def test_closed_loop(procs):
    assert outside("semantics", row_of("closed_loop_semantics", procs), CLOSED_BOUNDS) == {}


def test_closed_loop_of_16_processes_against_the_repeats_of_that_disturbed_row():
    row = row_of("closed_loop_16_repeats_semantics", 16)
    assert outside("semantics", row, CLOSED_BOUNDS) == {}
    assert outside("semantics", row_of("closed_loop_semantics", 16), {"p50_ms": 0.04}) == {}


@pytest.mark.parametrize("procs", [4, 8, 16, 30, 50])
def test_think_time(procs):
    bounds = FOUR_THINKING_BOUNDS if procs == 4 else THINK_BOUNDS
    assert outside("semantics", row_of("think_time_semantics", procs), bounds) == {}


@pytest.mark.slow
@pytest.mark.parametrize("procs", [1, 4, 16, 30, 50])
def test_closed_loop_measured_anew(procs):
    assert outside("2026-11-23", row_of("closed_loop_2026-11-23", procs), CLOSED_BOUNDS) == {}


@pytest.mark.slow
@pytest.mark.parametrize("procs", [4, 8, 16, 30, 50])
def test_think_time_measured_anew(procs):
    bounds = FOUR_THINKING_BOUNDS if procs == 4 else THINK_BOUNDS
    assert outside("2026-11-23", row_of("think_time_2026-11-23", procs), bounds) == {}


@pytest.mark.parametrize("table", ["closed_loop_2026-11-23", "think_time_2026-11-23"])
def test_every_level_has_at_least_four_undisturbed_repeats(table):
    rows = tables.read_table(DATA / f"{table}.csv")
    assert {row.procs: len(row.repeats["p99_ms"]) for row in rows if len(row.repeats["p99_ms"]) < 4} == {}

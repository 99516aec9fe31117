"""Load-test reports of simulated services: consistent by construction, with the scatter of real measurements.

Every report is a pure function of its seed: a service of `service_scenarios`, levels of its load, and what a load test
would print of each. Seeds below FINAL are for development; those from there on are for the figure that is reported.
"""

from __future__ import annotations

import random
from typing import Any, Final

from benchmarks.service_scenarios import service_scenario
from models.scenario import Scenario
from simulator.limits.load import PROCS, at_load, axis_of
from simulator.run import run

FINAL: Final = 50_000
OPERATIONS: Final = 60_000  # simulated for each level
OPEN_SHARES: Final = (0.2, 0.4, 0.6, 0.8)
LADDERS: Final = ((1, 5, 10, 20, 50), (1, 2, 4, 8, 16, 32), (2, 4, 8, 16, 32, 64))

Row = dict[str, float]


def simulated_rows(seed: int) -> list[Row]:
    """Return the rows of a report: column name to figure, rounded to four digits."""
    pick = random.Random(f"report {seed}")
    scenario = _plain(service_scenario(seed))
    axis = axis_of(scenario)
    if axis.kind == PROCS:
        loads: tuple[float, ...] = pick.choice(LADDERS)
    else:
        capacity = axis.capacity if 0 < axis.capacity < float("inf") else 2 * axis.start
        loads = tuple(share * capacity for share in OPEN_SHARES)
    return [_row(at_load(scenario, axis.kind, load), axis.kind, load, seed) for load in loads]


def _plain(scenario: Scenario) -> Scenario:
    """Return a scenario with its first workload alone, each process an operation at a time, nothing abandoned."""
    first = scenario.workloads[0].model_copy(update={"timeout": None, "retry": None, "concurrency": 1})
    return scenario.model_copy(update={"workloads": [first]})


def _row(scenario: Scenario, kind: str, load: float, seed: int) -> Row:
    data: dict[str, Any] = run(scenario, engine="fast", seed=seed, max_operations=OPERATIONS).data
    service = next(iter(scenario.services.values()))
    times = data["response_time_s"]
    row: Row = {"procs" if kind == PROCS else "rate_per_s": load}
    row["throughput_per_s"] = data["throughput_per_s"]["value"]
    row |= {f"{name}_ms": 1e3 * times[name]["value"] for name in ("mean", "p50", "p95", "p99")}
    row["cpu_pct"] = 100 * data["cpu_utilization"]["value"]
    row["cores"] = float((service.cores or 1) * service.instances)
    return {name: float(f"{value:.4g}") for name, value in row.items()}

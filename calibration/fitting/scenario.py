"""The scenario that a fitted skeleton stands for: what `sim run` plays, percentiles included."""

from __future__ import annotations

import math
from typing import Any, Final

from calibration.fitting.skeleton import LIMITLESS, Skeleton
from models.scenario import Scenario
from models.units import TIME

MOST_CORES: Final = 1024
LEAST_S: Final = 1e-9


def scenario_of(
    skeleton: Skeleton, load: int, think_time_s: float = 0.0, cv: float = 0.0, run: dict[str, Any] | None = None
) -> Scenario:
    """Return the scenario of a skeleton under a closed load.

    Cores share their time evenly, since a table says nothing of its host's scheduler. Speeds by busy cores carry
    hyperthreads, contention and a fraction of a core. The work of an operation is that at this load, with what
    crowding adds. cv: coefficient of variation of each time. run: the scenario's `run`.
    """
    threads = min(skeleton.threads, float(MOST_CORES), float(load) if skeleton.threads >= LIMITLESS else MOST_CORES)
    cores = max(math.ceil(threads), 1)
    busy = range(1, cores + 1)
    rates = skeleton.work_rates(max(cores, load))
    # with more operations than cores all are busy, wherever the operations fall
    rates[cores - 1] = rates[-1]
    speeds = [round(float(rate) / count, 6) for count, rate in zip(busy, rates, strict=False)]
    services: dict[str, Any] = {"service": {"cores": cores, "discipline": "processor_sharing", "speed_by_busy": speeds}}
    demand = skeleton.demand_at(load)
    stages: list[dict[str, Any]] = [{"kind": "cpu", "service": "service", "demand": _time(demand, cv)}]
    if skeleton.wait_s >= LEAST_S:
        stages.append({"kind": "delay", "time": _time(skeleton.wait_s, cv)})
    if skeleton.serial_s >= LEAST_S:
        services["serial"] = {"cores": 1, "discipline": "fifo"}
        stages.append({"kind": "cpu", "service": "serial", "demand": _time(skeleton.serial_s, cv)})
    clients: dict[str, Any] = {"name": "clients", "kind": "closed", "procs": load}
    if think_time_s >= LEAST_S:
        clients["think_time"] = {"distribution": "exponential", "mean": TIME.print(round(think_time_s * 1e9))}
    table: dict[str, Any] = {
        "name": "fitted",
        "workloads": [clients],
        "services": services,
        "operations": [{"name": "operation", "stages": stages}],
    }
    return Scenario.from_dict(table | ({"run": run} if run else {}), source="the fitted scenario")


def _time(mean_s: float, cv: float) -> Any:
    mean = TIME.print(max(round(mean_s * 1e9), 1))
    return mean if cv < 0.01 else {"distribution": "lognormal", "mean": mean, "cv": round(cv, 4)}

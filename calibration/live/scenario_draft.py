"""A scenario from a first description of a workload: what `sim run` needs to play the measured loads."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from calibration.live.measured import Measurement, Spread, Workload
from models.scenario import Scenario
from models.units import RATE, SIZE, TIME

CONSTANT_BELOW_CV: Final = 0.01
TABLE_FROM_COUNT: Final = 100
DEMAND_DOMINATES: Final = 0.9
SLOWER_AT_LEAST: Final = 0.02
MEMORY_AT_LEAST_BYTES: Final = 65_536
LARGEST_CV: Final = 100.0


def draft(measurement: Measurement) -> Scenario:
    """Return the scenario that the measurement describes, with the smallest measured level as its load.

    Of the machine it knows what the operations showed; placement is that of the defaults, which a host's profile
    knows better. Raises ValueError if the measurement holds no description.
    """
    workload = measurement.workload
    if workload is None:
        raise ValueError("a measurement without any complete level describes no workload")
    if measurement.kind == "http":
        services, stages = _http_parts(measurement, workload)
    else:
        services, stages = _process_parts(measurement, workload)
    return Scenario.from_dict(
        {
            "name": _name(measurement.subject),
            "workloads": [_clients(measurement)],
            "services": services,
            "operations": [{"name": "operation", "stages": stages}],
        },
        source=f"the workload of {measurement.subject}",
    )


def distribution(spread: Spread, share: float = 1.0) -> Any:
    """Return a time distribution as a scenario writes it. share: part of the mean that it is to have."""
    mean_ns = spread.mean_s.value * share * 1e9
    if mean_ns < 1:
        return "0s"
    if spread.cv < CONSTANT_BELOW_CV:
        return TIME.print(round(mean_ns))
    if spread.count < TABLE_FROM_COUNT:
        return {
            "distribution": "lognormal",
            "mean": TIME.print(round(mean_ns)),
            "cv": min(spread.cv, LARGEST_CV),
        }
    table = np.array(spread.quantiles_s)
    # The mean of a table with linear pieces differs a little from that of the values behind it.
    own_mean = float(np.trapezoid(table[:, 1], table[:, 0]))
    scaled = np.maximum.accumulate(np.round(table[:, 1] * mean_ns / own_mean))
    rows = [[float(level), TIME.print(int(value))] for level, value in zip(table[:, 0], scaled, strict=True)]
    return {"distribution": "empirical", "quantiles": rows}


def speeds(workload: Workload, cores: int) -> list[float]:
    """Return the speed of each busy core by how many are busy, from the CPU of an operation in each level.

    Between measured levels it is interpolated; a slowdown below `SLOWER_AT_LEAST` counts as none.
    """
    alone = workload.demand_by_copies_s.get(1)
    known = {
        copies: alone.value / crowded.value
        for copies, crowded in workload.demand_by_copies_s.items()
        if alone is not None and copies <= cores and crowded.value > 0
    }
    if len(known) < 2 or min(known.values()) > 1 - SLOWER_AT_LEAST:
        return [1.0]
    busy = np.arange(1, max(known) + 1)
    found = np.interp(busy, list(known), list(known.values()))
    return [round(float(speed), 4) for speed in np.minimum(1.0, found)]


def _clients(measurement: Measurement) -> dict[str, Any]:
    level = min(measurement.table.levels, key=lambda level: level.load or 0.0)
    clients: dict[str, Any] = {"name": "clients", "procs": int(level.procs or 1)}
    if measurement.pacing.kind == "rate":
        rate_per_s = level.arrival_rate_per_s or level.throughput_per_s
        return clients | {"kind": "open", "arrival_rate": RATE.print(rate_per_s)}
    clients["kind"] = "closed"
    if measurement.pacing.kind == "think":
        mean = TIME.print(round(measurement.pacing.think_mean_s * 1e9))
        constant = measurement.pacing.think_kind == "constant"
        clients["think_time"] = mean if constant else {"distribution": "exponential", "mean": mean}
    return clients


def _machine(measurement: Measurement, workload: Workload) -> dict[str, Any]:
    """Return the cores, and how long they take to run what was woken, as far as it showed."""
    machine: dict[str, Any] = {"cores": measurement.cores}
    if workload.hand_off_s is not None and workload.hand_off_s.value >= 1e-9:
        machine["idle_exit"] = TIME.print(round(workload.hand_off_s.value * 1e9))
    return machine


def _process_parts(measurement: Measurement, workload: Workload) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    service = _machine(measurement, workload)
    elapsed_s = workload.demand.mean_s.value + (workload.wait.mean_s.value if workload.wait else 0.0)
    if measurement.pacing.kind == "closed" and workload.demand.mean_s.value > DEMAND_DOMINATES * elapsed_s:
        service["speed_by_busy"] = speeds(workload, measurement.cores)
    if workload.pacing_cpu_s is not None and workload.pacing_cpu_s >= 1e-9:
        service["wakeup"] = TIME.print(round(workload.pacing_cpu_s * 1e9))
    stages: list[dict[str, Any]] = []
    if (workload.memory_bytes or 0.0) >= MEMORY_AT_LEAST_BYTES:
        stages.append({"kind": "memory", "bytes": SIZE.print(round(workload.memory_bytes or 0.0))})
    held = workload.serial.share.value if workload.serial else 0.0
    if held < 1:
        stages.append({"kind": "cpu", "demand": distribution(workload.demand, 1 - held)})
    if held > 0:
        service["locks"] = {"serial": {}}
        stages.append({"kind": "lock", "lock": "serial", "hold": distribution(workload.demand, held)})
    if workload.wait is not None:
        stages.append({"kind": "delay", "time": distribution(workload.wait)})
    return {"host": service}, stages


def _http_parts(measurement: Measurement, workload: Workload) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Server and generator share the machine: the generator sends, the server works, the generator reads."""
    services: dict[str, Any] = {"server": _machine(measurement, workload)}
    stages: list[dict[str, Any]] = [{"kind": "cpu", "demand": distribution(workload.demand)}]
    if workload.wait is not None:
        stages.append({"kind": "delay", "time": distribution(workload.wait)})
    if workload.generator_cpu_s is not None and workload.generator_cpu_s.value > 2e-9:
        services["generator"] = {"cores_of": "server", "workers": 1}
        half = TIME.print(round(workload.generator_cpu_s.value / 2 * 1e9))
        own = {"kind": "cpu", "service": "generator", "demand": half}
        stages = [own, *stages, own]
    return services, stages


def _name(subject: str) -> str:
    kept = "".join(character if character.isalnum() or character in "_.:+- " else "-" for character in subject)
    return kept.strip("-. :+")[:100] or "measured"

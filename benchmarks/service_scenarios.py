"""Random services as a planner might describe them, and criteria to hold them to: each a pure function of its seed."""

from __future__ import annotations

import random
from typing import Any, Final

from models.scenario import Scenario

POLICIES: Final = ("round_robin", "random", "least_connections", "power_of_two")


def service_scenario(seed: int) -> Scenario:
    """Return a service with one to eight cores: its disciplines, workers, stations, clients and faults are drawn."""
    pick = random.Random(f"service {seed}")
    demand_s = 10 ** pick.uniform(-3.7, -2.3)
    cores, instances = pick.choice((1, 1, 2, 2, 4, 8)), pick.choice((1, 1, 1, 2, 3))
    service: dict[str, Any] = {"cores": cores, "instances": instances, "discipline": _discipline(pick)}
    if instances > 1:
        service["balancer"] = {"policy": pick.choice(POLICIES)}
    if pick.random() < 0.4:
        service["workers"] = pick.choice((cores, 2 * cores, 8 * cores))
        service["worker_kind"] = pick.choice(("event_loop", "blocking"))
    elif service["discipline"] != "processor_sharing" and pick.random() < 0.3:
        service["context_switch"], service["wakeup"] = "3us", "5us"
    stages = [_cpu(pick, demand_s)]
    for extra in (_delay, _pool, _batch, _lock, _disk, _choice):
        if pick.random() < 0.3:
            stages.append(extra(pick, service, demand_s))
    if pick.random() < 0.2:
        stages.append({"kind": "failure", "probability": pick.choice((0.001, 0.003))})
    operations = [{"name": "call", "stages": stages}]
    if pick.random() < 0.35:
        operations.append({"name": "report", "stages": [_cpu(pick, demand_s * pick.uniform(2, 6))]})
    capacity = cores * instances / demand_s
    workloads = [_workload(pick, "users", capacity, demand_s, [one["name"] for one in operations])]
    if pick.random() < 0.25:
        workloads.append({"name": "background", "kind": "open", "arrival_rate": f"{0.15 * capacity:.4g}/s"})
    table = {"name": f"service-{seed}", "workloads": workloads, "services": {"web": service}, "operations": operations}
    return Scenario.from_dict(table)


def service_criteria(seed: int, kind: str) -> list[str]:
    """Return one to three criteria for it. kind: of its first workload."""
    pick = random.Random(f"criteria {seed}")
    percent = pick.choice(("avg", "med", "p(90)", "p(95)", "p(95)", "p(99)"))
    offered = [
        f"slowdown: {percent} < {pick.choice((1.5, 2, 3, 5))}",
        f"cpu_headroom > {pick.choice((10, 20, 30, 50))}%",
        f"error_rate < {pick.choice((1, 2, 5))}%",
    ]
    if kind == "closed":
        offered.append(f"efficiency > {pick.choice((70, 80, 90, 95))}%")
    return pick.sample(offered, pick.randint(1, len(offered)))


def _time(value_s: float) -> str:
    return f"{value_s * 1e6:.4g}us"


def _discipline(pick: random.Random) -> str:
    return pick.choice(("linux", "linux", "fifo", "round_robin", "processor_sharing"))


def _cpu(pick: random.Random, mean_s: float) -> dict[str, Any]:
    kind = pick.choice(("exponential", "lognormal", "lognormal", "constant"))
    if kind == "constant":
        return {"kind": "cpu", "demand": _time(mean_s)}
    spread = {"cv": pick.choice((0.3, 0.8, 1.5))} if kind == "lognormal" else {}
    return {"kind": "cpu", "demand": {"distribution": kind, "mean": _time(mean_s), **spread}}


def _delay(pick: random.Random, _: dict[str, Any], demand_s: float) -> dict[str, Any]:
    mean = _time(demand_s * pick.uniform(1, 20))
    return {"kind": "delay", "time": {"distribution": "lognormal", "mean": mean, "cv": 0.5}}


def _pool(pick: random.Random, service: dict[str, Any], demand_s: float) -> dict[str, Any]:
    held = demand_s * pick.uniform(2, 10)
    size = max(round(service["cores"] * held / demand_s * pick.uniform(0.5, 2)), 1)
    service["pools"] = {"database": {"size": size}}
    inner = {"kind": "delay", "time": {"distribution": "exponential", "mean": _time(held)}}
    return {"kind": "pool", "pool": "database", "stages": [inner]}


def _batch(pick: random.Random, service: dict[str, Any], demand_s: float) -> dict[str, Any]:
    service["batchers"] = {
        "outbox": {
            "max_size": pick.choice((4, 16, 64)),
            "linger": pick.choice(("0us", _time(demand_s))),
            "fixed": _time(demand_s * pick.uniform(0.05, 0.3)),
            "per_item": _time(demand_s * 0.02),
        }
    }
    return {"kind": "batch", "batcher": "outbox"}


def _lock(pick: random.Random, service: dict[str, Any], demand_s: float) -> dict[str, Any]:
    service["locks"] = {"registry": {"count": pick.choice((1, 8))}}
    return {"kind": "lock", "lock": "registry", "hold": _time(demand_s * 0.05)}


def _disk(pick: random.Random, service: dict[str, Any], demand_s: float) -> dict[str, Any]:
    bandwidth = round(10_000 * service["cores"] / demand_s / pick.uniform(0.2, 0.9))
    service["links"] = {"disk": {"bandwidth": f"{bandwidth}B/s", "delay": "100us"}}
    return {"kind": "link", "link": "disk", "bytes": "10kB"}


def _choice(pick: random.Random, service: dict[str, Any], demand_s: float) -> dict[str, Any]:
    rare = {"weight": 0.05, "stages": [_cpu(pick, demand_s * 5)]}
    return {"kind": "choice", "branches": [{"weight": 0.95, "stages": []}, rare]}


def _workload(
    pick: random.Random, name: str, capacity: float, demand_s: float, operations: list[str]
) -> dict[str, Any]:
    workload: dict[str, Any] = {"name": name, "operations": dict.fromkeys(operations, 1.0)}
    if len(operations) > 1:
        workload["operations"][operations[1]] = 0.1
    if pick.random() < 0.5:
        workload |= {"kind": "open", "arrival_rate": f"{0.4 * capacity:.4g}/s"}
    else:
        think_s = demand_s * pick.choice((5, 20, 100))
        concurrency = pick.choice((1, 1, 4))
        procs = max(round(0.4 * capacity * (think_s + 3 * demand_s) / concurrency), 1)
        think = pick.choice(({"distribution": "exponential", "mean": _time(think_s)}, _time(think_s)))
        workload |= {"kind": "closed", "procs": procs, "concurrency": concurrency, "think_time": think}
    if pick.random() < 0.25:
        workload |= {"timeout": _time(demand_s * 100), "retry": {"attempts": pick.choice((2, 3)), "budget": 0.1}}
    return workload

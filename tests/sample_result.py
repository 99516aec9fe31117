"""A result as a run saves it, with numbers chosen by hand, for what reads results."""

import copy
from typing import Any

from models.records import CAUSE_NAMES, CORE_STATE_NAMES


def estimate(value: float | None, half_width: float | None = None) -> dict[str, float | None]:
    return {"value": value, "half_width": half_width}


def response_times(scale: float = 1.0) -> dict[str, Any]:
    values = {
        "mean": (0.05231, 0.00042),
        "p50": (0.0449, 0.0002),
        "p90": (0.0821, 0.0009),
        "p95": (0.0987, 0.0011),
        "p99": (0.1402, 0.0031),
        "p999": (0.2113, 0.0120),
        "max": (0.4021, None),
    }
    return {
        name: estimate(value * scale, None if half is None else half * scale) for name, (value, half) in values.items()
    }


def station(name: str, kind: str, utilization: float, service: str = "hub", instance: int = 0) -> dict[str, Any]:
    return {
        "name": name,
        "kind": kind,
        "service": service,
        "instance": instance,
        "servers": 4,
        "utilization": estimate(utilization, 0.003),
        "mean_queue_length": estimate(3.2, 0.2),
        "mean_number": estimate(6.8, 0.3),
        "residence_time_s": estimate(0.00031, 0.00001),
        "throughput_per_s": estimate(26112.0, 87.0),
    }


def causes(scale: float, **seconds: float) -> dict[str, float]:
    return {name: scale * seconds.get(name, 0.0) for name in CAUSE_NAMES}


RESULT: dict[str, Any] = {
    "schema_version": 1,
    "kind": "run",
    "scenario": {
        "schema_version": 1,
        "name": "orchestrator-hub",
        "workloads": [{"name": "agents", "kind": "closed", "procs": 30}],
        "services": {"hub": {"cores": 4}},
        "operations": [{"name": "message", "stages": [{"kind": "cpu", "demand": "45us"}]}],
    },
    "seed": 7,
    "engine": "reference",
    "replications": 10,
    "duration_s": 5.2,
    "warmup_s": 0.6,
    "operations": {
        "offered": 1_357_000,
        "completed": 1_346_000,
        "failed": 2_000,
        "timed_out": 6_000,
        "retried": 4_000,
        "rejected": 0,
        "in_flight": 9_000,
    },
    "throughput_per_s": estimate(26112.3, 87.2),
    "goodput_per_s": estimate(26070.0, 88.0),
    "efficiency": None,
    "response_time_s": response_times(),
    "success_rate": estimate(0.9985, 0.0002),
    "error_rate": estimate(0.0015, 0.0002),
    "timeout_rate": estimate(0.0045, 0.0003),
    "retry_rate": estimate(0.003, 0.0002),
    "cpu_utilization": estimate(0.62, 0.003),
    "memory_bytes": {"mean": estimate(1.2e9, 1e6), "peak": estimate(1.6e9, None)},
    "network_bytes_per_s": estimate(2.6e8, 9e5),
    "disk_bytes_per_s": estimate(0.0, 0.0),
    "cores": {name: estimate(1.0 / len(CORE_STATE_NAMES), 0.001) for name in CORE_STATE_NAMES},
    "stations": [
        station("cpu", "cpu", 0.62),
        station("network", "link", 0.31),
        station("outbox", "batcher", 0.12),
        {**station("memory", "memory", 0.0), "throughput_per_s": estimate(0.0, 0.0)},
    ],
    "instances": [],
    "workloads": [
        {
            "name": "agents",
            "operations": {"offered": 1_357_000, "completed": 1_346_000},
            "throughput_per_s": estimate(26112.3, 87.2),
            "response_time_s": response_times(),
        }
    ],
    "causes": {
        "all": causes(1e-3, working=5.0, waiting_for_core=2.31, delay=45.0),
        "median": causes(1e-3, working=4.9, waiting_for_core=1.0, delay=39.0),
        "explained": causes(1e-3, working=5.2, waiting_for_core=45.0, delay=110.0),
        "operations": {"all": 1_346_000, "median": 134_600, "explained": 13_460},
        "percentile": "p99",
    },
    "bottleneck": {
        "kind": "think_time",
        "name": "think time",
        "utilization": None,
        "station": None,
        "why": "clients think 86% of the time and no station is saturated",
        "next": {"name": "hub[0].cpu", "utilization": 0.62, "full_at_throughput_per_s": 42117.0},
    },
    "thresholds": [],
    "warnings": [],
    "provenance": {"version": "0.1.0", "source": "hub.toml with --procs", "notes": []},
}

THRESHOLDS: list[dict[str, Any]] = [
    {
        "threshold": "response_time: p(95) < 150ms",
        "workload": None,
        "field": "response_time_s.p95",
        "value": 0.0987,
        "half_width": 0.0011,
        "limit": 0.15,
        "passed": True,
        "verdict": "pass",
        "probability": 1.0,
        "replications_meeting": 10,
    },
    {
        "threshold": "throughput > 27000/s",
        "workload": None,
        "field": "throughput_per_s",
        "value": 26112.3,
        "half_width": 87.2,
        "limit": 27000.0,
        "passed": False,
        "verdict": "fail",
        "probability": 0.0,
        "replications_meeting": 0,
    },
    {
        "threshold": "error_rate < 0.16%",
        "workload": None,
        "field": "error_rate",
        "value": 0.0015,
        "half_width": 0.0002,
        "limit": 0.0016,
        "passed": True,
        "verdict": "uncertain",
        "probability": 0.83,
        "replications_meeting": 7,
    },
]


def sample(**changes: Any) -> dict[str, Any]:
    """Return a copy of the result with some fields replaced."""
    return {**copy.deepcopy(RESULT), **copy.deepcopy(changes)}

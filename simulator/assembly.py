"""A result's data, assembled from the measures of the replications. Everything is in SI units."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

from models.records import (
    CORE_STATE_NAMES,
    COUNT_COMPLETED,
    COUNT_FAILED,
    COUNT_IN_FLIGHT,
    COUNT_REJECTED,
    COUNT_RETRIED,
    COUNT_TIMED_OUT,
    OFFERED,
)
from models.units import NS_PER_S
from simulator.causes import causes_by_group
from simulator.controls import CONTROLS
from simulator.measures import is_maximum, percentile_name
from simulator.output import Integers
from simulator.statistics import Estimate, interval, maximum
from simulator.totals import Totals

COUNT_FIELDS: Final = {
    "offered": OFFERED,
    "completed": COUNT_COMPLETED,
    "failed": COUNT_FAILED,
    "timed_out": COUNT_TIMED_OUT,
    "retried": COUNT_RETRIED,
    "rejected": COUNT_REJECTED,
    "in_flight": COUNT_IN_FLIGHT,
}
RATES: Final = (
    "throughput_per_s",
    "goodput_per_s",
    "success_rate",
    "error_rate",
    "timeout_rate",
    "retry_rate",
)
STATION_FIELDS: Final = (
    "utilization",
    "mean_queue_length",
    "mean_number",
    "residence_time_s",
    "throughput_per_s",
)


def as_json(estimate: Estimate) -> dict[str, float | None]:
    """Return an estimate as it stands in a result."""
    return {"value": estimate.value, "half_width": estimate.half_width}


def estimate_of(totals: Totals, name: str) -> Estimate:
    """Estimate a measure over the replications: the largest of an extreme, else the mean by Student's t."""
    series = totals.series(name)
    return maximum(series) if is_maximum(name) else interval(series)


def counts_as_json(counts: Integers) -> dict[str, int]:
    """Return counts by name. counts: shape [COUNTS]."""
    return {name: int(counts[column]) for name, column in COUNT_FIELDS.items()}


def scenario_hash(scenario: Mapping[str, Any]) -> str:
    """Return a hash of a printed scenario: the same for the same meaning, whatever the file looks like."""
    text = json.dumps(scenario, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def estimates(totals: Totals, explain: float | None) -> dict[str, Any]:
    """Return all estimates of a result, in the order in which they are written.

    totals: of at least one replication. explain: percentile whose causes are wanted, or None.
    """
    rates = _estimates(totals, "", RATES)
    return {
        "operations": counts_as_json(totals.counts.sum(axis=0)),
        "measured_operations": counts_as_json(totals.measured.sum(axis=0)),
        **{name: rates[name] for name in RATES[:2]},
        "efficiency": None,
        "response_time_s": _response_times(totals, ""),
        **{name: rates[name] for name in RATES[2:]},
        "cpu_utilization": as_json(estimate_of(totals, "cpu_utilization")),
        "memory_bytes": _estimates(totals, "memory_bytes.", ("mean", "peak")),
        **_estimates(totals, "", ("network_bytes_per_s", "disk_bytes_per_s")),
        "cores": _estimates(totals, "cores.", CORE_STATE_NAMES),
        "stations": _stations(totals),
        "instances": _instances(totals),
        "workloads": _workloads(totals),
        "causes": causes_by_group(totals.histogram, totals.causes_ns, explain),
    }


def _estimates(totals: Totals, prefix: str, names: Iterable[str]) -> dict[str, Any]:
    return {name: as_json(estimate_of(totals, prefix + name)) for name in names}


def _response_times(totals: Totals, prefix: str) -> dict[str, Any]:
    names = ["mean", *(percentile_name(percent) for percent in totals.percents), "max"]
    return _estimates(totals, f"{prefix}response_time_s.", names)


def _stations(totals: Totals) -> list[dict[str, Any]]:
    return [
        {
            "name": station.name,
            "kind": station.kind,
            "service": station.service,
            "instance": station.instance,
            "servers": station.servers,
            **_estimates(totals, f"stations.{index}.", STATION_FIELDS),
        }
        for index, station in enumerate(totals.compiled.stations)
    ]


def _instances(totals: Totals) -> list[dict[str, Any]]:
    """Return the instances; those on the cores of others have no cores of their own."""
    rows = []
    for index, instance in enumerate(totals.compiled.instance_names):
        prefix = f"instances.{index}."
        owns_cores = f"{prefix}cpu_utilization" in totals.measures[0]
        rows.append(
            {
                "service": instance.service,
                "instance": instance.index,
                "memory_capacity_bytes": instance.memory_bytes,
                "memory_bytes": _estimates(totals, f"{prefix}memory_bytes.", ("mean", "peak")),
                "cpus": instance.cores,
                "cpu_utilization": (as_json(estimate_of(totals, f"{prefix}cpu_utilization")) if owns_cores else None),
                "cores": _estimates(totals, f"{prefix}cores.", CORE_STATE_NAMES) if owns_cores else None,
            }
        )
    return rows


def _workloads(totals: Totals) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "operations": counts_as_json(totals.counts[index]),
            **_estimates(totals, f"workloads.{index}.", RATES),
            "response_time_s": _response_times(totals, f"workloads.{index}."),
        }
        for index, name in enumerate(totals.compiled.workload_names)
    ]


SAMPLED: Final = (
    *RATES,
    "started_per_s",
    *CONTROLS,
    "cpu_utilization",
    "memory_bytes.mean",
    "network_bytes_per_s",
    "disk_bytes_per_s",
)


def samples(totals: Totals) -> dict[str, list[float | None]]:
    """Return the main measures of each replication: comparisons pair them by replication."""
    times = ["mean", *(percentile_name(percent) for percent in totals.percents), "max"]
    controls = totals.controls.names if totals.controls else []
    names = [*SAMPLED, *controls, *(f"response_time_s.{name}" for name in times)]
    return {name: [None if math.isnan(value) else value for value in totals.series(name)] for name in names}


def seconds(time_ns: int) -> float:
    """Return nanoseconds as seconds."""
    return time_ns / NS_PER_S

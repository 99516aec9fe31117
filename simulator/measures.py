"""What one replication measured: a flat table of numbers in SI units, by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from models.records import (
    CORE_STATE_NAMES,
    CORE_SWITCHING,
    CORE_WORKING,
    COUNT_COMPLETED,
    COUNT_FAILED,
    COUNT_RETRIED,
    COUNT_TIMED_OUT,
    OFFERED,
)
from models.units import NS_PER_S
from simulator.histogram import percentiles_ns
from simulator.output import EngineOutput

STANDARD_PERCENTS: Final = (50.0, 90.0, 95.0, 99.0, 99.9)
STORAGE_WORDS: Final = ("disk", "fsync", "storage")

Measures = dict[str, float]


def percentile_name(percent: float) -> str:
    """Return the field's name of a percentile: p50, p99, p999 for 99.9; others keep the point (p99.5)."""
    return "p999" if percent == 99.9 else f"p{percent:g}"


def percent_of(name: str) -> float:
    """Return the percent of a field's name, as `percentile_name` gives it."""
    return 99.9 if name == "p999" else float(name[1:])


def is_maximum(name: str) -> bool:
    """Return whether a measure is an extreme: over replications the largest counts, not the mean."""
    return name.endswith((".max", ".peak"))


def is_storage(link: str) -> bool:
    """Return whether a link's traffic counts as disk: a link is named after what it is."""
    return any(word in link.lower() for word in STORAGE_WORDS)


def ratio(numerator: float, denominator: float) -> float:
    """Return a quotient, NaN where the denominator is 0: the quantity is then undefined, not zero."""
    return numerator / denominator if denominator else math.nan


def measure(output: EngineOutput, compiled: Any, percents: Sequence[float]) -> Measures:
    """Return everything that is estimated over replications, of one replication's measured window.

    compiled: the compiled scenario, whose names have the order of the output's arrays.
    percents: response-time percentiles that are wanted.
    """
    window_ns = output.end_ns - output.warmup_ns
    measures: Measures = {}
    whole = slice(None)
    _add_operations(measures, "", output, whole, percents)
    for index in range(len(compiled.workload_names)):
        _add_operations(measures, f"workloads.{index}.", output, slice(index, index + 1), percents)
    cores = output.cores_ns.sum(axis=0)
    total = int(cores.sum())
    for state, name in enumerate(CORE_STATE_NAMES):
        measures[f"cores.{name}"] = ratio(int(cores[state]), total)
    measures["cpu_utilization"] = ratio(int(cores[CORE_WORKING] + cores[CORE_SWITCHING]), total)
    measures["memory_bytes.mean"] = float(output.memory_mean_bytes.sum())
    measures["memory_bytes.peak"] = float(output.memory_peak_bytes.sum())
    _add_stations(measures, output, compiled, window_ns)
    _add_instances(measures, output, compiled)
    return measures


def _add_operations(
    measures: Measures, prefix: str, output: EngineOutput, chosen: slice, percents: Sequence[float]
) -> None:
    """Add rates and response times of the chosen workloads."""
    counts = output.window_counts[chosen].sum(axis=0)
    window_s = (output.end_ns - output.warmup_ns) / NS_PER_S
    completed, failed = int(counts[COUNT_COMPLETED]), int(counts[COUNT_FAILED])
    ended = completed + failed
    measures[prefix + "throughput_per_s"] = ended / window_s
    measures[prefix + "started_per_s"] = int(counts[OFFERED]) / window_s
    measures[prefix + "goodput_per_s"] = completed / window_s
    measures[prefix + "success_rate"] = ratio(completed, ended)
    measures[prefix + "error_rate"] = ratio(failed, ended)
    measures[prefix + "timeout_rate"] = ratio(int(counts[COUNT_TIMED_OUT]), ended)
    measures[prefix + "retry_rate"] = ratio(int(counts[COUNT_RETRIED]), ended)
    maximum_ns = float(output.response_max_ns[chosen].max()) if completed else math.nan
    mean_ns = ratio(int(output.response_sum_ns[chosen].sum()), completed)
    measures[prefix + "response_time_s.mean"] = mean_ns / NS_PER_S
    values_ns = percentiles_ns(output.histogram[chosen].sum(axis=0), percents)
    for percent, value_ns in zip(percents, values_ns, strict=True):
        # The upper edge of the highest bin lies above the largest observation.
        measures[f"{prefix}response_time_s.{percentile_name(percent)}"] = min(value_ns, maximum_ns) / NS_PER_S
    measures[prefix + "response_time_s.max"] = maximum_ns / NS_PER_S


def _add_stations(measures: Measures, output: EngineOutput, compiled: Any, window_ns: int) -> None:
    """Add utilization, queue, residence time and throughput of each station, and what the links carried."""
    network_bytes = disk_bytes = 0
    for index, station in enumerate(compiled.stations):
        totals = output.stations[index]
        prefix = f"stations.{index}."
        # Memory is integrated in byte-microseconds, because byte-nanoseconds overflow.
        time = window_ns / 1000 if station.kind == "memory" else window_ns
        measures[prefix + "utilization"] = ratio(float(totals["busy_ns"]), station.servers * time)
        measures[prefix + "mean_queue_length"] = int(totals["waiting_ns"]) / window_ns
        measures[prefix + "mean_number"] = int(totals["number_ns"]) / window_ns
        residence_ns = ratio(int(totals["residence_ns"]), int(totals["departures"]))
        measures[prefix + "residence_time_s"] = residence_ns / NS_PER_S
        measures[prefix + "throughput_per_s"] = int(totals["departures"]) * NS_PER_S / window_ns
        if station.kind == "link":
            if is_storage(station.name):
                disk_bytes += int(totals["bytes"])
            else:
                network_bytes += int(totals["bytes"])
    measures["network_bytes_per_s"] = network_bytes * NS_PER_S / window_ns
    measures["disk_bytes_per_s"] = disk_bytes * NS_PER_S / window_ns


def _add_instances(measures: Measures, output: EngineOutput, compiled: Any) -> None:
    """Add the memory of each instance, and the states of the cores that are its own."""
    for index in range(len(compiled.instance_names)):
        measures[f"instances.{index}.memory_bytes.mean"] = float(output.memory_mean_bytes[index])
        measures[f"instances.{index}.memory_bytes.peak"] = float(output.memory_peak_bytes[index])
    for host in compiled.hosts:
        first, count = int(host["first_core"]), int(host["cores"])
        states = output.cores_ns[first : first + count].sum(axis=0)
        total = int(np.sum(states))
        prefix = f"instances.{int(host['instance'])}."
        for state, name in enumerate(CORE_STATE_NAMES):
            measures[f"{prefix}cores.{name}"] = ratio(int(states[state]), total)
        busy = int(states[CORE_WORKING] + states[CORE_SWITCHING])
        measures[prefix + "cpu_utilization"] = ratio(busy, total)

"""A recording reduced to a level of the common kind, and to what each operation used in it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.levels import Level
from calibration.live.level_run import Recording
from calibration.live.measured import Detail, Quantiles
from calibration.live.operations import (
    PERCENTILES,
    Operations,
    percentile,
    quantile_table,
    response_ns,
    service_ns,
)
from calibration.live.pacing import Pacing

_PER_OPERATION: Final = {
    "voluntary_switches": "voluntary_switches",
    "involuntary_switches": "involuntary_switches",
    "minor_faults": "minor_faults",
    "major_faults": "major_faults",
    "read_characters": "read_bytes",
    "written_characters": "written_bytes",
    "disk_read_bytes": "disk_read_bytes",
    "disk_written_bytes": "disk_written_bytes",
}
"""Counters by what they are called per operation."""


def succeeded(rows: Operations) -> Operations:
    """Return the operations that did not fail: only these have response times that mean something."""
    kept: Operations = rows[~rows["failed"]]
    return kept


def succeeded_response_ns(recording: Recording) -> NDArray[np.float64]:
    """Return the response times of operations that succeeded, without the recorder's own part [ns]."""
    return response_ns(succeeded(recording.operations), recording.overhead_ns)


def level_of(recording: Recording, run: int, cores: int) -> Level:
    """Return one repeat as a level. run: number of the repeat. cores: that the copies may use."""
    plan = recording.plan
    good = succeeded(recording.operations)
    span_s = (recording.window_ns[1] - recording.window_ns[0]) / 1e9
    disk = _sum(recording.used.disk_read_bytes, recording.used.disk_written_bytes)
    moved = good["moved_bytes"]
    cpu_ns = net_cpu_ns(recording)
    return Level(
        run=str(run),
        procs=plan.copies,
        cores=cores,
        instances=1,
        duration_s=span_s,
        operations=len(recording.operations),
        throughput_per_s=len(recording.operations) / span_s,
        goodput_per_s=len(good) / span_s,
        error_rate=1 - len(good) / len(recording.operations),
        success_rate=len(good) / len(recording.operations),
        cpu_busy_cores=cpu_ns / recording.span_ns,
        memory_bytes=recording.peak_bytes,
        disk_bytes_per_s=None if disk is None else disk / recording.span_ns * 1e9,
        network_bytes_per_s=float(moved.sum()) / span_s if len(moved) and (moved >= 0).all() else None,
        **paced_fields(plan.pacing),
        **response_fields(response_ns(good, recording.overhead_ns)),
    )


def service_level_of(recording: Recording, run: int, cores: int) -> Level:
    """Return one repeat as a level of the service that was put under load; its CPU is not the generator's."""
    level = level_of(recording, run, cores)
    served = recording.served
    span_s = recording.span_ns / 1e9
    cpu_ns = service_cpu_ns(recording)
    disk = _sum(served.used.disk_read_bytes, served.used.disk_written_bytes) if served else None
    return level.model_copy(
        update={
            "cpu_busy_cores": None if cpu_ns is None else cpu_ns / recording.span_ns,
            "generator_cpu_cores": recording.used.cpu_ns / recording.span_ns,
            "memory_bytes": served.peak_bytes if served else None,
            "disk_bytes_per_s": None if disk is None else disk / span_s,
        }
    )


def service_cpu_ns(recording: Recording) -> float | None:
    """Return the CPU that the service took between the readings [ns]; None where it is not seen."""
    return None if recording.served is None else float(recording.served.used.cpu_ns)


def service_detail_of(recording: Recording, run: int) -> Detail:
    """Return what each operation of one repeat used of the service, and of the generator."""
    detail = detail_of(recording, run)
    done = recording.done or 1.0
    of_generator = {
        "generator_cpu_s": recording.used.cpu_ns / done / 1e9,
        "generator_switches": detail.voluntary_switches,
        "generator_run_delay_s": detail.run_delay_s,
        "asleep_s": None,
    }
    served = recording.served
    if served is None:
        unknown = dict.fromkeys([*_PER_OPERATION.values(), "cpu_s", "run_delay_s", "base_bytes"])
        return detail.model_copy(update={**unknown, **of_generator, "own_bytes": None, "peak_bytes": None})
    figures = {
        ours: None if getattr(served.used, theirs) is None else getattr(served.used, theirs) / done
        for theirs, ours in _PER_OPERATION.items()
    }
    delay_ns = served.used.run_delay_ns
    return detail.model_copy(
        update={
            **figures,
            **of_generator,
            "cpu_s": served.used.cpu_ns / done / 1e9,
            "run_delay_s": None if delay_ns is None else delay_ns / done / 1e9,
            "base_bytes": served.base_bytes,
            "own_bytes": None,
            "peak_bytes": served.peak_bytes,
            "process_cpu_cores": [used_ns / recording.span_ns for used_ns in served.cpu_ns_of_processes],
            "connections_elsewhere": served.connections_elsewhere,
        }
    )


def paced_fields(pacing: Pacing) -> dict[str, Any]:
    """Return the fields of a level that say how its operations were paced."""
    if pacing.rate_per_s is not None:
        return {"kind": "open", "arrival_rate_per_s": pacing.rate_per_s}
    return {"kind": "closed", "concurrency": 1, "think_time_s": pacing.think_mean_ns / 1e9}


def response_fields(times_ns: NDArray[np.float64]) -> dict[str, Any]:
    """Return the fields of a level that describe its response times [ns], at least one."""
    ordered = np.sort(times_ns) / 1e9
    return {
        "mean_s": float(ordered.mean()),
        "stdev_s": float(ordered.std()),
        "min_s": float(ordered[0]),
        "max_s": float(ordered[-1]),
        "percentiles_s": {percent: percentile(ordered, percent) for percent in PERCENTILES},
    }


def net_cpu_ns(recording: Recording) -> float:
    """Return the CPU that the operations took between the readings, less the recorder's part of it [ns]."""
    return max(0.0, recording.used.cpu_ns - recording.overhead_ns * recording.done)


def detail_of(recording: Recording, run: int) -> Detail:
    """Return what each operation of one repeat used."""
    done = recording.done or 1.0  # a window in which nothing was done used nothing for an operation
    used = recording.used
    good = succeeded(recording.operations)
    service = service_ns(good, recording.overhead_ns)
    cpu_ns = net_cpu_ns(recording) / done
    run_delay_ns = None if used.run_delay_ns is None else used.run_delay_ns / done
    asleep_ns = None
    if recording.plan.pacing.kind == "closed" and run_delay_ns is not None:
        asleep_ns = max(0.0, float(service.mean()) - cpu_ns - run_delay_ns)
    figures = {
        ours: None if getattr(used, theirs) is None else getattr(used, theirs) / done
        for theirs, ours in _PER_OPERATION.items()
    }
    moved = good["moved_bytes"]
    loopback = recording.loopback_bytes
    return Detail(
        copies=recording.plan.copies,
        run=run,
        cpu_s=cpu_ns / 1e9,
        run_delay_s=None if run_delay_ns is None else run_delay_ns / 1e9,
        asleep_s=None if asleep_ns is None else asleep_ns / 1e9,
        start_delay_s=float(np.median(good["begin_ns"] - good["intended_ns"])) / 1e9,
        network_bytes=float(moved.mean()) if (moved >= 0).all() else None,
        loopback_bytes=None if loopback is None else loopback / done,
        base_bytes=recording.base_bytes,
        own_bytes=recording.own_bytes,
        peak_bytes=recording.peak_bytes,
        others_share=recording.interference.others_share,
        steal_share=recording.interference.steal_share,
        overhead_s=recording.overhead_ns / 1e9,
        service_quantiles_s=in_seconds(quantile_table(service)),
        response_quantiles_s=in_seconds(quantile_table(response_ns(good, recording.overhead_ns))),
        **figures,
    )


def in_seconds(quantiles: tuple[tuple[float, float], ...]) -> Quantiles:
    """Return a quantile table of nanoseconds in seconds."""
    return [(probability, value / 1e9) for probability, value in quantiles]


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other

"""Totals of a replication on the fast engine, read from its tables in the form of `simulator.output`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.records import (
    CAUSES,
    COUNT_COMPLETED,
    COUNT_FAILED,
    COUNT_IN_FLIGHT,
    COUNT_REJECTED,
    COUNT_RETRIED,
    COUNT_TIMED_OUT,
    COUNTS,
    OFFERED,
    OPERATION_RECORD,
    STATION_TOTALS,
    TIMES_RECORD,
)
from simulator.fast.layout import CAUSE_COLUMNS, CAUSES_OF_A_LINE
from simulator.fast.tables import FastTables
from simulator.histogram import BINS
from simulator.output import used_bins


def counts(tables: FastTables) -> NDArray[np.int64]:
    """Return the counts by workload, in flight included."""
    rows = tables.arrays["workloads"][: len(tables.compiled.workloads)]
    result = np.zeros((len(rows), COUNTS), dtype=np.int64)
    result[:, OFFERED] = rows["offered"]
    result[:, COUNT_COMPLETED] = rows["completed"]
    result[:, COUNT_FAILED] = rows["failed"]
    result[:, COUNT_IN_FLIGHT] = rows["offered"] - rows["completed"] - rows["failed"]
    result[:, COUNT_TIMED_OUT] = rows["timed_out"]
    result[:, COUNT_REJECTED] = rows["rejected"]
    result[:, COUNT_RETRIED] = rows["retried"]
    return result


def ages_ns(tables: FastTables) -> NDArray[np.int64]:
    """Return for each workload the sum over its operations in flight of the time since their start [ns]."""
    operations = tables.arrays["operations"][: tables.get("operation_top")]
    starts_ns = operations["start_ns"].copy()  # of a million in flight, whole rows would take a tenth of a second
    live = starts_ns >= 0
    result = np.zeros(len(tables.compiled.workloads), dtype=np.int64)
    workloads = tables.arrays["sources"]["workload"][operations["source"]] if len(result) > 1 else np.int64(0)
    for workload in range(len(result)):
        result[workload] = (tables.get("now") - starts_ns[live & (workloads == workload)]).sum()
    return result


def stations(tables: FastTables) -> NDArray[Any]:
    """Return the stations' totals."""
    result = np.zeros(len(tables.compiled.stations), dtype=STATION_TOTALS)
    rows = tables.arrays["stations"][: len(result)]
    for name in STATION_TOTALS.names or ():
        result[name] = rows[name]
    instances = tables.arrays["instances"][: len(tables.compiled.instances)]
    result["busy_ns"][instances["memory_station"]] = (instances["byte_ns"] / 1000.0).astype(np.int64)
    return result


def present_ns(tables: FastTables) -> NDArray[np.int64]:
    """Return for each station the sum over those present of the time since their arrival [ns]."""
    rows = tables.arrays["stations"][: len(tables.compiled.stations)]
    result: NDArray[np.int64] = rows["present"] * tables.get("now") - rows["arrival_sum_ns"]
    return result


def cores(tables: FastTables) -> NDArray[np.int64]:
    """Return the times of all cores by state."""
    rows = tables.arrays["cores"][: tables.compiled.total_cores]
    names = ("working_ns", "switching_ns", "exiting_ns", "throttled_ns", "paused_ns", "idle_ns")
    return np.stack([rows[name] for name in names], axis=1)


def records(tables: FastTables) -> NDArray[Any]:
    """Return the operations' records by start; those in flight as they stand. Times alone where no causes are kept."""
    rows = tables.arrays["records"][: tables.get("record_count")]
    if not tables.get("tracking"):
        times = np.empty(len(rows), dtype=TIMES_RECORD)
        for name in TIMES_RECORD.names or ():
            times[name] = rows[name]
        return times
    rows = rows.copy()
    operations = tables.arrays["operations"]
    live = np.flatnonzero(operations["live"])
    for name in ("attempts", "instance"):
        rows[name][operations["record"][live]] = operations[name][live]
    sources = tables.arrays["sources"][rows["source"]]
    result = np.zeros(len(rows), dtype=OPERATION_RECORD)
    for name in ("workload", "process", "slot"):
        result[name] = sources[name]
    for name in ("kind", "attempts", "start_ns", "end_ns", "outcome", "instance"):
        result[name] = rows[name]
    result["operation"] = rows["number"]
    causes = tables.arrays["record_causes"]["value"][: len(rows) * CAUSE_COLUMNS]
    result["causes_ns"] = causes.reshape(-1, CAUSE_COLUMNS)[:, :CAUSES]
    return result


def cause_sums(tables: FastTables) -> NDArray[np.int64]:
    """Return the sums by bin of the histogram and cause."""
    lines = tables.arrays["cause_sums"]["value"].reshape(2, BINS + 1, CAUSES_OF_A_LINE)
    # A copy of all would take milliseconds, and one of single rows takes longer than of a range.
    rows = used_bins(tables.arrays["histogram"]["value"][:-1].reshape(-1, BINS))
    result = np.zeros((BINS, CAUSES), dtype=np.int64)
    result[rows, :CAUSES_OF_A_LINE] = lines[0, rows]
    result[rows, CAUSES_OF_A_LINE:] = lines[1, rows, : CAUSES - CAUSES_OF_A_LINE]
    return result


def violations(tables: FastTables) -> list[str]:
    """Return the violations of the laws that only the engine can see (numbers as in `simulator.laws`)."""
    result = []
    for index, row in enumerate(tables.arrays["instances"][: len(tables.compiled.instances)]):
        with np.errstate(over="ignore"):  # sums of work wrap around, and their equality with them
            accounted = row["work_done"] + row["work_withdrawn"] + row["work_present"]
        if row["work_asked"] != accounted:
            result.append(f"law 4: instance {index}: asked {row['work_asked']}, done {row['work_done']}")
        if row["taken_bytes"] != row["given_back_bytes"] + row["held_bytes"]:
            result.append(f"law 6: instance {index}: taken {row['taken_bytes']}, back {row['given_back_bytes']}")
    return result

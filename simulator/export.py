"""A result printed as JSON, as CSV tables, and its operations as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.records import CAUSE_NAMES, OUTCOME_NAMES

RECORD_ROWS_AT_ONCE: Final = 10_000


def json_text(data: Mapping[str, Any]) -> str:
    """Print a result as JSON, readable and the same each time; not-a-number becomes null."""
    return json.dumps(_finite(data), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


NOT_IN_THE_SUMMARY: Final = (
    "scenario",
    "provenance",
    "schema_version",
    "causes",
    "bottleneck",
    "trust",
    "uncertainty",
)
CAUSE_GROUPS: Final = ("all", "median", "explained")
CSV_TABLES: Final = ("summary", "stations", "workloads", "causes")
"""The tables of `--export-csv PREFIX`, each in a file `PREFIX-TABLE.csv`."""


def csv_path(prefix: str, table: str) -> str:
    """Return the file of one table."""
    path = Path(prefix)
    return str(path.with_name(f"{path.name}-{table}.csv")) if path.name else f"{prefix}{table}.csv"


def csv_tables(data: Mapping[str, Any]) -> dict[str, str]:
    """Print a result as CSV tables by the names in CSV_TABLES: SI units, half-widths beside the estimates."""
    stations = data.get("stations") or []
    workloads = data.get("workloads") or []
    causes = data.get("causes") or {}
    groups = [group for group in CAUSE_GROUPS if group in causes]
    return {
        "summary": csv_text(["metric", "value", "half_width"], summary_rows(data)),
        "stations": _csv_of_tables(stations),
        "workloads": _csv_of_tables(workloads),
        "causes": csv_text(
            ["cause", *(f"{group}_s" for group in groups)],
            [[name, *(causes[group][name] for group in groups)] for name in CAUSE_NAMES],
        ),
    }


def summary_rows(data: Mapping[str, Any]) -> list[list[Any]]:
    """Return (metric, value, half-width) of every number of the whole system, names joined by dots."""
    rows: list[list[Any]] = []
    for name, value in data.items():
        if name not in NOT_IN_THE_SUMMARY:
            _add_rows(rows, name, value)
    return rows


def _add_rows(rows: list[list[Any]], name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        if "half_width" in value:
            rows.append([name, value.get("value"), value["half_width"]])
            for end, bound in zip(("low", "high"), value.get("prediction") or (), strict=False):
                rows.append([f"{name}.prediction_{end}", bound, None])
            return
        for key, entry in value.items():
            _add_rows(rows, f"{name}.{key}", entry)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        rows.append([name, value, None])


def _csv_of_tables(tables: Sequence[Mapping[str, Any]]) -> str:
    """Print a list of tables with one row each; nested tables and estimates become columns joined by dots."""
    flat = [dict(_columns("", table)) for table in tables]
    header: list[str] = []
    for row in flat:
        header += [name for name in row if name not in header]
    return csv_text(header, [[row.get(name) for name in header] for row in flat])


def _columns(prefix: str, table: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for key, value in table.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping):
            if "half_width" in value:
                yield name, value.get("value")
                yield f"{name}.half_width", value["half_width"]
            else:
                yield from _columns(f"{name}.", value)
        elif not isinstance(value, list):
            yield name, value


def csv_text(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Print one table as CSV."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()


RECORD_COLUMNS: Final = (
    "replication",
    "workload",
    "process",
    "slot",
    "operation",
    "kind",
    "attempts",
    "start_s",
    "end_s",
    "response_time_s",
    "outcome",
    "instance",
    *(f"{name}_s" for name in CAUSE_NAMES),
)


def records_csv(
    records: Sequence[NDArray[Any]],
    workload_names: Sequence[str],
    operation_names: Sequence[str],
    causes: bool = True,
) -> str:
    """Print the operations of each replication as CSV, one row an operation, times in seconds.

    records: per replication, from the first counted one on, OPERATION_RECORD rows.
    causes: whether the causes were accounted; without them their columns stay away.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(RECORD_COLUMNS if causes else RECORD_COLUMNS[:12])
    for replication, rows in enumerate(records, start=1):
        for first in range(0, len(rows), RECORD_ROWS_AT_ONCE):
            for row in rows[first : first + RECORD_ROWS_AT_ONCE].tolist():
                writer.writerow(_record(replication, row, workload_names, operation_names, causes))
    return buffer.getvalue()


def _record(
    replication: int,
    row: tuple[Any, ...],
    workload_names: Sequence[str],
    operation_names: Sequence[str],
    causes: bool,
) -> list[Any]:
    workload, process, slot, operation, kind, attempts, start_ns, end_ns, outcome, instance, causes_ns = row
    ended = end_ns >= 0
    line = [
        replication,
        workload_names[workload],
        process,
        slot,
        operation,
        operation_names[kind],
        attempts,
        seconds(start_ns),
        seconds(end_ns) if ended else "",
        seconds(end_ns - start_ns) if ended else "",
        OUTCOME_NAMES[outcome],
        instance if instance >= 0 else "",
    ]
    return [*line, *(seconds(cause_ns) for cause_ns in causes_ns)] if causes else line


def seconds(time_ns: int) -> str:
    """Print nanoseconds as seconds, exactly."""
    return f"{time_ns // 1_000_000_000}.{time_ns % 1_000_000_000:09d}"

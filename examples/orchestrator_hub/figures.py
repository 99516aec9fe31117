"""The report's figures, and the bounds within which a simulation is said to agree with them."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from simulator import Result

HERE: Final = Path(__file__).parent
REPORT: Final = HERE / "report"
FITTED: Final = (1, 5, 10, 20)
PREDICTED: Final = 50


def failing_attempts(result: Result) -> float:
    """Return the share of the attempts that failed: those that were tried again and those that were the last."""
    retried = float(result["retry_rate"])
    return (retried + float(result["error_rate"])) / (1.0 + retried)


OF_ATTEMPTS: Final[Mapping[str, Callable[[Result], float]]] = {
    "attempts.success": lambda result: 1.0 - failing_attempts(result),
    "attempts.errors": failing_attempts,
    "attempts.timeouts": lambda result: float(result["timeout_rate"]) / (1.0 + float(result["retry_rate"])),
}
"""Shares that a result has by operations. The report's errors are its retries and complement its successes: so it
counts attempts, of which each that fails is tried once more."""


@dataclass(frozen=True)
class Figure:
    """One column of the report beside one value of a result.

    column: in load_levels.csv. path: of the result. scale: result's unit to the column's. bound: agreement is within
    so much, a share of the reported value, or points if `points`.
    """

    name: str
    column: str
    path: str
    scale: float
    bound: float
    points: bool = False

    def simulated(self, result: Result) -> float:
        """Return what a result says, in the report's unit."""
        read = OF_ATTEMPTS.get(self.path)
        return (read(result) if read else result[self.path]) * self.scale

    def error(self, simulated: float, reported: float) -> float:
        """Return the error: points, or a share of the reported value."""
        return simulated - reported if self.points else simulated / reported - 1.0


FIGURES_OF_A_LEVEL: Final = (
    Figure("throughput /s", "throughput_per_s", "throughput_per_s", 1.0, 0.02),
    Figure("p50 ms", "p50_ms", "response_time_s.p50", 1e3, 0.10),
    Figure("p95 ms", "p95_ms", "response_time_s.p95", 1e3, 0.10),
    Figure("p99 ms", "p99_ms", "response_time_s.p99", 1e3, 0.10),
    Figure("cpu %", "cpu_pct", "cpu_utilization", 1e2, 4.0, points=True),
    Figure("memory MB", "memory_mb", "memory_bytes.mean", 1e-6, 0.05),
    Figure("network MB/s", "network_mb_per_s", "network_bytes_per_s", 1e-6, 0.10),
    Figure("disk MB/s", "disk_mb_per_s", "disk_bytes_per_s", 1e-6, 0.10),
    Figure("success %", "success_pct", "attempts.success", 1e2, 0.5, points=True),
    Figure("errors %", "error_pct", "attempts.errors", 1e2, 0.5, points=True),
    Figure("timeouts %", "timeout_pct", "attempts.timeouts", 1e2, 0.5, points=True),
    Figure("retries %", "retry_pct", "retry_rate", 1e2, 0.5, points=True),
)
PREDICTED_THROUGHPUT_BOUND: Final = 0.05


def rows(name: str) -> list[dict[str, str]]:
    """Return the rows of a table of the report by its file's name."""
    text = (REPORT / name).read_text(encoding="utf-8")
    return list(csv.DictReader(line for line in text.splitlines() if not line.startswith("#")))


def levels() -> dict[int, dict[str, float]]:
    """Return the figures of each level by its number of processes and its column."""
    return {
        int(row["procs"]): {name: float(value) for name, value in row.items() if name != "level"}
        for row in rows("load_levels.csv")
    }

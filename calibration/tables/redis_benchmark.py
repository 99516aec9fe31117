"""The CSV of redis-benchmark and valkey-benchmark."""

from __future__ import annotations

import re
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.printed import Printed, read_printed

_PERCENTILE: Final = re.compile(r"p(\d+(?:\.\d+)?)_latency_ms")
_COMMAND: Final = re.compile(r"redis-benchmark|valkey-benchmark")
_CLIENTS: Final = re.compile(r"\s-c\s+(\d+)")
_PIPELINE: Final = re.compile(r"\s-P\s+(\d+)")


class RedisBenchmarkReader:
    """`redis-benchmark --csv`, with its header (6.2 and later) or without (the test and its rate).

    Each test is a series. The clients (-c, 50 unless given) are not in it, unless a line with the command
    stands above, as a comment or not. With a pipeline (-P) a client keeps that many commands in flight.
    """

    tool = "redis-benchmark"

    def recognizes(self, content: Content) -> bool:
        """Return whether it has the header, or rows of a quoted test and its rate."""
        if any(cells[:2] == ["test", "rps"] for _, cells in content.rows[:5]):
            return True
        first = content.text.lstrip().partition("\n")[0]
        return bool(re.fullmatch(r'"[A-Z][A-Z_ ]*(\(.*\))?","\d+(\.\d+)?"\s*', first))

    def read(self, content: Content) -> LevelTable:
        """Read one level a test."""
        collected = Collected(content.source, self.tool)
        clients, pipeline = _load(content.text)
        header = ["test", "rps"]
        for line, cells in content.rows:
            if cells[:2] == ["test", "rps"]:
                header = cells
            elif len(cells) == len(header):
                figures = _test(f"line {line}", dict(zip(header, cells, strict=True)))
                figures.set("procs", clients)
                figures.set("concurrency", pipeline if clients is not None else None)
                collected.add(figures)
        if clients is None:
            collected.remark(
                "without_procs", "", "redis-benchmark does not write its clients (-c, 50 unless given)"
            )
        return collected.table(leaves_out_late_starts=True, accepted="rows of redis-benchmark --csv")


def _load(text: str) -> tuple[float | None, float]:
    """Return clients and pipeline of a command line in the text; None if there is no such line."""
    for line in text.splitlines():
        if _COMMAND.search(line):
            clients, pipeline = _CLIENTS.search(line), _PIPELINE.search(line)
            return float(clients[1]) if clients else 50.0, float(pipeline[1]) if pipeline else 1.0
    return None, 1.0


def _test(place: str, row: dict[str, str]) -> Figures:
    figures = Figures(place)
    figures.set("series", row["test"])
    figures.set("kind", "closed")
    figures.set("throughput_per_s", read_printed(row["rps"]))
    for name, key in (("mean_s", "avg_latency_ms"), ("min_s", "min_latency_ms"), ("max_s", "max_latency_ms")):
        figures.set(name, _milliseconds(row.get(key, "")))
    for key, cell in row.items():
        match = _PERCENTILE.fullmatch(key)
        if match:
            figures.percentile(float(match[1]), _milliseconds(cell))
    return figures


def _milliseconds(cell: str) -> Printed | None:
    found = read_printed(cell)
    return None if found is None else found.times(1e-3)

"""Levels as a table for people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from calibration.levels import Level, LevelTable
from simulator.measures import percentile_name
from simulator.quantity_text import BANDWIDTH, MISSING, NUMBER, RATE, SHARE, SIZE, TIME, quantity_text

Get = Callable[[Level], float | None]

COLUMNS: Final[tuple[tuple[str, Get, str], ...]] = (
    ("procs", lambda level: level.procs, NUMBER),
    ("each", lambda level: level.concurrency, NUMBER),
    ("offered", lambda level: level.arrival_rate_per_s, RATE),
    ("cores", lambda level: level.cores, NUMBER),
    ("instances", lambda level: level.instances, NUMBER),
    ("throughput", lambda level: level.throughput_per_s, RATE),
    ("mean", lambda level: level.mean_s, TIME),
)
AFTER: Final[tuple[tuple[str, Get, str], ...]] = (
    ("max", lambda level: level.max_s, TIME),
    ("cpu", lambda level: level.cpu_utilization, SHARE),
    ("cores busy", lambda level: level.cpu_busy_cores, NUMBER),
    ("memory", lambda level: level.memory_bytes, SIZE),
    ("network", lambda level: level.network_bytes_per_s, BANDWIDTH),
    ("disk", lambda level: level.disk_bytes_per_s, BANDWIDTH),
    ("errors", lambda level: level.error_rate, SHARE),
)
LATE_STARTS: Final = {
    True: "response times leave out the wait of requests that were sent late",
    False: "response times count from the intended start",
    None: "it is not said whether response times count from the intended start",
}


def levels_text(table: LevelTable) -> str:
    """Print what was read: source and tool, one row a level, then remarks."""
    lines = [
        f"{table.source}: {len(table.levels)} level{'s' * (len(table.levels) != 1)}, written by {table.tool}"
    ]
    for name, levels in table.series().items():
        lines += ([f"series {name}"] if name else []) + [f"  {line}" for line in _rows(levels)]
    lines += [f"  {len(table.claims)} stated changes"] if table.claims else []
    if any(level.mean_s or level.percentiles_s for level in table.levels):
        lines.append(f"  note: {LATE_STARTS[table.leaves_out_late_starts]}")
    for remark in table.remarks:
        lines.append(f"  note: {f'{remark.place}: ' if remark.place else ''}{remark.message}")
    lines += [f"  not used: {', '.join(table.unused)}"] if table.unused else []
    return "\n".join(lines) + "\n"


def _rows(levels: Sequence[Level]) -> list[str]:
    percents = sorted({percent for level in levels for percent in level.percentiles_s})
    columns = [
        *COLUMNS,
        *((percentile_name(percent), _percentile(percent), TIME) for percent in percents),
        *AFTER,
    ]
    shown = [column for column in columns if any(column[1](level) is not None for level in levels)]
    cells = [[name for name, _, _ in shown]]
    for level in levels:
        values = [(get(level), family) for _, get, family in shown]
        cells.append([MISSING if value is None else quantity_text(value, family) for value, family in values])
    labels = ["", *(level.label for level in levels)]
    if any(labels):
        cells = [[label, *row] for label, row in zip(labels, cells, strict=True)]
    widths = [max(len(row[place]) for row in cells) for place in range(len(cells[0]))]
    return [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _percentile(percent: float) -> Get:
    return lambda level: level.percentiles_s.get(percent)

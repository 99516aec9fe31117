"""The CSV of hey, one row a request."""

from __future__ import annotations

import math

import numpy as np

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.observed import most_at_once, set_response_times


class HeyReader:
    """`hey -o csv`: response time, its parts, status and the time since the start at which it was sent.

    hey waits for an answer before it sends the next request, with -q too, and counts from the actual start.
    It writes only requests that were answered, and at most a million of them.
    """

    tool = "hey"

    def recognizes(self, content: Content) -> bool:
        """Return whether it has hey's header."""
        return content.header[:2] == ["response-time", "dns+dialup"]

    def read(self, content: Content) -> LevelTable:
        """Read the one level of the run."""
        collected = Collected(content.source, self.tool)
        table = _columns(content, collected)
        figures = Figures()
        if len(table):
            starts_s, ends_s = table[:, 1], table[:, 0] + table[:, 1]
            figures.set("operations", float(len(table)))
            set_response_times(figures, table[:, 0])
            figures.set("error_rate", float(np.mean((table[:, 2] < 200) | (table[:, 2] >= 400))))
            duration_s = float(ends_s.max())
            if np.isfinite(duration_s) and duration_s > 0:
                figures.set("duration_s", duration_s)
                figures.set("throughput_per_s", len(table) / duration_s)
                figures.set("procs", float(most_at_once(starts_s, ends_s - 5e-5)))
                figures.set("concurrency", 1.0)
                figures.set("kind", "closed")
                collected.remark(
                    "procs_counted",
                    "",
                    "hey does not write its workers (-c): the most requests at once are taken",
                )
            else:
                collected.remark(
                    "without_offset", "", "this version of hey writes no offsets, so no throughput"
                )
        collected.add(figures)
        return collected.table(leaves_out_late_starts=True, accepted="rows of hey -o csv with their offsets")


def _columns(content: Content, collected: Collected) -> np.ndarray:
    """Return response time, offset and status of each row; NaN where a column is absent."""
    header = content.header
    places = [
        header.index(name) if name in header else None for name in ("response-time", "offset", "status-code")
    ]
    rows = []
    for line, cells in content.rows[1:]:
        try:
            row = [math.nan if place is None else float(cells[place]) for place in places]
        except (ValueError, IndexError):
            collected.remark("unreadable", f"line {line}", "is no row of hey; it is left out")
            continue
        rows.append(row)
    return np.array(rows, dtype=np.float64).reshape(-1, 3)

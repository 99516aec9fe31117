"""The statistics of Locust as CSV."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.printed import Printed, read_printed

_PERCENTILE: Final = re.compile(r"(\d+(?:\.\d+)?)%")
AGGREGATED: Final = "aggregated"


class LocustReader:
    """`PREFIX_stats.csv` and `PREFIX_stats_history.csv`: milliseconds, percentiles rounded to two digits.

    Of the statistics the row "Aggregated" is read; of the history, for each number of users, the rates of the
    time during which it was held. Users wait for an answer before they think, so a slow answer delays those
    behind it, and their wait is in no figure.
    """

    tool = "locust"

    def recognizes(self, content: Content) -> bool:
        """Return whether it has one of Locust's headers."""
        header = content.header
        return {"type", "name"} <= set(header) and ("request count" in header or "user count" in header)

    def read(self, content: Content) -> LevelTable:
        """Read the level of the statistics, or the levels of the history."""
        collected = Collected(content.source, self.tool)
        rows = [
            (f"line {line}", dict(zip(content.header, cells, strict=False)))
            for line, cells in content.rows[1:]
        ]
        rows = [
            (place, row)
            for place, row in rows
            if AGGREGATED in (row.get("name", "").lower(), row.get("type", "").lower())
        ]
        if "user count" in content.header:
            _history(collected, rows)
        else:
            for place, row in rows:
                collected.add(_statistics(place, row))
            collected.remark(
                "without_procs", "", "Locust does not write its users (-u) here; its history has them"
            )
        return collected.table(
            leaves_out_late_starts=True, accepted='Locust statistics with a row "Aggregated"'
        )


def _cell(row: Mapping[str, str], name: str) -> Printed | None:
    return read_printed(row.get(name, ""))


def _milliseconds(row: Mapping[str, str], name: str) -> Printed | None:
    found = _cell(row, name)
    return None if found is None else found.times(1e-3)


def _statistics(place: str, row: Mapping[str, str]) -> Figures:
    figures = Figures(place)
    count, failures = _cell(row, "request count"), _cell(row, "failure count")
    figures.set("kind", "closed")
    figures.set("throughput_per_s", _cell(row, "requests/s"))
    figures.set("mean_s", _milliseconds(row, "average response time"))
    figures.set("min_s", _milliseconds(row, "min response time"))
    figures.set("max_s", _milliseconds(row, "max response time"))
    if count is not None:
        figures.set("operations", count.value)
        if failures is not None:
            figures.set("error_rate", failures.value / max(count.value, 1.0))
    _percentiles(figures, row)
    return figures


def _percentiles(figures: Figures, row: Mapping[str, str]) -> None:
    for name in row:
        match = _PERCENTILE.fullmatch(name)
        found = _milliseconds(row, name) if match else None
        if match is None or found is None or float(match[1]) >= 100:
            continue
        # Locust keeps response times to two significant digits from 100 ms on.
        coarse = max(found.half_unit, 0.05 * found.value if found.value >= 0.1 else 0.0)
        figures.percentile(float(match[1]), Printed(found.value, coarse))


def _history(collected: Collected, rows: Sequence[tuple[str, Mapping[str, str]]]) -> None:
    """Add a level for each stretch of equal users; rates come from the totals at its ends, as they add up."""
    stretch: list[tuple[str, Mapping[str, str]]] = []
    for place, row in [*rows, ("", {})]:
        users = row.get("user count", "")
        if stretch and users != stretch[0][1].get("user count"):
            _add_stretch(collected, stretch)
            stretch = []
        stretch.append((place, row))


def _add_stretch(collected: Collected, stretch: list[tuple[str, Mapping[str, str]]]) -> None:
    (place, first), (_, last) = stretch[0], stretch[-1]
    users = _cell(first, "user count")
    if users is None or users.value <= 0 or len(stretch) < 3:
        return
    begin, end = _cell(first, "timestamp"), _cell(last, "timestamp")
    before, after = _cell(first, "total request count"), _cell(last, "total request count")
    figures = Figures(place)
    figures.set("kind", "closed")
    figures.set("procs", users.value)
    figures.set("concurrency", 1.0)
    if begin and end and before and after and end.value > begin.value:
        figures.set("duration_s", end.value - begin.value)
        figures.set("operations", after.value - before.value)
        figures.set("throughput_per_s", (after.value - before.value) / (end.value - begin.value))
        _mean(figures, first, last, before.value, after.value)
    _percentiles(figures, last)
    collected.add(figures)


def _mean(
    figures: Figures, first: Mapping[str, str], last: Mapping[str, str], before: float, after: float
) -> None:
    """Set the mean of the stretch from the means since the start at both of its ends."""
    early, late = _cell(first, "total average response time"), _cell(last, "total average response time")
    if early is not None and late is not None and after > before:
        figures.set("mean_s", max((late.value * after - early.value * before) / (after - before), 0.0) / 1e3)

"""CSV tables of stated changes: gains by component and load, and figures before and after."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from calibration.levels import Claim, LevelTable
from calibration.tables.columns import Column, column, percent_of
from calibration.tables.content import Collected, Content
from calibration.tables.printed import Printed, read_printed
from simulator.measures import percentile_name

_PROCS: Final = re.compile(r"\((\d+) process(?:es)?\)|(\d+) process(?:es)?\b")
COMPONENT: Final = ("component", "optimization", "feature", "lever")
OVERALL: Final = frozenset({"overall", "total", "all", "combined"})


class GainsReader:
    """One row a component and one column a load, each cell the gain in percent: `component,light_pct,...`."""

    tool = "gains csv"

    def recognizes(self, content: Content) -> bool:
        """Return whether the first column names components and all others are percentages."""
        header = content.header
        return (
            len(header) > 1
            and header[0] in COMPONENT
            and all(name.endswith(("_pct", "%")) for name in header[1:])
        )

    def read(self, content: Content) -> LevelTable:
        """Read one claim a cell; the subject of "overall" is everything together."""
        collected = Collected(content.source, self.tool)
        claims = []
        loads = [name.removesuffix("_pct").strip(" _%") for name in content.header[1:]]
        for line, cells in content.rows[1:]:
            subject = "" if cells[0].lower() in OVERALL else cells[0]
            for load, cell in zip(loads, cells[1:], strict=False):
                change = read_printed(cell)
                if change is None:
                    collected.remark("unreadable", f"line {line}", f"{load} is {cell!r}, which is no number")
                    continue
                scaled = change.times(0.01)
                claims.append(
                    Claim(
                        place=f"line {line}",
                        subject=subject,
                        load=load,
                        change=scaled.value,
                        rounding={"change": scaled.half_unit},
                    )
                )
        return collected.table(leaves_out_late_starts=None, accepted="gains in percent", claims=claims)


class BeforeAfterReader:
    """One row a figure, with its value before and after: `metric,before,after,improvement_pct`.

    A comment above may say at how many processes: "(20 processes)".
    """

    tool = "before and after csv"

    def recognizes(self, content: Content) -> bool:
        """Return whether the header is metric, before and after."""
        return content.header[:1] == ["metric"] and {"before", "after"} <= set(content.header)

    def read(self, content: Content) -> LevelTable:
        """Read one claim a row."""
        collected = Collected(content.source, self.tool)
        said = _PROCS.search(content.text.partition(content.rows[0][1][0])[0])
        procs = float(said[1] or said[2]) if said else None
        claims = []
        for line, cells in content.rows[1:]:
            row = dict(zip(content.header, cells, strict=False))
            before, after = read_printed(row.get("before", "")), read_printed(row.get("after", ""))
            if before is None or after is None:
                collected.remark(
                    "unreadable", f"line {line}", f"{row['metric']} lacks a figure; it is left out"
                )
                continue
            claims.append(_claim(f"line {line}", before, after, row=row, procs=procs))
        return collected.table(
            leaves_out_late_starts=None, accepted="figures before and after", claims=claims
        )


def _claim(
    place: str, before: Printed, after: Printed, *, row: Mapping[str, str], procs: float | None
) -> Claim:
    meaning = column(row["metric"].removeprefix("peak_").removeprefix("peak "))
    factor = 1.0 if meaning is None else 0.01 if meaning.percent else meaning.factor or 1.0
    before, after = before.times(factor), after.times(factor)
    stated = next((name for name in row if name.startswith(("improvement", "gain", "change"))), None)
    change = read_printed(row[stated]) if stated else None
    scaled = change.times(0.01) if change is not None and stated and "pct" in stated else change
    rounding = {"before": before.half_unit, "after": after.half_unit}
    return Claim(
        place=place,
        figure=_figure(meaning),
        load=row["metric"],
        procs=procs,
        before=before.value,
        after=after.value,
        change=None if scaled is None else scaled.value,
        rounding=rounding | ({"change": scaled.half_unit} if scaled else {}),
    )


def _figure(meaning: Column | None) -> str | None:
    if meaning is None:
        return None
    percent = percent_of(meaning.figure)
    return meaning.figure if percent is None else percentile_name(percent)

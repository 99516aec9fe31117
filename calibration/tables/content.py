"""The content of a file that a reader is to recognize, and what readers share in making levels of it."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import ValidationError

from calibration.levels import Level, LevelTable, Remark
from calibration.tables.errors import TableError
from calibration.tables.printed import Printed
from simulator.measures import percentile_name

MOST_BYTES: Final = 512 * 2**20


@dataclass(frozen=True)
class Content:
    """The text of one source."""

    source: str
    text: str

    @classmethod
    def of_file(cls, path: Path) -> Content:
        """Read a file. Raises TableError if there is none, or if it holds no text."""
        accepted = "a readable file that a load generator wrote, or a CSV table"
        try:
            if path.stat().st_size > MOST_BYTES:
                raise TableError(str(path), f"more than {MOST_BYTES // 2**20} MiB", "a shorter file")
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise TableError(str(path), (error.strerror or "an error").lower(), accepted) from None
        except UnicodeDecodeError:
            raise TableError(str(path), "something other than text", accepted) from None
        if not text.strip():
            raise TableError(str(path), "an empty file", accepted)
        return cls(str(path), text)

    @cached_property
    def json(self) -> Any:
        """The text as JSON; None if it is none."""
        if self.text.lstrip()[:1] not in "{[":
            return None
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def rows(self) -> list[tuple[int, list[str]]]:
        """The text as CSV: line number and stripped cells, without comments and empty lines."""
        lines = [line if not line.lstrip().startswith("#") else "" for line in self.text.splitlines()]
        delimiter = _delimiter(lines)
        try:
            reader = csv.reader(io.StringIO("\n".join(lines)), delimiter=delimiter)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
        except csv.Error:
            return []
        return [(line, _with_points(row, rows)) for line, row in rows] if delimiter == ";" else rows

    @cached_property
    def header(self) -> list[str]:
        """The first row, in lower case."""
        return [cell.lower() for cell in self.rows[0][1]] if self.rows else []


def _delimiter(lines: list[str]) -> str:
    first = next((line for line in lines if line.strip()), "")
    return max(",;\t", key=first.count)


def _with_points(cells: list[str], rows: list[tuple[int, list[str]]]) -> list[str]:
    """Return cells with decimal points for decimal commas, as tables have that are parted by semicolons.

    Where one number of the table has a point before a comma, such as 1.234,5, points part thousands everywhere.
    """
    if any(_THOUSANDS_AND_COMMA.match(cell) for _, row in rows for cell in row):
        cells = [_THOUSANDS.sub(lambda match: match[0].replace(".", ""), cell) for cell in cells]
    return [re.sub(r"^([-+]?\d+),(\d+)(?!\d*,)", r"\1.\2", cell) for cell in cells]


_THOUSANDS: Final = re.compile(r"^[-+]?\d{1,3}(?:\.\d{3})+(?![\d.])")
_THOUSANDS_AND_COMMA: Final = re.compile(_THOUSANDS.pattern + r",\d")


class Reader(Protocol):
    """What recognizes and reads the output of one tool."""

    tool: str

    def recognizes(self, content: Content) -> bool:
        """Return whether the content is this tool's, judged by the text alone."""

    def read(self, content: Content) -> LevelTable:
        """Read the levels. Raises TableError."""


@dataclass
class Figures:
    """The figures of a level while they are collected; every setter ignores None.

    place: where they stand.
    """

    place: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    percentiles: dict[float, float] = field(default_factory=dict)
    rounding: dict[str, float] = field(default_factory=dict)

    def set(self, name: str, value: Any) -> None:
        """Set a field; a printed number brings its rounding along."""
        if value is None:
            return
        if isinstance(value, Printed):
            self.rounding[name] = value.half_unit
            value = value.value
        self.values[name] = value

    def percentile(self, percent: float, value: Printed | float | None) -> None:
        """Set a percentile; the hundredth is the maximum, and one at 0 the minimum."""
        if value is None:
            return
        if percent >= 100 or percent <= 0:
            self.set("max_s" if percent >= 100 else "min_s", value)
            return
        if isinstance(value, Printed):
            self.rounding[percentile_name(percent)] = value.half_unit
            value = value.value
        self.percentiles[percent] = value

    def all(self) -> dict[str, Any]:
        """Return what a Level is made of."""
        known = {*self.values, *map(percentile_name, self.percentiles)}
        return {
            **self.values,
            "place": self.place,
            "percentiles_s": dict(sorted(self.percentiles.items())),
            "rounding": {name: half for name, half in self.rounding.items() if half > 0 and name in known},
        }


@dataclass
class Collected:
    """Levels and remarks while a source is read."""

    source: str
    tool: str
    levels: list[Level] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def add(self, figures: Figures) -> None:
        """Add a level, or a remark on why it is none: a figure that is missing, zero or negative."""
        throughput = figures.values.get("throughput_per_s")
        if throughput is None:
            self.remark("missing_level", figures.place, "has no throughput; the level is left out")
            return
        if not (math.isfinite(throughput) and throughput > 0):
            self.remark(
                "not_positive", figures.place, f"the throughput is {throughput:g}/s; the level is left out"
            )
            return
        try:
            self.levels.append(Level.model_validate(figures.all()))
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            found = first["input"]
            self.remark(
                "not_positive",
                figures.place,
                f"{name} is {found!r}, which it cannot be; the level is left out",
            )

    def remark(self, code: str, place: str, message: str) -> None:
        """Note something once."""
        remark = Remark(code=code, place=place, message=message)
        if remark not in self.remarks:
            self.remarks.append(remark)

    def table(self, *, leaves_out_late_starts: bool | None, accepted: str, **more: Any) -> LevelTable:
        """Return the table. Raises TableError, saying what a level needs, if nothing was found."""
        if not self.levels and not more.get("claims"):
            problem = next(
                (one for one in self.remarks if one.code in ("missing_level", "not_positive")), None
            )
            found = f"{problem.message}" if problem else f"{self.tool} output without a complete run"
            raise TableError(self.source, found, accepted, problem.place if problem else "")
        return LevelTable(
            source=self.source,
            tool=self.tool,
            levels=self.levels,
            remarks=self.remarks,
            leaves_out_late_starts=leaves_out_late_starts,
            **more,
        )


def number(table: Mapping[str, Any] | None, *names: str) -> float | None:
    """Return the number at a path of a JSON document; None if there is none."""
    found: Any = table
    for name in names:
        found = found.get(name) if isinstance(found, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)

"""A plain CSV: one row a level, columns by their names (`calibration.tables.columns`)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from calibration.levels import Claim, LevelTable
from calibration.tables.columns import Column, column, percent_of
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.errors import TableError
from calibration.tables.printed import SIZES, TIMES, Printed, rate_factor, read_printed

ACCEPTED: Final = (
    "a header with a load (procs, concurrency, threads, connections, rate, cores) and a throughput "
    "(throughput_per_s), such as: procs,throughput_per_s,mean_ms,p50_ms,p95_ms,cpu_pct,cores"
)
EMPTY: Final = frozenset({"", "-", "n/a", "na", "nan", "none", "null"})
PER_LEVEL: Final = frozenset({"procs", "clients", "concurrency", "cores", "instances", "arrival_rate_per_s"})
NEED_UNIT: Final = frozenset({"mean_s", "stdev_s", "min_s", "max_s", "think_time_s"})
RATES: Final = frozenset({"throughput_per_s", "goodput_per_s", "arrival_rate_per_s", "queries"})
BYTES: Final = frozenset({"memory_bytes", "network_bytes_per_s", "disk_bytes_per_s"})


@dataclass(frozen=True)
class _Meaning:
    """A column's place, its name as written and what it means."""

    place: int
    name: str
    column: Column


class PlainCsvReader:
    """Any CSV whose columns can be understood; comments start with #."""

    tool = "csv"

    def recognizes(self, content: Content) -> bool:
        """Return whether the header names a load and a throughput."""
        return len(content.rows) >= 1 and _usable(_meanings(content.rows[0][1], content.rows[1:]))

    def read(self, content: Content) -> LevelTable:
        """Read one level a row and series."""
        return _Table(content).read()


def _unit_in_cell(figure: str, unit: str) -> float | None:
    """Return what a unit behind a number stands for in SI units; None where the figure cannot have it."""
    if figure in NEED_UNIT or percent_of(figure) is not None or figure == "duration_s":
        return TIMES.get(unit)
    if figure in BYTES:
        return SIZES.get(unit.lower().removesuffix("/s"))
    return rate_factor(unit) if unit and figure in RATES else None


def _usable(meanings: Sequence[_Meaning]) -> bool:
    figures = {meaning.column.figure for meaning in meanings}
    return bool(figures & {"throughput_per_s", "queries", "throughput_per_proc_per_s"})


def _meanings(header: Sequence[str], rows: Sequence[tuple[int, list[str]]]) -> list[_Meaning]:
    """Return the columns that are understood and hold what their name says; text columns hold none."""
    found = []
    for place, name in enumerate(header):
        meaning = column(name) if name else None
        if meaning is None:
            continue
        cells = [row[place] for _, row in rows if place < len(row) and row[place].lower() not in EMPTY]
        numbers = [cell for cell in cells if read_printed(cell) is not None]
        if meaning.figure in ("run", "label") or not cells or len(numbers) * 2 > len(cells):
            found.append(_Meaning(place, name, meaning))
    return _without_doubles(found)


def _without_doubles(meanings: list[_Meaning]) -> list[_Meaning]:
    """Queries are the throughput of their series where nothing else is; of two columns alike the first counts."""
    counted = {entry.column.series for entry in meanings if entry.column.figure == "throughput_per_s"}
    meanings = [
        replace(entry, column=replace(entry.column, figure="throughput_per_s"))
        if entry.column.figure == "queries" and entry.column.series not in counted
        else entry
        for entry in meanings
    ]
    seen: set[tuple[str, str]] = set()
    kept = []
    for meaning in meanings:
        key = (meaning.column.figure, meaning.column.series)
        if key not in seen:
            seen.add(key)
            kept.append(meaning)
    return kept


class _Table:
    """One CSV while it is read."""

    def __init__(self, content: Content) -> None:
        self._source = content.source
        (_, self._header), self._rows = content.rows[0], content.rows[1:]
        self._meanings = _meanings(self._header, self._rows)
        self._collected = Collected(content.source, PlainCsvReader.tool)
        self._text_columns = self._series_columns()

    def read(self) -> LevelTable:
        if not self._rows:
            raise TableError(self._source, "a header without rows", ACCEPTED)
        self._check_columns()
        claims: list[Claim] = []
        for line, cells in self._rows:
            if len(cells) > len(self._header) or len(cells) < 2:
                place = f"line {line}"
                found = f"has {len(cells)} cells, the header {len(self._header)}; it is left out"
                self._collected.remark("unreadable", place, found)
                continue
            self._row(f"line {line}", cells, claims)
        table = self._collected.table(leaves_out_late_starts=None, accepted=ACCEPTED, claims=claims)
        return table.model_copy(update={"unused": self._unused()})

    def _check_columns(self) -> None:
        for meaning in self._meanings:
            figure = meaning.column.figure
            timed = figure in NEED_UNIT or percent_of(figure) is not None
            if timed and meaning.column.factor is None and not self._units_in_cells(meaning):
                self._collected.remark(
                    "without_unit", "", f"column {meaning.name} has no unit: taken as seconds"
                )
        read = {entry.place for entry in self._meanings}
        for place, name in enumerate(self._header):
            if column(name) is not None and place not in read:
                self._collected.remark("unreadable", "", self._unreadable(place, name))
        if not any(entry.column.figure in PER_LEVEL for entry in self._meanings):
            self._collected.remark("without_load", "", "no column says how much was offered")

    def _unreadable(self, place: int, name: str) -> str:
        """Say why a column whose name is understood is not used."""
        if name in self._header[:place]:
            return f"column {name} stands twice; the first is used"
        cells = [row[place] for _, row in self._rows if place < len(row)]
        wrong = next((one for one in cells if one.lower() not in EMPTY and read_printed(one) is None), None)
        if wrong is None:
            return f"column {name} says the same as one before it; it is not used"
        return f"column {name} holds {wrong!r}, which is no number; it is not used"

    def _units_in_cells(self, meaning: _Meaning) -> bool:
        cells = [cells[meaning.place] for _, cells in self._rows if meaning.place < len(cells)]
        return any((found := read_printed(cell)) is not None and found.unit for cell in cells)

    def _series_columns(self) -> list[int]:
        """Return the text columns that set levels apart: those that hold more than one text."""
        understood = {meaning.place for meaning in self._meanings}
        places = []
        for place in range(len(self._header)):
            cells = [cells[place] for _, cells in self._rows if place < len(cells)]
            texts = {cell for cell in cells if read_printed(cell) is None and cell.lower() not in EMPTY}
            if place not in understood and len(texts) > 1 and len(texts) * 2 <= len(cells):
                places.append(place)
        return places

    def _unused(self) -> list[str]:
        understood = {meaning.place for meaning in self._meanings} | set(self._text_columns)
        return [name for place, name in enumerate(self._header) if place not in understood]

    def _row(self, place: str, cells: list[str], claims: list[Claim]) -> None:
        text = " ".join(cells[column] for column in self._text_columns if column < len(cells))
        labels = self._labels()
        for label in labels:
            figures = Figures(place)
            figures.set("series", " ".join(part for part in (text, label) if part) or None)
            for meaning in self._meanings:
                if meaning.column.series in ("", label) and meaning.place < len(cells):
                    self._cell(figures, meaning, cells[meaning.place])
            self._settle(figures)
            self._collected.add(figures)
        self._claim(place, cells, labels, claims)

    def _labels(self) -> list[str]:
        """Return the series that throughput columns name; one without a name if there is a plain column."""
        labels = list(
            dict.fromkeys(
                entry.column.series
                for entry in self._meanings
                if entry.column.figure in ("throughput_per_s", "throughput_per_proc_per_s")
            )
        )
        return [""] if "" in labels else labels

    def _cell(self, figures: Figures, meaning: _Meaning, cell: str) -> None:
        figure = meaning.column.figure
        if cell.lower() in EMPTY or figure == "change":
            return
        if figure in ("run", "label"):
            figures.set(figure, cell)
            return
        found = read_printed(cell)
        if found is None:
            self._collected.remark(
                "unreadable", figures.place, f"{meaning.name} is {cell!r}, which is no number; it is left out"
            )
            return
        value = self._scaled(figures, meaning, self._as_in_column(meaning, cell, found))
        if value is None:
            return
        percent = percent_of(figure)
        if percent is not None:
            figures.percentile(percent, value)
        elif figure == "queries":
            figures.set("other_rates_per_s", {"queries": value.value})
        elif figure == "repeats":
            figures.set(figure, int(value.value))
        else:
            figures.set(figure, value)

    def _as_in_column(self, meaning: _Meaning, cell: str, found: Printed) -> Printed:
        """Return a number as finely rounded as its column: where decimals differ, zeros at the end were dropped."""
        decimals, digits = self._fineness(meaning.place)
        if len(decimals) < 2 or found.value == 0 or "e" in cell.lower():
            return found
        half_unit = 0.5 * 10.0 ** (math.floor(math.log10(abs(found.value))) - digits + 1)
        return replace(found, half_unit=min(found.half_unit, half_unit))

    @cache  # noqa: B019 - lives as long as the table is read
    def _fineness(self, place: int) -> tuple[frozenset[int], int]:
        """Return the numbers of decimals in a column, and its most significant digits."""
        numbers = [
            match[0]
            for _, cells in self._rows
            if place < len(cells) and (match := re.search(r"\d+(?:\.\d+)?", cells[place].replace(",", "")))
        ]
        decimals = frozenset(len(text.partition(".")[2]) for text in numbers)
        return decimals, max((len(text.replace(".", "").lstrip("0")) for text in numbers), default=1)

    def _scaled(self, figures: Figures, meaning: _Meaning, found: Printed) -> Printed | None:
        """Return a figure in SI units: a unit in the cell beats that of the column."""
        column_, figure = meaning.column, meaning.column.figure
        if found.value < 0:
            text = f"{meaning.name} is {found.value:g}, which it cannot be; it is left out"
            self._collected.remark("not_positive", figures.place, text)
            return found if figure == "throughput_per_s" else None
        if column_.percent or found.unit == "%":
            return found.times(0.01)
        own = _unit_in_cell(figure, found.unit)
        if own is not None:
            named = column_.factor is not None and (column_.factor != 1.0 or figure not in (*RATES, *BYTES))
            if named and column_.factor != own:
                text = f"{meaning.name} is {found.value:g}{found.unit}: the unit of the cell is taken"
                self._collected.remark("mixed_units", figures.place, text)
            return found.times(own)
        if found.unit:
            text = f"{meaning.name} has the unit {found.unit!r}, which is not known there; it is left out"
            self._collected.remark("unknown_unit", figures.place, text)
            return None
        if self._units_in_cells(meaning) and column_.factor is None:
            text = f"{meaning.name} is {found.value:g} without a unit, where others have one; it is left out"
            self._collected.remark("mixed_units", figures.place, text)
            return None
        return found.times(1.0 if column_.factor is None else column_.factor)

    def _settle(self, figures: Figures) -> None:
        """Turn clients, concurrency and CPU into the fields of a level."""
        values = figures.values
        clients, concurrency = values.pop("clients", None), values.pop("concurrency", None)
        if clients is not None:
            values["procs"] = clients
            values["concurrency"] = concurrency if concurrency is not None else 1.0
        elif concurrency is not None:
            values["concurrency"] = concurrency if "procs" in values else 1.0
            values.setdefault("procs", concurrency)
        if "arrival_rate_per_s" in values:
            values["kind"] = "closed" if "procs" in values and "concurrency" in values else "open"
        elif "procs" in values:
            values["kind"] = "closed"
        for name in ("procs", "concurrency", "arrival_rate_per_s", "cores", "instances"):
            figures.rounding.pop(name, None)
            if values.get(name) == 0:
                del values[name]
        if "throughput_per_s" not in values and {"procs", "throughput_per_proc_per_s"} <= values.keys():
            values["throughput_per_s"] = values["procs"] * values["throughput_per_proc_per_s"]
            half = figures.rounding.get("throughput_per_proc_per_s", 0.0)
            figures.rounding["throughput_per_s"] = values["procs"] * half
        self._settle_cpu(figures)

    def _settle_cpu(self, figures: Figures) -> None:
        """A gauge of more than all cores counts single cores, as top does."""
        values = figures.values
        share, half = values.pop("cpu", None), figures.rounding.pop("cpu", 0.0)
        if share is None:
            return
        if self._counts_single_cores():
            values["cpu_busy_cores"] = share
            figures.rounding["cpu_busy_cores"] = half
        else:
            values["cpu_utilization"] = share
            figures.rounding["cpu_utilization"] = half

    def _counts_single_cores(self) -> bool:
        """Return whether most of the CPU gauge stands above one whole machine, and within its cores."""
        gauge = next((entry for entry in self._meanings if entry.column.figure == "cpu"), None)
        counted = next((entry for entry in self._meanings if entry.column.figure == "cores"), None)
        if gauge is None or counted is None:
            return False
        shares, within = [], []
        for _, cells in self._rows:
            found, cores = read_printed(cells[gauge.place]), read_printed(cells[counted.place])
            if found is not None and cores is not None:
                share = found.value / (100.0 if gauge.column.percent or found.unit == "%" else 1.0)
                shares.append(share > 1.2)
                within.append(share <= 1.05 * cores.value)
        return len(shares) > 1 and sum(shares) * 2 >= len(shares) and all(within)

    def _claim(self, place: str, cells: Sequence[str], labels: Sequence[str], claims: list[Claim]) -> None:
        """Add the change that a row states between two series called before and after."""
        by_name: Mapping[str, _Meaning] = {
            entry.column.series: entry
            for entry in self._meanings
            if entry.column.figure == "throughput_per_s"
        }
        stated = next((entry for entry in self._meanings if entry.column.figure == "change"), None)
        if stated is None or not {"before", "after"} <= set(labels):
            return
        before, after = (read_printed(cells[by_name[name].place]) for name in ("before", "after"))
        change = read_printed(cells[stated.place])
        procs = next((entry for entry in self._meanings if entry.column.figure in ("procs", "clients")), None)
        if before is None or after is None or change is None:
            return
        scaled = change.times(0.01 if stated.column.percent else 1.0)
        count = read_printed(cells[procs.place]) if procs else None
        claims.append(
            Claim(
                place=place,
                figure="throughput_per_s",
                procs=count.value if count else None,
                before=before.value,
                after=after.value,
                change=scaled.value,
                rounding={"before": before.half_unit, "after": after.half_unit, "change": scaled.half_unit},
            )
        )

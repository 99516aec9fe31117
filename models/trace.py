"""The arrivals of a trace file: seconds since start, and optionally the name of an operation."""

import csv
import math
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.errors import FieldProblem, InvalidField, shown
from models.units import MAX_TIME_NS, NS_PER_S


def _problem(path: Path, line: int | None, found: str, accepted: str) -> InvalidField:
    place = f" in line {line} of {path.name}" if line else f": {path.name}"
    return InvalidField([FieldProblem(("file",), found + place, accepted)])


def _unreadable(path: Path, error: OSError) -> InvalidField:
    found = f"no readable file ({(error.strerror or 'unknown reason').lower()})"
    return _problem(path, None, found, "a readable file, its place relative to the scenario file")


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.reader(file)
            return [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except OSError as error:
        raise _unreadable(path, error) from None
    except (UnicodeDecodeError, csv.Error):
        raise _problem(path, None, "something other than text", "CSV in UTF-8") from None


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def read_trace(path: Path) -> tuple[NDArray[np.int64], list[str] | None]:
    """Read start times [ns, nondecreasing] and the operation of each, or None if there is no second column.

    A first line whose first cell is no number is a header. A file is read again only when it has changed.
    Raises InvalidField if the file is missing, empty, unsorted, or has a row that cannot be read.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    times, names = _read_version(path, status.st_mtime_ns, status.st_size)
    return times, None if names is None else list(names)


@lru_cache(maxsize=4)
def _read_version(path: Path, _mtime_ns: int, _size_bytes: int) -> tuple[NDArray[np.int64], list[str] | None]:
    rows = _read_rows(path)
    if rows and not _is_number(rows[0][1][0]):
        rows = rows[1:]
    if not rows:
        raise _problem(path, None, "no arrivals", "at least one row of seconds since start")
    columns = len(rows[0][1])
    times: list[int] = []
    for line, row in rows:
        if len(row) != columns or columns > 2 or (columns == 2 and not row[1]):
            found = f"{len(row)} columns"
            raise _problem(path, line, found, "seconds and, in all rows or in none, an operation's name")
        seconds = float(row[0]) if _is_number(row[0]) else math.nan
        if not 0 <= seconds * NS_PER_S <= MAX_TIME_NS:
            raise _problem(path, line, shown(row[0]), "seconds since start, not negative")
        time_ns = round(seconds * NS_PER_S)
        if times and time_ns < times[-1]:
            raise _problem(path, line, shown(row[0]), "times in order, none before the one above it")
        times.append(time_ns)
    array = np.array(times, dtype=np.int64)
    array.flags.writeable = False
    return array, [row[1] for _, row in rows] if columns == 2 else None

"""Tables that other tools wrote, recognized by what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.claims_csv import BeforeAfterReader, GainsReader
from calibration.tables.content import Content, Reader
from calibration.tables.errors import TableError
from calibration.tables.hey import HeyReader
from calibration.tables.k6 import K6Reader
from calibration.tables.locust import LocustReader
from calibration.tables.oha import OhaReader
from calibration.tables.pgbench import PgbenchLogReader, PgbenchReader
from calibration.tables.plain_csv import ACCEPTED, PlainCsvReader
from calibration.tables.redis_benchmark import RedisBenchmarkReader
from calibration.tables.simulated import SimulatedReader
from calibration.tables.sysbench import SysbenchReader
from calibration.tables.vegeta import VegetaReader
from calibration.tables.wrk import WrkReader

READERS: Final[tuple[Reader, ...]] = (
    SimulatedReader(),
    WrkReader(),
    K6Reader(),
    OhaReader(),
    VegetaReader(),
    HeyReader(),
    LocustReader(),
    PgbenchLogReader(),
    PgbenchReader(),
    RedisBenchmarkReader(),
    SysbenchReader(),
    GainsReader(),
    BeforeAfterReader(),
    PlainCsvReader(),
)
"""In the order in which they are asked: what is most specific first."""

FORMATS: Final = (
    "output of wrk, wrk2, k6 (summary JSON), oha (JSON), hey (-o csv), vegeta (JSON report), Locust (CSV), pgbench, "
    "redis-benchmark (--csv) or sysbench, a result of sim, or a CSV with "
    + ACCEPTED.removeprefix("a header with ")
)


def read_table(path: Path) -> LevelTable:
    """Read one file. Raises TableError if it cannot be read or nothing recognizes it."""
    return read_content(Content.of_file(path))


def read_content(content: Content) -> LevelTable:
    """Read a text. Raises TableError."""
    for reader in READERS:
        if reader.recognizes(content):
            return reader.read(content)
    first = next(line.strip() for line in content.text.splitlines() if line.strip())
    raise TableError(content.source, f"{first[:60]!r}, which no reader recognizes", FORMATS)


def read_tables(paths: Sequence[Path]) -> list[LevelTable]:
    """Read files, and of directories the files in them that hold levels. Raises TableError.

    A file that is named must be readable; of a directory at least one must be.
    """
    tables: list[LevelTable] = []
    for path in paths:
        if not path.is_dir():
            tables.append(read_table(path))
            continue
        found = []
        for entry in sorted(path.iterdir()):
            if entry.suffix.lower() in (".csv", ".json", ".txt", ".log") and entry.is_file():
                try:
                    found.append(read_table(entry))
                except TableError:
                    continue
        if not found:
            raise TableError(str(path), "a directory without a table", FORMATS)
        tables += found
    return tables

"""What pgbench prints, and its log of single transactions."""

from __future__ import annotations

import re
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.observed import set_response_times
from calibration.tables.printed import Printed, read_printed

_START: Final = re.compile(r"^transaction type:", re.MULTILINE)
_CLIENTS: Final = re.compile(r"number of clients:\s*(\d+)")
_PROCESSED: Final = re.compile(r"number of transactions actually processed:\s*(\d+)")
_DURATION: Final = re.compile(r"^duration:\s*([\d.]+) s", re.MULTILINE)
_TPS: Final = re.compile(r"^tps = ([\d.]+) \((.*)\)", re.MULTILINE)
_MEAN: Final = re.compile(r"latency average\s*[=:]\s*([\d.]+) ms")
_STDEV: Final = re.compile(r"latency stddev\s*[=:]\s*([\d.]+) ms")
_FAILED: Final = re.compile(r"number of failed transactions:\s*(\d+)")
_LAG: Final = re.compile(r"rate limit schedule lag: avg ([\d.]+) \(max ([\d.]+)\) ms")
_RATE: Final = re.compile(r"(?:^|\s)(?:-R\s*|--rate[= ])([\d.]+)")
MOST_RETRIES: Final = 100
_LOG_LINE: Final = re.compile(
    r"\d+ \d+ (\d+|failed|skipped|serialization|deadlock) \d+ \d{9,} \d{1,6}( \d+)*"
)


class PgbenchReader:
    """The summary of pgbench. The response time counts from the intended start where a rate was set (-R)."""

    tool = "pgbench"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is a summary of pgbench."""
        return bool(_TPS.search(content.text) and _CLIENTS.search(content.text))

    def read(self, content: Content) -> LevelTable:
        """Read one level a run."""
        collected = Collected(content.source, self.tool)
        text = content.text
        starts = [match.start() for match in _START.finditer(text)] or [0]
        before = 0
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            place = f"line {text.count(chr(10), 0, start) + 1}"
            figures = _run(place, text[start:end])
            rates = [float(match[1]) for match in _RATE.finditer(text[before:start])]
            if _LAG.search(text[start:end]):
                figures.set("kind", "open")
                figures.set("arrival_rate_per_s", rates[-1] if rates else None)
            collected.add(figures)
            before = start
        return collected.table(leaves_out_late_starts=False, accepted="a summary of pgbench with its tps")


def _run(place: str, text: str) -> Figures:
    figures = Figures(place)
    clients, processed = _CLIENTS.search(text), _PROCESSED.search(text)
    figures.set("kind", "closed")
    if clients:
        figures.set("procs", float(clients[1]))
        figures.set("concurrency", 1.0)
    figures.set("throughput_per_s", _tps(text))
    for name, pattern in (("mean_s", _MEAN), ("stdev_s", _STDEV)):
        match = pattern.search(text)
        found = read_printed(match[1]) if match else None
        if found is not None and found.value > 0:  # versions before 9.6 print 0.000 for runs by count
            figures.set(name, found.times(1e-3))
    duration, failed = _DURATION.search(text), _FAILED.search(text)
    figures.set("duration_s", float(duration[1]) if duration else None)
    if processed:
        figures.set("operations", float(processed[1]))
        if failed:
            total = float(processed[1]) + float(failed[1])
            figures.set("error_rate", float(failed[1]) / max(total, 1.0))
    return figures


def _tps(text: str) -> Printed | None:
    """Return the rate without the time of connecting, which old versions print second."""
    found = {match[2]: match[1] for match in _TPS.finditer(text)}
    for said, rate in found.items():
        if said.startswith(("excluding", "without")):
            return read_printed(rate)
    return read_printed(next(iter(found.values()))) if found else None


class PgbenchLogReader:
    """`pgbench --log`: one line a transaction. Its time counts from the intended start, under -R too.

    Columns: client, its transaction, elapsed microseconds, script, end as seconds and microseconds, and with
    -R the lag behind the schedule, which the elapsed time contains.
    """

    tool = "pgbench log"

    def recognizes(self, content: Content) -> bool:
        """Return whether the first lines are those of a log."""
        lines = content.text.lstrip().splitlines()[:5]
        return bool(lines) and all(_LOG_LINE.fullmatch(line.strip()) for line in lines)

    def read(self, content: Content) -> LevelTable:
        """Read the one level of the log."""
        collected = Collected(content.source, self.tool)
        rows, failed, rate_limited = _log_rows(content, collected)
        figures = Figures()
        if len(rows):
            ends_s = rows[:, 2]
            response_s = rows[:, 1] / 1e6
            duration_s = float(ends_s.max() - (ends_s - response_s).min())
            figures.set("procs", float(len(np.unique(rows[:, 0]))))
            figures.set("concurrency", 1.0)
            figures.set("kind", "open" if rate_limited else "closed")
            figures.set("operations", float(len(rows)))
            figures.set("duration_s", duration_s if duration_s > 0 else None)
            figures.set("throughput_per_s", len(rows) / duration_s if duration_s > 0 else None)
            figures.set("error_rate", failed / (failed + len(rows)))
            set_response_times(figures, response_s)
        collected.add(figures)
        return collected.table(leaves_out_late_starts=False, accepted="a log of pgbench with transactions")


def _log_rows(content: Content, collected: Collected) -> tuple[NDArray[np.float64], int, bool]:
    """Return client, elapsed microseconds and end of each transaction, the failed ones, and whether -R was set."""
    rows: list[tuple[float, float, float]] = []
    failed = 0
    rate_limited = False
    first_s = 0.0
    for line, text in enumerate(content.text.splitlines(), start=1):
        cells = text.split()
        if not cells:
            continue
        if not _LOG_LINE.fullmatch(text.strip()):
            collected.remark("unreadable", f"line {line}", "is no line of a pgbench log; it is left out")
            continue
        if not cells[2].isdigit():
            failed += 1
            continue
        # A seventh column is the lag in microseconds, or (--max-tries without -R) the number of retries.
        rate_limited = rate_limited or len(cells) == 8 or (len(cells) == 7 and int(cells[6]) > MOST_RETRIES)
        first_s = first_s or float(cells[4])
        rows.append((float(cells[0]), float(cells[2]), float(cells[4]) - first_s + float(cells[5]) / 1e6))
    return np.array(rows, dtype=np.float64).reshape(-1, 3), failed, rate_limited

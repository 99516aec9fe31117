"""The text that wrk and wrk2 print."""

from __future__ import annotations

import re
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.printed import read_count, read_size, read_time

_START: Final = re.compile(r"^\s*Running .+ test @ .*$", re.MULTILINE)
_LOAD: Final = re.compile(r"(\d+) threads? and (\d+) connections?")
_LATENCY: Final = re.compile(r"^\s*Latency\s+(\S+)\s+(\S+)\s+(\S+)\s+\S+%", re.MULTILINE)
_THREAD_STATS: Final = re.compile(r"Thread Stats\s+Avg\s+Stdev\s+(\S+)")
_PERCENTILE: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)%\s+(\S+)\s*$", re.MULTILINE)
_DONE: Final = re.compile(r"(\d+) requests in (\S+), (\S+) read")
_RATE: Final = re.compile(r"Requests/sec:\s*(\S+)")
_TRANSFER: Final = re.compile(r"Transfer/sec:\s*(\S+)")
_SOCKET_ERRORS: Final = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_BAD_STATUS: Final = re.compile(r"Non-2xx or 3xx responses: (\d+)")
_OFFERED: Final = re.compile(r"(?:^|\s)-R\s*(\d+)|--rate[= ](\d+)")
_WRK2: Final = re.compile(r"Thread calibration: mean lat|HdrHistogram - |#\[Mean\s+=|1/\(1-Percentile\)")


class WrkReader:
    """wrk (closed loop) and wrk2 (constant rate); several runs in one file become several levels.

    wrk sends the next request when the answer has come, so a slow answer delays the requests behind it and
    their wait is in no figure. wrk2 counts from the intended start.
    """

    tool = "wrk"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is the text of wrk or wrk2."""
        return bool(_START.search(content.text) and _RATE.search(content.text))

    def read(self, content: Content) -> LevelTable:
        """Read one level a run."""
        starts = [match.start() for match in _START.finditer(content.text)]
        wrk2 = bool(_WRK2.search(content.text))
        collected = Collected(content.source, "wrk2" if wrk2 else "wrk")
        before = 0
        for start, end in zip(starts, [*starts[1:], len(content.text)], strict=True):
            line = content.text.count("\n", 0, start) + 1
            figures = _run(content.text[start:end], f"line {line}")
            offered = _offered(content.text[before:start]) if wrk2 else None
            figures.set("kind", "open" if wrk2 else "closed")
            figures.set("arrival_rate_per_s", offered)
            collected.add(figures)
            before = start
        if wrk2 and any(level.arrival_rate_per_s is None for level in collected.levels):
            collected.remark(
                "without_rate", "", "wrk2 does not print its rate (-R): the throughput stands for it"
            )
        return collected.table(leaves_out_late_starts=not wrk2, accepted="wrk output with Requests/sec")


def _offered(text: str) -> float | None:
    """Return the rate of the last command line before a run."""
    rates = [float(match[1] or match[2]) for match in _OFFERED.finditer(text)]
    return rates[-1] if rates else None


def _run(text: str, place: str) -> Figures:
    figures = Figures(place)
    load = _LOAD.search(text)
    if load:
        figures.set("procs", float(load[2]))
        figures.set("concurrency", 1.0)
    rate, transfer = _RATE.search(text), _TRANSFER.search(text)
    figures.set("throughput_per_s", read_count(rate[1]) if rate else None)
    figures.set("network_bytes_per_s", read_size(_binary(transfer[1])) if transfer else None)
    _response_times(figures, text)
    done = _DONE.search(text)
    if done:
        figures.set("operations", float(done[1]))
        figures.set("duration_s", read_time(done[2]))
        figures.set("error_rate", _errors(text) / max(float(done[1]), 1.0))
    return figures


def _response_times(figures: Figures, text: str) -> None:
    latency, stats = _LATENCY.search(text), _THREAD_STATS.search(text)
    if latency:
        figures.set("mean_s", read_time(latency[1]))
        figures.set("stdev_s", read_time(latency[2]))
        if stats is None or stats[1] == "Max":  # some builds print the 99th percentile there
            figures.set("max_s", read_time(latency[3]))
    for match in _PERCENTILE.finditer(text):
        figures.percentile(float(match[1]), read_time(match[2]))


def _binary(text: str) -> str:
    """wrk counts in units of 1024 and writes them KB, MB, GB."""
    return re.sub(r"([KMGT])B", r"\1iB", text)


def _errors(text: str) -> float:
    sockets, status = _SOCKET_ERRORS.search(text), _BAD_STATUS.search(text)
    broken = sum(float(count) for count in sockets.groups()) if sockets else 0.0
    return broken + (float(status[1]) if status else 0.0)

"""The text that sysbench prints."""

from __future__ import annotations

import re
from typing import Final

from calibration.levels import LevelTable
from calibration.tables.content import Collected, Content, Figures
from calibration.tables.printed import Printed, read_printed

_START: Final = re.compile(r"^sysbench \d.*$|^Running the test with following options", re.MULTILINE)
_THREADS: Final = re.compile(r"Number of threads:\s*(\d+)")
_TRANSACTIONS: Final = re.compile(r"transactions:\s+(\d+)\s+\(([\d.]+) per sec\.\)")
_QUERIES: Final = re.compile(r"queries:\s+(\d+)\s+\(([\d.]+) per sec\.\)")
_EVENTS: Final = re.compile(r"events/s \(eps\):\s+([\d.]+)|events per second:\s+([\d.]+)")
_ELAPSED: Final = re.compile(r"(?:time elapsed|total time):\s+([\d.]+)s")
_COUNT: Final = re.compile(r"total number of events:\s+(\d+)")
_IGNORED: Final = re.compile(r"ignored errors:\s+(\d+)")
_SECTION: Final = re.compile(r"Latency \(ms\):\s*\n((?:\s+.*\n?)+?)(?:\n|\Z)")
_PERCENTILE: Final = re.compile(r"(\d+)(?:th|st|nd|rd) percentile:\s+([\d.]+)")
_RATE: Final = re.compile(r"--rate=(\d+)")


class SysbenchReader:
    """The report of sysbench 1.0 and 1.1, of a database test or another; several runs become several levels.

    A thread starts its next event when the last one has ended. Percentiles come from a histogram of 1 024
    bins between 0.001 and 100 000 ms, so they are up to 0.9 % off.
    """

    tool = "sysbench"

    def recognizes(self, content: Content) -> bool:
        """Return whether it is a report of sysbench."""
        text = content.text
        return "Latency (ms):" in text and ("Threads fairness:" in text or bool(_START.search(text)))

    def read(self, content: Content) -> LevelTable:
        """Read one level a run."""
        collected = Collected(content.source, self.tool)
        offered = _RATE.search(content.text)
        for place, text in _runs(content.text):
            figures = _run(place, text)
            if offered and float(offered[1]) > 0:
                figures.set("kind", "open")
                figures.set("arrival_rate_per_s", float(offered[1]))
            collected.add(figures)
        return collected.table(
            leaves_out_late_starts=not offered, accepted="a report of sysbench with its number of threads"
        )


def _runs(text: str) -> list[tuple[str, str]]:
    """Cut the text at the headings of its runs, the first of which may be missing."""
    threads = [match.start() for match in _THREADS.finditer(text)]
    starts = [0, *threads[1:]]
    ends = [*starts[1:], len(text)]
    return [
        (f"line {text.count(chr(10), 0, threads[index] if threads else 0) + 1}", text[start:end])
        for index, (start, end) in enumerate(zip(starts, ends, strict=True))
    ]


def _run(place: str, text: str) -> Figures:
    figures = Figures(place)
    threads, count = _THREADS.search(text), _COUNT.search(text)
    elapsed = _ELAPSED.search(text)
    figures.set("kind", "closed")
    if threads:
        figures.set("procs", float(threads[1]))
        figures.set("concurrency", 1.0)
    figures.set("duration_s", read_printed(elapsed[1]) if elapsed else None)
    figures.set("operations", float(count[1]) if count else None)
    _throughput(figures, text)
    ignored = _IGNORED.search(text)
    if ignored and count:
        figures.set("error_rate", float(ignored[1]) / max(float(ignored[1]) + float(count[1]), 1.0))
    _response_times(figures, text)
    return figures


def _throughput(figures: Figures, text: str) -> None:
    transactions, queries, events = _TRANSACTIONS.search(text), _QUERIES.search(text), _EVENTS.search(text)
    if transactions:
        figures.set("throughput_per_s", read_printed(transactions[2]))
        if queries:
            figures.set("other_rates_per_s", {"queries": float(queries[2])})
    elif events:
        figures.set("throughput_per_s", read_printed(events[1] or events[2]))
    elif figures.values.get("operations") and figures.values.get("duration_s"):
        figures.set("throughput_per_s", figures.values["operations"] / figures.values["duration_s"])


def _response_times(figures: Figures, text: str) -> None:
    section = _SECTION.search(text)
    if section is None:
        return
    for name, key in (("mean_s", "avg"), ("min_s", "min"), ("max_s", "max")):
        match = re.search(rf"\b{key}:\s+([\d.]+)", section[1])
        figures.set(name, _milliseconds(match[1]) if match else None)
    for match in _PERCENTILE.finditer(section[1]):
        found = _milliseconds(match[2])
        if found is not None and found.value > 0:  # 0.00: --percentile=0 switches it off
            percent = float(match[1])
            exact = Printed(found.value, max(found.half_unit, 0.009 * found.value))
            figures.percentile(percent / 10 ** (len(match[1]) - 2) if percent > 100 else percent, exact)


def _milliseconds(text: str) -> Printed | None:
    found = read_printed(text)
    return None if found is None else found.times(1e-3)

"""The line protocol by which a program reports its operations (described for its authors in docs/line_protocol.md)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from calibration.live.errors import LiveError
from calibration.live.operations import Operations, operations

KEYS: Final = {"cpu": 4, "bytes": 5, "memory": 6}
"""Words of an `op` line that carry a number, with the field of `OPERATION` that takes it."""
ACCEPTED: Final = "ready, op BEGIN END, op INTENDED BEGIN END, overhead NS, clock realtime, problem TEXT, or fail TEXT"
MAX_NS: Final = 2**62


@dataclass
class Transcript:
    """What one copy has reported.

    operations: in the order of the lines. overhead_ns: the recorder's own time within each operation.
    failure: why the program cannot go on, by its own words. problem: what the first failed operation said.
    """

    operations: Operations
    ready: bool = False
    overhead_ns: float = 0.0
    failure: str | None = None
    problem: str | None = None


@dataclass
class _Reading:
    subject: str
    copy: int
    paced: bool
    realtime_offset_ns: int
    rows: list[tuple[int, ...]] = field(default_factory=list)
    offset_ns: int = 0


def has_begun(report: bytes) -> bool:
    """Return whether a copy is set up: it said so, or reports operations."""
    return any(report.startswith(word) or b"\n" + word in report for word in (b"ready\n", b"op "))


def parse(report: bytes, subject: str, copy: int, *, paced: bool, realtime_offset_ns: int = 0) -> Transcript:
    """Read what a copy has written so far; an unfinished last line is left out.

    subject: what errors call the program. paced: whether intended starts are required.
    realtime_offset_ns: what must be added to CLOCK_REALTIME to get CLOCK_MONOTONIC [ns].
    Raises LiveError that names the line.
    """
    reading = _Reading(subject, copy, paced, realtime_offset_ns)
    transcript = Transcript(operations([]))
    text = report[: report.rfind(b"\n") + 1].decode(errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        word, _, rest = line.strip().partition(" ")
        if word == "op":
            reading.rows.append(_operation(reading, number, rest.split()))
        elif word == "ready":
            transcript.ready = True
        elif word == "overhead":
            transcript.overhead_ns = _number(reading, number, rest)
        elif word == "clock" and rest == "realtime":
            reading.offset_ns = realtime_offset_ns
        elif word == "clock" and rest == "monotonic":
            reading.offset_ns = 0
        elif word == "fail":
            transcript.failure = rest or "no reason given"
        elif word == "problem":
            transcript.problem = transcript.problem or rest
        elif word:
            raise _wrong_line(reading, number, line, ACCEPTED)
    transcript.operations = operations(reading.rows)
    return transcript


def _operation(reading: _Reading, number: int, words: list[str]) -> tuple[int, ...]:
    times: list[int] = []
    row = [reading.copy, 0, 0, 0, -1, -1, -1, 0]
    for word in words:
        name, equals, value = word.partition("=")
        if word == "error":
            row[7] = 1
        elif equals and name in KEYS:
            row[KEYS[name]] = _number(reading, number, value)
        elif equals:
            raise _wrong_line(reading, number, f"op {' '.join(words)}", f"one of {', '.join(KEYS)}")
        else:
            times.append(_number(reading, number, word) + reading.offset_ns)
    if len(times) == 2 and not reading.paced:
        times.insert(0, times[0])
    if len(times) != 3:
        accepted = "op INTENDED BEGIN END, as the starts are paced" if reading.paced else "op BEGIN END"
        raise _wrong_line(reading, number, f"op {' '.join(words)}", accepted)
    if not times[1] <= times[2] or not times[0] <= times[2]:
        raise _wrong_line(reading, number, f"op {' '.join(words)}", "an end that is not before the begin")
    row[1:4] = times
    return tuple(row)


def _number(reading: _Reading, number: int, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text[:20]) < MAX_NS and len(text) <= 19):
        raise _wrong_line(reading, number, text, "a whole number of nanoseconds or bytes")
    return int(text)


def _wrong_line(reading: _Reading, number: int, found: str, accepted: str) -> LiveError:
    shown = found if len(found) <= 60 else found[:59] + "…"
    where = f"line {number} of copy {reading.copy + 1}"
    return LiveError(reading.subject, f'"{shown}" in {where}', accepted)

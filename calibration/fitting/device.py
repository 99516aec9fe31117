"""A device that does two writes at a time, and flushes what was written for all who wait.

An operation that writes and waits until it is on the disk sleeps for each write, and then for a flush of the device's
cache. Linux has one flush under way at a time; all that wait meanwhile are answered by the next one
(block/blk-flush.c), whatever the file system, and a journal's commits are shared likewise. Reads of the counters of a
virtual disk showed it: each of 1 to 4 writers had a flush of its own, 8 one for every second write, 50 for every sixth.
Of its writes it has several under way: 30 to 50 writers made 43 000 a second that took 120 us each, one writer's 75.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Final

from calibration.fitting.blueprint import ALL_WAITING, Free
from calibration.live.measured import Spread, Workload
from calibration.live.scenario_draft import CONSTANT_BELOW_CV, distribution
from models.units import BANDWIDTH, SIZE

BYTES_PER_S: Final = 1e9
"""Of a device whose times are written as sizes: a byte is a nanosecond."""
MOST_WRITES: Final = 4
COUNTED: Final = 0.1
"""Of a sleep that is missing to a whole one, at most, where it counts as one."""
AT_ONCE: Final = 2
"""Writes that the device does at a time: between one, which half as many writes as were counted would fill, and as many
as come, which four writers would gain more by than they do."""
BUSY: Final = 0.5
"""Share of the wait that the device is at work for, with how uncertain that is: assumed. The rest is on the way."""
BUSY_WIDTH: Final = 0.8
OWN_WRITES: Final = 0.5
"""Share of that in an operation's own writes; the rest is the flush, which all share who wait: assumed."""
OWN_WRITES_WIDTH: Final = 0.8
COLD: Final = 0.2
"""Share of an operation's CPU that it takes as its cores idle while it waits, and not where others keep them busy."""
DEVICE_COLD_WIDTH: Final = 0.6
"""An fsync took 140 to 200 us with 1 and 2 writers, and 105 to 155 with 8 to 50, on one day; on another 1.5 times as
much with many as with few, when caches were crowded."""
LINES_OF_WRITERS: Final = 300
"""Cache lines that an operation which waits for its writes fetches again in a crowd: between those of a server's
session, which it seemed to on one day, and next to none, as on another. Between its sleeps the kernel's code runs."""
LINES_OF_WRITERS_WIDTH: Final = 0.6
UNCHARGED: Final = 0.25
"""CPU of an operation that no process is charged with, relative to what it is charged with alone: interrupts, threads
of the kernel that write, and what cores idle beside a queue. Of an fsync of 175 us the first two were 15 us with 1 and
2 writers and 24 to 34 with 4 to 50; of the time of two cores 7 to 17 % were idle with 16 to 50 writers."""
BESIDE: Final = 0.45
"""What the way to the device takes longer with each doubling of the writers, relative to a single one's wait.

Neither the device nor the cores need to be busy: all interrupts of its queue come on one core, whom they wake is often
put there beside an idle one, and each waits for threads of the kernel that are woken likewise. Counted in six
recordings, an operation slept for 260 us alone and for 350, 430, 490, 620, 690 and 790 with 2, 4, 8, 16, 30 and 50
writers, and was ready for 30, 180 and 460 us with 2, 4 and 8, when cores were busy for 0.3, 0.4 and 0.55 of their time.
"""
BESIDE_WIDTH: Final = 0.4
SLOWDOWN_WIDTH: Final = 0.03
"""How far two of them slow each other down otherwise than computing does: assumed."""
DEVICE_OUTSIDE: Final = 0.06
"""Relative deviation of all figures by what a device does with more writers than were seen, which only it knows.

Beside what the other numbers leave open. Chosen after looking at five recordings of one disk on one day: intervals hold
137 of 150 figures with it (18 of 30 of the worst); with 0.12, their errors' root mean square, 146 of 150.
"""
VARIES: Final = 0.1
"""Relative deviation of a device's time from one repeat to the next, where there was one repeat."""
GROWING: Final[Mapping[str, float]] = {"p95": 0.08, "p99": 0.04}
"""What percentiles grow by relative to the mean with each doubling of the writers, as a logarithm.

Processes do not even out: all interrupts of a disk with one queue come on one core, so that those that run there are
slower for as long as they do (medians of fifty processes lay between 2.2 and 5.3 ms over three seconds). Of three
recordings, from 2 writers to 4 and to 50: p95 from 1.4 to 2.0 and 2.3 means, p99 from 2.5 to 3.0 and 3.8.
"""
USUAL: Final[Mapping[str, float]] = {"p95": 1.43, "p99": 2.5}
"""Percentiles of two writers relative to the mean: medians of seven recordings (1.37 to 1.55, 2.0 to 2.85). What a few
seconds show of them hangs on a few stops, so that it counts for half."""
TAILS: Final[Mapping[str, float]] = {"p95": 0.05, "p99": 0.1}
"""What a device leaves open in the tail beside that with each doubling of the writers, upwards.

When it stops it stops for all, some twenty times a second for 3.5 ms with 1 to 50 writers alike, more or fewer times as
the hypervisor wants: p99 of 8 and 16 writers was once longer by 0.25 (as a logarithm) for each doubling.
"""


def device_free(wait_s: float) -> list[Free]:
    """Return the numbers of the device: what it takes of the wait, what of that are an operation's own writes, and how
    much longer the way to it takes with each doubling of the writers. wait_s: of a single one.
    """
    how = "assumed: the writes of an operation take about as long as its flush"
    return [
        Free("serial_wait", BUSY, BUSY_WIDTH, "assumed: half of the wait", "logit", "share"),
        Free("each", OWN_WRITES, OWN_WRITES_WIDTH, how, "logit", "share"),
        Free("beside", BESIDE * wait_s, BESIDE_WIDTH, "assumed: nearly half of the wait for each doubling of writers"),
    ]


def usual_tails(tails: Mapping[str, float], writers: int) -> dict[str, float]:
    """Return percentiles of so many writers half as measured and half as usual: logarithms, relative to the mean."""
    doublings = math.log2(max(writers, 1) / 2.0)
    return {
        name: (far + math.log(USUAL[name]) + GROWING[name] * doublings) / 2.0 if name in USUAL else far
        for name, far in tails.items()
    }


def device_stages(service: dict[str, Any], workload: Workload, values: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return the stages of an operation that works before each of its writes and before the flush after them.

    A device does `AT_ONCE` writes at a time. All who wait when a flush begins share it, and flushes wait behind writes.
    values: "beside" is what the way to the device takes longer under this load [s].
    """
    if workload.wait is None:
        return []
    count = writes_of(workload)
    # what no process is charged with was a part of the wait as it was measured
    slept_s = max(values["wait"] - uncharged_s(workload), 0.0)
    busy_s = slept_s * values["serial_wait"]
    write_s, flush_s = values["each"] * busy_s / count, (1.0 - values["each"]) * busy_s
    service["links"] = {"device": {"bandwidth": BANDWIDTH.print(BYTES_PER_S), "parallel": AT_ONCE}}
    service["batchers"] = {"flush": {"max_size": ALL_WAITING, "link": "device", "overhead": _as_size(flush_s)}}
    way_s = slept_s - busy_s + values["beside"]
    way = {"kind": "delay", "time": distribution(workload.wait, way_s / workload.wait.mean_s.value)}
    part_s = (values["demand"] + uncharged_s(workload)) / (count + 1)
    work = {"kind": "cpu", "demand": distribution(workload.demand, part_s / workload.demand.mean_s.value)}
    # of one of the writes, so that the whole varies as it did: all that has to be waited for stops together
    first = _varying(workload.wait, values["wait"], write_s)
    writes = [{"kind": "link", "link": "device", "bytes": size} for size in (first, *[_as_size(write_s)] * (count - 1))]
    flush = {"kind": "batch", "batcher": "flush"}
    return [work, way, *(stage for wait in (*writes, flush) for stage in (wait, work))][:-1]


def _varying(wait: Spread, whole_s: float, part_s: float) -> Any:
    """Return the size of a part of a wait that varies so much that the whole does as it was measured.

    whole_s, part_s: their means.
    """
    quantiles = [(level, value * whole_s / wait.mean_s.value) for level, value in wait.quantiles_s]
    if len(quantiles) < 2 or wait.cv < CONSTANT_BELOW_CV:
        return _as_size(part_s)
    left = [(level, max(value - (whole_s - part_s), 0.0)) for level, value in quantiles]
    mean_s = sum((high - low) * (one + other) / 2.0 for (low, one), (high, other) in pairwise(left))
    if mean_s <= 0.0:
        return _as_size(part_s)
    rows = [[level, _as_size(value * part_s / mean_s)] for level, value in left]
    return {"distribution": "empirical", "quantiles": rows}


def _as_size(seconds: float) -> str:
    """Return what a device of `BYTES_PER_S` takes so long for."""
    return SIZE.print(max(round(seconds * BYTES_PER_S), 1))


def uncharged_s(workload: Workload) -> float:
    """Return the CPU of an operation that no process is charged with [s]."""
    return UNCHARGED * workload.demand.mean_s.value


def waits_for_writes(workload: Workload) -> bool:
    """Return whether operations write to a disk; where that is not known, whether they write anything."""
    written = workload.written_bytes if workload.disk_written_bytes is None else workload.disk_written_bytes
    return bool(written)


def writes_of(workload: Workload) -> int:
    """Return how many writes an operation waits for, one after the other, before the flush: its other sleeps.

    A part of a sleep is what only some operations wait for: a page that another one locks.
    """
    return min(max(math.floor((workload.sleeps or 2.0) + COUNTED) - 1, 1), MOST_WRITES)

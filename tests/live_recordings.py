"""Recordings made up for tests of what is computed from them, and a watch that sees a quiet machine."""

from __future__ import annotations

import numpy as np

from calibration.interference import Interference, Reading, Watch
from calibration.live.level_run import Plan, Recording, Service
from calibration.live.operations import OPERATION
from calibration.live.pacing import Pacing
from calibration.live.usage import Usage

MS = 1_000_000
SECOND = 1_000_000_000


class QuietSource:
    """A machine on which nothing else happens."""

    cores = 2

    def read(self, own):
        return Reading(0.0, 0.0, 0.0, {})


def quiet_watch(own):
    return Watch(own, QuietSource())


def rows(times_ns, *, copies=1, cpu_ns=None, start_ns=0, failed=()):
    """Return operations of these lengths, one after the other on each copy in turn."""
    found = np.zeros(len(times_ns), dtype=OPERATION)
    ends = [start_ns] * copies
    for index, length in enumerate(times_ns):
        copy = index % copies
        found[index]["copy"] = copy
        found[index]["intended_ns"] = found[index]["begin_ns"] = ends[copy]
        ends[copy] += int(length)
        found[index]["end_ns"] = ends[copy]
        found[index]["cpu_ns"] = -1 if cpu_ns is None else int(cpu_ns[index])
        found[index]["failed"] = index in failed
    found["moved_bytes"] = found["memory_bytes"] = -1
    return found


def usage(**counters):
    return Usage(**{"voluntary_switches": 0, "involuntary_switches": 0, "run_delay_ns": 0, **counters})


def recording(
    times_ns,
    *,
    copies=1,
    cpu_per_operation_ns=1 * MS,
    sleeps=0.0,
    run_delay_ns=0.0,
    cpu_ns=None,
    pacing=None,
    overhead_ns=0.0,
    served=None,
    failed=(),
    peak_bytes=30_000_000,
):
    """Return what a level would have recorded in which every operation used this much."""
    found = rows(times_ns, copies=copies, cpu_ns=cpu_ns, failed=failed)
    count = len(found)
    plan = Plan(copies, pacing or Pacing(), SECOND, 0, 1, cpu_of_each=cpu_ns is not None)
    used = usage(
        cpu_ns=round(cpu_per_operation_ns * count),
        voluntary_switches=round(sleeps * count),
        run_delay_ns=round(run_delay_ns * count),
        minor_faults=0,
        major_faults=0,
        read_characters=100 * count,
        written_characters=0,
        disk_read_bytes=0,
        disk_written_bytes=4096 * count,
    )
    return Recording(
        plan=plan,
        window_ns=(0, SECOND),
        operations=found,
        used=used,
        done=float(count),
        span_ns=SECOND,
        overhead_ns=overhead_ns,
        own_cpu_ns=0,
        base_bytes=20_000_000,
        own_bytes=10_000_000,
        peak_bytes=peak_bytes,
        loopback_bytes=0,
        interference=Interference(1.0, 0.0, 0.0),
        served=served,
    )


def service(cpu_ns, *, sleeps=0, run_delay_ns=0, processes=(1,), peak_bytes=50_000_000):
    used = usage(cpu_ns=cpu_ns, voluntary_switches=sleeps, run_delay_ns=run_delay_ns)
    return Service(used, 40_000_000, peak_bytes, tuple(processes))

"""What processes have used so far, read from outside of them: CPU, switches, page faults, memory, IO.

On Linux the CPU clock of another process is read by its id (clock_getcpuclockid(3)), which is exact, while
/proc/PID/stat counts in ticks of 10 ms. Reading it makes the kernel account a running task there and then and
so ends its slice, which is why a level is read twice only: where its window begins and where it ends.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import psutil

_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")
_IO_FIELDS: Final = {
    "rchar": "read_characters",
    "wchar": "written_characters",
    "read_bytes": "disk_read_bytes",
    "write_bytes": "disk_written_bytes",
}


@dataclass(frozen=True)
class Usage:
    """Counters of some processes at one time; the difference of two is what was used between them.

    cpu_ns: CPU time, of ended and awaited children too [ns]. user_share: of it in user mode, 0 to 1.
    run_delay_ns: time that their threads were ready but not running [ns]; None where the system does not say.
    voluntary_switches: a thread went to sleep. involuntary_switches: it was replaced by another.
    minor_faults, major_faults: page faults without and with disk access.
    read_characters, written_characters: bytes through read(2) and write(2), of files, pipes and sockets.
    disk_read_bytes, disk_written_bytes: bytes that a disk had, or will have, to move. None: not permitted.
    """

    cpu_ns: int = 0
    user_ns: int = 0
    run_delay_ns: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    read_characters: int | None = None
    written_characters: int | None = None
    disk_read_bytes: int | None = None
    disk_written_bytes: int | None = None

    def __add__(self, other: Usage) -> Usage:
        """Return what both used together; what either does not know is unknown."""
        return self._combined(other, 1)

    def __sub__(self, other: Usage) -> Usage:
        """Return what was used since `other`, never less than nothing."""
        return self._combined(other, -1)

    def _combined(self, other: Usage, sign: int) -> Usage:
        values: dict[str, int | None] = {}
        for field in fields(Usage):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            values[field.name] = None if mine is None or theirs is None else max(0, mine + sign * theirs)
        return Usage(**values)  # type: ignore[arg-type]


NOTHING: Final = Usage(**{field.name: 0 for field in fields(Usage)})
"""The neutral element of the addition."""


def cpu_clock_ns(pid: int) -> int:
    """Return the CPU time that all threads of a process have used [ns].

    Raises ProcessLookupError if there is no such process.
    """
    if sys.platform == "linux":
        try:
            return time.clock_gettime_ns((~pid << 3) | 2)  # the kernel's CPUCLOCK_SCHED of that process
        except OSError:
            raise ProcessLookupError(pid) from None
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.Error:
        raise ProcessLookupError(pid) from None
    return round((times.user + times.system) * 1e9)


def usage_of(pids: Iterable[int]) -> Usage:
    """Return what these processes have used so far; those that are gone count as nothing."""
    total = NOTHING
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess, FileNotFoundError):
            total = total + _usage_of_one(pid)
    return total


def with_descendants(pids: Sequence[int]) -> list[int]:
    """Return processes and all that they started and that still run; the processes of the machine are listed once."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found = list(dict.fromkeys(pids))
    for pid in found:
        found += [child for child in children.get(pid, []) if child not in found]
    return found


def _parents() -> dict[int, int]:
    """Return the parent of every process that can be seen."""
    if sys.platform != "linux":
        return {process.pid: process.info["ppid"] for process in psutil.process_iter(["ppid"])}
    parents = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError), open(f"/proc/{entry}/stat", "rb") as file:
                parents[int(entry)] = int(file.read().rpartition(b")")[2].split()[1])
    return parents


def resident_bytes(pids: Sequence[int]) -> int:
    """Return the memory of these processes, shared pages counted once per process [bytes]."""
    total = 0
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            total += psutil.Process(pid).memory_info().rss
    return total


def own_bytes(pids: Sequence[int]) -> int | None:
    """Return the memory that only these processes have (unique set size) [bytes]; None if not permitted."""
    total = 0
    for pid in pids:
        try:
            total += psutil.Process(pid).memory_full_info().uss
        except psutil.AccessDenied:
            return None
        except psutil.Error:
            continue
    return total


def reset_peak(pids: Sequence[int]) -> None:
    """Let the peak of resident memory begin anew (proc(5), clear_refs); no effect where that is not permitted."""
    for pid in pids:
        with contextlib.suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_bytes(pids: Sequence[int]) -> int | None:
    """Return the sum of the processes' peaks of resident memory [bytes]; None where the system does not say."""
    total = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text()
        except OSError:
            continue
        line = next((line for line in status.splitlines() if line.startswith("VmHWM:")), None)
        total += int(line.split()[1]) * 1024 if line else 0
    return total or None


def loopback_bytes() -> int | None:
    """Return the bytes that the whole machine has sent over its loopback so far; None if it has none."""
    for name, counters in psutil.net_io_counters(pernic=True).items():
        if name in ("lo", "lo0"):
            return int(counters.bytes_sent)
    return None


def _usage_of_one(pid: int) -> Usage:
    if sys.platform != "linux":
        process = psutil.Process(pid)
        times, switches = process.cpu_times(), process.num_ctx_switches()
        return Usage(
            cpu_ns=round((times.user + times.system) * 1e9),
            user_ns=round(times.user * 1e9),
            voluntary_switches=switches.voluntary,
            involuntary_switches=switches.involuntary,
        )
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    minor, child_minor, major, child_major, user, _, child_user, child_system = (int(text) for text in stat[7:15])
    tick_ns = 1_000_000_000 // _TICKS_PER_S
    run_delay_ns, voluntary, involuntary = _of_threads(pid)
    return Usage(
        cpu_ns=cpu_clock_ns(pid) + (child_user + child_system) * tick_ns,
        user_ns=(user + child_user) * tick_ns,
        run_delay_ns=run_delay_ns,
        voluntary_switches=voluntary,
        involuntary_switches=involuntary,
        minor_faults=minor + child_minor,
        major_faults=major + child_major,
        **_io_of(pid),
    )


def _of_threads(pid: int) -> tuple[int | None, int, int]:
    """Return run-queue wait [ns], voluntary and involuntary switches, summed over the threads that are there."""
    run_delay_ns: int | None = 0
    voluntary = involuntary = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in (task / "status").read_text().splitlines():
                name, _, value = line.partition(":")
                voluntary += int(value) if name == "voluntary_ctxt_switches" else 0
                involuntary += int(value) if name == "nonvoluntary_ctxt_switches" else 0
            try:
                delay_ns = int((task / "schedstat").read_text().split()[1])
            except (OSError, IndexError):
                run_delay_ns = None
            else:
                run_delay_ns = None if run_delay_ns is None else run_delay_ns + delay_ns
    return run_delay_ns, voluntary, involuntary


def _io_of(pid: int) -> dict[str, int | None]:
    try:
        lines = Path(f"/proc/{pid}/io").read_text().splitlines()
    except OSError:
        return dict.fromkeys(_IO_FIELDS.values())
    values = dict(line.split(": ") for line in lines)
    return {ours: int(values[theirs]) for theirs, ours in _IO_FIELDS.items()}

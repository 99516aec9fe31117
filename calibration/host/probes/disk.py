"""Disk writes: a small write, its fsync, what concurrent fsyncs gain, and the bandwidth of a long write."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from calibration.host.processes import Slab, Unavailable, run_together

_BLOCK = bytes(4096)
_LONG_BYTES = 32 << 20
_FREE_BYTES = 256 << 20
WRITERS = (1, 2, 4, 8)


def _fsyncs(directory: str, writers: int, window_s: float) -> tuple[list[int], list[int], float]:
    """Return the times of writes and of fsyncs [ns] and the fsyncs per second of all writers together."""

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        used = 0
        handle = os.open(os.path.join(directory, f"writer{index}"), os.O_CREAT | os.O_WRONLY, 0o600)
        try:
            while used < len(slab) - 1:
                begin = time.monotonic_ns()
                os.write(handle, _BLOCK)
                written = time.monotonic_ns()
                os.fsync(handle)
                now = time.monotonic_ns()
                slab[used], slab[used + 1] = written - begin, now - written
                used += 2
                if now > end_ns:
                    break
        finally:
            os.close(handle)
        return used

    rows, _ = run_together(writers, body, window_s=window_s, capacity=int(window_s * 60_000))
    writes = [time_ns for row in rows for time_ns in row[0::2]]
    syncs = [time_ns for row in rows for time_ns in row[1::2]]
    per_s = sum(1e9 * (len(row) // 2) / max(1, sum(row)) for row in rows)
    return writes, syncs, per_s


def _bandwidth(directory: str) -> float:
    """Return bytes per second of one long write that is on the disk at the end."""
    chunk = os.urandom(1 << 20)
    handle = os.open(os.path.join(directory, "long"), os.O_CREAT | os.O_WRONLY, 0o600)
    try:
        begin = time.monotonic_ns()
        for _ in range(_LONG_BYTES // len(chunk)):
            os.write(handle, chunk)
        os.fsync(handle)
        return _LONG_BYTES / (time.monotonic_ns() - begin) * 1e9
    finally:
        os.close(handle)


def _in_memory(directory: Path) -> bool:
    """Return whether the directory is on a file system without a disk."""
    best, kind = "", ""
    try:
        for line in Path("/proc/mounts").read_text().splitlines():
            _, place, fstype = line.split()[:3]
            if str(directory.resolve()).startswith(place) and len(place) >= len(best):
                best, kind = place, fstype
    except OSError:
        return False
    return kind in ("tmpfs", "ramfs")


def measure(window_s: float, directory: str) -> tuple[dict[str, list[float]], None]:
    """Write in a directory of its own inside `directory`, which is taken away again."""
    place = Path(directory)
    if _in_memory(place):
        raise Unavailable(f"{directory} is kept in memory, not on a disk; --disk names another place")
    try:
        if shutil.disk_usage(place).free < _FREE_BYTES:
            raise Unavailable(f"{directory} has less than {_FREE_BYTES >> 20} MiB free")
        inside = tempfile.TemporaryDirectory(prefix=".sim-disk-", dir=place)
    except OSError as error:
        raise Unavailable(f"{directory} cannot be written ({(error.strerror or '').lower()})") from None
    with inside as own:
        part_s = window_s / len(WRITERS)
        writes, syncs, alone_per_s = _fsyncs(own, 1, part_s)
        found = {
            "disk.write_4KiB": [statistics.median(writes) / 1e9],
            "disk.fsync": [statistics.median(syncs) / 1e9],
            "disk.fsync_p99": [sorted(syncs)[int(0.99 * len(syncs))] / 1e9],
            "disk.bandwidth": [_bandwidth(own)],
        }
        for writers in WRITERS[1:]:
            found[f"disk.fsync_gain_{writers}"] = [_fsyncs(own, writers, part_s)[2] / alone_per_s]
    return found, None

"""Operations to calibrate with, one callable each: `sim calibrate python examples.workloads:compute`.

All of them are called again and again in each of several processes at once. What the processes must share (a lock
file) lies in the directory that SIM_CALIBRATE_DIRECTORY names while they are measured.
"""

from __future__ import annotations

import array
import binascii
import fcntl
import os
import tempfile
import time
from pathlib import Path

STEPS_OF_A_MILLISECOND = 400
BLOCK = bytes(range(256)) * 4
WAIT_S = 0.005
MEMORY_BYTES = 64 * 2**20
COPIED_BYTES = 4 * 2**20
WRITTEN_BYTES = 4096

_directory = Path(os.environ.get("SIM_CALIBRATE_DIRECTORY", tempfile.gettempdir()))
_open: dict[str, int] = {}
_memory: list[array.array[int]] = []


def _work(steps: int) -> int:
    """Do kilobytes of a chain of dependent integer operations, which leaves a hyperthread little to take away."""
    value = 0
    for _ in range(steps):
        value = binascii.crc_hqx(BLOCK, value)
    return value


def compute() -> None:
    """Compute for about a millisecond."""
    _work(STEPS_OF_A_MILLISECOND)


def compute_long() -> None:
    """Compute for about 20 milliseconds."""
    _work(20 * STEPS_OF_A_MILLISECOND)


def compute_then_wait() -> None:
    """Compute for about a millisecond, then wait for five."""
    _work(STEPS_OF_A_MILLISECOND)
    time.sleep(WAIT_S)


def lock() -> None:
    """Compute for about a millisecond, a tenth of it under a lock that all processes share."""
    _work(STEPS_OF_A_MILLISECOND * 9 // 10)
    descriptor = _file("lock", os.O_RDWR | os.O_CREAT)
    fcntl.lockf(descriptor, fcntl.LOCK_EX)
    try:
        _work(STEPS_OF_A_MILLISECOND // 10)
    finally:
        fcntl.lockf(descriptor, fcntl.LOCK_UN)


def memory_bandwidth() -> None:
    """Copy memory that no cache holds, a part of it in each operation."""
    if not _memory:
        _memory.extend(array.array("q", bytes(MEMORY_BYTES)) for _ in range(2))
        _memory.append(array.array("q", [0]))
    source, target, position = _memory
    count = COPIED_BYTES // source.itemsize
    first = position[0]
    memoryview(target)[first : first + count] = memoryview(source)[first : first + count]
    position[0] = (first + count) % len(source)


def write_and_sync() -> None:
    """Append a page to a file of this process and wait until it is on the disk."""
    descriptor = _file(f"data-{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    if os.lseek(descriptor, 0, os.SEEK_CUR) >= 64 * 2**20:
        os.lseek(descriptor, 0, os.SEEK_SET)
    os.write(descriptor, BLOCK * (WRITTEN_BYTES // len(BLOCK)))
    os.fsync(descriptor)


def _file(name: str, flags: int) -> int:
    """Return the descriptor of a file in the shared directory, opened once in each process."""
    if name not in _open:
        _open[name] = os.open(_directory / name, flags, 0o600)
    return _open[name]

"""Batches of messages over a loopback socket: CPU time of both ends as `fixed + per_item * k + per_byte * n`.

The sender frames k messages of s bytes each (a length before each) and sends them at once; the receiver reads the
batch and takes it apart. The coefficients are least squares over several k and s, weighted by 1/time so that small
batches count as much as large ones, and never negative.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from itertools import combinations

from calibration.host.processes import Slab, run_together

SHAPES = [(k, size) for k in (1, 4, 16, 64) for size in (100, 1000, 8000)]
_HEADER = struct.Struct("<I")


def coefficients(rows: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return (fixed, per item, per byte) of times by weighted least squares without negative ones.

    rows: (items, bytes, time). All subsets of the three are solved; the best without a negative one is taken
    (with three unknowns that is exact and short).
    """
    best: tuple[float, tuple[float, float, float]] | None = None
    for count in (3, 2, 1):
        for kept in combinations(range(3), count):
            solved = _solve(rows, kept)
            if solved is None or min(solved) < 0:
                continue
            error = sum(
                (1 - (solved[0] + solved[1] * items + solved[2] * size) / took) ** 2 for items, size, took in rows
            )
            if best is None or error < best[0] * (1 - 1e-12):
                best = (error, solved)
    return best[1] if best is not None else (0.0, 0.0, 0.0)


def _solve(rows: list[tuple[float, float, float]], kept: tuple[int, ...]) -> tuple[float, float, float] | None:
    """Solve the normal equations for the kept unknowns by elimination; None where they are singular."""
    table = [[(1.0, items, size)[k] / took for k in kept] for items, size, took in rows]
    scale = [max(abs(row[k]) for row in table) or 1.0 for k in range(len(kept))]
    table = [[value / scale[k] for k, value in enumerate(row)] for row in table]
    size = len(kept)
    system = [
        [sum(row[i] * row[j] for row in table) for j in range(size)] + [sum(row[i] for row in table)]
        for i in range(size)
    ]
    for i in range(size):
        pivot = max(range(i, size), key=lambda r: abs(system[r][i]))
        system[i], system[pivot] = system[pivot], system[i]
        if abs(system[i][i]) < 1e-12:
            return None
        for other in range(size):
            if other != i:
                factor = system[other][i] / system[i][i]
                system[other] = [a - factor * b for a, b in zip(system[other], system[i], strict=True)]
    result = [0.0, 0.0, 0.0]
    for i, k in enumerate(kept):
        result[k] = system[i][size] / system[i][i] / scale[i]
    return result[0], result[1], result[2]


def _read_exactly(stream: socket.socket, buffer: memoryview) -> None:
    done = 0
    while done < len(buffer):
        received = stream.recv_into(buffer[done:])
        if not received:
            raise ConnectionError("the other end closed")
        done += received


def send_batches(stream: socket.socket, shape: tuple[int, int], count: int) -> int:
    """Frame and send batches, each confirmed by one byte; return the CPU time [ns]."""
    items, size = shape
    message = os.urandom(size)
    before = time.process_time_ns()
    for _ in range(count):
        parts = []
        for _ in range(items):
            parts.append(_HEADER.pack(size))
            parts.append(message)
        stream.sendall(b"".join(parts))
    used = time.process_time_ns() - before
    stream.recv(1)
    return used


def receive_batches(stream: socket.socket, shape: tuple[int, int], count: int) -> int:
    """Receive batches and take them apart; return the CPU time [ns]."""
    items, size = shape
    buffer = memoryview(bytearray(items * (size + _HEADER.size)))
    before = time.process_time_ns()
    for _ in range(count):
        _read_exactly(stream, buffer)
        place = 0
        for _ in range(items):
            (length,) = _HEADER.unpack_from(buffer, place)
            bytes(buffer[place + _HEADER.size : place + _HEADER.size + length])
            place += _HEADER.size + length
    used = time.process_time_ns() - before
    stream.sendall(b".")
    return used


def measure(window_s: float) -> tuple[dict[str, list[float]], float]:
    """Send every shape for its part of the window and fit the CPU time of both ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5.0)
    address = listener.getsockname()
    counts = [max(10, int(window_s / len(SHAPES) / (30e-6 + 1.5e-6 * k + 0.4e-9 * k * s))) for k, s in SHAPES]

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        if index == 0:
            stream, _ = listener.accept()
        else:
            stream = socket.create_connection(address, timeout=5.0)
        with stream:
            stream.settimeout(5.0)
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            act = receive_batches if index == 0 else send_batches
            for place, (shape, count) in enumerate(zip(SHAPES, counts, strict=True)):
                act(stream, shape, 3)
                slab[place] = act(stream, shape, count)
        return len(SHAPES)

    with listener:
        written, wait_share = run_together(2, body, window_s=window_s, capacity=len(SHAPES))
    found: dict[str, list[float]] = {}
    for name, row in (("receive", written[0]), ("send", written[1])):
        times = [
            (float(k), float(k * s), max(1, used) / count / 1e9)
            for (k, s), used, count in zip(SHAPES, row, counts, strict=True)
        ]
        fixed, per_item, per_byte = coefficients(times)
        found[f"messages.{name}_fixed"] = [fixed]
        found[f"messages.{name}_per_item"] = [per_item]
        found[f"messages.{name}_per_byte"] = [per_byte]
    return found, wait_share

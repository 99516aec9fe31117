"""The loopback link: delay of a byte there and back, and bandwidth of a stream."""

from __future__ import annotations

import socket
import statistics
import time

from calibration.host.processes import Slab, run_together, usable_cpus

_CHUNK = bytes(1 << 16)


def _connect(index: int, listener: socket.socket) -> socket.socket:
    stream = listener.accept()[0] if index == 0 else socket.create_connection(listener.getsockname(), timeout=5.0)
    stream.settimeout(5.0)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _round_trips(listener: socket.socket, cpus: list[int], window_s: float) -> float:
    """Return the median time of one byte there and back [s]."""

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        used = 0
        with _connect(index, listener) as stream:
            while index == 0:
                byte = stream.recv(1)
                if not byte:
                    return 0
                stream.sendall(byte)
            now = time.monotonic_ns()
            while now < end_ns and used < len(slab):
                stream.sendall(b".")
                stream.recv(1)
                after = time.monotonic_ns()
                slab[used] = after - now
                now = after
                used += 1
        return used

    written, _ = run_together(2, body, window_s=window_s, capacity=int(window_s * 200_000), cpus=cpus)
    return statistics.median(written[1][5:]) / 1e9


def _bandwidth(listener: socket.socket, cpus: list[int], window_s: float) -> float:
    """Return bytes per second of one stream."""

    def body(index: int, begin_ns: int, end_ns: int, slab: Slab) -> int:
        total = 0
        with _connect(index, listener) as stream:
            begin = time.monotonic_ns()
            if index == 1:
                while time.monotonic_ns() < end_ns:
                    stream.sendall(_CHUNK)
                return 0
            buffer = bytearray(1 << 18)
            while received := stream.recv_into(buffer):
                total += received
            slab[0], slab[1] = total, time.monotonic_ns() - begin
        return 2

    written, _ = run_together(2, body, window_s=window_s, cpus=cpus)
    return written[0][0] / written[0][1] * 1e9


def measure(window_s: float) -> tuple[dict[str, list[float]], None]:
    """Measure one byte to and fro, then a stream, between two cores where there are two."""
    cpus = usable_cpus()[:2]
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5.0)
        round_trip_s = _round_trips(listener, cpus, window_s / 2)
        bandwidth = _bandwidth(listener, cpus, window_s / 2)
    return {"loopback.delay": [round_trip_s / 2], "loopback.bandwidth": [bandwidth]}, None

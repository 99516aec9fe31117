"""A closed loop over plain sockets, as `redis-benchmark` has it, that reports every operation by the line protocol.

    python -m benchmarks.socket_load HOST PORT CONNECTIONS REQUEST

REQUEST is sent on each connection again as soon as as many bytes have come as the first answer had. One thread and one
process hold all connections, so that what the generator takes of the machine is one station of a model.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time

from calibration.live.names import REPORT_VARIABLE, START_VARIABLE

REPORT_DELAY_S = 0.3


def connections(host: str, port: int, count: int, request: bytes) -> tuple[list[socket.socket], int]:
    """Return connections, and how many bytes an answer has."""
    found = [socket.create_connection((host, port), timeout=10.0) for _ in range(count)]
    length = 0
    for one in found:
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(request)
        time.sleep(0.001)
        length = len(one.recv(65536))
        one.setblocking(False)
    return found, length


def loop(sockets: list[socket.socket], request: bytes, length: int, window_ns: tuple[int, int]) -> list[int]:
    """Send and receive until the window ends; return begin and end of each operation [ns]."""
    clock = time.monotonic_ns
    poll = select.epoll()
    by_descriptor = {one.fileno(): one for one in sockets}
    missing = dict.fromkeys(by_descriptor, length)
    time.sleep(max(0, window_ns[0] - clock()) / 1e9)
    begun = {}
    for descriptor, one in by_descriptor.items():
        poll.register(descriptor, select.EPOLLIN)
        begun[descriptor] = clock()
        one.send(request)
    recorded: list[int] = []
    busy = len(sockets)
    while busy:
        for descriptor, _ in poll.poll():
            one = by_descriptor[descriptor]
            got = len(one.recv(65536))
            missing[descriptor] -= got
            if got and missing[descriptor] > 0:
                continue
            now = clock()
            recorded += (begun[descriptor], now)
            if now >= window_ns[1] or not got:
                busy -= 1
                poll.unregister(descriptor)
                continue
            missing[descriptor], begun[descriptor] = length, now
            one.send(request)
    return recorded


def main(host: str, port: str, count: str, request: str) -> int:
    """Take part in one level."""
    descriptor, start = int(os.environ[REPORT_VARIABLE]), int(os.environ[START_VARIABLE])
    data = request.encode().decode("unicode_escape").encode()
    try:
        sockets, length = connections(host, int(port), int(count), data)
    except OSError as error:
        os.write(descriptor, f"fail {error.strerror or error}\n".encode())
        return 0
    os.write(descriptor, b"ready\n")
    words = os.read(start, 100).split()
    if len(words) == 3:
        recorded = loop(sockets, data, length, (int(words[1]), int(words[2])))
        time.sleep(REPORT_DELAY_S)
        with os.fdopen(os.dup(descriptor), "w") as report:
            report.writelines(f"op {recorded[k]} {recorded[k + 1]}\n" for k in range(0, len(recorded), 2))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

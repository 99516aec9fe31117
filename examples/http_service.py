"""A small HTTP service to calibrate against: a millisecond of work, then five of waiting, as for a database.

python examples/http_service.py blocking 8000 8       # 8 processes, each with one request at a time
python examples/http_service.py event_loop 8000 1     # 1 process with all requests at once
sim calibrate http http://127.0.0.1:8000/ --server "python examples/http_service.py blocking 8000 8"
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time

from workloads import compute

WAIT_S = 0.005
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def blocking(listener: socket.socket) -> None:
    """Serve one request after the other, each on a connection of its own."""
    while True:
        connection, _ = listener.accept()
        with connection:
            if connection.recv(65536):
                compute()
                time.sleep(WAIT_S)
                connection.sendall(ANSWER)


async def on_loop(listener: socket.socket) -> None:
    """Serve all connections in one thread, request after request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                compute()
                await asyncio.sleep(WAIT_S)
                writer.write(KEPT)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, sock=listener)
    await server.serve_forever()


def main(kind: str, port: str, workers: str) -> None:
    """Serve on a port of the loopback until SIGTERM. kind: blocking or event_loop."""
    listener = socket.create_server(("127.0.0.1", int(port)), backlog=512)
    children = []
    for _ in range(int(workers) - 1):
        pid = os.fork()
        if pid == 0:
            break
        children.append(pid)
    else:
        signal.signal(signal.SIGTERM, lambda number, frame: _end(children))
    if kind == "blocking":
        blocking(listener)
    else:
        asyncio.run(on_loop(listener))


def _end(children: list[int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)
    os._exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])

"""Real servers to measure: nginx, Redis, PostgreSQL and a small Python service, on loopback, ended with the block.

    with redis(Path(directory)) as server: ...   # server.address, server.process.pids()

Each raises NotHere where the program is not installed or does not start.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibration.live.cleanup import die_with_parent, end_group
from calibration.live.served import RunningServer

START_TIMEOUT_S: Final = 20.0
POSTGRES_FOLDERS: Final = "/usr/lib/postgresql"
PGBENCH_SCALE: Final = 1
"""Each new connection maps the shared buffers by page faults: with larger tables that goes on for minutes."""


class NotHere(RuntimeError):  # noqa: N818 - says what is the case
    """A server that cannot be started here; its text is the reason."""


@dataclass(frozen=True)
class Server:
    """A server that listens. process: for the CPU that it takes."""

    address: tuple[str, int]
    process: RunningServer

    @property
    def url(self) -> str:
        """Its root, for those that speak HTTP."""
        return f"http://{self.address[0]}:{self.address[1]}/"


@contextlib.contextmanager
def nginx(directory: Path, workers: int = 2) -> Iterator[Server]:
    """Start nginx with a file of a kilobyte."""
    program = _found("nginx", ["/usr/sbin"])
    port = free_port()
    (directory / "index.html").write_text("x" * 1024)
    (directory / "nginx.conf").write_text(
        f"worker_processes {workers};\ndaemon off;\npid {directory}/nginx.pid;\nerror_log {directory}/error.log;\n"
        f"{'user root;' if os.geteuid() == 0 else ''}\nevents {{ worker_connections 512; }}\n"
        f"http {{ access_log off; keepalive_requests 1000000000; client_body_temp_path {directory}/body;\n"
        f"proxy_temp_path {directory}/proxy; fastcgi_temp_path {directory}/fastcgi;\n"
        f"uwsgi_temp_path {directory}/uwsgi;\n"
        f"scgi_temp_path {directory}/scgi; server {{ listen 127.0.0.1:{port}; root {directory}; }} }}\n"
    )
    command = [program, "-e", f"{directory}/error.log", "-c", f"{directory}/nginx.conf", "-p", str(directory)]
    with _started(command, port, directory) as server:
        yield server


@contextlib.contextmanager
def redis(directory: Path) -> Iterator[Server]:
    """Start Redis without anything on the disk."""
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(directory)]
    with _started([_found("redis-server", []), *options], port, directory) as server:
        yield server


@contextlib.contextmanager
def postgres(directory: Path, scale: int = PGBENCH_SCALE) -> Iterator[Server]:
    """Start PostgreSQL with the tables of pgbench.

    Its data lie in a directory of their own, as its user may not enter one of root's; `directory` has the log.
    """
    folders = sorted(Path(POSTGRES_FOLDERS).glob("*/bin"), reverse=True)
    initdb, program, ready = (_found(name, [*map(str, folders)]) for name in ("initdb", "postgres", "pg_isready"))
    user = _postgres_user()
    with tempfile.TemporaryDirectory(prefix="sim-postgres-") as own:
        if user is not None:
            shutil.chown(own, user)
        data = f"{own}/data"
        _done([initdb, "-D", data, "-A", "trust", "-U", "bench", "--no-sync"], user)
        port = free_port()
        settings = ["listen_addresses=127.0.0.1", f"unix_socket_directories={own}", "shared_buffers=256MB"]
        settings += ["max_connections=150", "autovacuum=off", "checkpoint_timeout=1h", "max_wal_size=8GB"]
        options = [part for setting in settings for part in ("-c", setting)]
        with _started([program, "-D", data, "-p", str(port), *options], port, directory, user) as server:
            _wait_until_ready([ready, "-q", "-h", "127.0.0.1", "-p", str(port)])
            _done([*pgbench_command(port), "-i", "-q", "-s", str(scale)], user, "pgbench -i")
            yield server


@contextlib.contextmanager
def python_service(kind: str, workers: int, directory: Path) -> Iterator[Server]:
    """Start examples/http_service.py. kind: blocking or event_loop."""
    port = free_port()
    root = str(Path(__file__).resolve().parent.parent)
    command = [sys.executable, f"{root}/examples/http_service.py", kind, str(port), str(workers)]
    with _started(command, port, directory) as server:
        yield server


def pgbench_command(port: int) -> list[str]:
    """Return pgbench with what connects it."""
    folders = sorted(Path(POSTGRES_FOLDERS).glob("*/bin"), reverse=True)
    return [_found("pgbench", [*map(str, folders)]), "-h", "127.0.0.1", "-p", str(port), "-U", "bench", "postgres"]


def free_port() -> int:
    """Return a port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _found(name: str, folders: Sequence[str]) -> str:
    path = shutil.which(name, path=os.pathsep.join([*folders, os.environ.get("PATH", "")]))
    if path is None:
        raise NotHere(f"{name} is not installed")
    return path


def _postgres_user() -> str | None:
    """Return the user that PostgreSQL runs as: not root, which it refuses."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise NotHere("PostgreSQL does not run as root, and there is no other user")


def _done(command: Sequence[str], user: str | None, name: str = "") -> None:
    found = subprocess.run(
        list(command), user=user, cwd="/", capture_output=True, timeout=120, check=False, stdin=subprocess.DEVNULL
    )
    if found.returncode:
        words = found.stderr.decode(errors="replace").strip().splitlines() or ["no word"]
        raise NotHere(f"{name or command[0]} ended with {found.returncode}: {words[-1]}")


@contextlib.contextmanager
def _started(command: Sequence[str], port: int, directory: Path, user: str | None = None) -> Iterator[Server]:
    with open(directory / "server.log", "wb") as log:
        process = subprocess.Popen(
            list(command),
            user=user,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            process_group=0,
            preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, no lock, no import
        )
    try:
        _wait(process, port, directory / "server.log")
        yield Server(("127.0.0.1", port), RunningServer(process.pid))
    finally:
        end_group(process.pid)
        process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    give_up = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1.0):
            return
        time.sleep(0.05)
    words = log.read_text(errors="replace").strip().splitlines() or ["no word"]
    raise NotHere(f"the server did not start: {words[-1]}")


def _wait_until_ready(command: Sequence[str]) -> None:
    """Wait until a command succeeds: PostgreSQL listens before it lets anyone in."""
    give_up = time.monotonic() + START_TIMEOUT_S
    while subprocess.run(list(command), check=False, stdin=subprocess.DEVNULL).returncode:
        if time.monotonic() > give_up:
            raise NotHere(f"the server lets nobody in within {START_TIMEOUT_S:g} s")
        time.sleep(0.05)

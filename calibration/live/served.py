"""The server under load: one that is there already, or one that is started and stopped for the measurement."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import tempfile
import time
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import psutil

from calibration.live.cleanup import die_with_parent, end_group
from calibration.live.errors import LiveError
from calibration.live.usage import with_descendants

STOP_TIMEOUT_S: Final = 10.0
POLL_S: Final = 0.05


def check_local(url: str) -> tuple[str, int]:
    """Return host and port of a URL of this machine. Raises LiveError for any other, and for what is no URL."""
    accepted = "http:// or https:// with a host of this machine, such as http://127.0.0.1:8000/"
    try:
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:
        raise LiveError("URL", f'"{url}"', accepted) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise LiveError("URL", f'"{url}"', accepted)
    try:
        addresses = {str(found[4][0]) for found in socket.getaddrinfo(parts.hostname, port)}
    except OSError:
        raise LiveError("URL", f'an unknown host "{parts.hostname}"', accepted) from None
    if not all(address.startswith("127.") or address == "::1" for address in addresses):
        found = f'"{parts.hostname}", which is not this machine'
        other = "a service on 127.0.0.1 or ::1; measure others with their own tools and read these with "
        raise LiveError("URL", found, other + "`sim calibrate table`")
    return parts.hostname, port


class RunningServer:
    """A server that was there before and stays. Raises LiveError if there is no such process."""

    def __init__(self, pid: int) -> None:
        if not psutil.pid_exists(pid):
            raise LiveError("--server-pid", f"{pid}, which is not running", "the process id of the server")
        self.pid = pid

    def pids(self) -> list[int]:
        """Return the server and all processes that it started. Raises LiveError if it is gone."""
        if not psutil.pid_exists(self.pid):
            raise LiveError("--server-pid", f"{self.pid}, which has ended", "a server that stays")
        return with_descendants([self.pid])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the server as it is."""


class StartedServer:
    """A server that is started for the block and ended after it, even where it went into the background.

    command: starts it. stop: a command that stops it, tried before signals; None: signals only.
    address: (host, port) that it will listen on. timeout_s: until it must. The block must stand in `guarded`.
    """

    def __init__(self, command: str, stop: str | None, address: tuple[str, int], timeout_s: float) -> None:
        self._command = command
        self._stop = stop
        self._address = address
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        if _listens(self._address):
            host, port = self._address
            raise LiveError("--server", f"a server on {host}:{port} already", "--server-pid, or a free port")
        self._before = {child.pid for child in psutil.Process().children()}
        self._output = tempfile.TemporaryFile()
        try:
            self._process = subprocess.Popen(
                shlex.split(self._command),
                stdin=subprocess.DEVNULL,
                stdout=self._output,
                stderr=subprocess.STDOUT,
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, no lock, no import
            )
        except (OSError, ValueError) as error:
            self._output.close()
            reason = getattr(error, "strerror", None) or str(error)
            raise LiveError("--server", f'"{self._command}" ({reason.lower()})', "a command that starts it") from None
        try:
            self._wait_until_it_listens()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        self._group = set(self.pids())
        return self

    def pids(self) -> list[int]:
        """Return the processes of the server, also those that left the one that was started.

        Raises LiveError if none is there any more.
        """
        mine = [child for child in psutil.Process().children() if child.pid not in self._before]
        found = [pid for child in mine if self._is_of_server(child) for pid in with_descendants([child.pid])]
        if not found:
            raise LiveError("--server", f'"{self._command}", which has ended{self._last_words()}', "one that stays")
        return found

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._stop is not None:
                subprocess.run(
                    shlex.split(self._stop),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=STOP_TIMEOUT_S,
                    check=False,
                )
        except (OSError, ValueError, subprocess.TimeoutExpired):
            pass  # signals do it
        finally:
            for child in psutil.Process().children():
                if child.pid not in self._before and self._is_of_server(child):
                    end_group(child.pid)
            end_group(self._process.pid)
            self._process.poll()
            self._output.close()

    def _is_of_server(self, child: psutil.Process) -> bool:
        """Tell the server from a load generator, which leads a process group of its own that is not the server's."""
        try:
            if child.status() == psutil.STATUS_ZOMBIE:
                return False
            return os.getpgid(child.pid) == self._process.pid or child.pid in getattr(self, "_group", {child.pid})
        except (psutil.Error, ProcessLookupError):
            return False

    def _wait_until_it_listens(self) -> None:
        host, port = self._address
        give_up = time.monotonic() + self._timeout_s
        while not _listens(self._address):
            code = self._process.poll()
            if code:
                how = f"exit code {code}" if code > 0 else f"signal {-code}"
                raise LiveError("--server", f'"{self._command}" ended with {how}{self._last_words()}', "one that stays")
            if time.monotonic() > give_up:
                found = f"nothing on {host}:{port} after {self._timeout_s:g} s{self._last_words()}"
                raise LiveError("--server", found, "a command whose server listens where the URL points to")
            time.sleep(POLL_S)

    def _last_words(self) -> str:
        size = os.fstat(self._output.fileno()).st_size
        lines = os.pread(self._output.fileno(), 4096, max(0, size - 4096)).decode(errors="replace").split("\n")
        words = [line.strip() for line in lines if line.strip()]
        return f', which last said "{words[-1][-160:]}"' if words else ""


def _listens(address: tuple[str, int]) -> bool:
    try:
        with socket.create_connection(address, timeout=1.0):
            return True
    except OSError:
        return False

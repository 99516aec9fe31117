"""Copies of one program: started at once, held at a barrier until all are set up, watched, and ended."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

import numpy as np
from numpy.typing import NDArray

from calibration.live import names, protocol
from calibration.live.cleanup import die_with_parent, end_groups
from calibration.live.errors import LiveError

POLL_S: Final = 0.01
_STDERR_SHOWN_CHARACTERS: Final = 160
MAX_REPORT_BYTES: Final = 2**30

Starts = Callable[[int], NDArray[np.int64]]
"""The schedule of a copy by its number (see `Pacing.schedule`)."""


@dataclass(frozen=True)
class Program:
    """What every copy runs.

    name: what errors call it. arguments: of the process. environment: variables beside the usual ones.
    holds_all: one process does the work of all copies, as a load generator with several connections.
    accepted: what errors say instead of an operation that fails. staying: the same of a copy that ends.
    """

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    holds_all: bool = False
    accepted: str = "an operation that can be done here"
    staying: str = (
        "a program that writes its operations as described in docs/line_protocol.md until it is stopped, "
        "or --each-run to count every run of it as one operation"
    )


class Copy:
    """One running copy: it reports into a file in memory, so that nobody has to be woken to read it."""

    def __init__(self, program: Program, number: int, directory: str, starts: NDArray[np.int64] | None) -> None:
        """Start the process. starts: its schedule [ns]; None: it is not paced. Raises LiveError."""
        self.number = number
        self._program = program
        self._report = _memory_file("report")
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        read_end, self._start = os.pipe()
        environment = {
            **os.environ,
            **program.environment,
            names.REPORT_VARIABLE: str(self._report),
            names.START_VARIABLE: str(read_end),
            names.DIRECTORY_VARIABLE: directory,
        }
        handed = [self._report, read_end]
        if starts is not None:
            handed.append(_memory_file("pace"))
            _write_all(handed[-1], "".join(f"{value}\n" for value in starts.tolist()).encode())
            os.lseek(handed[-1], 0, os.SEEK_SET)
            environment[names.PACE_VARIABLE] = str(handed[-1])
        try:
            self.process = subprocess.Popen(
                list(program.arguments),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._stderr,
                pass_fds=handed,
                env=environment,
                # A group, so that it can be ended whole, but no session of its own: where the kernel shares cores by
                # session (autogroup), copies would not compete as the processes of one service do.
                process_group=0,
                preexec_fn=die_with_parent,  # noqa: PLW1509 - two system calls, no lock, no import
            )
        except (OSError, subprocess.SubprocessError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            self._close()
            raise LiveError(program.name, f"a program that does not start ({reason})", "one that runs here") from None
        finally:
            for descriptor in handed[1:]:
                os.close(descriptor)

    def report(self) -> bytes:
        """Return all that the copy has written so far. Raises LiveError if it is more than anybody can mean."""
        size = os.fstat(self._report).st_size
        if size > MAX_REPORT_BYTES:
            raise LiveError(self._program.name, f"a report of {size} bytes", f"at most {MAX_REPORT_BYTES} bytes")
        return os.pread(self._report, size, 0)

    def begin(self, first_ns: int, last_ns: int) -> None:
        """Tell the copy when to begin its operations, and after when to begin none [ns, CLOCK_MONOTONIC]."""
        with contextlib.suppress(BrokenPipeError, OSError):
            os.write(self._start, f"start {first_ns} {last_ns}\n".encode())

    def last_words(self) -> str:
        """Return the end of what the copy wrote on standard error, on one line."""
        size = os.fstat(self._stderr.fileno()).st_size
        tail = os.pread(self._stderr.fileno(), 4096, max(0, size - 4096)).decode(errors="replace")
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return lines[-1][-_STDERR_SHOWN_CHARACTERS:] if lines else ""

    def close(self) -> None:
        """Let go of a copy that was ended."""
        self.process.poll()
        self._close()

    def _close(self) -> None:
        for descriptor in (self._report, self._start):
            with contextlib.suppress(OSError):
                os.close(descriptor)
        self._stderr.close()


class Copies:
    """Several copies at once; leaving the block ends them all."""

    def __init__(self, program: Program, count: int, starts: Starts | None) -> None:
        self.program = program
        self._count = count
        self._starts = starts
        self.copies: list[Copy] = []
        self._told_to_end: list[Copy] = []
        self._directory: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="sim-calibrate-")
        try:
            for number in range(self._count):
                starts = self._starts(number) if self._starts is not None else None
                self.copies.append(Copy(self.program, number, self._directory.name, starts))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        end_groups(self.pids)
        for copy in self.copies:
            copy.close()
        if self._directory is not None:
            self._directory.cleanup()

    @property
    def pids(self) -> list[int]:
        """The processes of the copies, without those that they started."""
        return [copy.process.pid for copy in self.copies]

    def wait_until_set_up(self, timeout_s: float) -> None:
        """Wait until every copy is ready or has begun. Raises LiveError if one ends or does neither in time."""
        give_up = time.monotonic() + timeout_s
        waiting = list(self.copies)
        while waiting:
            self.check_alive("before its first operation")
            reports = [copy.report() for copy in waiting]
            for copy, report in zip(waiting, reports, strict=True):
                self._check_failure(copy, report)
            waiting = [copy for copy, report in zip(waiting, reports, strict=True) if not protocol.has_begun(report)]
            if waiting and time.monotonic() > give_up:
                raise LiveError(
                    self.program.name,
                    f"no line from copy {waiting[0].number + 1} of {self._count} within {timeout_s:g} s",
                    f"a program that writes its operations to the descriptor in {names.REPORT_VARIABLE} "
                    "(see docs/line_protocol.md), or --each-run to count every run of it as one operation",
                )
            time.sleep(POLL_S if waiting else 0.0)

    def check_alive(self, when: str) -> None:
        """Raise LiveError if a copy has ended or given up. when: completes the sentence "which ended ..."."""
        for copy in self.copies:
            code = copy.process.poll()
            if code is None:
                continue
            self._check_failure(copy, copy.report())
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            words = copy.last_words()
            said = f', which last said "{words}"' if words else ""
            raise LiveError(
                self.program.name,
                f"copy {copy.number + 1} of {self._count} ended with {how} {when}{said}",
                self.program.staying,
            )

    def check_failures(self) -> None:
        """Raise LiveError if a copy ended with an error of its own, in its own words where it has any."""
        for copy in self.copies:
            code = copy.process.poll()
            if code is not None and code > 0 and copy not in self._told_to_end:
                self.check_alive("with its last operation")

    def _check_failure(self, copy: Copy, report: bytes) -> None:
        if b"fail " not in report:
            return
        failure = protocol.parse(report, self.program.name, copy.number, paced=False).failure
        if failure is not None:
            raise LiveError(self.program.name, failure, self.program.accepted)

    def begin(self, first_ns: int, last_ns: int) -> None:
        """Open the barrier."""
        for copy in self.copies:
            copy.begin(first_ns, last_ns)

    def finish(self, timeout_s: float) -> list[bytes]:
        """Wait until those that take part in the barrier have ended, end the others, and return all reports.

        A copy that does not end within `timeout_s` after its last operation should have begun is ended too.
        """
        reports = [copy.report() for copy in self.copies]
        obliging = [copy for copy, report in zip(self.copies, reports, strict=True) if report.startswith(b"ready\n")]
        give_up = time.monotonic() + timeout_s
        for copy in self.copies:
            if copy not in obliging:
                self._told_to_end.append(copy)
                with contextlib.suppress(ProcessLookupError):
                    copy.process.terminate()
        while any(copy.process.poll() is None for copy in obliging) and time.monotonic() < give_up:
            time.sleep(POLL_S)
        return [copy.report() for copy in self.copies]


def python_program(name: str, module: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Program:
    """Return the program that runs a module of this package in a fresh interpreter, whatever the directory."""
    root = str(Path(__file__).resolve().parent.parent.parent)
    path = os.pathsep.join(part for part in (root, os.environ.get("PYTHONPATH", "")) if part)
    return Program(name, [sys.executable, "-m", module, *arguments], {"PYTHONPATH": path, **environment})


def _memory_file(name: str) -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create(f"sim-{name}", 0)
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

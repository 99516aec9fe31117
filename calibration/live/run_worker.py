"""One copy of a command each of whose runs is an operation: `python -m calibration.live.run_worker CMD ...`.

The CPU time of a run is what the system accounts to an ended child, so that no clock of a running process is read.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Sequence

from calibration.live.worker import OperationFailed, Task, take_part

_UNIT_BYTES = 1 if sys.platform == "darwin" else 1024


class RunCommand:
    """Runs a command once for each call."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._peak_bytes = 0

    def __call__(self) -> None:
        """Run the command to its end. Raises OperationFailed if it cannot be run or fails."""
        try:
            pid = os.posix_spawnp(self._command[0], self._command, os.environ)
        except OSError as error:
            raise OperationFailed(f"a program that does not start ({(error.strerror or '').lower()})") from None
        _, status, usage = os.wait4(pid, 0)
        self._peak_bytes = usage.ru_maxrss * _UNIT_BYTES
        code = os.waitstatus_to_exitcode(status)
        if code:
            raise OperationFailed(f"signal {-code}" if code < 0 else f"exit code {code}")

    def peak_bytes(self) -> int:
        """Return the peak of resident memory of the last run [bytes]; -1 if it is that of this process.

        The system lets a new process inherit the peak of the one that started it.
        """
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT_BYTES
        return self._peak_bytes if self._peak_bytes > own else -1


def children_cpu_ns() -> int:
    """Return the CPU time of all runs that have ended [ns]."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * 1e9)


def main() -> int:
    """Take part in one level."""
    command = RunCommand(sys.argv[1:])
    return take_part(lambda: Task(command, children_cpu_ns, command.peak_bytes))


if __name__ == "__main__":
    sys.exit(main())

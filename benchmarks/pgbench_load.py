"""pgbench as a load that reports every transaction by the line protocol, from pgbench's own log.

    python -m benchmarks.pgbench_load PORT CLIENTS SCRIPT [RATE_PER_S]

SCRIPT is select-only or simple-update. One thread of pgbench holds all clients.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.real_servers import pgbench_command
from calibration.live.names import REPORT_VARIABLE, START_VARIABLE


def transactions(log: str, paced: bool) -> Iterator[str]:
    """Yield a line of the protocol for each line of a log [us]; of a paced one also the intended start.

    In a closed loop a client means to go on where its last transaction ended; pgbench looks at its clock only when its
    thread comes round to that client again, and so leaves out up to a third of the time that the client waits.
    """
    ended_us: dict[str, int] = {}
    for line in log.splitlines():
        fields = line.split()
        if len(fields) < 6 or not fields[2].isdigit():
            continue
        end_us = int(fields[4]) * 1_000_000 + int(fields[5])
        begin_us = end_us - int(fields[2])
        if paced:
            lag_us = int(fields[6])
            yield f"op {begin_us * 1000} {(begin_us + lag_us) * 1000} {end_us * 1000}\n"
        else:
            yield f"op {ended_us.get(fields[0], begin_us) * 1000} {end_us * 1000}\n"
            ended_us[fields[0]] = end_us


def main(port: str, clients: str, script: str, rate_per_s: str = "") -> int:
    """Take part in one level."""
    descriptor, start = int(os.environ[REPORT_VARIABLE]), int(os.environ[START_VARIABLE])
    os.write(descriptor, b"ready\nclock realtime\n")
    words = os.read(start, 100).split()
    if len(words) != 3:
        return 0
    seconds = max(1, math.ceil((int(words[2]) - time.monotonic_ns()) / 1e9 + 0.2))
    with tempfile.TemporaryDirectory(prefix="sim-pgbench-") as directory:
        command = [*pgbench_command(int(port)), "-n", "-b", script, "-c", clients, "-T", str(seconds), "-M", "prepared"]
        command += ["--log", f"--log-prefix={directory}/log"] + (["-R", rate_per_s] if rate_per_s else [])
        time.sleep(max(0, int(words[1]) - time.monotonic_ns()) / 1e9)
        found = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
        lines = [
            line for file in Path(directory).iterdir() for line in transactions(file.read_text(), bool(rate_per_s))
        ]
    if found.returncode:
        said = found.stderr.decode(errors="replace").strip().splitlines() or [f"exit {found.returncode}"]
        os.write(descriptor, f"fail pgbench: {said[-1]}\n".encode())
        return 0
    with os.fdopen(os.dup(descriptor), "w") as report:
        report.writelines(lines)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))

"""How long a person waits for `sim run`: as a whole process, warm, and the first time on a machine.

    python -m benchmarks.start_up [--repeats 10] [--cold 3]

Warm: runs with a compiled kernel. First ever: with an empty cache directory (SIM_CACHE_DIR and Numba's own), how long
until the answer is there and which engine gave it. Python keeps compiled modules, as it does unless it is told not to.

Machines differ, and one machine from day to day: a loop in plain Python is timed between all others, and every figure
is also given as so many of it. Processor time is that of all threads of the process and of those that it started.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from benchmarks.pairs import machine_lines

SIM = [sys.executable, "-m", "simulator.cli.main"]
USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
LOOP = 3_000_000  # additions
LOOP_TEXT = "3 million additions in plain Python"


@dataclass
class Row:
    """Repeats of one command: elapsed and processor time [s], and the elapsed time in loops that ran around it."""

    name: str
    wanted: str = ""
    elapsed_s: list[float] = field(default_factory=list)
    processor_s: list[float] = field(default_factory=list)
    loops: list[float] = field(default_factory=list)

    def text(self) -> str:
        """Return the row of the table."""
        columns = (f"{spread(self.elapsed_s)} s", f"{spread(self.processor_s)} s", spread(self.loops))
        return f"| {self.name} | {' | '.join(columns)} | {self.wanted} |"


def spread(values: Sequence[float]) -> str:
    """Return median and range."""
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def loop_s() -> float:
    """Return how long the loop in plain Python takes [s]."""
    began = time.perf_counter()
    total = 0
    for number in range(LOOP):
        total += number
    return time.perf_counter() - began


def processor_s() -> float:
    """Return the processor time of all processes that were started and have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def timed(row: Row | None, arguments: Sequence[str], environment: dict[str, str]) -> str:
    """Run a command, add its times to a row and return what it printed."""
    before_s, used_s = loop_s(), processor_s()
    began = time.perf_counter()
    done = subprocess.run([*SIM, *arguments], env=environment, capture_output=True, text=True, check=True)
    elapsed_s = time.perf_counter() - began
    if row is not None:
        row.elapsed_s.append(elapsed_s)
        row.processor_s.append(processor_s() - used_s)
        row.loops.append(elapsed_s / ((before_s + loop_s()) / 2))
    return done.stdout


def timed_cold(row: Row, arguments: Sequence[str]) -> str:
    """As `timed`, with empty caches."""
    with tempfile.TemporaryDirectory() as place:
        return timed(row, arguments, USUAL | {"SIM_CACHE_DIR": place, "NUMBA_CACHE_DIR": f"{place}/numba"})


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--cold", type=int, default=3, help="repeats with empty caches")
    arguments = parser.parse_args()
    answer = Row("first ever: `sim run` until the answer", "10 s at most")
    ahead = Row("`sim doctor`, empty cache: compile", "15 s at most")
    warm, helped = Row("`sim run`, warm", "1.0 s at most"), Row("`sim --help`")
    timed(None, ["--help"], USUAL)  # modules are compiled by whatever is run first, once
    timed(None, ["doctor"], USUAL)
    engines = set()
    for _ in range(arguments.cold):
        engines.add(json.loads(timed_cold(answer, ["run", "--export-json", "-"]))["provenance"]["engine"])
        timed_cold(ahead, ["doctor"])
    for _ in range(arguments.repeats):
        timed(warm, ["run"], USUAL)
        timed(helped, ["--help"], USUAL)
    print("\n".join(machine_lines(f"{arguments.cold} cold and {arguments.repeats} warm repeats")))
    print(f"the first answer came from the {' and the '.join(sorted(engines))} engine; one loop is {LOOP_TEXT}:")
    print(f"{spread([loop_s() for _ in range(9)])} s")
    print("\n| whole process | elapsed: median (range) | processor time | loops | wanted |")
    print("| --- | --- | --- | --- | --- |")
    for row in (answer, ahead, warm, helped):
        print(row.text())


if __name__ == "__main__":
    main()

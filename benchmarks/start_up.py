"""How long a person waits for `sim run`: as a whole process, warm, and the first time on a machine.

    python -m benchmarks.start_up [--repeats 10]

Warm: the median of runs with a compiled kernel. First ever: with an empty cache directory (SIM_CACHE_DIR and Numba's
own), how long until the answer is there, which engine gave it, and how long until the kernel is compiled beside it.
Python keeps compiled modules, as it does unless it is told not to.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

SIM = [sys.executable, "-m", "simulator.cli.main"]
MOST_S = 200.0
USUAL = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def timed(arguments: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Return the wall-clock time of a command [s] and what it printed."""
    began = time.perf_counter()
    done = subprocess.run([*SIM, *arguments], env=environment, capture_output=True, text=True, check=True)
    return time.perf_counter() - began, done.stdout


def first_ever(place: str) -> tuple[float, str, float]:
    """Return the time to the first answer [s], the engine that gave it, and the time until the kernel is kept [s]."""
    environment = USUAL | {"SIM_CACHE_DIR": place, "NUMBA_CACHE_DIR": f"{place}/numba"}
    began = time.perf_counter()
    answered_s, text = timed(["run", "--export-json", "-"], environment)
    engine = json.loads(text)["provenance"]["engine"]
    while not list(Path(place).rglob("kernel-*.bin")) and time.perf_counter() - began < MOST_S:
        time.sleep(0.05)
    return answered_s, engine, time.perf_counter() - began


def compiled_ahead(place: str) -> float:
    """Return how long `sim doctor` takes to compile the kernel with nothing else to do [s]."""
    environment = USUAL | {"SIM_CACHE_DIR": place, "NUMBA_CACHE_DIR": f"{place}/numba"}
    return timed(["doctor"], environment)[0]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=10)
    repeats = parser.parse_args().repeats
    rows: list[tuple[str, str, str]] = []
    timed(["--help"], USUAL)  # modules are compiled by whatever is run first, once
    with tempfile.TemporaryDirectory() as place:
        answered_s, engine, kept_s = first_ever(place)
    rows.append(("first ever: until the answer", f"{answered_s:.1f} s ({engine} engine)", "10 s at most"))
    rows.append(("first ever: until the kernel is compiled beside it", f"{kept_s:.1f} s", ""))
    with tempfile.TemporaryDirectory() as place:
        rows.append(("`sim doctor` alone, empty cache: compile", f"{compiled_ahead(place):.1f} s", "15 s at most"))
    commands = {"`sim run`, warm": ["run"], "`sim --help`": ["--help"]}
    environment: dict[str, Any] = dict(USUAL)
    timed(["doctor"], environment)
    for name, arguments in commands.items():
        times = [timed(arguments, environment)[0] for _ in range(repeats + 1)][1:]
        range_text = f"{statistics.median(times):.2f} s ({min(times):.2f} to {max(times):.2f})"
        rows.append((name, range_text, "1.0 s at most" if arguments == ["run"] else ""))
    loaded = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {repeats} repeats")
    print(f"{time.strftime('%Y-%m-%d')}; runnable tasks on the machine over 1, 5 and 15 minutes: {loaded}")
    print("\n| whole process | median (range) | wanted |\n| --- | --- | --- |")
    for row in rows:
        print(f"| {' | '.join(row)} |")


if __name__ == "__main__":
    main()

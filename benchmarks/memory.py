"""Peak memory of a run by the number of its operations: it must not depend on it.

    python -m benchmarks.memory [--most 100000000]

M/M/1 on the fast engine, each length in a fresh process, whose peak resident set the operating system counts.
"""

from __future__ import annotations

import argparse
import platform
import resource
import subprocess
import sys
import time

from models.scenario import Scenario
from simulator.compile import compile_scenario
from simulator.fast import simulate

RATE_PER_S = 700
SECOND = 1_000_000_000
MM1 = f"""
schema_version = 1
name = "mm1"
[[workloads]]
name = "customers"
kind = "open"
arrival_rate = "{RATE_PER_S}/s"
[services.server]
cores = 1
discipline = "fifo"
[[operations]]
name = "visit"
stages = [{{ kind = "cpu", demand = {{ distribution = "exponential", mean = "1ms" }} }}]
"""


def run_here(operations: int) -> tuple[int, float, float]:
    """Simulate about so many operations; return their number, the peak of memory [MB] and the time taken [s]."""
    compiled = compile_scenario(Scenario.parse(MM1, "benchmark"))
    began = time.perf_counter()
    output = simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=operations * SECOND // RATE_PER_S)
    took_s = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return int(output.counts[:, 0].sum()), peak / 1e6, took_s


def run_apart(operations: int) -> tuple[int, float, float]:
    """As `run_here`, in a fresh process."""
    command = [sys.executable, "-m", "benchmarks.memory", "--here", str(operations)]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    return int(text[0]), float(text[1]), float(text[2])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--most", type=int, default=100_000_000)
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.here is not None:
        print(*run_here(given.here))
        return
    few = run_apart(1_000_000)
    many = run_apart(given.most)
    print(f"{platform.machine()}, Python {platform.python_version()}; {time.strftime('%Y-%m-%d')}")
    print("\n| operations | peak memory | time |\n| --- | --- | --- |")
    for operations, peak_mb, took_s in (few, many):
        print(f"| {operations:,} | {peak_mb:.1f} MB | {took_s:.1f} s |")
    print(f"\nDifference: {many[1] - few[1]:.1f} MB (wanted: 10 MB at most, and under 300 MB).")


if __name__ == "__main__":
    main()

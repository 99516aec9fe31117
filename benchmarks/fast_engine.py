"""The fast engine beside the reference engine and SimPy's own M/M/1, in one run, as ratios.

    python -m benchmarks.fast_engine [--repeats 5]

Each scenario is simulated by both engines for times of its own (the reference for a shorter one), in interleaved
repeats; printed are medians of the time of an operation. A ratio of two rows of one run can be compared between
machines, a number of operations per second cannot. The last rows are ratios of the fast engine to itself: many
tasks on many cores, causes on, pending events, two threads.

    python -m benchmarks.fast_engine --memory 100000000

prints the peak memory of a process that simulates a million operations of the M/M/1, and of one that simulates so many.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.reference_engine import MM1, simpy_mm1
from models.scenario import Scenario
from simulator.compile import Compiled, compile_scenario
from simulator.fast import simulate as simulate_fast
from simulator.reference import simulate as simulate_reference

SECOND = 1_000_000_000
HUB = Path(__file__).resolve().parent.parent / "models" / "data" / "orchestrator_hub.toml"
SIMPY = "SimPy's own M/M/1"

CLOSED = """
schema_version = 1
name = "closed"
[[workloads]]
name = "processes"
kind = "closed"
procs = {procs}
[services.machine]
cores = {cores}
discipline = "{discipline}"
[[operations]]
name = "work"
stages = [{{ kind = "cpu", demand = "1.13ms" }}]
"""

PENDING = """
schema_version = 1
name = "pending"
[[workloads]]
name = "users"
kind = "closed"
procs = {procs}
think_time = {{ distribution = "exponential", mean = "{mean}us" }}
[services.machine]
cores = 1
discipline = "fifo"
[[operations]]
name = "work"
stages = [{{ kind = "delay", time = {{ distribution = "exponential", mean = "{mean}us" }} }}]
"""


def closed(procs: int, cores: int, discipline: str) -> Compiled:
    """Return processes that do nothing but work."""
    text = CLOSED.format(procs=procs, cores=cores, discipline=discipline)
    return compile_scenario(Scenario.parse(text, "benchmark"))


def pending(events: int) -> Compiled:
    """Return users of which about so many wait at any time, ten million events per second in all."""
    return compile_scenario(Scenario.parse(PENDING.format(procs=events, mean=events // 10), "benchmark"))


def hub(procs: int) -> Compiled:
    """Return the orchestrator hub at a number of processes."""
    scenario = Scenario.load(HUB)
    agents = scenario.workloads[0].model_copy(update={"procs": procs})
    return compile_scenario(scenario.model_copy(update={"workloads": [agents]}))


def runner(simulate: Any, compiled: Compiled, seconds: float, *, causes: bool = False) -> Callable[[], int]:
    """Return a run of an engine that gives the number of operations."""

    def once() -> int:
        output = simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=int(seconds * SECOND), causes=causes)
        return int(output.counts[:, 0].sum())

    return once


def in_threads(once: Callable[[], int]) -> Callable[[], int]:
    """Return two runs at once."""

    def both() -> int:
        with ThreadPoolExecutor(2) as pool:
            return sum(pool.map(lambda _: once(), range(2)))

    return both


def runs() -> dict[str, Callable[[], int]]:
    """Return everything that is timed."""
    mm1 = compile_scenario(Scenario.parse(MM1, "benchmark"))
    rr_50, linux_50 = closed(50, 2, "round_robin"), closed(50, 2, "linux")
    hub_50 = hub(50)
    return {
        SIMPY: lambda: simpy_mm1(20_000),
        "M/M/1, reference": runner(simulate_reference, mm1, 20.0),
        "M/M/1, fast": runner(simulate_fast, mm1, 1000.0),
        "M/M/1, fast, causes": runner(simulate_fast, mm1, 1000.0, causes=True),
        "M/M/1, fast, two threads": in_threads(runner(simulate_fast, mm1, 1000.0)),
        "hub at 50 processes, reference": runner(simulate_reference, hub_50, 0.4),
        "hub at 50 processes, fast": runner(simulate_fast, hub_50, 10.0),
        "50 processes on 2 cores, round robin, reference": runner(simulate_reference, rr_50, 10.0),
        "50 processes on 2 cores, round robin, fast": runner(simulate_fast, rr_50, 500.0),
        "50 processes on 2 cores, linux, fast": runner(simulate_fast, linux_50, 500.0),
        "1000 processes on 8 cores, linux, fast": runner(simulate_fast, closed(1000, 8, "linux"), 100.0),
        "500 processes on 8 cores, round robin, fast": runner(simulate_fast, closed(500, 8, "round_robin"), 100.0),
        "500 processes on 64 cores, round robin, fast": runner(simulate_fast, closed(500, 64, "round_robin"), 12.0),
        "100 pending events, fast": runner(simulate_fast, pending(100), 0.1),
        "1000000 pending events, fast": runner(simulate_fast, pending(1_000_000), 1.0),
    }


RATIOS = (
    ("M/M/1: SimPy's own by fast", SIMPY, "M/M/1, fast", "80 at least"),
    ("hub: reference by fast", "hub at 50 processes, reference", "hub at 50 processes, fast", "100 at least"),
    (
        "50 processes on 2 cores: reference by fast",
        "50 processes on 2 cores, round robin, reference",
        "50 processes on 2 cores, round robin, fast",
        "150 at least",
    ),
    (
        "linux: 1000 on 8 cores by 50 on 2",
        "1000 processes on 8 cores, linux, fast",
        "50 processes on 2 cores, linux, fast",
        "3 at most",
    ),
    (
        "64 cores by 8",
        "500 processes on 64 cores, round robin, fast",
        "500 processes on 8 cores, round robin, fast",
        "2 at most",
    ),
    ("1e6 pending events by 1e2", "1000000 pending events, fast", "100 pending events, fast", "6 at most"),
    ("causes by none", "M/M/1, fast, causes", "M/M/1, fast", "1.1 at most"),
    ("one thread by two", "M/M/1, fast", "M/M/1, fast, two threads", "1.8 at least"),
)


_PEAK = """
import resource, sys
from benchmarks.fast_engine import MM1, Scenario, compile_scenario, runner, simulate_fast
mm1 = compile_scenario(Scenario.parse(MM1, "benchmark"))
print(runner(simulate_fast, mm1, int(sys.argv[1]) / 700)(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def print_memory(operations: int) -> None:
    """Print the peak memory of two processes."""
    for count in (1_000_000, operations):
        given = [sys.executable, "-c", _PEAK, str(count)]
        done, peak_kib = subprocess.run(given, check=True, capture_output=True, text=True).stdout.split()
        print(f"{int(done):,} operations: {int(peak_kib) / 1024:.1f} MiB at most")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--memory", type=int, metavar="OPERATIONS", help="print the peak memory instead")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory(arguments.memory)
        return
    repeats = arguments.repeats
    timed = runs()
    times_ns: dict[str, list[float]] = {name: [] for name in timed}
    for repeat in range(repeats + 1):
        for name, once in timed.items():
            gc.collect()  # or one run would pay for what the one before it left
            begin = time.perf_counter()
            operations = once()
            if repeat:  # the first round warms up
                times_ns[name].append((time.perf_counter() - begin) / operations * 1e9)
    median = {name: statistics.median(times) for name, times in times_ns.items()}
    loaded = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}, {repeats} repeats")
    print(f"{time.strftime('%Y-%m-%d')}; runnable tasks on the machine over 1, 5 and 15 minutes: {loaded}")
    print("\n| run | time of an operation (range), ns | operations/s |\n| --- | --- | --- |")
    for name, times in times_ns.items():
        print(f"| {name} | {median[name]:,.0f} ({min(times):,.0f} to {max(times):,.0f}) | {1e9 / median[name]:,.0f} |")
    print("\n| ratio | measured | wanted |\n| --- | --- | --- |")
    for name, slower, faster, wanted in RATIOS:
        print(f"| {name} | {median[slower] / median[faster]:.2f} | {wanted} |")


if __name__ == "__main__":
    main()

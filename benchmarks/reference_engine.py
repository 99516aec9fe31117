"""Operations and events per second of the reference engine, beside SimPy's own M/M/1 in the same run.

    python -m benchmarks.reference_engine [--repeats 5]

SimPy's M/M/1 is the one that its users write: a process for each customer, a `simpy.Resource`, Python's random
numbers. It says what this machine makes of SimPy at this moment; the ratio to it is what can be compared between
machines. Repeats are interleaved, medians are printed with their range.
"""

from __future__ import annotations

import argparse
import platform
import random
import statistics
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import simpy

from models.scenario import Scenario
from simulator.compile import compile_scenario
from simulator.reference import simulate

SECOND = 1_000_000_000

MM1 = """
schema_version = 1
name = "mm1"
[[workloads]]
name = "customers"
kind = "open"
arrival_rate = "700/s"
[services.server]
cores = 1
discipline = "fifo"
[[operations]]
name = "visit"
stages = [{ kind = "cpu", demand = { distribution = "exponential", mean = "1ms" } }]
"""

CLOSED_30 = """
schema_version = 1
name = "closed-30"
[[workloads]]
name = "processes"
kind = "closed"
procs = 30
think_time = { distribution = "exponential", mean = "28.8ms" }
[services.machine]
cores = 2
[[operations]]
name = "work"
stages = [{ kind = "cpu", demand = { distribution = "lognormal", mean = "1.1ms", cv = 0.3 } }]
"""


def simpy_mm1(customers: int) -> int:
    """Run SimPy's own M/M/1 and return how many customers were served."""
    environment = simpy.Environment()
    server = simpy.Resource(environment, capacity=1)
    draw = random.Random(1)
    served = 0

    def customer() -> Generator[simpy.Event, Any, None]:
        nonlocal served
        with server.request() as turn:
            yield turn
            yield environment.timeout(draw.expovariate(1000.0))
        served += 1

    def arrivals() -> Generator[simpy.Event, Any, None]:
        for _ in range(customers):
            yield environment.timeout(draw.expovariate(700.0))
            environment.process(customer())

    environment.process(arrivals())
    environment.run()
    return served


def reference(text_or_file: str | Path, seconds: float) -> Callable[[], tuple[int, int]]:
    """Return a run of a scenario that gives (operations, events)."""
    if isinstance(text_or_file, Path):
        scenario, directory = Scenario.load(text_or_file), text_or_file.parent
    else:
        scenario, directory = Scenario.parse(text_or_file, "benchmark"), Path()
    compiled = compile_scenario(scenario, directory)

    def once() -> tuple[int, int]:
        output = simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=int(seconds * SECOND))
        return int(output.counts[:, 0].sum()), output.events

    return once


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    examples = Path(__file__).resolve().parent.parent / "examples"
    hub = Path(__file__).resolve().parent.parent / "models" / "data" / "orchestrator_hub.toml"
    runs: dict[str, Callable[[], tuple[int, int]]] = {
        "SimPy's own M/M/1, 30 000 customers": lambda: (simpy_mm1(30_000), 0),
        "M/M/1 at 70 %, 43 s": reference(MM1, 43.0),
        "closed, 30 processes at 1000/s in all, 30 s": reference(CLOSED_30, 30.0),
        "oversubscribed.toml, 50 processes on 2 cores, 10 s": reference(examples / "oversubscribed.toml", 10.0),
        "web_service.toml, 5 s": reference(examples / "web_service.toml", 5.0),
        "orchestrator hub, 30 processes, 0.7 s": reference(hub, 0.7),
    }
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    counts: dict[str, tuple[int, int]] = {}
    for repeat in range(repeats + 1):
        for name, run in runs.items():
            begin = time.perf_counter()
            counts[name] = run()
            if repeat:  # the first round warms up
                seconds[name].append(time.perf_counter() - begin)
    base = statistics.median(seconds["SimPy's own M/M/1, 30 000 customers"]) / 30_000
    print(f"{platform.machine()}, Python {platform.python_version()}, {repeats} interleaved repeats, medians")
    print()
    print("| scenario | seconds (range) | operations/s | events/s | time of an operation, SimPy's M/M/1 = 1 |")
    print("| --- | --- | --- | --- | --- |")
    for name, times in seconds.items():
        median = statistics.median(times)
        operations, events = counts[name]
        spread = f"{min(times):.2f}..{max(times):.2f}"
        per_event = f"{events / median:,.0f}" if events else "-"
        ratio = median / operations / base
        print(f"| {name} | {median:.2f} ({spread}) | {operations / median:,.0f} | {per_event} | {ratio:.1f} |")


if __name__ == "__main__":
    main()

"""The fast engine beside the reference engine and SimPy's own M/M/1, in one run, as ratios.

    python -m benchmarks.fast_engine [--seconds 200] [--only causes]

Each ratio is the median over pairs of runs that follow each other at once, as many as the time allows.
Both engines simulate on and on, a slice of time in each run, so that the start, where operations differ, counts for
nothing; SimPy's own M/M/1 begins anew. A ratio can be compared between machines, a number of operations per second
cannot. The last ratios are of the fast engine to itself: many tasks on many cores, causes on, pending events, two
threads; beside these stands what two threads of a plain loop gain in the same seconds: all that the machine allows.

The cores of a virtual machine are seldom equally fast: a neighbour on the other hyperthread of one of them makes it a
half slower, for minutes. So everything runs on one core, and two threads on a core each are compared with one thread
that spends half of the time on each of these two.

    python -m benchmarks.fast_engine --memory 100000000

prints the peak memory of a process that simulates a million operations of the M/M/1, and of one that simulates so many.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.pairs import Ratio, Run, Timed, machine_lines, stay_on, tables, time_pairs
from benchmarks.reference_engine import MM1, simpy_mm1
from models.scenario import Scenario
from simulator.compile import Compiled, compile_scenario
from simulator.fast import Replication
from simulator.reference.engine import System

SECOND = 1_000_000_000
HUB = Path(__file__).resolve().parent.parent / "models" / "data" / "orchestrator_hub.toml"
SIMPY = "SimPy's own M/M/1"
MM1_FAST = "M/M/1, fast"
ONE_THREAD, TWO_THREADS = "M/M/1, fast, one thread on both cores", "M/M/1, fast, two threads"
PLAIN_LOOPS = 10_000
THREADS_S = 0.25
UNTIL_STEADY = {"1000000 pending events, fast": 10, "hub at 50 processes, reference": 30}
"""Runs that are not timed, where two are not enough."""

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


class Slices:
    """A replication on the fast engine that each run continues by so many simulated seconds."""

    def __init__(self, compiled: Compiled, seconds: float, *, causes: bool = False, replication: int = 1) -> None:
        self._step_ns = int(seconds * SECOND)
        self._reached_ns = 0
        self._operations = 0
        self._replication = Replication(compiled, seed=1, replication=replication, warmup_ns=0, causes=causes)

    def __call__(self) -> int:
        """Go on; return the number of operations that began meanwhile."""
        self._reached_ns += self._step_ns
        before, counts = self._operations, self._replication.until(self._reached_ns).counts
        self._operations = int(counts[:, 0].sum())
        return self._operations - before


class ReferenceSlices:
    """As `Slices`, on the reference engine, which counts the operations and measures nothing else of them."""

    def __init__(self, compiled: Compiled, seconds: float) -> None:
        self._step_ns = int(seconds * SECOND)
        self._operations = 0
        self._system = System(compiled, seed=1, replication=1, started=self._started, ended=lambda _operation: None)

    def _started(self, _operation: object) -> None:
        self._operations += 1

    def __call__(self) -> int:
        """Go on; return the number of operations that began meanwhile."""
        before, clock = self._operations, self._system.clock
        clock.environment.run(until=clock.now + self._step_ns)
        return self._operations - before


def plain_loop() -> int:
    """Do the same work in registers again and again, in code that lets other threads run."""
    hashlib.pbkdf2_hmac("sha256", b"plain", b"loop", PLAIN_LOOPS)
    return PLAIN_LOOPS


def _repeated(run: Run, seconds: float, core: int) -> int:
    """Do a run again and again on a core for a time; returns how many operations that was."""
    stay_on(core)
    until_s, operations = time.perf_counter() + seconds, 0
    while time.perf_counter() < until_s:
        operations += run()
    return operations


def in_turn(pool: ThreadPoolExecutor, first: Run, second: Run) -> Run:
    """Return two runs one after the other in one thread, each on its core."""

    def both() -> int:
        halves = ((first, THREADS_S / 2, 0), (second, THREADS_S / 2, 1))
        return pool.submit(lambda: sum(_repeated(*half) for half in halves)).result()

    return both


def in_threads(pool: ThreadPoolExecutor, first: Run, second: Run) -> Run:
    """Return two runs at once, each on its core."""

    def both() -> int:
        return sum(pool.map(_repeated, (first, second), (THREADS_S, THREADS_S), (0, 1)))

    return both


def runs(pool: ThreadPoolExecutor) -> dict[str, Callable[[], int]]:
    """Return everything that is timed, each for about a quarter of a second where SimPy serves a customer in 15 us."""
    mm1 = compile_scenario(Scenario.parse(MM1, "benchmark"))
    rr_50, linux_50, hub_50 = closed(50, 2, "round_robin"), closed(50, 2, "linux"), hub(50)
    threads = [Slices(mm1, 40.0, replication=number) for number in (2, 3)]
    return {
        SIMPY: lambda: simpy_mm1(15_000),
        "M/M/1, reference": ReferenceSlices(mm1, 3.0),
        MM1_FAST: Slices(mm1, 1000.0),
        "M/M/1, fast, causes": Slices(mm1, 1000.0, causes=True),
        ONE_THREAD: in_turn(pool, *threads),
        TWO_THREADS: in_threads(pool, *threads),
        "hub at 50 processes, reference": ReferenceSlices(hub_50, 0.02),
        "hub at 50 processes, fast": Slices(hub_50, 3.0),
        "hub at 50 processes, fast, causes": Slices(hub_50, 3.0, causes=True),
        "50 processes on 2 cores, round robin, reference": ReferenceSlices(rr_50, 1.5),
        "50 processes on 2 cores, round robin, fast": Slices(rr_50, 750.0),
        "50 processes on 2 cores, linux, fast": Slices(linux_50, 600.0),
        "1000 processes on 8 cores, linux, fast": Slices(closed(1000, 8, "linux"), 75.0),
        "500 processes on 8 cores, round robin, fast": Slices(closed(500, 8, "round_robin"), 150.0),
        "500 processes on 64 cores, round robin, fast": Slices(closed(500, 64, "round_robin"), 20.0),
        "100 pending events, fast": Slices(pending(100), 0.1),
        "1000000 pending events, fast": Slices(pending(1_000_000), 0.025),
        "plain loop, one thread on both cores": in_turn(pool, plain_loop, plain_loop),
        "plain loop, two threads": in_threads(pool, plain_loop, plain_loop),
    }


def ratios() -> list[Ratio]:
    """Return what is compared."""
    hub_fast, rr_fast = "hub at 50 processes, fast", "50 processes on 2 cores, round robin, fast"
    linux, many = "50 processes on 2 cores, linux, fast", "1000 processes on 8 cores, linux, fast"
    return [
        Ratio("M/M/1: SimPy's own by fast", SIMPY, MM1_FAST, "80 at least"),
        Ratio("M/M/1: reference by fast", "M/M/1, reference", MM1_FAST),
        Ratio("hub: reference by fast", "hub at 50 processes, reference", hub_fast, "100 at least"),
        Ratio(
            "50 processes on 2 cores: reference by fast",
            "50 processes on 2 cores, round robin, reference",
            rr_fast,
            "150 at least",
        ),
        Ratio("linux: 1000 on 8 cores by 50 on 2", many, linux, "3 at most"),
        Ratio(
            "64 cores by 8",
            "500 processes on 64 cores, round robin, fast",
            "500 processes on 8 cores, round robin, fast",
            "2 at most",
        ),
        Ratio("1e6 pending events by 1e2", "1000000 pending events, fast", "100 pending events, fast", "6 at most"),
        Ratio("M/M/1: causes by none", "M/M/1, fast, causes", MM1_FAST, "1.1 at most"),
        Ratio("hub: causes by none", "hub at 50 processes, fast, causes", hub_fast, "1.1 at most"),
        Ratio("M/M/1: one thread by two", ONE_THREAD, TWO_THREADS, "1.8 at least"),
        Ratio("plain loop: one thread by two", "plain loop, one thread on both cores", "plain loop, two threads"),
    ]


_PEAK = """
import resource, sys
from benchmarks.fast_engine import MM1, Scenario, Slices, compile_scenario
mm1 = compile_scenario(Scenario.parse(MM1, "benchmark"))
print(Slices(mm1, int(sys.argv[1]) / 700)(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
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
    parser.add_argument("--seconds", type=float, default=200.0, help="that all may take")
    parser.add_argument("--only", default="", help="a part of the names of the ratios that are wanted")
    parser.add_argument("--memory", type=int, metavar="OPERATIONS", help="print the peak memory instead")
    arguments = parser.parse_args()
    if arguments.memory:
        print_memory(arguments.memory)
        return
    until_s = time.monotonic() + arguments.seconds
    stay_on(0)
    compared = [ratio for ratio in ratios() if arguments.only in ratio.name]
    sides = {side for ratio in compared for side in (ratio.slower, ratio.faster)}
    with ThreadPoolExecutor(2) as pool:
        timed = {name: Timed(run) for name, run in runs(pool).items() if name in sides}
        for name, one in timed.items():
            for _ in range(UNTIL_STEADY.get(name, 2)):
                one.run()
        pairs = time_pairs(timed, compared, until_s)
    print("\n".join([*machine_lines(f"{pairs} pairs of each ratio"), *tables(timed, compared)]))


if __name__ == "__main__":
    main()

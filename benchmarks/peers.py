"""The fast engine beside other simulators on the same two services, in one run, as ratios.

    python -m benchmarks.peers [--pairs 9] [--environments DIRECTORY]

The services and how each simulator says them stand in `benchmarks/peers_models.py` and `benchmarks/peers_cimba.py`. The
others are installed from the package index into virtual environments of their own (kept in DIRECTORY, else thrown
away), each with the first Python at hand that it supports; what cannot be installed is left out with the reason. Each
is timed in turn with the fast engine (`benchmarks.pairs` says why), on one core, which each of them uses alone; printed
are medians of the time of a customer and of the ratios of the pairs, with quartiles, and the mean response time that
each found, beside what theory says. The fast engine serves as many customers in a run as the fastest of the others.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.fast_engine import MM1, SECOND
from benchmarks.pairs import machine_lines, quartiles, stay_on
from models.scenario import Scenario
from simulator.compile import compile_scenario
from simulator.fast import simulate

HERE = Path(__file__).resolve().parent
MOST_S = 240.0

TWO_SERVERS = """
schema_version = 1
name = "two-servers"
[[workloads]]
name = "users"
kind = "open"
arrival_rate = "40/s"
[services.server]
instances = 2
cores = 1
discipline = "fifo"
memory = "1024MB"
balancer = { policy = "round_robin" }
[[operations]]
name = "api"
stages = [
  { kind = "delay", time = { distribution = "exponential", mean = "3ms" } },
  { kind = "delay", time = { distribution = "exponential", mean = "2ms" } },
  { kind = "delay", time = { distribution = "exponential", mean = "2ms" } },
  { kind = "memory", bytes = "64MB" },
  { kind = "cpu", demand = "2ms" },
  { kind = "delay", time = "12ms" },
  { kind = "delay", time = { distribution = "exponential", mean = "3ms" } },
]
"""


@dataclass
class Contestant:
    """A simulator on one service.

    script, model: what it runs. package: what is installed. customers: of a repeat, about a second of work.
    python: of its environment; None while there is none. times_s: of a customer; ratios: of them to the fast engine's.
    means_s: the mean response times that it found.
    """

    name: str
    script: str
    model: str
    package: str
    customers: int
    versions: tuple[str, ...] = ()
    missing: str = ""
    python: Path | None = None
    times_s: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)
    means_s: list[float] = field(default_factory=list)


def pythons(wanted: Iterable[str]) -> list[Path]:
    """Return the interpreters that may have some versions, such as 3.13; the one that runs this if any will do."""
    found = [] if wanted else [Path(sys.executable)]
    for version in wanted:
        found += sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python"))
        places = [Path(place) / f"python{version}" for place in os.environ.get("PATH", "").split(os.pathsep)]
        found += [place for place in places if place.exists()]
    return found


def install(one: Contestant, directory: Path) -> None:
    """Make the environment of a contestant, or say why there is none."""
    place = directory / one.package
    python = place / "bin" / "python"
    if not (place / "installed").exists():
        one.missing = f"no Python {' or '.join(one.versions)} at hand"
        for candidate in pythons(one.versions):
            if _run([candidate, "-m", "venv", "--clear", place]).returncode:
                continue
            done = _run([python, "-m", "pip", "install", "-q", one.package])
            if not done.returncode:
                (place / "installed").touch()
                break
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            one.missing = (errors or ["it could not be installed"])[-1]
        else:
            return
    one.missing, one.python = "", python


def _run(command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def repeat(one: Contestant) -> None:
    """Run a contestant once more."""
    command = [str(one.python), str(HERE / one.script), one.model, str(one.customers)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=MOST_S, check=False)
    if done.returncode:
        one.missing, one.python = (done.stderr.strip().splitlines() or ["it failed"])[-1], None
        return
    served, mean_s, took_s = done.stdout.split()
    one.times_s.append(float(took_s) / int(served))
    one.means_s.append(float(mean_s))


def fast(text: str, seconds: float) -> Callable[[], tuple[float, float]]:
    """Return a run of the fast engine that gives the time of a customer and the mean response time [s]."""
    compiled = compile_scenario(Scenario.parse(text, "benchmark"))

    def once() -> tuple[float, float]:
        began = time.perf_counter()
        output = simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=int(seconds * SECOND))
        completed = int(output.histogram.sum())
        return (time.perf_counter() - began) / completed, float(output.response_sum_ns.sum()) / completed / SECOND

    return once


def contestants() -> dict[str, list[Contestant]]:
    """Return the others, by service."""
    models, three_eleven = "peers_models.py", ("3.11", "3.12", "3.13")
    return {
        "M/M/1": [
            Contestant("SimPy, by hand", models, "simpy_mm1", "simpy", 50_000),
            Contestant("Cimba for Python", "peers_cimba.py", "mm1", "cimba", 2_000_000, three_eleven),
            Contestant("Ciw", models, "ciw_mm1", "ciw", 20_000),
            Contestant("salabim", models, "salabim_mm1", "salabim", 3_000),
            Contestant("happysim", models, "happysim_mm1", "happysim", 10_000, ("3.13", "3.14")),
        ],
        "two servers": [
            Contestant("AsyncFlow", models, "asyncflow_two_servers", "asyncflow-sim", 10_000, ("3.12", "3.13")),
            Contestant("SimPy, by hand", models, "simpy_two_servers", "simpy", 30_000),
        ],
    }


SERVICES = {
    "M/M/1": (MM1, 2857.0, "1/300 s = 3.333 ms"),
    "two servers": (TWO_SERVERS, 20_000.0, "24.0 ms and a short wait"),
}
WANTED = {("M/M/1", "SimPy, by hand"): 80, ("M/M/1", "Cimba for Python"): 2, ("two servers", "AsyncFlow"): 150}


def time_in_turn(others: list[Contestant], once: Callable[[], tuple[float, float]], pairs: int) -> Contestant:
    """Run each of the others so many times beside the fast engine; return what that took itself."""
    own = Contestant("fast engine", "", "", "", 0)
    once()
    for number in range(pairs):
        for one in others:
            if one.python is None:  # there is none, or it failed before
                continue
            before = len(one.times_s)
            if number % 2:
                repeat(one)
            took_s, mean_s = once()
            own.times_s.append(took_s)
            own.means_s.append(mean_s)
            if not number % 2:
                repeat(one)
            if len(one.times_s) > before:
                one.ratios.append(one.times_s[-1] / took_s)
    return own


def row_of(one: Contestant, wanted: int | None) -> str:
    """Return a contestant's row of the table."""
    lower, middle, upper = quartiles([time_s * 1e6 for time_s in one.times_s])
    ratio = "{1:.2f} x ({0:.2f} to {2:.2f})".format(*quartiles(one.ratios)) if one.ratios else ""
    span = f"{middle:.3f} ({lower:.3f} to {upper:.3f})"
    mean_ms = statistics.fmean(one.means_s) * 1e3
    return (
        f"| {one.name} | {span} | {1e6 / middle:,.0f} | {mean_ms:.2f} | {ratio} | {f'{wanted} x' if wanted else ''} |"
    )


def compare(service: str, others: list[Contestant], pairs: int) -> None:
    """Run one service on all and print its table."""
    text, seconds, theory = SERVICES[service]
    own = time_in_turn(others, fast(text, seconds), pairs)
    print(f"\n**{service}** (mean response in theory: {theory})\n")
    print(
        "| simulator | time of a customer (quartiles), us | customers/s | mean response, ms | fast engine is | wanted |"
    )
    print("| --- | --- | --- | --- | --- | --- |")
    for one in (own, *others):
        if one.times_s:
            print(row_of(one, WANTED.get((service, one.name))))
    for one in others:
        if one.python is None:
            print(f"\n{one.name} is left out: {one.missing}.")


def main() -> None:
    """Install the others and print a table for each service."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--only", help="the name of one of the others")
    parser.add_argument("--environments", type=Path, help="where the others are installed, and kept")
    given = parser.parse_args()
    kept = given.environments
    with nullcontext(kept) if kept else tempfile.TemporaryDirectory() as directory:
        services = contestants()
        if given.only:
            services = {name: [one for one in others if one.name == given.only] for name, others in services.items()}
        for others in services.values():
            for one in others:
                install(one, Path(directory))
        stay_on(0)
        print("\n".join(machine_lines(f"{given.pairs} pairs")))
        for service, others in services.items():
            if others:
                compare(service, others, given.pairs)


if __name__ == "__main__":
    main()

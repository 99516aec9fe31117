"""Fit the hub to some levels, and what it then says of 50 processes: `python -m examples.orchestrator_hub.fit`.

Without options the scenario files are played. `--fit NAME` searches for them: simulated least squares from the numbers
that `hubs.py` has, or with `--anew` from the start that `start.py` reasons out of the same levels. Every set of
numbers is played with the same seed, so that two sets see the same draws and their difference is smooth enough for a
derivative (common random numbers). A `_lower` fit never looks at the level that is predicted. Each evaluation is kept,
so that the same command goes on where it was stopped; --seconds bounds the simulating time of the search over all its
pieces.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.points import Point
from calibration.fitting.rivals import predict
from calibration.fitting.skeleton import Machine
from examples.orchestrator_hub.agreement import compare_level
from examples.orchestrator_hub.figures import FITTED, HERE, PREDICTED, levels
from examples.orchestrator_hub.hubs import FITS, GAUGE_OF, SEARCHED, begin, hubs, with_true_gauge, write_hub
from examples.orchestrator_hub.start import without_simulation
from examples.orchestrator_hub.structure import FREE, Hub
from models.scenario import Scenario
from models.scenario_text import write_toml
from simulator import run

Array = NDArray[np.float64]
OPERATIONS: Final = 16_000
THROUGHPUT_DEVIATION: Final = 0.01
PERCENTILE_DEVIATION: Final = 0.05
CPU_DEVIATION: Final = 0.02
NOTHING: Final = 50.0
"""Residual where nothing completed, and the largest there is."""
WIDEST, NARROWEST = 0.15, 0.05
"""Steps of a derivative, on a logarithmic scale: well above what is left of the noise."""
DAMPINGS: Final = (0.01, 0.1, 1.0, 10.0, 100.0)
LONGEST: Final = 0.6
ENOUGH: Final = 0.99
"""What a move must leave of the sum of squares at most, to be one."""
SPREAD: Final = 1.2
"""How far a number may go from its start, on the same scale."""
LOOSENED: Final = 1.1
"""By what a bound of flushes that the figures contradict is made wider."""
KEPT: Final = Path(".hub-fit")


class OutOfTimeError(Exception):
    """The search has used its time."""


def simulate(hub: Hub, procs: int, operations: int = OPERATIONS) -> dict[str, float]:
    """Return throughput [/s], percentiles [ms] and CPU [percent] of a level."""
    table = hub.table()
    table["workloads"][0] |= {"procs": procs}
    duration_ms = max(round(operations / (800 * procs) * 1e3), 500)
    table["run"] = {"warmup": "700ms", "duration": f"{duration_ms}ms", "replications": 1, "seed": 1}
    result = run(Scenario.from_dict(table, "fit", Path()))
    names = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
    found = {column: result[f"response_time_s.{name}"] * 1e3 for column, name in names.items()}
    return found | {
        "throughput_per_s": result["throughput_per_s"],
        "cpu_pct": result["cpu_utilization"] * 100,
    }


def residuals(hub: Hub, at: Sequence[int]) -> Array:
    """Return simulated against reported figures of levels, each in units of what it may deviate."""
    reported = levels()
    with ThreadPoolExecutor(2) as pool:
        played = list(pool.map(lambda procs: simulate(hub, procs), at))
    rows = []
    for procs, found in zip(at, played, strict=True):
        said = reported[procs]
        rows.append(math.log(found["throughput_per_s"] / said["throughput_per_s"]) / THROUGHPUT_DEVIATION)
        rows += [math.log(found[name] / said[name]) / PERCENTILE_DEVIATION for name in ("p50_ms", "p95_ms", "p99_ms")]
        rows.append((found["cpu_pct"] - said["cpu_pct"]) / 100 / CPU_DEVIATION)
    return np.clip([value if math.isfinite(value) else NOTHING for value in rows], -NOTHING, NOTHING)


class Search:
    """A least-squares search that remembers every evaluation in a file and stops when its time is used."""

    def __init__(self, name: str, folder: Path, begin: Hub) -> None:
        self.at = SEARCHED[name]
        self.start = begin
        marks = repr((self.start, self.at, OPERATIONS, FREE))
        self.file = folder / f"{name}-{hashlib.sha256(marks.encode()).hexdigest()[:8]}.jsonl"
        folder.mkdir(exist_ok=True)
        lines = self.file.read_text(encoding="utf-8").splitlines() if self.file.exists() else []
        self.known = {tuple(one["logs"]): one for one in map(json.loads, lines)}

    @property
    def used_s(self) -> float:
        """Simulating time of all evaluations so far."""
        return float(sum(one["seconds"] for one in self.known.values()))

    def hub(self, logs: Sequence[float]) -> Hub:
        """Return the hub at logarithms of the factors of its free numbers."""
        return self.start.scaled({name: math.exp(log) for name, log in zip(FREE, logs, strict=True)})

    def best(self) -> tuple[Hub, float]:
        """Return the best hub so far and the root mean square of its residuals."""
        one = min(self.known.values(), key=lambda one: float(np.sum(np.square(one["residuals"]))))
        return self.hub(one["logs"]), float(np.sqrt(np.mean(np.square(one["residuals"]))))

    def run(self, limit_s: float) -> bool:
        """Search until the time is used; return whether the search came to its end."""

        def of(logs: Array) -> Array:
            place = tuple(round(float(log), 9) for log in logs)
            if place not in self.known:
                if self.used_s > limit_s:
                    raise OutOfTimeError
                began = time.perf_counter()
                found = residuals(self.hub(place), self.at)
                took = time.perf_counter() - began
                self.known[place] = {"logs": place, "residuals": found.tolist(), "seconds": took}
                with self.file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(self.known[place]) + "\n")
            return np.array(self.known[place]["residuals"])

        try:
            descend(of, len(FREE))
        except OutOfTimeError:
            return False
        return True


def descend(of: Callable[[Array], Array], count: int) -> Array:
    """Return where the sum of squares of a noisy function is small, by damped least squares (Levenberg, Marquardt).

    Derivatives are taken over steps that are wide against the noise and narrow when no damping helps any more.
    of: residuals by logarithms of factors, which begin at 0 and stay within SPREAD.
    """
    place, step = np.zeros(count), WIDEST
    left = of(place)
    while step > NARROWEST:
        slopes = _derivative(of, place, step)
        tried = [_within(place, move) for move in _moves(slopes, left)]
        found = [of(one) for one in tried]
        least = min(range(len(found)), key=lambda index: float(found[index] @ found[index]))
        if found[least] @ found[least] < left @ left * ENOUGH:
            place, left = tried[least], found[least]
        else:
            step *= 0.6
    return place


def _moves(slopes: Array, left: Array) -> list[Array]:
    """Return the steps of several dampings, whole and half, none longer than LONGEST."""
    moves: list[Array] = []
    for damping in DAMPINGS:
        whole = np.linalg.solve(slopes.T @ slopes + damping * np.eye(slopes.shape[1]), -slopes.T @ left)
        share = min(1.0, LONGEST / float(np.abs(whole).max()))
        moves += [np.asarray(part * share * whole) for part in (1.0, 0.5)]
    return moves


def _within(place: Array, move: Array) -> Array:
    return np.asarray(np.clip(place + move, -SPREAD, SPREAD))


def _derivative(of: Callable[[Array], Array], place: Array, width: float) -> Array:
    """Return central differences, which noise disturbs half as much as one-sided ones."""
    columns = []
    for index in range(len(place)):
        step = np.zeros_like(place)
        step[index] = width
        ahead, behind = _within(place, step), _within(place, -step)
        columns.append((of(ahead) - of(behind)) / (ahead - behind)[index])
    return np.column_stack(columns)


def laws() -> list[str]:
    """Return what Amdahl's law and the USL, fitted to the same levels, predict."""
    reported = levels()
    points = [Point(float(procs), reported[procs]["throughput_per_s"], 0.02) for procs in FITTED]
    target = Point(float(PREDICTED), reported[PREDICTED]["throughput_per_s"], 0.02)
    lines = []
    for name in ("Amdahl", "USL"):
        (found,) = predict(name, points, [target], Machine(4))
        error = found.throughput_per_s / target.throughput_per_s - 1
        lines.append(
            f"| {name}, of throughput | 1, 5, 10, 20 | {found.throughput_per_s:.0f} | {error:+.1%} | - | - | - | - |"
        )
    return lines


def predictions() -> str:
    """Return a table of what each fit, and each law, says of the level of 50 processes."""
    reported = levels()[PREDICTED]
    times = " | ".join(f"{reported[column]:g}" for column in ("p50_ms", "p95_ms", "p99_ms"))
    lines = [
        f"| at {PREDICTED} processes | fitted on | throughput /s | error | p50 ms | p95 ms | p99 ms | cpu % |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
        f"| reported | | {reported['throughput_per_s']:.0f} | | {times} | {reported['cpu_pct']:g} |",
    ]
    for name in FITS:
        played = {one.figure.column: one.simulated for one in compare_level(HERE / f"{name}.toml", PREDICTED)}
        found = {column: played[column] for column in ("throughput_per_s", "p50_ms", "p95_ms", "p99_ms", "cpu_pct")}
        error = found["throughput_per_s"] / reported["throughput_per_s"] - 1
        times = " | ".join(
            f"{found[c]:.0f} ({found[c] / reported[c] - 1:+.0%})" for c in ("p50_ms", "p95_ms", "p99_ms")
        )
        at = ", ".join(map(str, FITS[name]))
        throughput = f"{found['throughput_per_s']:.0f} | {error:+.1%}"
        lines.append(f"| {name} | {at} | {throughput} | {times} | {found['cpu_pct']:.0f} |")
    return "\n".join([*lines, *laws()])


def write_scenario(name: str, hub: Hub) -> None:
    """Write the scenario file of a fit."""
    at = ", ".join(map(str, FITS[name]))
    search = GAUGE_OF.get(name, name)
    command = f"python -m examples.orchestrator_hub.fit --fit {search}"
    head = f"# {name}: chosen to fit {at} processes; `{command}` goes on from it.\n"
    (HERE / f"{name}.toml").write_text(head + write_toml(hub.table()), encoding="utf-8")


def keep(name: str, hub: Hub) -> None:
    """Write the numbers and the scenario file of a fit, and of the scenario in which the gauge is true."""
    write_hub(name, hub)
    write_scenario(name, hub)
    for gauge_true, of in GAUGE_OF.items():
        if of == name:
            keep_true_gauge(gauge_true, name)


def keep_true_gauge(name: str, of: str) -> None:
    """Write the scenario in which the gauge is as true as the figures allow.

    Its flushes are bounded by what the gauge says at first, and less and less until every figure of the highest level
    that agrees without a bound agrees with it.
    """
    at = SEARCHED[of]
    agree = {one.figure.name for one in compare_level(HERE / f"{of}.toml", max(at)) if one.agrees}
    bounded = with_true_gauge(hubs()[of], at)
    while True:
        write_hub(name, bounded)
        write_scenario(name, bounded)
        if agree <= {one.figure.name for one in compare_level(HERE / f"{name}.toml", max(at)) if one.agrees}:
            return
        bounded = replace(bounded, flush_limit=math.ceil(bounded.flush_limit * LOOSENED))


def main() -> None:
    """Print the predictions of the fits; with --fit search first, and write the numbers and the scenario files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fit", choices=list(SEARCHED), help="search for the numbers of this scenario")
    parser.add_argument("--anew", action="store_true", help="begin at what the laws say, not at the numbers of hubs.py")
    parser.add_argument("--laws", choices=list(SEARCHED), help="put its numbers anew that follow from a law each")
    parser.add_argument("--seconds", type=float, default=240.0, help="simulating time of each search")
    parser.add_argument("--keep", type=Path, default=KEPT, help="directory of the evaluations")
    asked = parser.parse_args()
    if asked.laws is not None:
        keep(asked.laws, replace(hubs()[asked.laws], **without_simulation(SEARCHED[asked.laws])))
        return
    if asked.fit is None:
        print(predictions())
        return
    search = Search(asked.fit, asked.keep, begin(asked.fit, asked.anew))
    said = "at its end" if search.run(asked.seconds) else "out of time"
    hub, misfit = search.best()
    print(f"{asked.fit}: {len(search.known)} evaluations in {search.used_s:.0f} s, {said}; misfit {misfit:.2f}")
    keep(asked.fit, hub)
    print(hub)


if __name__ == "__main__":
    main()

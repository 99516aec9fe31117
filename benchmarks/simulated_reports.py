"""Load-test reports of simulated services: consistent by construction, with the scatter of real measurements.

Every report is a pure function of its seed: a service of `service_scenarios`, levels of its load (each simulated with
draws of its own), and what a load test would print of each: which columns, under which names, with how many digits.
Seeds below FINAL are for development; those from there on are for the figure that is reported. The measurements alone
take a second a report; `--keep FILE` holds them for the next time. With `--short`, services are simulated for less
long, every second one at loads that no report has: to learn from, beyond those that reports have in common.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, Final

from benchmarks.service_scenarios import service_scenario
from models.scenario import Scenario
from simulator.limits.load import PROCS, at_load, axis_of
from simulator.run import run

FINAL: Final = 60_000
OPERATIONS: Final = (60_000, 150_000, 300_000)
"""Of which one number is drawn for a report: simulated for each level."""
SHORT: Final = 60_000
"""The same with `--short`."""
OPEN_SHARES: Final = ((0.2, 0.4, 0.6, 0.8), (0.1, 0.3, 0.5, 0.7, 0.9), (0.1, 0.2, 0.4, 0.6, 0.75, 0.9))
COUNTS: Final = (3, 4, 4, 5, 5, 6, 7, 8)
"""Of loads that no report has."""
LADDERS: Final = (
    (1, 5, 10, 20, 50),
    (1, 2, 4, 8, 16, 32),
    (2, 4, 8, 16, 32, 64),
    (4, 8, 16, 30, 50),
    (1, 3, 10, 30, 100),
    (10, 20, 40, 80),
    (1, 2, 4, 8, 12, 16, 24, 32, 48),
)
TIMES: Final = ("mean", "p50", "p90", "p95", "p99", "p999", "max")
COLUMNS: Final = (("p50", "p95", "p99"), ("p50", "p95", "p99"), ("p50", "p90", "p99"), ("p50", "p90", "p95", "p99"))
GAUGE: Final = 0.003
"""Relative scatter of what is read from a gauge."""

Row = dict[str, float]


def measured(seed: int, *, short: bool = False) -> dict[str, Any]:
    """Return what a load test of a service measures: {"seed", "kind", "concurrency", "levels"}; SI units.

    short: SHORT operations, and loads of any kind where the seed is odd.
    """
    pick = random.Random(f"report {seed}")
    ladders, open_shares = _any_loads(random.Random(f"ladder {seed}")) if short and seed % 2 else (LADDERS, OPEN_SHARES)
    scenario = _plain(service_scenario(seed))
    first, axis = scenario.workloads[0], axis_of(scenario)
    if axis.kind == PROCS:
        loads: tuple[float, ...] = pick.choice(ladders)
    else:
        capacity = axis.capacity if 0 < axis.capacity < float("inf") else 2 * axis.start
        loads = tuple(share * capacity for share in pick.choice(open_shares))
    operations = SHORT if short else pick.choice(OPERATIONS)
    levels = [
        _level(at_load(scenario, axis.kind, load), load, 1000 * seed + index, operations)
        for index, load in enumerate(loads)
    ]
    return {
        "seed": seed,
        "kind": axis.kind,
        "concurrency": first.concurrency if axis.kind == PROCS else 1,
        "levels": levels,
    }


def _any_loads(pick: random.Random) -> tuple[list[tuple[int, ...]], list[tuple[float, ...]]]:
    """Return a ladder of processes and shares of a capacity: three to eight, in equal steps or ratios."""
    return [_any_ladder(pick)], [_any_shares(pick)]


def _any_ladder(pick: random.Random) -> tuple[int, ...]:
    count = pick.choice(COUNTS)
    while True:
        low, high = pick.choice((1, 1, 2, 4, 5, 8, 10, 20)), pick.choice((20, 32, 50, 64, 100, 150, 200))
        if high < 3 * low:
            continue
        by_ratio = pick.random() < 0.6
        loads = tuple(sorted({round(load) for load in _between(low, high, count, by_ratio=by_ratio)}))
        if len(loads) > 2:
            return loads


def _any_shares(pick: random.Random) -> tuple[float, ...]:
    count = pick.choice(COUNTS)
    low, high = pick.choice((0.05, 0.1, 0.2, 0.3)), pick.uniform(0.55, 0.97)
    by_ratio = pick.random() >= 0.7
    return tuple(round(share, 3) for share in _between(low, high, count, by_ratio=by_ratio))


def _between(low: float, high: float, count: int, *, by_ratio: bool) -> list[float]:
    along = [step / (count - 1) for step in range(count)]
    return [low * (high / low) ** part if by_ratio else low + (high - low) * part for part in along]


def _plain(scenario: Scenario) -> Scenario:
    """Return a scenario with its first workload alone, in which nothing is abandoned."""
    first = scenario.workloads[0].model_copy(update={"timeout": None, "retry": None})
    return scenario.model_copy(update={"workloads": [first]})


def _level(scenario: Scenario, load: float, seed: int, operations: int) -> Row:
    data: dict[str, Any] = run(scenario, engine="fast", seed=seed, max_operations=operations).data
    service = next(iter(scenario.services.values()))
    level = {"load": load, "throughput_per_s": data["throughput_per_s"]["value"]}
    level |= {name: data["response_time_s"][name]["value"] for name in TIMES}
    level |= {"cpu": data["cpu_utilization"]["value"], "errors": data["error_rate"]["value"]}
    return level | {"cores": float(service.cores or 1), "instances": float(service.instances)}


def report_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows that a report prints of a measurement: column name to figure, in the column's unit."""
    pick = random.Random(f"print {found['seed']}")
    closed = found["kind"] == PROCS
    each = found["concurrency"]
    load = pick.choice(("procs", "threads", "connections")) if each == 1 else "procs"
    say_each = closed and each > 1 and pick.random() < 0.5
    names = (["mean"] if pick.random() < 0.8 else []) + list(pick.choice(COLUMNS))
    if pick.random() < 0.15:
        names = ["mean"]
    shown = {name for name in ("cpu", "memory", "network", "efficiency", "errors") if pick.random() < 0.6}
    digits = pick.choice((3, 4, 4, 5))
    base, held, sent = 10 ** pick.uniform(7, 9), 10 ** pick.uniform(3, 6), 10 ** pick.uniform(2, 4.3)
    scale, unit = pick.choice(((1e3, "ms"), (1e3, "ms"), (1e6, "us")))
    alone = found["levels"][0]
    rows: list[Row] = []
    for level in found["levels"]:
        throughput = level["throughput_per_s"]
        row: Row = {"throughput_per_s": throughput}
        row |= {f"{name}_{unit}": scale * level[name] for name in names}
        if "cpu" in shown:
            row["cpu_pct"] = 100 * level["cpu"]
        if "memory" in shown:
            row["memory_mb"] = (base + held * throughput * level["mean"]) * pick.gauss(1, GAUGE) / 1e6
        if "network" in shown:
            row["network_mb_per_s"] = throughput * sent * pick.gauss(1, GAUGE) / 1e6
        if "efficiency" in shown and closed:
            row["efficiency_pct"] = 100 * throughput / alone["throughput_per_s"] * alone["load"] / level["load"]
        row = {name: float(f"{value:.{digits}g}") for name, value in row.items()}
        head: Row = {load if closed else "rate_per_s": float(f"{level['load']:.6g}")}
        head |= {"concurrency": float(each)} if say_each else {}
        tail = {"cores": level["cores"]} | ({"instances": level["instances"]} if level["instances"] > 1 else {})
        if "errors" in shown:
            tail["error_pct"] = float(f"{100 * level['errors']:.2g}")
        rows.append(head | row | tail)
    return rows


def measurements(seeds: Sequence[int], keep: Path | None = None, *, short: bool = False) -> list[dict[str, Any]]:
    """Return measurements of seeds, simulated on two cores; those that `keep` holds are taken from there.

    A service that has no three levels with finished operations is left out.
    """
    held: dict[int, dict[str, Any]] = {}
    if keep is not None and keep.exists():
        held = {one["seed"]: one for one in map(json.loads, keep.read_text().splitlines())}
    missing = [seed for seed in seeds if seed not in held]
    if missing:
        with ProcessPoolExecutor(2) as pool:
            for one in pool.map(partial(measured, short=short), missing):
                held[one["seed"]] = one
                if keep is not None:
                    with keep.open("a") as file:
                        file.write(json.dumps(one) + "\n")
    return [held[seed] for seed in seeds if _complete(held[seed])]


def _complete(found: dict[str, Any]) -> bool:
    return len(found["levels"]) > 2 and all(
        level[name] is not None and level[name] > 0
        for level in found["levels"]
        for name in ("throughput_per_s", *TIMES)
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--first", type=int, default=0, help="seed of the first report")
    parser.add_argument("--reports", type=int, default=20)
    parser.add_argument("--short", action="store_true", help="less long, every second one at loads of any kind")
    parser.add_argument("--keep", type=Path, required=True, help="file of measurements, extended by what is missing")
    asked = parser.parse_args()
    seeds = range(asked.first, asked.first + asked.reports)
    print(len(measurements(seeds, asked.keep, short=asked.short)), "reports")


if __name__ == "__main__":
    main()

"""Holds limits to what they promise: `python -m benchmarks.limits_random --count 200`.

Random services with random criteria. Each limit is simulated anew with another seed and a nearly empty system of its
own, and so is max(5 %, one process) more. The limit is to keep its criteria in 95 % of the scenarios, more of it to
break one in 90 %. A scenario without a limit (none kept, or nothing breaks) is left out and counted.

What is simulated anew is no shorter than what the limit was confirmed with, in replications and in each one's window:
a limit is a bound at 95 % for the difference of two such simulations, and a check that is noisier than it would measure
its own noise. (A queue that fills up to its mean also looks the more as if it grew, the shorter the window is.)

`--first N` goes on from a seed; `--rows FILE` keeps a line for each, and adds up what the file holds already.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from benchmarks.service_scenarios import service_criteria, service_scenario
from simulator.engines import Engine
from simulator.limits import Asked, limits
from simulator.limits.answer import EMPTY_SHARE
from simulator.limits.criteria import Given, by_level
from simulator.limits.empty import empty_trial
from simulator.limits.load import Axis, axis_of
from simulator.limits.root import keeps, statistic
from simulator.limits.trials import Laboratory, Trial, chosen_for_search, percents_of

LEVEL: Final = "safe"
OTHER_SEED: Final = 1_000_003
CHECKED_REPLICATIONS: Final = 20
CHECKED_OPERATIONS: Final = 1_000_000
# Times these at most, where response times ask for more; of what grows without end they ask for ever more. An overload
# shows soon, and each of its operations is dear, because all the others wait beside it.
LONGEST_AT_LIMIT: Final = 4
LONGEST_BEYOND: Final = 1
WANTED: Final = {"kept": 0.95, "broken": 0.90}


def more(load: float, axis: Axis) -> float:
    """Return max(5 %, one process) more; of two numbers of processes the lower, which is harder to break."""
    return float(math.floor(load + max(0.05 * load, 1))) if axis.whole else 1.05 * load


def examine(seed: int, engine: Engine) -> dict[str, Any]:
    """Find the limit of a scenario and simulate it anew."""
    scenario = service_scenario(seed)
    given = Given(service_criteria(seed, scenario.workloads[0].kind), defaults=False)
    started = time.monotonic()
    asked = Asked(given, without_one=False, spike=None, watched_ns=None)
    data = limits(scenario, asked, engine=engine, seed=seed)
    row = data["levels"][LEVEL]
    found = {"seed": seed, "seconds": round(time.monotonic() - started, 1), "load": row["load"], "axis": data["axis"]}
    found |= {"binding": row["binding"], "operations": data["operations_simulated"], "criteria": list(given.everywhere)}
    if row["load"] is None or row["unlimited"]:
        return {**found, "outcome": "none kept" if row["load"] is None else "nothing breaks"}
    axis = axis_of(scenario)
    criteria = by_level(given, scenario)[LEVEL]
    laboratory = Laboratory(engine, seed + OTHER_SEED, percents_of(criteria))
    base = empty_trial(laboratory, axis, EMPTY_SHARE * engine.operations)
    series = []
    least = CHECKED_REPLICATIONS, CHECKED_OPERATIONS / CHECKED_REPLICATIONS
    same = row["replications"], row["operations_measured"] / row["replications"]
    size = max(least[0], same[0]), max(least[1], same[1])
    checks = ((row["load"], size, LONGEST_AT_LIMIT), (more(row["load"], axis), least, LONGEST_BEYOND))
    for load, sized, longest in checks:
        trial = _anew(laboratory, axis, load, sized, longest)
        series.append({criterion: trial.values(criterion, base) for criterion in criteria})
    values = [{one.text: float(f"{statistic(one, each[one]):.5g}") for one in criteria} for each in series]
    found |= {"estimate": row["estimate"], "margin": row["margin"], "at_limit": values[0], "at_more": values[1]}
    found |= {"replications": size[0], "operations_each": round(size[1])}
    return {**found, "outcome": "limit", "kept": keeps(series[0]), "broken": not keeps(series[1])}


def _anew(laboratory: Laboratory, axis: Axis, load: float, size: tuple[int, float], longest: float) -> Trial:
    """Simulate a load. size: replications, and operations of each; longest: times these at most."""
    scenario = axis.at(load)
    count, operations = size
    window = laboratory.window(scenario, operations)
    if window.operations > longest * operations:
        share = longest * operations / window.operations
        warmup_ns, duration_ns = int(window.warmup_ns * share), int(window.duration_ns * share)
        window = replace(window, warmup_ns=warmup_ns, duration_ns=duration_ns)
    return laboratory.trial(scenario, window, range(1, count + 1))


def summary(rows: list[dict[str, Any]]) -> list[str]:
    """Say in how many scenarios each promise was held."""
    limited = [row for row in rows if row["outcome"] == "limit"]
    lines = [f"{len(rows)} scenarios, {len(limited)} with a limit"]
    for outcome in ("none kept", "nothing breaks"):
        lines[0] += f", {sum(row['outcome'] == outcome for row in rows)} where {outcome}"
    for name, said in (("kept", "keeps its criteria"), ("broken", "and max(5 %, one process) more breaks one")):
        held = sum(row[name] for row in limited)
        share = held / max(len(limited), 1)
        lines.append(f"the limit {said}: {held} of {len(limited)} = {share:.1%} (wanted: {WANTED[name]:.0%})")
    operations = sorted(row["operations"] for row in rows)
    lines.append(f"operations for a search: median {operations[len(rows) // 2]:,}, most {operations[-1]:,}")
    return lines


def main() -> int:
    """Examine the scenarios and print both shares. Exit code 1 if a share is not reached."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--rows", type=Path, help="file with a line of JSON for each scenario")
    arguments = parser.parse_args()
    rows = []
    if arguments.rows is not None and arguments.rows.exists():
        rows = [json.loads(line) for line in arguments.rows.read_text().splitlines()]
    engine, _ = chosen_for_search("auto")
    known = {row["seed"] for row in rows}
    for seed in range(arguments.first, arguments.first + arguments.count):
        if seed in known:
            continue
        rows.append(examine(seed, engine))
        row = rows[-1]
        if arguments.rows is not None:
            with arguments.rows.open("a") as file:
                file.write(json.dumps(row) + "\n")
        if row["outcome"] == "limit" and not (row["kept"] and row["broken"]):
            print(json.dumps(row), flush=True)
    print("\n".join(summary(rows)))
    limited = [row for row in rows if row["outcome"] == "limit"]
    return int(any(sum(row[name] for row in limited) < share * len(limited) for name, share in WANTED.items()))


if __name__ == "__main__":
    sys.exit(main())

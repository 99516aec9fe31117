"""Compare the two engines record by record, on scenario files or on random scenarios.

python tests/compare_engines.py --first 0 --count 10000
python tests/compare_engines.py SCENARIO...

Prints each scenario that differs with what differs first, and the number of scenarios and operations compared; exit
code 1 if any differed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from models.scenario import Scenario
from simulator.compile import Compiled, compile_scenario
from simulator.fast import simulate as simulate_fast
from simulator.output import EngineOutput
from simulator.reference import simulate as simulate_reference

TOTALS = (
    "counts",
    "window_counts",
    "histogram",
    "response_sum_ns",
    "response_max_ns",
    "causes_ns",
    "stations",
    "stations_whole",
    "stations_present_ns",
    "cores_ns",
    "cores_whole_ns",
    "memory_mean_bytes",
    "memory_peak_bytes",
)


def differences(reference: EngineOutput, fast: EngineOutput) -> list[str]:
    """Return what differs between two outputs, the operations' records first."""
    found = []
    assert reference.records is not None
    assert fast.records is not None
    if len(reference.records) != len(fast.records):
        found.append(f"operations: {len(reference.records)} and {len(fast.records)}")
    count = min(len(reference.records), len(fast.records))
    for name in reference.records.dtype.names:
        unequal = reference.records[name][:count] != fast.records[name][:count]
        rows = np.flatnonzero(unequal.reshape(count, -1).any(axis=1)) if count else []
        if len(rows):
            first = rows[0]
            found.append(f"{name} of {len(rows)}: {reference.records[first]} and {fast.records[first]}")
    for name in TOTALS:
        left, right = getattr(reference, name), getattr(fast, name)
        if not np.array_equal(left, right):
            found.append(f"{name}: {_first_difference(left, right)}")
    return found


def _first_difference(left: Any, right: Any) -> str:
    """Return where two arrays differ first."""
    if left.shape != right.shape:
        return f"shape {left.shape} and {right.shape}"
    row = int(np.flatnonzero((left != right).reshape(len(left), -1).any(axis=1))[0])
    return f"row {row}: {left[row]} and {right[row]}" if left[row].size < 30 else f"row {row}"


def compare(compiled: Compiled, *, seed: int, warmup_ns: int, end_ns: int) -> tuple[list[str], int]:
    """Run a scenario on both engines; returns what differs and the number of operations."""
    options: dict[str, Any] = {"seed": seed, "replication": 0, "warmup_ns": warmup_ns, "end_ns": end_ns}
    reference = simulate_reference(compiled, **options, records=True, causes=True)
    fast = simulate_fast(compiled, **options, records=True, causes=True, check=True)
    assert reference.records is not None
    return differences(reference, fast) + fast.law_violations, len(reference.records)


def compare_random(seed: int) -> tuple[list[str], int]:
    """Run the random scenario of a seed on both engines."""
    from random_scenarios import random_scenario

    scenario = random_scenario(seed)
    run = scenario.run
    return compare(compile_scenario(scenario), seed=run.seed, warmup_ns=run.warmup, end_ns=run.warmup + run.duration)


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare the two engines record by record.")
    parser.add_argument("files", nargs="*", type=Path, help="scenarios; without any, random ones")
    parser.add_argument("--first", type=int, default=0, help="seed of the first random scenario")
    parser.add_argument("--count", type=int, default=300, help="number of random scenarios")
    parser.add_argument("--seconds", type=float, default=1.0, help="simulated time of a scenario file")
    arguments = parser.parse_args()
    differing = operations = 0
    cases: list[Any] = arguments.files or list(range(arguments.first, arguments.first + arguments.count))
    for case in cases:
        if isinstance(case, Path):
            end_ns = int(arguments.seconds * 1e9)
            compiled = compile_scenario(Scenario.load(case), case.parent)
            found, count = compare(compiled, seed=1, warmup_ns=end_ns // 10, end_ns=end_ns)
        else:
            found, count = compare_random(case)
        operations += count
        if found:
            differing += 1
            print(f"{case}: differs", *found[:4], sep="\n    ", flush=True)
    print(f"{len(cases)} scenarios, {operations} operations compared, {differing} scenarios differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())

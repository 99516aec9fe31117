"""Compares the engines on random scenarios: `python -m benchmarks.compare_engines --count 1000 --first-seed 0`.

Everything that the engines return is compared exactly. A scenario on which they differ is made small and kept under
tests/mismatches/, where the tests run it from then on. Exit code 1 if there was any. Many scenarios are compared in
pieces, by `--first-seed`, which `--report FILE` adds up over all pieces that the same kernel has compared.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from simulator.fast.cache import source_hash
from tests.engine_comparison import Comparison, compare, fast_engine, keep, shrink, summary
from tests.random_scenarios import random_scenario, trace_directory


def main() -> int:
    """Compare, print what was compared, keep what differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="number of scenarios")
    parser.add_argument("--first-seed", type=int, default=0, help="the seeds follow one another from here")
    parser.add_argument("--stop-after", type=int, default=3, help="give up after so many mismatches")
    parser.add_argument("--no-shrink", action="store_true", help="only name the seeds that differ")
    parser.add_argument("--report", type=Path, help="a file of one line for each piece; prints the sum of them all")
    arguments = parser.parse_args()
    fast = fast_engine()
    comparisons: list[Comparison] = []
    mismatches, started = 0, time.monotonic()
    for seed in range(arguments.first_seed, arguments.first_seed + arguments.count):
        scenario = random_scenario(seed)
        comparison = compare(scenario, fast)
        comparisons.append(comparison)
        if comparison.differences:
            mismatches += 1
            print(f"seed {seed}: {len(comparison.differences)} differences", *comparison.differences[:3], sep="\n  ")
            if not arguments.no_shrink:
                directory = trace_directory()
                small = shrink(scenario, directory, lambda other: bool(compare(other, fast).differences))
                print(f"  kept as {keep(small, directory, compare(small, fast).differences)}")
            if mismatches >= arguments.stop_after:
                break
    print(f"{summary(comparisons)} ({time.monotonic() - started:.0f} s)")
    if arguments.report:
        print(_added_up(arguments.report, arguments.first_seed, comparisons))
    return 1 if mismatches else 0


def _added_up(report: Path, first_seed: int, comparisons: list[Comparison]) -> str:
    """Add this piece to a report; returns the sum of all pieces of this kernel, each seed once."""
    seeds = {
        str(first_seed + number): (one.operations, one.ties, int(bool(one.differences)))
        for number, one in enumerate(comparisons)
    }
    with report.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"kernel": source_hash(), "seeds": seeds}) + "\n")
    together: dict[str, tuple[int, int, int]] = {}
    for line in report.read_text(encoding="utf-8").splitlines():
        piece = json.loads(line)
        if piece["kernel"] == source_hash():
            together.update(piece["seeds"])
    operations, ties, mismatches = (sum(one[column] for one in together.values()) for column in range(3))
    return f"in all: {len(together)} scenarios, {operations} operations, {ties} tied, {mismatches} mismatches"


if __name__ == "__main__":
    sys.exit(main())

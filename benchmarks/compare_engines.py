"""Compares the engines on random scenarios: `python -m benchmarks.compare_engines --count 1000 --first-seed 0`.

Everything that the engines return is compared exactly. A scenario on which they differ is made small and kept under
tests/mismatches/, where the tests run it from then on. Exit code 1 if there was any.
"""

from __future__ import annotations

import argparse
import sys
import time

from tests.engine_comparison import Comparison, compare, fast_engine, keep, shrink, summary
from tests.random_scenarios import random_scenario, trace_directory


def main() -> int:
    """Compare, print what was compared, keep what differed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="number of scenarios")
    parser.add_argument("--first-seed", type=int, default=0, help="the seeds follow one another from here")
    parser.add_argument("--stop-after", type=int, default=3, help="give up after so many mismatches")
    parser.add_argument("--no-shrink", action="store_true", help="only name the seeds that differ")
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
    return 1 if mismatches else 0


if __name__ == "__main__":
    sys.exit(main())

"""Prints every exact result beside its estimate: `python -m benchmarks.theory_table [WORD ...]`."""

from __future__ import annotations

import argparse
import sys
import time

from simulator.statistics import student_t
from tests.theory_cases import CASES, FAST_ONLY, TheoryCase, estimate_of, simulate

COLUMNS = f"{'scenario':30} {'metric':42} {'exact':>12} {'estimate':>12} {'half-width':>10} {'error':>8} {'z':>6}"
HEADER = f"{COLUMNS}  law"


def row(case: TheoryCase, engine: str) -> str:
    """One case: half-width and error relative to the exact value, z in standard errors."""
    result = simulate(case.scenario, engine)
    exact = case.expected()
    value, half_width = estimate_of(result.data, case.metric)
    error = value - exact
    errors = error * student_t(0.95, result.data["replications"] - 1) / half_width if half_width else 0.0
    return (
        f"{case.scenario:30} {case.metric:42} {exact:12.6g} {value:12.6g} {half_width / exact:10.2%} "
        f"{error / exact:+8.2%} {errors:+6.2f}  {case.law}"
    )


def main() -> None:
    """Run the scenarios whose name contains any of the words, by default all, and print their cases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="reference", choices=("reference", "fast", "auto"))
    parser.add_argument("words", nargs="*", help="print the scenarios with any of these in their name")
    arguments = parser.parse_args()
    print(HEADER)
    times: dict[str, float] = {}
    for case in CASES:
        if arguments.words and not any(word in case.scenario for word in arguments.words):
            continue
        if arguments.engine == "reference" and case.scenario in FAST_ONLY:
            continue
        started = time.perf_counter()
        print(row(case, arguments.engine), flush=True)
        times[case.scenario] = times.get(case.scenario, 0.0) + time.perf_counter() - started
    print(f"{len(times)} scenarios in {sum(times.values()):.0f} s", file=sys.stderr)
    for scenario, spent_s in sorted(times.items(), key=lambda item: -item[1]):
        print(f"{spent_s:8.1f} s  {scenario}", file=sys.stderr)


if __name__ == "__main__":
    main()

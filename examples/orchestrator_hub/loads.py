"""How far the hub may be loaded, read off simulated loads: `python -m examples.orchestrator_hub.loads`.

`sim limits` searches for the same loads with a stated confidence; this plays a fixed row of loads once and reads off
between which two of them a criterion breaks, on a line between them. Beside the criteria of the report's alerts stand
the defaults of `sim limits`, with and without CPU headroom, which is no criterion for flushers that come round whether
much or little waits.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from examples.orchestrator_hub.agreement import simulate_level
from examples.orchestrator_hub.figures import HERE, failing_attempts

LOADS: Final = (1, 3, 5, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 60, 75, 100, 130)
OPERATIONS: Final = 40_000
SHORTEST_S: Final = 1.5
Row = Mapping[str, float]
CRITERIA: Final[Mapping[str, Mapping[str, Mapping[str, float]]]] = {
    "the report's alerts": {"recommended": {"p95 ms": 150.0, "efficiency %": -90.0, "errors %": 1.0}},
    "sim limits, but CPU": {
        "recommended": {"p95 / empty": 1.5, "efficiency %": -95.0},
        "safe": {"p95 / empty": 2.0, "efficiency %": -90.0},
        "tolerable": {"p95 / empty": 3.0, "efficiency %": -80.0},
    },
    "sim limits, CPU headroom": {
        "recommended": {"cpu %": 70.0},
        "safe": {"cpu %": 80.0},
        "tolerable": {"cpu %": 95.0},
    },
}
"""By set and level: what a figure may not exceed, or fall below where the number is negative."""
REPORTED: Final = {"recommended": 15, "safe": 30, "tolerable": 50}


def played(scenario: Path, loads: Sequence[int]) -> dict[int, Row]:
    """Return the figures that criteria speak of at each load."""
    found: dict[int, Row] = {}
    for procs in loads:
        result = simulate_level(scenario, procs, (), OPERATIONS, SHORTEST_S)
        first = found[loads[0]] if found else None
        p95_ms, each = result["response_time_s.p95"] * 1e3, result["throughput_per_s"] / procs
        found[procs] = {
            "p95 ms": p95_ms,
            "p95 / empty": p95_ms / first["p95 ms"] if first else 1.0,
            "each /s": each,
            "efficiency %": each / first["each /s"] * 100 if first else 100.0,
            "errors %": failing_attempts(result) * 100,
            "cpu %": result["cpu_utilization"] * 100,
        }
    return found


def limit(rows: Mapping[int, Row], criteria: Mapping[str, float]) -> tuple[float, str]:
    """Return the load up to which all criteria are kept, and the figure that breaks there."""
    first: tuple[float, str] = (float(max(rows)), "none")
    for name, bound in criteria.items():
        sign = 1.0 if bound > 0.0 else -1.0
        over = [(procs, sign * row[name] - bound) for procs, row in sorted(rows.items())]
        for (before, low), (procs, high) in pairwise(over):
            if high > 0.0:
                crossing = before + (procs - before) * max(-low, 0.0) / (high - min(low, 0.0))
                first = min(first, (crossing, name))
                break
    return first


def main(arguments: Sequence[str]) -> None:
    """Print the loads, and what each set of criteria allows beside what the report says."""
    rows = played(Path(arguments[0]) if arguments else HERE / "polling.toml", LOADS)
    print("| procs | p95 ms | p95 / empty | efficiency % | errors % | cpu % |")
    print("| --- " * 6 + "|")
    for procs, row in rows.items():
        shown = f"{row['p95 ms']:.0f} | {row['p95 / empty']:.2f} | {row['efficiency %']:.1f}"
        print(f"| {procs} | {shown} | {row['errors %']:.2f} | {row['cpu %']:.1f} |")
    print("\n| criteria | level | up to procs | what breaks | the report says |")
    print("| --- " * 5 + "|")
    for name, levels in CRITERIA.items():
        for level, criteria in levels.items():
            up_to, breaks = limit(rows, criteria)
            print(f"| {name} | {level} | {up_to:.0f} | {breaks} | {REPORTED[level]} |")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The report's operating conditions against its own alerts: `python -m examples.orchestrator_hub.conditions`.

It recommends up to 15 processes, calls 30 safe with monitoring and 50 acceptable, and alerts at a 95th percentile of
150 ms, an efficiency below 90 % and an error rate of 1 %. Beside its rows (between them on a line through the
logarithms of load and figure) stands what a fitted scenario says of the same loads.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from examples.orchestrator_hub.agreement import simulate_level
from examples.orchestrator_hub.figures import HERE, failing_attempts, levels

CONDITIONS: Final = {15: "recommended", 30: "safe with monitoring", 50: "acceptable"}
ALERTS: Final = (("p95_ms", 150.0, 1.0), ("efficiency_pct", 90.0, -1.0), ("error_pct", 1.0, 1.0))
"""Column, threshold, and 1 where the alert fires above it."""


def interpolated(column: str, procs: float) -> float:
    """Return a figure of the report at a load between its rows; a share that is 0 somewhere linearly."""
    rows = levels()
    at = np.array(sorted(rows), dtype=np.float64)
    figures = np.array([rows[int(one)][column] for one in at])
    if figures.min() <= 0.0:
        return float(np.interp(procs, at, figures))
    return float(np.exp(np.interp(np.log(procs), np.log(at), np.log(figures))))


def fired(figures: dict[str, float]) -> str:
    """Return the alerts that figures of a load set off."""
    return ", ".join(name for name, limit, sign in ALERTS if sign * (figures[name] - limit) > 0.0) or "none"


def simulated(scenario: Path) -> dict[int, dict[str, float]]:
    """Return the same figures of a scenario at each of the loads."""
    alone = simulate_level(scenario, 1)["throughput_per_s"]
    found = {}
    for procs in CONDITIONS:
        result = simulate_level(scenario, procs)
        found[procs] = {
            "p95_ms": result["response_time_s.p95"] * 1e3,
            "efficiency_pct": result["throughput_per_s"] / procs / alone * 100,
            "error_pct": failing_attempts(result) * 100,
        }
    return found


def main(arguments: Sequence[str]) -> None:
    """Print each condition with its figures and the alerts that it sets off."""
    scenario = Path(arguments[0]) if arguments else HERE / "polling.toml"
    print("| procs | the report calls it | by | p95 ms | efficiency % | errors % | alerts that fire |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    played = simulated(scenario)
    for procs, said in CONDITIONS.items():
        own = {name: interpolated(name, procs) for name, _, _ in ALERTS}
        for by, figures in (("its rows", own), (scenario.stem, played[procs])):
            p95, efficiency, errors = (figures[name] for name, _, _ in ALERTS)
            shown = f"{p95:.0f} | {efficiency:.1f} | {errors:.2f}"
            print(f"| {procs} | {said} | {by} | {shown} | {fired(figures)} |")


if __name__ == "__main__":
    main(sys.argv[1:])

"""The optimizations switched off, alone and together, at each load: `python -m examples.orchestrator_hub.levers`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Final

from examples.orchestrator_hub.agreement import simulate_level
from examples.orchestrator_hub.figures import HERE, rows

SWITCHES: Final = {
    "batching": ("services.hub.batchers.outbox.enabled=false",),
    "pool": ("services.hub.memory_pool.enabled=false",),
    "balancing": (
        "services.hub.discipline=linux",
        "services.hub.linux.idle_search=0",
        "services.hub.linux.idle_steal=0",
        "services.hub.linux.balance_interval=1000s",
    ),
}
"""What switching an optimization off changes. Without balancing a task stays on the core on which it began."""
CLAIMED: Final = {
    "batching": "message_batching_and_compression",
    "pool": "memory_pool",
    "balancing": "cpu_load_balancing",
}
COLUMNS: Final = {1: "baseline_pct", 5: "light_pct", 20: "heavy_pct", 50: "stress_pct"}
"""The column of the report's claims for a load; it claims nothing for 10 processes."""
LOADS: Final = (1, 5, 10, 20, 50)
OPERATIONS: Final = 12_000


def gains(scenario: Path, procs: int) -> list[tuple[tuple[str, ...], float, float]]:
    """Return what is off, the throughput [/s] and the 95th percentile [s], of each combination."""
    found = []
    for count in range(len(SWITCHES) + 1):
        for off in combinations(SWITCHES, count):
            settings = [setting for name in off for setting in SWITCHES[name]]
            result = simulate_level(scenario, procs, settings, OPERATIONS)
            found.append((off, result["throughput_per_s"], result["response_time_s.p95"]))
    return found


def claimed(off: tuple[str, ...], procs: int) -> str:
    """Return the gain that the report claims for what is off, in percent."""
    if procs not in COLUMNS or len(off) not in {1, len(SWITCHES)}:
        return "-"
    component = CLAIMED[off[0]] if len(off) == 1 else "overall"
    (row,) = [row for row in rows("optimization_gain.csv") if row["component"] == component]
    return f"+{float(row[COLUMNS[procs]]):.0f} %"


def main(arguments: Sequence[str]) -> None:
    """Print throughput and 95th percentile without each optimization, and the gain that switching it on brings."""
    scenario = Path(arguments[0]) if arguments else HERE / "polling.toml"
    print("| procs | without | throughput /s | p95 ms | gain of it in throughput | claimed |")
    print("| --- | --- | --- | --- | --- | --- |")
    for procs in LOADS:
        found = gains(scenario, procs)
        whole = found[0][1]
        for off, throughput_per_s, p95_s in found:
            gain = f"{whole / throughput_per_s - 1:+.1%}" if off else ""
            claim = claimed(off, procs) if off else ""
            print(
                f"| {procs} | {', '.join(off) or '-'} | {throughput_per_s:.0f} | {p95_s * 1e3:.0f} | {gain} | {claim} |"
            )


if __name__ == "__main__":
    main(sys.argv[1:])

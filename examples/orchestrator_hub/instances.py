"""More instances, by balancing policy, and the least instance: `python -m examples.orchestrator_hub.instances`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from examples.orchestrator_hub.agreement import simulate_level
from examples.orchestrator_hub.figures import HERE

OPERATIONS: Final = 25_000
POLICIES: Final = ("session_affinity", "round_robin", "random", "power_of_two", "least_connections", "weighted")
PROCS: Final = 100


def row(scenario: Path, procs: int, instances: int, cores: int, policy: str) -> str:
    """Return one configuration's line of the table."""
    settings = [
        f"services.hub.instances={instances}",
        f"services.hub.cores={cores}",
        f"services.hub.balancer.policy={policy}",
        "services.hub.balancer.dispatch=2us",
    ]
    if policy == "weighted":
        settings.append(f"services.hub.balancer.weights={[1.0] * instances}")
    result = simulate_level(scenario, procs, settings, OPERATIONS)
    times = " | ".join(f"{result[f'response_time_s.{name}'] * 1e3:.0f}" for name in ("p50", "p95", "p99"))
    return (
        f"| {procs} | {instances} | {cores} | {policy} | {result['throughput_per_s']:.0f} | {times} "
        f"| {result['error_rate'] * 100:.2f} | {result['cpu_utilization'] * 100:.0f} "
        f"| {result['memory_bytes.peak'] * 1e-6:.0f} |"
    )


def main(arguments: Sequence[str]) -> None:
    """Print instances by policy beyond 50 processes, then small instances at the report's loads."""
    scenario = Path(arguments[0]) if arguments else HERE / "polling.toml"
    print(
        "| procs | instances | cores each | policy | throughput /s "
        "| p50 ms | p95 ms | p99 ms | errors % | cpu % | memory MB |"
    )
    print("| --- " * 11 + "|")
    print(row(scenario, PROCS, 1, 4, "round_robin"))
    for policy in POLICIES:
        print(row(scenario, PROCS, 2, 4, policy))
    for procs, cores in ((5, 1), (5, 2), (10, 2), (20, 2), (20, 4)):
        print(row(scenario, procs, 1, cores, "round_robin"))


if __name__ == "__main__":
    main(sys.argv[1:])

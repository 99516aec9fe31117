"""Where the two structures part, beyond the report's loads and cores: `python -m examples.orchestrator_hub.parting`."""

from __future__ import annotations

from examples.orchestrator_hub.agreement import simulate_level
from examples.orchestrator_hub.figures import HERE
from examples.orchestrator_hub.hubs import STRUCTURES

OPERATIONS = 40_000
BEYOND = ((50, 4), (100, 4), (50, 8), (100, 8))


def main() -> None:
    """Print throughput, percentiles and CPU of both structures at each load and number of cores."""
    print("| structure | procs | cores | throughput /s | p50 ms | p95 ms | p99 ms | timeouts % | cpu % |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for procs, cores in BEYOND:
        for name in STRUCTURES:
            settings = [f"services.hub.cores={cores}", "workloads.agents.timeout="]
            result = simulate_level(HERE / f"{name}.toml", procs, settings, OPERATIONS)
            times = " | ".join(f"{result[f'response_time_s.{p}'] * 1e3:.0f}" for p in ("p50", "p95", "p99"))
            late = simulate_level(HERE / f"{name}.toml", procs, settings[:1], OPERATIONS)["timeout_rate"]
            print(
                f"| {name} | {procs} | {cores} | {result['throughput_per_s']:.0f} | {times} "
                f"| {late * 100:.1f} | {result['cpu_utilization'] * 100:.0f} |"
            )


if __name__ == "__main__":
    main()

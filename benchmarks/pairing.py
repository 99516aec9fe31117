"""How many replications pairing saves on the hub's levers: `python -m benchmarks.pairing`.

For each lever and load the ratio of the replications that an unpaired comparison would take for the same half-width, to
those of the paired one; at least 5 is wanted. Balancing is compared on two instances, as one has nothing to balance.
"""

from __future__ import annotations

import argparse
from typing import Final

from simulator.arms import arms_of_switches
from simulator.compare import compare
from simulator.overrides import from_settings
from simulator.parallel_runs import Workers

WINDOW: Final = ("run.replications=10", "run.duration=2s", "run.warmup=1s")
LEVERS: Final = {
    "batching": ("services.hub.batchers.outbox.enabled=false", ()),
    "pooling": ("services.hub.memory_pool.enabled=false", ()),
    "balancing": ("services.hub.balancer.enabled=false", ("services.hub.instances=2",)),
}
MEASURES: Final = ("throughput_per_s", "response_time_s.mean", "response_time_s.p95")


def main() -> None:
    """Print a row for each lever and load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procs", type=int, nargs="*", default=[5, 10, 20, 30])
    procs = parser.parse_args().procs
    print(f"{'lever':10} {'procs':>5}  " + "  ".join(f"{name:>21}" for name in MEASURES))
    for lever, (switch, others) in LEVERS.items():
        for count in procs:
            base = from_settings([f"workloads.agents.procs={count}", *WINDOW, *others])
            answer = compare(arms_of_switches(None, [switch], base), Workers("fast"), switches=[switch])
            metrics = answer.data["differences"][0]["metrics"]
            cells = []
            for name in MEASURES:
                unpaired = metrics[name]["replications_unpaired"]
                cells.append("exact" if unpaired is None else f"{unpaired / answer.data['replications']:.1f} times")
            print(f"{lever:10} {count:5}  " + "  ".join(f"{cell:>21}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()

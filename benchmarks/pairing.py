"""How many replications pairing saves on the hub's levers: `python -m benchmarks.pairing`.

For each lever and load the ratio of the replications that an unpaired comparison would take for the same half-width, to
those of the paired one; at least 5 is wanted. Balancing is compared on two instances, as one has nothing to balance.

Beside it, from the same replications, what the difference's variance is made of: the standard deviations of both
systems (relative to the first one's mean), their correlation, and how many times pairing would save if that were 1. Of
a difference Var = a^2 + b^2 - 2 r a b is at least (a - b)^2: where one system varies much more than the other, that is
little less than a^2 + b^2, whatever draws they share.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from simulator.arms import arms_of_switches
from simulator.compare import compare
from simulator.comparison import sample
from simulator.overrides import from_settings
from simulator.parallel_runs import Workers

WINDOW: Final = ("run.replications=20", "run.duration=2s", "run.warmup=3s")
LEVERS: Final = {
    "batching": ("services.hub.batchers.outbox.enabled=false", ()),
    "pooling": ("services.hub.memory_pool.enabled=false", ()),
    "balancing": ("services.hub.balancer.enabled=false", ("services.hub.instances=2",)),
}
MEASURES: Final = ("throughput_per_s", "response_time_s.mean", "response_time_s.p95")


def decomposition(before: Sequence[float | None], after: Sequence[float | None]) -> str:
    """Return the parts of a difference's variance, and the most that pairing could save with a correlation of 1."""
    first, second = (np.array(series, dtype=np.float64) for series in (before, after))
    a, b = (float(series.std(ddof=1)) for series in (first, second))
    correlation = float(np.corrcoef(first, second)[0, 1]) if a > 0 and b > 0 else 0.0
    most = (a * a + b * b) / (a - b) ** 2 if a != b else float("inf")
    share = 100 / abs(float(first.mean()))
    return f"{a * share:.2f} and {b * share:.2f} %, correlation {correlation:.2f}, at most {most:.1f} times"


def parts_of(arms: Sequence[dict[str, Any]]) -> list[str]:
    """Return a line for each measure of two systems."""
    return [f"  {name}: {decomposition(sample(arms[0], name), sample(arms[1], name))}" for name in MEASURES]


def main() -> None:
    """Print a row for each lever and load, and below it what the variances are made of."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--procs", type=int, nargs="*", default=[5, 10, 20, 30])
    parser.add_argument("--levers", nargs="*", choices=[*LEVERS], default=[*LEVERS])
    arguments = parser.parse_args()
    procs = arguments.procs
    print(f"{'lever':10} {'procs':>5}  " + "  ".join(f"{name:>21}" for name in MEASURES))
    for lever in arguments.levers:
        switch, others = LEVERS[lever]
        for count in procs:
            base = from_settings([f"workloads.agents.procs={count}", *WINDOW, *others])
            answer = compare(arms_of_switches(None, [switch], base), Workers("fast"), switches=[switch])
            metrics = answer.data["differences"][0]["metrics"]
            cells = []
            for name in MEASURES:
                unpaired = metrics[name]["replications_unpaired"]
                cells.append("exact" if unpaired is None else f"{unpaired / answer.data['replications']:.1f} times")
            print(f"{lever:10} {count:5}  " + "  ".join(f"{cell:>21}" for cell in cells), flush=True)
            print("\n".join(parts_of(answer.data["arms"])), flush=True)


if __name__ == "__main__":
    main()

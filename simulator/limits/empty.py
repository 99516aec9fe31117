"""The nearly empty system: what slowdown and efficiency are taken of, and added waiting is counted from."""

from __future__ import annotations

from typing import Final

from simulator.limits.load import EMPTY, Axis
from simulator.limits.trials import REPLICATIONS, Laboratory, Trial

SHARES: Final = (EMPTY, 5 * EMPTY)  # of the capacity; the second where the first has too many events
MOST_COST: Final = 0.15  # of the engine's budget: idle instances have timer ticks, whether there is work or not


def empty_trial(laboratory: Laboratory, axis: Axis, operations: float) -> Trial:
    """Simulate the nearly empty system.

    operations: over all replications, fewer where they would cost more than MOST_COST.
    """
    laboratory.tell("the nearly empty system", 0, 1)
    for share in SHARES:
        scenario = axis.empty(share)
        window = laboratory.window(scenario, operations / REPLICATIONS)
        cost = REPLICATIONS * laboratory.cost(scenario, window)
        if cost <= MOST_COST or axis.whole:
            break
    if cost > MOST_COST:
        window = laboratory.window(scenario, operations / REPLICATIONS * MOST_COST / cost)
    return laboratory.trial(scenario, window, causes=True)

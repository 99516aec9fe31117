"""What 1 to 20 processes say of memory and traffic at 50: `python -m examples.orchestrator_hub.identified`.

A law of two parts (`consumption.py`) is allowed if it keeps every figure of the lower levels within its bound. Of all
that are allowed the least and the most that one says of 50 processes is the interval; where it is wide the lower levels
do not identify the figure. Nothing of the level of 50 is used but the throughput and the response time that go with it,
as they would be predicted.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, product
from typing import Final

import numpy as np
from numpy.typing import NDArray

from examples.orchestrator_hub.consumption import FLUSH_TIMES_S, flushes_per_s
from examples.orchestrator_hub.figures import FIGURES_OF_A_LEVEL, FITTED, PREDICTED, levels
from examples.orchestrator_hub.start import mean_s

Array = NDArray[np.float64]
WIDE: Final = 0.25
"""An interval whose ends lie further apart than this share of its middle identifies nothing."""


def extremes(parts: Array, figures: Array, bound: float, target: Array) -> tuple[float, float] | None:
    """Return the least and the most of target @ law over laws that keep all figures within a bound, if there are any.

    parts: rows of the two parts at each figure's level. A linear function has its extremes at corners, where two of the
    conditions hold with equality.
    """
    rows = np.vstack([parts / figures[:, None], np.eye(2)])
    low = np.concatenate([np.full(len(figures), 1.0 - bound), np.zeros(2)])
    high = np.concatenate([np.full(len(figures), 1.0 + bound), np.full(2, np.inf)])
    found = []
    for i, j in combinations(range(len(rows)), 2):
        pair = rows[[i, j]]
        if abs(np.linalg.det(pair)) < 1e-12 * float(np.abs(pair).max() ** 2):
            continue
        for edges in product((low[i], high[i]), (low[j], high[j])):
            if np.isfinite(edges).all():
                law = np.linalg.solve(pair, np.array(edges))
                said = rows @ law
                if (said >= low - 1e-9).all() and (said <= high + 1e-9).all():
                    found.append(float(target @ law))
    return (min(found), max(found)) if found else None


def intervals() -> dict[str, tuple[float, float]]:
    """Return what the lower levels allow at the predicted one, by column, in the report's units."""
    chosen = [levels()[procs] for procs in (*FITTED, PREDICTED)]
    throughput = np.array([level["throughput_per_s"] for level in chosen])
    in_flight = throughput * np.array([mean_s(level) for level in chosen])
    ones = np.ones_like(throughput)
    bounds = {figure.column: figure.bound for figure in FIGURES_OF_A_LEVEL}

    def of(column: str, first: Array, second: Array) -> tuple[float, float] | None:
        parts = np.column_stack([first, second])
        figures = np.array([level[column] for level in chosen[:-1]])
        return extremes(parts[:-1], figures, bounds[column], parts[-1])

    journals = [
        found
        for flush_s in FLUSH_TIMES_S[::10]
        if (found := of("disk_mb_per_s", throughput, flushes_per_s(throughput, float(flush_s))))
    ]
    known = {
        "memory_mb": of("memory_mb", ones, in_flight),
        "network_mb_per_s": of("network_mb_per_s", ones, throughput),
        "disk_mb_per_s": (min(low for low, _ in journals), max(high for _, high in journals)),
    }
    return {column: interval for column, interval in known.items() if interval is not None}


def main(show: Callable[[str], None] = print) -> None:
    """Print each interval beside the report's figure."""
    show(f"| at {PREDICTED} processes | allowed by 1, 5, 10, 20 | reported | |")
    show("| --- | --- | --- | --- |")
    names = {figure.column: figure.name for figure in FIGURES_OF_A_LEVEL}
    for column, (low, high) in intervals().items():
        said = "not identified" if high - low > WIDE * (high + low) / 2.0 else "identified"
        show(f"| {names[column]} | {low:.0f} to {high:.0f} | {levels()[PREDICTED][column]:g} | {said} |")


if __name__ == "__main__":
    main()

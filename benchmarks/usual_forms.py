"""How means and percentiles of the three highest loads go together in simulated open services.

Prints what `calibration/audit/highest_load.py` holds, from measurements that `benchmarks.simulated_reports` made:

    python -m benchmarks.simulated_reports --first 0 --reports 240 --keep FILE
    python -m benchmarks.usual_forms FILE...
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.audit.highest_load import FREEDOM, LOADS, STATISTICS
from calibration.audit.tolerances import MEASUREMENT

Numbers = NDArray[np.float64]
KEYS: Final = tuple("mean" if name == "mean_s" else name for name in STATISTICS)
ROUNDS: Final = 30
RIDGE: Final = 1e-6


def logarithms(found: dict[str, Any]) -> list[float] | None:
    """Return what a service measured at its highest loads that it serves; None where there are too few, or steps."""
    levels = [
        level
        for level in found["levels"]
        if all(level[key] for key in KEYS) and level["throughput_per_s"] >= (1.0 - MEASUREMENT) * level["load"]
    ]
    if found["kind"] != "rate" or len(levels) < LOADS:
        return None
    return [float(np.log(level[key])) for level in levels[-LOADS:] for key in KEYS]


def fitted(rows: Numbers) -> tuple[Numbers, Numbers]:
    """Fit location and scale of a multivariate t distribution by expectation and maximization (Liu and Rubin, 1995)."""
    centred = rows - rows.mean(axis=1, keepdims=True)  # the scale of a service is free
    count, width = centred.shape
    usual, together = np.median(centred, axis=0), np.cov(centred.T) + 1e-3 * np.eye(width)
    for _ in range(ROUNDS):
        inverse = np.linalg.inv(together + 100.0)
        apart = centred - usual
        weight = (FREEDOM + width - 1.0) / (FREEDOM + np.einsum("ni,ij,nj->n", apart, inverse, apart))
        usual = (weight[:, None] * centred).sum(axis=0) / weight.sum()
        apart = centred - usual
        together = (weight[:, None] * apart).T @ apart / count + RIDGE * np.eye(width)
    return usual, together


def main(paths: Sequence[str]) -> None:
    """Print both as they stand in the source."""
    held = {one["seed"]: one for path in paths for one in map(json.loads, Path(path).read_text().splitlines())}
    rows = [row for row in map(logarithms, held.values()) if row is not None]
    usual, together = fitted(np.array(rows))
    print(f"{len(rows)} services")
    print(", ".join(f"{value:.3f}" for value in usual))
    for place, row in enumerate(together):
        print("(" + ", ".join(str(round(value * 1e5)) for value in row[: place + 1]) + "),")


if __name__ == "__main__":
    main(sys.argv[1:])

"""How means and percentiles of three successive loads go together in simulated services.

Writes what `calibration/audit/usual_forms.py` holds, from measurements that `benchmarks.simulated_reports` made:

    python -m benchmarks.simulated_reports --first 0 --reports 240 --keep FILE
    python -m benchmarks.usual_forms FILE... --write calibration/data/usual_forms.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from calibration.audit.tolerances import MEASUREMENT
from calibration.audit.usual_forms import FREE, FREEDOM, LOADS, STATISTICS, UNIT, Kinds

Numbers = NDArray[np.float64]
KEYS: Final = tuple("mean" if name == "mean_s" else name for name in STATISTICS)
KINDS: Final = 64
"""How many kinds of three loads are told apart in each of the mixtures that are taken together."""
_COLUMNS: Final = np.arange(LOADS * len(STATISTICS)).reshape(LOADS, len(STATISTICS))
BEGINNINGS: Final = (
    (_COLUMNS[0], _COLUMNS[-1]),
    (_COLUMNS[:, KEYS.index("p50")], _COLUMNS[:, KEYS.index("p99")]),
    (_COLUMNS[0], _COLUMNS[1]),
)
"""Columns whose distance each mixture begins with: growth, spread and first growth. Mixtures that were found on
different ways err differently, and together less than any of them."""
ROUNDS: Final = 40
HELD_BY: Final = 8.0
"""How many services a hundredth of the covariance of all counts for beside those of a kind."""
RIDGE: Final = 1e-5


def logarithms(found: dict[str, Any]) -> Numbers:
    """Return what a service measured at the loads that it serves: (loads, statistics)."""
    return np.array(
        [
            [float(np.log(level[key])) for key in KEYS]
            for level in found["levels"]
            if all(level[key] for key in KEYS)
            and (found["kind"] != "rate" or level["throughput_per_s"] >= (1.0 - MEASUREMENT) * level["load"])
        ]
    )


def threes(measured: Iterable[dict[str, Any]]) -> Numbers:
    """Return the figures of three successive loads of services, in turn, wherever among their loads those are."""
    rows = [
        figures[start : start + LOADS].ravel()
        for figures in map(logarithms, measured)
        for start in range(len(figures) - LOADS + 1)
    ]
    return np.array(rows)


def fitted(rows: Numbers) -> Kinds:
    """Return the kinds of several mixtures, each with its share of them."""
    found = [_mixture(rows, KINDS, low, high) for low, high in BEGINNINGS]
    return Kinds(
        np.concatenate([one.share for one in found]) / len(BEGINNINGS),
        np.concatenate([one.usual for one in found]),
        np.concatenate([one.together for one in found]),
    )


def _mixture(rows: Numbers, count: int, low: NDArray[np.int_], high: NDArray[np.int_]) -> Kinds:
    """Fit a mixture of multivariate t distributions by expectation and maximization (Peel and McLachlan, 2000).

    It begins with `count` parts of the rows in the order of how far the columns `high` are above `low`.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)  # the scale of a service is free
    number, width = centred.shape
    above = centred[:, high].mean(axis=1) - centred[:, low].mean(axis=1)
    of_kind = np.eye(count)[np.argsort(np.argsort(above)) * count // number]
    usual_spread = HELD_BY * 0.01 * np.cov(centred.T)
    weight, likely = np.ones((number, count)), np.empty((number, count))
    share, usual, together = np.empty(count), np.empty((count, width)), np.empty((count, width, width))
    for _ in range(ROUNDS):
        for one in range(count):
            counted = of_kind[:, one] * weight[:, one]
            share[one], usual[one] = of_kind[:, one].mean(), counted @ centred / counted.sum()
            apart = centred - usual[one]
            spread = (counted[:, None] * apart).T @ apart + usual_spread
            together[one] = spread / (of_kind[:, one].sum() + HELD_BY) + RIDGE * np.eye(width)
            covariance = together[one] + FREE**2
            far = ((apart @ np.linalg.inv(covariance)) * apart).sum(axis=1)
            weight[:, one] = (FREEDOM + width - 1.0) / (FREEDOM + far)
            likely[:, one] = np.log(share[one]) - 0.5 * np.linalg.slogdet(covariance)[1]
            likely[:, one] -= 0.5 * (FREEDOM + width - 1.0) * np.log1p(far / FREEDOM)
        of_kind = np.exp(likely - logsumexp(likely, axis=1, keepdims=True))
    return Kinds(share, usual, together)


def stored(kinds: Kinds) -> list[dict[str, Any]]:
    """Return kinds as the audit reads them."""
    lower = np.tril_indices(LOADS * len(STATISTICS))
    return [
        {
            "share": round(float(share), 5),
            "usual": [round(float(value), 3) for value in usual],
            "together": [round(float(value) / UNIT) for value in together[lower]],
        }
        for share, usual, together in zip(kinds.share, kinds.usual, kinds.together, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--write", type=Path, required=True)
    asked = parser.parse_args()
    held = {one["seed"]: one for path in asked.files for one in map(json.loads, path.read_text().splitlines())}
    rows = threes(held.values())
    print(f"{len(held)} services, {len(rows)} times three loads")
    asked.write.write_text("[\n" + ",\n".join(map(json.dumps, stored(fitted(rows)))) + "\n]\n")


if __name__ == "__main__":
    main()

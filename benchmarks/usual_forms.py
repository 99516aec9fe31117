"""How means and percentiles of three successive loads go together in simulated services.

Writes what `calibration/audit/usual_forms.py` holds, from measurements that `benchmarks.simulated_reports` made:

    python -m benchmarks.simulated_reports --first 0 --reports 240 --keep FILE
    python -m benchmarks.usual_forms FILE... --write calibration/data/usual_forms.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from calibration.audit.tolerances import MEASUREMENT
from calibration.audit.usual_forms import FREE, FREEDOM, LOADS, STATISTICS, UNIT, Kind

Numbers = NDArray[np.float64]
KEYS: Final = tuple("mean" if name == "mean_s" else name for name in STATISTICS)
KINDS: Final = 12
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


def fitted(rows: Numbers) -> list[Kind]:
    """Return the kinds of several mixtures, each with its share of them."""
    found = [kind for low, high in BEGINNINGS for kind in _mixture(rows, KINDS, low, high)]
    return [Kind(kind.share / len(BEGINNINGS), kind.usual, kind.together) for kind in found]


def _mixture(rows: Numbers, count: int, low: NDArray[np.int_], high: NDArray[np.int_]) -> list[Kind]:
    """Fit a mixture of multivariate t distributions by expectation and maximization (Peel and McLachlan, 2000).

    It begins with `count` parts of the rows in the order of how far the columns `high` are above `low`.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)  # the scale of a service is free
    number, width = centred.shape
    above = centred[:, high].mean(axis=1) - centred[:, low].mean(axis=1)
    of_kind = np.eye(count)[np.argsort(np.argsort(above)) * count // number]
    usual_spread = HELD_BY * 0.01 * np.cov(centred.T)
    weight = np.ones((number, count))
    for _ in range(ROUNDS):
        kinds = []
        for one in range(count):
            counted = of_kind[:, one] * weight[:, one]
            usual = (counted[:, None] * centred).sum(axis=0) / counted.sum()
            apart = centred - usual
            together = ((counted[:, None] * apart).T @ apart + usual_spread) / (of_kind[:, one].sum() + HELD_BY)
            kinds.append(Kind(float(of_kind[:, one].mean()), usual, together + RIDGE * np.eye(width)))
        likely = np.empty((number, count))
        for one, kind in enumerate(kinds):
            covariance, apart = kind.together + FREE**2, centred - kind.usual
            far = np.einsum("ni,ij,nj->n", apart, np.linalg.inv(covariance), apart)
            weight[:, one] = (FREEDOM + width - 1.0) / (FREEDOM + far)
            likely[:, one] = np.log(kind.share) - 0.5 * np.linalg.slogdet(covariance)[1]
            likely[:, one] -= 0.5 * (FREEDOM + width - 1.0) * np.log1p(far / FREEDOM)
        of_kind = np.exp(likely - logsumexp(likely, axis=1, keepdims=True))
    return kinds


def stored(kinds: Sequence[Kind]) -> list[dict[str, Any]]:
    """Return kinds as the audit reads them."""
    lower = np.tril_indices(LOADS * len(STATISTICS))
    return [
        {
            "share": round(kind.share, 4),
            "usual": [round(float(value), 3) for value in kind.usual],
            "together": [round(float(value) / UNIT) for value in kind.together[lower]],
        }
        for kind in kinds
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

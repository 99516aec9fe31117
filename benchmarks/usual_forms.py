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
from calibration.audit.usual_forms import FREE, FREEDOM, LOADS, PLACES, STATISTICS, UNIT, Kind, Place

Numbers = NDArray[np.float64]
KEYS: Final = tuple("mean" if name == "mean_s" else name for name in STATISTICS)
KINDS: Final[dict[Place, int]] = {"lowest": 2, "between": 2, "highest": 3}
"""How many kinds of system are told apart: more did not predict services better that had no part in the fit."""
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


def threes(measured: Iterable[dict[str, Any]], place: Place) -> Numbers:
    """Return the figures of three successive loads of services, in turn: the lowest, any, or the highest."""
    rows = []
    for figures in map(logarithms, measured):
        last = len(figures) - LOADS
        starts = {"lowest": range(1), "between": range(last + 1), "highest": range(last, last + 1)}[place]
        rows += [figures[start : start + LOADS].ravel() for start in starts] if last >= 0 else []
    return np.array(rows)


def fitted(rows: Numbers, count: int) -> list[Kind]:
    """Fit a mixture of multivariate t distributions by expectation and maximization (Peel and McLachlan, 2000).

    It begins with services of growing lengthening of their times, in `count` parts.
    """
    centred = rows - rows.mean(axis=1, keepdims=True)  # the scale of a service is free
    number, width = centred.shape
    growth = centred[:, -len(STATISTICS) :].mean(axis=1) - centred[:, : len(STATISTICS)].mean(axis=1)
    of_kind = np.eye(count)[np.argsort(np.argsort(growth)) * count // number]
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
            "share": round(kind.share, 3),
            "usual": [round(float(value), 3) for value in kind.usual],
            "together": [round(float(value) / UNIT) for value in kind.together[lower]],
        }
        for kind in kinds
    ]


def printed(found: dict[str, dict[str, list[dict[str, Any]]]]) -> str:
    """Return JSON with a line for each kind."""
    systems = []
    for system, of_places in found.items():
        places = []
        for place, kinds in of_places.items():
            places.append(f"{json.dumps(place)}: [\n" + ",\n".join(map(json.dumps, kinds)) + "\n]")
        systems.append(f"{json.dumps(system)}: {{\n" + ",\n".join(places) + "\n}")
    return "{\n" + ",\n".join(systems) + "\n}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--write", type=Path, required=True)
    asked = parser.parse_args()
    held = {one["seed"]: one for path in asked.files for one in map(json.loads, path.read_text().splitlines())}
    found: dict[str, dict[str, Any]] = {}
    for system, kind in (("open", "rate"), ("closed", "procs")):
        measured = [one for one in held.values() if one["kind"] == kind]
        print(f"{len(measured)} {system} services")
        found[system] = {place: stored(fitted(threes(measured, place), KINDS[place])) for place in PLACES}
    asked.write.write_text(printed(found))


if __name__ == "__main__":
    main()

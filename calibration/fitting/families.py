"""Tables of one service on machines of several sizes: fit the two smallest, predict every larger one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np

from calibration.fitting.fitted import DRAWS, Fit, fit_points
from calibration.fitting.machine import stated_machine
from calibration.fitting.points import Point, points_of
from calibration.fitting.skeleton import Machine
from calibration.tables import read_table

FITTED_SIZES: Final = 2


@dataclass(frozen=True)
class Size:
    """The levels of one size. cores: CPUs, as the operating system counts them."""

    name: str
    machine: Machine
    points: Sequence[Point]

    @property
    def cores(self) -> float:
        """CPUs as the operating system counts them."""
        return self.machine.threads or 0.0


@dataclass(frozen=True)
class SizePrediction:
    """A size that was not fitted. errors: of the throughput at each level, relative. covered: by the 90 % interval."""

    size: Size
    errors: Sequence[float]
    covered: Sequence[bool]


def families(paths: Sequence[Path]) -> dict[str, list[Size]]:
    """Return the tables by family, in the order of their CPUs: names that differ in what follows the last `_` alone.

    Only families of at least three sizes with known CPUs are returned. Raises TableError.
    """
    found: dict[str, list[Size]] = {}
    for path in paths:
        stated = stated_machine(path)
        series = read_table(path).series()
        if stated.threads is None or len(series) != 1:
            continue
        points = [replace(point, cores=stated.threads) for point in points_of(next(iter(series.values())))]
        family, _, size = path.stem.rpartition("_")
        found.setdefault(family, []).append(Size(size, stated, points))
    kept = {}
    for family, sizes in found.items():
        ordered = sorted(sizes, key=lambda one: one.cores)
        if len({one.cores for one in sizes}) == len(sizes) > FITTED_SIZES:
            kept[family] = ordered
    return kept


def predict_larger(sizes: Sequence[Size], draws: int = DRAWS) -> list[SizePrediction]:
    """Fit the two smallest sizes of a family together and predict every level of the larger ones."""
    fitted = sizes[:FITTED_SIZES]
    points = [point for size in fitted for point in size.points]
    fit = fit_points(points, fitted[-1].machine, draws=draws, sizes=True)
    return [_score(fit, size) for size in sizes[FITTED_SIZES:]]


def _score(fit: Fit, size: Size) -> SizePrediction:
    on_it = replace(fit, draws=[one.on(size.cores) for one in fit.draws])
    said = on_it.predict(size.points)
    pairs = list(zip(size.points, said, strict=True))
    return SizePrediction(
        size,
        [one.throughput_per_s / point.throughput_per_s - 1.0 for point, one in pairs],
        [one.low_per_s <= point.throughput_per_s <= one.high_per_s for point, one in pairs],
    )


def median_error(predictions: Sequence[SizePrediction]) -> float:
    """Return the median size of the error over all levels of all sizes."""
    return float(np.median([abs(error) for one in predictions for error in one.errors]))

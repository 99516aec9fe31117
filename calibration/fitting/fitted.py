"""A fit: structures weighed by the level that each predicts, redraws of them, and what they say of other levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.beyond import Beyond, openness
from calibration.fitting.estimate import ENDLESS, Fitter, Structure, structures
from calibration.fitting.points import Point
from calibration.fitting.skeleton import Machine, Skeleton

Array = NDArray[np.float64]
DRAWS: Final = 100
NOT_IDENTIFIED: Final = 0.5
"""A parameter whose redraws spread over more than this share of its prior has not been seen by the levels."""
LEVEL_ERROR: Final = 0.03
"""Relative error of a prediction of a level that is left out, whatever its parameters."""
BEYOND: Final = Beyond(level=0.077, down=1.07, up=0.15)
"""From the published curves of `benchmarks/accuracy.py`, which prints them and what others of them would have given."""
ENDLESS_SHARE: Final = 0.1
"""Weight of a slowdown without end, beside one that ends with the cores: about one published curve in ten collapses."""
ENDLESS_NAMES: Final = frozenset(ENDLESS.values())
LEVEL = 0.90
"""Of the prediction intervals."""


@dataclass(frozen=True)
class Parameter:
    """One fitted parameter. identified: whether the levels, and not the prior, determine it."""

    name: str
    value: float
    low: float
    high: float
    identified: bool


@dataclass(frozen=True)
class Prediction:
    """Throughput and mean response time at a level, with 90 % intervals."""

    load: float
    throughput_per_s: float
    low_per_s: float
    high_per_s: float
    mean_s: float
    mean_low_s: float
    mean_high_s: float


@dataclass(frozen=True)
class Weighed:
    """A structure: its score at the levels left out (smaller is better), its weight and its fitter."""

    structure: Structure
    score: float
    weight: float
    fitter: Fitter
    best: Array


@dataclass(frozen=True)
class Fit:
    """What a series of levels says about its service.

    points: fitted. weighed: the structures, the likeliest first. draws: a skeleton for each redraw, from each
    structure as many as its weight. free_draws: the parameters of those of the likeliest structure.
    """

    points: Sequence[Point]
    weighed: Sequence[Weighed]
    draws: Sequence[Skeleton]
    free_draws: Array

    @property
    def best(self) -> Weighed:
        """Return the likeliest structure."""
        return self.weighed[0]

    @property
    def skeleton(self) -> Skeleton:
        """Return the likeliest structure with its best parameters."""
        return self.best.fitter.skeleton(self.best.best)

    def parameters(self) -> list[Parameter]:
        """Return the parameters of the likeliest structure, with 90 % intervals."""
        fitter = self.best.fitter
        values = fitter.values(self.best.best)
        drawn = [fitter.values(free) for free in self.free_draws]
        spread = self.free_draws.std(axis=0, ddof=1)
        found = []
        for index, name in enumerate(self.best.structure.names):
            low, high = np.quantile([draw[name] for draw in drawn], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
            narrow = bool(spread[index] < NOT_IDENTIFIED * fitter.widths[index])
            identified = narrow and fitter.bounded(self.best.best, index)
            found.append(Parameter(name, values[name], float(low), float(high), identified))
        return found

    def confounded(self) -> list[tuple[str, str]]:
        """Return the pairs of parameters that the levels cannot tell apart: one rises as the other falls."""
        names = self.best.structure.names
        if len(names) < 2:
            return []
        together = np.atleast_2d(np.corrcoef(self.free_draws, rowvar=False))
        return [
            (names[one], names[other])
            for one in range(len(names))
            for other in range(one + 1, len(names))
            if abs(together[one, other]) > 0.9
        ]

    def predict(self, points: Sequence[Point], beyond: Beyond = BEYOND) -> list[Prediction]:
        """Return what is to be expected at the loads of points; nothing else of them is looked at.

        beyond: how far predictions of other services were off.
        """
        middles, lows, highs = self.quantiles(points)
        low, high = beyond.widened(middles - lows, highs - middles, self.doublings(points), openness(self.points))
        found = []
        for point, middle, down, up in zip(points, middles, low, high, strict=True):
            rates = [math.exp(one) for one in (middle, middle - down, middle + up)]
            times = [max(point.load / rate - point.think_time_s, 0.0) for rate in (rates[0], rates[2], rates[1])]
            found.append(Prediction(point.load, *rates, *times))
        return found

    def quantiles(self, points: Sequence[Point]) -> Array:
        """Return the median, 5 % and 95 % quantile of the redraws' logarithmic throughput at points, a row each."""
        logs = np.log([[one.throughput_per_s(p.load, p.think_time_s) for p in points] for one in self.draws])
        return np.asarray(np.quantile(logs, [0.5, (1 - LEVEL) / 2, (1 + LEVEL) / 2], axis=0))

    def doublings(self, points: Sequence[Point]) -> Array:
        """Return how many doublings of the load points lie beyond the highest fitted."""
        highest = max(point.load for point in self.points)
        return np.array([max(math.log2(point.load / highest), 0.0) for point in points])


def fit_points(
    points: Sequence[Point],
    machine: Machine,
    grows: bool = False,
    *,
    draws: int = DRAWS,
    seed: int = 1,
    sizes: bool = False,
) -> Fit:
    """Fit points; of each structure as many redraws as it deserves by the levels that it predicts.

    grows, sizes: as `Structure` has them. Raises ValueError for fewer than two levels.
    """
    if len(points) < 2:
        raise ValueError(f"{len(points)} level; a fit needs two at least, and three to choose its structure")
    tried = structures(machine, grows, sizes, most=max(point.load for point in points))
    scores = np.array([_left_out_score(structure, points) for structure in tried])
    weights = np.exp(scores.min() - scores) * [
        ENDLESS_SHARE if set(one.names) & ENDLESS_NAMES else 1.0 for one in tried
    ]
    weights /= weights.sum()
    generator = np.random.default_rng([seed, 1])
    weighed, skeletons, free_draws = [], [], {}
    for structure, score, weight in zip(tried, scores, weights, strict=True):
        fitter = Fitter(structure, points)
        best = fitter.fit()
        leading = weight == weights.max()
        count = max(round(draws * float(weight)), 20 if leading else 0)
        drawn = [fitter.redraw(generator, best) for _ in range(count)]
        skeletons += [fitter.skeleton(free) for free in drawn]
        free_draws[structure.names] = np.array(drawn)
        weighed.append(Weighed(structure, float(score), float(weight), fitter, best))
    weighed.sort(key=lambda one: -one.weight)
    return Fit(points, weighed, skeletons, free_draws[weighed[0].structure.names])


def _left_out_score(structure: Structure, points: Sequence[Point]) -> float:
    """Return how badly a structure predicts each level from the others: the mean of a heavy-tailed loss.

    The mean and not the sum of the levels: differences of few left-out levels are themselves uncertain (Sivula,
    Magnusson and Vehtari, 2020), so that no structure wins by one level alone. Of machines of several sizes a whole
    size is left out, as it is a size that is to be predicted.
    """
    losses = []
    groups = {point.cores for point in points} if structure.sizes else {point.load for point in points}
    for group in sorted(groups, key=lambda one: one or 0.0):
        left_out = [point for point in points if (point.cores if structure.sizes else point.load) == group]
        fitter = Fitter(structure, [point for point in points if point not in left_out])
        found = fitter.predicted(fitter.fit(), left_out)
        for said, point in zip(found, left_out, strict=True):
            wrong = float(said) - math.log(point.throughput_per_s)
            losses.append(5.0 * math.log1p((wrong / math.hypot(point.deviation, LEVEL_ERROR)) ** 2 / 4.0))
    return float(np.mean(losses))

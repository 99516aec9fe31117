"""Held-out levels: fit on the lower half, predict the rest, and score it beside the other laws.

Nothing of a held-out level is read before the prediction but its load.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from calibration.fitting import rivals
from calibration.fitting.beyond import Errors, openness
from calibration.fitting.fitted import DRAWS, LEVEL, Fit, Prediction, fit_points
from calibration.fitting.machine import machine_of, stated_machine
from calibration.fitting.points import Point, grows, points_of, split
from calibration.fitting.skeleton import Machine
from calibration.levels import Level
from calibration.tables import read_table

GRADES: Final = ((0.05, "A"), (0.10, "B"), (0.20, "C"), (0.35, "D"))


@dataclass(frozen=True)
class Score:
    """Errors of one way to predict, over held-out levels.

    errors: of the throughput, relative, with sign. mean_errors: of the mean response time. covered: whether the
    interval held each level. interval_scores: of the logarithm of the throughput (Gneiting and Raftery, 2007, eq.
    43): width, and for a level outside its distance times 2/0.1.
    """

    errors: tuple[float, ...]
    mean_errors: tuple[float, ...]
    covered: tuple[bool, ...]
    widths: tuple[float, ...]
    interval_scores: tuple[float, ...]

    @property
    def error(self) -> float:
        """Median size of the throughput's error."""
        return float(np.median(np.abs(self.errors)))

    @property
    def bias(self) -> float:
        """Median error of the throughput with its sign."""
        return float(np.median(self.errors))

    @property
    def mean_error(self) -> float | None:
        """Median size of the error of the mean response time; None where none was measured."""
        return float(np.median(np.abs(self.mean_errors))) if self.mean_errors else None

    @property
    def grade(self) -> str:
        """A letter for the throughput's error: A to 5 %, B to 10 %, C to 20 %, D to 35 %, else E."""
        return next((letter for bound, letter in GRADES if self.error <= bound), "E")

    def as_json(self) -> dict[str, Any]:
        """Return the figures as plain data."""
        return {
            "error": self.error,
            "bias": self.bias,
            "mean_response_time_error": self.mean_error,
            "grade": self.grade,
            "coverage": float(np.mean(self.covered)),
            "interval_score": float(np.mean(self.interval_scores)),
        }


@dataclass(frozen=True)
class HeldOut:
    """One series: what was fitted, what was predicted for each level held out, and how that came out.

    beyond: the errors without what is added beyond the fitted levels, from which that is estimated.
    """

    source: str
    series: str
    machine: Machine
    fit: Fit
    held_out: Sequence[Point]
    predictions: Sequence[Prediction]
    scores: Mapping[str, Score]
    beyond: Errors

    @property
    def little(self) -> float:
        """Return how far the response times are from Little's law at the worst level, as a share; 0: unknown.

        In a closed loop without think time as many operations are in flight as circulate: a mean response time that
        contradicts it, or its throughput, was not measured as it says, and neither it nor its error means much.
        """
        points = [*self.fit.points, *self.held_out]
        off = [
            abs(point.throughput_per_s * (point.mean_s + point.think_time_s) / point.load - 1.0)
            for point in points
            if point.mean_s and not self.fit.best.structure.grows
        ]
        return max(off, default=0.0)

    @property
    def own(self) -> Score:
        """Return the score of the simulator's own model."""
        return self.scores["model"]


def held_out(path: Path, machine: Machine | None = None, draws: int = DRAWS) -> list[HeldOut]:
    """Score every series of a table that has levels to hold out.

    machine: of the service, instead of what the table says of it. Raises TableError.
    """
    series = read_table(path).series()  # first, as it says what is wrong with a file
    stated = stated_machine(path)
    return [
        one
        for name, levels in series.items()
        if (one := score_series(path.name, name, levels, machine or machine_of(levels, stated), draws)) is not None
    ]


def score_series(
    source: str, series: str, levels: Sequence[Level], machine: Machine, draws: int = DRAWS
) -> HeldOut | None:
    """Fit the lower half of a series, predict the rest and score it; None where no level is left to predict."""
    lower, upper = split(points_of(levels))
    if not upper:
        return None
    growing = grows(levels)
    fit = fit_points(lower, machine, growing, draws=draws)
    predictions = fit.predict(upper)
    scores = {"model": _score(upper, [(p.throughput_per_s, p.low_per_s, p.high_per_s) for p in predictions])}
    known = Machine() if growing else machine
    for name in rivals.NAMES:
        others = rivals.predict(name, lower, upper, known)
        scores[name] = _score(upper, [(p.throughput_per_s, p.low_per_s, p.high_per_s) for p in others])
    return HeldOut(source, series, machine, fit, upper, predictions, scores, _errors(fit, upper))


def _errors(fit: Fit, points: Sequence[Point]) -> Errors:
    middles, lows, highs = fit.quantiles(points)
    measured = np.log([point.throughput_per_s for point in points])
    return Errors(middles - lows, highs - middles, measured - middles, fit.doublings(points), openness(fit.points))


def _score(points: Sequence[Point], predicted: Sequence[tuple[float, float, float]]) -> Score:
    errors, mean_errors, covered, widths, interval_scores = [], [], [], [], []
    for point, (middle, low, high) in zip(points, predicted, strict=True):
        measured = point.throughput_per_s
        errors.append(middle / measured - 1.0)
        if point.mean_s:
            mean_errors.append(max(point.load / middle - point.think_time_s, 0.0) / point.mean_s - 1.0)
        covered.append(low <= measured <= high)
        widths.append((high - low) / 2.0 / middle)
        outside = max(math.log(low / measured), math.log(measured / high), 0.0)
        interval_scores.append(math.log(high / low) + 2.0 / (1.0 - LEVEL) * outside)
    return Score(tuple(errors), tuple(mean_errors), tuple(covered), tuple(widths), tuple(interval_scores))

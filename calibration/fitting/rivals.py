"""What else is used for the question: Amdahl's law, the Universal Scalability Law, multi-server MVA."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.stats import t

from calibration.fitting.points import Point
from calibration.fitting.skeleton import Machine, Skeleton

Array = NDArray[np.float64]
Law = Callable[[Array, float], float]
NAMES: Final = ("Amdahl", "USL", "MVA")
REDRAWS: Final = 60


@dataclass(frozen=True)
class RivalPrediction:
    """Throughput at a level by a law, with the interval that redraws of its own residuals give."""

    throughput_per_s: float
    low_per_s: float
    high_per_s: float


def predict(name: str, points: Sequence[Point], targets: Sequence[Point], machine: Machine) -> list[RivalPrediction]:
    """Fit a law by least squares of relative errors and predict targets.

    Intervals come from redraws of the points by the larger of their repeatability and the fit's residuals
    (Student's t of the degrees that the fit leaves), as one would give them who trusts the law.
    """
    law, start, low, high = _law(name, points, machine)
    logs = np.log([point.throughput_per_s for point in points])
    found = _fitted(law, points, logs, start, (low, high))
    residuals = np.array([math.log(law(found, point.load)) for point in points]) - logs
    freedom = max(len(points) - len(start), 1)
    residual = math.sqrt(float(np.sum(residuals**2)) / freedom)
    deviation = np.hypot([point.deviation for point in points], residual)
    generator = np.random.default_rng(1)
    drawn = []
    for _ in range(REDRAWS):
        again = _fitted(law, points, logs + deviation * generator.standard_normal(len(logs)), found, (low, high))
        noise = float(np.mean(deviation)) * t.rvs(freedom, random_state=generator) if residual > 0 else 0.0
        drawn.append([math.log(law(again, target.load)) + noise for target in targets])
    edges = np.exp(np.quantile(np.array(drawn), [0.05, 0.95], axis=0))
    return [
        RivalPrediction(law(found, target.load), float(edges[0][index]), float(edges[1][index]))
        for index, target in enumerate(targets)
    ]


def _law(name: str, points: Sequence[Point], machine: Machine) -> tuple[Law, Array, Array, Array]:
    """Return a law of (parameters, load), where to start and its bounds; parameters are relative to a scale."""
    unit_s = points[0].load / points[0].throughput_per_s
    top = max(point.load for point in points)
    if name == "Amdahl":
        return (
            lambda p, n: p[0] / unit_s * n / (1.0 + p[1] * (n - 1.0)),
            np.array([1.0, 0.05]),
            np.array([1e-3, 0.0]),
            np.array([1e3, 1.0]),
        )
    if name == "USL":
        return (
            lambda p, n: p[0] / unit_s * n / (1.0 + p[1] * (n - 1.0) + p[2] / top**2 * n * (n - 1.0)),
            np.array([1.0, 0.05, 0.01]),
            np.array([1e-3, 0.0, 0.0]),
            np.array([1e3, 1.0, 1e3]),
        )
    if machine.threads is not None:
        threads = machine.threads
        return (
            lambda p, n: Skeleton(p[0] * unit_s, p[1] * unit_s, cores=threads, threads=threads).throughput_per_s(n),
            np.array([0.8, 0.2]),
            np.array([1e-3, 0.0]),
            np.array([1e3, 1e3]),
        )
    return (
        lambda p, n: Skeleton(p[0] * unit_s, p[1] * unit_s, cores=p[2] * top, threads=p[2] * top).throughput_per_s(n),
        np.array([0.8, 0.2, 0.7]),
        np.array([1e-3, 0.0, 0.5 / top]),
        np.array([1e3, 1e3, 1e3]),
    )


def _fitted(law: Law, points: Sequence[Point], logs: Array, start: Array, bounds: tuple[Array, Array]) -> Array:
    def errors(parameters: Array) -> Array:
        return np.array([law(parameters, point.load) for point in points]) / np.exp(logs) - 1.0

    inside = np.clip(start, bounds[0] + 1e-9, bounds[1] - 1e-9)
    return np.asarray(least_squares(errors, inside, bounds=bounds, x_scale=np.maximum(inside, 0.01)).x)

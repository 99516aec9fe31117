"""The fit by simulation: what percentiles show, by least squares of simulated against measured levels.

The fast engine plays every fitted level with the same seed in each step, so that two parameter sets see the same
draws and their difference is smooth enough for a derivative (common random numbers).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibration.fitting.points import Point
from calibration.fitting.scenario import scenario_of
from calibration.fitting.skeleton import Skeleton
from models.units import TIME
from simulator.run import run

Array = NDArray[np.float64]
OPERATIONS: Final = 20_000
SEED: Final = 1
PERCENTILE_ERROR: Final = 0.05
"""Relative standard deviation of a measured percentile that is assumed."""
CV_START: Final = 0.3
CV_MOST: Final = 4.0


@dataclass(frozen=True)
class SimulatedFit:
    """A skeleton adjusted so that its simulation meets the measured levels.

    cv: coefficient of variation of its times; None where no percentile was measured. scale: what all times were
    multiplied by. misfit: root mean square of the weighed residuals; about 1 where the model is as good as the data.
    """

    skeleton: Skeleton
    cv: float | None
    scale: float
    misfit: float


def fit_by_simulation(skeleton: Skeleton, points: Sequence[Point]) -> SimulatedFit:
    """Adjust the times and their variation to throughputs and percentiles of points with whole numbers of clients."""
    known = [point for point in points if point.load == round(point.load)]
    if not known:
        raise ValueError("no level with a whole number of clients, which a simulation needs")
    percentiles = any(point.percentiles_s for point in known)

    def residuals(free: Array) -> Array:
        cv = float(free[1]) if percentiles else 0.0
        return np.concatenate([_residuals(scaled(skeleton, float(np.exp(free[0]))), cv, point) for point in known])

    start, low, high = [0.0], [-1.0], [1.0]
    if percentiles:
        start, low, high = [0.0, CV_START], [-1.0, 0.02], [1.0, CV_MOST]
    found = least_squares(residuals, start, bounds=(low, high), diff_step=[0.02] * len(start), x_scale=0.2, max_nfev=12)
    scale = float(np.exp(found.x[0]))
    misfit = float(np.sqrt(np.mean(np.square(found.fun))))
    return SimulatedFit(scaled(skeleton, scale), float(found.x[1]) if percentiles else None, scale, misfit)


def scaled(skeleton: Skeleton, factor: float) -> Skeleton:
    """Return a skeleton with all its times multiplied."""
    return replace(
        skeleton,
        demand_s=skeleton.demand_s * factor,
        wait_s=skeleton.wait_s * factor,
        serial_s=skeleton.serial_s * factor,
    )


def simulate(skeleton: Skeleton, cv: float, point: Point) -> dict[str, Any]:
    """Return what the simulator says of a level, of about `OPERATIONS` operations."""
    expected_s = OPERATIONS / skeleton.throughput_per_s(point.load, point.think_time_s)
    settings = {
        "duration": TIME.print(round(expected_s * 1e9)),
        "warmup": TIME.print(round(expected_s * 1e8)),
        "replications": 1,
        "seed": SEED,
    }
    scenario = scenario_of(skeleton, round(point.load), point.think_time_s, cv, settings)

    return run(scenario).data


def _residuals(skeleton: Skeleton, cv: float, point: Point) -> Array:
    data = simulate(skeleton, cv, point)
    rows = [np.log(data["throughput_per_s"]["value"] / point.throughput_per_s) / np.hypot(point.deviation, 0.02)]
    for percent, measured_s in point.percentiles_s:
        found = data["response_time_s"].get(f"p{percent:g}".replace(".", ""))
        if found is not None and found["value"] and measured_s > 0:
            rows.append(np.log(found["value"] / measured_s) / PERCENTILE_ERROR)
    return np.array(rows)

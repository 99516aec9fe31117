"""The fit of a blueprint: least squares of simulated against measured figures, with common random numbers.

Every step plays the measured levels with the fast engine and the same seed, so that two sets of numbers see the same
draws and their difference is smooth enough for a derivative. At the optimum the derivative gives the redraws of the
numbers, and how well a level is predicted when it is left out, without fitting again: near the optimum the figures
are straight in the numbers, and both the measurements and what is expected of the numbers are normal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.blueprint import Blueprint, Load
from calibration.fitting.stops import Stops
from calibration.fitting.targets import Target
from models.units import RATE, TIME
from simulator.run import run

Array = NDArray[np.float64]
OPERATIONS: Final = 20_000
FITTED_OPERATIONS: Final = 8_000
"""In each step of a fit: common draws make steps comparable that are not precise by themselves."""
SEED: Final = 1
STEP: Final = 0.5
"""Of the derivative, in standard deviations of what is expected."""
ROUNDS: Final = 3
FARTHEST: Final = 6.0
ENOUGH: Final = 0.02


@dataclass(frozen=True)
class Fitted:
    """A blueprint with the numbers that come closest to the levels.

    position: of each number, in standard deviations from what was expected. residuals: by target, measured from
    simulated in deviations. slopes: of the residuals by number. score: logarithm of the chance of each level left out,
    given the others. misfit: root mean square of the residuals; about 1 where the model is as good as the data.
    """

    blueprint: Blueprint
    position: Array
    residuals: Sequence[Array]
    slopes: Sequence[Array]
    score: float

    @property
    def covariance(self) -> Array:
        """Return the covariance of the numbers' positions, wider where the model misses more than the levels repeat."""
        found = _covariance(np.concatenate(self.slopes))
        # what is expected of a number bounds its spread: positions are in its standard deviations
        spread = np.sqrt(np.diag(found))
        wider = np.minimum(spread * max(self.misfit, 1.0), np.maximum(spread, 1.0)) / spread
        return np.asarray(found * np.outer(wider, wider))

    @property
    def misfit(self) -> float:
        """Return the root mean square of the residuals."""
        return float(np.sqrt(np.mean(np.square(np.concatenate(self.residuals)))))

    def redraws(self, generator: np.random.Generator, count: int) -> Array:
        """Return positions as the measurements' repeatability leaves them open, one a row."""
        found = generator.multivariate_normal(self.position, self.covariance, size=count, method="cholesky")
        return np.asarray(np.clip(found, -FARTHEST, FARTHEST))


def fit_blueprint(
    blueprint: Blueprint, targets: Sequence[Target], rounds: int = ROUNDS, least_step: float = 0.0
) -> Fitted:
    """Fit one blueprint by Gauss and Newton, with halved steps where a whole one does not improve.

    least_step: of a derivative, as a logarithm: less of a number that is known well drowns in what scheduling makes of
    any change.
    """
    position = np.zeros(len(blueprint.free))
    steps = [max(STEP, least_step / one.width) for one in blueprint.free]
    residuals = [_residuals(blueprint, position, target) for target in targets]
    slopes = _slopes(blueprint, position, residuals, targets, steps)
    for _ in range(rounds):
        together, wrong = np.concatenate(slopes), np.concatenate(residuals)
        step = -_covariance(together) @ (together.T @ wrong + position)
        step = np.clip(position + step, -FARTHEST, FARTHEST) - position
        for share in (1.0, 0.5, 0.25):
            tried = position + share * step
            found = [_residuals(blueprint, tried, target) for target in targets]
            if _cost(found, tried) < _cost(residuals, position):
                break
        else:
            break
        gained = _cost(residuals, position) - _cost(found, tried)
        position, residuals = tried, found
        slopes = _slopes(blueprint, position, residuals, targets, steps)
        if gained < ENOUGH:
            break
    return Fitted(blueprint, position, residuals, slopes, _left_out_score(position, residuals, slopes, targets))


def simulate(
    blueprint: Blueprint,
    position: Array,
    load: Load,
    rate_per_s: float,
    operations: int = OPERATIONS,
    *,
    warmup_s: float | None = None,
    stops: Stops | None = None,
    replications: int = 1,
) -> Any:
    """Return what the simulator says of a load, of about so many operations at an expected throughput.

    warmup_s: before them; None: a fifth of their time. stops: of the service meanwhile. replications: of all that.
    """
    expected_ns = operations / rate_per_s * 1e9
    settings = {
        "duration": TIME.print(max(round(expected_ns), 1_000_000)),
        "warmup": TIME.print(max(round(expected_ns / 5 if warmup_s is None else warmup_s * 1e9), 1_000_000)),
        "replications": replications,
        "seed": SEED,
    }
    return run(blueprint.scenario(list(position), load, settings, stops)).data


def figures_of(data: Mapping[str, Any], blueprint: Blueprint, position: Array) -> dict[str, float]:
    """Return the figures of a result by the names that targets have; those that came out as nothing are left out."""
    rate = data["throughput_per_s"]["value"] or 0.0
    found = {"throughput": rate}
    if rate and data["cpu_utilization"] is not None:
        services = list(blueprint.build(blueprint.values(list(position)))[0].values())
        busy = (data["cpu_utilization"]["value"] or 0.0) * own_cores(services) - interrupted_cores(services)
        exits_s = _exits_charged_s(data, blueprint, position)
        found["cpu"] = busy / rate - blueprint.uncharged_s + exits_s
        if len(services) > 1:
            found["served_cpu"] = _served_cores(data) / rate
    for name in ("mean", "p50", "p95", "p99"):
        estimate = data["response_time_s"].get(name)
        found[name] = (estimate or {}).get("value") or 0.0
    return {name: value for name, value in found.items() if value > 0.0}


def _served_cores(data: Mapping[str, Any]) -> float:
    """Return the CPU that the first service took [cores], beside others on the same cores."""
    first = next(iter(data["scenario"]["services"]))
    found = [one for one in data["stations"] if one["kind"] == "cpu" and one["service"] == first]
    return float(sum((one["utilization"]["value"] or 0.0) * one["servers"] for one in found))


def own_cores(services: Iterable[Mapping[str, Any]]) -> float:
    """Return the cores of all services, without what slows them evenly: what their CPU is a share of."""
    return float(sum(one.get("cores", 0) - one.get("background_cores", 0.0) for one in services))


def interrupted_cores(services: Iterable[Mapping[str, Any]]) -> float:
    """Return the CPU that the interruptions of all services take [cores]: cores count it as work."""
    found = [(one["interruptions"], one["cores"]) for one in services if "interruptions" in one]
    return float(sum(RATE.read_float(one["rate"]) * _mean_s(one["duration"]) * cores for one, cores in found))


def _mean_s(duration: Any) -> float:
    """Return the mean of a time as a scenario writes it, a value or a table of quantiles [s]."""
    if isinstance(duration, str):
        return TIME.read_float(duration) / 1e9
    rows = [(level, TIME.read_float(value) / 1e9) for level, value in duration["quantiles"]]
    return float(sum((high - low) * (one + other) / 2 for (low, one), (high, other) in pairwise(rows)))


def _exits_charged_s(data: Mapping[str, Any], blueprint: Blueprint, position: Array) -> float:
    """Return what an operation is charged with, as CPU, of its exits from idle [s]."""
    if not blueprint.exits_counted:
        return 0.0
    waking_s = data["causes"]["all"]["waking"] or 0.0
    own_s = blueprint.wakes * blueprint.values(list(position)).get("wakeup", 0.0)
    return blueprint.exits_counted * max(waking_s - own_s, 0.0)


def _residuals(blueprint: Blueprint, position: Array, target: Target) -> Array:
    data = simulate(blueprint, position, target.load, target.throughput_per_s, FITTED_OPERATIONS)
    found = figures_of(data, blueprint, position)
    return np.array(
        [
            math.log(found[name] / value) / deviation if name in found else 10.0
            for name, (value, deviation) in target.measured.items()
        ]
    )


def _slopes(
    blueprint: Blueprint,
    position: Array,
    residuals: Sequence[Array],
    targets: Sequence[Target],
    steps: Sequence[float],
) -> list[Array]:
    """Return the derivative of each target's residuals by each number, by steps towards what is expected."""
    columns: list[list[Array]] = [[] for _ in targets]
    for index in range(len(position)):
        moved = position.copy()
        step = -steps[index] if position[index] > 0 else steps[index]
        moved[index] += step
        for rows, before, target in zip(columns, residuals, targets, strict=True):
            rows.append((_residuals(blueprint, moved, target) - before) / step)
    return [
        np.array(rows).T.reshape(len(before), len(position)) for rows, before in zip(columns, residuals, strict=True)
    ]


def _cost(residuals: Sequence[Array], position: Array) -> float:
    return float(sum(np.sum(one**2) for one in residuals) + np.sum(position**2))


def _covariance(slopes: Array) -> Array:
    return np.asarray(np.linalg.inv(slopes.T @ slopes + np.eye(slopes.shape[1])))


def _left_out_score(
    position: Array, residuals: Sequence[Array], slopes: Sequence[Array], targets: Sequence[Target]
) -> float:
    """Return the mean logarithm of the chance of each level given the others, but the lowest.

    The lowest shows the operation itself, without which nothing can be predicted.
    """
    scores = []
    for index in range(min(1, len(targets) - 1), len(targets)):
        others = [one for one in range(len(targets)) if one != index]
        kept = np.concatenate([slopes[one] for one in others]) if others else np.zeros((0, len(position)))
        wrong = np.concatenate([residuals[one] for one in others]) if others else np.zeros(0)
        covariance = _covariance(kept)
        moved = -covariance @ (kept.T @ wrong + position)
        expected = residuals[index] + slopes[index] @ moved
        spread = np.eye(len(expected)) + slopes[index] @ covariance @ slopes[index].T
        _, size = np.linalg.slogdet(spread)
        scores.append(-0.5 * (_heavy(float(expected @ np.linalg.solve(spread, expected)), len(expected)) + size))
    return float(np.mean(scores))


def _heavy(squares: float, count: int, freedom: float = 4.0) -> float:
    """Return the loss of a sum of squares under Student's t, which no single figure decides alone."""
    return (freedom + count) * math.log1p(squares / freedom)

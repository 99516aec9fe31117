"""Which chances of finding an idle core and of stealing make the simulator's sleepers wait like the real ones.

What the sleepers took from wake-up to end beyond their CPU time, at three utilizations, is compared with that of the
simulator over a grid of both chances; between grid points the logarithms are interpolated. The weight of a point is
exp(-distance / 2), the distance being the sum of squared differences of logarithms over their uncertainty (the
repeats', `MODEL_ERROR` and `WAKE_ERROR_S`), itself scaled up where even the best point fits worse than that. Draws
from these weights are the profile's; their spread is the interval.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import RegularGridInterpolator

from calibration.host.probes.placement import SLEEPERS_PER_CORE, UTILIZATIONS, WORK_S, pause_mean_ns
from models.scenario import Scenario
from simulator.engines import Engine, choose
from simulator.histogram import percentiles_ns

Floats = NDArray[np.float64]

MODEL_ERROR: Final = 0.1
"""Relative error of each excess that is granted to the model itself."""
WAKE_ERROR_S: Final = 10e-6
"""Error that is granted to what is known of wake-ups: slack, exit from idle, CPU time."""
_LEAST_S: Final = 1e-6
MEASURES: Final = ("mean", "p90", "p95")
_FINE: Final = 41
_COARSE: Final = {"fast": (0.0, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0), "reference": (0.0, 0.2, 0.5, 1.0)}
_OPERATIONS: Final = {"fast": 15_000, "reference": 1_200}
"""To be simulated at each grid point and utilization."""
_WARMUP_NS: Final = 100_000_000


@dataclass(frozen=True)
class Machine:
    """What of the machine is known before: cores, tick and slice [s], balance interval and idle exit [s].

    protected_until: how long running tasks are protected from those that wake, as of a service.
    """

    cores: int
    tick_s: float
    slice_s: float
    balance_s: float
    idle_exit_s: float
    protected_until: str = "deadline"


@dataclass(frozen=True)
class Placement:
    """The two chances: estimate (the weights' mean: where little is known, the middle) and draws of each.

    misfit: root mean square of the differences of logarithms at the best point.
    """

    search: float
    steal: float
    search_draws: list[float]
    steal_draws: list[float]
    misfit: float


def balance_interval_s(first_moves_s: Sequence[float]) -> float:
    """Return the balance interval from the times between a release and the first move.

    Releases fall anywhere in the interval, so the wait is uniform over it and its mean is half.
    """
    return 2 * statistics.fmean(first_moves_s)


def sleepers_scenario(machine: Machine, utilization: float, demand_s: float, search: float, steal: float) -> Scenario:
    """Return the probe's sleepers as a scenario."""
    pause_ns = pause_mean_ns(utilization, WORK_S * 1e9)
    return Scenario.from_dict(
        {
            "name": "sleepers",
            "workloads": [
                {
                    "name": "sleepers",
                    "kind": "closed",
                    "procs": SLEEPERS_PER_CORE * machine.cores,
                    "concurrency": 1,
                    "think_time": {"distribution": "exponential", "mean": f"{round(pause_ns)}ns"},
                }
            ],
            "services": {
                "machine": {
                    "cores": machine.cores,
                    "idle_exit": _ns(machine.idle_exit_s),
                    "linux": {
                        "base_slice": _ns(machine.slice_s),
                        "tick": _ns(machine.tick_s),
                        "balance_interval": _ns(machine.balance_s),
                        "idle_search": search,
                        "idle_steal": steal,
                        "protected_until": machine.protected_until,
                    },
                }
            },
            "operations": [{"name": "work", "stages": [{"kind": "cpu", "demand": _ns(demand_s)}]}],
        },
        "placement probe",
    )


def _ns(seconds: float) -> str:
    return f"{max(0, round(seconds * 1e9))}ns"


def simulated(engine: Engine, scenario: Scenario, demand_s: float, rate_per_s: float) -> list[float]:
    """Return the logarithms of the simulated excesses over the demand [s], in the order of `MEASURES`.

    rate_per_s: of operations, about; it sets how long is simulated.
    """
    compiled = engine.compile(scenario, None)
    end_ns = _WARMUP_NS + int(_OPERATIONS[engine.name] / rate_per_s * 1e9)
    output = engine.simulate(compiled, seed=1, replication=0, warmup_ns=_WARMUP_NS, end_ns=end_ns)
    histogram = output.histogram[0]
    count = max(1, int(histogram.sum()))
    percentiles = percentiles_ns(histogram, [float(name[1:]) for name in MEASURES[1:]]) / 1e9
    times_s = [float(output.response_sum_ns[0]) / count / 1e9, *map(float, percentiles)]
    return [_log_excess(time_s, demand_s) for time_s in times_s]


def _log_excess(time_s: float, demand_s: float) -> float:
    return math.log(max(time_s - demand_s, _LEAST_S))


def measured_logarithms(runs: Sequence[Mapping[str, Sequence[float]]]) -> tuple[Floats, Floats, list[float]]:
    """Return, for each utilization and measure, the logarithm of the median excess over runs and its uncertainty.

    Also the median demand at each utilization [s].
    """
    values, errors, demands = [], [], []
    for utilization in UTILIZATIONS:
        name = f"placement.sleepers_{round(100 * utilization)}"
        demands.append(statistics.median(run[f"{name}_demand"][0] for run in runs))
        for measure in MEASURES:
            found = [_log_excess(run[f"{name}_{measure}"][0], demands[-1]) for run in runs]
            values.append(statistics.median(found))
            spread = statistics.stdev(found) / len(found) ** 0.5 if len(found) > 1 else 0.1
            errors.append(math.hypot(spread, MODEL_ERROR, WAKE_ERROR_S / math.exp(values[-1])))
    return np.array(values), np.array(errors), demands


def fit_placement(
    runs: Sequence[Mapping[str, Sequence[float]]],
    machine: Machine,
    draws: int,
    *,
    keep_going: Callable[[], bool] = lambda: True,
    engine: Engine | None = None,
) -> Placement | None:
    """Estimate both chances from the probe's runs; None if `keep_going` says stop before the grid is done."""
    engine = engine or choose("auto")[0]
    values, errors, demands = measured_logarithms(runs)
    coarse = _COARSE[engine.name]
    table = np.empty((len(coarse), len(coarse), len(values)))
    for row, search in enumerate(coarse):
        for column, steal in enumerate(coarse):
            found: list[float] = []
            for utilization, demand_s in zip(UTILIZATIONS, demands, strict=True):
                if not keep_going():
                    return None
                scenario = sleepers_scenario(machine, utilization, demand_s, search, steal)
                found += simulated(engine, scenario, demand_s, utilization * machine.cores / demand_s)
            table[row, column] = found
    return _weigh(np.array(coarse), table, values, errors, draws)


def _weigh(coarse: Floats, table: Floats, values: Floats, errors: Floats, draws: int) -> Placement:
    """Find the best point of the interpolated grid and draw points by their weight."""
    fine = np.linspace(0.0, 1.0, _FINE)
    points = np.stack(np.meshgrid(fine, fine, indexing="ij"), axis=-1).reshape(-1, 2)
    differences = RegularGridInterpolator((coarse, coarse), table)(points) - values
    distance = ((differences / errors) ** 2).sum(axis=1)
    best = int(distance.argmin())
    scale = max(1.0, float(distance[best]) / (len(values) - 2))
    weights = np.exp(-(distance - distance[best]) / (2 * scale))
    taken = np.random.default_rng(1).choice(len(points), size=draws, p=weights / weights.sum())
    shares = weights / weights.sum()
    return Placement(
        float(shares @ points[:, 0]),
        float(shares @ points[:, 1]),
        [float(value) for value in points[taken, 0]],
        [float(value) for value in points[taken, 1]],
        float(np.sqrt((differences[best] ** 2).mean())),
    )


def identified(draws: Sequence[float]) -> Any:
    """Return how well draws of a chance determine it: a uniform one has a standard deviation of 0.29."""
    spread = statistics.pstdev(draws)
    return "yes" if spread < 0.12 else "weakly" if spread < 0.22 else "no"

"""Coverage of prediction intervals through the whole path: measured sample, bootstrap, profile's draws, simulation.

    python -m benchmarks.prediction_coverage [--repeats 100]

The system is M/M/1 with first come, first served, whose mean response time and percentiles are known exactly. Its mean
service time is known from fifty observations and their bootstrap. Each repetition is another sample, and the table says
how often the 90 % prediction interval holds the exact figure. Beside it: the interval from the same draws without any
simulation (what the bootstrap of so few observations can do), and that of the simulation alone.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np

from models.measured import Discrepancy, Seen
from simulator.prediction import Budget, predict
from simulator.run import run
from simulator.scenario_base import Base, Calibration
from simulator.scenario_source import prepare

SERVICE_S = 0.001
OBSERVED = 50
DRAWS = 40
OPERATIONS = 60_000
OF_DRAWS = 600_000


def scenario(mean_s: float, rate_per_s: float) -> dict[str, Any]:
    demand = {"distribution": "exponential", "mean": f"{round(mean_s * 1e9)}ns"}
    return {
        "name": "single server",
        "run": {"precision": 0.05},
        "workloads": [{"name": "clients", "kind": "open", "arrival_rate": f"{rate_per_s}/s"}],
        "services": {"web": {"cores": 1, "discipline": "fifo"}},
        "operations": [{"name": "request", "stages": [{"kind": "cpu", "demand": demand}]}],
    }


def base_of_sample(generator: np.random.Generator, rate_per_s: float) -> Base:
    observed = generator.exponential(SERVICE_S, OBSERVED)
    means = generator.choice(observed, (DRAWS, OBSERVED)).mean(axis=1)

    def table(draw: int | None) -> dict[str, Any]:
        return scenario(float(observed.mean() if draw is None else means[draw]), rate_per_s)

    calibration = Calibration(
        "sample",
        "sample",
        "2026-01-01",
        "",
        Seen(rate_per_s=(rate_per_s, rate_per_s), cores=(1, 1)),
        Discrepancy(rate=0, time=0, per_doubling=0),
    )
    return Base("sample", "a sample", Path(), table, calibration, count=DRAWS, samples={"service_s": means.tolist()})


def exact(rate_per_s: float, service_s: float = SERVICE_S) -> dict[str, float]:
    """M/M/1: the response time is exponential with mean S / (1 - rate S)."""
    mean_s = service_s / (1 - rate_per_s * service_s)
    times = {f"response_time_s.p{percent}": -mean_s * math.log(1 - percent / 100) for percent in (50, 95, 99)}
    return {
        "throughput_per_s": rate_per_s,
        "cpu_utilization": rate_per_s * service_s,
        "response_time_s.mean": mean_s,
        **times,
    }


def at(data: dict[str, Any], path: str) -> dict[str, Any]:
    for part in path.split("."):
        data = data[part]
    return data


def solved(base: Base, rate_per_s: float) -> dict[str, tuple[float, float]]:
    """The intervals from the draws alone, each solved exactly."""
    drawn = [exact(rate_per_s, mean_s) for mean_s in base.samples["service_s"]]
    ends = {name: np.quantile([one[name] for one in drawn], [0.05, 0.95], method="weibull") for name in drawn[0]}
    return {name: (float(low), float(high)) for name, (low, high) in ends.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--rate", type=float, default=500.0, help="per second; the server does 1000")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    truth = exact(wanted.rate)
    held: dict[str, int] = dict.fromkeys(truth, 0)
    best: dict[str, int] = dict.fromkeys(truth, 0)
    alone: dict[str, int] = dict.fromkeys(truth, 0)
    widths: dict[str, list[float]] = {name: [] for name in truth}
    generator = np.random.default_rng(wanted.seed)
    for repeat in range(wanted.repeats):
        base = base_of_sample(generator, wanted.rate)
        of_draws = solved(base, wanted.rate)
        prepared = prepare(base)
        data = run(prepared.scenario, engine="fast", seed=repeat + 1, max_operations=OPERATIONS).data
        predict(data, prepared, True, Budget("fast", operations=OF_DRAWS))
        for name, value in truth.items():
            estimate = at(data, name)
            low, high = estimate["prediction"]
            held[name] += low <= value <= high
            best[name] += of_draws[name][0] <= value <= of_draws[name][1]
            alone[name] += abs(estimate["value"] - value) <= estimate["half_width"]
            widths[name].append((high - low) / 2 / estimate["value"])
    print(f"M/M/1 at {wanted.rate:g}/s of 1000/s, {OBSERVED} observations, {wanted.repeats} repetitions")
    print(
        f"{'measure':22} {'90 % prediction':>16} {'half-width':>11} {'draws, solved':>14} "
        f"{'simulation alone (95 %)':>24}"
    )
    for name in truth:
        print(
            f"{name:22} {held[name] / wanted.repeats:16.0%} {float(np.median(widths[name])):11.1%} "
            f"{best[name] / wanted.repeats:14.0%} "
            f"{alone[name] / wanted.repeats:24.0%}"
        )


if __name__ == "__main__":
    main()

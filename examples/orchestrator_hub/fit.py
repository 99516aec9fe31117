"""The level of 50 processes, of the numbers in hubs.py or fitted on 1, 5, 10 and 20 (--refit).

Simulated least squares: every set of numbers is played with the same seed, so that two sets see the same draws and
their difference is smooth enough for a derivative (common random numbers). The level that is predicted is not looked
at. Without --write the scenario files are only played.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibration.fitting.points import Point
from calibration.fitting.rivals import predict
from calibration.fitting.skeleton import Machine
from examples.orchestrator_hub.figures import FITTED, HERE, PREDICTED, levels
from examples.orchestrator_hub.hubs import STRUCTURES
from examples.orchestrator_hub.structure import FREE, Hub
from models.scenario import Scenario
from models.scenario_text import write_toml
from simulator import run

Array = NDArray[np.float64]
OPERATIONS: Final = 14_000
THROUGHPUT_DEVIATION: Final = 0.01
PERCENTILE_DEVIATION: Final = 0.05
CPU_DEVIATION: Final = 0.02
NOTHING: Final = 50.0
"""Residual where nothing completed."""
STEP: Final = 0.06
"""Of a derivative, on a logarithmic scale: well above what is left of the noise."""


def simulate(hub: Hub, procs: int, operations: int = OPERATIONS) -> dict[str, float]:
    """Return throughput [/s], percentiles [ms] and CPU [share] of a level."""
    table = hub.table()
    table["workloads"][0] |= {"procs": procs}
    duration_ms = max(round(operations / (800 * procs) * 1e3), 500)
    table["run"] = {"warmup": "700ms", "duration": f"{duration_ms}ms", "replications": 1, "seed": 1}
    result = run(Scenario.from_dict(table, "fit", Path()))
    names = {"p50_ms": "p50", "p95_ms": "p95", "p99_ms": "p99"}
    found = {column: result[f"response_time_s.{name}"] * 1e3 for column, name in names.items()}
    return found | {
        "throughput_per_s": result["throughput_per_s"],
        "cpu_pct": result["cpu_utilization"] * 100,
    }


def residuals(hub: Hub, fitted: Sequence[int] = FITTED) -> Array:
    """Return simulated against reported figures of levels, each in units of what it may deviate."""
    rows = []
    for procs in fitted:
        found, reported = simulate(hub, procs), levels()[procs]
        rows.append(np.log(found["throughput_per_s"] / reported["throughput_per_s"]) / THROUGHPUT_DEVIATION)
        rows += [
            np.log(found[column] / reported[column]) / PERCENTILE_DEVIATION for column in ("p50_ms", "p95_ms", "p99_ms")
        ]
        rows.append((found["cpu_pct"] - reported["cpu_pct"]) / 100 / CPU_DEVIATION)
    return np.array([value if math.isfinite(value) else NOTHING for value in rows])


def fit(start: Hub, free: Sequence[str] = FREE, evaluations: int = 6) -> tuple[Hub, float]:
    """Return the hub that fits the lower levels best, from a start, and the root mean square of its residuals."""

    def of(logs: Array) -> Array:
        return residuals(start.scaled({name: float(np.exp(log)) for name, log in zip(free, logs, strict=True)}))

    spread = np.full(len(free), 1.0)
    found = least_squares(
        of,
        np.zeros(len(free)),
        bounds=(-spread, spread),
        diff_step=[STEP] * len(free),
        x_scale=0.2,
        max_nfev=evaluations,
        loss="soft_l1",
    )
    hub = start.scaled({name: float(np.exp(log)) for name, log in zip(free, found.x, strict=True)})
    return hub, float(np.sqrt(np.mean(np.square(found.fun))))


def laws() -> list[str]:
    """Return what Amdahl's law and the USL, fitted to the same levels, predict."""
    reported = levels()
    points = [Point(float(procs), reported[procs]["throughput_per_s"], 0.02) for procs in FITTED]
    target = Point(float(PREDICTED), reported[PREDICTED]["throughput_per_s"], 0.02)
    lines = []
    for name in ("Amdahl", "USL"):
        (found,) = predict(name, points, [target], Machine(4))
        error = found.throughput_per_s / target.throughput_per_s - 1
        lines.append(f"| {name} (throughput alone) | {found.throughput_per_s:.0f} | {error:+.1%} | - | - | - | - |")
    return lines


def predictions(hubs: dict[str, Hub], how: str) -> str:
    """Return a table of what each structure, and each law, says of the level that was not fitted."""
    reported = levels()[PREDICTED]
    lines = [
        f"| {how}; at {PREDICTED} | throughput /s | error | p50 ms | p95 ms | p99 ms | cpu % |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| reported | "
        + " | ".join(f"{reported['throughput_per_s']:.0f} -".split())
        + " | "
        + " | ".join(f"{reported[column]:g}" for column in ("p50_ms", "p95_ms", "p99_ms", "cpu_pct"))
        + " |",
    ]
    for name, hub in hubs.items():
        found = simulate(hub, PREDICTED, 20_000)
        error = found["throughput_per_s"] / reported["throughput_per_s"] - 1
        times = " | ".join(
            f"{found[c]:.0f} ({found[c] / reported[c] - 1:+.0%})" for c in ("p50_ms", "p95_ms", "p99_ms")
        )
        lines.append(f"| {name} | {found['throughput_per_s']:.0f} | {error:+.1%} | {times} | {found['cpu_pct']:.0f} |")
    return "\n".join([*lines, *laws()])


def main() -> None:
    """Print the predictions of both structures; with --write fit them anew and write their scenario files."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--refit", action="store_true", help="fit from the numbers in hubs.py and print what is found")
    parser.add_argument("--only", choices=list(STRUCTURES), help="refit this structure alone")
    parser.add_argument("--evaluations", type=int, default=6, help="steps of the least squares")
    parser.add_argument("--write", action="store_true", help="write the scenario files of the numbers in hubs.py")
    asked = parser.parse_args()
    hubs = dict(STRUCTURES)
    if asked.refit:
        for name, start in STRUCTURES.items() if asked.only is None else [(asked.only, STRUCTURES[asked.only])]:
            hubs[name], misfit = fit(start, evaluations=asked.evaluations)
            print(f"{name}: misfit {misfit:.2f}\n  {hubs[name]}")
    if asked.write:
        for name, hub in hubs.items():
            path = HERE / f"{name}.toml"
            path.write_text(
                f"# {name}: made from hubs.py by `python -m examples.orchestrator_hub.fit --write`.\n"
                + write_toml(hub.table()),
                encoding="utf-8",
            )
    how = f"fitted on {', '.join(map(str, FITTED))} processes" if asked.refit else "numbers of hubs.py"
    print(predictions(hubs, how))


if __name__ == "__main__":
    main()

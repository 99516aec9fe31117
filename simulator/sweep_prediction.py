"""Adds to a sweep what calibration leaves open of each point, and how far its points lie from what was measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from simulator.engines import choose
from simulator.prediction import BUDGET_SHARE, Budget, predict
from simulator.replications import Progress, Report
from simulator.scenario_source import Prepared
from simulator.sweep import BUDGET_SHARE as POINT_SHARE
from simulator.sweep import Sweep
from simulator.trust_zone import farthest

DRAWS: Final = 20
"""Of each point: the outermost ones hold a further one with probability 0.9, and a curve is read as a whole."""


def predict_sweep(data: dict[str, Any], wanted: Sweep, uncertainty: bool | None, budget: Budget) -> None:
    """Add the trust zone and the prediction to every point of a sweep, and the farthest trust zone to the sweep.

    data: of the answer. budget: who simulates and is told; its operations are those of one point.
    """
    if isinstance(budget.engine, str):
        budget = replace(budget, engine=choose(budget.engine)[0])
    engine = budget.engine
    if budget.operations is None and not isinstance(engine, str):
        budget = replace(budget, operations=2 * BUDGET_SHARE * POINT_SHARE * engine.operations)
    budget = replace(budget, most_draws=DRAWS)
    by_setting = {_key(setting): one for setting, one in zip(wanted.settings, wanted.prepared, strict=True)}
    points = data["points"]
    for index, point in enumerate(points):
        told = replace(budget, report=_shared(budget.report, index, len(points)))
        prepared: Prepared = by_setting[_key(point["setting"])]
        was_interrupted = point["interrupted"]
        predict(point, prepared, False if data["interrupted"] else uncertainty, told)
        if point["interrupted"] and not was_interrupted:
            data["interrupted"] = True
    data["trust"] = farthest([point["trust"] for point in points])
    data["uncertainty"] = points[0]["uncertainty"] and {
        key: points[0]["uncertainty"][key] for key in ("level", "draws", "method", "discrepancy")
    }


def _key(setting: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(setting.items()))


def _shared(report: Report | None, index: int, count: int) -> Report | None:
    """Return who is told of one point's draws as a part of all of them."""
    if report is None:
        return None

    def told(progress: Progress) -> bool | None:
        fraction = (index + progress.fraction) / count
        return report(Progress(progress.stage, index, count, fraction))

    return told

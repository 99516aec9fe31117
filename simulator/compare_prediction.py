"""Adds to a comparison what calibration leaves open of each difference.

Each draw of the parameters is played by all systems with the same random numbers, so that a difference has its own
spread over the draws; most of what is open of the systems themselves is common to them and falls out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from simulator import warnings as notes
from simulator.arms import Arm
from simulator.engines import choose
from simulator.limits.trials import Laboratory
from simulator.measures import STANDARD_PERCENTS
from simulator.parameter_trials import DrawnMeasures, drawn_measures, draws_of
from simulator.prediction import BUDGET_SHARE, METHOD, Budget, window_of
from simulator.statistics import CONFIDENCE, student_t
from simulator.trust_zone import farthest, trust_zone
from simulator.uncertainty import LEVEL, Leeway, shifts

EFFECT_ERROR: Final = 0.15
"""Standard deviation of the model's error in a difference, relative to it: what-ifs are to be right within 30 %."""


def predict_comparison(data: dict[str, Any], arms: Sequence[Arm], wanted: bool | None, budget: Budget) -> None:
    """Add the trust zone to a comparison, and where all its systems have the same draws, the predictions.

    wanted: False: no draws; else where they are there.
    """
    bases = [arm.prepared.base for arm in arms]
    calibrations = [None if base is None else base.calibration for base in bases]
    zones = [trust_zone(arm.prepared.scenario, one) for arm, one in zip(arms, calibrations, strict=True)]
    data["trust"] = farthest(zones)
    data["uncertainty"] = None
    draws = [draws_of(arm.prepared, budget.most_draws, wanted) for arm in arms]
    if any(one is None for one in draws):
        if any(one is not None and one.workload for one in calibrations):
            data["arms"][0]["warnings"] += notes.simulation_alone(wanted is False)
        return
    engine = choose(budget.engine)[0] if isinstance(budget.engine, str) else budget.engine
    first = arms[0].prepared
    laboratory = Laboratory(engine, data["seed"], STANDARD_PERCENTS, budget.threads, first.directory, budget.report)
    measured = []
    for arm, result, one in zip(arms, data["arms"], draws, strict=True):
        if one is None:
            return
        operations = BUDGET_SHARE * engine.operations / len(arms) / (len(one.positions) + 1)
        window, replications = window_of(result, arm.prepared.scenario, operations)
        measured.append((one, arm.prepared.scenario, window, replications))
    # One window for all, as in the comparison: the same draws must meet the same moments.
    window = max((entry[2] for entry in measured), key=lambda one: one.duration_ns)
    replications = min(entry[3] for entry in measured)
    found = [
        drawn_measures(laboratory, scenario, one.scenarios(), window, replications) for one, scenario, _, _ in measured
    ]
    for row, other in zip(data["differences"], found[1:], strict=True):
        _add(row["metrics"], found[0], other, data)
    one = measured[0][0]
    data["uncertainty"] = {
        "level": LEVEL,
        "draws": len(one.positions),
        "method": METHOD,
        "effect_error": EFFECT_ERROR,
    }


def _add(metrics: dict[str, Any], first: DrawnMeasures, second: DrawnMeasures, data: Mapping[str, Any]) -> None:
    """Add the prediction of each difference, relative and as it stands, and whether its direction is sure."""
    closed = all(workload["kind"] == "closed" for workload in data["arms"][0]["scenario"]["workloads"])
    for name, metric in metrics.items():
        measure = "started_per_s" if name == "throughput_per_s" and closed else name
        before, after = metric["before"], metric["relative"]["value"]
        metric["relative"]["prediction"] = metric["difference"]["prediction"] = None
        metric["direction_sure"] = None
        if not before or after is None or measure not in first.base[0]:
            continue
        base = _relative(first.base, second.base, measure)
        drawn = [_relative(*rows, measure) for rows in zip(first.drawn, second.drawn, strict=True)]
        spread = shifts(base, drawn, ratio=False)
        if spread is None:
            continue
        half_width, count = metric["relative"]["half_width"], data["replications"]
        known = half_width is not None and count > 1
        error = half_width / student_t(CONFIDENCE, count - 1) if known else spread.noise
        low, high = Leeway(
            after, error, count - 1 if known else 0, spread, EFFECT_ERROR, (-math.inf, math.inf)
        ).interval()
        metric["relative"]["prediction"] = [low, high]
        metric["difference"]["prediction"] = sorted([low * before, high * before])
        metric["direction_sure"] = low > 0 or high < 0


def _relative(before: Sequence[Mapping[str, float]], after: Sequence[Mapping[str, float]], name: str) -> list[float]:
    """Return by how much a measure changes in each replication, relative to what it was."""
    return [b[name] / a[name] - 1 if a[name] else math.nan for a, b in zip(before, after, strict=True)]

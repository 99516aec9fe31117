"""What the answer of a run stands on: without a profile one line, else also the draws of its parameters."""

from __future__ import annotations

from typing import Any

from simulator.replications import Report
from simulator.scenario_source import Prepared
from simulator.trust_zone import trust_zone


def add_standing(
    data: dict[str, Any], prepared: Prepared, uncertainty: bool | None, engine: str, report: Report
) -> None:
    """Add what `simulator.prediction.predict` adds to the data of a run, and load that only where a profile is used."""
    if prepared.base is None:
        data["trust"] = trust_zone(prepared.scenario, None)
        data["uncertainty"] = None
        return
    from simulator.prediction import Budget, predict

    predict(data, prepared, uncertainty, Budget(engine, report=report))

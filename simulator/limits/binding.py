"""What binds at a limit: the criterion that breaks next, and the resource that makes it break."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from simulator.assembly import estimates
from simulator.bottleneck import bottleneck, place
from simulator.limits.criteria import Criterion
from simulator.limits.trials import Trial

KIND_OF_CAUSE: Final = {
    "working": "cpu",
    "waiting_for_core": "cpu",
    "waking": "cpu",
    "throttled_or_paused": "cpu",
    "waiting_for_memory": "memory",
    "in_batch": "batcher",
    "waiting_for_lock": "lock",
    "waiting_for_token": "pool",
    "waiting_for_worker": "workers",
    "waiting_for_link": "link",
    "on_link": "link",
    "hop_and_dispatch": "balancer",
}
"""The kind of station behind each cause of time."""
OF_CPU: Final = ("cpu_headroom", "cpu_utilization")
OF_MEMORY: Final = ("memory_headroom", "memory")
OF_TIME: Final = ("response_time", "slowdown", "efficiency", "throughput", "goodput")

Data = Mapping[str, Any]


def result_data(trial: Trial) -> dict[str, Any]:
    """Return a trial's estimates as they stand in a result, with its bottleneck."""
    data = estimates(trial.totals, None)
    data["bottleneck"] = bottleneck(data, trial.scenario)
    return data


def resource(criterion: Criterion, data: Data, empty: Data | None) -> dict[str, Any]:
    """Return the resource behind a criterion: its name, its utilization and why it is that one.

    For times it is the busiest station of the kind at which operations wait longer than in the nearly empty
    system; for cores and memory the fullest.

    data: of a trial at the limit. empty: of the nearly empty system.
    """
    if criterion.metric in OF_CPU:
        return _busiest(data, "cpu", "its cores are the busiest")
    if criterion.metric in OF_MEMORY:
        return _busiest(data, "memory", "its memory is the fullest")
    if criterion.metric in OF_TIME and empty is not None:
        grown = _grown(data, empty)
        if grown is not None:
            cause, more_s = grown
            why = f"{cause.replace('_', ' ')} takes {more_s * 1e3:.3g} ms more than in the nearly empty system"
            return _busiest(data, KIND_OF_CAUSE.get(cause, ""), why, cause.replace("_", " "))
    return _binding(data)


def busiest(data: Data) -> str:
    """Return the name of what binds, or else of what would be full next."""
    return str(_binding(data)["name"])


def _binding(data: Data) -> dict[str, Any]:
    binds = data["bottleneck"]
    if binds["station"] is None and binds["next"] is not None:
        ahead = binds["next"]
        return {"name": ahead["name"], "utilization": ahead["utilization"], "why": "it is the busiest station"}
    return {"name": binds["name"], "utilization": binds["utilization"], "why": binds["why"]}


def _grown(data: Data, empty: Data) -> tuple[str, float] | None:
    """Return the cause whose mean time grew most since the system was empty, and by how much [s]."""
    if data["causes"] is None or empty["causes"] is None:
        return None
    before, now = empty["causes"]["all"], data["causes"]["all"]
    cause = max(now, key=lambda name: now[name] - before[name])
    more_s = now[cause] - before[cause]
    return (cause, more_s) if more_s > 0 else None


def _busiest(data: Data, kind: str, why: str, otherwise: str = "no resource") -> dict[str, Any]:
    """Return the busiest station of a kind; `otherwise` where no station stands behind it."""
    of_kind = [station for station in data["stations"] if station["kind"] == kind]
    station = max(of_kind, key=lambda one: one["utilization"]["value"] or 0.0, default=None)
    if station is None:
        return {"name": otherwise, "utilization": None, "why": why}
    return {"name": place(station), "utilization": station["utilization"]["value"], "why": why}

"""What a profile says about a service's cores, as fields of a scenario's service."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from calibration.profile import Profile
from models.units import TIME

_TIMES: Final = (
    ("scheduler.context_switch", "context_switch"),
    ("wakeup.cpu", "wakeup"),
    ("idle.exit", "idle_exit"),
)
_SCHEDULER_TIMES: Final = (
    ("scheduler.tick", "tick"),
    ("placement.balance_interval", "balance_interval"),
)
_SCHEDULER_CHANCES: Final = (
    ("placement.idle_search", "idle_search"),
    ("placement.idle_steal", "idle_steal"),
)
PREEMPTING: Final = 0.4
"""Share of wake-ups that preempt from which on tasks are protected until parity: 0.9 by the rules, else none."""
KINDS: Final = ("compute", "cache", "memory")


def service_fields(profile: Profile, *, cores: int, kind: str = "compute", draw: int | None = None) -> dict[str, Any]:
    """Return fields of a service on so many of the profile's cores, ready for a scenario's table.

    kind: which slowdown curve fits its work: compute, cache or memory. draw: position of a bootstrap draw; None: the
    estimates. What the profile does not know is left out, so that the scenario's default stands. The base slice is
    given only for as many cores as the host has: with others the kernel computes another one, as "auto" does.

    Raises ValueError for an unknown kind.
    """
    if kind not in KINDS:
        raise ValueError(f"found {kind!r}; accepted: {', '.join(KINDS)}")
    values = profile.values(draw)
    fields: dict[str, Any] = {"cores": cores}
    for name, field in _TIMES:
        if name in values:
            fields[field] = _time(values[name])
    linux: dict[str, Any] = {}
    for name, field in _SCHEDULER_TIMES:
        if name in values:
            linux[field] = _time(max(values[name], 1e-9))
    for name, field in _SCHEDULER_CHANCES:
        if name in values:
            linux[field] = min(1.0, max(0.0, values[name]))
    if "scheduler.preempting_wakeups" in values:
        linux["protected_until"] = protected_until(values)
    if "scheduler.base_slice" in values and cores == profile.host.usable:
        linux["base_slice"] = _time(max(values["scheduler.base_slice"], 1e-9))
    if linux and profile.host.system == "Linux":
        fields["linux"] = linux
    fields["speed_by_busy"] = speed_by_busy(values, kind, cores)
    if profile.host.threads_per_core == 2 and cores % 2 == 0:
        fields["threads_per_core"] = 2
        if "core.smt_gain" in values:
            fields["smt_speedup"] = min(2.0, max(0.1, values["core.smt_gain"]))
    return fields


def protected_until(values: Mapping[str, float]) -> str:
    """Return how long running tasks are protected from those that wake: until the deadline where not measured."""
    return "parity" if values.get("scheduler.preempting_wakeups", 0.0) >= PREEMPTING else "deadline"


def speed_by_busy(values: dict[str, float], kind: str, cores: int) -> list[float]:
    """Return the speed of each busy core with 1 to `cores` busy; between measured counts a straight line.

    Beyond the last measured count the last speed holds on.
    """
    pattern = re.compile(rf"speed\.{kind}\.busy_(\d+)")
    points = {
        1: 1.0,
        **{int(match[1]): value for name, value in values.items() if (match := pattern.fullmatch(name))},
    }
    known = sorted(points)
    speeds = []
    for busy in range(1, cores + 1):
        below = max(count for count in known if count <= busy)
        above = min((count for count in known if count >= busy), default=below)
        share = (busy - below) / (above - below) if above > below else 0.0
        speed = points[below] + share * (points[above] - points[below])
        speeds.append(round(min(16.0, max(0.001, speed)), 6))
    return speeds


def _time(seconds: float) -> str:
    return TIME.print(max(0, round(seconds * 1e9)))

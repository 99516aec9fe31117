"""The structures and what each was fitted to; their numbers stand in `fitted.json`, which `fit.py` writes.

`polling`: what a message costs is work, and the rest of the gauge, flushing, need not be: a flush takes all that waits.
`gauge_true`: the same numbers, but a flush takes so many messages at most (`flush_limit`), so that the work of one
cannot fall much further: the cores are as full as the gauge says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from examples.orchestrator_hub.figures import FITTED, HERE, PREDICTED, levels
from examples.orchestrator_hub.start import CORES, start
from examples.orchestrator_hub.structure import Hub

LOWER: Final = FITTED
ALL: Final = (*FITTED, PREDICTED)
SEARCHED: Final = {"polling_lower": LOWER, "polling": ALL}
"""By name of the scenario file that a search makes: the levels that it was fitted to."""
GAUGE_OF: Final = {"gauge_true_lower": "polling_lower", "gauge_true": "polling"}
"""The scenarios in which the gauge is true, and whose numbers they have."""
FITS: Final = SEARCHED | {name: SEARCHED[of] for name, of in GAUGE_OF.items()}
FOUND: Final[dict[str, dict[str, Any]]] = {
    "polling_lower": {
        "busy": 6, "quiet": 9, "quiet_share": 0.0371, "fall": 2.12, "flush_ms": 6.41, "poll_ms": 12.5,
        "idle_steal": 0.58, "first_ms": 6.04, "first_cv": 2.49, "agent_ms": 6.16, "agent_cv": 2.48, "again": 0.154,
    },
    "polling": {
        "busy": 6, "quiet": 9, "quiet_share": 0.0225, "fall": 1.05, "flush_ms": 7.5, "poll_ms": 12.8,
        "idle_steal": 0.45, "network_ms": 0.6, "first_ms": 7.0, "first_cv": 3.1, "agent_ms": 4.2, "agent_cv": 1.8,
        "again": 0.13, "think_ms": 300.0, "concurrency": 303,
    },
}  # fmt: skip
"""Where a search begins unless told to begin anew. `polling_lower`: some 25 evaluations of least squares on its own
levels, averaged and rounded by hand, with the fewest quiet connections of those tried with which all figures of these
levels are inside. `polling`: adjusted by hand with all levels in view."""
STRUCTURES: Final = ("polling", "gauge_true")
NUMBERS: Final = HERE / "fitted.json"


def begin(name: str, anew: bool = False) -> Hub:
    """Return where the search for a scenario's numbers begins; anew: from what the laws say alone."""
    first = start(SEARCHED[name])
    return first if anew else replace(first, **FOUND[name])


def with_true_gauge(hub: Hub, at: Sequence[int]) -> Hub:
    """Return the hub in which a flush takes no more messages than the gauge at the highest of its levels allows.

    Full cores would serve that level's throughput divided by its utilization. What they do then beside the rounds goes
    to flushes, of which each connection gets as many; a busy one's share of the rounds must go with these.
    """
    level = levels()[max(at)]
    rounds_per_s = level["throughput_per_s"] / (level["cpu_pct"] / 100.0) * hub.rounds()
    flushing = CORES - rounds_per_s * hub.demand_ms * 1e-3
    flushes_per_s = flushing / (hub.flush_ms * 1e-3) / (hub.busy + hub.quiet)
    return replace(hub, flush_limit=round(rounds_per_s * (1.0 - hub.quiet_share) / hub.busy / flushes_per_s))


def hubs() -> dict[str, Hub]:
    """Return the fitted hubs by the name of their scenario file."""
    held: dict[str, dict[str, Any]] = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    return {name: Hub(**numbers) for name, numbers in held.items()}


def write_hub(name: str, hub: Hub) -> None:
    """Put a hub's numbers into `fitted.json`."""
    held = {other: known.numbers() for other, known in hubs().items()} | {name: hub.numbers()}
    NUMBERS.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")

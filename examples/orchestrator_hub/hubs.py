"""The structures and what each was fitted to; their numbers stand in `fitted.json`, which `fit.py` writes.

Both are one structure with another CPU demand of a message. `polling`: sending and receiving 10 kB, and nothing else of
the gauge is work. `gauge_true`: what the gauge says that a further message costs between 10 and 20 processes, 45 us,
in 1.3 rounds.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, Final

from examples.orchestrator_hub.figures import FITTED, HERE, PREDICTED
from examples.orchestrator_hub.start import start
from examples.orchestrator_hub.structure import Hub

DEMAND_MS: Final = {"polling": 0.010, "gauge_true": 0.035}
"""CPU of a round: assumed, because the levels do not tell the two apart."""
LOWER: Final = FITTED
ALL: Final = (*FITTED, PREDICTED)
FITS: Final = {
    "polling_lower": ("polling", LOWER),
    "gauge_true_lower": ("gauge_true", LOWER),
    "polling": ("polling", ALL),
    "gauge_true": ("gauge_true", ALL),
}
"""By name of the scenario file: structure, and the levels that it was fitted to."""
PARTS: Final = (0.5, 0.75, 1.0)
"""Of the connections that `start.py` counts, with which a search is begun; the best fit to its own levels is taken."""
EARLIER: Final[dict[str, Any]] = {
    "busy": 6, "quiet": 7, "quiet_share": 0.0175, "fall": 1.4, "flush_ms": 7.8, "poll_ms": 13.7, "network_ms": 0.8,
    "first_ms": 3.4, "first_cv": 2.4, "agent_ms": 3.3, "agent_cv": 2.4, "again": 0.27, "fading": 0.82,
}  # fmt: skip
"""Found by an earlier search with all levels in view: where the fits to all of them begin, and those alone."""
STRUCTURES: Final = tuple(DEMAND_MS)
NUMBERS: Final = HERE / "fitted.json"


def starts(name: str) -> list[Hub]:
    """Return where the search for a scenario's numbers begins."""
    structure, at = FITS[name]
    if at == LOWER:
        return [start(at, DEMAND_MS[structure], part) for part in PARTS]
    return [replace(start(at, DEMAND_MS[structure]), **EARLIER)]


def hubs() -> dict[str, Hub]:
    """Return the fitted hubs by the name of their scenario file."""
    held: dict[str, dict[str, Any]] = json.loads(NUMBERS.read_text(encoding="utf-8")) if NUMBERS.exists() else {}
    return {name: Hub(**numbers) for name, numbers in held.items()}


def write_hub(name: str, hub: Hub) -> None:
    """Put a hub's numbers into `fitted.json`."""
    held = {other: known.numbers() for other, known in hubs().items()} | {name: hub.numbers()}
    NUMBERS.write_text(json.dumps(held, indent=1, sort_keys=True) + "\n", encoding="utf-8")

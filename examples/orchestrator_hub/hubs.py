"""The two structures that fit the report's levels, as numbers."""

from __future__ import annotations

from typing import Final

from examples.orchestrator_hub.structure import Hub

POLLING: Final = Hub(
    busy=8,
    quiet=12,
    quiet_share=0.05,
    fall=2.0,
    flush_ms=3.2,
    poll_ms=10.5,
    demand_ms=0.022,
    network_mb_per_s=3000,
    network_ms=2.0,
    first_ms=6.0,
    first_cv=1.5,
    agent_ms=8.0,
    agent_cv=1.2,
    again=0.3,
    fading=0.75,
)
GAUGE_TRUE: Final = Hub(
    busy=8,
    quiet=12,
    quiet_share=0.03,
    fall=2.0,
    flush_ms=2.8,
    poll_ms=10.5,
    demand_ms=0.06,
    network_mb_per_s=3000,
    network_ms=2.0,
    first_ms=6.0,
    first_cv=1.5,
    agent_ms=8.0,
    agent_cv=1.2,
    again=0.3,
    fading=0.75,
)
STRUCTURES: Final = {"polling": POLLING, "gauge_true": GAUGE_TRUE}

"""The two structures, as numbers: what is common to all loads.

Of these `polling` fits the levels; `gauge_true` gives the operations themselves the CPU that the gauge shows at 50
processes (62 us of work and what flushes cost) and then fits the percentiles of the middle levels less well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from examples.orchestrator_hub.structure import Hub

POLLING: Final = Hub(
    busy=6,
    quiet=7,
    quiet_share=0.0175,
    fall=1.4,
    flush_ms=7.8,
    poll_ms=13.7,
    demand_ms=0.013,
    network_mb_per_s=3000,
    network_ms=0.8,
    first_ms=3.4,
    first_cv=2.4,
    agent_ms=3.3,
    agent_cv=2.4,
    again=0.27,
    fading=0.82,
    timeout_ms=320.0,
)
GAUGE_TRUE: Final = replace(
    POLLING, quiet=4, quiet_share=0.012, demand_ms=0.045, flush_ms=6.0, poll_ms=10.5, agent_ms=6.5, first_ms=6.0
)
STRUCTURES: Final = {"polling": POLLING, "gauge_true": GAUGE_TRUE}

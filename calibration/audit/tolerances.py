"""How far figures may be apart before the audit speaks: rounding as printed, plus what measurements do."""

from __future__ import annotations

from typing import Final

from calibration.levels import Level
from simulator.measures import percent_of

MEASUREMENT: Final = 0.025
"""Relative: counting begins and ends within operations, and gauges are sampled. A law must be kept this well
by the levels that are taken as witnesses."""

ODD: Final = 0.055
"""Relative: a level is accused only when it is this far from where the other levels put it."""

ARITHMETIC: Final = 0.005
"""Relative: what is computed from printed figures may have been computed from others before rounding."""

LONE_ROUNDING: Final = 1.0
"""Share of the rounding that is allowed on top: 1 for the worst case."""


TAIL_NOISE: Final = 0.25
"""Power of the operations beyond p90 over those beyond a percentile, by which its sampling noise grows: between
0 of a narrow and 0.5 of a heavy tail."""


def sampling_factor(name: str) -> float:
    """Return how much more a statistic varies from sample to sample than a median: tails rest on few operations."""
    percent = 50.0 if name == "mean_s" else percent_of(name)
    return float(max(1.0, (10.0 / max(100.0 - percent, 0.1)) ** TAIL_NOISE))


def rounding_of(level: Level, *names: str) -> float:
    """Return the relative rounding of a product or quotient of figures of a level."""
    return LONE_ROUNDING * sum(level.relative_rounding(name) for name in names)

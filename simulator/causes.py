"""Where the time went: mean time by cause over all operations, the slowest and those around the median."""

from __future__ import annotations

import re
from typing import Any, Final

import numpy as np

from models.records import CAUSE_NAMES
from models.units import NS_PER_S
from simulator.histogram import percentile_bins
from simulator.measures import percentile_name
from simulator.output import Integers, used_bins

MEDIAN_FROM: Final = 45.0  # percentiles between which an operation counts as an ordinary one
MEDIAN_TO: Final = 55.0


def parse_percentile(text: str) -> float:
    """Read what `--explain` takes, such as "p99" or "p99.9". Raises ValueError."""
    match = re.fullmatch(r"p?(\d+(?:\.\d+)?)", text.strip())
    if text.strip() == "p999":
        return 99.9
    if match is None or not 0 < float(match[1]) < 100:
        raise ValueError(f"explain: found {text!r}; accepted: a percentile such as p99 or p99.9")
    return float(match[1])


def causes_by_group(histogram: Integers, causes_ns: Integers, percent: float | None) -> dict[str, Any] | None:
    """Return the mean time by cause [s] of each group of operations; None if nothing completed.

    The groups are "all" and, where a percentile is to be explained, "explained" (operations in the bins at or
    above it) beside "median" (p45 to p55). "operations" has the size of each group.

    histogram: of all completed operations, shape [BINS]. causes_ns: sums by bin, shape [BINS, CAUSES].
    percent: the percentile to explain, or None.
    """
    if not histogram.any():
        return None
    groups = {"all": used_bins(histogram)}
    if percent is not None:
        low, high, from_bin = percentile_bins(histogram, (MEDIAN_FROM, MEDIAN_TO, percent)).tolist()
        groups["median"] = slice(low, high + 1)
        groups["explained"] = slice(from_bin, groups["all"].stop)
    answer: dict[str, Any] = {name: _means(histogram[chosen], causes_ns[chosen]) for name, chosen in groups.items()}
    answer["operations"] = {name: int(histogram[chosen].sum()) for name, chosen in groups.items()}
    answer["percentile"] = None if percent is None else percentile_name(percent)
    return answer


def _means(histogram: Integers, causes_ns: Integers) -> dict[str, float]:
    operations = int(histogram.sum())
    sums_ns = np.sum(causes_ns, axis=0)
    return {name: int(sums_ns[cause]) / operations / NS_PER_S for cause, name in enumerate(CAUSE_NAMES)}

"""Small integer and floating-point rules that both engines must apply to the bit."""

from __future__ import annotations

import math
from typing import Any, Final

from models.compiled import shared

SPEED_BITS: Final = 20
SPEED_ONE: Final = 1 << SPEED_BITS
"""Speed of an undisturbed core: work units (2^-20 ns) per nanosecond."""

LOOK_NS: Final = 1
"""CPU of a look at whether a client is ready again: a moment at which others may take the core, and no work."""

UTILIZATION_HALF_LIFE_NS: Final = 32_000_000
"""Half-life of the utilization average that the idle search looks at (the kernel's per-entity load tracking)."""


@shared("int64(int64, int64)")
def time_for_work(work: int, speed: int) -> int:
    """Return the nanoseconds, rounded up, that ``work`` units take at ``speed`` units per nanosecond."""
    return -((-work) // speed)


@shared("int64(int64, float64)")
def transfer_ns(size_bytes: int, bandwidth_bytes_per_s: float) -> int:
    """Return the time that a link's channel takes for ``size_bytes``, rounded to the nearest nanosecond."""
    return int(size_bytes * 1e9 / bandwidth_bytes_per_s + 0.5)


@shared("float64(float64, int64)")
def power(base: float, exponent: int) -> float:
    """Return a power with an exponent of at least 0 by squaring, which rounds alike wherever it is computed."""
    result = 1.0
    while exponent > 0:
        if exponent & 1:
            result *= base
        base *= base
        exponent >>= 1
    return result


@shared("int64(int64, float64, int64, int64)")
def backoff_ns(base_ns: int, multiplier: float, cap_ns: int, attempt: int) -> int:
    """Return the backoff after attempt number ``attempt`` (from 1), before jitter; ``cap_ns`` below 0: no cap."""
    value = base_ns * power(multiplier, attempt - 1)
    limit = float(cap_ns) if cap_ns >= 0 else 4.6e18
    return int(min(limit, value) + 0.5)


@shared("int64(int64, float64)")
def scaled_ns(value_ns: int, factor: float) -> int:
    """Return a time scaled by a factor, rounded to the nearest nanosecond."""
    return int(value_ns * factor + 0.5)


@shared("int64(int64, int64)")
def search_passes(cores: int, utilization_q20: int) -> int:
    """Return 1 if a waking task may look for an idle core: floor(n (1 - (1.17 u)^2)) >= 1.

    The rule of the kernel's ``SIS_UTIL`` (Linux 5.19, Abel Wu and Chen Yu 2022), in integers; ``utilization_q20`` is
    the host's average utilization in units of 2^-20.
    """
    scaled = (117 * utilization_q20) // 100
    left = (cores << 40) - cores * scaled * scaled
    return 1 if left >= (1 << 40) else 0


@shared("int64(int64, int64, int64)")
def averaged_utilization(before_q20: int, busy_q20: int, interval_ns: int) -> int:
    """Return the utilization average after an interval in which a share ``busy_q20`` (units of 2^-20) was busy."""
    keep = math.exp(-math.log(2.0) * interval_ns / UTILIZATION_HALF_LIFE_NS)
    return int(before_q20 * keep + busy_q20 * (1.0 - keep) + 0.5)


@shared("int64(int64[:, ::1], int64, int64, int64, int64)")
def arrival_after(phases: Any, first: int, count: int, start_ns: int, gap_ns: int) -> int:
    """Return the time at which a source that was at ``start_ns`` has lived through ``gap_ns`` of scaled time.

    ``phases`` rows are (start_ns, factor in units of 2^-20); within a phase the source's time runs ``factor`` times
    as fast, which makes a Poisson process one of ``factor`` times the rate (time rescaling, Papangelou 1972). Without
    phases (count 0) it runs at speed 1. Returns -1 if the last phase has factor 0 and the gap never ends.
    """
    if count == 0:
        return start_ns + gap_ns
    index = first
    while index + 1 < first + count and phases[index + 1, 0] <= start_ns:
        index += 1
    now = start_ns
    left = float(gap_ns) * SPEED_ONE
    while True:
        factor = float(phases[index, 1])
        last = index + 1 == first + count
        if last and factor == 0.0:
            return -1
        if not last:
            room = (phases[index + 1, 0] - now) * factor
            if left >= room:
                left -= room
                now = phases[index + 1, 0]
                index += 1
                continue
        return int(now + int(left / factor + 0.5))


@shared("int64(float64[::1], int64, int64, float64)")
def pick_by_weight(cumulative: Any, first: int, count: int, u: float) -> int:
    """Return the position (from 0) whose cumulative share is the first above ``u``."""
    for position in range(count - 1):
        if u < cumulative[first + position]:
            return position
    return count - 1

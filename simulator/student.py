"""Student's t distribution for whole degrees of freedom, which has a closed form.

SciPy has it too, but takes longer to load than a whole run needs; the tests hold this against it.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Final

_CLOSE: Final = 1e-15
_MOST_STEPS: Final = 200


def cumulative(degrees: int, value: float) -> float:
    """Return the probability of at most a value.

    The finite sums of Abramowitz and Stegun (1964), 26.7.3 and 26.7.4. degrees: at least 1.
    """
    if math.isinf(value):
        return 1.0 if value > 0 else 0.0
    angle = math.atan2(value, math.sqrt(degrees))
    sine, square = math.sin(angle), math.cos(angle) ** 2
    odd = degrees % 2
    term = math.cos(angle) if odd else 1.0
    total = 0.0
    for power in range(2 + odd, degrees + 1, 2):
        total += term
        term *= square * (power - 1) / power
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return 0.5 + inside / 2


@cache
def quantile(degrees: int, probability: float) -> float:
    """Return the value with a probability of at most it. probability: from 0.5 to below 1.

    Newton's method from 0: the distribution function is concave above it, so that every step stays below the
    solution and none is lost.
    """
    if not 0.5 <= probability < 1:
        raise ValueError(f"probability: found {probability}; accepted: from 0.5 to below 1")
    half = degrees / 2
    scale = math.exp(math.lgamma(half + 0.5) - math.lgamma(half)) / math.sqrt(degrees * math.pi)
    value = 0.0
    for _ in range(_MOST_STEPS):
        density = scale * (1 + value * value / degrees) ** (-half - 0.5)
        step = (probability - cumulative(degrees, value)) / density
        value += step
        if abs(step) <= _CLOSE * abs(value):
            break
    return value

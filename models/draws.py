"""Random draws as pure functions of their coordinates.

A draw never depends on the order of events: it is a hash of where it belongs. For what belongs to an operation the
coordinates are (seed, replication, workload, process, slot, operation, attempt, stage, index); for decisions of the
system (searches, steals, policies, pauses) they are (seed, replication, kind, owner, the owner's decision counter).
Both engines, and every what-if, therefore see the same numbers: common random numbers come free.

The hash is the finalizer of SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators",
variant 13 of Stafford) applied to a Weyl sequence per level of the coordinates.
"""

from __future__ import annotations

import math
from typing import Any, Final

from models.compiled import MASK64, shared, to_uint64
from models.logarithm import minus_log

# Kinds of distribution, as the compiled scenario numbers them.
CONSTANT: Final = 0
UNIFORM: Final = 1
EXPONENTIAL: Final = 2
ERLANG: Final = 3
GAMMA: Final = 4
LOGNORMAL: Final = 5
HYPEREXPONENTIAL: Final = 6
WEIBULL: Final = 7
PARETO: Final = 8
EMPIRICAL: Final = 9

KIND_CODES: Final = {
    "constant": CONSTANT,
    "uniform": UNIFORM,
    "exponential": EXPONENTIAL,
    "erlang": ERLANG,
    "gamma": GAMMA,
    "lognormal": LOGNORMAL,
    "hyperexponential": HYPEREXPONENTIAL,
    "weibull": WEIBULL,
    "pareto": PARETO,
    "empirical": EMPIRICAL,
}

# Stage coordinates of draws that belong to an operation but to none of its stages.
STAGE_THINK: Final = 0
STAGE_FIRST_THINK: Final = 1
STAGE_OPERATION_KIND: Final = 2
STAGE_TIMEOUT: Final = 3
STAGE_BACKOFF: Final = 4
STAGE_INTERARRIVAL: Final = 5
FIRST_STAGE: Final = 8  # stages of the operation's tree count from here

WHICH_LOCK: Final = 1 << 15  # index of the draw that chooses one of several locks, beside the draws of its hold
CONFLICTS: Final = 1  # index of the draw for a conflict, beside that of a failure

# Kinds of decision draws.
DECISION_SEARCH: Final = 1  # owner: host
DECISION_STEAL: Final = 2  # owner: host
DECISION_POLICY: Final = 3  # owner: service
DECISION_PAUSE: Final = 4  # owner: pause
DECISION_STRAY: Final = 5  # owner: host

_WEYL_OPERATION: Final = 0x9E3779B97F4A7C15
_WEYL_DRAW: Final = 0xD1342543DE82EF95
_MIX_1: Final = 0xBF58476D1CE4E5B9
_MIX_2: Final = 0x94D049BB133111EB
_TO_UNIT: Final = 1.1102230246251565e-16  # 2^-53


@shared("uint64(uint64)")
def mix(value: Any) -> Any:
    """Return a bijective scramble of an unsigned 64-bit value."""
    value = ((value ^ (value >> to_uint64(30))) * to_uint64(_MIX_1)) & to_uint64(MASK64)
    value = ((value ^ (value >> to_uint64(27))) * to_uint64(_MIX_2)) & to_uint64(MASK64)
    return value ^ (value >> to_uint64(31))


@shared("uint64(uint64, int64)")
def chain(key: Any, coordinate: int) -> Any:
    """Return the key of one level further down: ``coordinate`` below ``key``."""
    return mix((key + (to_uint64(coordinate) + to_uint64(1)) * to_uint64(_WEYL_OPERATION)) & to_uint64(MASK64))


@shared("uint64(int64, int64)")
def run_key(seed: int, replication: int) -> Any:
    """Return the key of one replication."""
    return chain(chain(to_uint64(0), seed), replication)


@shared("uint64(uint64, int64, int64, int64)")
def source_key(key: Any, workload: int, process: int, slot: int) -> Any:
    """Return the key of a closed user (process, slot) or of an open workload's process (slot 0)."""
    return chain(chain(chain(key, workload), process), slot)


@shared("uint64(uint64, int64, int64)")
def decision_key(key: Any, kind: int, owner: int) -> Any:
    """Return the key of an owner's decisions; draw number ``counter`` of it is ``uniform(key, counter)``."""
    return chain(chain(chain(key, 1 << 32), kind), owner)


@shared("int64(int64, int64, int64)")
def coordinate(attempt: int, stage: int, index: int) -> int:
    """Pack (attempt, stage, index) into one number below 2^63."""
    return (attempt << 40) | (stage << 16) | index


@shared("uint64(uint64, int64)")
def _bits(key: Any, position: int) -> Any:
    """Return 64 random bits at a position below an operation's or owner's key."""
    return mix((key + (to_uint64(position) + to_uint64(1)) * to_uint64(_WEYL_DRAW)) & to_uint64(MASK64))


@shared("float64(uint64, int64)")
def uniform(key: Any, position: int) -> float:
    """Return a uniform draw in (0, 1) at a position below an operation's or owner's key."""
    return (float(_bits(key, position) >> to_uint64(11)) + 0.5) * _TO_UNIT


@shared("float64(uint64, int64)")
def exponential(key: Any, position: int) -> float:
    """Return an exponential draw of mean 1: -log of the uniform one, before that is rounded to 53 bits."""
    return minus_log((_bits(key, position) >> to_uint64(10)) | to_uint64(1))


@shared("float64(float64)")
def inverse_normal(p: float) -> float:  # noqa: PLR0915 - one polynomial a line
    """Return the standard normal quantile of p (Wichura 1988, algorithm AS 241, relative error 1e-16)."""
    q = p - 0.5
    if abs(q) <= 0.425:
        r = 0.180625 - q * q
        numerator = 2509.0809287301226727 * r + 33430.575583588128105
        numerator = numerator * r + 67265.770927008700853
        numerator = numerator * r + 45921.953931549871457
        numerator = numerator * r + 13731.693765509461125
        numerator = numerator * r + 1971.5909503065514427
        numerator = numerator * r + 133.14166789178437745
        numerator = numerator * r + 3.387132872796366608
        denominator = 5226.495278852854561 * r + 28729.085735721942674
        denominator = denominator * r + 39307.89580009271061
        denominator = denominator * r + 21213.794301586595867
        denominator = denominator * r + 5394.1960214247511077
        denominator = denominator * r + 687.1870074920579083
        denominator = denominator * r + 42.313330701600911252
        denominator = denominator * r + 1.0
        return q * numerator / denominator
    r = p if q < 0.0 else 1.0 - p
    r = math.sqrt(-math.log(r))
    if r <= 5.0:
        r -= 1.6
        numerator = 7.7454501427834140764e-4 * r + 0.0227238449892691845833
        numerator = numerator * r + 0.24178072517745061177
        numerator = numerator * r + 1.27045825245236838258
        numerator = numerator * r + 3.64784832476320460504
        numerator = numerator * r + 5.7694972214606914055
        numerator = numerator * r + 4.6303378461565452959
        numerator = numerator * r + 1.42343711074968357734
        denominator = 1.05075007164441684324e-9 * r + 5.475938084995344946e-4
        denominator = denominator * r + 0.0151986665636164571966
        denominator = denominator * r + 0.14810397642748007459
        denominator = denominator * r + 0.68976733498510000455
        denominator = denominator * r + 1.6763848301838038494
        denominator = denominator * r + 2.05319162663775882187
        denominator = denominator * r + 1.0
    else:
        r -= 5.0
        numerator = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        numerator = numerator * r + 0.0012426609473880784386
        numerator = numerator * r + 0.026532189526576123093
        numerator = numerator * r + 0.29656057182850489123
        numerator = numerator * r + 1.7848265399172913358
        numerator = numerator * r + 5.4637849111641143699
        numerator = numerator * r + 6.6579046435011037772
        denominator = 2.04426310338993978564e-15 * r + 1.4215117583164458887e-7
        denominator = denominator * r + 1.8463183175100546818e-5
        denominator = denominator * r + 7.868691311456132591e-4
        denominator = denominator * r + 0.0148753612908506148525
        denominator = denominator * r + 0.13692988092273580531
        denominator = denominator * r + 0.59983220655588793769
        denominator = denominator * r + 1.0
    value = numerator / denominator
    return -value if q < 0.0 else value


@shared("float64(uint64, int64, float64)")
def _gamma(key: Any, position: int, shape: float) -> float:
    """Return a gamma draw of scale 1 (Marsaglia and Tsang 2000; shapes below 1 by the boost of their section 6)."""
    boost = 1.0
    if shape < 1.0:
        boost = math.exp(math.log(uniform(key, position)) / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    index = 1
    while True:
        x = inverse_normal(uniform(key, position + index))
        v = 1.0 + c * x
        if v > 0.0:
            v = v * v * v
            u = uniform(key, position + index + 1)
            if math.log(u) < 0.5 * x * x + d - d * v + d * math.log(v):
                return boost * d * v
        index += 2


@shared("float64(float64[:, ::1], int64, int64, float64)")
def _empirical(quantiles: Any, start: int, length: int, u: float) -> float:
    """Return the value at probability u of a quantile table.

    ``quantiles`` rows are (p, value). Between rows the value is linear in p, beyond p = 0.9 linear in -log(1-p)
    (evenly spaced p is wrong in the tail), but linear in p again in the last segment, which ends at p = 1.
    """
    low = start
    high = start + length - 1
    while high - low > 1:
        middle = (low + high) >> 1
        if quantiles[middle, 0] <= u:
            low = middle
        else:
            high = middle
    p0 = quantiles[low, 0]
    p1 = quantiles[high, 0]
    if p0 >= 0.9 and high < start + length - 1:
        share = (math.log(1.0 - p0) - math.log(1.0 - u)) / (math.log(1.0 - p0) - math.log(1.0 - p1))
    else:
        share = (u - p0) / (p1 - p0)
    return float(quantiles[low, 1] + (quantiles[high, 1] - quantiles[low, 1]) * share)


@shared("float64(int64, float64, float64, float64, int64, int64, float64[:, ::1], uint64, int64)")
def sample(  # noqa: PLR0917 - compiled by position
    kind: int, a: float, b: float, c: float, first: int, count: int, quantiles: Any, key: Any, position: int
) -> float:
    """Return one draw of a compiled distribution.

    ``kind`` to ``count`` are the fields of its row (see `simulator.compile`), ``quantiles`` the table, shape [n, 2],
    that empirical rows point into by ``first`` and ``count``; ``position`` comes from `coordinate` with index 0.
    """
    if kind == CONSTANT:
        return a
    if kind == EXPONENTIAL:
        return a * exponential(key, position)
    if kind == LOGNORMAL:
        return math.exp(a + b * inverse_normal(uniform(key, position)))
    if kind == UNIFORM:
        return float(a + (b - a) * uniform(key, position))
    if kind == ERLANG:
        total = 0.0
        for index in range(int(a)):
            total += exponential(key, position + index)
        return total * b
    if kind == GAMMA:
        return _gamma(key, position, a) * b
    if kind == HYPEREXPONENTIAL:
        mean = b if uniform(key, position + 1) < a else c
        return mean * exponential(key, position)
    if kind == WEIBULL:
        return b * math.exp(math.log(exponential(key, position)) / a)
    if kind == PARETO:
        ratio = math.exp(a * (math.log(b) - math.log(c)))
        rest = 1.0 - uniform(key, position) * (1.0 - ratio)
        return b * math.exp(-math.log(rest) / a)
    return _empirical(quantiles, first, count, uniform(key, position))


@shared("int64(int64, float64, float64, float64, int64, int64, float64[:, ::1], uint64, int64)")
def sample_integer(  # noqa: PLR0917 - compiled by position
    kind: int, a: float, b: float, c: float, first: int, count: int, quantiles: Any, key: Any, position: int
) -> int:
    """Return one draw, rounded to the nearest integer (nanoseconds or bytes) and bounded to [0, 2^62]."""
    value = sample(kind, a, b, c, first, count, quantiles, key, position)
    if value >= 4.6e18:
        return 1 << 62
    return int(value + 0.5)

"""The kinds of distributions: the fields each takes, and its parameters, moments and smallest value."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

Parameters = tuple[float, ...]
Numbers = Mapping[str, float]
Written = tuple[tuple[str, float], ...]
Quantiles = tuple[tuple[float, float], ...]

NORMAL_95 = 1.6448536269514722
"""95 % quantile of the standard normal distribution."""


class Rule(NamedTuple):
    """What the numbers of a distribution must satisfy; the error is at the field it is listed with."""

    holds: Callable[[Numbers], bool]
    accepted: str


class Kind(NamedTuple):
    """One kind of distribution.

    forms: the sets of fields it may be given by.
    rules: the field that each rule is reported at, and the rule; applied when the field is given.
    parameters: from the written fields to what a draw needs.
    moments: from the parameters to mean and variance.
    low: from the parameters to the largest value that every draw reaches.
    """

    forms: tuple[tuple[str, ...], ...]
    rules: tuple[tuple[str, Rule], ...]
    parameters: Callable[[Numbers], Parameters]
    moments: Callable[[Parameters], tuple[float, float]]
    low: Callable[[Parameters], float] = lambda _: 0.0

    @property
    def takes(self) -> str:
        """The accepted sets of fields, for an error."""
        return ", or ".join(" and ".join(fields) for fields in self.forms)


def _above_zero(field: str) -> tuple[str, Rule]:
    return field, Rule(lambda numbers: numbers[field] > 0, f"a {field} above 0")


_CV = ("cv", Rule(lambda numbers: 0.0001 <= numbers["cv"] <= 100, "a cv from 0.0001 to 100"))


def _gamma_parameters(numbers: Numbers) -> Parameters:
    variation = numbers["cv"] ** 2
    return 1 / variation, numbers["mean"] * variation


def _lognormal_parameters(numbers: Numbers) -> Parameters:
    if "cv" in numbers:
        variance = math.log1p(numbers["cv"] ** 2)
        return math.log(numbers["mean"]) - variance / 2, math.sqrt(variance)
    return math.log(numbers["p50"]), math.log(numbers["p95"] / numbers["p50"]) / NORMAL_95


def _lognormal_moments(parameters: Parameters) -> tuple[float, float]:
    mu, sigma = parameters
    mean = math.exp(mu + sigma * sigma / 2)
    return mean, mean * mean * math.expm1(sigma * sigma)


def _hyperexponential_parameters(numbers: Numbers) -> Parameters:
    """Two branches with balanced means, p1 m1 = p2 m2 (Morse 1958; Whitt 1982, eq. 3.7)."""
    variation = numbers["cv"] ** 2
    first = (1 + math.sqrt((variation - 1) / (variation + 1))) / 2
    return first, numbers["mean"] / (2 * first), numbers["mean"] / (2 * (1 - first))


def _hyperexponential_moments(parameters: Parameters) -> tuple[float, float]:
    first, mean1, mean2 = parameters
    mean = first * mean1 + (1 - first) * mean2
    second = 2 * (first * mean1 * mean1 + (1 - first) * mean2 * mean2)
    return mean, second - mean * mean


def _log_squared_cv_of_weibull(shape: float) -> float:
    return math.log(math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape)))


def _weibull_parameters(numbers: Numbers) -> Parameters:
    if "shape" in numbers:
        return numbers["shape"], numbers["scale"]
    target = 2 * math.log(numbers["cv"])
    low, high = 0.05, 200.0
    for _ in range(200):
        middle = math.sqrt(low * high)
        if middle in (low, high):
            break
        low, high = (middle, high) if _log_squared_cv_of_weibull(middle) > target else (low, middle)
    shape = math.sqrt(low * high)
    return shape, numbers["mean"] / math.gamma(1 + 1 / shape)


def _weibull_moments(parameters: Parameters) -> tuple[float, float]:
    shape, scale = parameters
    mean = scale * math.gamma(1 + 1 / shape)
    return mean, mean * mean * math.expm1(math.lgamma(1 + 2 / shape) - 2 * math.lgamma(1 + 1 / shape))


def _pareto_raw_moment(parameters: Parameters, order: int) -> float:
    shape, low, high = parameters
    log_ratio = math.log(high / low)
    mass = -math.expm1(-shape * log_ratio)
    if shape == order:
        return shape * low**order * log_ratio / mass
    return shape * low**order * math.expm1((order - shape) * log_ratio) / ((order - shape) * mass)


def _pareto_moments(parameters: Parameters) -> tuple[float, float]:
    mean = _pareto_raw_moment(parameters, 1)
    return mean, max(_pareto_raw_moment(parameters, 2) - mean * mean, 0.0)


KINDS: dict[str, Kind] = {
    "constant": Kind((("value",),), (), lambda n: (n["value"],), lambda p: (p[0], 0.0), low=lambda p: p[0]),
    "uniform": Kind(
        (("low", "high"),),
        (("high", Rule(lambda n: n["high"] > n["low"], "a high above low")),),
        lambda n: (n["low"], n["high"]),
        lambda p: ((p[0] + p[1]) / 2, (p[1] - p[0]) ** 2 / 12),
        low=lambda p: p[0],
    ),
    "exponential": Kind((("mean",),), (_above_zero("mean"),), lambda n: (n["mean"],), lambda p: (p[0], p[0] * p[0])),
    "erlang": Kind(
        (("shape", "mean"),),
        (
            ("shape", Rule(lambda n: n["shape"] in range(1, 1001), "a whole shape from 1 to 1000")),
            _above_zero("mean"),
        ),
        lambda n: (n["shape"], n["mean"] / n["shape"]),
        lambda p: (p[0] * p[1], p[0] * p[1] * p[1]),
    ),
    "gamma": Kind(
        (("mean", "cv"),),
        (_above_zero("mean"), _CV),
        _gamma_parameters,
        lambda p: (p[0] * p[1], p[0] * p[1] * p[1]),
    ),
    "lognormal": Kind(
        (("mean", "cv"), ("p50", "p95")),
        (
            _above_zero("mean"),
            _CV,
            _above_zero("p50"),
            ("p95", Rule(lambda n: n["p95"] > n["p50"], "a p95 above p50")),
        ),
        _lognormal_parameters,
        _lognormal_moments,
    ),
    "hyperexponential": Kind(
        (("mean", "cv"),),
        (_above_zero("mean"), ("cv", Rule(lambda n: 1 < n["cv"] <= 100, "a cv above 1, at most 100"))),
        _hyperexponential_parameters,
        _hyperexponential_moments,
    ),
    "weibull": Kind(
        (("mean", "cv"), ("shape", "scale")),
        (
            _above_zero("mean"),
            ("cv", Rule(lambda n: 0.01 <= n["cv"] <= 100, "a cv from 0.01 to 100")),
            ("shape", Rule(lambda n: 0.1 <= n["shape"] <= 100, "a shape from 0.1 to 100")),
            _above_zero("scale"),
        ),
        _weibull_parameters,
        _weibull_moments,
    ),
    "pareto": Kind(
        (("shape", "low", "high"),),
        (
            ("shape", Rule(lambda n: 0.01 <= n["shape"] <= 100, "a shape from 0.01 to 100")),
            _above_zero("low"),
            ("high", Rule(lambda n: n["high"] > n["low"], "a high above low")),
        ),
        lambda n: (n["shape"], n["low"], n["high"]),
        _pareto_moments,
        low=lambda p: p[1],
    ),
    "empirical": Kind((("quantiles",),), (), lambda _: (), lambda _: (math.nan, math.nan)),
}

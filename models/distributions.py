"""Distributions of times, sizes and numbers: read from a scenario, with parameters, moments and quantiles.

Parameters are floats in the base unit (ns, bytes, or none). Drawing is done elsewhere.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from models.distribution_kinds import KINDS, Parameters, Quantiles, Written
from models.errors import InvalidField, invalid
from models.fields import Form
from models.quantile_table import moments_of_table, quantile_of_table
from models.table import nearest
from models.units import SIZE, TIME, Quantity, unit_schema

Dimension = Literal["time", "size", "number"]

_QUANTITIES: dict[Dimension, Quantity | None] = {"time": TIME, "size": SIZE, "number": None}
_DIMENSIONLESS = frozenset({"cv", "shape"})


@dataclass(frozen=True)
class Distribution:
    """A distribution of non-negative values, as written in a scenario.

    kind: one of `KINDS`.
    dimension: "time" (ns), "size" (bytes) or "number".
    written: the fields of the table, in the base unit, in the order of the kind's definition.
    quantiles: of an empirical distribution, (probability, value) from 0 to 1; otherwise empty.
    """

    kind: str
    dimension: Dimension
    written: Written
    quantiles: Quantiles = ()

    def parameters(self) -> Parameters:
        """Return the parameters that a draw needs.

        constant (value), uniform (low, high), exponential (mean), erlang (shape, mean of one phase),
        gamma (shape, scale), lognormal (mean and standard deviation of the logarithm), hyperexponential
        (probability of the first branch, mean of the first, mean of the second), weibull (shape, scale),
        pareto (shape, low, high), empirical ().
        """
        return self._parameters

    @cached_property
    def _parameters(self) -> Parameters:
        return KINDS[self.kind].parameters(dict(self.written))

    @cached_property
    def _moments(self) -> tuple[float, float]:
        if self.kind == "empirical":
            return moments_of_table(self.quantiles)
        return KINDS[self.kind].moments(self._parameters)

    @property
    def mean(self) -> float:
        """The expected value, in the base unit."""
        return self._moments[0]

    @property
    def variance(self) -> float:
        """The variance, in the square of the base unit."""
        return self._moments[1]

    @property
    def cv(self) -> float:
        """The coefficient of variation: standard deviation over mean; 0 when always 0."""
        return math.sqrt(self.variance) / self.mean if self.mean > 0 else 0.0

    @property
    def low(self) -> float:
        """The largest value that every draw reaches, in the base unit."""
        if self.kind == "empirical":
            return self.quantiles[0][1]
        return KINDS[self.kind].low(self._parameters)

    @property
    def is_zero(self) -> bool:
        """Whether every draw is 0."""
        return self.mean == 0

    @property
    def can_be_zero(self) -> bool:
        """Whether 0 has a positive probability of its own."""
        if self.kind == "empirical":
            return self.quantiles[1][1] == 0
        return self.is_zero

    def quantile(self, probability: float) -> float:
        """Return the value below which that share of an empirical distribution lies.

        Raises ValueError for the other kinds, which nothing here needs the quantiles of.
        """
        return quantile_of_table(self.quantiles, probability)


def constant(value: float, dimension: Dimension) -> Distribution:
    """Make the distribution that is always `value`, in the base unit."""
    return Distribution("constant", dimension, (("value", float(value)),))


def read_distribution(value: object, dimension: Dimension) -> Distribution:
    """Read a plain value (constant) or a table `{ distribution = KIND, ... }`.

    Raises InvalidField with the place inside the table.
    """
    if isinstance(value, Distribution):
        if value.dimension != dimension:
            raise invalid(value.dimension, f"a distribution of a {dimension}")
        return value
    if not isinstance(value, Mapping):
        return constant(_read_parameter(value, dimension, or_table=True), dimension)
    kind_name = value.get("distribution")
    if not isinstance(kind_name, str) or kind_name not in KINDS:
        raise invalid(kind_name, nearest(str(kind_name), KINDS), ("distribution",))
    written = {field: value[field] for field in value if field != "distribution"}
    read = _empirical if kind_name == "empirical" else _parametric
    distribution = read(kind_name, written, dimension)
    _check_magnitude(distribution, value)
    return distribution


def _parametric(kind_name: str, written: Mapping[str, object], dimension: Dimension) -> Distribution:
    kind = KINDS[kind_name]
    known = list(dict.fromkeys(field for fields in kind.forms for field in fields))
    for field in written:
        if field not in known:
            raise invalid(written[field], f"nothing; {kind_name} takes {kind.takes}", (str(field),))
    form = next((fields for fields in kind.forms if set(fields) == set(written)), None)
    if form is None:
        missing = [field for field in kind.forms[0] if field not in written]
        raise invalid(", ".join(written) or None, f"{kind_name} takes {kind.takes}", (missing[0],) if missing else ())
    numbers: dict[str, float] = {}
    for field in form:
        numbers[field] = _at(field, written[field], "number" if field in _DIMENSIONLESS else dimension)
    for field, rule in kind.rules:
        if field in numbers and not rule.holds(numbers):
            raise invalid(written[field], f"{rule.accepted} for {kind_name}", (field,))
    return Distribution(kind_name, dimension, tuple(numbers.items()))


def _empirical(_: str, written: Mapping[str, object], dimension: Dimension) -> Distribution:
    for field in written:
        if field != "quantiles":
            raise invalid(written[field], "nothing; empirical takes quantiles", (str(field),))
    rows = written.get("quantiles")
    example = 'at least two rows, such as [[0.0, "1ms"], [0.5, "2ms"], [1.0, "9ms"]]'
    if not isinstance(rows, list | tuple) or len(rows) < 2:
        raise invalid(rows, example, ("quantiles",))
    quantiles: list[tuple[float, float]] = []
    for index, row in enumerate(rows):
        if not isinstance(row, list | tuple) or len(row) != 2:
            raise invalid(row, "a row of a probability and a value", ("quantiles", index))
        probability = _at(index, row[0], "number", ("quantiles",))
        number = _at(index, row[1], dimension, ("quantiles",))
        if quantiles and (probability <= quantiles[-1][0] or number < quantiles[-1][1]):
            accepted = "a larger probability than in the row before, and a value that is not smaller"
            raise invalid(row, accepted, ("quantiles", index))
        quantiles.append((probability, number))
    if quantiles[0][0] != 0 or quantiles[-1][0] != 1:
        wrong = 0 if quantiles[0][0] != 0 else len(quantiles) - 1
        raise invalid(rows[wrong], "probabilities from exactly 0 to exactly 1", ("quantiles", wrong))
    return Distribution("empirical", dimension, (), tuple(quantiles))


def _at(part: str | int, value: object, dimension: Dimension, prefix: tuple[str | int, ...] = ()) -> float:
    try:
        return _read_parameter(value, dimension)
    except InvalidField as error:
        raise InvalidField(problem.below((*prefix, part)) for problem in error.problems) from None


def _read_parameter(value: object, dimension: Dimension, or_table: bool = False) -> float:
    table = ', or a table such as { distribution = "exponential", mean = "1ms" }' if or_table else ""
    quantity = _QUANTITIES[dimension]
    if quantity is not None:
        if or_table and not isinstance(value, str):
            raise invalid(value, quantity.accepted + table)
        return quantity.read_float(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1e12:
        raise invalid(value, f"a number from 0 to 1e12{table}")
    return float(value)


ROUNDING: Final = 1e-9
"""How far the mean may come out below what was written: a lognormal's of 1 ns is 0.9999999999999999 of it."""


def _check_magnitude(distribution: Distribution, value: object) -> None:
    quantity = _QUANTITIES[distribution.dimension]
    maximum = quantity.maximum if quantity else 1e12
    try:
        mean, variance = distribution.mean, distribution.variance
    except (OverflowError, ValueError, ZeroDivisionError):
        mean = variance = math.inf
    if not (mean <= maximum and math.isfinite(variance)):
        raise invalid(value, "parameters with a finite mean and variance, and a mean in the accepted range")
    if quantity is not None and 0 < mean < 1 - ROUNDING:
        raise invalid(value, f"{quantity.name} that is 0, or at least 1{quantity.base} in the mean")


def print_distribution(distribution: Distribution) -> Any:
    """Print a distribution as it is written in a scenario: a plain value, or a table."""
    quantity = _QUANTITIES[distribution.dimension]

    def printed(field: str, number: float) -> str | float:
        return number if quantity is None or field in _DIMENSIONLESS else quantity.print(number)

    fields = {field: printed(field, number) for field, number in distribution.written}
    if distribution.kind == "constant":
        return fields["value"]
    if distribution.kind == "empirical":
        rows = [[probability, printed("quantiles", number)] for probability, number in distribution.quantiles]
        return {"distribution": "empirical", "quantiles": rows}
    if "shape" in fields and distribution.kind == "erlang":
        fields["shape"] = int(fields["shape"])
    return {"distribution": distribution.kind, **fields}


def distribution_schema(dimension: Dimension) -> dict[str, Any]:
    """JSON Schema of a field that takes a distribution of this dimension."""
    quantity = _QUANTITIES[dimension]
    value: dict[str, Any] = unit_schema(quantity) if quantity else {"type": "number", "minimum": 0}
    number = {"type": "number", "minimum": 0}
    probability = {"type": "number", "minimum": 0, "maximum": 1}
    row = {"type": "array", "prefixItems": [probability, value], "items": False}
    forms: list[dict[str, Any]] = [value]
    for name, kind in KINDS.items():
        for fields in kind.forms:
            properties: dict[str, Any] = {"distribution": {"const": name}}
            for field in fields:
                properties[field] = number if field in _DIMENSIONLESS else value
            if name == "empirical":
                properties["quantiles"] = {"type": "array", "items": row, "minItems": 2}
            forms.append(
                {
                    "type": "object",
                    "properties": properties,
                    "required": list(properties),
                    "additionalProperties": False,
                }
            )
    return {"title": f"{dimension.capitalize()}Distribution", "anyOf": forms}


TimeDistribution = Annotated[
    Distribution,
    Form(lambda value: read_distribution(value, "time"), distribution_schema("time"), print_distribution),
]
"""A distribution of times, in ns."""

SizeDistribution = Annotated[
    Distribution,
    Form(lambda value: read_distribution(value, "size"), distribution_schema("size"), print_distribution),
]
"""A distribution of sizes, in bytes."""

ZERO_TIME = constant(0.0, "time")
ZERO_SIZE = constant(0.0, "size")

"""The types of scenario fields: what each accepts, how it prints, and its JSON Schema."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema

from models.errors import invalid
from models.units import BANDWIDTH, RATE, SIZE, TIME, Quantity, unit_schema

MAX_COUNT = 2**24


def _positive(read: Callable[[object], Any], quantity: Quantity) -> Callable[[object], Any]:
    def read_positive(value: object) -> Any:
        number = read(value)
        if number == 0:
            raise invalid(value, f'{quantity.name} above 0, such as "{quantity.example}"')
        return number

    return read_positive


def _or_auto(read: Callable[[object], Any], quantity: Quantity) -> Callable[[object], Any]:
    def read_or_auto(value: object) -> Any:
        if value == "auto":
            return value
        if not isinstance(value, str):
            raise invalid(value, f'"auto", or {quantity.accepted}')
        return read(value)

    return read_or_auto


def _print_time_or_auto(value: int | str) -> str:
    return value if isinstance(value, str) else TIME.print(value)


def _with_auto(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"const": "auto"}, schema]}


def _whole(minimum: int, maximum: int = MAX_COUNT) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise invalid(value, f"a whole number from {minimum} to {maximum}")
        return value

    return read


def _whole_schema(minimum: int, maximum: int = MAX_COUNT) -> dict[str, Any]:
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


def _number(minimum: float, maximum: float, above_minimum: bool = False) -> Callable[[object], float]:
    def read(value: object) -> float:
        above = "above" if above_minimum else "from"
        accepted = f"a number {above} {minimum:.12g} to {maximum:.12g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(value, accepted)
        inside = minimum < value <= maximum if above_minimum else minimum <= value <= maximum
        if not inside or math.isnan(value):
            raise invalid(value, accepted)
        return float(value)

    return read


def _number_schema(minimum: float, maximum: float, above_minimum: bool = False) -> dict[str, Any]:
    low = "exclusiveMinimum" if above_minimum else "minimum"
    return {"type": "number", low: minimum, "maximum": maximum}


TimeNs = Annotated[
    int,
    PlainValidator(TIME.read_whole),
    PlainSerializer(TIME.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(TIME)),
]
"""A time of 0 or more, in ns."""

PositiveTimeNs = Annotated[
    int,
    PlainValidator(_positive(TIME.read_whole, TIME)),
    PlainSerializer(TIME.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(TIME)),
]
"""A time above 0, in ns."""

AutoTimeNs = Annotated[
    int | str,
    PlainValidator(_or_auto(TIME.read_whole, TIME)),
    PlainSerializer(_print_time_or_auto, return_type=str, when_used="json"),
    WithJsonSchema(_with_auto(unit_schema(TIME))),
]
"""A time of 0 or more in ns, or "auto"."""

AutoPositiveTimeNs = Annotated[
    int | str,
    PlainValidator(_or_auto(_positive(TIME.read_whole, TIME), TIME)),
    PlainSerializer(_print_time_or_auto, return_type=str, when_used="json"),
    WithJsonSchema(_with_auto(unit_schema(TIME))),
]
"""A time above 0 in ns, or "auto"."""

SizeBytes = Annotated[
    int,
    PlainValidator(SIZE.read_whole),
    PlainSerializer(SIZE.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(SIZE)),
]
"""A size of 0 or more, in bytes."""

PositiveSizeBytes = Annotated[
    int,
    PlainValidator(_positive(SIZE.read_whole, SIZE)),
    PlainSerializer(SIZE.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(SIZE)),
]
"""A size above 0, in bytes."""

RatePerS = Annotated[
    float,
    PlainValidator(_positive(RATE.read_float, RATE)),
    PlainSerializer(RATE.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(RATE)),
]
"""A rate above 0, per second."""

BandwidthBytesPerS = Annotated[
    float,
    PlainValidator(_positive(BANDWIDTH.read_float, BANDWIDTH)),
    PlainSerializer(BANDWIDTH.print, return_type=str, when_used="json"),
    WithJsonSchema(unit_schema(BANDWIDTH)),
]
"""A bandwidth above 0, in bytes per second."""

Count = Annotated[int, PlainValidator(_whole(1)), WithJsonSchema(_whole_schema(1))]
"""A whole number of at least 1."""

Index = Annotated[int, PlainValidator(_whole(0)), WithJsonSchema(_whole_schema(0))]
"""A whole number of at least 0."""

Seed = Annotated[int, PlainValidator(_whole(0, 2**63 - 1)), WithJsonSchema(_whole_schema(0, 2**63 - 1))]
"""A whole number of 63 bits."""

Probability = Annotated[float, PlainValidator(_number(0, 1)), WithJsonSchema(_number_schema(0, 1))]
"""A number from 0 to 1."""

Weight = Annotated[float, PlainValidator(_number(0, 1e9)), WithJsonSchema(_number_schema(0, 1e9))]
"""A number of at least 0."""

Factor = Annotated[
    float, PlainValidator(_number(0, 1e6, above_minimum=True)), WithJsonSchema(_number_schema(0, 1e6, True))
]
"""A number above 0."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w.:+-][\w .:+-]*$")]
"""A name: letters, digits and `_ . : + -`, with blanks inside."""


def number(minimum: float, maximum: float, above_minimum: bool = False) -> tuple[Any, Any]:
    """Make the two annotations of a float field with bounds of its own: its reader and its JSON Schema.

    above_minimum: the minimum itself is not accepted.
    """
    return (
        PlainValidator(_number(minimum, maximum, above_minimum)),
        WithJsonSchema(_number_schema(minimum, maximum, above_minimum)),
    )


def whole(minimum: int, maximum: int) -> tuple[Any, Any]:
    """Make the two annotations of a count with bounds of its own: its reader and its JSON Schema."""
    return PlainValidator(_whole(minimum, maximum)), WithJsonSchema(_whole_schema(minimum, maximum))


def whole_or(word: str, minimum: int = 1) -> tuple[Any, Any]:
    """Make the two annotations of a field that takes a count or one word, such as "auto"."""
    read_count = _whole(minimum)

    def read(value: object) -> int | str:
        if value == word:
            return word
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(value, f'"{word}", or a whole number of at least {minimum}')
        return read_count(value)

    schema = {"anyOf": [{"const": word}, _whole_schema(minimum)]}
    return PlainValidator(read), WithJsonSchema(schema)

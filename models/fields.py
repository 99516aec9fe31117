"""The types of scenario fields: what each accepts, how it prints, and its JSON Schema."""

import math
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from models.errors import invalid
from models.units import BANDWIDTH, RATE, SIZE, TIME, Quantity, unit_schema

MAX_COUNT = 2**24


class Form:
    """How a field is written in a file: an annotation of the field's type.

    Pydantic's own annotations, one for each of the three parts, have Python analyse the signature of every function
    for every field, which takes as long as all other checks of a scenario take to make.

    read: returns the value of what stands in a file, or raises InvalidField.
    schema: what is accepted, as JSON Schema.
    write: returns what stands in a file for a value; None: the value itself.
    """

    def __init__(
        self, read: Callable[[object], Any], schema: dict[str, Any], write: Callable[[Any], Any] | None = None
    ) -> None:
        self._read = read
        self._schema = schema
        self._written = core_schema.plain_serializer_function_ser_schema(write, when_used="json") if write else None

    def __get_pydantic_core_schema__(self, _type: Any, _handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return how Pydantic reads and writes the field; it adds to what is returned."""
        return core_schema.no_info_plain_validator_function(self._read, serialization=self._written)

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """Return what is accepted; Pydantic adds to what is returned."""
        return dict(self._schema)


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


def whole(minimum: int, maximum: int = MAX_COUNT) -> Form:
    """Return the form of a whole number with bounds of its own."""
    return Form(_whole_reader(minimum, maximum), _whole_schema(minimum, maximum))


def whole_or(word: str, minimum: int = 1) -> Form:
    """Return the form of a field that takes a count or one word, such as "auto"."""
    read_count = _whole_reader(minimum, MAX_COUNT)

    def read(value: object) -> int | str:
        if value == word:
            return word
        if isinstance(value, bool) or not isinstance(value, int):
            raise invalid(value, f'"{word}", or a whole number of at least {minimum}')
        return read_count(value)

    return Form(read, {"anyOf": [{"const": word}, _whole_schema(minimum, MAX_COUNT)]})


def _whole_reader(minimum: int, maximum: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
            raise invalid(value, f"a whole number from {minimum} to {maximum}")
        return value

    return read


def _whole_schema(minimum: int, maximum: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


def number(minimum: float, maximum: float, above_minimum: bool = False) -> Form:
    """Return the form of a number with bounds of its own.

    above_minimum: the minimum itself is not accepted.
    """

    def read(value: object) -> float:
        above = "above" if above_minimum else "from"
        accepted = f"a number {above} {minimum:.12g} to {maximum:.12g}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise invalid(value, accepted)
        inside = minimum < value <= maximum if above_minimum else minimum <= value <= maximum
        if not inside or math.isnan(value):
            raise invalid(value, accepted)
        return float(value)

    low = "exclusiveMinimum" if above_minimum else "minimum"
    return Form(read, {"type": "number", low: minimum, "maximum": maximum})


TimeNs = Annotated[
    int,
    Form(TIME.read_whole, unit_schema(TIME), TIME.print),
]
"""A time of 0 or more, in ns."""

PositiveTimeNs = Annotated[
    int,
    Form(_positive(TIME.read_whole, TIME), unit_schema(TIME), TIME.print),
]
"""A time above 0, in ns."""

AutoTimeNs = Annotated[
    int | str,
    Form(_or_auto(TIME.read_whole, TIME), _with_auto(unit_schema(TIME)), _print_time_or_auto),
]
"""A time of 0 or more in ns, or "auto"."""

AutoPositiveTimeNs = Annotated[
    int | str,
    Form(_or_auto(_positive(TIME.read_whole, TIME), TIME), _with_auto(unit_schema(TIME)), _print_time_or_auto),
]
"""A time above 0 in ns, or "auto"."""

SizeBytes = Annotated[
    int,
    Form(SIZE.read_whole, unit_schema(SIZE), SIZE.print),
]
"""A size of 0 or more, in bytes."""

PositiveSizeBytes = Annotated[
    int,
    Form(_positive(SIZE.read_whole, SIZE), unit_schema(SIZE), SIZE.print),
]
"""A size above 0, in bytes."""

RatePerS = Annotated[
    float,
    Form(_positive(RATE.read_float, RATE), unit_schema(RATE), RATE.print),
]
"""A rate above 0, per second."""

BandwidthBytesPerS = Annotated[
    float,
    Form(_positive(BANDWIDTH.read_float, BANDWIDTH), unit_schema(BANDWIDTH), BANDWIDTH.print),
]
"""A bandwidth above 0, in bytes per second."""

Count = Annotated[int, whole(1)]
"""A whole number of at least 1."""

Index = Annotated[int, whole(0)]
"""A whole number of at least 0."""

Seed = Annotated[int, whole(0, 2**63 - 1)]
"""A whole number of 63 bits."""

Probability = Annotated[float, number(0, 1)]
"""A number from 0 to 1."""

Weight = Annotated[float, number(0, 1e9)]
"""A number of at least 0."""

Factor = Annotated[float, number(0, 1e6, above_minimum=True)]
"""A number above 0."""

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[\w.:+-][\w .:+-]*$")]
"""A name: letters, digits and `_ . : + -`, with blanks inside."""

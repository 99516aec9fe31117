"""Quantities with units: read from text, printed as the shortest text that reads back the same.

Times are whole nanoseconds, sizes whole bytes, rates per second, bandwidths bytes per second.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from models.errors import invalid

NS_PER_S = 1_000_000_000
MAX_TIME_NS = 100 * 365 * 86_400 * NS_PER_S
MAX_BYTES = 2**62
REMEMBERED_TEXTS = 10_000

_NUMBER = r"\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,3})?"
_NUMBER_AND_UNIT = re.compile(rf"\s*({_NUMBER})\s*([^\s\d.].*?)\s*", re.ASCII)


@dataclass(frozen=True)
class Quantity:
    """A kind of quantity and the texts that denote it.

    name: what an error calls it, with its article.
    example: a valid text.
    units: each accepted unit with its size in the base unit (ns, B, per s, B/s).
    maximum: largest accepted value in the base unit.
    base: the unit whose size is 1, in which everything can be printed exactly.
    only_read: units that are accepted but not used for printing.
    """

    name: str
    example: str
    units: Mapping[str, Fraction]
    maximum: float
    base: str
    only_read: tuple[str, ...] = ()

    @property
    def accepted(self) -> str:
        """What an error says is accepted."""
        return f'{self.name} with a unit ({", ".join(self.units)}), such as "{self.example}"'

    @property
    def pattern(self) -> str:
        """Regular expression of the accepted texts, for the JSON Schema."""
        units = "|".join(re.escape(unit).replace("/", r"\/") for unit in self.units)
        return rf"^\s*{_NUMBER}\s*({units})\s*$"

    @cached_property
    def _printed_units(self) -> tuple[tuple[str, int, int], ...]:
        """Units that are printed, with numerator and denominator of each size: fractions take five times as long."""
        return tuple(
            (unit, size.numerator, size.denominator) for unit, size in self.units.items() if unit not in self.only_read
        )

    def read(self, value: object) -> Fraction:
        """Read a text exactly, in the base unit.

        Raises InvalidField for anything else: a bare number, an unknown unit, a negative or an enormous
            value.
        """
        if isinstance(value, str) and value.lstrip().startswith("-"):
            raise invalid(value, f'{self.name} that is not negative, such as "{self.example}"')
        match = _NUMBER_AND_UNIT.fullmatch(value.replace("μ", "µ")) if isinstance(value, str) else None
        if match is None or match[2] not in self.units:
            raise invalid(value, self.accepted)
        number = Fraction(match[1]) * self.units[match[2]]
        if number > self.maximum:
            raise invalid(value, f"{self.name} of at most {self.print(self.maximum)}")
        return number

    def read_whole(self, value: object) -> int:
        """Read a text as a whole number of the base unit, rounded to the nearest.

        Raises InvalidField as `read` does, and for a positive value that would be rounded to nothing.
        """
        exact = self.read(value)
        whole = round(exact)
        if exact > 0 and whole == 0:
            raise invalid(value, f"{self.name} of 0 or at least 1{self.base}")
        return whole

    def read_float(self, value: object) -> float:
        """Read a text as a float in the base unit."""
        return float(self.read(value))

    def print(self, value: float) -> str:
        """Print a value of the base unit as the shortest text that reads back exactly the same.

        Prefers numbers of at least 1, and the larger unit (of those of one length). An int reads back
        without rounding.
        """
        key = type(value), value
        text = self._texts.get(key)
        if text is None:
            text = self._shortest(value)
            if len(self._texts) >= REMEMBERED_TEXTS:
                self._texts.clear()
            self._texts[key] = text
        return text

    @cached_property
    def _texts(self) -> dict[tuple[type, float], str]:
        """What was printed before: scenarios that are played one after the other have most of their times in common."""
        return {}

    def _shortest(self, value: float) -> str:
        if value == 0:
            return "0s" if self.base == "ns" else f"0{self.base}"
        above, below = Fraction(value).as_integer_ratio()
        candidates = []
        for order, (unit, top, bottom) in enumerate(self._printed_units):
            number = _printed(above * bottom, below * top)
            back_above, back_below = _read_ratio(number, top, bottom)
            same = back_above * below == above * back_below
            if same if isinstance(value, int) else back_above / back_below == value:
                candidates.append((above * bottom < below * top, len(number) + len(unit), -order, number + unit))
        if not candidates:
            return f"{value}{self.base}"
        return min(candidates)[-1]


def _printed(above: int, below: int) -> str:
    """Print a ratio: a whole number as it is, another as the shortest text of its float."""
    whole, rest = divmod(above, below)
    if rest == 0 and whole < 10**15:
        return str(whole)
    text = repr(above / below).removesuffix(".0")
    return text.replace("e+", "e")


def _read_ratio(number: str, top: int, bottom: int) -> tuple[int, int]:
    """Return a printed number times top / bottom, exactly, as numerator and denominator."""
    mantissa, _, exponent = number.partition("e")
    whole, _, decimals = mantissa.partition(".")
    power = int(exponent or 0) - len(decimals)
    digits = int(whole + decimals) * top
    return (digits * 10**power, bottom) if power >= 0 else (digits, bottom * 10**-power)


TIME = Quantity(
    "a time",
    "150ms",
    {
        unit: Fraction(size)
        for unit, size in {
            "ns": 1,
            "us": 10**3,
            "µs": 10**3,
            "ms": 10**6,
            "s": 10**9,
            "min": 60 * 10**9,
            "h": 3600 * 10**9,
            "d": 86_400 * 10**9,
        }.items()
    },
    MAX_TIME_NS,
    "ns",
    only_read=("µs",),
)

_SIZES = {
    "B": 1,
    "kB": 10**3,
    "KiB": 2**10,
    "MB": 10**6,
    "MiB": 2**20,
    "GB": 10**9,
    "GiB": 2**30,
    "TB": 10**12,
    "TiB": 2**40,
}

SIZE = Quantity("a size", "4GiB", {unit: Fraction(size) for unit, size in _SIZES.items()}, MAX_BYTES, "B")

RATE = Quantity(
    "a rate",
    "870/s",
    {"/h": Fraction(1, 3600), "/min": Fraction(1, 60), "/ms": Fraction(1000), "/s": Fraction(1)},
    1e12,
    "/s",
    only_read=("/ms", "/h"),
)

BANDWIDTH = Quantity(
    "a bandwidth",
    "200MB/s",
    {
        **{f"{unit}/s": Fraction(size) for unit, size in _SIZES.items()},
        "kbit/s": Fraction(125),
        "Mbit/s": Fraction(125_000),
        "Gbit/s": Fraction(125_000_000),
    },
    1e15,
    "B/s",
)


def unit_schema(quantity: Quantity) -> dict[str, object]:
    """JSON Schema of a field that takes a text of this quantity."""
    return {"type": "string", "pattern": quantity.pattern, "examples": [quantity.example]}

"""Numbers as reports print them: their value and how finely they are rounded."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NUMBER: Final = re.compile(
    r"\s*[~≈<>=]*\s*(?P<sign>[-+]?)\s*(?P<number>\d[\d,_ ]*(?:\.\d*)?|\.\d+)(?P<exponent>[eE][+-]?\d{1,3})?\s*"
    r"(?P<unit>[^\d\s+][^\s+]*)?\s*[+]?\s*"
)

TIMES: Final = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "μs": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "m": 60.0,
    "min": 60.0,
    "h": 3600.0,
}
"""Seconds in a unit of time, as load generators print it."""

SIZES: Final = {
    "b": 1.0,
    "bytes": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "tb": 1e12,
    "kib": 2.0**10,
    "mib": 2.0**20,
    "gib": 2.0**30,
    "tib": 2.0**40,
}
"""Bytes in a unit of size, in lower case."""

RATES: Final = {
    "/ms": 1e3,
    "/s": 1.0,
    "/sec": 1.0,
    "/second": 1.0,
    "/min": 1.0 / 60.0,
    "/minute": 1.0 / 60.0,
    "/h": 1.0 / 3600.0,
    "/hour": 1.0 / 3600.0,
    "rps": 1.0,
    "tps": 1.0,
    "qps": 1.0,
    "iops": 1.0,
}
"""Events per second in a unit of rate, in lower case, without the word for the event ("req/s")."""

MULTIPLES: Final = {"k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
"""What a letter behind a count stands for."""


@dataclass(frozen=True)
class Printed:
    """A printed number.

    value: as read. half_unit: half a unit of its last digit, in the same unit; an integer may have been rounded
    more coarsely than it shows. unit: what stood behind it, "" for nothing.
    """

    value: float
    half_unit: float
    unit: str = ""

    def times(self, factor: float) -> Printed:
        """Return the number in another unit."""
        return Printed(self.value * factor, self.half_unit * factor)


def read_printed(text: str) -> Printed | None:
    """Read a number such as "1,234.5", "~870", "870+", "12.3ms" or "45 %"; None if the text is none.

    A comma is a separator of thousands: load generators print a point before decimals.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    digits = re.sub(r"[,_ ]", "", match["number"])
    if re.search(r",\d{1,2}(?!\d)", match["number"]):
        return None  # a decimal comma: read as thousands it would be a factor of ten or a hundred wrong
    exponent = match["exponent"] or ""
    value = float(digits + exponent)
    decimals = len(digits.partition(".")[2])
    half_unit = 0.5 * 10.0 ** (int(exponent[1:] or 0) - decimals if exponent else -decimals)
    return Printed(-value if match["sign"] == "-" else value, half_unit, match["unit"] or "")


def read_time(text: str) -> Printed | None:
    """Read a time with its unit, in seconds; None if it is none."""
    return _in_unit(text, TIMES)


def read_size(text: str) -> Printed | None:
    """Read a size with its unit, in bytes; None if it is none. A "/s" behind it is ignored."""
    found = read_printed(text)
    if found is None:
        return None
    factor = SIZES.get(found.unit.lower().removesuffix("/s"))
    return None if factor is None else found.times(factor)


def rate_factor(unit: str) -> float | None:
    """Return the events per second in a unit such as "/s", "req/min", "rps" or "k/s"; None if it is none."""
    multiple = MULTIPLES.get(unit[:1], 1.0) if unit[1:2] in ("/", "r", "t", "q") else 1.0
    found = unit.lower() if multiple == 1.0 else unit[1:].lower()
    factor = RATES.get(found, RATES.get(f"/{found.partition('/')[2]}"))
    return None if factor is None else multiple * factor


def read_count(text: str) -> Printed | None:
    """Read a count that may end in k, M or G; None if it is none."""
    found = read_printed(text)
    if found is None or not found.unit:
        return found
    return found.times(MULTIPLES[found.unit]) if found.unit in MULTIPLES else None


def _in_unit(text: str, units: dict[str, float]) -> Printed | None:
    found = read_printed(text)
    factor = None if found is None else units.get(found.unit)
    return None if found is None or factor is None else found.times(factor)

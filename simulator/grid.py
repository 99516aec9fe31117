"""The points of a sweep: values of several fields, and every combination of them."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from models.errors import FieldProblem, InvalidField, ScenarioError, shown
from models.units import BANDWIDTH, RATE, SIZE, TIME
from simulator.overrides import PLACES, Override, from_settings, read_value

SWEPT: Final = (
    "procs",
    "rate",
    "concurrency",
    "cores",
    "instances",
    "workers",
    "memory",
    "think_time",
    "discipline",
)
"""Options that can be swept; where several are, the curves are drawn along the first of them."""

MOST_VALUES: Final = 1_000_000

_NUMBER: Final = r"(\d+(?:\.\d+)?)"
_RANGE: Final = re.compile(rf"{_NUMBER}(\D*?)\.\.{_NUMBER}(\D*?)(?:\.\.{_NUMBER}(\D*?)|\*{_NUMBER})?")
_ACCEPTED: Final = "values such as 2,4,8 or a range: 1..50, 5..50..5 (in steps of 5), 1..64*2 (doubling)"


@dataclass(frozen=True)
class Axis:
    """A field and the values that it takes.

    name: of the option, or the path given to `--set`. origin: what errors call it.
    option: its name in PLACES, empty for a path. texts: the values as they would be given alone.
    """

    name: str
    origin: str
    option: str
    texts: tuple[str, ...]

    def override(self, text: str) -> Override:
        """Return the override that sets one value."""
        if self.option:
            return Override(self.origin, PLACES[self.option], read_value(text), self.option)
        return from_settings([f"{self.name}={text}"])[0]

    def level(self, text: str) -> float | None:
        """Return a value as a number, in the base unit where it has one; None where it is no number."""
        value = read_value(text)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        for quantity in (TIME, SIZE, RATE, BANDWIDTH):
            try:
                return quantity.read_float(value)
            except InvalidField:
                continue
        return None


@dataclass(frozen=True)
class Grid:
    """Every combination of the values of some axes, the last axis changing fastest."""

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """How many points there are."""
        return math.prod(len(axis.texts) for axis in self.axes)

    def points(self) -> Iterator[dict[str, str]]:
        """Yield the setting of each point: a text for each axis, by the axis's name."""
        names = [axis.name for axis in self.axes]
        for texts in itertools.product(*(axis.texts for axis in self.axes)):
            yield dict(zip(names, texts, strict=True))

    def overrides(self, setting: Mapping[str, str]) -> list[Override]:
        """Return the overrides that make a point; what changes the scenario's structure first."""
        made = [axis.override(setting[axis.name]) for axis in self.axes]
        return sorted(made, key=lambda override: override.option not in ("rate", "discipline"))


def grid(options: Mapping[str, str | None], settings: Sequence[str] = ()) -> tuple[Grid, dict[str, str], list[str]]:
    """Part what was given into the grid, the options with a single value, and the settings with one.

    options: texts by names in SWEPT; None where one was not given. settings: texts of `--set`.
    Raises ScenarioError for values that cannot be read, or if the same field is given twice.
    """
    axes: list[Axis] = []
    single: dict[str, str] = {}
    for name in SWEPT:
        text = options.get(name)
        if text is None:
            continue
        origin = f"--{name.replace('_', '-')}"
        texts = read_values(text, origin)
        if len(texts) > 1:
            axes.append(Axis(name, origin, name, tuple(texts)))
        else:
            single[name] = texts[0]
    fixed: list[str] = []
    for setting in settings:
        place, equals, text = (part.strip() for part in setting.partition("="))
        texts = read_values(text, f"--set {place}") if equals and text else []
        if len(texts) > 1:
            axes.append(Axis(place, f"--set {place}", "", tuple(texts)))
        else:
            fixed.append(setting)
    names = [axis.name for axis in axes]
    for axis in axes:
        if names.count(axis.name) > 1:
            raise _unreadable(axis.origin, "it twice", "one list of values")
    # The first axis is the one that curves are drawn along: it changes fastest.
    return Grid((*axes[1:], *axes[:1])), single, fixed


def read_values(text: str, origin: str) -> list[str]:
    """Read a list of values and ranges, such as `1..5,10,20`, `1..64*2` or `100/s..500/s..100/s`.

    Commas inside brackets or quotes part nothing. origin: what errors call it. Raises ScenarioError.
    """
    values: list[str] = []
    for part in _parted(text):
        match = _RANGE.fullmatch(part)
        values += [part] if match is None else _range(match, origin)
    doubled = {value for value in values if values.count(value) > 1} if len(values) < 1000 else set()
    if not values or "" in values:
        raise _unreadable(origin, shown(text), _ACCEPTED)
    if doubled:
        raise _unreadable(origin, f"{min(doubled)} twice", "each value once")
    return values


def _parted(text: str) -> list[str]:
    """Part a text at the commas outside of brackets and quotes."""
    parts = [""]
    depth, quote = 0, ""
    for character in text:
        if quote:
            quote = "" if character == quote else quote
        elif character in "\"'":
            quote = character
        elif character in "[{(":
            depth += 1
        elif character in "]})":
            depth -= 1
        elif character == "," and depth == 0:
            parts.append("")
            continue
        parts[-1] += character
    return [part.strip() for part in parts]


def _range(match: re.Match[str], origin: str) -> list[str]:
    """Return the values of a range, both ends included where the steps reach them."""
    first, first_unit, last, last_unit, step, step_unit, factor = match.groups()
    unit = last_unit
    if first_unit not in ("", unit) or (step and step_unit not in ("", unit)):
        raise _unreadable(origin, shown(match[0]), "a range in one unit, such as 100/s..500/s..100/s")
    low, high = Fraction(first), Fraction(last)
    whole = low.denominator == 1 and high.denominator == 1 and not unit
    if step is None and factor is None and not whole:
        example = f"a step too, such as {match[0]}..{_number(high / 10)}{unit}"
        raise _unreadable(origin, f"{shown(match[0])} without a step", example)
    by, times = Fraction(step or 1), Fraction(factor or 1)
    if high < low or by <= 0 or (factor and (times <= 1 or low <= 0)):
        raise _unreadable(origin, shown(match[0]), "a range that goes up, such as 1..50 or 1..64*2")
    if factor is None and (high - low) / by >= MOST_VALUES:
        raise _unreadable(origin, shown(match[0]), f"at most {MOST_VALUES:,} values")
    numbers = []
    while low <= high:
        numbers.append(f"{_number(low)}{unit}")
        low = low * times if factor else low + by
    return numbers


def _number(value: Fraction) -> str:
    return str(value.numerator) if value.denominator == 1 else repr(float(value))


def _unreadable(origin: str, found: Any, accepted: str) -> ScenarioError:
    return ScenarioError(origin, [FieldProblem((), found, accepted)])

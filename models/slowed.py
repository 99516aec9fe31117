"""A scenario whose services are so much slower or faster, in everything that takes time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from models.errors import InvalidField
from models.units import BANDWIDTH, RATE, TIME

NOT_OF_SERVICES: Final = frozenset({"workloads", "run", "thresholds", "name", "description"})
"""What users do and how it is simulated stays as it is."""


def slowed(table: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return a scenario's tables with all times of its services and operations multiplied, and rates divided.

    table: as a scenario file has it; texts that are no quantity stay. factor: above 0; more than 1 is slower.
    """
    return {name: part if name in NOT_OF_SERVICES else _slowed(part, factor) for name, part in table.items()}


def _slowed(part: Any, factor: float) -> Any:
    if isinstance(part, Mapping):
        return {name: _slowed(value, factor) for name, value in part.items()}
    if isinstance(part, list | tuple):
        return [_slowed(value, factor) for value in part]
    return _quantity(part, factor) if isinstance(part, str) else part


def _quantity(text: str, factor: float) -> str:
    for quantity, by in ((TIME, factor), (RATE, 1.0 / factor), (BANDWIDTH, 1.0 / factor)):
        try:
            value = quantity.read_float(text)
        except InvalidField:
            continue
        if quantity is RATE:
            return quantity.print(value * by)
        return quantity.print(max(round(value * by), 1) if value > 0 else 0)
    return text

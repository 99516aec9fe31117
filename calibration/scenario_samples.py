"""A fitted scenario's draws, kept in a profile as the values of those fields that differ between them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from models.scenario import Scenario

_BARE = re.compile(r'[^.\[\]"=\s]+')


def scenario_samples(base: Scenario, drawn: Sequence[Scenario]) -> dict[str, list[Any]]:
    """Return, of each field that is not the same in all scenarios, its place and its value in each draw.

    base: of the estimates, as it stands in the profile. drawn: of each draw, in their order. Where a field or a stage
    is in some of them only, the value is the whole table or list around it. Times keep their units, as in a file.
    """
    tables = [one.model_dump(mode="json", exclude_none=True) for one in (base, *drawn)]
    found: dict[str, list[Any]] = {}
    for path in _places((), tables):
        found[place_text(path)] = [_at(table, path) for table in tables[1:]]
    return found


def _places(path: tuple[str | int, ...], values: Sequence[Any]) -> list[tuple[str | int, ...]]:
    """Return the deepest places at which values differ and exist in all of them."""
    if all(value == values[0] for value in values[1:]):
        return []
    keys = _common_keys(values)
    if keys is None:
        return [path]
    return [place for key in keys for place in _places((*path, key), [value[key] for value in values])]


def _common_keys(values: Sequence[Any]) -> list[Any] | None:
    """Return the keys of tables, or positions of lists of tables, that all have alike; None where they do not."""
    if all(isinstance(value, Mapping) for value in values):
        keys = list(values[0])
        return keys if all(set(value) == set(keys) for value in values) else None
    if all(isinstance(value, list) and value and isinstance(value[0], Mapping) for value in values):
        lengths = {len(value) for value in values}
        return list(range(lengths.pop())) if len(lengths) == 1 else None
    return None


def _at(table: Any, path: tuple[str | int, ...]) -> Any:
    for part in path:
        table = table[part]
    return table


def place_text(path: Sequence[str | int]) -> str:
    """Print a place as `--set` reads it, such as `services.hub.linux.tick` or `operations[0].stages[1].time.mean`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
            continue
        name = part if _BARE.fullmatch(part) else json.dumps(part, ensure_ascii=False)
        text += f".{name}" if text else name
    return text

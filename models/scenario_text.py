"""Scenarios as text: reading TOML, writing TOML, and turning validation errors into problems of fields."""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from models.errors import FieldProblem, InvalidField, Path, ScenarioError, shown
from models.stages import STAGE_KINDS
from models.table import nearest

_TOML_POSITION = re.compile(r" \(at (.*)\)$")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+", re.ASCII)
_ACCEPTED_TYPES = {
    "missing": "a value, as this field is required",
    "string_type": "a text in quotes",
    "model_attributes_type": 'a stage, such as { kind = "cpu", demand = "1ms" }',
    "list_type": "a list, in square brackets",
    "dict_type": "a table of names",
    "bool_type": "true or false",
    "string_too_short": "a name of at least 1 character",
    "string_too_long": "a name of at most 100 characters",
    "string_pattern_mismatch": "a name of letters, digits and _ . : + -, with blanks inside",
}


def read_text(path: FilePath, accepted: str = "a readable scenario file") -> str:
    """Read a file as UTF-8. accepted: what an error asks for. Raises ScenarioError if that cannot be done."""
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        found = f"no readable file ({(error.strerror or 'unknown reason').lower()})"
        raise ScenarioError(str(path), [FieldProblem((), found, accepted)]) from None
    except UnicodeDecodeError as error:
        found = f"a byte that is not UTF-8 at offset {error.start}"
        raise ScenarioError(str(path), [FieldProblem((), found, "TOML in UTF-8")]) from None


def parse_toml(text: str, source: str) -> dict[str, Any]:
    """Parse TOML. source: what errors call the text. Raises ScenarioError."""
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError as error:
        message = str(error)
        position = _TOML_POSITION.search(message)
        what = _TOML_POSITION.sub("", message)
        found = "".join(c if c.isprintable() else "?" for c in what[:1].lower() + what[1:])
        place: Path = (position[1],) if position else ()
        raise ScenarioError(source, [FieldProblem(place, f"a syntax error ({found})", "TOML 1.0")]) from None
    except ValueError as error:
        found = str(error).split(";")[0]
        raise ScenarioError(source, [FieldProblem((), f"a value that cannot be read ({found})", "TOML 1.0")]) from None
    except RecursionError:
        raise ScenarioError(source, [FieldProblem((), "too deep a nesting", "a scenario in TOML")]) from None


def explain(error: ValidationError) -> list[FieldProblem]:
    """Turn pydantic's errors into problems that name the field as it stands in the file."""
    return [problem for details in error.errors(include_url=False) for problem in _problems_of(details)]


def _problems_of(details: ErrorDetails) -> Iterator[FieldProblem]:
    path = _path_in_file(details["loc"])
    kind, context, found = details["type"], details.get("ctx", {}), shown(details.get("input"))
    cause = context.get("error")
    if isinstance(cause, InvalidField):
        yield from (problem.below(path) for problem in cause.problems)
    elif kind == "missing":
        yield FieldProblem(path, "nothing", _ACCEPTED_TYPES[kind])
    elif kind == "union_tag_not_found":
        yield FieldProblem((*path, "kind"), "nothing", f"one of: {', '.join(STAGE_KINDS)}")
    elif kind == "union_tag_invalid":
        tag = str(context["tag"])
        yield FieldProblem((*path, "kind"), shown(tag), nearest(tag, STAGE_KINDS))
    elif kind == "literal_error":
        yield FieldProblem(path, found, str(context["expected"]).replace("'", '"'))
    else:
        yield FieldProblem(path, found, _ACCEPTED_TYPES.get(kind, details["msg"]))


def _path_in_file(location: Sequence[str | int]) -> Path:
    """Drop what pydantic adds to a place: the kind after a stage's index, the mark of a dictionary's key."""
    path: list[str | int] = []
    for index, part in enumerate(location):
        after_stage_index = index >= 2 and isinstance(location[index - 1], int) and location[index - 2] == "stages"
        if part != "[key]" and not (after_stage_index and part in STAGE_KINDS):
            path.append(part)
    return tuple(path)


def _toml_text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")


def _toml_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) else _toml_text(key)


def _inline(value: object, indent: str) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return _toml_text(value)
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, Mapping):
        pairs = ", ".join(f"{_toml_key(key)} = {_inline(item, indent)}" for key, item in value.items())
        return f"{{ {pairs} }}" if pairs else "{}"
    if isinstance(value, Sequence):
        items = [_inline(item, indent) for item in value]
        if any(isinstance(item, Mapping) for item in value):
            inside = "".join(f"{indent}  {item},\n" for item in items)
            return f"[\n{inside}{indent}]"
        return f"[{', '.join(items)}]"
    raise TypeError(f"no TOML for {type(value).__name__}")


def _table_lines(header: str, table: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield header
    for key, value in table.items():
        yield f"{_toml_key(key)} = {_inline(value, '')}"


def write_toml(data: Mapping[str, Any]) -> str:
    """Write the JSON dump of a scenario as TOML: plain fields first, then each table under its own header."""
    lines = []
    tables: list[str] = []
    for key, value in data.items():
        if key == "services":
            for name, service in value.items():
                tables.extend(_table_lines(f"[services.{_toml_key(name)}]", service))
        elif isinstance(value, Mapping):
            tables.extend(_table_lines(f"[{key}]", value))
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for row in value:
                tables.extend(_table_lines(f"[[{key}]]", row))
        else:
            lines.append(f"{key} = {_inline(value, '')}")
    return "\n".join([*lines, *tables]) + "\n"

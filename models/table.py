"""What all tables of a scenario share: unknown and meaningless fields are errors, and units are printed."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializationInfo,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from models.errors import FieldProblem, InvalidField, invalid, shown


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which names are accepted, the nearest to a mistyped one first."""
    names = list(known)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.6)
    listed = ", ".join(names) if names else "none, as there are none"
    return f'"{close[0]}"? (one of: {listed})' if close else f"one of: {listed}"


def nothing() -> list[Any]:
    """Return an empty list, as the default of a field: Pydantic looks at its signature; that of `list` takes long."""
    return []


WHOLE: Final = "whole"
"""The context of a dump that leaves nothing out."""


class Table(BaseModel):
    """A table of the scenario file.

    A field that its neighbours make meaningless must not be written; `meaningless` names such fields.
    The JSON dump leaves these out, and what is None or empty, so that it reads back as an equal table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)  # built when first needed

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Yield each field that has no effect beside the others, with what would give it one."""
        yield from ()

    def problems(self) -> Iterator[FieldProblem]:
        """Yield what is wrong between the fields of this table."""
        yield from ()

    @model_validator(mode="before")
    @classmethod
    def _reject_unknown_fields(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            if isinstance(data, BaseModel):
                return data
            raise invalid(data, f"a table with the fields {', '.join(cls.model_fields)}")
        unknown = [key for key in data if key not in cls.model_fields]
        if unknown:
            raise InvalidField(
                FieldProblem((str(key),), "an unknown field", nearest(str(key), cls.model_fields)) for key in unknown
            )
        return data

    @model_validator(mode="after")
    def _check_neighbours(self) -> "Table":
        found = [
            FieldProblem((field,), shown_field(self, field), f"nothing, as it only has an effect with {needed}")
            for field, needed in self.meaningless()
            if field in self.model_fields_set and getattr(self, field) not in (None, [], {})
        ]
        found.extend(self.problems())
        if found:
            raise InvalidField(found)
        return self

    @model_serializer(mode="wrap")
    def _leave_out_what_has_no_effect(
        self, handler: SerializerFunctionWrapHandler, info: SerializationInfo
    ) -> dict[str, Any]:
        printed: dict[str, Any] = handler(self)
        if info.mode != "json" or info.context is WHOLE:
            return printed
        without_effect = {field for field, _ in self.meaningless()}
        return {
            field: value
            for field, value in printed.items()
            if field not in without_effect and not (value is None or self._is_empty_default(field, value))
        }

    @classmethod
    def _is_empty_default(cls, field: str, value: object) -> bool:
        return value in ([], {}) and not cls.model_fields[field].is_required()


def shown_field(table: Table, field: str) -> str:
    """Print the value of a field the way it is written in a scenario, also where it has no effect."""
    value = table.model_dump(mode="json", include={field}, context=WHOLE)[field]
    if isinstance(value, dict):
        value = {name: one for name, one in value.items() if one is not None}
    return shown(value)

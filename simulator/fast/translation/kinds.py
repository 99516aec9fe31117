"""Kinds of values: what a name of the kernel may stand for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np


class TranslationError(Exception):
    """The source says something that the kernel's language does not have."""


@dataclass(frozen=True)
class Kind:
    """A kind of value: its name, LLVM's type for it, and its letter in the names of functions."""

    name: str
    llvm: str
    letter: str


@dataclass(frozen=True)
class Field:
    """A field of a row: its kind as it is read, LLVM's type in memory, and where it lies [bytes]."""

    kind: Kind
    stored: str
    offset: int


@dataclass(frozen=True)
class RowKind(Kind):
    """A pointer to a row of a table."""

    fields: Mapping[str, Field] = field(compare=False)


@dataclass(frozen=True)
class ArrayKind(Kind):
    """A pointer to the elements of a whole table; columns: of a row, 0 where the table has one dimension."""

    element: Kind
    columns: int


INT: Final = Kind("int", "i64", "i")
UNSIGNED: Final = Kind("unsigned", "i64", "u")
FLOAT: Final = Kind("float", "double", "f")
BOOL: Final = Kind("bool", "i1", "b")
NOTHING: Final = Kind("None", "void", "n")

_OF_DTYPE: Final = {np.dtype(np.int64): INT, np.dtype(np.uint64): UNSIGNED, np.dtype(np.float64): FLOAT}
_OF_NAME: Final = {"int64": INT, "uint64": UNSIGNED, "float64": FLOAT, "int": INT, "float": FLOAT, "bool": BOOL}


@dataclass(frozen=True)
class Value:
    """A value: its kind, and what stands for it in LLVM's assembly."""

    kind: Kind
    text: str


def row_kind(table: str, dtype: np.dtype[Any]) -> RowKind:
    """Return the kind of a table's rows."""
    assert dtype.fields is not None
    fields = {}
    for name, (stored, offset, *_) in dtype.fields.items():
        if stored == np.int32:
            fields[name] = Field(INT, "i32", offset)
        else:
            fields[name] = Field(_OF_DTYPE[stored], _OF_DTYPE[stored].llvm, offset)
    return RowKind(f"row of {table}", "ptr", f"r.{table}.", fields)


def array_kind(table: str, dtype: np.dtype[Any], columns: int) -> ArrayKind:
    """Return the kind of a whole table."""
    return ArrayKind(f"array {table}", "ptr", f"a.{table}.", _OF_DTYPE[dtype], columns)


def named(name: str) -> Kind | None:
    """Return the kind that an annotation or a part of a signature says; None where it does not."""
    return NOTHING if name == "None" else _OF_NAME.get(name)


def constant(number: float) -> Value:
    """Return a number of the source; what no signed integer holds is unsigned. Raises TranslationError."""
    if isinstance(number, bool | np.bool_):
        return Value(BOOL, "true" if number else "false")
    if isinstance(number, int | np.integer):
        whole = int(number)
        if -(1 << 63) <= whole < 1 << 63:
            return Value(INT, str(whole))
        if 0 <= whole < 1 << 64:
            return Value(UNSIGNED, str(whole - (1 << 64)))
        raise TranslationError(f"{whole} has more than 64 bits")
    if isinstance(number, float):
        return Value(FLOAT, f"0x{np.float64(number).view(np.uint64):016X}")
    raise TranslationError(f"{number!r} is no number")

"""What the kernel is written in: the roles of its functions, accessors of its tables, and a few instructions.

The kernel's only argument is ``sim``: a row of scalars that also holds the address of every table (see
`simulator.fast.layout`). ``task_at(sim, t)`` is row ``t`` of the table of tasks, a plain pointer when compiled: reading
``task.work`` is one load, nothing is counted or allocated, and a function call passes two registers. The compiler is
told that two fields never share memory (type-based alias analysis), so that what was read once stays in a register
while other fields are written.

Everything here is Python: without a compiler, or under ``NUMBA_DISABLE_JIT=1``, the kernel's source runs as it stands
on rows that read and write the same arrays. `simulator.fast.translation` compiles the same source; it knows the
functions of this module by the tables below, and writes code of its own for them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import numpy as np

from simulator.fast.layout import CAUSE_COLUMNS, CAUSES_OF_A_LINE

Function = TypeVar("Function", bound=Callable[..., Any])

KERNEL: Final = "kernel"
INLINED: Final = "inlined"
RARE: Final = "rare"
ENTRY: Final = "entry"

_SELDOM: Final = (
    "recording checking grow choosing started reading has_quota quota_ns pausing throttled speeds_vary batcher orphan "
    "settled timeout budget phases queue_limit dispatch_ns hop_ns"
)
SELDOM: Final = frozenset(_SELDOM.split())
"""Fields that most scenarios leave at 0, or -1: code for what they ask for lies out of the way of the rest."""

ROLES: dict[Callable[..., Any], str] = {}
"""The role of each function of the kernel."""


def kernel(function: Function) -> Function:
    """Make a function a part of the kernel."""
    ROLES[function] = KERNEL
    return function


def inlined(function: Function) -> Function:
    """As `kernel`, for small functions that are called for every event: they become part of their callers."""
    ROLES[function] = INLINED
    return function


def rare(function: Function) -> Function:
    """As `kernel`, for what most scenarios seldom need: it stays out of its callers, which keep their registers."""
    ROLES[function] = RARE
    return function


def entry(function: Function) -> Function:
    """As `kernel`, for the function that is called from outside."""
    ROLES[function] = ENTRY
    return function


# --- rows and tables -------------------------------------------------------------------------------------------------


class Row:
    """A row of a structured array with its fields as attributes, read as plain Python numbers."""

    __slots__ = ("_row", "array", "index")

    def __init__(self, row: Any, array: Any = None, index: int = 0) -> None:
        for name, value in (("_row", row), ("array", array), ("index", index)):
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        return self._row[name].item()

    def __setattr__(self, name: str, value: Any) -> None:
        self._row[name] = value


class PythonState(Row):
    """The record of scalars with its tables, for running the kernel as Python."""

    __slots__ = ("tables",)

    def __init__(self, row: Any, tables: dict[str, Any]) -> None:
        super().__init__(row)
        object.__setattr__(self, "tables", tables)


@dataclass(frozen=True)
class StateAccess:
    """Gives the row at the address that the kernel is called with."""

    dtype: np.dtype[Any]


@dataclass(frozen=True)
class RowAccess:
    """Gives a row of a table whose address lies at ``offset`` bytes of ``sim``."""

    offset: int
    table: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class ArrayAccess:
    """Gives a whole table, of numbers of one kind, as an array; of two dimensions if ``columns`` is not 0."""

    offset: int
    table: str
    dtype: np.dtype[Any]
    columns: int


ACCESSORS: dict[Callable[..., Any], StateAccess | RowAccess | ArrayAccess] = {}
"""What each accessor gives."""


def state_accessor(dtype: np.dtype[Any]) -> Any:
    """Return a function of what the kernel is called with to its row."""

    def state_of(state: Any) -> Any:
        return state[0]

    ACCESSORS[state_of] = StateAccess(dtype)
    return state_of


def row_accessor(offset: int, table: str, dtype: np.dtype[Any]) -> Any:
    """Return a function of (sim, index) to the row of a table."""

    def row_at(sim: Any, index: int) -> Row:
        return Row(sim.tables[table][index], sim.tables[table], index)

    ACCESSORS[row_at] = RowAccess(offset, table, dtype)
    return row_at


def array_accessor(offset: int, table: str, dtype: np.dtype[Any], columns: int) -> Any:
    """Return a function of (sim) to a whole table as an array, of two dimensions if ``columns`` is not 0."""

    def array_of(sim: Any) -> Any:
        array = sim.tables[table]
        return array.view(dtype).reshape(-1, columns) if columns else array.view(dtype)

    ACCESSORS[array_of] = ArrayAccess(offset, table, dtype, columns)
    return array_of


# --- instructions ----------------------------------------------------------------------------------------------------

INTRINSICS: dict[Callable[..., Any], str] = {}
"""Functions that are instructions when compiled, and the names by which these are found."""


def _intrinsic(function: Function) -> Function:
    INTRINSICS[function] = function.__name__
    return function


@_intrinsic
def prefetch(row: Row, offset: int) -> None:
    """Have the line of the cache fetched in which byte ``offset`` of a row lies."""


def _columns(row: Row, columns: int = CAUSE_COLUMNS) -> Any:
    """Return the values of the rows from one on; compiled, they are one vector."""
    return row.array["value"][row.index : row.index + columns]


@_intrinsic
def clear_columns(row: Row) -> None:
    """Set the values of the rows from one on to 0."""
    _columns(row)[:] = 0


@_intrinsic
def copy_columns(row: Row, other: Row) -> None:
    """Set the values to those of other rows."""
    _columns(row)[:] = _columns(other)


@_intrinsic
def add_columns(row: Row, other: Row) -> None:
    """Add the values of other rows."""
    _columns(row)[:] += _columns(other)


@_intrinsic
def add_line(row: Row, other: Row) -> None:
    """Add a line of the cache of values of other rows."""
    _columns(row, CAUSES_OF_A_LINE)[:] += _columns(other, CAUSES_OF_A_LINE)


@_intrinsic
def line_is_set(row: Row) -> bool:
    """Return whether any value of a line of the cache is not 0."""
    return bool(_columns(row, CAUSES_OF_A_LINE).any())

"""Access to tables: the rows and arrays that accessors give, fields of rows, and the functions of several rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulator.fast import jit
from simulator.fast.layout import CAUSE_COLUMNS, CAUSES_OF_A_LINE
from simulator.fast.translation.kinds import (
    BOOL,
    INT,
    NOTHING,
    ArrayKind,
    Field,
    RowKind,
    TranslationError,
    Value,
    array_kind,
    row_kind,
)
from simulator.fast.translation.operators import converted
from simulator.fast.translation.text import NOTHING_MORE, Code

NO_VALUE: Final = Value(NOTHING, "")


def _field_of(row: Value, name: str) -> tuple[RowKind, Field]:
    if not isinstance(row.kind, RowKind) or name not in row.kind.fields:
        raise TranslationError(f"{row.kind.name} has no field {name}")
    return row.kind, row.kind.fields[name]


def _place(code: Code, row: Value, name: str) -> tuple[Field, str, str]:
    """Return a field, its address and its mark."""
    kind, field = _field_of(row, name)
    address = row.text if field.offset == 0 else _beyond(code, row.text, str(field.offset))
    return field, address, code.declarations.mark(kind.name.removeprefix("row of "), name)


def _beyond(code: Code, address: str, offset: str) -> str:
    return code.value(INT, f"getelementptr i8, ptr {address}, i64 {offset}").text


def read_field(code: Code, row: Value, name: str) -> Value:
    """Return the value of a row's field; half a word is read as a whole one."""
    field, address, mark = _place(code, row, name)
    value = code.value(field.kind, f"load {field.stored}, ptr {address}, !tbaa {mark}")
    if field.stored != "i32":
        return value
    return code.value(INT, f"sext i32 {value.text} to i64")


def write_field(code: Code, row: Value, name: str, given: Value) -> None:
    """Set a row's field."""
    field, address, mark = _place(code, row, name)
    text = converted(code, given, field.kind).text
    if field.stored == "i32":
        text = code.value(INT, f"trunc i64 {text} to i32").text
    code.do(f"store {field.stored} {text}, ptr {address}, !tbaa {mark}")


def read_element(code: Code, array: Value, indices: list[Value]) -> Value:
    """Return an element of an array."""
    kind = array.kind
    if not isinstance(kind, ArrayKind) or len(indices) != (2 if kind.columns else 1):
        raise TranslationError(f"{kind.name} with {len(indices)} indices")
    position = converted(code, indices[0], INT).text
    if kind.columns:
        row = code.value(INT, f"mul i64 {position}, {kind.columns}").text
        position = code.value(INT, f"add i64 {row}, {converted(code, indices[1], INT).text}").text
    address = code.value(kind, f"getelementptr {kind.element.llvm}, ptr {array.text}, i64 {position}").text
    return code.value(kind.element, f"load {kind.element.llvm}, ptr {address}")


def _table(code: Code, sim: Value, offset: int) -> str:
    """Return a table's address, which does not change while the kernel runs."""
    return code.value(INT, f"load ptr, ptr {_beyond(code, sim.text, str(offset))}, !invariant.load {NOTHING_MORE}").text


def access(code: Code, accessor: object, given: list[Value]) -> Value:
    """Return what an accessor of `simulator.fast.jit` gives."""
    if isinstance(accessor, jit.StateAccess):
        return code.value(row_kind("state", accessor.dtype), f"inttoptr i64 {given[0].text} to ptr")
    if isinstance(accessor, jit.RowAccess):
        sim, index = given
        size = code.value(INT, f"mul i64 {converted(code, index, INT).text}, {accessor.dtype.itemsize}").text
        address = _beyond(code, _table(code, sim, accessor.offset), size)
        return Value(row_kind(accessor.table, accessor.dtype), address)
    if isinstance(accessor, jit.ArrayAccess):
        kind = array_kind(accessor.table, accessor.dtype, accessor.columns)
        return Value(kind, _table(code, given[0], accessor.offset))
    raise TranslationError(f"{accessor!r} is no accessor")


# --- several rows at once --------------------------------------------------------------------------------------------


def _vector(columns: int) -> str:
    return f"<{columns} x i64>"


def _load(code: Code, row: Value, columns: int) -> str:
    _, address, mark = _place(code, row, "value")
    return code.value(NOTHING, f"load {_vector(columns)}, ptr {address}, align 8, !tbaa {mark}").text


def _store(code: Code, row: Value, text: str, columns: int) -> Value:
    _, address, mark = _place(code, row, "value")
    code.do(f"store {_vector(columns)} {text}, ptr {address}, align 8, !tbaa {mark}")
    return NO_VALUE


def _clear(code: Code, given: list[Value]) -> Value:
    return _store(code, given[0], "zeroinitializer", CAUSE_COLUMNS)


def _copy(code: Code, given: list[Value]) -> Value:
    return _store(code, given[0], _load(code, given[1], CAUSE_COLUMNS), CAUSE_COLUMNS)


def _adding(columns: int) -> Callable[[Code, list[Value]], Value]:
    def add(code: Code, given: list[Value]) -> Value:
        first, second = (_load(code, row, columns) for row in given)
        return _store(code, given[0], code.value(NOTHING, f"add {_vector(columns)} {first}, {second}").text, columns)

    return add


def _line_is_set(code: Code, given: list[Value]) -> Value:
    bits = f"i{64 * CAUSES_OF_A_LINE}"
    line = _load(code, given[0], CAUSES_OF_A_LINE)
    whole = code.value(NOTHING, f"bitcast {_vector(CAUSES_OF_A_LINE)} {line} to {bits}").text
    return code.value(BOOL, f"icmp ne {bits} {whole}, 0")


# --- bits and caches -------------------------------------------------------------------------------------------------


def _prefetch(code: Code, given: list[Value]) -> Value:
    name = code.declarations.function("llvm.prefetch.p0", "void", "ptr, i32, i32, i32")
    address = _beyond(code, given[0].text, given[1].text)
    code.do(f"call void {name}(ptr {address}, i32 1, i32 3, i32 1)")  # to be written, kept, data
    return NO_VALUE


INTRINSIC: Final[dict[str, Callable[[Code, list[Value]], Value]]] = {
    "clear_columns": _clear,
    "copy_columns": _copy,
    "add_columns": _adding(CAUSE_COLUMNS),
    "add_line": _adding(CAUSES_OF_A_LINE),
    "line_is_set": _line_is_set,
    "prefetch": _prefetch,
}
"""Functions of `simulator.fast.jit` that have instructions of their own, by name."""

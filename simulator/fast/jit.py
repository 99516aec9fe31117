"""Compilation of the kernel: decorators for its functions and accessors of its tables.

The kernel's only argument is ``sim``: a row of scalars that also holds the address of every table (see
`simulator.fast.layout`). ``task_at(sim, t)`` is row ``t`` of the table of tasks, a plain pointer when compiled: reading
``task.work`` is one load, nothing is counted or allocated, and a function call passes two registers. The compiler is
told that two fields never share memory (type-based alias analysis), so that what was read once stays in a register
while other fields are written.

Without Numba, or under ``NUMBA_DISABLE_JIT=1``, the same source runs as Python on rows that read and write the same
arrays.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from models.compiled import HAVE_NUMBA, prepare_compiler
from simulator.fast.layout import CAUSE_COLUMNS, CAUSES_OF_A_LINE

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
PARTS: set[str] = set()  # names of the kernel's functions
RARE: set[str] = set()  # names of those that most scenarios seldom call
ENTRIES: set[str] = set()  # names of those that are called from outside

if HAVE_NUMBA:
    import numba as _numba
    from llvmlite import ir
    from numba import types
    from numba.core import cgutils as _cgutils
    from numba.core import imputils as _imputils
    from numba.core.typing.templates import AttributeTemplate, infer_getattr
    from numba.extending import intrinsic, models, register_model
    from numba.np import arrayobj as _arrayobj

    numba: Any = _numba  # its private parts have no types
    cgutils: Any = _cgutils
    arrayobj: Any = _arrayobj
    imputils: Any = _imputils
    try:  # no reference counts: the kernel makes no object. The option is private: do without if need be.
        numba.njit(_nrt=False)
        OPTIONS["_nrt"] = False
    except (KeyError, TypeError, ValueError):
        pass

    def _shared_part(signature: str, **options: Any) -> Callable[[Any], Any]:
        """Compile a function that both engines share as a part of the kernel."""

        def compile_function(function: Any) -> Any:
            PARTS.add(function.__qualname__)
            return numba.njit(signature, no_cpython_wrapper=True, no_cfunc_wrapper=True, **(OPTIONS | options))(
                function
            )

        return compile_function

    prepare_compiler(_shared_part)

    def _part(function: Any, *, forceinline: bool) -> Any:
        """Compile a function when the kernel is compiled, once for all values of its arguments."""
        PARTS.add(function.__qualname__)
        part = numba.njit(
            forceinline=forceinline, no_cpython_wrapper=True, no_cfunc_wrapper=True, no_rewrites=True, **OPTIONS
        )(function)
        template = part.get_call_template
        # Numba would compile a function once more for each constant that it is called with.
        part.get_call_template = lambda arguments, named: template(tuple(map(types.unliteral, arguments)), named)
        return part

    def kernel(function: Function) -> Function:
        """Compile a function of the kernel when the kernel is compiled; callable from the kernel alone."""
        made: Function = _part(function, forceinline=False)
        return made

    def inlined(function: Function) -> Function:
        """As `kernel`, for small functions that are called for every event: they become part of their callers."""
        made: Function = _part(function, forceinline=True)
        return made

    def rare(function: Function) -> Function:
        """As `kernel`, for what most scenarios seldom need: it stays out of its callers, which keep their registers."""
        RARE.add(function.__qualname__)
        return kernel(function)

    def entry(function: Function) -> Function:
        """Compile a function that is called from outside by its address, with all that it calls."""
        ENTRIES.add(function.__qualname__)
        made: Function = numba.njit(no_cpython_wrapper=True, no_cfunc_wrapper=True, **OPTIONS)(function)
        return made

    class RowType(types.Type):
        """A pointer to a row of a table."""

        def __init__(self, table: str, dtype: np.dtype[Any]) -> None:
            assert dtype.fields is not None
            self.fields = {name: (numba.from_dtype(given[0]), int(given[1])) for name, given in dtype.fields.items()}
            self.table = table
            super().__init__(name=f"Row({table})")

    @register_model(RowType)
    class _RowModel(models.OpaqueModel):
        """An address."""

    @infer_getattr
    class _RowFields(AttributeTemplate):
        """The types of a row's fields."""

        key = RowType

        def generic_resolve(self, row: Any, name: str) -> Any:  # type: ignore[override]
            """Return the type of a field as it is read, None if there is no such field."""
            stored = row.fields.get(name, (None,))[0]
            return types.int64 if stored == types.int32 else stored

    def _field(context: Any, builder: Any, row: Any, pointer: Any, name: str) -> tuple[Any, Any]:
        """Return the address of a field, and what tells its memory from every other field's."""
        kind, offset = row.fields[name]
        address = builder.gep(pointer, [ir.Constant(ir.IntType(64), offset)])
        module, zero = builder.module, ir.Constant(ir.IntType(64), 0)
        root = module.add_metadata(["kernel"])
        node = module.add_metadata([f"{row.table}.{name}", root, zero])
        return builder.bitcast(address, context.get_data_type(kind).as_pointer()), module.add_metadata(
            [node, node, zero]
        )

    def _read_field(context: Any, builder: Any, row: Any, pointer: Any, name: str) -> Any:
        address, tag = _field(context, builder, row, pointer, name)
        value = builder.load(address)
        value.set_metadata("tbaa", tag)
        return builder.sext(value, ir.IntType(64)) if value.type == ir.IntType(32) else value

    def _write_field(context: Any, builder: Any, signature: Any, arguments: Any, name: str) -> None:
        row, given = signature.args
        address, tag = _field(context, builder, row, arguments[0], name)
        value = context.cast(builder, arguments[1], given, row.fields[name][0])
        builder.store(value, address).set_metadata("tbaa", tag)

    imputils.lower_getattr_generic(RowType)(_read_field)
    imputils.lower_setattr_generic(RowType)(_write_field)

    def _address(builder: Any, sim: Any, offset: int) -> Any:
        """Emit the load of a table's address, which does not change while the kernel runs."""
        pointer = ir.IntType(8).as_pointer()
        field = builder.gep(sim, [ir.Constant(ir.IntType(64), offset)])
        base = builder.load(builder.bitcast(field, pointer.as_pointer()))
        base.set_metadata("invariant.load", builder.module.add_metadata([]))
        return base

    @intrinsic
    def _bit_length(_context: Any, value: Any) -> Any:
        """Return the number of bits of a nonnegative number."""

        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            leading = builder.ctlz(arguments[0], ir.Constant(ir.IntType(1), 0))
            return builder.sub(ir.Constant(ir.IntType(64), 64), leading)

        return types.int64(types.int64), code

    bit_length: Any = _bit_length

    @intrinsic
    def _prefetch(_context: Any, row: Any, offset: Any) -> Any:
        """Have the line of the cache fetched in which byte ``offset`` of a row lies."""

        def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
            function = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
            constants = [ir.Constant(number, value) for value in (1, 3, 1)]  # to be written, kept, data
            builder.call(function, [builder.gep(arguments[0], [arguments[1]]), *constants])

        return types.void(row, types.int64), code

    prefetch: Any = _prefetch

    def _columns_function(emit: Callable[[Any, list[Any], Any], Any], rows: int, columns: int = CAUSE_COLUMNS) -> Any:
        """Return a function of rows of single values that works on so many of them from each on, as a vector.

        emit: returns what is to be stored from the first row on. Numba's own loops over so few become no vectors.
        """
        vector = ir.VectorType(ir.IntType(64), columns)

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            given = zip(signature.args, arguments, strict=True)
            found = [_field(context, builder, row, pointer, "value") for row, pointer in given]
            places = [(builder.bitcast(address, vector.as_pointer()), tag) for address, tag in found]
            stored = builder.store(emit(builder, places, vector), places[0][0], align=8)
            stored.set_metadata("tbaa", places[0][1])
            return context.get_dummy_value()

        if rows == 1:

            @intrinsic
            def of_one(_context: Any, row: Any) -> Any:
                return types.void(row), code

            return of_one

        @intrinsic
        def of_two(_context: Any, row: Any, other: Any) -> Any:
            return types.void(row, other), code

        return of_two

    def _loaded(builder: Any, place: Any) -> Any:
        value = builder.load(place[0], align=8)
        value.set_metadata("tbaa", place[1])
        return value

    def _nothing(_builder: Any, _places: list[Any], vector: Any) -> Any:
        return ir.Constant(vector, None)

    def _other(builder: Any, places: list[Any], _vector: Any) -> Any:
        return _loaded(builder, places[1])

    def _sum(builder: Any, places: list[Any], _vector: Any) -> Any:
        return builder.add(_loaded(builder, places[0]), _loaded(builder, places[1]))

    clear_columns: Any = _columns_function(_nothing, 1)
    copy_columns: Any = _columns_function(_other, 2)
    add_columns: Any = _columns_function(_sum, 2)
    add_line: Any = _columns_function(_sum, 2, CAUSES_OF_A_LINE)

    @intrinsic
    def _line_is_set(_context: Any, row: Any) -> Any:
        """Return whether any value of a line of the cache is not 0."""

        def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            vector = ir.VectorType(ir.IntType(64), CAUSES_OF_A_LINE)
            address, tag = _field(context, builder, signature.args[0], arguments[0], "value")
            bits = ir.IntType(64 * CAUSES_OF_A_LINE)
            value = builder.bitcast(_loaded(builder, (builder.bitcast(address, vector.as_pointer()), tag)), bits)
            return builder.icmp_unsigned("!=", value, ir.Constant(bits, 0))

        return types.boolean(row), code

    line_is_set: Any = _line_is_set

    def state_accessor(dtype: np.dtype[Any]) -> Any:
        """Return a function of the address that the kernel is called with to the row that lies there."""
        row = RowType("state", dtype)

        @intrinsic
        def state_of(_context: Any, address: Any) -> Any:
            def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                return builder.inttoptr(arguments[0], ir.IntType(8).as_pointer())

            return row(types.int64), code

        return state_of

    def row_accessor(offset: int, table: str, dtype: np.dtype[Any]) -> Any:
        """Return a function of (sim, index) to the row of a table whose address lies at ``offset`` bytes of ``sim``."""
        row = RowType(table, dtype)

        @intrinsic
        def row_at(_context: Any, sim: Any, index: Any) -> Any:
            def code(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                size = ir.Constant(ir.IntType(64), dtype.itemsize)
                return builder.gep(_address(builder, arguments[0], offset), [builder.mul(arguments[1], size)])

            return row(sim, types.int64), code

        return row_at

    def array_accessor(offset: int, length_offset: int, table: str, dtype: np.dtype[Any], columns: int) -> Any:
        """Return a function of (sim) to a whole table as an array, of two dimensions if ``columns`` is not 0."""
        array_type = types.Array(numba.from_dtype(dtype), 2 if columns else 1, "C")

        @intrinsic
        def array_of(_context: Any, sim: Any) -> Any:
            def code(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
                word = ir.IntType(64)
                base = _address(builder, arguments[0], offset)
                length = builder.ptrtoint(_address(builder, arguments[0], length_offset), word)
                made = arrayobj.make_array(array_type)(context, builder)
                size = ir.Constant(word, dtype.itemsize)
                data = builder.bitcast(base, made.data.type)
                if columns:
                    width = ir.Constant(word, columns)
                    shape = cgutils.pack_array(builder, [length, width])
                    strides = cgutils.pack_array(builder, [builder.mul(size, width), size])
                else:
                    shape = cgutils.pack_array(builder, [length])
                    strides = cgutils.pack_array(builder, [size])
                arrayobj.populate_array(made, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
                return made._getvalue()

            return array_type(sim), code

        return array_of

else:

    def kernel(function: Function) -> Function:
        """Run a function of the kernel as Python."""
        return function

    inlined = kernel
    rare = kernel
    entry = kernel

    def _count_bits(value: int) -> int:
        """Return the number of bits of a nonnegative number."""
        return value.bit_length()

    def _fetch_nothing(row: Row, offset: int) -> None:
        """Do nothing."""

    def _columns(row: Row, columns: int = CAUSE_COLUMNS) -> Any:
        """Return the values of the rows from one on."""
        return row.array["value"][row.index : row.index + columns]

    def _clear_columns(row: Row) -> None:
        """Set the values to 0."""
        _columns(row)[:] = 0

    def _copy_columns(row: Row, other: Row) -> None:
        """Set the values to those of other rows."""
        _columns(row)[:] = _columns(other)

    def _add_columns(row: Row, other: Row) -> None:
        """Add the values of other rows."""
        _columns(row)[:] += _columns(other)

    def _add_line(row: Row, other: Row) -> None:
        """Add a line of the cache of values of other rows."""
        _columns(row, CAUSES_OF_A_LINE)[:] += _columns(other, CAUSES_OF_A_LINE)

    def _any_of_line(row: Row) -> bool:
        """Return whether any value of a line of the cache is not 0."""
        return bool(_columns(row, CAUSES_OF_A_LINE).any())

    add_line, line_is_set = _add_line, _any_of_line
    bit_length = _count_bits
    prefetch = _fetch_nothing
    clear_columns, copy_columns, add_columns = _clear_columns, _copy_columns, _add_columns

    def state_accessor(dtype: np.dtype[Any]) -> Any:
        """Return a function of what the kernel is called with to its row."""

        def state_of(state: Any) -> Any:
            return state[0]

        return state_of

    def row_accessor(offset: int, table: str, dtype: np.dtype[Any]) -> Any:
        """Return a function of (sim, index) to the row of a table."""

        def row_at(sim: Any, index: int) -> Row:
            return Row(sim.tables[table][index], sim.tables[table], index)

        return row_at

    def array_accessor(offset: int, length_offset: int, table: str, dtype: np.dtype[Any], columns: int) -> Any:
        """Return a function of (sim) to a whole table as an array."""

        def array_of(sim: Any) -> Any:
            array = sim.tables[table]
            return array.view(dtype).reshape(-1, columns) if columns else array.view(dtype)

        return array_of


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

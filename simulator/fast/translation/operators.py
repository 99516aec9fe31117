"""Arithmetic, comparisons and conversions of numbers, as Python has them within 64 bits.

Division is floored; by zero it gives 0 between integers (Python would raise; the kernel never does it) and infinity
or no number between floating-point numbers. What is unsigned is only mixed with what was made unsigned.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Final

from simulator.fast.translation.kinds import BOOL, FLOAT, INT, UNSIGNED, Kind, TranslationError, Value
from simulator.fast.translation.text import Code

_BITS: Final[dict[type[ast.operator], str]] = {ast.BitAnd: "and", ast.BitOr: "or", ast.BitXor: "xor"}
_WHOLE: Final[dict[type[ast.operator], str]] = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.LShift: "shl"}
_REAL: Final[dict[type[ast.operator], str]] = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}
_ORDERS: Final[dict[type[ast.cmpop], tuple[str, str]]] = {  # of integers, of floating-point numbers
    ast.Eq: ("eq", "oeq"),
    ast.NotEq: ("ne", "une"),
    ast.Lt: ("lt", "olt"),
    ast.LtE: ("le", "ole"),
    ast.Gt: ("gt", "ogt"),
    ast.GtE: ("ge", "oge"),
}
_CASTS: Final[dict[tuple[Kind, Kind], str]] = {
    (BOOL, INT): "zext",
    (BOOL, UNSIGNED): "zext",
    (BOOL, FLOAT): "uitofp",
    (INT, FLOAT): "sitofp",
    (UNSIGNED, FLOAT): "uitofp",
}


def converted(code: Code, value: Value, kind: Kind) -> Value:
    """Return a value as another kind, where nothing can be lost that Python would keep. Raises TranslationError."""
    if value.kind == kind:
        return value
    if {value.kind, kind} == {INT, UNSIGNED}:
        return Value(kind, value.text)
    cast = _CASTS.get((value.kind, kind))
    if cast is None:
        raise TranslationError(f"{value.kind.name} where {kind.name} is expected")
    return code.value(kind, f"{cast} {value.kind.llvm} {value.text} to {kind.llvm}")


def truth(code: Code, value: Value) -> Value:
    """Return whether a number is not 0."""
    if value.kind == BOOL:
        return value
    if value.kind == FLOAT:
        return code.value(BOOL, f"fcmp une double {value.text}, 0.0")
    if value.kind in {INT, UNSIGNED}:
        return code.value(BOOL, f"icmp ne i64 {value.text}, 0")
    raise TranslationError(f"{value.kind.name} as a condition")


def common(first: Kind, second: Kind) -> Kind:
    """Return the kind in which two numbers meet. Raises TranslationError."""
    if first == second:
        return first
    kinds = {first, second}
    if kinds <= {INT, BOOL}:
        return INT
    if kinds <= {INT, BOOL, FLOAT}:
        return FLOAT
    raise TranslationError(f"{first.name} and {second.name} together")


def binary(code: Code, operator: ast.operator, left: Value, right: Value) -> Value:
    """Return the result of an operator between two numbers."""
    name = type(operator)
    kind = common(left.kind, right.kind)
    if kind == BOOL and name not in _BITS:
        kind = INT
    if name is ast.Div:
        kind = FLOAT
    left, right = converted(code, left, kind), converted(code, right, kind)
    if kind == FLOAT and name in _REAL:
        return code.value(FLOAT, f"{_REAL[name]} double {left.text}, {right.text}")
    if kind != FLOAT and name in _BITS | _WHOLE:
        return code.value(kind, f"{(_BITS | _WHOLE)[name]} {kind.llvm} {left.text}, {right.text}")
    if kind != FLOAT and name is ast.RShift:
        shift = "lshr" if kind == UNSIGNED else "ashr"
        return code.value(kind, f"{shift} i64 {left.text}, {right.text}")
    if kind != FLOAT and name in {ast.FloorDiv, ast.Mod}:
        return _divided(code, left, right, remainder=name is ast.Mod)
    raise TranslationError(f"{name.__name__} between {kind.name}s")


def _divided(code: Code, left: Value, right: Value, *, remainder: bool) -> Value:
    """Return the floored quotient, or the remainder of the divisor's sign; 0 where the divisor is 0."""
    kind = left.kind

    def made(instruction: str) -> str:
        return code.value(kind, instruction).text

    none = made(f"icmp eq i64 {right.text}, 0")
    divisor = made(f"select i1 {none}, i64 1, i64 {right.text}")
    if kind == UNSIGNED:
        result = made(f"{'urem' if remainder else 'udiv'} i64 {left.text}, {divisor}")
    else:
        rest = made(f"srem i64 {left.text}, {divisor}")
        inexact = made(f"icmp ne i64 {rest}, 0")
        crossed = made(f"icmp slt i64 {made(f'xor i64 {rest}, {divisor}')}, 0")
        down = made(f"and i1 {inexact}, {crossed}")
        if remainder:
            result = made(f"select i1 {down}, i64 {made(f'add i64 {rest}, {divisor}')}, i64 {rest}")
        else:
            quotient = made(f"sdiv i64 {left.text}, {divisor}")
            result = made(f"add i64 {quotient}, {made(f'sext i1 {down} to i64')}")
    return code.value(kind, f"select i1 {none}, i64 0, i64 {result}")


def compared(code: Code, operator: ast.cmpop, left: Value, right: Value) -> Value:
    """Return whether two numbers are in an order."""
    kind = common(left.kind, right.kind)
    if type(operator) not in _ORDERS:
        raise TranslationError(f"{type(operator).__name__} between numbers")
    left, right = converted(code, left, kind), converted(code, right, kind)
    whole, real = _ORDERS[type(operator)]
    if kind == FLOAT:
        return code.value(BOOL, f"fcmp {real} double {left.text}, {right.text}")
    if whole not in {"eq", "ne"}:
        whole = ("s" if kind == INT else "u") + whole
    return code.value(BOOL, f"icmp {whole} {kind.llvm} {left.text}, {right.text}")


def negated(code: Code, value: Value) -> Value:
    """Return a number with the other sign."""
    if value.kind == FLOAT:
        return code.value(FLOAT, f"fneg double {value.text}")
    whole = converted(code, value, INT) if value.kind == BOOL else value
    return code.value(whole.kind, f"sub i64 0, {whole.text}")


def inverted(code: Code, value: Value) -> Value:
    """Return a number with all bits changed."""
    whole = converted(code, value, INT) if value.kind == BOOL else value
    return code.value(whole.kind, f"xor i64 {whole.text}, -1")


def refused(code: Code, value: Value) -> Value:
    """Return whether a number is 0."""
    return code.value(BOOL, f"xor i1 {truth(code, value).text}, true")


def _extreme(operator: ast.cmpop) -> Callable[[Code, list[Value]], Value]:
    """Return Python's min or max: the first of equal ones."""

    def extreme(code: Code, given: list[Value]) -> Value:
        best, *others = given
        for other in others:
            kind = common(best.kind, other.kind)
            kept, tried = converted(code, best, kind), converted(code, other, kind)
            better = compared(code, operator, tried, kept)
            best = code.value(kind, f"select i1 {better.text}, {kind.llvm} {tried.text}, {kind.llvm} {kept.text}")
        return best

    return extreme


def _absolute(code: Code, given: list[Value]) -> Value:
    (value,) = given
    if value.kind == FLOAT:
        name = code.declarations.function("llvm.fabs.f64", "double", "double")
        return code.value(FLOAT, f"call double {name}(double {value.text})")
    below = compared(code, ast.Lt(), value, Value(INT, "0"))
    return code.value(INT, f"select i1 {below.text}, i64 {negated(code, value).text}, i64 {value.text}")


def _whole(code: Code, given: list[Value]) -> Value:
    (value,) = given
    if value.kind == FLOAT:
        return code.value(INT, f"fptosi double {value.text} to i64")
    return converted(code, value, INT)


def _real(code: Code, given: list[Value]) -> Value:
    return converted(code, given[0], FLOAT)


def _unsigned(code: Code, given: list[Value]) -> Value:
    return converted(code, given[0], UNSIGNED)


def _mathematical(name: str) -> Callable[[Code, list[Value]], Value]:
    """Return a function of one real number, as LLVM calls the system's."""

    def call(code: Code, given: list[Value]) -> Value:
        declared = code.declarations.function(f"llvm.{name}.f64", "double", "double")
        return code.value(FLOAT, f"call double {declared}(double {converted(code, given[0], FLOAT).text})")

    return call


def _bit_length(code: Code, given: list[Value]) -> Value:
    name = code.declarations.function("llvm.ctlz.i64", "i64", "i64, i1")
    leading = code.value(INT, f"call i64 {name}(i64 {converted(code, given[0], INT).text}, i1 false)")
    return code.value(INT, f"sub i64 64, {leading.text}")


NUMERIC: Final[dict[str, Callable[[Code, list[Value]], Value]]] = {
    "builtins.min": _extreme(ast.Lt()),
    "builtins.max": _extreme(ast.Gt()),
    "builtins.abs": _absolute,
    "builtins.int": _whole,
    "builtins.float": _real,
    "models.compiled.to_uint64": _unsigned,
    "models.compiled.bit_length": _bit_length,
    "math.log": _mathematical("log"),
    "math.exp": _mathematical("exp"),
    "math.sqrt": _mathematical("sqrt"),
}
"""Functions of numbers that are not the kernel's own, by module and name."""

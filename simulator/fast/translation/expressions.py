"""Expressions of the kernel's functions."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final

import numpy as np

from simulator.fast.jit import SELDOM
from simulator.fast.translation import operators
from simulator.fast.translation.kinds import BOOL, Kind, TranslationError, Value, constant
from simulator.fast.translation.memory import read_element, read_field
from simulator.fast.translation.text import Block, Code

Several = list[Value]  # what a tuple stands for


@dataclass
class Variable:
    """A local variable: its kind, and its place on the stack."""

    kind: Kind
    place: str


def _is_seldom(condition: ast.expr) -> bool:
    """Return whether a condition asks for what most scenarios do not have: a field that is set, or not negative."""
    if isinstance(condition, ast.Compare) and isinstance(condition.ops[0], ast.GtE):
        condition = condition.left
    return isinstance(condition, ast.Attribute) and condition.attr in SELDOM


class Expressions:
    """Writes expressions of one function.

    names: the globals of the function's module. call: writes the call of a function with values.
    """

    def __init__(self, code: Code, names: dict[str, Any], call: Callable[[Code, Any, Several], Value]) -> None:
        self.code = code
        self._names = names
        self._call = call
        self.variables: dict[str, Variable] = {}

    def value(self, node: ast.expr) -> Value:
        """Write an expression; return its value. Raises TranslationError."""
        write = _WRITERS.get(type(node))
        if write is None:
            raise TranslationError(f"{type(node).__name__} is not in the kernel's language")
        return write(self, node)

    def several(self, node: ast.expr) -> Several:
        """Write a tuple, or a choice of tuples; return its values."""
        if isinstance(node, ast.Tuple):
            return [self.value(element) for element in node.elts]
        if isinstance(node, ast.IfExp):
            return self._chosen(node)
        raise TranslationError("a tuple is expected")

    def fork(self, node: ast.expr, true: Block, false: Block) -> None:
        """Go on in one of two blocks as a condition says; what need not be known is not looked at."""
        if isinstance(node, ast.BoolOp):
            *before, last = node.values
            for part in before:
                following = self.code.new_block()
                ends = (following, false) if isinstance(node.op, ast.And) else (true, following)
                self.fork(part, *ends)
                self.code.begin(following)
            self.fork(last, true, false)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            self.fork(node.operand, false, true)
        else:
            self.code.fork(operators.truth(self.code, self.value(node)), true, false, seldom=_is_seldom(node))

    # --- the kinds of expressions ------------------------------------------------------------------------------------

    def _constant(self, node: ast.Constant) -> Value:
        return constant(node.value)  # type: ignore[arg-type]

    def _name(self, node: ast.Name) -> Value:
        variable = self.variables.get(node.id)
        if variable is None:
            named = self._named(node)
            if isinstance(named, np.ndarray):
                return self.code.declarations.table(node.id, named)
            return constant(named)
        return self.code.value(variable.kind, f"load {variable.kind.llvm}, ptr {variable.place}")

    def _attribute(self, node: ast.Attribute) -> Value:
        if isinstance(node.value, ast.Name) and node.value.id not in self.variables:
            return constant(self._named(node))
        return read_field(self.code, self.value(node.value), node.attr)

    def _named(self, node: ast.expr) -> Any:
        """Return what a global name, or a name of a module, stands for."""
        if isinstance(node, ast.Name):
            if node.id in self._names:
                return self._names[node.id]
            if hasattr(builtins, node.id):
                return getattr(builtins, node.id)
        if isinstance(node, ast.Attribute):
            module = self._named(node.value)
            if isinstance(module, ModuleType) and hasattr(module, node.attr):
                return getattr(module, node.attr)
        raise TranslationError(f"{ast.unparse(node)} is not known")

    def _called(self, node: ast.Call) -> Value:
        if node.keywords:
            raise TranslationError("arguments by name")
        return self._call(self.code, self._named(node.func), [self.value(argument) for argument in node.args])

    def _subscript(self, node: ast.Subscript) -> Value:
        array = self.value(node.value)
        indices = self.several(node.slice) if isinstance(node.slice, ast.Tuple) else [self.value(node.slice)]
        return read_element(self.code, array, indices)

    def _binary(self, node: ast.BinOp) -> Value:
        return operators.binary(self.code, node.op, self.value(node.left), self.value(node.right))

    def _unary(self, node: ast.UnaryOp) -> Value:
        if isinstance(node.operand, ast.Constant) and isinstance(node.op, ast.USub):
            return constant(-node.operand.value)  # type: ignore[operator, arg-type]
        value = self.value(node.operand)
        if isinstance(node.op, ast.USub):
            return operators.negated(self.code, value)
        if isinstance(node.op, ast.Not):
            return operators.refused(self.code, value)
        if isinstance(node.op, ast.Invert):
            return operators.inverted(self.code, value)
        return value

    def _compared(self, node: ast.Compare) -> Value:
        left = self.value(node.left)
        result: Value | None = None
        for operator, other in zip(node.ops, node.comparators, strict=True):
            if isinstance(operator, ast.In | ast.NotIn):
                found = self._among(left, other)
                met = operators.refused(self.code, found) if isinstance(operator, ast.NotIn) else found
            else:
                right = self.value(other)
                met = operators.compared(self.code, operator, left, right)
                left = right
            result = met if result is None else operators.binary(self.code, ast.BitAnd(), result, met)
        assert result is not None
        return result

    def _among(self, value: Value, node: ast.expr) -> Value:
        """Return whether a value is among those of a tuple."""
        found = Value(BOOL, "false")
        for other in self.several(node):
            met = operators.compared(self.code, ast.Eq(), value, other)
            found = operators.binary(self.code, ast.BitOr(), found, met)
        return found

    def _both(self, node: ast.BoolOp) -> Value:
        """Write `and` and `or` of conditions as a value."""
        true, false, after = (self.code.new_block() for _ in range(3))
        self.fork(node, true, false)
        for block in (true, false):
            self.code.begin(block)
            self.code.jump(after)
        self.code.begin(after)
        return self.code.value(BOOL, f"phi i1 [true, %{true.label}], [false, %{false.label}]")

    def _choice(self, node: ast.IfExp) -> Value:
        return self._chosen(node)[0]

    def _chosen(self, node: ast.IfExp) -> Several:
        """Write a choice; only one side is evaluated."""
        code = self.code
        starts, after = (code.new_block(), code.new_block()), code.new_block()
        self.fork(node.test, *starts)
        sides: list[Several] = []
        ends: list[Block] = []
        for start, side in zip(starts, (node.body, node.orelse), strict=True):
            code.begin(start)
            sides.append(self.several(side) if isinstance(side, ast.Tuple) else [self.value(side)])
            ends.append(code.block)
        kinds = [operators.common(*(value.kind for value in pair)) for pair in zip(*sides, strict=True)]
        for end, values in zip(ends, sides, strict=True):
            code.block = end
            values[:] = [operators.converted(code, value, kind) for value, kind in zip(values, kinds, strict=True)]
            code.jump(after)
        code.begin(after)
        return [
            code.value(kind, f"phi {kind.llvm} [{a.text}, %{ends[0].label}], [{b.text}, %{ends[1].label}]")
            for kind, a, b in zip(kinds, *sides, strict=True)
        ]


_WRITERS: Final[dict[type[ast.expr], Callable[[Expressions, Any], Value]]] = {
    ast.Constant: Expressions._constant,
    ast.Name: Expressions._name,
    ast.Attribute: Expressions._attribute,
    ast.Call: Expressions._called,
    ast.Subscript: Expressions._subscript,
    ast.BinOp: Expressions._binary,
    ast.UnaryOp: Expressions._unary,
    ast.Compare: Expressions._compared,
    ast.BoolOp: Expressions._both,
    ast.IfExp: Expressions._choice,
}

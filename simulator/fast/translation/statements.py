"""Statements of the kernel's functions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any, Final

from simulator.fast.translation import operators
from simulator.fast.translation.expressions import Expressions, Variable
from simulator.fast.translation.kinds import BOOL, INT, NOTHING, Kind, TranslationError, Value
from simulator.fast.translation.memory import read_field, write_field
from simulator.fast.translation.text import Block


class WiderVariableError(Exception):
    """A variable that began as a truth value holds numbers as well: the function is to be written anew."""


class Statements(Expressions):
    """Writes the statements of one function.

    result: the kind of what it returns; None where that is not known yet and the first return tells.
    wide: the names of variables that are numbers although they begin as truth values.
    """

    result: Kind | None = None
    wide: frozenset[str] = frozenset()
    _loops: tuple[tuple[Block, Block], ...] = ()  # where the next round begins and what follows, of each loop around

    def write(self, nodes: list[ast.stmt]) -> None:
        """Write statements, up to one that leaves them."""
        for node in nodes:
            if self.code.block.ended:
                return
            writer = _WRITERS.get(type(node))
            if writer is None:
                raise TranslationError(f"{type(node).__name__} is not in the kernel's language")
            try:
                writer(self, node)
            except TranslationError as problem:
                problem.add_note(f"line {node.lineno}: {ast.unparse(node).splitlines()[0]}")
                raise

    def set_variable(self, name: str, value: Value) -> None:
        """Set a variable; what it is given first says what it may hold."""
        variable = self.variables.get(name)
        if variable is None:
            kind = INT if value.kind == BOOL and name in self.wide else value.kind
            if kind == NOTHING:
                raise TranslationError(f"{name} is set to nothing")
            variable = self.variables[name] = Variable(kind, self.code.variable(kind.llvm))
        if variable.kind == BOOL and value.kind == INT:
            raise WiderVariableError(name)
        held = operators.converted(self.code, value, variable.kind)
        self.code.do(f"store {variable.kind.llvm} {held.text}, ptr {variable.place}")

    def _expression(self, node: ast.Expr) -> None:
        if not isinstance(node.value, ast.Constant):  # a docstring
            self.value(node.value)

    def _nothing(self, node: ast.Pass) -> None:
        pass

    def _assign(self, node: ast.Assign) -> None:
        if len(node.targets) == 1 and isinstance(node.targets[0], ast.Tuple):
            for target, value in zip(node.targets[0].elts, self.several(node.value), strict=True):
                self._set(target, value)
            return
        value = self.value(node.value)
        for target in node.targets:
            self._set(target, value)

    def _assign_annotated(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._set(node.target, self.value(node.value))

    def _set(self, target: ast.expr, value: Value) -> None:
        if isinstance(target, ast.Name):
            self.set_variable(target.id, value)
        elif isinstance(target, ast.Attribute):
            write_field(self.code, self.value(target.value), target.attr, value)
        else:
            raise TranslationError(f"{ast.unparse(target)} cannot be set")

    def _change(self, node: ast.AugAssign) -> None:
        if isinstance(node.target, ast.Attribute):
            row = self.value(node.target.value)
            before = read_field(self.code, row, node.target.attr)
            changed = operators.binary(self.code, node.op, before, self.value(node.value))
            write_field(self.code, row, node.target.attr, changed)
        else:
            before = self.value(node.target)
            self._set(node.target, operators.binary(self.code, node.op, before, self.value(node.value)))

    def _return(self, node: ast.Return) -> None:
        if node.value is None:
            self.result = NOTHING
            self.code.end("ret void")
            return
        value = self.value(node.value)
        if self.result is None:
            self.result = value.kind
        held = operators.converted(self.code, value, self.result)
        self.code.end("ret void" if self.result == NOTHING else f"ret {held.kind.llvm} {held.text}")

    # --- paths -------------------------------------------------------------------------------------------------------

    def _if(self, node: ast.If) -> None:
        then, after = self.code.new_block(), self.code.new_block()
        otherwise = self.code.new_block() if node.orelse else after
        self.fork(node.test, then, otherwise)
        self._part(then, node.body, after)
        if node.orelse:
            self._part(otherwise, node.orelse, after)
        self.code.begin(after)

    def _part(self, block: Block, nodes: list[ast.stmt], after: Block) -> None:
        self.code.begin(block)
        self.write(nodes)
        if not self.code.block.ended:
            self.code.jump(after)

    def _while(self, node: ast.While) -> None:
        if node.orelse:
            raise TranslationError("else after a loop")
        test, body, after = (self.code.new_block() for _ in range(3))
        self.code.jump(test)
        self.code.begin(test)
        self.fork(node.test, body, after)
        self._rounds(body, node.body, test, after)

    def _for(self, node: ast.For) -> None:
        """Write a loop over `range` of one or two numbers."""
        iterator = node.iter
        ranged = isinstance(iterator, ast.Call) and isinstance(iterator.func, ast.Name) and iterator.func.id == "range"
        if not ranged or not isinstance(node.target, ast.Name) or node.orelse:
            raise TranslationError("a loop over something else than a range")
        assert isinstance(iterator, ast.Call)
        bounds = [operators.converted(self.code, self.value(bound), INT) for bound in iterator.args]
        if len(bounds) not in {1, 2}:
            raise TranslationError("a range with steps")
        start, stop = bounds if len(bounds) == 2 else [Value(INT, "0"), bounds[0]]
        place = self.code.variable("i64")
        self.code.do(f"store i64 {start.text}, ptr {place}")
        test, body, step, after = (self.code.new_block() for _ in range(4))
        self.code.jump(test)
        self.code.begin(test)
        index = self.code.value(INT, f"load i64, ptr {place}")
        self.code.fork(operators.compared(self.code, ast.Lt(), index, stop), body, after)
        self.code.begin(step)
        following = operators.binary(self.code, ast.Add(), self.code.value(INT, f"load i64, ptr {place}"), _ONE)
        self.code.do(f"store i64 {following.text}, ptr {place}")
        self.code.jump(test)
        self.code.begin(body)
        self.set_variable(node.target.id, index)
        self._rounds(None, node.body, step, after)

    def _rounds(self, body: Block | None, nodes: list[ast.stmt], following: Block, after: Block) -> None:
        """Write the body of a loop, in a block or where the code is."""
        if body is not None:
            self.code.begin(body)
        around, self._loops = self._loops, (*self._loops, (following, after))
        self.write(nodes)
        self._loops = around
        if not self.code.block.ended:
            self.code.jump(following)
        self.code.begin(after)

    def _break(self, node: ast.Break) -> None:
        self.code.jump(self._loops[-1][1])

    def _continue(self, node: ast.Continue) -> None:
        self.code.jump(self._loops[-1][0])


_ONE: Final = Value(INT, "1")
_WRITERS: Final[dict[type[ast.stmt], Callable[[Statements, Any], None]]] = {
    ast.Expr: Statements._expression,
    ast.Pass: Statements._nothing,
    ast.Assign: Statements._assign,
    ast.AnnAssign: Statements._assign_annotated,
    ast.AugAssign: Statements._change,
    ast.Return: Statements._return,
    ast.If: Statements._if,
    ast.While: Statements._while,
    ast.For: Statements._for,
    ast.Break: Statements._break,
    ast.Continue: Statements._continue,
}

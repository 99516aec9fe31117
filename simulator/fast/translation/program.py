"""The whole kernel in LLVM's assembly: its entry, and every function that is called from there.

A function is written once for the kinds of its arguments. All but the entry are private to their module, so that LLVM
may change how they are called. The kernel is one module, or two that are compiled beside each other: a rare function is
never part of its caller, so that it can be compiled apart from it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from models.compiled import Shared
from simulator.fast import jit
from simulator.fast.translation.kinds import (
    INT,
    NOTHING,
    UNSIGNED,
    ArrayKind,
    Kind,
    TranslationError,
    Value,
    named,
)
from simulator.fast.translation.memory import INTRINSIC, NO_VALUE, access
from simulator.fast.translation.operators import NUMERIC, converted
from simulator.fast.translation.statements import Statements, WiderVariableError
from simulator.fast.translation.text import Code, Declarations

_ATTRIBUTES: Final = {
    jit.KERNEL: "nounwind",
    jit.INLINED: "nounwind alwaysinline",
    jit.RARE: "nounwind noinline cold",
    jit.ENTRY: "nounwind",
}


@dataclass
class Function:
    """A function of the kernel: its name, the kinds of its arguments and of its result, its role.

    lines: its code. calls: the functions that it calls, by name.
    """

    name: str
    arguments: tuple[Kind, ...]
    result: Kind | None
    role: str
    lines: list[str] = field(default_factory=list)
    calls: dict[str, Function] = field(default_factory=dict)

    def definition(self, private: bool) -> list[str]:
        """Return the whole function. private: nothing outside of its module calls it."""
        linkage = "" if self.role == jit.ENTRY else "internal " if private else "hidden "
        return [f"define {linkage}{self._head(' %a')} {{", *self.lines, "}"]

    def declaration(self) -> str:
        """Return what says that another module has it."""
        return f"declare hidden {self._head('')}"

    def _head(self, named: str) -> str:
        assert self.result is not None
        numbered = (f"{kind.llvm}{named}{number if named else ''}" for number, kind in enumerate(self.arguments))
        return f"{self.result.llvm} {self.name}({', '.join(numbered)}) {_ATTRIBUTES[self.role]}"


@cache
def _definitions(path: str) -> dict[str, ast.FunctionDef]:
    """Return the functions of a source file by name."""
    module = ast.parse(Path(path).read_text(encoding="utf-8"), path)
    return {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}


class Program:
    """The kernel while it is written."""

    def __init__(self) -> None:
        self._declarations = Declarations()
        self._functions: dict[tuple[Any, ...], Function] = {}
        self._written: dict[str, Function] = {}
        self._waiting: list[Callable[[], None]] = []

    def text(self) -> str:
        """Return one module, with all that its functions call. Raises TranslationError."""
        self._finish()
        return self._module(set(self._written), set())

    def halves(self) -> tuple[str, str]:
        """Return two modules: what is reached without a rare function, and the rest. Raises TranslationError.

        Functions that are always inlined are in both. So each has what it inlines, but for functions that are called
        from rare ones alone by the compiler's choice.
        """
        self._finish()
        entries = [function.name for function in self._written.values() if function.role == jit.ENTRY]
        usual = self._reached(entries, lambda function: function.role != jit.RARE)
        others = [name for name in self._written if name not in usual]
        rest = self._reached(others, lambda function: function.name in others or function.role == jit.INLINED)
        return self._module(usual, rest), self._module(rest, usual)

    def _finish(self) -> None:
        while self._waiting:
            self._waiting.pop()()

    def _reached(self, names: list[str], followed: Callable[[Function], bool]) -> set[str]:
        """Return functions, and those that they call, and so on, as far as calls are followed."""
        found, waiting = set(names), list(names)
        while waiting:
            called = {name for name, one in self._written[waiting.pop()].calls.items() if followed(one)} - found
            found |= called
            waiting += called
        return found

    def _module(self, own: set[str], others: set[str]) -> str:
        """Return the module of some of the functions; others: those of another module, some perhaps of both."""
        lines: list[str] = []
        wanted = {name for other in others for name in self._written[other].calls} - others
        needed: dict[str, Function] = {}
        for name, function in self._written.items():
            if name in own:
                lines += function.definition(private=name not in wanted)
                needed |= {called: one for called, one in function.calls.items() if called not in own}
        lines += [function.declaration() for function in needed.values()]
        return "\n".join([*lines, *self._declarations.lines(), ""])

    def function(self, function: Callable[..., Any] | Shared, given: tuple[Kind, ...]) -> Function:
        """Return a function of the kernel, or one that both engines share, for arguments of these kinds."""
        source = function.py_func if isinstance(function, Shared) else function
        node = _definitions(source.__code__.co_filename)[source.__name__]
        parameters = node.args.args
        if len(parameters) != len(given):
            raise TranslationError(f"{source.__name__} takes {len(parameters)} arguments, not {len(given)}")
        if isinstance(function, Shared):
            result, kinds = _signature(function.signature, given)
            role = jit.KERNEL
        else:
            result = _annotated(node.returns, None)
            pairs = zip(parameters, given, strict=True)
            kinds = tuple(_annotated(parameter.annotation, kind) or kind for parameter, kind in pairs)
            role = jit.ROLES[function]
        key = (source, *kinds)
        if key not in self._functions:
            name = f'@"{source.__module__}.{source.__name__}:{"".join(kind.letter for kind in kinds)}"'
            made = self._functions[key] = Function('@"kernel"' if role == jit.ENTRY else name, kinds, result, role)

            def write() -> None:
                self._write(made, node, source.__globals__)

            if result is None:
                write()
            else:
                self._waiting.append(write)
        return self._functions[key]

    def _write(self, function: Function, node: ast.FunctionDef, names: dict[str, Any]) -> None:
        """Write a function; if its result was not known, it is then."""
        wide: frozenset[str] = frozenset()
        while True:
            calls: dict[str, Function] = {}
            statements = Statements(Code(self._declarations), names, partial(self.call, calls))
            statements.result, statements.wide = function.result, wide
            try:
                self._write_body(statements, function, node)
                break
            except WiderVariableError as variable:
                wide |= {str(variable)}
            except TranslationError as problem:
                problem.add_note(f"in {function.name}")
                raise
        function.result = statements.result or NOTHING
        function.lines, function.calls = statements.code.lines(), calls
        self._written[function.name] = function

    @staticmethod
    def _write_body(statements: Statements, function: Function, node: ast.FunctionDef) -> None:
        for number, (parameter, kind) in enumerate(zip(node.args.args, function.arguments, strict=True)):
            statements.set_variable(parameter.arg, Value(kind, f"%a{number}"))
        statements.write(node.body)
        if not statements.code.block.ended:
            nothing = statements.result in {None, NOTHING}
            statements.code.end("ret void" if nothing else "unreachable")

    def call(self, calls: dict[str, Function], code: Code, called: Any, given: list[Value]) -> Value:
        """Write the call of anything that the kernel may call; return its value. Raises TranslationError.

        calls: the functions that the caller calls, to which this one is added.
        """
        name = f"{getattr(called, '__module__', '')}.{getattr(called, '__name__', '')}"
        if name in NUMERIC:
            return NUMERIC[name](code, given)
        if called in jit.INTRINSICS:
            return INTRINSIC[jit.INTRINSICS[called]](code, given)
        if called in jit.ACCESSORS:
            return access(code, jit.ACCESSORS[called], given)
        if not isinstance(called, Shared) and called not in jit.ROLES:
            raise TranslationError(f"{name} is no function of the kernel")
        function = self.function(called, tuple(value.kind for value in given))
        pairs = zip(given, function.arguments, strict=True)
        arguments = ", ".join(f"{kind.llvm} {converted(code, value, kind).text}" for value, kind in pairs)
        calls[function.name] = function
        if function.result is None:
            raise TranslationError(f"{name} calls itself, and does not say what it returns")
        if function.result == NOTHING:
            code.do(f"call void {function.name}({arguments})")
            return NO_VALUE
        return code.value(function.result, f"call {function.result.llvm} {function.name}({arguments})")


def _annotated(node: ast.expr | None, given: Kind | None) -> Kind | None:
    """Return the kind that an annotation says, None where it says nothing. A key is an int that may be unsigned."""
    if isinstance(node, ast.Constant) and node.value is None:
        return NOTHING
    kind = named(node.id) if isinstance(node, ast.Name) else None
    return UNSIGNED if kind == INT and given == UNSIGNED else kind


def _signature(signature: str, given: tuple[Kind, ...]) -> tuple[Kind | None, tuple[Kind, ...]]:
    """Return the kinds of result and arguments of a shared function; arrays are those that it is given."""
    result, _, rest = signature.partition("(")
    parts = [part.strip() for part in re.sub(r"\[[^]]*\]", "", rest.rstrip(")")).split(",")]
    kinds = [kind if isinstance(kind, ArrayKind) else named(part) for part, kind in zip(parts, given, strict=True)]
    if None in kinds:
        raise TranslationError(f"{signature} with {', '.join(kind.name for kind in given)}")
    return named(result), tuple(kind for kind in kinds if kind is not None)


def module_text(entry: Callable[..., Any]) -> str:
    """Return the module of an entry, which is called with the address of the state and is named ``kernel``."""
    return _program(entry).text()


def module_halves(entry: Callable[..., Any]) -> tuple[str, str]:
    """Return the same as two modules: that of the entry, and that of what is rarely needed."""
    return _program(entry).halves()


def _program(entry: Callable[..., Any]) -> Program:
    program = Program()
    program.function(entry, (INT,))
    return program

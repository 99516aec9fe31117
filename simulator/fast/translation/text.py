"""LLVM's assembly as it is written: a function's blocks, and what a module declares beside its functions.

Variables live on the stack, where LLVM takes them into registers (its pass mem2reg); so nothing here has to know where
paths meet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.fast.translation.kinds import Kind, TranslationError, Value, array_kind, constant

ROOT = "!0"  # of the tree of memory that is told apart
NOTHING_MORE = "!1"  # a node without anything, for marks that need none
SELDOM = "!2"  # of a fork whose first way is seldom gone


@dataclass
class Declarations:
    """What functions need of their module: functions of LLVM, and marks that tell fields apart."""

    functions: dict[str, str] = field(default_factory=dict)
    marks: dict[str, int] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def function(self, name: str, result: str, arguments: str) -> str:
        """Declare one of LLVM's own functions; return its name."""
        self.functions[name] = f"declare {result} @{name}({arguments})"
        return f"@{name}"

    def table(self, name: str, array: np.ndarray[Any, Any]) -> Value:
        """Return a table of constants, of one or two dimensions. Raises TranslationError."""
        if array.dtype != np.float64 or array.ndim not in {1, 2}:
            raise TranslationError(f"{name} is no table of floating-point numbers")
        kind = array_kind(name, array.dtype, array.shape[1] if array.ndim == 2 else 0)
        numbers = ", ".join(f"double {constant(float(number)).text}" for number in array.flat)
        made = f'@"{name}" = private unnamed_addr constant [{array.size} x double] [{numbers}], align 64'
        if self.tables.setdefault(name, made) != made:
            raise TranslationError(f"two tables of the name {name}")
        return Value(kind, f'@"{name}"')

    def mark(self, table: str, name: str) -> str:
        """Return the mark of a field's memory, which is no other's (type-based alias analysis)."""
        number = self.marks.setdefault(f"{table}.{name}", 3 + 2 * len(self.marks))
        return f"!{number + 1}"

    def lines(self) -> list[str]:
        """Return everything as it stands in the module."""
        nodes = [f'{ROOT} = !{{!"kernel"}}', f"{NOTHING_MORE} = !{{}}"]
        nodes.append(f'{SELDOM} = !{{!"branch_weights", i32 1, i32 100}}')
        for name, number in self.marks.items():
            nodes.append(f'!{number} = !{{!"{name}", {ROOT}, i64 0}}')
            nodes.append(f"!{number + 1} = !{{!{number}, !{number}, i64 0}}")
        return [*self.functions.values(), *self.tables.values(), *nodes]


@dataclass
class Block:
    """Instructions without a jump but the last."""

    label: str
    lines: list[str] = field(default_factory=list)
    ended: bool = False


class Code:
    """A function's code while it is written."""

    def __init__(self, declarations: Declarations) -> None:
        self.declarations = declarations
        self._count = 0
        self._variables: list[str] = []
        self.block = Block("b0")
        self._blocks = [self.block]

    def value(self, kind: Kind, instruction: str) -> Value:
        """Write an instruction that gives a value."""
        self._count += 1
        name = f"%v{self._count}"
        self.do(f"{name} = {instruction}")
        return Value(kind, name)

    def do(self, instruction: str) -> None:
        """Write an instruction; what follows the end of a block is never reached and left out."""
        if not self.block.ended:
            self.block.lines.append(instruction)

    def variable(self, llvm: str) -> str:
        """Return a new place on the stack."""
        self._count += 1
        name = f"%p{self._count}"
        self._variables.append(f"{name} = alloca {llvm}")
        return name

    def new_block(self) -> Block:
        """Return a block to jump to; it is written from `begin` on."""
        self._count += 1
        return Block(f"b{self._count}")

    def begin(self, block: Block) -> None:
        """Go on writing in a block."""
        self.block = block
        self._blocks.append(block)

    def end(self, instruction: str) -> None:
        """Write the jump or return that ends a block."""
        self.do(instruction)
        self.block.ended = True

    def jump(self, block: Block) -> None:
        """Go on in a block."""
        self.end(f"br label %{block.label}")

    def fork(self, condition: Value, true: Block, false: Block, *, seldom: bool = False) -> None:
        """Go on in one of two blocks, in the first one seldom, if that is known."""
        if condition.text in {"true", "false"}:
            self.jump(true if condition.text == "true" else false)
        else:
            weights = f", !prof {SELDOM}" if seldom else ""
            self.end(f"br i1 {condition.text}, label %{true.label}, label %{false.label}{weights}")

    def lines(self) -> list[str]:
        """Return the code, with its variables first."""
        first, *others = self._blocks
        written = [f"{first.label}:", *self._variables, *first.lines]
        for block in others:
            written += [f"{block.label}:", *block.lines]
        return written

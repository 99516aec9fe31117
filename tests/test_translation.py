"""The kernel's language: what is compiled gives what Python gives, and what the language does not have is an error."""

from __future__ import annotations

import math
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.arithmetic import arrival_after, backoff_ns, power, time_for_work
from models.compiled import HAVE_NUMBA, bit_length, to_uint64
from models.draws import exponential, sample_integer, uniform
from simulator.fast import image, jit, machine_code
from simulator.fast.jit import entry, inlined, kernel, rare
from simulator.fast.layout import QUEUE, TASK
from simulator.fast.translation.kinds import TranslationError
from simulator.fast.translation.program import module_halves, module_text
from simulator.fast.translation.text import SELDOM

pytestmark = pytest.mark.skipif(not HAVE_NUMBA, reason="nothing is compiled without Numba")

CELLS = np.dtype([("a", np.int64), ("b", np.int64), ("f", np.float64), ("u", np.uint64), ("h", np.int32)], align=True)
state_of = jit.state_accessor(CELLS)
seldom_state_of = jit.state_accessor(np.dtype([(name, np.int64) for name in ("b", "recording", "budget", "started")]))


def run(function: Any, **given: float) -> Any:
    """Compile a function and call it with a row of these numbers; return the row and the result."""
    llvm = pytest.importorskip("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(module_text(function))
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    row = np.zeros(1, CELLS)
    for name, value in given.items():
        row[name] = value
    result = machine_code.loaded(machine.emit_object(module), machine_code.SYMBOL)(row.ctypes.data)
    return row[0], result


@kernel
def _divide(x: int, y: int) -> int:
    return x // y * 1000 + x % y


@entry
def divide(state: Any) -> int:
    cells = state_of(state)
    return _divide(cells.a, cells.b)


@pytest.mark.parametrize(("a", "b"), [(7, 2), (-7, 2), (7, -2), (-7, -2), (6, 3), (-6, 3), (0, 5), (1 << 60, 3)])
def test_division_is_floored(a: int, b: int) -> None:
    wrapped = (a // b * 1000 + a % b + (1 << 63)) % (1 << 64) - (1 << 63)
    assert run(divide, a=a, b=b)[1] == wrapped


@rare
def _first_above(limit: int) -> int:
    found = -1
    for number in range(2, 100):
        if number * number == 49:
            continue
        if number * number > limit and number != 9:
            found = number
            break
    return found


@inlined
def _either(a: int, b: int) -> Any:
    return a > 3 or (b in (1, 2) and not a < 1)


@entry
def paths(state: Any) -> int:
    """Loops, choices, tuples, fields of all widths."""
    cells = state_of(state)
    low, high = (cells.a, cells.b) if cells.a < cells.b else (cells.b, cells.a)
    cells.h -= 5
    cells.f += low / high
    flag = _either(low, high)
    flag = 7 if flag else flag
    while True:
        low += 1
        if low >= high:
            break
    cells.u = cells.u >> to_uint64(3)
    return _first_above(cells.a) * 100 + max(low, -cells.h, 3) + flag


@pytest.mark.parametrize(("a", "b"), [(3, 8), (9, 2), (40, 1), (60, 2), (20000, 1), (0, 1)])
def test_paths_are_those_of_python(a: int, b: int) -> None:
    start = {"a": a, "b": b, "u": (1 << 64) - 1, "h": 3}
    row = np.zeros(1, CELLS)
    for name, value in start.items():
        row[name] = value
    expected = paths([jit.Row(row[0])])
    found, result = run(paths, **start)
    assert result == expected
    assert found.tolist() == row[0].tolist()


@entry
def shared_functions(state: Any) -> int:
    """Functions that both engines share."""
    cells = state_of(state)
    cells.f = uniform(cells.u, cells.a) + math.log(power(cells.f, cells.b)) + exponential(cells.u, cells.b)
    return time_for_work(cells.a, cells.b) + backoff_ns(cells.a, 1.7, 1 << 40, cells.b)


def test_shared_functions_give_the_same_bits() -> None:
    key = 0xF00DFACE12345678
    found, result = run(shared_functions, a=1234567, b=5, f=1.3, u=key)
    assert found["f"] == uniform(key, 1234567) + math.log(power(1.3, 5)) + exponential(key, 5)
    assert result == time_for_work(1234567, 5) + backoff_ns(1234567, 1.7, 1 << 40, 5)


NUMBERS = np.array([[0.5, 1.5], [2.5, 3.5]])
WHOLE_NUMBERS = np.array([1, 2])


@entry
def numbers(state: Any) -> int:
    """A table of constants."""
    cells = state_of(state)
    cells.f = NUMBERS[cells.a, cells.b]
    return bit_length(cells.a + 4)


def test_tables_of_constants_are_part_of_the_program() -> None:
    for a, b in ((0, 0), (0, 1), (1, 0), (1, 1)):
        found, result = run(numbers, a=a, b=b)
        assert found["f"] == NUMBERS[a, b]
        assert result == 3


@entry
def whole_numbers(state: Any) -> int:
    return WHOLE_NUMBERS[state_of(state).a]


@entry
def mixed(state: Any) -> int:
    cells = state_of(state)
    cells.a = cells.u + cells.b
    return 0


@entry
def lossy(state: Any) -> int:
    cells = state_of(state)
    cells.a = cells.f
    return 0


@entry
def foreign(state: Any) -> int:
    return len(str(state))


@entry
def formatted(state: Any) -> int:
    cells = state_of(state)
    cells.a = [1, 2][cells.b]
    return 0


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (mixed, "unsigned and int together"),
        (lossy, "float where int is expected"),
        (foreign, "builtins.str is no function of the kernel"),
        (whole_numbers, "WHOLE_NUMBERS is no table of floating-point numbers"),
        (formatted, "List is not in the kernel's language"),
    ],
)
def test_what_the_language_does_not_have_is_an_error_with_its_line(function: Any, message: str) -> None:
    with pytest.raises(TranslationError, match=message) as caught:
        module_text(function)
    assert any("line" in note for note in caught.value.__notes__)


@entry
def ask_for_rare_things(state: Any) -> int:
    row = seldom_state_of(state)
    return 1 if row.b >= 0 else _count_rare_things(row)


@kernel
def _count_rare_things(row: Any) -> int:
    count = 0
    if row.recording:
        count += 10
    if row.budget >= 0 and not row.started:
        count += 100
    if row.budget < 0:
        count += 1000
    return count


def test_code_for_what_is_seldom_there_is_marked_as_such() -> None:
    marked = [line for line in module_text(ask_for_rare_things).splitlines() if f"!prof {SELDOM}" in line]
    assert len(marked) == 3  # not the question whether there is no budget


def test_half_words_are_stored_as_such() -> None:
    assert TASK.fields is not None
    assert QUEUE.fields is not None
    assert run(paths, a=1, b=2, h=-1)[0]["h"] == -6


def test_samples_are_those_of_python() -> None:
    table = np.array([[0.0, 1.0], [0.5, 3.0], [1.0, 9.0]])
    arguments = (9, 0.0, 0.0, 0.0, 0, 3, table, 77, 5)
    assert sample_integer(*arguments) == sample_integer.py_func(*arguments)
    assert arrival_after(np.zeros((0, 2), np.int64), 0, 0, 5, 7) == 12


# --- images ----------------------------------------------------------------------------------------------------------

on_linux = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="images are for Linux on x86-64"
)


def compact(function: Any, model: str = "small") -> bytes:
    """Return the object of a function as the kernel's is made."""
    llvm = pytest.importorskip("llvmlite.binding")
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(reloc="pic", codemodel=model)
    return bytes(machine.emit_object(llvm.parse_assembly(module_text(function))))


@on_linux
def test_an_image_finds_its_constants_its_functions_and_those_of_the_system() -> None:
    made = image.made([compact(shared_functions)], machine_code.SYMBOL)
    row = np.zeros(1, CELLS)
    row["a"], row["b"], row["f"], row["u"] = 99, 3, 2.5, 1 << 63
    result = machine_code.loaded(made, machine_code.SYMBOL)(row.ctypes.data)
    assert result == time_for_work(99, 3) + backoff_ns(99, 1.7, 1 << 40, 3)
    assert row["f"][0] == uniform(1 << 63, 99) + math.log(power(2.5, 3)) + exponential(1 << 63, 3)


@on_linux
@pytest.mark.parametrize("broken", [b"", b"\x7fELF", b"no object at all", b"\x7fELF\x02\x01" + bytes(58)])
def test_what_is_no_object_makes_no_image(broken: bytes) -> None:
    with pytest.raises(image.ImageError):
        image.made([broken], machine_code.SYMBOL)


@on_linux
def test_an_object_that_knows_addresses_makes_no_image() -> None:
    with pytest.raises(image.ImageError, match="relocation"):
        image.made([compact(shared_functions, "large")], machine_code.SYMBOL)


@on_linux
def test_a_function_that_the_system_does_not_have_is_named() -> None:
    made = image.made([compact(shared_functions)], machine_code.SYMBOL).replace(b'"log"', b'"lob"')
    with pytest.raises(ValueError, match="lob"):
        machine_code.loaded(made, machine_code.SYMBOL)


@inlined
def _twice(number: int) -> int:
    return 2 * _divide(number, 1)


@kernel
def _seldom_called(number: int) -> int:
    return _twice(number) + 1


@rare
def _seldom(state: Any, number: int) -> int:
    cells = state_of(state)
    cells.h = _seldom_called(number)
    return _twice(_divide(number, 3)) + _seldom_called(cells.h)


@entry
def halved(state: Any) -> int:
    """Functions of both halves call each other's, and one that is inlined is in both."""
    cells = state_of(state)
    return _seldom(state, cells.a) + _twice(cells.b)


@on_linux
@pytest.mark.parametrize("alone", [False, True])
def test_halves_of_a_kernel_are_compiled_by_two_processes_or_by_one(
    alone: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("llvmlite.binding")
    if alone:  # the other process ends at once, and has read nothing
        monkeypatch.setattr(machine_code, "__file__", str(tmp_path / "missing.py"))
    objects = machine_code.objects_by_two(halved)
    row = np.zeros(1, CELLS)
    row["a"], row["b"] = 40, 5
    result = machine_code.loaded(image.made(objects, machine_code.SYMBOL), machine_code.SYMBOL)(row.ctypes.data)
    expected = row.copy()
    assert result == halved([jit.Row(expected[0])])
    assert row["h"][0] == expected["h"][0] == 2 * 40_000 + 1


def test_what_is_rarely_needed_is_in_the_second_half() -> None:
    usual, rare_half = module_halves(halved)

    def defined(text: str) -> set[str]:
        return {name for name in (_divide, _twice, _seldom, _seldom_called) if f".{name.__name__}:" in heads(text)}

    def heads(text: str) -> str:
        return "\n".join(line for line in text.splitlines() if line.startswith("define"))

    assert defined(usual) == {_divide, _twice}
    assert defined(rare_half) == {_twice, _seldom, _seldom_called}

"""The kernel as machine code: compiled to bytes, and loaded from bytes without the compiler.

`compiled` translates the kernel's source and has LLVM optimize it, which takes seconds. `loaded` takes milliseconds:
on Linux on x86-64 the bytes are an image that runs wherever it lies (`simulator.fast.image`), elsewhere an object for
LLVM's linker. The kernel is one function of the address of its state: ``int64 kernel(int64 address)``.

As a program, ``python machine_code.py try FILE SYMBOL EXPECTED SIZE OFFSET...``, it tries whether code can be loaded
and called: what cannot ends the process, so that it is tried in one of its own before the code is kept. ``python
machine_code.py compile`` makes an object of the assembly on its standard input: LLVM compiles one thing at a time in a
process, and an image is made of two objects.
"""

from __future__ import annotations

import ctypes
import json
import mmap
import platform
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

Run = Callable[[int], int]
"""Runs the kernel on the state at an address; returns why it stopped."""

COMPACT = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether the code finds its constants and functions beside it, as an image."""

SYMBOL = "kernel"
"""The name of the kernel's function, as it is compiled."""

IMAGE = b"image of x86-64\n"
"""The beginning of an image. A line with its entry and the places of the system's functions follows, then its bytes."""

WORD = 8  # bytes of an address

_SIGNATURE = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
_owners: list[Any] = []  # of the loaded code, for as long as the process lives


def compiled() -> tuple[bytes, str]:
    """Compile the kernel; return its machine code and the name of its function. Raises ImportError without LLVM."""
    from simulator.fast import image, loop
    from simulator.fast.translation.program import module_text
    from simulator.processors import usable_cores

    if COMPACT and usable_cores() > 1:
        return image.made(objects_by_two(loop.run), SYMBOL), SYMBOL
    code = compiled_object(module_text(loop.run))
    return image.made([code], SYMBOL) if COMPACT else code, SYMBOL


def objects_by_two(entry: Callable[..., Any]) -> list[bytes]:
    """Compile the halves of a kernel at once, one of them in a process of its own if that can be had."""
    from simulator.fast.translation.program import module_halves

    command = [sys.executable, "-P", __file__, "compile"]
    # It loads the compiler while the kernel is translated.
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as other:
        usual, rare = module_halves(entry)
        assert other.stdin is not None
        assert other.stdout is not None
        with suppress(BrokenPipeError):
            other.stdin.write(rare.encode())
            other.stdin.close()
        code = compiled_object(usual)
        beside = other.stdout.read()
    return [code, compiled_object(rare) if other.returncode else beside]


def compiled_object(text: str) -> bytes:
    """Compile a module of LLVM's assembly. Raises ImportError without LLVM."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(text)
    # Code that could lie anywhere has to put every address into a register first; this is found beside its constants.
    place: dict[str, Any] = {"reloc": "pic", "codemodel": "small"} if COMPACT else {"jit": True}
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, **place
    )
    options = llvm.create_pipeline_tuning_options()
    options.speed_level = 3
    options.slp_vectorization = False
    options.loop_vectorization = False
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def loaded(code: bytes, symbol: str) -> Run:
    """Return the kernel of these bytes, ready to be called; the call lets other Python threads run.

    Raises OSError where the system allows no such code, ValueError where this is none.
    """
    address = _place_image(code) if code.startswith(IMAGE) else _place_object(code, symbol)
    return cast(Run, _SIGNATURE(address))


def _place_image(code: bytes) -> int:
    """Load an image; return the address of its entry."""
    head, _, program = code.removeprefix(IMAGE).partition(b"\n")
    known = json.loads(head)
    memory = mmap.mmap(-1, len(program), mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE)
    memory[:] = program
    for name, offset in known["functions"].items():
        memory[offset : offset + WORD] = struct.pack("<Q", _function_of_the_system(name))
    address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if protect(address, len(program), mmap.PROT_READ | mmap.PROT_EXEC) != 0:
        raise OSError(ctypes.get_errno(), "the system lets no memory become code")
    _owners.append(memory)
    return address + int(known["entry"])


def _function_of_the_system(name: str) -> int:
    """Return the address of a function of the C library, as the process has it."""
    for library in (None, "libm.so.6"):
        try:
            function = getattr(ctypes.CDLL(library), name)
        except (OSError, AttributeError):
            continue
        return int(ctypes.cast(function, ctypes.c_void_p).value or 0)
    raise ValueError(f"the system has no function {name}")


def _place_object(code: bytes, symbol: str) -> int:
    """Load an object by LLVM's linker; return the address of a function."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = int(engine.get_function_address(symbol))
    if not address:
        raise ValueError(f"the code has no function {symbol}")
    _owners.append(engine)
    return address


def _try(path: str, symbol: str, expected: str, size: str, *ones: str) -> int:
    """Load code and call it with a state that is 0 but for some fields; return 0 if it gives what is expected."""
    state = (ctypes.c_int64 * (int(size) // 8))()
    for offset in ones:
        state[int(offset) // 8] = 1
    return int(loaded(Path(path).read_bytes(), symbol)(ctypes.addressof(state)) != int(expected))


def _main(what: str, *arguments: str) -> int:
    if what == "try":
        return _try(*arguments)
    import llvmlite.binding  # noqa: F401 - it takes a while, before the assembly is there

    sys.stdout.buffer.write(compiled_object(sys.stdin.read()))
    return 0


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))

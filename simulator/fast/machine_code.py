"""The kernel as machine code: compiled to bytes, and loaded from bytes without the compiler.

`compiled` uses Numba and takes seconds. `loaded` uses only the linker of llvmlite and takes milliseconds, so that a
process that finds the kernel on disk never imports Numba. The kernel is one function of the address of its state. It
is called as Numba calls its functions: ``int32 status(int64 *result, void **error, int64 address)``.

As a program, ``python machine_code.py FILE SYMBOL EXPECTED SIZE OFFSET...``, it tries whether code can be loaded and
called: what cannot ends the process, so that it is tried in one of its own before the code is kept.
"""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Run = Callable[[int], int]
"""Runs the kernel on the state at an address; returns why it stopped."""

COMPACT = sys.platform == "linux" and platform.machine() == "x86_64"
"""Whether the code finds its constants and functions beside it, and has to be loaded into one place therefore."""

_SIGNATURE = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(ctypes.c_void_p), ctypes.c_int64
)
_OF_THE_RUNTIME = (b"NRT_", b"numba_", b"PyErr_")
"""Beginnings of what only a process that has loaded Numba can call; the linker would leave the calls empty."""
_engines: list[Any] = []  # own the loaded code, for as long as the process lives


def compiled() -> tuple[bytes, str]:
    """Compile the kernel; return its machine code and the name of its function. Raises ImportError without Numba."""
    from numba import types

    from simulator.fast import jit, loop
    from simulator.fast.link_once import whole_program, without_errors

    entry: Any = loop.run
    with whole_program(jit.PARTS, jit.RARE, jit.ENTRIES), without_errors():
        entry.compile((types.int64,))
    result = entry.overloads[types.int64,]
    code: bytes = getattr(result.library, "machine_code", b"") or result.library.serialize_using_object_code()[2][0]
    needed = [name.decode() for name in _OF_THE_RUNTIME if name in code]
    if needed:
        raise RuntimeError(f"the kernel was compiled to code that calls {', '.join(needed)}")
    return code, result.fndesc.mangled_name


def loaded(code: bytes, symbol: str) -> Run:
    """Return the kernel of these bytes, ready to be called; the call lets other Python threads run."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    in_one_place = True if COMPACT else None  # None: as is usual on this platform
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine, in_one_place)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    address = engine.get_function_address(symbol)
    if not address:
        raise ValueError(f"the code has no function {symbol}")
    _engines.append(engine)
    function = _SIGNATURE(address)

    def run(state_address: int) -> int:
        result, error = ctypes.c_int64(), ctypes.c_void_p()
        status = function(ctypes.byref(result), ctypes.byref(error), state_address)
        if status:
            raise RuntimeError(f"the kernel failed with status {status}")
        return result.value

    return run


def _try(path: str, symbol: str, expected: str, size: str, *ones: str) -> int:
    """Load code and call it with a state that is 0 but for some fields; return 0 if it gives what is expected."""
    state = (ctypes.c_int64 * (int(size) // 8))()
    for offset in ones:
        state[int(offset) // 8] = 1
    return int(loaded(Path(path).read_bytes(), symbol)(ctypes.addressof(state)) != int(expected))


if __name__ == "__main__":
    sys.exit(_try(*sys.argv[1:]))

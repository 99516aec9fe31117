"""Whole-program compilation: all functions of the kernel are optimized together, once.

Numba optimizes and translates every function with everything that it calls, so that a kernel of two hundred functions
is compiled dozens of times over. Here each function of the kernel is left as it comes from the front end, and they
are linked and optimized when the entry is; as nothing else calls them, they become private to it.

This uses private parts of Numba. Where they are missing the kernel still compiles, in minutes instead of seconds.
"""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from numba.core import callconv, codegen
from numba.core.compiler_lock import global_compiler_lock

from simulator.fast.machine_code import COMPACT


def _closure(library: Any) -> list[Any]:
    """Return all libraries that a library calls, directly or through others, each once."""
    found: dict[int, Any] = {}
    waiting = list(library._linking_libraries)
    while waiting:
        other = waiting.pop()
        if id(other) not in found:
            found[id(other)] = other
            if getattr(other, "_is_part", False):
                waiting.extend(other._linking_libraries)
    return list(found.values())


def _make_private(module: Any, parts: Iterable[tuple[str, bool]]) -> None:
    """Let nothing else call these functions; those that are seldom called stay out of their callers."""
    for name, seldom in parts:
        function = module.get_function(name)
        function.linkage = "internal"
        if seldom:
            function.add_function_attribute("noinline")
            function.add_function_attribute("cold")


def _translate(library: Any) -> None:
    """Optimize a library and make its machine code.

    Numba's own code, which could lie anywhere, has to put every address into a register first; this is found beside
    its constants. Numba takes it from the library as if it had been kept there.
    """
    passes, builder = library._codegen._module_pass_manager(loop_vectorize=False, slp_vectorize=False)
    passes.run(library._final_module, builder)
    if not (COMPACT and library._object_caching_enabled):
        return
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=library._codegen._tm_features,
        opt=3,
        reloc="pic",
        codemodel="small",
    )
    library._compiled_object = library.machine_code = machine.emit_object(library._final_module)


@contextmanager
def without_errors() -> Iterator[None]:
    """Compile what hands an error on as never reached: the kernel raises none, and no caller has to look for one."""
    convention: Any = callconv.CPUCallConv
    kept = {name: getattr(convention, name, None) for name in ("return_status_propagate", "return_user_exc")}
    if None in kept.values():
        yield
        return

    def never(_self: Any, builder: Any, *_arguments: Any, **_options: Any) -> None:
        builder.unreachable()

    for name in kept:
        setattr(convention, name, never)
    try:
        yield
    finally:
        for name, method in kept.items():
            setattr(convention, name, method)


@contextmanager
def whole_program(names: set[str], rare: set[str], entries: set[str]) -> Iterator[None]:
    """Compile the functions of these names as parts of one program whose entries are ``entries``.

    Those named in ``rare`` are never made part of their callers.
    """
    library_class: Any = codegen.CPUCodeLibrary
    codegen_class: Any = codegen.JITCPUCodegen
    finalize = getattr(library_class, "finalize", None)
    optimize = getattr(library_class, "_optimize_final_module", None)
    functions = getattr(library_class, "_optimize_functions", None)
    set_env = getattr(codegen_class, "set_env", None)
    linking = getattr(library_class, "_get_module_for_linking", None)
    if finalize is None or optimize is None or functions is None or set_env is None or linking is None:
        yield
        return

    def finalize_part(self: Any) -> None:
        if self.name in names:
            self._is_part = True
            self._finalized = True
            return
        if self.name not in entries:
            finalize(self)
            return
        self._linking_libraries = _closure(self)
        self._parts = [
            (function.name, library.name in rare)
            for library in self._linking_libraries
            if getattr(library, "_is_part", False)
            for function in library._final_module.functions
            if not function.is_declaration
        ]
        finalize(self)

    def optimize_whole(self: Any) -> None:
        _make_private(self._final_module, getattr(self, "_parts", ()))
        if not hasattr(self, "_parts"):
            optimize(self)
            return
        _translate(self)

    def set_env_of_entry(self: Any, name: str, env: Any) -> None:
        if self._engine.is_symbol_defined(name):  # parts have no address of their own, and never use it
            set_env(self, name, env)

    def optimize_functions(self: Any, module: Any) -> None:
        if self.name in names:
            module.data_layout = self._codegen._data_layout
        else:
            functions(self, module)

    collecting = gc.isenabled()
    with global_compiler_lock:
        gc.disable()  # the compiler makes many objects and few cycles
        library_class._optimize_functions = optimize_functions
        codegen_class.set_env = set_env_of_entry
        library_class.finalize = finalize_part
        library_class._optimize_final_module = optimize_whole
        try:
            yield
        finally:
            codegen_class.set_env = set_env
            library_class.finalize = finalize
            library_class._optimize_final_module = optimize
            library_class._optimize_functions = functions
            if collecting:
                gc.enable()

"""Compilation of the small numeric functions that both engines share.

The kernel compiles them with itself (`simulator.fast.translation`), and with Numba they are compiled for calls from
Python too; without it, or under ``NUMBA_DISABLE_JIT=1``, the same source runs as plain
Python on Python integers. Unsigned 64-bit arithmetic therefore masks explicitly (`MASK64`) and converts through
`to_uint64`, so that both ways give the same bits.

Numba takes a while to load. A function therefore runs as Python until it has been called often; a program that needs
few values, because the compiled kernel makes the others, never loads the compiler.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property, lru_cache, update_wrapper
from importlib.util import find_spec
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

MASK64 = 0xFFFFFFFFFFFFFFFF
OFTEN = 200  # calls, some microseconds each, from which on compiled code is worth a fraction of a second

HAVE_NUMBA = os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0") and find_spec("numba") is not None
"""Whether Numba is installed and allowed. That it can be loaded is known when it is needed."""


def to_uint64(value: int) -> int:
    """Return the value modulo 2^64 as a plain integer; compiled, as an unsigned one."""
    return int(value) & MASK64


def bit_length(value: int) -> int:
    """Return the number of bits of a nonnegative number."""
    return value.bit_length()


_patient = True


def hurry() -> None:
    """Stay in Python in this process, which is to answer before anything could be compiled."""
    global _patient  # noqa: PLW0603 - of the process
    _patient = False


class Shared:
    """A numeric function that runs as Python when it is called seldom and compiled when it is called often."""

    def __init__(self, function: Callable[..., Any], signature: str) -> None:
        self.py_func = function
        self.signature = signature
        self._calls = 0
        self._call = function
        update_wrapper(self, function)

    def __call__(self, *arguments: Any) -> Any:
        """Return the function's value; the same one, compiled or not."""
        self._calls += 1
        if self._calls == OFTEN and _patient:
            with suppress(ImportError):  # Numba is there and does not load; Python serves
                self._call = self.compiled
        return self._call(*arguments)

    @cached_property
    def part(self) -> Any:
        """The function for calls from others that Numba compiles."""
        return _prepared_numba().njit(self.signature, nogil=True)(self.py_func)

    @cached_property
    def compiled(self) -> Any:
        """The compiled function. Raises ImportError if Numba does not load."""
        numba: Any = _prepared_numba()
        try:
            return numba.njit(self.signature, cache=True, nogil=True)(self.py_func)
        except Exception:  # nothing can be written beside the source or in the user's cache, or what is there is broken
            return numba.njit(self.signature, nogil=True)(self.py_func)


@lru_cache(maxsize=1)
def _prepared_numba() -> Any:
    """Return Numba, made to know shared functions in other compiled ones."""
    import numba
    import numpy as np
    from numba.cpython.unsafe import numbers
    from numba.extending import overload, typeof_impl

    @typeof_impl.register(Shared)
    def type_of_shared(value: Shared, _context: Any) -> Any:
        return numba.types.Dispatcher(value.part)

    overload(to_uint64)(lambda value: lambda value: np.uint64(value))  # noqa: PLW0108 - Numba compiles the inner one
    leading_zeros: Any = numbers.leading_zeros
    overload(bit_length)(lambda value: lambda value: np.int64(64 - leading_zeros(value)))
    return numba


def shared(signature: str) -> Callable[[Function], Function]:
    """Compile a numeric function of one signature where Numba is at hand; both engines call the result.

    The signature is explicit so that a key above 2^63 is never mistaken for a signed or a floating number.
    """

    def compile_function(function: Function) -> Function:
        return cast(Function, Shared(function, signature)) if HAVE_NUMBA else function

    return compile_function

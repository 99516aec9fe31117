"""Compilation of the small numeric functions that both engines share.

With Numba the functions are compiled; without it, or under ``NUMBA_DISABLE_JIT=1``, the same source runs as plain
Python on Python integers. Unsigned 64-bit arithmetic therefore masks explicitly (`MASK64`) and converts through
`to_uint64`, so that both ways give the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

Function = TypeVar("Function", bound=Callable[..., Any])

MASK64 = 0xFFFFFFFFFFFFFFFF

try:
    if os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        raise ImportError("compilation is switched off")
    import numba
    import numpy as np

    HAVE_NUMBA = True
    to_uint64: Any = np.uint64
except ImportError:
    HAVE_NUMBA = False

    def to_uint64(value: int) -> int:
        """Return the value modulo 2^64 as a plain integer."""
        return int(value) & MASK64


def shared(signature: str) -> Callable[[Function], Function]:
    """Compile a numeric function of one signature where Numba is at hand; both engines call the result.

    The signature is explicit so that a key above 2^63 is never mistaken for a signed or a floating number.
    """

    def compile_function(function: Function) -> Function:
        if not HAVE_NUMBA:
            return function
        compiled: Any
        try:
            compiled = numba.njit(signature, cache=True, nogil=True)(function)
        except RuntimeError:  # neither beside the source nor in the user's cache can anything be written
            compiled = numba.njit(signature, nogil=True)(function)
        return cast(Function, compiled)

    return compile_function

"""The fast engine: one compiled event loop over flat tables, the same answers as the reference engine.

What compiles the kernel needs nothing of a scenario: the engine itself is loaded when it is asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.fast.engine import Replication, simulate

__all__ = ["Replication", "simulate"]


def __getattr__(name: str) -> Any:
    """Return a public name of the engine."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module("simulator.fast.engine"), name)

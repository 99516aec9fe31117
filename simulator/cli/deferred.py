"""Modules that others load and do not use: loaded when something of them is called or looked at for the first time."""

from __future__ import annotations

import importlib
import sys

TYPE_CHECKING = False  # as in `simulator.cli.main`, which is there before anything else
if TYPE_CHECKING:
    from typing import Any


def defer(name: str, *functions: str) -> None:
    """Stand for a submodule that is not loaded yet, so that ``from`` it a function can be imported without it.

    name: of a module in a package that is loaded. functions: those that can be imported before it is; calling one
    loads it, as does any other name in it.
    """
    if name in sys.modules:
        return
    package, _, last = name.rpartition(".")
    standing = type(sys)(name, f"Stands for {name}.")

    def module() -> Any:
        if sys.modules.get(name) is standing:
            del sys.modules[name]
        return importlib.import_module(name)

    def deferred(function: str) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            return getattr(module(), function)(*arguments, **named)

        return call

    def attribute(wanted: str) -> Any:
        if wanted.startswith("__"):  # the import system looks for these, which stand for no use of the module
            raise AttributeError(wanted)
        return getattr(module(), wanted)

    for function in functions:
        setattr(standing, function, deferred(function))
    standing.__getattr__ = attribute  # type: ignore[method-assign]
    sys.modules[name] = standing
    setattr(sys.modules[package], last, standing)

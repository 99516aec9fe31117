"""How a scenario is run and answered: `run(Scenario.load("scenario.toml"))` returns a `Result`."""

from __future__ import annotations

import sys
from types import ModuleType

TYPE_CHECKING = False  # that of `typing` takes longer to load than what an interruption may break into
if TYPE_CHECKING:
    from typing import Any

    from models.scenario import Scenario
    from simulator.result import Result
    from simulator.run import run

__all__ = ["Result", "Scenario", "run"]

_PLACES = {"Result": "simulator.result", "Scenario": "models.scenario", "run": "simulator.run"}


def __getattr__(name: str) -> Any:
    """Return a public name; what it takes is loaded when it is asked for, as the command line needs little of it."""
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(_PLACES[name]), name)
    return value


class _Package(ModuleType):
    """Keeps the function `run` from being hidden by the module of that name when that is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in _PLACES or not isinstance(value, ModuleType):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package

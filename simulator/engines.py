"""The choice of the engine, and what each engine may spend when it is left to decide."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

from simulator.output import EngineOutput

NAMES: Final = ("auto", "fast", "reference")


class Simulate(Protocol):
    """What every engine provides: one replication of a compiled scenario."""

    def __call__(
        self,
        compiled: Any,
        *,
        seed: int,
        replication: int,
        warmup_ns: int,
        end_ns: int,
        records: bool = False,
        causes: bool = False,
        check: bool = False,
        progress: Callable[[int], bool] | None = None,
    ) -> EngineOutput:
        """Simulate from 0 to end_ns and measure in [warmup_ns, end_ns).

        progress: called from time to time with the simulated time; returns False to stop.
        """


@dataclass(frozen=True)
class Engine:
    """An engine and its bounds.

    name: "reference" or "fast".
    compile: makes the engine's input from a scenario and the directory that its file names are relative to.
    operations: what a run may simulate in all when it chooses its own length, so that it answers in seconds.
    events: the same for scenarios that have many events for each operation.
    threads: True if replications run in parallel in threads (the engine releases the interpreter lock).
    """

    name: str
    compile: Callable[[Any, Path | None], Any]
    simulate: Simulate
    operations: int
    events: int
    threads: bool = False


# About 10 s of each engine: the reference engine handles 50 to 160 thousand events/s.
REFERENCE_OPERATIONS: Final = 300_000
REFERENCE_EVENTS: Final = 1_000_000
FAST_OPERATIONS: Final = 10_000_000
FAST_EVENTS: Final = 200_000_000


def choose(name: str) -> tuple[Engine, list[str]]:
    """Return the engine of a name and what to warn about.

    "auto" takes the fast engine where it is at hand. Where it is not, the reference engine gives the same
    answer, more slowly. Raises ValueError for an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"engine: found {name!r}; accepted: {', '.join(NAMES)}")
    if name == "reference":
        return _reference(), []
    try:
        return _fast(), []
    except (ImportError, AttributeError) as problem:
        reason = f"the fast engine is not available ({problem}); the reference engine was used"
        return _reference(), [reason] if name == "fast" else []


def _reference() -> Engine:
    compiling = import_module("simulator.compile")
    reference = import_module("simulator.reference")
    return Engine(
        "reference", compiling.compile_scenario, reference.simulate, REFERENCE_OPERATIONS, REFERENCE_EVENTS
    )


def _fast() -> Engine:
    fast = import_module("simulator.fast")
    compiling = import_module("simulator.compile")
    return Engine(
        "fast", compiling.compile_scenario, fast.simulate, FAST_OPERATIONS, FAST_EVENTS, threads=True
    )

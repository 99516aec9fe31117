"""The choice of the engine, and what each engine may spend when it is left to decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, cast

from models.compiled import HAVE_NUMBA, hurry
from simulator.interruptions import answer_of
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


Until = Callable[[int, Callable[[int], bool] | None], EngineOutput]  # goes on to a time [ns], with progress


@dataclass(frozen=True)
class Engine:
    """An engine and its bounds.

    name: "reference" or "fast".
    compile: makes the engine's input from a scenario and the directory that its file names are relative to.
    operations: what a run may simulate in all when it chooses its own length, so that it answers in seconds.
    events: the same for scenarios that have many events for each operation.
    threads: True if replications run in parallel in threads (the engine releases the interpreter lock).
    begin: begins a replication that can be continued to later and later times; None where each begins at 0 again.
    """

    name: str
    compile: Callable[[Any, Path | None], Any]
    simulate: Simulate
    operations: int
    events: int
    threads: bool = False
    begin: Callable[..., Until] | None = None


# About 10 s of each engine: the reference engine handles 50 to 160 thousand events/s.
REFERENCE_OPERATIONS: Final = 300_000
REFERENCE_EVENTS: Final = 1_000_000
FAST_OPERATIONS: Final = 10_000_000
FAST_EVENTS: Final = 200_000_000


# Less where the fast engine is being compiled beside the run, and Python draws: an answer within 10 s.
FIRST_OPERATIONS: Final = 25_000
FIRST_EVENTS: Final = 250_000
_LOOK_FOR_KERNEL_S: Final = 0.2


def choose(name: str) -> tuple[Engine, list[str]]:
    """Return the engine of a name and what to warn about.

    "auto" takes the fast engine where it is at hand. Where it is not, the reference engine gives the same
    answer, more slowly; where it is not yet compiled, the reference engine begins while it is compiled beside.
    Raises ValueError for an unknown name.
    """
    if name not in NAMES:
        raise ValueError(f"engine: found {name!r}; accepted: {', '.join(NAMES)}")
    if name == "reference":
        return _reference(), []
    missing = "" if HAVE_NUMBA else "which is not at hand"
    if not missing:
        cache = import_module("simulator.fast.cache")
        try:
            if cache.is_ready():
                return _fast(), [cache.note()] if cache.note() else []
            import_module("llvmlite.binding")
        except (ImportError, OSError) as problem:
            missing = f"which does not load ({problem})"
    if missing:
        return _reference(), [f"the fast engine needs Numba's compiler, {missing}; the reference engine was used"]
    if name == "fast":
        cache.kernel()
        return _fast(), [cache.note()] if cache.note() else []
    if cache.kernel_file() is None:
        return _reference(), [f"{cache.note()}; the reference engine was used"]
    cache.compile_beside()
    reason = "the fast engine is being compiled for this machine, once; the reference engine began this run"
    return _beginner(), [f"{cache.note()}; {reason}" if cache.note() else reason]


def _reference() -> Engine:
    compiling = import_module("simulator.compile")
    reference = import_module("simulator.reference")
    return Engine(
        "reference", compiling.compile_to_answer, _answering(reference.simulate), REFERENCE_OPERATIONS, REFERENCE_EVENTS
    )


def _fast() -> Engine:
    fast = import_module("simulator.fast")
    compiling = import_module("simulator.compile")
    return Engine(
        "fast",
        compiling.compile_to_answer,
        _answering(fast.simulate),
        FAST_OPERATIONS,
        FAST_EVENTS,
        threads=True,
        begin=_beginning(fast.Replication),
    )


def _answering(simulate: Simulate) -> Simulate:
    """Return an engine's function that plays what stands for interruptions, and leaves it out of what it returns."""

    def answering(compiled: Any, **options: Any) -> EngineOutput:
        if getattr(compiled, "whole", None) is None:
            return simulate(compiled, **options)
        return answer_of(simulate(compiled.whole, **options), compiled)

    return answering


def _beginning(replication: Any) -> Callable[..., Until]:
    """Return the same for an engine's replications that can be continued."""

    def begin(compiled: Any, **options: Any) -> Until:
        whole = getattr(compiled, "whole", None)
        if whole is None:
            return cast(Until, replication(compiled, **options).until)
        begun = replication(whole, **options)
        return lambda end_ns, progress: answer_of(begun.until(end_ns, progress), compiled)

    return begin


def _beginner() -> Engine:
    hurry()
    compiling = import_module("simulator.compile")
    return Engine(
        "reference", compiling.compile_to_answer, _answering(_simulate_soonest), FIRST_OPERATIONS, FIRST_EVENTS
    )


def _simulate_soonest(compiled: Any, *, progress: Callable[[int], bool] | None = None, **options: Any) -> EngineOutput:
    """Simulate on the reference engine, but on the fast one as soon as that is compiled: they give the same answer."""
    cache = import_module("simulator.fast.cache")
    looked_s = time.monotonic()
    found = False

    def go_on(now_ns: int) -> bool:
        nonlocal looked_s, found
        if time.monotonic() - looked_s > _LOOK_FOR_KERNEL_S:
            looked_s = time.monotonic()
            found = cache.is_ready()
        return not found and (progress is None or progress(now_ns))

    if not cache.is_ready():
        output: EngineOutput = import_module("simulator.reference").simulate(compiled, progress=go_on, **options)
        if not found or not output.interrupted:
            return output
    fast: EngineOutput = import_module("simulator.fast").simulate(compiled, progress=progress, **options)
    return fast

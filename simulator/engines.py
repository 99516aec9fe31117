"""The choice of the engine, and what each engine may spend when it is left to decide."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol, cast

from models.compiled import HAVE_NUMBA, hurry
from simulator.interruptions import answer_of
from simulator.output import EngineOutput
from simulator.processors import usable_cores

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


class Engine(NamedTuple):
    """An engine and its bounds.

    name: "reference" or "fast".
    compile: makes the engine's input from a scenario and the directory that its file names are relative to.
    operations: what a run may simulate in all when it chooses its own length, so that it answers in seconds.
    events: the same for scenarios that have many events for each operation.
    threads: True if replications run in parallel in threads (the engine releases the interpreter lock).
    begin: begins a replication that can be continued to later and later times; None where each begins at 0 again.
    successor: tells the engine that has taken over from this one, None if none has.
    """

    name: str
    compile: Callable[[Any, Path | None], Any]
    simulate: Simulate
    operations: int
    events: int
    threads: bool = False
    begin: Callable[..., Until] | None = None
    successor: Callable[[], Engine | None] | None = None

    def now(self) -> Engine:
        """Return the engine that simulates from now on, within the bounds of this one."""
        found = None if self.successor is None else self.successor()
        return self if found is None else found._replace(operations=self.operations, events=self.events)


# About 10 s of each engine: the reference engine handles 50 to 160 thousand events/s.
REFERENCE_OPERATIONS: Final = 300_000
REFERENCE_EVENTS: Final = 1_000_000
FAST_OPERATIONS: Final = 10_000_000
FAST_EVENTS: Final = 200_000_000


_SMALL_S: Final = 2.0  # what the reference engine has answered by then need not wait for the fast one
_LOOK_FOR_KERNEL_S: Final = 0.2


def choose(name: str) -> tuple[Engine, list[str]]:
    """Return the engine of a name and what to warn about.

    "auto" takes the fast engine where it is at hand. Where it is not, the reference engine gives the same
    answer, more slowly; where it is not yet compiled, the reference engine begins while it is compiled beside, and
    answers what is small. The returned list of warnings may change until the answer is there.
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
    if name == "auto" and cache.kernel_file() is not None and usable_cores() > 1:
        cache.compile_beside()
        begun = _Beginner(cache.note())
        return begun.engine(), begun.said
    try:
        cache.kernel()
    except Exception as problem:  # whatever the compiler fails at, the reference engine answers
        return _reference(), [_not_compiled(problem)]
    return _fast(), [cache.note()] if cache.note() else []


def _not_compiled(problem: Exception) -> str:
    return f"the fast engine could not be compiled ({problem}); the reference engine was used"


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
        # an interruption is told from an operation by its workload, which bare records do without
        begun = replication(whole, **options | {"bare": False})
        return lambda end_ns, progress: answer_of(begun.until(end_ns, progress), compiled)

    return begin


class _Beginner:
    """The reference engine, until the fast one is compiled: they give the same answer.

    What the reference engine has not answered within `_SMALL_S` waits for the fast one, with whose bounds everything
    is planned: those of the reference engine would end a larger system's pilot inside of its transient.
    """

    def __init__(self, note: str) -> None:
        hurry()
        self._began_s = time.monotonic()
        self._before = f"{note}; " if note else ""
        self._fast: Engine | None = None
        self._failed = False
        reason = "the fast engine is being compiled for this machine, once; the reference engine answered this run"
        self.said = [self._before + reason]

    def engine(self) -> Engine:
        """Return it as an engine."""
        compiling = import_module("simulator.compile")
        simulate = _answering(self._simulate)
        bounds = (FAST_OPERATIONS, FAST_EVENTS)
        return Engine("reference", compiling.compile_to_answer, simulate, *bounds, successor=lambda: self._fast)

    def _simulate(
        self, compiled: Any, *, progress: Callable[[int], bool] | None = None, **options: Any
    ) -> EngineOutput:
        cache = import_module("simulator.fast.cache")
        looked_s = time.monotonic()
        found = False

        def go_on(now_ns: int) -> bool:
            nonlocal looked_s, found
            now_s = time.monotonic()
            if not self._failed and now_s - looked_s > _LOOK_FOR_KERNEL_S:
                looked_s = now_s
                found = now_s - self._began_s > _SMALL_S or cache.is_ready()
            return not found and (progress is None or progress(now_ns))

        while self._fast is None:
            output: EngineOutput = import_module("simulator.reference").simulate(compiled, progress=go_on, **options)
            if not found or not output.interrupted:
                return output
            self._hand_over(cache)
            found = False
        fast: EngineOutput = import_module("simulator.fast").simulate(compiled, progress=progress, **options)
        return fast

    def _hand_over(self, cache: Any) -> None:
        """Wait for the fast engine, which the other process compiles, or this one if that was ended."""
        try:
            cache.kernel()
        except Exception as problem:  # whatever the compiler fails at, the reference engine goes on
            self._failed = True
            self.said[:] = [self._before + _not_compiled(problem)]
            return
        self._fast = _fast()
        self.said[:] = [self._before + "the fast engine had to be compiled for this machine, once, before it answered"]

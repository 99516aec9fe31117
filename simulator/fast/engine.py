"""One replication on the fast engine."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from models.compiled import HAVE_NUMBA
from models.errors import FieldProblem, ScenarioError
from models.records import COUNT_IN_FLIGHT, STATION_TOTALS
from simulator.compile import Compiled
from simulator.fast import cache, measure
from simulator.fast.layout import GROW, PAUSED
from simulator.fast.tables import FastTables
from simulator.histogram import BINS
from simulator.output import EngineOutput

_EVENTS_BETWEEN_PROGRESS = 1 << 19  # a tenth of a second; signals are seen between two calls of the kernel


def simulate(
    compiled: Compiled,
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
    """Simulate [0, end_ns) of a compiled scenario and measure [warmup_ns, end_ns).

    ``records`` keeps a row for each operation, ``causes`` sums the causes by histogram bin, ``check`` adds the laws
    that only the engine can see. ``progress`` is called from time to time with the simulated time [ns]; False stops
    the run. Raises ScenarioError where a table outgrows the memory.
    """
    replication_of = Replication(
        compiled,
        seed=seed,
        replication=replication,
        warmup_ns=warmup_ns,
        records=records,
        causes=causes,
        check=check,
    )
    return replication_of.until(end_ns, progress)


def _too_large(problem: MemoryError, recording: bool) -> ScenarioError:
    found = f"more than the memory holds ({problem})" if str(problem) else "more than the memory holds"
    return ScenarioError("the run", [_too_much(found, recording)])


def _too_much(found: str, recording: bool) -> FieldProblem:
    """Name the fields that make tables grow: operations that are there at once, and a record of each."""
    accepted = "fewer operations at once: a queue_limit or a lower arrival_rate, less procs or concurrency"
    if recording:
        accepted += "; or a shorter run.duration, as a record of each operation is kept"
    return FieldProblem(("workloads",), found, accepted)


class Replication:
    """A replication that can be continued: the same sample path, longer, at the price of what is new of it."""

    def __init__(
        self,
        compiled: Compiled,
        *,
        seed: int,
        replication: int,
        warmup_ns: int,
        records: bool = False,
        causes: bool = False,
        check: bool = False,
        bare: bool = False,
    ) -> None:
        """Begin at 0. ``bare``: records are TIMES_RECORD; the causes of each operation take a quarter of the time."""
        recording = records or check
        self._given = {"seed": seed, "replication": replication, "warmup_ns": warmup_ns}
        self._recording = recording
        self._before: _Totals | None = None
        try:
            self._tables = FastTables(
                compiled,
                seed=seed,
                replication=replication,
                tracking=causes or (recording and not bare),
                summing=causes,
                recording=recording,
                checking=check,
            )
        except MemoryError as problem:
            raise _too_large(problem, recording) from problem
        self._tables.set(warmup_ns=warmup_ns)

    def until(self, end_ns: int, progress: Callable[[int], bool] | None = None) -> EngineOutput:
        """Go on to a time [ns] that is not before the last one and return everything up to there, as `simulate`.

        Once ``progress`` has stopped it, it cannot be continued.
        """
        try:
            return self._until(end_ns, progress)
        except MemoryError as problem:
            raise _too_large(problem, self._recording) from problem

    def _until(self, end_ns: int, progress: Callable[[int], bool] | None) -> EngineOutput:
        tables, warmup_ns = self._tables, self._given["warmup_ns"]
        reached = warmup_ns
        if self._before is None:
            reached = _advance(tables, warmup_ns, progress)
            self._before = _Totals(tables)
            instances = tables.arrays["instances"][: len(tables.compiled.instances)]
            instances["peak_bytes"] = instances["held_bytes"]
            self._memory_before = instances["byte_ns"].copy()
        if reached == warmup_ns:
            _advance(tables, end_ns, progress)
        return _output(tables, self._before, self._memory_before, end_ns, **self._given)


def run_kernel(tables: FastTables) -> int:
    """Call the kernel; returns why it stopped."""
    if not HAVE_NUMBA:
        from simulator.fast.jit import PythonState
        from simulator.fast.loop import run

        return int(run([PythonState(tables.state[0], tables.arrays)]))
    return cache.kernel().run(tables.state.ctypes.data)


def _advance(tables: FastTables, until_ns: int, progress: Callable[[int], bool] | None) -> int:
    """Handle everything before ``until_ns``; returns the time reached."""
    tables.set(until_ns=until_ns)
    while True:
        tables.set(handled_limit=tables.get("handled") + _EVENTS_BETWEEN_PROGRESS)
        why = run_kernel(tables)
        if why == GROW:
            tables.grow()
        elif why == PAUSED:
            tables.check_ids()
            if progress is not None and not progress(tables.get("now")):
                return tables.get("now")
        else:
            return until_ns


class _Totals:
    """The totals up to now."""

    def __init__(self, tables: FastTables) -> None:
        tables.set(reading=1)
        run_kernel(tables)
        tables.set(reading=0)
        self.counts = measure.counts(tables)
        self.ages_ns = measure.ages_ns(tables)
        self.stations = measure.stations(tables)
        self.cores = measure.cores(tables)


def _output(
    tables: FastTables,
    before: _Totals,
    memory_before: NDArray[np.float64],
    end_ns: int,
    **given: int,
) -> EngineOutput:
    """Return everything up to now; ``end_ns``: the time to be reached, ``given``: fields of the output."""
    reached_ns = tables.get("now")
    after = _Totals(tables)
    window_counts = after.counts - before.counts
    window_counts[:, COUNT_IN_FLIGHT] = after.counts[:, COUNT_IN_FLIGHT]
    window = after.stations.copy()
    for name in STATION_TOTALS.names or ():
        window[name] -= before.stations[name]
    workloads = tables.arrays["workloads"][: len(tables.compiled.workloads)]
    instances = tables.arrays["instances"][: len(tables.compiled.instances)]
    base_bytes = instances["memory_base_bytes"]
    window_ns = max(1, reached_ns - given["warmup_ns"])
    return EngineOutput(
        engine="fast",
        **given,
        end_ns=reached_ns,
        events=tables.get("handled"),
        counts=after.counts,
        window_counts=window_counts,
        histogram=tables.arrays["histogram"]["value"][:-1].reshape(-1, BINS).copy(),
        response_sum_ns=workloads["response_sum_ns"].copy(),
        response_max_ns=workloads["response_max_ns"].copy(),
        in_flight_ns=workloads["response_sum_ns"] + workloads["failed_sum_ns"] + after.ages_ns - before.ages_ns,
        causes_ns=measure.cause_sums(tables) if tables.get("summing") else None,
        stations=window,
        stations_whole=after.stations,
        stations_present_ns=measure.present_ns(tables),
        cores_ns=after.cores - before.cores,
        cores_whole_ns=after.cores,
        memory_mean_bytes=base_bytes + (instances["byte_ns"] - memory_before) / window_ns,
        memory_peak_bytes=base_bytes + instances["peak_bytes"],
        records=measure.records(tables) if tables.get("recording") else None,
        interrupted=reached_ns < end_ns,
        law_violations=measure.violations(tables) if tables.get("checking") else [],
    )

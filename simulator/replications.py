"""Replications: run, added up, and continued until the precision or a bound is reached."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from simulator.assembly import estimate_of
from simulator.engines import Engine, Until
from simulator.laws import same_bytes, violations
from simulator.output import EngineOutput
from simulator.pilot import PILOT_REPLICATION, cost_of
from simulator.planning import Plan
from simulator.statistics import replications_needed
from simulator.totals import Totals

PRECISE: Final = (
    "throughput_per_s",
    "response_time_s.mean",
    "response_time_s.p50",
    "response_time_s.p90",
    "response_time_s.p95",
    "response_time_s.p99",
)
"""The estimates that must reach the precision."""


class Progress(NamedTuple):
    """How far a run is.

    stage: "pilot", "replications", "check" or "one process" (the baseline of the efficiency).
    replication, replications: the one being run and how many are planned; 0 in the pilot.
    fraction: of the stage, 0 to 1; of the current slice in the pilot, whose length is not known beforehand.
    """

    stage: str
    replication: int
    replications: int
    fraction: float


Report = Callable[[Progress], bool | None]


@dataclass
class Replicator:
    """Runs replications of one compiled scenario.

    seed: of all replications. report: told about progress; returns False to stop. records: whether counted
    replications keep their records. check: whether their sample-path laws are checked. threads: at most.
    """

    engine: Engine
    compiled: Any
    seed: int
    report: Report | None = None
    records: bool = False
    check: bool = False
    threads: int | None = None
    violations: list[str] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    shares: dict[int, float] = field(default_factory=dict)  # simulated of each replication
    _pilot: Until | None = None
    _pilot_ns: int = 0

    def pilot(self, end_ns: int) -> EngineOutput:
        """Run the pilot from 0 to a time [ns], with records; from where it was, if it was not beyond that."""

        def told(now_ns: int) -> bool:
            return self._tell("pilot", 0, 0, now_ns / end_ns)

        if self.engine.begin is None:
            output = self._simulate(PILOT_REPLICATION, 0, end_ns, records=True, told=told)
        else:
            if self._pilot is None or end_ns < self._pilot_ns:
                given = {"seed": self.seed, "replication": PILOT_REPLICATION, "warmup_ns": 0}
                self._pilot = self.engine.begin(self.compiled, records=True, bare=True, **given)
            self._pilot_ns = end_ns
            output = self._pilot(end_ns, told)
        if output.interrupted:
            # Nothing has been counted yet that could be shown.
            raise KeyboardInterrupt
        return output

    def replicate(self, plan: Plan, totals: Totals, spent: float, precision: float) -> int:
        """Run and add the counted replications; return how many were planned in the end.

        spent: share of the engine's budget that is gone. precision: relative half-width wanted.
        """
        self._pilot = None  # with all its records
        self.engine = self.engine.now()
        planned = plan.replications
        before = spent
        try:
            while totals.replications < planned and not self.stopped.is_set():
                for output in self._outputs(plan, totals.replications, planned):
                    spent += cost_of(output, self.engine)
                    self._add(output, plan, totals)
                # What was wished while the last of them ended is asked for here: no engine tells any more.
                self._tell("replications", totals.replications, planned, 1.0)
                if not self.stopped.is_set():
                    cost = (spent - before) / totals.replications
                    planned = self._continued(plan, totals, cost, spent, precision)
        except KeyboardInterrupt:
            self.stopped.set()
        if totals.replications == 0:
            raise KeyboardInterrupt
        return planned

    def _continued(self, plan: Plan, totals: Totals, cost: float, spent: float, precision: float) -> int:
        """Return how many replications there are to be in all. cost: of one, as a share of the budget."""
        done = totals.replications
        needed = replications_needed(done, list(relative_half_widths(totals).values()), precision)
        affordable = done + max(int((1 - spent) / cost), 0) if cost > 0 else plan.most_replications
        return max(done, min(needed, plan.most_replications, affordable))

    def _add(self, output: EngineOutput, plan: Plan, totals: Totals) -> None:
        """Add one replication; an interrupted one only if there is no other and it reached the window."""
        if output.interrupted:
            self.stopped.set()
            if totals.replications or output.end_ns <= output.warmup_ns:
                return
        if self.check:
            self.violations.extend(violations(output, self.compiled))
            if totals.replications == 0 and not output.interrupted:
                self._check_again(output, plan)
        totals.add(output)

    def _check_again(self, output: EngineOutput, plan: Plan) -> None:
        """Run a replication again: the same seed must give the same bytes."""
        again = self._counted(output.replication, plan, "check", 1)
        if not again.interrupted:
            self.violations.extend(same_bytes(output, again))

    def _outputs(self, plan: Plan, done: int, planned: int) -> Iterator[EngineOutput]:
        """Yield the next replications in their order; on threads where the engine allows it."""
        numbers = range(done + 1, planned + 1)
        workers = min(self.threads or os.cpu_count() or 1, len(numbers))
        if not self.engine.threads or workers == 1:
            for number in numbers:
                output = self._counted(number, plan, "replications", planned)
                yield output
                if output.interrupted:
                    return
            return
        with ThreadPoolExecutor(workers) as pool:
            futures = deque(pool.submit(self._counted, number, plan, "replications", planned) for number in numbers)
            try:
                while futures:
                    output = futures[0].result()
                    futures.popleft()  # with its tables, or all replications' would be there at once
                    yield output
            except KeyboardInterrupt:  # what is under way stops soon, and may be all that there is
                self.stopped.set()
                yield from (future.result() for future in futures if not future.cancel())
            except BaseException:
                self.stopped.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise

    def _counted(self, number: int, plan: Plan, stage: str, planned: int) -> EngineOutput:
        start_ns = plan.start_ns(number)
        end_ns = start_ns + plan.duration_ns

        def told(now_ns: int) -> bool:
            self.shares[number] = now_ns / end_ns
            fraction = now_ns / end_ns if stage == "check" else sum(self.shares.values()) / planned
            return self._tell(stage, number, planned, min(fraction, 1.0))

        return self._simulate(
            number,
            start_ns,
            end_ns,
            records=self.records or self.check,
            counted=True,
            told=told,
        )

    def _tell(self, stage: str, number: int, planned: int, fraction: float) -> bool:
        """Report progress; return whether to go on."""
        if self.report is not None and self.report(Progress(stage, number, planned, fraction)) is False:
            self.stopped.set()
        return not self.stopped.is_set()

    def _simulate(
        self,
        replication: int,
        warmup_ns: int,
        end_ns: int,
        *,
        told: Callable[[int], bool],
        records: bool = False,
        counted: bool = False,
    ) -> EngineOutput:
        return self.engine.simulate(
            self.compiled,
            seed=self.seed,
            replication=replication,
            warmup_ns=warmup_ns,
            end_ns=end_ns,
            records=records,
            causes=counted,
            check=counted and self.check,
            progress=told,
        )


def relative_half_widths(totals: Totals) -> dict[str, float]:
    """Return the relative half-widths of the estimates that must be precise; those undefined are left out."""
    widths = {name: estimate_of(totals, name).relative_half_width for name in PRECISE}
    return {name: width for name, width in widths.items() if width is not None}


def imprecise(totals: Totals, precision: float) -> dict[str, float]:
    """Return the relative half-widths that are larger than wanted."""
    return {name: width for name, width in relative_half_widths(totals).items() if width > precision}

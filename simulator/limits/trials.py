"""Trials: a scenario simulated with the same draws as its neighbours, and everything measured of each replication.

Neighbours in a search share seed, replication numbers and window, so that what differs between them is the
load or the configuration, not chance (common random numbers).
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.scenario import Scenario
from models.units import NS_PER_S
from models.workload import Workload
from simulator.engines import Engine, choose
from simulator.limits.criteria import CPU_HEADROOM, GROWTH, Criterion
from simulator.limits.load import Axis
from simulator.limits.root import Series, statistic
from simulator.measures import STANDARD_PERCENTS
from simulator.output import EngineOutput
from simulator.pilot import PILOT_REPLICATION, Pilot, cost_of, explore, round_up
from simulator.planning import later_ns
from simulator.replications import Progress, Report
from simulator.statistics import Estimate, interval, maximum
from simulator.totals import Totals

REPLICATIONS: Final = 10
FRESH: Final = 1_000  # replications from here on were seen by no search
FEWEST_OPERATIONS: Final = 200  # in a replication's window
PILOT_SHARE: Final = 0.02  # of the engine's budget, for one pilot
FIRST_SLICE_NS: Final = 1_000_000
RESPONSES_PER_WINDOW: Final = 10  # times p99: what gathers in a batch, or is sent at once, must not be all there is
CYCLES_PER_WINDOW: Final = 5.0  # of a closed workload's users, think time included
COARSE: Final = 0.4  # of these: for a trial that only brackets
CYCLES_PER_WARMUP: Final = (2.0, 6.0)  # the second beside others, who fill up as slowly as the closed ones let them
WARMUP_SHARE: Final = 0.1  # of the window, at least: a search goes closer to saturation than its pilot
STAGGERED: Final = 0.1  # of the window: one p99 at least
NEAR: Final = 1.25  # times: closed loads so near fill up alike, and need no pilots of their own
FEW_FAILURES: Final = 0.01
MOST_OF_ONE: Final = 0.4  # budgets of the engine for one replication: eight times the longest whose queues hold
PARTS: Final = 16  # of a window, after each of which is looked how much work it takes
IDLE: Final = "idle."
"""What the idle share of each instance's cores begins with among the measures."""
TASKS_AT_TWICE: Final = {"processor_sharing": 5.0, "linux": 40.0}
"""Waiting tasks with which an event takes twice as long: they are looked at one by one."""
GROWING: Final = ("cpu", "link", "batcher", "balancer", "lock", "pool", "workers")


@dataclass(frozen=True)
class Window:
    """What is simulated of each replication [ns], and the operations that end in it."""

    warmup_ns: int
    duration_ns: int
    rate_per_ns: float

    @property
    def operations(self) -> float:
        """Operations that a replication measures."""
        return self.rate_per_ns * self.duration_ns

    def start_ns(self, number: int) -> int:
        """Return when the window of a replication begins [ns]: the warm-up, and a little more in each."""
        return self.warmup_ns + later_ns(number, STAGGERED * self.duration_ns)


@dataclass
class TrialTotals(Totals):
    """Totals that also keep what only limits ask for.

    detailed: whether the causes of time are kept: a search has hundreds of trials, and only looks at the measures
    of most.
    """

    detailed: bool = False

    def add(self, output: EngineOutput) -> None:
        """Add a replication."""
        super().add(output)
        measures = self.measures[-1]
        instances = range(len(self.compiled.instance_names))
        busy = [measures.get(f"instances.{index}.cpu_utilization", math.nan) for index in instances]
        measures["cpu_headroom"] = 1.0 - max((share for share in busy if not math.isnan(share)), default=math.nan)
        measures.update({f"{IDLE}{index}": 1.0 - share for index, share in enumerate(busy) if not math.isnan(share)})
        measures["memory_headroom"] = 1.0 - max(self._memory_shares(), default=math.nan)
        workload = self.compiled.scenario.workloads[0]
        measures["throughput_per_proc"] = measures["workloads.0.throughput_per_s"] / workload.procs
        measures["cycles_per_proc"] = _cycles_per_s(measures, workload) / workload.procs
        measures.update(_growths(output, self.compiled))

    def _memory_shares(self) -> Iterable[float]:
        for index, instance in enumerate(self.compiled.instance_names):
            if instance.memory_bytes:
                yield self.measures[-1][f"instances.{index}.memory_bytes.peak"] / instance.memory_bytes


def _cycles_per_s(measures: Mapping[str, float], workload: Workload) -> float:
    """Return the throughput of a closed workload: users over response and think time (interactive response time law).

    The mean think time is known, so its chance is left out: on the built-in hub that leaves a sixth of the spread of
    counted ends. Where many operations fail, whose times are not in the response time, it is the counted ends.
    """
    response_s = measures["workloads.0.response_time_s.mean"]
    failing = not measures["workloads.0.error_rate"] <= FEW_FAILURES
    if workload.kind != "closed" or workload.phases or failing or math.isnan(response_s):
        return measures["workloads.0.throughput_per_s"]
    return workload.users / (response_s + workload.think_time.mean / NS_PER_S)


def _growths(output: EngineOutput, compiled: Any) -> dict[str, float]:
    """Return by how much each kind of station of a service fills up in the window, as a share of its arrivals.

    All instances together: a part of so many is noise. Abandoned attempts are in it, which an account of the
    operations would miss.
    """
    arrivals: dict[str, int] = {}
    grown: dict[str, int] = {}
    for index, station in enumerate(compiled.stations):
        if station.kind in GROWING:
            name = f"{GROWTH}{station.service}.{station.name}"
            arrived = int(output.stations["arrivals"][index])
            arrivals[name] = arrivals.get(name, 0) + arrived
            grown[name] = grown.get(name, 0) + arrived - int(output.stations["departures"][index])
    return {name: grown[name] / count if count else 0.0 for name, count in arrivals.items()}


@dataclass
class Trial:
    """One scenario's replications: their measures, and the totals that a result is made of."""

    scenario: Scenario
    window: Window
    totals: TrialTotals

    @property
    def operations(self) -> int:
        """About how many operations its replications measure together."""
        return round(self.window.operations * self.totals.replications)

    def values(self, criterion: Criterion, base: Trial | None) -> list[float]:
        """Return the criterion's value in each replication; base: the nearly empty system's trial."""
        if criterion.field == GROWTH:
            return self._growth(criterion)
        series = self._headroom() if criterion.field == CPU_HEADROOM else self.totals.series(criterion.field)
        if not criterion.relative:
            return series
        if base is None:
            raise ValueError(f"{criterion.text}: needs the nearly empty system")
        unit = base.estimate(criterion.field, criterion.maximal).value
        return [value / unit if unit else math.nan for value in series]

    def _growth(self, criterion: Criterion) -> list[float]:
        """Return the growth of the stations that fill up most, beyond what is noise."""
        every = [self.totals.series(name) for name in self.totals.measures[0] if name.startswith(GROWTH)]
        return max(every, key=lambda series: statistic(criterion, series), default=[0.0] * self.totals.replications)

    def _headroom(self) -> list[float]:
        """Return the idle share of the cores of that instance which is busiest over all replications.

        Of each replication's own busiest it would be less, the shorter the window is: the largest of several noises.
        """
        every = [self.totals.series(name) for name in self.totals.measures[0] if name.startswith(IDLE)]
        return min(every, key=sum, default=[math.nan] * self.totals.replications)

    def without_each(self, criteria: Sequence[Criterion]) -> list[dict[Criterion, float]]:
        """Return what each criterion's unit is over what it is without one replication, for one after the other."""
        factors: list[dict[Criterion, float]] = [{} for _ in range(self.totals.replications)]
        for criterion in criteria:
            if not criterion.relative:
                continue
            series = self.totals.series(criterion.field)
            middle = maximum if criterion.maximal else interval
            whole = middle(series).value
            for one, found in enumerate(factors):
                left = middle([*series[:one], *series[one + 1 :]]).value
                found[criterion] = whole / left if whole and left else 1.0
        return factors

    def estimate(self, name: str, maximal: bool = False) -> Estimate:
        """Estimate a measure over the replications."""
        series = self._headroom() if name == CPU_HEADROOM else self.totals.series(name)
        return maximum(series) if maximal else interval(series)


def series_of(trial: Trial, criteria: Iterable[Criterion], base: Trial | None) -> dict[Criterion, Series]:
    """Return each criterion's values in the replications of a trial. base: the nearly empty system's trial."""
    return {criterion: trial.values(criterion, base) for criterion in criteria}


class Spent(Exception):  # noqa: N818 - no error: what was allowed is used up
    """Raised where trials would take more work than they may."""


@dataclass
class Laboratory:
    """Where trials are made.

    seed: of all. threads: at most. base_directory: of trace files. report: told the progress; False stops.
    simulated: operations so far. work: the same in budgets of the engine, dearer where many tasks share the cores.
    most_work: from which on no replication is added.
    """

    engine: Engine
    seed: int
    percents: Sequence[float]
    threads: int | None = None
    base_directory: Path | None = None
    report: Report | None = None
    simulated: int = 0
    work: float = 0.0
    most_work: float = math.inf
    _told: Progress | None = None
    _pilots: list[tuple[Any, Pilot]] = field(default_factory=list)
    _explored: dict[tuple[str, int], tuple[Axis, list[float]]] = field(default_factory=dict)
    _counting: Any = field(default_factory=threading.Lock)

    def tell(self, stage: str, done: int, planned: int) -> None:
        """Report progress. Raises KeyboardInterrupt where the answer is to stop."""
        self._told = Progress(stage, done, planned, min(done / planned, 1.0) if planned else 0.0)
        if not self._goes_on(0):
            raise KeyboardInterrupt

    @contextmanager
    def within(self, work: float) -> Iterator[None]:
        """Allow so much more work inside [budgets of the engine], MOST_OF_ONE for one replication; else raise Spent.

        It is found out replication by replication, in their order, so that the same seed ends at the same one.
        """
        self.most_work = self.work + work
        try:
            yield
        finally:
            self.most_work = math.inf

    def window(self, scenario: Scenario, operations: float, length: float = 1.0) -> Window:
        """Return a window in which a replication measures about so many operations.

        It is no shorter than some response times, and some cycles of the users, times length. The scenario's own
        warm-up and duration stand where it has them.
        """
        run = scenario.run
        pilot = self._pilot(scenario)
        measured_ns = max(pilot.end_ns - pilot.warmup_ns, 1)
        rate_per_ns = float((pilot.all_ends_ns >= pilot.warmup_ns).sum()) / measured_ns
        if run.duration != "auto":
            duration_ns = int(run.duration)
        elif rate_per_ns == 0:
            duration_ns = measured_ns
        else:
            tail = float(np.quantile(pilot.responses_ns, 0.99)) if len(pilot.responses_ns) else 0.0
            wanted = max(operations, FEWEST_OPERATIONS, length * CYCLES_PER_WINDOW * _users(scenario)) / rate_per_ns
            duration_ns = round_up(max(wanted, length * RESPONSES_PER_WINDOW * tail))
        warmup_ns = pilot.warmup_ns
        if run.warmup == "auto":
            cycle_ns = _users(scenario) / rate_per_ns if rate_per_ns else 0.0
            cycles = CYCLES_PER_WARMUP[any(workload.kind != "closed" for workload in scenario.workloads)]
            warmup_ns = round_up(max(warmup_ns, WARMUP_SHARE * duration_ns, cycles * cycle_ns))
        return Window(warmup_ns, duration_ns, rate_per_ns)

    def window_at(self, axis: Axis, load: float, operations: float, length: float = 1.0) -> Window:
        """Return a window for a load, by the pilot of a load near it if there is one.

        Users who wait bound what is inside, so the warm-up changes little from one closed load to the next; that of
        open ones grows without bound towards saturation, and each load is explored.
        """
        known = self._explored.setdefault((axis.kind, id(axis.scenario)), (axis, []))[1]
        near = [one for one in known if max(one / load, load / one) <= NEAR] if axis.whole else []
        if not near:
            known.append(load)
        explored = min(near, key=lambda one: abs(math.log(one / load)), default=load)
        return self.window(axis.at(explored), operations, length)

    def cost(self, scenario: Scenario, window: Window) -> float:
        """Return the share of the engine's budget that one replication takes, by the scenario's pilot."""
        return self._pilot(scenario).cost_per_ns * PILOT_SHARE * (window.warmup_ns + window.duration_ns)

    def _pilot(self, scenario: Scenario) -> Pilot:
        """Run the pilot of a scenario, or remember it."""
        for known, pilot in self._pilots:
            if known == scenario:
                return pilot
        compiled = self.engine.compile(scenario, self.base_directory)
        operations = max(int(PILOT_SHARE * self.engine.operations), 2_000)
        events = max(self.engine.events * operations // self.engine.operations, 10_000)
        bounded = self.engine._replace(operations=operations, events=events)
        given_ns = None if scenario.run.warmup == "auto" else int(scenario.run.warmup)

        pilot = explore(bounded, self._sliced(compiled), FIRST_SLICE_NS, given_ns, _users(scenario))
        self._pilots = [*self._pilots[-20:], (scenario, pilot)]
        return pilot

    def _sliced(self, compiled: Any) -> Callable[[int], EngineOutput]:
        """Return what runs a pilot to later and later times [ns]; where the engine can, from where it was."""
        given = {"seed": self.seed, "replication": PILOT_REPLICATION, "warmup_ns": 0}
        if self.engine.begin is None:
            return lambda end_ns: self._simulate(compiled, PILOT_REPLICATION, 0, end_ns, records=True)
        until = self.engine.begin(compiled, records=True, bare=True, **given)
        return lambda end_ns: until(end_ns, self._goes_on)

    def trial(
        self,
        scenario: Scenario,
        window: Window,
        numbers: Sequence[int] = range(1, REPLICATIONS + 1),
        *,
        causes: bool = False,
    ) -> Trial:
        """Simulate replications of a scenario. numbers: which. causes: keep where the time goes."""
        return self.trials([scenario], window, numbers, causes=causes)[0]

    def trials(
        self,
        scenarios: Sequence[Scenario],
        window: Window,
        numbers: Sequence[int] = range(1, REPLICATIONS + 1),
        *,
        causes: bool = False,
    ) -> list[Trial]:
        """Simulate the same replications of several scenarios, side by side where the engine can."""
        trials = [self.begun(scenario, window, causes=causes) for scenario in scenarios]
        self.extend(trials, numbers)
        return trials

    def begun(self, scenario: Scenario, window: Window, *, causes: bool = False) -> Trial:
        """Return a trial without replications so far."""
        compiled = self.engine.compile(scenario, self.base_directory)
        totals = TrialTotals(compiled, self.percents, _open(scenario), detailed=causes)
        return Trial(scenario, window, totals)

    def extend(self, trials: Sequence[Trial], numbers: Sequence[int]) -> None:
        """Simulate the replications that trials do not have yet, side by side where the engine can.

        Raises Spent where they take more work than is allowed.
        """
        pairs = [(trial, number) for trial in trials for number in numbers[trial.totals.replications :]]
        bounded = math.isfinite(self.most_work)
        most = min(self.most_work - self.work, MOST_OF_ONE) if bounded else math.inf

        def one(pair: tuple[Trial, int]) -> EngineOutput:
            trial, number = pair
            start_ns = trial.window.start_ns(number)
            end_ns = start_ns + trial.window.duration_ns
            return self._bounded(trial.totals, number, start_ns, end_ns, most)

        with closing(self.spread(one, pairs)) as outputs:  # what is not begun when the work is spent, never is
            for (trial, _), output in zip(pairs, outputs, strict=True):
                if output.interrupted:
                    raise KeyboardInterrupt
                trial.totals.add(output)
                with self._counting:
                    self.simulated += int(output.counts[:, 0].sum())
                    self.work += work_of(output, trial.totals.compiled, self.engine)
                if self.work > self.most_work:
                    raise Spent

    def _bounded(self, totals: TrialTotals, number: int, start_ns: int, end_ns: int, most: float) -> EngineOutput:
        """Simulate a replication of at most so much work: of a queue without end each event is dearer. Raises Spent."""
        compiled, causes = totals.compiled, totals.detailed
        if self.engine.begin is None or math.isinf(most):
            return self._simulate(compiled, number, start_ns, end_ns, causes=causes)
        until = self.engine.begin(compiled, seed=self.seed, replication=number, warmup_ns=start_ns, causes=causes)
        for part in range(1, PARTS):
            output = until(start_ns + (end_ns - start_ns) * part // PARTS, self._goes_on)
            if output.interrupted:
                return output
            if work_of(output, compiled, self.engine) > most:
                raise Spent
        return until(end_ns, self._goes_on)

    def spread(self, work: Callable[[Any], Any], tasks: Sequence[Any]) -> Generator[Any]:
        """Do independent work on the threads that the engine allows; answers in the order of the tasks."""
        workers = min(self.threads or os.cpu_count() or 1, len(tasks))
        if not self.engine.threads or workers <= 1:
            yield from map(work, tasks)
            return
        with ThreadPoolExecutor(workers) as pool:
            yield from pool.map(work, tasks)

    def _simulate(
        self,
        compiled: Any,
        replication: int,
        warmup_ns: int,
        end_ns: int,
        *,
        records: bool = False,
        causes: bool = False,
    ) -> EngineOutput:
        return self.engine.simulate(
            compiled,
            seed=self.seed,
            replication=replication,
            warmup_ns=warmup_ns,
            end_ns=end_ns,
            records=records,
            causes=causes,
            progress=self._goes_on,
        )

    def recorded(
        self,
        scenario: Scenario,
        numbers: Sequence[int],
        window_ns: tuple[int, int],
        look: Callable[[EngineOutput], int | None],
    ) -> list[int | None]:
        """Simulate replications of a scenario with every operation's record, and return what is seen in each.

        look: sees one replication at a time, because records take much memory.
        """
        compiled = self.engine.compile(scenario, self.base_directory)

        def one(number: int) -> tuple[int | None, int]:
            output = self._simulate(compiled, number, *window_ns, records=True)
            return look(output), int(output.counts[:, 0].sum())

        seen = list(self.spread(one, numbers))
        self.simulated += sum(count for _, count in seen)
        return [found for found, _ in seen]

    def counted(self, scenario: Scenario, numbers: Sequence[int], warmup_ns: int, end_ns: int) -> list[EngineOutput]:
        """Simulate replications of a scenario without records."""
        compiled = self.engine.compile(scenario, self.base_directory)
        return list(self.spread(lambda number: self._simulate(compiled, number, warmup_ns, end_ns), numbers))

    def _goes_on(self, _: int) -> bool:
        """Return whether nobody wants the answer to stop."""
        return self.report is None or self._told is None or self.report(self._told) is not False


def work_of(output: EngineOutput, compiled: Any, engine: Engine) -> float:
    """Return what a replication took, in budgets of the engine: many tasks on the cores make each event dearer."""
    crowd = 0.0
    for station, totals in zip(compiled.stations, output.stations_whole, strict=True):
        service = compiled.scenario.services.get(station.service)
        if station.kind == "cpu" and service is not None and service.discipline in TASKS_AT_TWICE:
            waiting = int(totals["waiting_ns"]) / max(output.end_ns, 1)
            crowd = max(crowd, waiting / TASKS_AT_TWICE[service.discipline])
    return cost_of(output, engine) * (1 + crowd)


def chosen_for_search(engine: str | Engine) -> tuple[Engine, list[str]]:
    """Return an engine for hundreds of trials, and what to warn about.

    "auto" waits for the fast engine where it has to be compiled: a search on the reference engine would take longer.
    """
    if not isinstance(engine, str):
        return engine, []
    return choose("fast" if engine == "auto" else engine)


def percents_of(criteria: Iterable[Criterion]) -> list[float]:
    """Return the percentiles that trials must measure."""
    asked = {criterion.percent for criterion in criteria if criterion.percent is not None}
    return sorted({*STANDARD_PERCENTS, *asked})


def _users(scenario: Scenario) -> int:
    """Return how many operations the closed workloads keep circulating."""
    return sum(workload.users for workload in scenario.workloads if workload.kind == "closed")


def _open(scenario: Scenario) -> list[int]:
    return [index for index, workload in enumerate(scenario.workloads) if workload.kind != "closed"]


def seconds(time_ns: float) -> float:
    """Return nanoseconds as seconds."""
    return time_ns / NS_PER_S

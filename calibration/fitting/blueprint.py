"""A scenario with some numbers left open: what a fit by simulation adjusts."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from calibration.fitting.stops import Stops
from models.measured import CrowdedCaches
from models.scenario import Scenario
from models.units import RATE, TIME

Scale = Literal["log", "logit"]
Parts = tuple[dict[str, Any], list[dict[str, Any]]]
"""The services and the stages of the operation, as a scenario's tables."""
LEAST_S: Final = 1e-9
ALL_WAITING: Final = 100_000
"""Size of a batch that takes all who wait when it begins."""


@dataclass(frozen=True)
class Free:
    """A number that is left open, with what is expected of it before the fit.

    middle: expected, in SI units. width: standard deviation of what is expected, on the scale. how: where the
    expectation comes from, for the profile. unit: as a profile names it. field: its place in the scenario, if it has
    one of its own.
    """

    name: str
    middle: float
    width: float
    how: str
    scale: Scale = "log"
    unit: Literal["s", "1/s", "share", "ratio", "count"] = "s"

    def value(self, free: float) -> float:
        """Return the number that lies so many standard deviations from what is expected."""
        if self.scale == "log":
            return self.middle * math.exp(min(max(self.width * free, -40.0), 40.0))
        odds = math.log(self.middle / (1.0 - self.middle)) + self.width * free
        return 1.0 / (1.0 + math.exp(-min(max(odds, -40.0), 40.0)))


@dataclass(frozen=True)
class Load:
    """What is offered: clients in a closed loop, or arrivals.

    rate_per_s: of a Poisson process, all clients together; None: closed.
    think_kind: how pauses of `think_time_s` are drawn.
    """

    procs: int
    concurrency: int = 1
    think_time_s: float = 0.0
    think_kind: Literal["exponential", "constant"] = "exponential"
    rate_per_s: float | None = None

    @property
    def in_flight(self) -> int:
        """Operations that circulate at most."""
        return self.procs * self.concurrency

    def workload(self) -> dict[str, Any]:
        """Return the load as a scenario's workload."""
        clients: dict[str, Any] = {"name": "clients", "procs": self.procs}
        if self.rate_per_s is not None:
            return clients | {"kind": "open", "arrival_rate": RATE.print(self.rate_per_s)}
        clients |= {"kind": "closed", "concurrency": self.concurrency}
        if self.think_time_s >= LEAST_S:
            mean = TIME.print(round(self.think_time_s * 1e9))
            constant = self.think_kind == "constant"
            clients["think_time"] = mean if constant else {"distribution": "exponential", "mean": mean}
        return clients


@dataclass(frozen=True)
class Blueprint:
    """A structure: which numbers are open, and the scenario that they make.

    label: what people call it. build: turns the numbers by name into services and stages. notes: what it leaves out.
    arriving: changes services and stages for operations that arrive at a rate; None: nothing changes.
    under: the numbers as they are under a load, where an operation costs more the more there are; None: they stay.
    crowding: relative standard deviation that each doubling of the operations beyond the fitted ones adds, where the
    structure leaves more open there than the profile's discrepancy has.
    tails: the same of p95 and p99, upwards alone, where something that makes them longer is not modelled.
    growing: what p95 and p99 grow by relative to the mean, as a logarithm, with each doubling of the operations beyond
    the fitted ones, where they keep their distance from it otherwise; empty where they are as simulated.
    shared_outside: relative standard deviation of all figures, from one measurement to the next, by what others take of
    the hardware whom nobody sees on this machine, and by what hardware does that the levels do not show.
    exits_counted: share of the exits from idling that the processes are charged with as CPU.
    likely: odds of the structure before the fit, relative to the others.
    shaped: whether the structure itself makes percentiles lie about the mean as they do under each load, as where
    requests gather in waves or a generator looks again: how they lie at one load then says nothing of another.
    crowded: caches that a process for each connection costs the others, as `under` has it; None: there are none.
    stops: of the whole service, while which arrivals gather; None: none are known.
    wakes: how often an operation is woken. uncharged_s: CPU of an operation that no process is charged with.
    """

    label: str
    free: Sequence[Free]
    build: Callable[[Mapping[str, float]], Parts]
    notes: Sequence[str] = ()
    arriving: Callable[[Mapping[str, float], Load, Parts], Parts] | None = None
    crowding: float = 0.0
    tails: Mapping[str, float] = field(default_factory=dict)
    growing: Mapping[str, float] = field(default_factory=dict)
    shared_outside: float = 0.0
    exits_counted: float = 0.0
    likely: float = 1.0
    under: Callable[[Mapping[str, float], Load], dict[str, float]] | None = None
    shaped: bool = False
    crowded: CrowdedCaches | None = None
    stops: Stops | None = None
    wakes: int = 1
    uncharged_s: float = 0.0

    def values(self, position: Sequence[float]) -> dict[str, float]:
        """Return the numbers by name. position: of each, in standard deviations from what is expected."""
        return {one.name: one.value(float(where)) for one, where in zip(self.free, position, strict=True)}

    def scenario(
        self, position: Sequence[float], load: Load, run: dict[str, Any] | None = None, stops: Stops | None = None
    ) -> Scenario:
        """Return the scenario with these numbers under a load. run: its `run`. stops: of the first service."""
        values = self.values(position)
        if self.under is not None:
            values = self.under(values, load)
        services, stages = self.build(values)
        if load.rate_per_s is not None and self.arriving is not None:
            services, stages = self.arriving(values, load, (services, stages))
        if stops is not None:
            first = next(iter(services))
            services = services | {first: services[first] | {"pauses": stops.pauses()}}
        table: dict[str, Any] = {
            "name": "fitted",
            "workloads": [load.workload()],
            "services": services,
            "operations": [{"name": "operation", "stages": stages}],
        }
        return Scenario.from_dict(table | ({"run": run} if run else {}), source="the fitted scenario")

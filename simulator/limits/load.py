"""The axis of a search for a limit: the offered load of the first workload, in processes or as a rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from models.errors import FieldProblem, ScenarioError
from models.scenario import Event, Scenario
from models.scenario_capacity import offered_utilization
from models.workload import MAX_USERS, Workload
from simulator.planning import sheds

PROCS: Final = "procs"
RATE: Final = "rate"
EMPTY: Final = 0.001  # of the capacity, or of the rate: what the response time of an empty system is taken at
LEAST: Final = 0.01  # of the capacity, or of the rate: where a search for an open workload's limit begins
MOST: Final = 1_000.0  # times the scenario's own load: where a search for it ends
DIGITS: Final = 4  # of a rate that is found


@dataclass(frozen=True)
class Axis:
    """How the offered load of a scenario is varied.

    kind: "procs" or "rate" [per s]. least, most: where the search begins and ends. start: where it looks first.
    capacity: load from which on a station is offered more than it can do, and its name; infinite where no law
    says so, or where something turns work away.
    """

    scenario: Scenario
    kind: str
    start: float
    least: float
    most: float
    capacity: float = math.inf
    full: str | None = None

    @property
    def whole(self) -> bool:
        """Whether loads are whole numbers."""
        return self.kind == PROCS

    @property
    def unit(self) -> str:
        """What follows a load in a text."""
        return " procs" if self.whole else "/s"

    def at(self, load: float) -> Scenario:
        """Return the scenario at a load."""
        return at_load(self.scenario, self.kind, load)

    def empty(self, share: float = EMPTY) -> Scenario:
        """Return the nearly empty system: one process of each workload, or a small share of the rate."""
        scale = self.capacity if 0 < self.capacity < math.inf else self.start
        workloads = []
        for index, workload in enumerate(self.scenario.workloads):
            own = scale if index == 0 and self.kind == RATE else workload.arrival_rate
            update = {"procs": 1} if own is None else {"arrival_rate": share * own}
            workloads.append(workload.model_copy(update=update))
        return self.scenario.model_copy(update={"workloads": workloads})

    def rounded(self, load: float) -> float:
        """Round a load down to what can be set: whole processes, four digits of a rate."""
        if self.whole:
            return float(math.floor(load + 1e-9))
        if load <= 0:
            return 0.0
        unit = 10.0 ** (math.floor(math.log10(load)) - DIGITS + 1)
        return float(f"{math.floor(load / unit * (1 + 1e-12)) * unit:.10g}")

    def between(self, low: float, high: float) -> float | None:
        """Return a load between two others on a logarithmic scale; None where there is none."""
        middle = math.sqrt(low * high)
        if not self.whole:
            return middle
        middle = min(max(round(middle), low + 1), high - 1)
        return float(middle) if low < middle < high else None

    def text(self, load: float) -> str:
        """Print a load."""
        return f"{load:,.0f}{self.unit}" if self.whole else f"{load:,.4g}{self.unit}"


def at_load(scenario: Scenario, kind: str, load: float) -> Scenario:
    """Return a scenario whose first workload has another load. kind: "procs" or "rate"."""
    update: dict[str, Any] = {"procs": round(load)} if kind == PROCS else {"arrival_rate": load}
    first = scenario.workloads[0].model_copy(update=update)
    return scenario.model_copy(update={"workloads": [first, *scenario.workloads[1:]]})


def axis_of(scenario: Scenario, bounds: tuple[float, float] | None = None) -> Axis:
    """Return the axis of a scenario's first workload.

    bounds: least and most load to look at, instead of what the scenario suggests.
    Raises ScenarioError for a traced workload, and for bounds that contain no load.
    """
    first = scenario.workloads[0]
    if first.kind == "trace":
        accepted = "a closed or an open one, such as with --rate 100/s"
        raise ScenarioError("limits", [FieldProblem(("workloads", 0, "kind"), '"trace"', accepted)])
    scenario = scenario.model_copy(update={"thresholds": []})
    kind = RATE if first.arrival_rate is not None else PROCS
    start = first.arrival_rate if first.arrival_rate is not None else float(first.procs)
    capacity, full = capacity_of(scenario, kind, start)
    # The other workloads alone may be more than a station can do: then there is no capacity to start from.
    scale = capacity if kind == RATE and 0 < capacity < math.inf else start
    least, most = (1.0, _most_procs(first)) if kind == PROCS else (LEAST * scale, MOST * max(scale, start))
    if bounds is not None:
        least, most = max(bounds[0], 1.0 if kind == PROCS else 0.0), min(bounds[1], most)
        if least > most or least <= 0:
            raise ScenarioError(
                "--between", [FieldProblem((), f"{bounds[0]:g}..{bounds[1]:g}", "bounds with a load between them")]
            )
    start = min(max(scale / 2 if kind == RATE else start, least), most)
    return Axis(scenario, kind, start, least, most, capacity, full)


def _most_procs(workload: Workload) -> float:
    """Return the most processes that a search looks at."""
    largest = max([1.0, *(phase.factor for phase in workload.phases)])
    return float(max(min(MOST * max(workload.procs, 10), MAX_USERS // (workload.concurrency * largest)), 1))


def capacity_of(scenario: Scenario, kind: str, load: float) -> tuple[float, str | None]:
    """Return the load at which a station is full by the work that is offered to it, and the station's name.

    Utilization law: linear in the load, beside what the other workloads offer (Denning and Buzen, 1978).
    """
    if sheds(scenario) or scenario.workloads[0].kind != "open":
        return math.inf, None
    once = _utilizations(scenario, kind, load)
    twice = _utilizations(scenario, kind, 2 * load)
    capacity, full = math.inf, None
    for name, utilization in twice.items():
        slope = (utilization - once.get(name, 0.0)) / load
        if slope > 0:
            at = max((1 - (once.get(name, 0.0) - slope * load)) / slope, 0.0)
            capacity, full = min((capacity, full), (at, name), key=lambda entry: entry[0])
    return capacity, full


def _utilizations(scenario: Scenario, kind: str, load: float) -> dict[str, float]:
    return {entry.station: entry.utilization for entry in offered_utilization(at_load(scenario, kind, load))}


def losable(scenario: Scenario) -> list[str]:
    """Return the services of which an instance can be lost, the entry first."""
    return [name for name, service in scenario.services.items() if service.instances > 1]


def without_one(axis: Axis, service: str) -> Axis:
    """Return the axis with one instance of a service down from the start: the one with the largest weight."""
    scenario = axis.scenario
    weights: Sequence[float] = scenario.services[service].balancer.weights or [1.0]
    lost = weights.index(max(weights)) if len(weights) > 1 else 0
    down = Event(at="0s", service=service, instance=lost, action="down")
    instances = scenario.services[service].instances
    left = _fewer(scenario, service, lost)
    capacity, full = capacity_of(left, axis.kind, axis.start)
    share = (instances - 1) / instances
    return Axis(
        scenario.model_copy(update={"events": [down, *scenario.events]}),
        axis.kind,
        max(axis.start * share, axis.least),
        axis.least,
        axis.most,
        capacity,
        full,
    )


def _fewer(scenario: Scenario, name: str, lost: int) -> Scenario:
    """Return a scenario with one instance less, for the laws that count instances."""
    service = scenario.services[name]
    weights = service.balancer.weights
    update: dict[str, Any] = {"instances": service.instances - 1}
    if weights is not None:
        left = [weight for index, weight in enumerate(weights) if index != lost]
        update["balancer"] = service.balancer.model_copy(update={"weights": left})
    services = {**scenario.services, name: service.model_copy(update=update)}
    return scenario.model_copy(update={"services": services})

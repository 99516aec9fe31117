"""Asymptotic bounds of a scenario: what no scheduler and no luck can exceed, from mean demands alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models.offered_work import OfferedWork
from models.scenario import Scenario
from models.scenario_capacity import arrival_rate_per_s, offered_utilization
from models.units import NS_PER_S
from simulator.planning import sheds
from simulator.theory.bounds import AsymptoticBounds


@dataclass(frozen=True)
class Bounds:
    """Bounds of a scenario (Muntz and Wong, 1974; Denning and Buzen, 1978).

    Attributes:
        asymptotic: demands and think time.
        station: that the most throughput comes from.
        users: operations that circulate; None where arrivals do not wait for answers.
        offered_per_s: arrivals; None where operations circulate.
    """

    asymptotic: AsymptoticBounds
    station: str
    users: int | None
    offered_per_s: float | None

    def as_json(self) -> dict[str, Any]:
        """Return the bounds as they stand in a result."""
        bounds = self.asymptotic
        if self.users is None:
            at_most = min(self.offered_per_s or 0.0, bounds.throughput_most_per_s)
            at_least_s = bounds.demand_total_s
        else:
            at_most = bounds.throughput_at_most_per_s(self.users)
            at_least_s = bounds.response_time_at_least_s(self.users)
        return {
            "throughput_at_most_per_s": at_most,
            "response_time_at_least_s": at_least_s,
            "throughput_most_per_s": bounds.throughput_most_per_s,
            "response_time_alone_s": bounds.demand_total_s,
            "concurrency_optimal": None if self.users is None else bounds.concurrency_optimal,
            "station": self.station,
        }


def scenario_bounds(scenario: Scenario) -> Bounds | None:
    """Return the bounds of one closed workload, or of open ones together; None where they do not hold.

    That is the case of several closed workloads, whose shares of the throughput are not known beforehand, of
    traces, of phases and events, and where work is turned away or abandoned. Batches count as full.
    """
    workloads = scenario.workloads
    closed = [workload for workload in workloads if workload.kind == "closed"]
    mixed = bool(closed) and len(workloads) > 1
    scripted = bool(scenario.events) or any(workload.phases for workload in workloads)
    if mixed or scripted or sheds(scenario) or any(workload.kind == "trace" for workload in workloads):
        return None
    if closed:
        # At one operation each second a station's utilization is its demand over its servers.
        one_each_second = closed[0].model_copy(update={"arrival_rate": 1.0})
        scenario = scenario.model_copy(update={"workloads": [one_each_second]})
    offered_per_s = sum(arrival_rate_per_s(workload) for workload in scenario.workloads)
    stations = offered_utilization(scenario)
    if not stations or offered_per_s == 0:
        return None
    think_time_s = closed[0].think_time.mean / NS_PER_S if closed else 0.0
    most_s = stations[0].utilization / offered_per_s
    bounds = AsymptoticBounds(_alone_s(scenario, offered_per_s), most_s, think_time_s)
    if closed:
        return Bounds(bounds, stations[0].station, closed[0].users, None)
    return Bounds(bounds, stations[0].station, None, offered_per_s)


def _alone_s(scenario: Scenario, offered_per_s: float) -> float:
    """Return the mean time that an operation takes at least [s]."""
    work = OfferedWork(scenario.services, next(iter(scenario.services)))
    operations = {operation.name: operation for operation in scenario.operations}
    total_ns = 0.0
    for workload in scenario.workloads:
        weights = sum(workload.operations.values())
        for name, weight in workload.operations.items():
            share = arrival_rate_per_s(workload) / offered_per_s * weight / weights
            total_ns += share * work.least_time_ns(operations[name].stages)
    return total_ns / NS_PER_S

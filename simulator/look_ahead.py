"""What is to be simulated of a scenario: its pilot, and the warm-up, duration and replications that follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from models.scenario import Scenario
from models.scenario_capacity import OfferedUtilization
from simulator import warnings as notes
from simulator.engines import Engine
from simulator.pilot import FIRST_OPERATIONS, FIRST_SLICE_NS, LEAST_GROWTH, Pilot, drain, explore
from simulator.planning import FEWEST_REPLICATIONS, MOST_REPLICATIONS, Plan, plan, sheds
from simulator.replications import Replicator

FIRST_SLICE_OPERATIONS: Final = 4 * FIRST_OPERATIONS  # arrive in it; many do not end
# Of an overload without end all figures depend on the duration anyway, and long queues are dear to search.
TRANSIENT_OPERATIONS: Final = 20_000


def look_ahead(
    scenario: Scenario, compiled: Any, replicator: Replicator, overloaded: Sequence[OfferedUtilization]
) -> tuple[Pilot | None, Plan, list[dict[str, str]]]:
    """Return the pilot, if one was needed, what to simulate, and what to warn about.

    compiled: the scenario as the replicator's engine takes it.
    overloaded: stations to which open workloads offer more than they can do.
    """
    wanted = scenario.run
    shedding = sheds(scenario)
    found = notes.overload(overloaded, shedding)
    transient = bool(overloaded) and not shedding
    traced = all(workload.kind == "trace" for workload in scenario.workloads)
    # A trace is a story with an end, and an overload a transient: neither has a stationary part to look for.
    warmup_ns = 0 if wanted.warmup == "auto" and (traced or transient) else wanted.warmup
    first = FEWEST_REPLICATIONS if wanted.replications == "auto" else int(wanted.replications)
    most = MOST_REPLICATIONS if wanted.replications == "auto" else first
    if warmup_ns != "auto" and wanted.duration != "auto":
        return None, Plan(int(warmup_ns), int(wanted.duration), first, most), found
    if traced:
        last_ns, drained = drain(replicator.pilot, int(compiled.arrivals[:, 0].max()))
        duration_ns = max(last_ns - int(warmup_ns), 1)
        return None, Plan(int(warmup_ns), duration_ns, first, most), [*found, *notes.undrained(drained)]
    given_ns = None if warmup_ns == "auto" else int(warmup_ns)
    users = sum(workload.users for workload in scenario.workloads if workload.kind == "closed")
    engine = _bounded(replicator.engine) if transient else replicator.engine
    pilot = explore(engine, replicator.pilot, _first_slice_ns(scenario), given_ns, users, behind=LEAST_GROWTH)
    found += notes.no_warmup(pilot.warmup_found)
    planned = plan(scenario, pilot, max(1 - pilot.cost, 0.0))
    if transient:
        planned = planned._replace(most_replications=planned.replications, stagger_ns=0)
    return pilot, planned, found


def _bounded(engine: Engine) -> Engine:
    """Return an engine with the budget of a transient."""
    operations = min(engine.operations, TRANSIENT_OPERATIONS)
    return engine._replace(operations=operations, events=max(engine.events * operations // engine.operations, 1))


def _first_slice_ns(scenario: Scenario) -> int:
    """Return how long the first slice of the pilot is: about as long as its operations take to arrive."""
    rate_per_ns = 0.0
    for workload in scenario.workloads:
        if workload.arrival_rate is not None:
            rate_per_ns += workload.arrival_rate / 1e9
        elif workload.interarrival is not None:
            rate_per_ns += workload.procs / workload.interarrival.mean
        elif workload.kind == "closed" and workload.think_time.mean > 0:
            rate_per_ns += workload.users / workload.think_time.mean
    return max(int(FIRST_SLICE_OPERATIONS / rate_per_ns), 1) if rate_per_ns > 0 else FIRST_SLICE_NS

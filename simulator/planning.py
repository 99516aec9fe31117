"""How long and how often to simulate: from the pilot's spread to a duration and a count of replications."""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from models.units import NS_PER_S
from simulator.pilot import Pilot, round_up
from simulator.statistics import (
    Floats,
    observations_needed,
    percentile_variance_constant,
    variance_constant,
)

FEWEST_REPLICATIONS: Final = 5  # fewer say mostly how little is known (t = 2.8 with 5, 4.3 with 3)
PLANNED_REPLICATIONS: Final = 10  # measured coverage of the 95 % interval with ten: .96 for p99
MOST_REPLICATIONS: Final = 40  # beyond that, longer windows serve better: each replication pays its warm-up
TAIL_OBSERVATIONS: Final = 100  # operations beyond p99 in all, or the tail is a few accidents
FEWEST_OPERATIONS: Final = 200  # in a window, whatever the budget
RESPONSES_PER_WINDOW: Final = 3  # times p99: a window shorter than its operations shows pieces of them
STRETCHES: Final = (10, 20)  # numbers of stretches in which ends are counted
STRETCH: Final = 0.5  # times p99: how long a stretch is at least, unless there are as few as may be
LEAST_OPERATIONS: Final = 30_000  # in all windows, whatever a calm pilot promises; less where the engine is slow
LEAST_SHARE: Final = 0.1  # of the budget, where that is less
STAGGERED: Final = (0.1, 0.2)  # of the window, least and most: how much later windows begin; one p99 between these
GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0


class Plan(NamedTuple):
    """What to simulate first.

    warmup_ns, duration_ns: of each replication. replications: how many to start with.
    most_replications: how many there may be in the end. stagger_ns: how much later than after the warm-up a window
    begins at most.
    """

    warmup_ns: int
    duration_ns: int
    replications: int
    most_replications: int
    stagger_ns: int = 0

    def start_ns(self, number: int) -> int:
        """Return when the window of a replication begins [ns]."""
        return self.warmup_ns + later_ns(number, self.stagger_ns)


def later_ns(number: int, stagger_ns: float) -> int:
    """Return how much later than after the warm-up the window of a replication begins [ns].

    Batches and timers that began together stay in step, and all windows would begin at the same moment of their cycle
    and end at the same: an error that all replications share, and no interval shows. Multiples of the golden ratio
    spread evenly over any count of replications.

    stagger_ns: at most.
    """
    return int(stagger_ns * (number * GOLDEN % 1.0))


def scripted_end_ns(scenario: Any) -> int:
    """Return when the last phase and the last event of a scenario are over; 0 if it has none.

    What follows the last event gets a quarter of the time before it, or nobody would see its effect.
    """
    phases = [sum(phase.duration for phase in workload.phases) for workload in scenario.workloads]
    events = [event.at + event.at // 4 for event in scenario.events]
    return int(max([0, *phases, *events]))


def sheds(scenario: Any) -> bool:
    """Return whether something turns work away, so that an overload has a steady state."""
    if any(service.queue_limit is not None for service in scenario.services.values()):
        return True
    if any(workload.cancel_on_timeout for workload in scenario.workloads):
        return True
    stages = [stage for operation in scenario.operations for stage in operation.stages]
    while stages:
        stage = stages.pop()
        if getattr(stage, "on_exhaustion", None) == "fail":
            return True
        stages.extend(getattr(stage, "stages", ()))
        stages.extend(inner for branch in getattr(stage, "branches", ()) for inner in branch.stages)
    return False


def window_operations(pilot: Pilot, precision: float, replications: int, *, closed: bool = False) -> float:
    """Return how many operations each replication's window needs for mean, p99 and throughput.

    precision: relative half-width wanted with that many replications, at least 2.
    closed: whether all workloads are.
    """
    after = pilot.ends_ns >= pilot.warmup_ns
    responses = pilot.responses_ns[after]
    if len(responses) < FEWEST_OPERATIONS:
        return math.inf
    mean = observations_needed(float(responses.mean()), variance_constant(responses), precision, replications)
    value, constant = percentile_variance_constant(responses, 99.0)
    tail = observations_needed(value, constant, precision, replications)
    variance, count = _counts(pilot)
    counting = observations_needed(1.0, variance / max(count, 1.0), precision, replications)
    if closed:
        # Users circulate: over a long window their number over the mean of a cycle, which response and think times
        # tell (interactive response time law). What counts vary by is what is on its way at the window's two ends,
        # as much in a long one as in a short one.
        edges = math.sqrt(observations_needed(1.0, variance, precision, replications))
        counting = min(counting, max(edges, observations_needed(1.0, 1.0, precision, replications)))
    return max(mean, tail, counting, TAIL_OBSERVATIONS / 0.01 / replications)


def _counts(pilot: Pilot) -> tuple[float, float]:
    """Return variance and mean of the number of ends in stretches of time; their ratio is 1 for a Poisson stream.

    Of those numbers of stretches in which one is not much shorter than a response, the one with the largest ratio:
    what leaves together, such as a batch, would seem to make the throughput vary.
    """
    found = (0.0, 0.0)
    most = (pilot.end_ns - pilot.warmup_ns) / max(STRETCH * pilot.p99_ns, 1.0)
    for stretches in STRETCHES:
        if stretches > max(most, STRETCHES[0]):
            continue
        edges = np.linspace(pilot.warmup_ns, pilot.end_ns, stretches + 1)
        counts: Floats = np.histogram(pilot.all_ends_ns, bins=edges)[0].astype(np.float64)
        mean = float(counts.mean())
        if mean > 0 and (found[1] == 0 or counts.var(ddof=1) / mean > found[0] / found[1]):
            found = (float(counts.var(ddof=1)), mean)
    return found


def plan(scenario: Any, pilot: Pilot, allowed: float) -> Plan:
    """Plan the counted replications of a scenario that leaves its duration, or its warm-up, open.

    pilot: with the warm-up in it, found or given.
    allowed: share of the engine's budget that is left.
    """
    wanted = scenario.run.replications
    affordable_ns = allowed / pilot.cost_per_ns if pilot.cost_per_ns > 0 else math.inf
    count = PLANNED_REPLICATIONS if wanted == "auto" else wanted
    if wanted == "auto" and affordable_ns / count < 2 * pilot.warmup_ns + RESPONSES_PER_WINDOW * pilot.p99_ns:
        # Warm-ups and edges of windows would tell too much: fewer and longer replications.
        count = FEWEST_REPLICATIONS
    if scenario.run.duration != "auto":
        first = FEWEST_REPLICATIONS if wanted == "auto" else wanted
        stagger_ns = _stagger_ns(scenario, pilot, scenario.run.duration)
        return Plan(pilot.warmup_ns, scenario.run.duration, first, _most(wanted, first), stagger_ns)
    judged = count if count >= FEWEST_REPLICATIONS else PLANNED_REPLICATIONS
    closed = all(workload.kind == "closed" for workload in scenario.workloads)
    operations = window_operations(pilot, scenario.run.precision, judged, closed=closed)
    measured_ns = max(pilot.end_ns - pilot.warmup_ns, 1)
    rate_per_ns = float((pilot.all_ends_ns >= pilot.warmup_ns).sum()) / measured_ns
    # Whatever the budget: a window much shorter than its warm-up would still show how the run began.
    floor_ns = max(FEWEST_OPERATIONS / rate_per_ns if rate_per_ns > 0 else float(NS_PER_S), pilot.warmup_ns / 2)
    needed_ns = operations / rate_per_ns if rate_per_ns > 0 else floor_ns
    needed_ns = max(needed_ns, RESPONSES_PER_WINDOW * pilot.p99_ns)
    if pilot.cost_per_ns > 0 and rate_per_ns > 0:
        least_ns = min(LEAST_SHARE / pilot.cost_per_ns, LEAST_OPERATIONS / rate_per_ns)
        needed_ns = max(needed_ns, least_ns / count)
    duration_ns = max(min(needed_ns, affordable_ns / count - pilot.warmup_ns), floor_ns)
    duration_ns = max(duration_ns, scripted_end_ns(scenario) - pilot.warmup_ns)
    if math.isinf(duration_ns):
        duration_ns = floor_ns
    stagger_ns = _stagger_ns(scenario, pilot, duration_ns)
    return Plan(pilot.warmup_ns, round_up(duration_ns), count, _most(wanted, count), stagger_ns)


def _stagger_ns(scenario: Any, pilot: Pilot, duration_ns: float) -> int:
    """Return how much later windows begin at most [ns]; a warm-up that was given is kept to."""
    if scenario.run.warmup != "auto":
        return 0
    least, most = (share * duration_ns for share in STAGGERED)
    return int(min(max(pilot.p99_ns, least), most))


def _most(wanted: int | str, first: int) -> int:
    return MOST_REPLICATIONS if wanted == "auto" else first

"""The pilot: a replication that is not counted, from which warm-up and length of the others follow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.records import COMPLETED
from models.units import NS_PER_S
from simulator.engines import Engine
from simulator.output import EngineOutput
from simulator.statistics import Floats, mser, mser5, percentile

PILOT_REPLICATION: Final = 0  # counted replications are numbered from 1

FIRST_SLICE_NS: Final = 1_000_000  # where nothing is known of the rate; cheap anywhere
FIRST_OPERATIONS: Final = 200  # enough to extrapolate a rate within some 15 %
GROWTH: Final = 8  # of the slice while the rate is unknown: few reruns, and no slice much too long
LEAST_GROWTH: Final = 1.3  # less would show nothing new, and is a whole replication more
FIRST_JUDGED: Final = 15_000  # operations in the first pilot that is judged: a transient of some thousands shows
FIRST_SHARE: Final = 0.05  # of the budget, where that is less
MOST_OPERATIONS: Final = 500_000  # in a pilot, because it keeps the records of all: some 100 MB
LARGEST_SHARE: Final = 0.3  # of the budget, for the longest: the answer's own replications need the rest
COARSE_BATCHES: Final = 100
CYCLES: Final = 1.5  # of a closed workload's users, that began together: what is cut at least
RESPONSES: Final = 5  # times p99, after the cut: what leaves together must not look like a varying throughput
LONGEST_NS: Final = 1000 * 86_400 * NS_PER_S  # where nothing ends for so long, there is no pilot


@dataclass(frozen=True)
class Pilot:
    """What the pilot showed.

    responses_ns, ends_ns: of the completed operations, in the order in which they ended.
    all_ends_ns: of all operations that ended, sorted.
    end_ns: simulated time. cost: share of the engine's budget that it took, all its slices together.
    cost_per_ns: share of the budget for each simulated nanosecond.
    warmup_ns: the cut. warmup_found: False if no stationary part was found.
    """

    responses_ns: Floats
    ends_ns: NDArray[np.int64]
    all_ends_ns: NDArray[np.int64]
    end_ns: int
    cost: float
    cost_per_ns: float
    warmup_ns: int
    warmup_found: bool

    @cached_property
    def p99_ns(self) -> float:
        """p99 of the response time [ns], 0 without responses."""
        return percentile(self.responses_ns, 99.0) if len(self.responses_ns) else 0.0


def round_up(time_ns: float) -> int:
    """Round a time up to two significant digits, so that a person can read and repeat it."""
    whole = int(-(-time_ns // 1))
    unit = int(10 ** max(len(str(whole)) - 2, 0))
    return -(-whole // unit) * unit


def cost_of(output: EngineOutput, engine: Engine) -> float:
    """Return what a replication took, as a share of the engine's budget."""
    ended = int(output.counts[:, 1:3].sum())
    return max(ended / engine.operations, output.events / engine.events)


def explore(
    engine: Engine,
    simulate: Callable[[int], EngineOutput],
    first_slice_ns: int,
    warmup_ns: int | None,
    users: int,
    *,
    behind: float = 2.0,
) -> Pilot:
    """Run the pilot from 0 in growing slices until the warm-up is found or a bound is reached.

    Each slice is the same sample path, longer. The cut is the latest of three: MSER-5 on the response times, the
    same with COARSE_BATCHES batches (a backlog that is worked off raises many responses by little), and MSER on
    the number of ends in as many stretches of time (a system that fills up, each response alike). Users that began
    together go round CYCLES times first, where the pilot is long enough for that: how they are spread changes by so
    little at a time that no series shows it (half a per cent of the hub's response times).

    simulate: runs the pilot replication to a time [ns], with records.
    first_slice_ns: where to start, expected to show about FIRST_OPERATIONS operations.
    warmup_ns: the scenario's own warm-up, or None to look for it.
    users: of the closed workloads, 0 if there are none.
    behind: how many times longer the pilot becomes at least where a cut was found, but too little was seen behind it.
    """
    largest = min(LARGEST_SHARE, MOST_OPERATIONS / engine.operations)
    share = min(FIRST_SHARE * largest / LARGEST_SHARE, FIRST_JUDGED / engine.operations)
    wanted = max(share, FIRST_OPERATIONS / engine.operations)
    end_ns, spent = first_slice_ns, 0.0
    while True:
        output = simulate(end_ns)
        cost = cost_of(output, engine)
        spent += cost
        responses_ns, ends_ns, all_ends_ns = _series(output)
        cycles_ns = CYCLES * users * end_ns / max(len(all_ends_ns), 1)
        if warmup_ns is None:
            cut_ns, found = _cut(responses_ns, ends_ns, all_ends_ns, end_ns)
            cut_ns = max(cut_ns, round_up(min(cycles_ns, end_ns / 2)))
        else:
            cut_ns, found = warmup_ns, True
        tail_ns = percentile(responses_ns, 99.0) if len(responses_ns) else 0.0
        covered_ns = int(max(2 * cut_ns, cut_ns + RESPONSES * tail_ns, 2 * cycles_ns))
        if cost >= largest or end_ns >= LONGEST_NS or output.interrupted:
            break
        if cost >= wanted * 0.7:
            if found and end_ns >= covered_ns:
                break
            growth = min(max(behind if found else 2.0, covered_ns / end_ns), 1.05 * largest / cost)
            if growth < LEAST_GROWTH:
                break
            end_ns = int(end_ns * growth)
            continue
        known = len(all_ends_ns) >= FIRST_OPERATIONS
        reach = max(1.05 * wanted / cost, min(1.05 * covered_ns / end_ns, largest / cost)) if known else GROWTH
        end_ns = int(end_ns * min(max(reach, 2), GROWTH))
    return Pilot(responses_ns, ends_ns, all_ends_ns, end_ns, spent, cost / end_ns, cut_ns, found and len(ends_ns) > 0)


def drain(simulate: Callable[[int], EngineOutput], last_arrival_ns: int) -> tuple[int, bool]:
    """Return when the last operation of a trace has ended [ns], and whether all do.

    simulate: runs a replication to a time [ns], with records.
    """
    extra_ns = max(last_arrival_ns // 100, FIRST_SLICE_NS)
    bound_ns = max(last_arrival_ns, 1000 * NS_PER_S)
    while True:
        output = simulate(last_arrival_ns + extra_ns)
        _, _, all_ends_ns = _series(output)
        drained = int(output.counts[:, 0].sum()) == len(all_ends_ns)
        if drained or extra_ns >= bound_ns or output.interrupted:
            last_ns = int(all_ends_ns[-1]) if len(all_ends_ns) else 0
            return max(last_ns, last_arrival_ns) + 1, drained
        extra_ns *= GROWTH


def _series(output: EngineOutput) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Return response times and ends of the completed, in order of end, and the ends of all."""
    records: NDArray[Any] | None = output.records
    if records is None:
        raise ValueError("a pilot needs records")
    # Column by column: whole records hold the causes too, ten times as much to copy.
    order = np.argsort(records["end_ns"], kind="stable")
    all_ends_ns = records["end_ns"][order]
    order = order[np.searchsorted(all_ends_ns, 0) :]  # behind those that have not ended
    completed = order[records["outcome"][order] == COMPLETED]
    ends_ns = records["end_ns"][completed]
    responses_ns = (ends_ns - records["start_ns"][completed]).astype(np.float64)
    return responses_ns, ends_ns, all_ends_ns[len(all_ends_ns) - len(order) :]


def _cut(
    responses_ns: Floats, ends_ns: NDArray[np.int64], all_ends_ns: NDArray[np.int64], end_ns: int
) -> tuple[int, bool]:
    """Return the time of the warm-up cut, and whether all series had one."""
    if len(ends_ns) == 0:
        return 0, False
    by_response = (mser5(responses_ns), mser(responses_ns, max(len(responses_ns) // COARSE_BATCHES, 1)))
    count = max(cut.count for cut in by_response)
    by_response_ns = int(ends_ns[count - 1]) if count else 0
    rates, edges = np.histogram(all_ends_ns, bins=COARSE_BATCHES, range=(0, end_ns))
    by_rate = mser(rates.astype(np.float64), 1)
    cut_ns = max(by_response_ns, edges[by_rate.count])
    return round_up(cut_ns), by_rate.found and all(cut.found for cut in by_response)

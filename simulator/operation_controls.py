"""Chance whose mean is known, as only the records of single operations show it.

By Little's law the users of a closed system spend their time in as many cycles as operations end, each a think time and
a response; what a window shows beyond that are think times that were not the mean ones, and what it cuts off at both
ends. And of a percentile of the response times, what matters of a delay is whether it alone makes the operation longer
than that.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.records import COMPLETED, DELAYED
from models.scenario import Scenario
from simulator.known_delays import Ways, delays_of_completed, expected
from simulator.measures import percentile_name
from simulator.output import EngineOutput
from simulator.planning import Plan
from simulator.statistics import Floats, percentile

CYCLES: Final = "cycle_excess"
BEYOND: Final = "beyond_excess."  # and the percentile's name

MOST_RECORDS: Final = 300_000  # in one replication, or its records would take some 200 MB
_QUANTILES: Final = 4096  # kept of the rest of the response times


def means_known(scenario: Scenario) -> bool:
    """Return whether all users are closed workloads', none come or go, and nothing else changes meanwhile."""
    return not scenario.events and all(one.kind == "closed" and not one.phases for one in scenario.workloads)


def worth_recording(scenario: Scenario, planned: Plan) -> bool:
    """Return whether records of operations show chance whose mean is known, and are few enough to be kept."""
    if not means_known(scenario):
        return False
    most_ns = planned.warmup_ns + planned.stagger_ns + planned.duration_ns
    count = 0.0
    for workload in scenario.workloads:
        ways = delays_of_completed(scenario, workload) or {}
        delay_ns = sum(share * delay.mean for delay, share in ways.items() if delay is not None)
        cycle_ns = workload.think_time.mean + delay_ns  # at least
        count += workload.users * most_ns / cycle_ns if cycle_ns > 0 else math.inf
    return count <= MOST_RECORDS


@dataclass
class OperationControls:
    """Measures of one replication after the other, each 0 in the mean.

    percents: response-time percentiles of which delays are taken out.
    """

    scenario: Scenario
    percents: Sequence[float]
    _ways: list[Ways | None] = field(default_factory=list)
    _chances: dict[float, _Chance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Find out which delays are known."""
        self._ways = [delays_of_completed(self.scenario, workload) for workload in self.scenario.workloads]

    @property
    def names(self) -> list[str]:
        """The names of all."""
        return [CYCLES, *(BEYOND + percentile_name(percent) for percent in self.percents)]

    def measure(self, output: EngineOutput) -> dict[str, float]:
        """Return what one window shows, relative to all users; NaN where that is not known.

        cycle_excess: share of the users' time beyond the response times of the operations that ended, and as many
            mean think times.
        beyond_excess.P: the operations that completed whose delays made them exceed the percentile P, beyond those
            that delays of the known distribution would let exceed it.

        output: with records. The first one also settles the percentiles and what response times are made of besides
        delays; any function of a delay has a known mean.
        """
        records = output.records
        if records is None:
            raise ValueError("controls of operations need records")
        ended = records[(records["end_ns"] >= output.warmup_ns) & (records["outcome"] >= COMPLETED)]
        users = sum(workload.users for workload in self.scenario.workloads)
        found = dict.fromkeys(self.names, math.nan)
        found[CYCLES] = self._cycles(ended, output.end_ns - output.warmup_ns) / users
        completed = ended[ended["outcome"] == COMPLETED]
        if self._show_delays() and len(completed):
            found.update(self._beyond(completed, users))
        return found

    def _show_delays(self) -> bool:
        """Return whether the delays of all are known, and some of them differ."""
        delays = [delay for ways in self._ways for delay in ways or ()]
        return None not in self._ways and any(delay is not None and delay.variance > 0 for delay in delays)

    def _cycles(self, ended: NDArray[Any], window_ns: int) -> float:
        """Return the users' time beyond the cycles of the operations that ended, as a multiple of the window."""
        beyond_ns = -float((ended["end_ns"] - ended["start_ns"]).sum())
        counts = np.bincount(ended["workload"], minlength=len(self.scenario.workloads))
        for workload, count in zip(self.scenario.workloads, counts, strict=True):
            beyond_ns += workload.users * window_ns - int(count) * workload.think_time.mean
        return beyond_ns / max(window_ns, 1)

    def _beyond(self, completed: NDArray[Any], users: int) -> dict[str, float]:
        responses_ns = (completed["end_ns"] - completed["start_ns"]).astype(np.float64)
        delays_ns = completed["causes_ns"][:, DELAYED].astype(np.float64)
        workloads = completed["workload"]
        if not self._chances:
            ways = [one or {} for one in self._ways]
            rest_ns = np.quantile(responses_ns - delays_ns, (np.arange(_QUANTILES) + 0.5) / _QUANTILES)
            exceeded_ns = {one: percentile(responses_ns, one) for one in self.percents}
            self._chances = {one: _Chance.of(time_ns, rest_ns, ways) for one, time_ns in exceeded_ns.items()}
        found = {}
        for percent, chance in self._chances.items():
            excess = chance.at(delays_ns) - chance.means[workloads]
            found[BEYOND + percentile_name(percent)] = float(excess.sum()) / users
        return found


class _Chance(NamedTuple):
    """How likely an operation exceeds a response time, by its delay.

    exceeded_ns: that time. rest_ns: what response times are beside delays, sorted. means: of the chance by workload.
    """

    exceeded_ns: float
    rest_ns: Floats
    means: Floats

    @classmethod
    def of(cls, exceeded_ns: float, rest_ns: Floats, ways: Sequence[Ways]) -> _Chance:
        """Return it with its means where each workload's operations go these ways."""
        plain = cls(exceeded_ns, rest_ns, np.zeros(0))
        return cls(exceeded_ns, rest_ns, np.array([expected(one, plain.at) for one in ways]))

    def at(self, delays_ns: Floats) -> Floats:
        """Return the chance for each delay."""
        left_ns = self.exceeded_ns - delays_ns
        found: Floats = 1 - np.searchsorted(self.rest_ns, left_ns, side="right") / len(self.rest_ns)
        return found

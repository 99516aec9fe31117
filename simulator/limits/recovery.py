"""Does it recover? A spike of load is simulated, and the way back, or that there is none.

A system whose clients retry can stay overloaded after the spike has passed, fed by its own retries (a metastable
failure: Bronson, Aghayev, Charapko and Zhu, 2021). There the backlog does not shrink any more, and the load at which
its drift is zero is where that begins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.records import COMPLETED
from models.scenario import Phase, Scenario
from models.units import NS_PER_S, TIME
from simulator.limits.load import Axis
from simulator.limits.trials import FRESH, Laboratory, seconds
from simulator.output import EngineOutput
from simulator.pilot import round_up
from simulator.statistics import interval

SPIKE_FACTOR: Final = 3.0
REPLICATIONS: Final = 4
FEW: Final = 2  # that are simulated first
UNLIKE: Final = 3  # bins between their times to return, from which on the others are simulated too
BINS_PER_SPIKE: Final = 10  # the time to return is told to a tenth of the spike
SOON: Final = 2  # spikes after the spike, which are looked at first
HORIZON: Final = 10  # in which it has to be over
CALM: Final = 3  # bins in a row that say it is over
BAD_SHARE: Final = 0.05  # more of the operations than before the spike: not yet normal
RELAPSE: Final = 0.25  # of what follows calm bins, more than that is bad: they were an accident
NORMAL_PERCENT: Final = 99.0
TIMEOUTS_PER_SPIKE: Final = 20
OPERATIONS_PER_WINDOW: Final = 1_000  # of which a spike takes half, at the load before it
OPERATIONS: Final = 400_000  # whose records are kept, at most, in one replication
BRACKET: Final = 0.02  # between a load that returns and one that never does, relative
NEAR: Final = 1.25  # times: loads whose drifts lie on a line
LOWEST: Final = 1 / 16  # of the load that is asked about
STEPS: Final = 12


@dataclass(frozen=True)
class Spike:
    """A stretch in which the first workload's load is multiplied. duration_ns: None: by the system's own times."""

    factor: float = SPIKE_FACTOR
    duration_ns: int | None = None


@dataclass(frozen=True)
class Story:
    """The course of a spike [ns]: when it starts and ends, when observation ends, and the width of its bins."""

    start_ns: int
    stop_ns: int
    end_ns: int

    @property
    def bin_ns(self) -> int:
        """Width of the bins in which operations are judged."""
        return max((self.stop_ns - self.start_ns) // BINS_PER_SPIKE, 1)

    @property
    def soon(self) -> Story:
        """The story up to where most are over."""
        return replace(self, end_ns=min(self.stop_ns + SOON * (self.stop_ns - self.start_ns), self.end_ns))


@dataclass(frozen=True)
class Recovery:
    """What became of a spike at one load.

    return_s: after the spike's end, mean over replications; None where not all returned within the observation.
    expected_s: from the drift of the backlog where they did not; infinite if it is not seen to shrink.
    drift: change of what is inside, towards the end of the observation [per ns].
    """

    load: float
    spike: Story
    return_s: float | None
    expected_s: float | None
    drift: float
    observed_s: float

    @property
    def returns(self) -> bool:
        """Whether it comes back by itself."""
        return self.return_s is not None or (self.expected_s is not None and math.isfinite(self.expected_s))

    def data(self) -> dict[str, Any]:
        """Return it as it stands in an answer."""
        return {
            "load": self.load,
            "returns": self.returns,
            "return_s": self.return_s if self.return_s is not None else self.expected_s,
            "extrapolated": self.return_s is None and self.returns,
            "spike_s": seconds(self.spike.stop_ns - self.spike.start_ns),
            "observed_s": self.observed_s,
        }


def amplifies(scenario: Scenario) -> bool:
    """Return whether anything adds work when operations are slow: retries, or attempts that nobody waits for."""
    return any(
        workload.retry is not None or (workload.timeout is not None and not workload.cancel_on_timeout)
        for workload in scenario.workloads
    )


class Spikes:
    """Simulates spikes along one axis."""

    def __init__(self, laboratory: Laboratory, axis: Axis, spike: Spike) -> None:
        self._laboratory = laboratory
        self._axis = axis
        self._spike = spike
        self._seen: dict[float, Recovery] = {}

    def at(self, load: float) -> Recovery:
        """Return what becomes of a spike at a load."""
        if load not in self._seen:
            self._laboratory.tell(f"a spike at {self._axis.text(load)}", len(self._seen), 0)
            self._seen[load] = self._simulate(load)
        return self._seen[load]

    def _story(self, load: float) -> Story:
        """Return when the spike starts and ends: long against timeouts and response times."""
        window = self._laboratory.window_at(self._axis, load, OPERATIONS_PER_WINDOW)
        if self._spike.duration_ns is not None:
            duration_ns = self._spike.duration_ns
        else:
            timeouts = [work.timeout.mean for work in self._axis.scenario.workloads if work.timeout is not None]
            slowest_ns = window.duration_ns // 2  # holds five times the p99 and 500 operations
            duration_ns = round_up(max([slowest_ns, *(TIMEOUTS_PER_SPIKE * mean for mean in timeouts)]))
        before_ns = window.warmup_ns + max(duration_ns, window.duration_ns // 2)
        stop_ns = before_ns + duration_ns
        horizon_ns = HORIZON * duration_ns
        arrivals = window.rate_per_ns * (before_ns + self._spike.factor * duration_ns)
        left = max(OPERATIONS - arrivals, 0.0)
        if window.rate_per_ns:
            horizon_ns = max(min(horizon_ns, int(left / window.rate_per_ns)), 2 * duration_ns)
        return Story(before_ns, stop_ns, stop_ns + horizon_ns)

    def _simulate(self, load: float) -> Recovery:
        story = self._story(load)
        scenario = _with_spike(self._axis.at(load), story, self._spike.factor)
        numbers = range(3 * FRESH, 3 * FRESH + REPLICATIONS)
        observed_s = seconds(story.end_ns - story.stop_ns)
        for part in dict.fromkeys((story.soon, story)):
            few = numbers[:FEW] if part == story.soon else numbers
            done = self._returns_ns(scenario, part, few)
            if len(done) == len(few) and len(few) < len(numbers) and max(done) - min(done) > UNLIKE * part.bin_ns:
                few = numbers
                done += self._returns_ns(scenario, part, numbers[FEW:])
            if len(done) == len(few):
                return Recovery(load, part, seconds(float(np.mean(done))), None, -1.0, observed_s)
        backlog, drift, noise = self._drift(scenario, story, numbers)
        shrinking = backlog / -drift / NS_PER_S if drift < -noise else math.inf
        expected_s = observed_s + (0.0 if backlog == 0 else shrinking)
        return Recovery(load, story, None, expected_s, drift, observed_s)

    def _returns_ns(self, scenario: Scenario, story: Story, numbers: Sequence[int]) -> list[int]:
        """Return the time to return in each replication in which that is seen [ns]."""
        window_ns = (story.start_ns // 2, story.end_ns)
        returned = self._laboratory.recorded(scenario, numbers, window_ns, lambda output: _returned_ns(output, story))
        return [time_ns for time_ns in returned if time_ns is not None]

    def _drift(self, scenario: Scenario, story: Story, numbers: Sequence[int]) -> tuple[float, float, float]:
        """Return how many are inside at the end, the rate of change [per ns], and its half-width.

        Where nothing makes work of failures only those count that are more than before the spike. From the mean numbers
        at the stations in the last two thirds of the observation, abandoned attempts included.
        """
        part_ns = (story.end_ns - story.stop_ns) // 3
        edges = [story.stop_ns + part_ns, story.stop_ns + 2 * part_ns, story.end_ns]
        usual, *inside = (
            [_inside(output) for output in self._laboratory.counted(scenario, numbers, first, last)]
            for first, last in ((story.start_ns // 2, story.start_ns), *pairwise(edges))
        )
        changes = [late - early for early, late in zip(*inside, strict=True)]
        estimate = interval(changes)
        slope = (estimate.value or 0.0) / part_ns
        at_end = max(float(np.mean(inside[1])) + slope * part_ns / 2, 0.0)
        # Where failures make work, a bad state may have no more inside than a good one.
        backlog = at_end if amplifies(scenario) else backlog_of(at_end, float(np.mean(usual)))
        return backlog, slope, (estimate.half_width or 0.0) / part_ns

    def begins(self, most: float) -> dict[str, Any]:
        """Return the load at which a spike is first not recovered from, up to a load.

        load: None where all loads up to the last return. returns_at, never_at: the bracket.
        """
        least = max(self._axis.least, LOWEST * most)
        if self.at(most).returns:
            return {"load": None, "returns_at": most, "never_at": None}
        low, high = least, most
        if not self.at(least).returns:
            return {"load": least, "returns_at": None, "never_at": least}
        for _ in range(STEPS):
            middle = self._axis.between(low, high)
            if high / low <= 1 + BRACKET or middle is None:
                break
            if self.at(middle).returns:
                low = middle
            else:
                high = middle
        return {"load": self._zero_drift(low, high), "returns_at": low, "never_at": high}

    def _zero_drift(self, low: float, high: float) -> float:
        """Return where the drift of the backlog is zero, by a straight line through what was seen near a bracket.

        Below it the backlog shrinks, however slowly. Where the lower load returned at once the boundary lies between
        the two: there it is the spike that does, or does not, bring the system into its bad state.
        """
        stuck = [one for one in self._seen.values() if one.return_s is None and low / NEAR <= one.load <= high * NEAR]
        if len(stuck) < 2:
            return low
        slope, intercept = np.polyfit([one.load for one in stuck], [one.drift for one in stuck], 1)
        zero = -intercept / slope if slope > 0 else low
        reach = high * (NEAR if self.at(low).return_s is None else 1.0)
        return float(min(max(zero, low), reach))


def backlog_of(inside: float, usual: float) -> float:
    """Return how many more operations are inside than before a spike; 0 where that is less than one, or next to none.

    Users who circulate in another pattern than before have slower operations for good, and no backlog.
    """
    more = inside - usual
    return more if more >= max(1.0, BAD_SHARE * usual) else 0.0


def _with_spike(scenario: Scenario, story: Story, factor: float) -> Scenario:
    """Return the scenario with a spike in its first workload."""
    phases = [
        Phase(duration=_text(story.start_ns), factor=1.0),
        Phase(duration=_text(story.stop_ns - story.start_ns), factor=factor),
        Phase(duration=_text(story.end_ns), factor=1.0),
    ]
    first = scenario.workloads[0].model_copy(update={"phases": phases})
    return scenario.model_copy(update={"workloads": [first, *scenario.workloads[1:]]})


def _text(time_ns: int) -> str:
    return TIME.print(int(time_ns))


def _inside(output: EngineOutput) -> float:
    """Return the mean number at the stations in the window, waiting, in service or abandoned."""
    return float(output.stations["number_ns"].sum()) / (output.end_ns - output.warmup_ns)


def _returned_ns(output: EngineOutput, story: Story) -> int | None:
    """Return how long after the spike's end all is as before it [ns]; None if that is not seen.

    Operations are judged by when they started: bad ones failed, are still in flight, or took longer than
    NORMAL_PERCENT of those before the spike. It is over with the first CALM bins in a row that are no worse than the
    worst such stretch before the spike, BAD_SHARE allowed, if most of what follows is good too.
    """
    records: NDArray[Any] | None = output.records
    if records is None:
        return None
    starts_ns, ends_ns = records["start_ns"], records["end_ns"]
    completed = records["outcome"] == COMPLETED
    before = (starts_ns >= story.start_ns // 2) & (starts_ns < story.start_ns)
    usual = before & completed & (ends_ns < story.start_ns)
    if not usual.any():
        return None
    normal_ns = int(np.quantile((ends_ns - starts_ns)[usual], NORMAL_PERCENT / 100))
    bad = ~completed | (ends_ns - starts_ns > normal_ns)
    # What started just before the spike, or before the end, may not have ended though all was well.
    calm = _shares(starts_ns, bad, story.start_ns // 2, story.start_ns - normal_ns, story.bin_ns)
    after = _shares(starts_ns, bad, story.stop_ns, story.end_ns - normal_ns, story.bin_ns)
    if len(calm) < CALM or len(after) < CALM:
        return None
    worst = float(_stretches(calm).max()) + BAD_SHARE
    for first in np.flatnonzero(_stretches(after) <= worst):
        if float(after[first:].mean()) <= worst + RELAPSE:
            return int(first) * story.bin_ns
    return None


def _shares(starts_ns: Any, bad: Any, first_ns: int, last_ns: int, bin_ns: int) -> NDArray[np.float64]:
    """Return the share of bad operations of those that started in each whole bin between two times."""
    bins = max((last_ns - first_ns) // bin_ns, 0)
    chosen = (starts_ns >= first_ns) & (starts_ns < first_ns + bins * bin_ns)
    places = (starts_ns[chosen] - first_ns) // bin_ns
    started = np.bincount(places, minlength=bins)
    amiss = np.bincount(places[bad[chosen]], minlength=bins)
    shares: NDArray[np.float64] = amiss / np.maximum(started, 1)
    return shares


def _stretches(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the means of CALM neighbours."""
    return np.convolve(shares, np.full(CALM, 1 / CALM), mode="valid")

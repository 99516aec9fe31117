"""What a fit of a service says of other loads, with what it still misses at the fitted levels carried on to them.

However well a structure is fitted, something of the highest level stays unexplained: cores that idle beside a queue,
a tail that no part of the structure makes. A level with more connections has that too, so it is carried on: the whole
service is so much slower as its throughput shows, and beside that each figure is as far off as it was (the discrepancy
of Kennedy and O'Hagan, 2001, taken where it was last seen). What lies within the noise of the measurement is not. How
far it goes on is not known: intervals hold its size, more with each doubling.

Arrivals at a rate meet a capacity that is as uncertain as a closed throughput, and near it times grow without bound.
So each redraw of the numbers plays the arrivals for a service that is so much faster or slower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from calibration.fitting.blueprint import Blueprint, Load
from calibration.fitting.by_simulation import OPERATIONS, Fitted, figures_of, simulate
from calibration.fitting.stops import Stops
from calibration.fitting.targets import Target, served_repeatability, targets_of
from calibration.live.measured import Measurement
from models.measured import TAILS, Discrepancy, Missed
from simulator.carried import GOES_ON, bends, left_open

Array = NDArray[np.float64]
Figures = Mapping[str, float]
Interval = tuple[float, float, float]
"""A value with the lower and the upper end of its interval."""
RATES: Final = ("throughput", "cpu")
PERCENTILES: Final = ("p50", "p95", "p99")
FIGURES: Final = (*RATES, "mean", *PERCENTILES)
SERVED_DOUBLING: Final = 0.03
"""Relative standard deviation that each doubling of the connections of a service adds beyond the fitted ones.

Of seventeen recordings of services with one loop, or workers that block, 98 % of 306 figures were inside of 90 %
intervals with 0.04, and their throughputs, means and medians were off by 0.6 to 0.75 of what the intervals said
(`benchmarks/recorded_predictions.py`, 1 December).
"""
SERVED: Final = Discrepancy(rate=0.02, time=0.04, per_doubling=SERVED_DOUBLING)
"""How far a service is off with the right numbers, chosen on the same recordings, which were off by less than the 3 and
5 % that are assumed of any system."""
AT_RATES: Final = 0.1
"""What arrivals at another rate leave open, for each halving of what is left of the capacity."""
NORMAL: Final = 1.645
"""Half-width of a 90 % interval in standard deviations."""
ALLOWED: Final = 0.1
"""A structure that is likelier than this has its best prediction inside of the interval."""
REPLICATIONS: Final = 8
"""Of what is said best, each of `OPERATIONS`: by chance one leaves cores idle, or busy, that others do not (1 to 2 % of
the throughput, 3 % of p99). What the redraws of an interval say may be off by that."""
STOPS_SEEN: Final = 40
"""Stops of the service that simulations of arrivals hold together: one may have none, or two at once."""
MOST: Final = 600_000
"""Operations of all these simulations."""
LONGEST: Final = 200_000
"""Operations that a simulation of arrivals has at most."""


NOTHING: Final = Missed(concurrency=1, slower=0.0)


def beyond_each_doubling(crowding: float) -> float:
    """Return the relative standard deviation that each doubling beyond the fitted levels adds. crowding: its own."""
    return math.hypot(SERVED.per_doubling, crowding)


def tails_of(target: Target) -> dict[str, float]:
    """Return the logarithms of the percentiles of a measured level over its mean; empty without a mean."""
    of = {name: value for name, (value, _) in target.measured.items()}
    return {name: math.log(of[name] / of["mean"]) for name in PERCENTILES if name in of and "mean" in of}


@dataclass(frozen=True)
class ServedFit:
    """A fit of a service, for predictions.

    structures: with how likely each is, the likeliest first. redraws: structure and position of its numbers.
    """

    measurement: Measurement
    structures: Sequence[tuple[Fitted, float]]
    redraws: Sequence[tuple[Fitted, Array]]
    known: dict[tuple[int, Load], Missed] = field(default_factory=dict)
    """By structure and fitted level, what was found so far."""

    def predict(self, load: Load, rate_per_s: float, draws: int) -> dict[str, tuple[float, float, float]]:
        """Return value, lower and upper end (90 %) of each figure (see `LiveFit.predict`).

        rate_per_s: about the throughput, for the length of the simulation.
        """
        redraws = self.redraws[:draws]
        likely = [one for one, weight in self.structures if weight > ALLOWED or one is self.structures[0][0]]
        miss = {id(one): self._missed(one, load) for one in [*likely, *(one for one, _ in redraws)]}
        best = likely[0]
        here, again = miss[id(best)], served_repeatability(self.measurement.table.levels)
        value = self._played(best, best.position, load, rate_per_s, here)
        shifts = [0.0] * len(redraws)
        if load.rate_per_s is not None:
            capacity = math.hypot(SERVED.rate, again, GOES_ON * here.size.get("throughput", 0.0))
            shifts = _evenly(len(redraws), capacity)
        drawn = [
            self._played(one, position, load, rate_per_s, miss[id(one)], shift=shift, precise=False)
            for (one, position), shift in zip(redraws, shifts, strict=True)
        ]
        beside = [self._played(one, one.position, load, rate_per_s, miss[id(one)]) for one in likely[1:] if draws]
        own = self._own(load, here, again, best.blueprint)
        bent = self._bent(load, value, here)
        far = self._bent(load, value, here.model_copy(update={"kept": 1.0}))
        found = {}
        for name, middle in value.items():
            low, high = _ends(name, middle, drawn, beside, math.hypot(own[name], GOES_ON * far[name]))
            bend = math.exp(bent[name])
            found[name] = middle * bend, low * bend, high * bend
        return _ordered(found if load.rate_per_s is None else self._possible(found))

    def carried(self) -> tuple[list[Missed], list[int]]:
        """Return what each structure misses at each level, as a profile keeps it, and the structure of each redraw."""
        every = list(dict.fromkeys([id(self.structures[0][0]), *(id(one) for one, _ in self.redraws)]))
        by_id = {id(one): one for one, _ in [*self.structures, *self.redraws]}
        found = []
        for target in targets_of(self.measurement.table.levels, self.measurement.pacing.think_kind):
            for number, key in enumerate(every):
                found.append(self._missed(by_id[key], target.load).model_copy(update={"structure": number}))
        return found, [every.index(id(one)) for one, _ in self.redraws]

    def _possible(self, found: Mapping[str, tuple[float, float, float]]) -> dict[str, tuple[float, float, float]]:
        """Return intervals at a rate without what cannot be: less than the work takes, and more than there was time."""
        most, least = self.measurement.warmup_s + self.measurement.duration_s, found["cpu"][1] / 2.0
        return {
            name: one if name in RATES else (one[0], max(one[1], min(least, one[0])), min(one[2], max(most, one[0])))
            for name, one in found.items()
        }

    def _own(self, load: Load, here: Missed, again: float, blueprint: Blueprint) -> dict[str, float]:
        """Return the relative standard deviation of each figure beside that of the numbers."""
        known, crowding = SERVED, blueprint.crowding
        if load.rate_per_s is None:
            doublings = self._doublings(load)
        else:
            doublings, crowding = self._idle_doublings(load.rate_per_s), AT_RATES
        found = {}
        for name in FIGURES:
            size = here.size.get(name, here.size.get("mean", 0.0))
            model = known.rate if name in RATES else known.time * TAILS.get(name, 1.0)
            beyond = doublings * beyond_each_doubling(crowding) ** 2
            outside = blueprint.shared_outside**2
            found[name] = math.sqrt(model**2 + outside + beyond + left_open(size, doublings, again) ** 2)
        return found

    def _bent(self, load: Load, value: Figures, here: Missed) -> dict[str, float]:
        """Return by how much percentiles are moved to where they are if they keep their distance from the mean.

        In the queue of a loop the times of those ahead even out, so that tails come closer to the mean with more
        connections; what stops the machine does not even out. Which it is, few connections do not show: halfway.
        Processes do not even out: who has just been served is before the others again. Where the structure itself has
        what shapes them, none of it goes on.
        """
        beyond = self._doublings(load) if load.rate_per_s is None else 0.0
        return dict.fromkeys(value, 0.0) | (bends(here, value, beyond) if beyond > 0 else {})

    def _doublings(self, load: Load) -> float:
        """Return how many doublings of the connections a load lies beyond the highest fitted level."""
        return max(math.log2(load.in_flight / self._top()), 0.0)

    def _idle_doublings(self, rate_per_s: float) -> float:
        """Return how many times what is left of the capacity is halved, or doubled, from a fitted rate to another."""
        levels = self.measurement.table.levels
        most = max((one.throughput_per_s for one in levels if one.kind != "open"), default=rate_per_s)
        left = [max(1.0 - rate / most, 0.05) for rate in (rate_per_s, *self._rates())]
        return min((abs(math.log2(one / left[0])) for one in left[1:]), default=abs(math.log2(left[0])))

    def _rates(self) -> list[float]:
        return [one.throughput_per_s for one in self.measurement.table.levels if one.kind == "open"]

    def _top(self) -> float:
        return max(one.procs or 1.0 for one in self.measurement.table.levels)

    def _missed(self, fitted: Fitted, load: Load) -> Missed:
        """Return what a structure misses at the fitted level that is nearest to a load, by what it would be there."""
        targets = targets_of(self.measurement.table.levels, self.measurement.pacing.think_kind)
        closed = [one for one in targets if one.load.rate_per_s is None]
        nearest = min(closed, key=lambda one: abs(math.log(one.load.in_flight / load.in_flight)))
        key = id(fitted), nearest.load
        if key not in self.known:
            said = self._played(fitted, fitted.position, nearest.load, nearest.throughput_per_s, NOTHING)
            self.known[key] = self._shaped(fitted, nearest, _compared(nearest, said))
        found = self.known[key]
        opened = [one for one in targets if one.load.rate_per_s is not None]
        if load.rate_per_s is None or not opened:
            return found
        rate = load.rate_per_s
        at_rate = min(opened, key=lambda one: abs(math.log(one.throughput_per_s / rate)))
        key = id(fitted), at_rate.load
        if key not in self.known:
            slower = NOTHING.model_copy(update={"slower": found.slower})
            said = self._played(fitted, fitted.position, at_rate.load, at_rate.throughput_per_s, slower)
            other = _compared(at_rate, said, found.slower)
            # while the machine stands still arrivals gather, so half of what is missed at a rate may be chance
            half = {name: one / 2.0 for name, one in other.figures.items()}
            size = {**found.size, **{name: 2.0 * one for name, one in other.size.items()}}
            self.known[key] = other.model_copy(update={"figures": half, "size": size})
        return self.known[key]

    def _shaped(self, fitted: Fitted, target: Target, found: Missed) -> Missed:
        """Return a miss with how percentiles lie about the mean, as measured, and how much of that goes on."""
        each = fitted.blueprint.crowded is not None
        workload = self.measurement.workload
        of = {name: value for name, (value, _) in target.measured.items()}
        update: dict[str, Any] = {"tails": tails_of(target)}
        if fitted.blueprint.shaped:
            update["kept"] = 0.0
        elif each:
            update["kept"] = 1.0
        if workload is not None and workload.disk_written_bytes and {"p95", "p99"} <= of.keys():
            update["stops_s"] = max(of["p99"] - of["p95"], 0.0)
        return found.model_copy(update=update)

    def _played(
        self,
        fitted: Fitted,
        position: Array,
        load: Load,
        rate_per_s: float,
        miss: Missed,
        *,
        shift: float = 0.0,
        precise: bool = True,
    ) -> dict[str, float]:
        """Return the figures of a structure with what it misses.

        shift: logarithm of how much slower it is beside. precise: long enough for what happens seldom.
        """
        slower = miss.slower + shift
        scale = math.exp(slower)
        if load.rate_per_s is None:
            replications = REPLICATIONS if precise else 1
            data = simulate(fitted.blueprint, position, load, rate_per_s, replications=replications)
        else:
            # arrivals at this rate are to a service that is slower what more arrivals are to another
            offered = Load(load.procs, load.concurrency, rate_per_s=load.rate_per_s * scale)
            seconds = (self.measurement.duration_s, self.measurement.warmup_s)
            operations = round(min(max(OPERATIONS, seconds[0] * load.rate_per_s), LONGEST))
            stops = fitted.blueprint.stops
            data = simulate(
                fitted.blueprint,
                position,
                offered,
                offered.rate_per_s or 1.0,
                operations,
                warmup_s=seconds[1] / scale,
                stops=stops.faster(scale) if stops is not None else None,
                replications=_replications(stops, operations / load.rate_per_s, operations) if precise else 1,
            )
        found = figures_of(data, fitted.blueprint, position)
        factors = {"cpu": 1.0, "throughput": 1.0 / scale}
        return {
            name: found[name] * factors.get(name, scale) * math.exp(miss.figures.get(name, 0.0))
            for name in FIGURES
            if name in found
        }


def _replications(stops: Stops | None, seconds: float, operations: int) -> int:
    """Return how many simulations of arrivals are made of what is said best, each so long."""
    if stops is None:
        return REPLICATIONS
    wanted = max(REPLICATIONS, math.ceil(STOPS_SEEN / (stops.rate_per_s * seconds)))
    return min(wanted, max(MOST // operations, 1))


def _compared(target: Target, said: Figures, slower: float | None = None) -> Missed:
    """Return what the figures said of a level miss. slower: what they hold already; None: the throughput tells it."""
    off = {name: math.log(value / said[name]) for name, (value, _) in target.measured.items() if name in said}
    noise = {name: deviation for name, (_, deviation) in target.measured.items()}
    if slower is None:
        slower = -_beyond(off.get("throughput", 0.0), noise.get("throughput", 0.0))
        off |= {name: one - slower for name, one in off.items() if name not in RATES}
        size = {name: math.hypot(one, 0.0 if name == "cpu" else slower) for name, one in off.items()}
        size["throughput"] = abs(off.get("throughput", 0.0))
    else:
        size = {name: abs(one) for name, one in off.items()}
    figures = {name: _beyond(one, noise[name]) for name, one in off.items() if name != "throughput"}
    return Missed(
        concurrency=target.load.in_flight,
        rate_per_s=None if target.load.rate_per_s is None else target.throughput_per_s,
        slower=slower,
        figures=figures,
        size=size,
    )


def _beyond(miss: float, noise: float) -> float:
    """Return what a miss is beyond noise (James and Stein's estimate, not below zero)."""
    return miss * max(1.0 - (noise / miss) ** 2, 0.0) if miss else 0.0


def _evenly(count: int, deviation: float) -> list[float]:
    """Return so many values of a normal distribution, evenly by their chance, in random order."""
    values = ndtri((np.arange(count) + 0.5) / max(count, 1)) * deviation
    return [float(one) for one in np.random.default_rng(5).permutation(values)]


def _ends(
    name: str, value: float, drawn: Sequence[Figures], beside: Sequence[Figures], own: float
) -> tuple[float, float]:
    """Return the ends of a figure's interval: of what was drawn, of what the model is off by itself, together.

    beside: said by structures that fit about as well, which are inside.
    """
    off = np.log([one[name] / value for one in drawn if name in one])
    down = up = 0.0
    if len(off) > 1:
        # each side by the draws on it: those beyond a capacity say nothing of how short times may be
        below, above = (NORMAL * math.sqrt(2.0 * float(np.mean(np.square(side)))) for side in _sides(off))
        low_end, high_end = (float(one) for one in np.quantile(off, [0.05, 0.95]))
        down, up = max(below, -low_end), max(above, high_end)
    said = [one[name] for one in beside if name in one]
    low = min([value * math.exp(-math.hypot(down, NORMAL * own)), *said])
    return low, max([value * math.exp(math.hypot(up, NORMAL * own)), *said])


def _ordered(found: Mapping[str, Interval]) -> dict[str, Interval]:
    """Return intervals of percentiles whose ends rise with them: a percentile is no shorter than a lower one."""
    made = dict(found)
    for below, above in pairwise(name for name in PERCENTILES if name in made):
        value, low, high = made[above]
        made[above] = value, min(max(low, made[below][1]), value), high
    for above, below in pairwise(name for name in reversed(PERCENTILES) if name in made):
        value, low, high = made[below]
        made[below] = value, low, max(min(high, made[above][2]), value)
    return made


def _sides(off: Array) -> tuple[Array, Array]:
    return np.minimum(off, 0.0), np.maximum(off, 0.0)

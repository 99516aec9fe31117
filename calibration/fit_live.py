"""The fit of a live measurement: which scenario its levels come from, and how well they tell.

fit = fit_live(Measurement.load("sim-measurement.json"), host_profile)
scenario = fit.scenario(Load(procs=50))            # to play: simulator.run
scenario = fit.scenario(Load(procs=50), draw=3)    # as redraw 3 of the numbers has it
predicted = fit.predict(Load(procs=50))            # figures with 90 % intervals
profile = fit.profile()                            # for `sim run --profile`
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from calibration.fitting.blueprint import Free, Load, Parts
from calibration.fitting.by_simulation import Fitted, figures_of, fit_blueprint, simulate
from calibration.fitting.carried import SERVED, ServedFit, beyond_each_doubling, tails_of
from calibration.fitting.device import usual_tails
from calibration.fitting.fitted import NOT_IDENTIFIED, Parameter
from calibration.fitting.live_blueprints import live_blueprints
from calibration.fitting.server_blueprints import LEAST_STEP, ROUNDS, weighed
from calibration.fitting.targets import Target, disk_targets, repeatability, served_repeatability, targets_of
from calibration.host.facts import read_host
from calibration.live.measured import Measurement
from calibration.profile import Profile, Quantity, profile_versions
from calibration.scenario_samples import scenario_samples
from models.measured import TAILS, Discrepancy, Missed, Seen
from models.scenario import Scenario
from simulator.carried import bends

Array = NDArray[np.float64]
DRAWS: Final = 40
LEAST_WEIGHT: Final = 0.02
"""A structure that is less likely than this is not played."""
CONFOUNDED: Final = 0.9
PROGRAM_DOUBLING: Final = 0.01
"""Relative standard deviation that each doubling of the copies of a program adds beyond the fitted ones.

A fifth of what is assumed of a service: errors hardly grew from 4 copies to 50 in the nine programs without a disk that
were predicted before they were measured. With this 90 % of their figures are inside (228, by level 81 to 96 %), with
0.025 98 %.
"""
PROGRAM_RATE: Final = 0.016
PROGRAM_TIME: Final = 0.02
"""How far a program's throughput and CPU, and its times, are off with the right numbers, as relative deviations.

Of eight programs without a disk and without neighbours at their memory, predicted before they were measured (228
figures), throughput was off by 2.7 % and the mean by 3.1 % (root mean squares), most of which is how levels repeat;
with the 3 and 5 % that are assumed of any system 99 % of their figures were inside of 90 % intervals. With 2 and 2.5 %
the next eight (228 figures, measured by a process that does not disturb them) were off by 0.75 of what these said.
"""


@dataclass(frozen=True)
class Weighed:
    """A structure with its fit and how likely it is, by how well it predicts a level left out."""

    fitted: Fitted
    weight: float


@dataclass(frozen=True)
class LiveFit:
    """What a live measurement says of its service.

    structures: the likeliest first. redraws: (structure, position of its numbers), from each structure as many as
    its weight, in random order. targets: the levels that were fitted.
    """

    measurement: Measurement
    host: Profile | None
    targets: Sequence[Target]
    structures: Sequence[Weighed]
    redraws: Sequence[tuple[Fitted, Array]]

    @property
    def best(self) -> Fitted:
        """Return the likeliest structure."""
        return self.structures[0].fitted

    @property
    def discrepancy(self) -> Discrepancy:
        """Return how far the model is off with the right numbers: more where it misses the fitted levels already.

        What a fit of a service misses is carried on instead, figure by figure (`calibration.fitting.carried`).
        """
        outside = self.best.blueprint.shared_outside
        if self.measurement.kind == "http":
            return Discrepancy(
                rate=math.hypot(SERVED.rate, outside),
                time=math.hypot(SERVED.time, outside),
                per_doubling=beyond_each_doubling(self.best.blueprint.crowding),
            )
        return Discrepancy(
            rate=min(math.hypot(self._own_error(rate=True), outside), 1.0),
            time=min(math.hypot(self._own_error(rate=False), outside), 1.0),
            per_doubling=min(PROGRAM_DOUBLING * self._farther_off, 2.0),
        )

    def scenario(
        self, load: Load | None = None, draw: int | None = None, run: dict[str, Any] | None = None
    ) -> Scenario:
        """Return the fitted scenario under a load.

        load: None: the highest that was fitted. draw: one of the redraws; None: the best numbers. run: its `run`.
        """
        fitted, position = (self.best, self.best.position) if draw is None else self.redraws[draw]
        asked = load or self.targets[-1].load
        stops = fitted.blueprint.stops if asked.rate_per_s is not None else None
        return fitted.blueprint.scenario(list(position), asked, run, stops)

    def changed(self, change: Callable[[Parts], Parts]) -> LiveFit:
        """Return the fit of another system with the same numbers: a what-if.

        change: turns the services and stages of the fitted structures into the other system's.
        """
        other = {id(fitted): _changed(fitted, change) for fitted in self._every()}
        return replace(
            self,
            structures=[Weighed(other[id(one.fitted)], one.weight) for one in self.structures],
            redraws=[(other[id(fitted)], position) for fitted, position in self.redraws],
        )

    def _every(self) -> list[Fitted]:
        return [*(one.fitted for one in self.structures), *(fitted for fitted, _ in self.redraws)]

    def parameters(self) -> list[Parameter]:
        """Return the numbers of the likeliest structure, with 90 % intervals, and whether the levels identify them.

        A slowdown by memory that is shared outside of this machine is that of the moment, which no level identifies.
        """
        best = self.best
        spread = np.sqrt(np.diag(best.covariance))
        found = []
        for index, one in enumerate(best.blueprint.free):
            outside = best.blueprint.shared_outside / one.width if one.name == "slowdown" else 0.0
            middle, half = best.position[index], 1.645 * math.hypot(spread[index], outside)
            low, value, high = (one.value(float(where)) for where in (middle - half, middle, middle + half))
            # a number that was measured directly is known however little the levels add to it
            known = spread[index] < NOT_IDENTIFIED or one.width * spread[index] < 0.1
            identified = bool(known and not outside)
            found.append(Parameter(one.name, value, low, high, identified))
        return found

    def confounded(self) -> list[tuple[str, str]]:
        """Return the pairs of numbers that the levels cannot tell apart: one rises as the other falls."""
        covariance = self.best.covariance
        names = [one.name for one in self.best.blueprint.free]
        scale = np.sqrt(np.diag(covariance))
        together = covariance / np.outer(scale, scale)
        return [
            (names[one], names[other])
            for one in range(len(names))
            for other in range(one + 1, len(names))
            if abs(together[one, other]) > CONFOUNDED
        ]

    def warnings(self) -> list[str]:
        """Return what a user should know, a sentence each."""
        found = list(self.best.blueprint.notes)
        found += [f"{one} and {other} cannot be told apart by these levels" for one, other in self.confounded()]
        unknown = [one.name for one in self.parameters() if not one.identified]
        if unknown:
            found.append(f"not identified by these levels, so mostly assumed: {', '.join(unknown)}")
        others = [one for one in self.structures[1:] if one.weight > 0.1]
        if others:
            text = ", ".join(f"{one.fitted.blueprint.label} ({one.weight:.0%})" for one in others)
            found.append(f"besides {self.best.blueprint.label}, these levels allow: {text}")
        if self.best.misfit > 2.0:
            found.append(f"the simulation misses the fitted levels by {self.best.misfit:.1f} times their deviation")
        return found

    def predict(self, load: Load, draws: int = 12) -> dict[str, tuple[float, float, float]]:
        """Return value, lower and upper end (90 %) of throughput, cpu, mean, p50, p95 and p99 under a load.

        throughput [1/s], cpu [s for each operation], times [s]. The value is that of the best numbers. The interval
        holds the redraws, how well a level repeats on this machine, and what the model is off by itself: more with
        each doubling beyond the fitted levels.
        """
        rate = load.rate_per_s or self._rate(load)
        if self.measurement.kind == "http":
            return self._served.predict(load, rate, draws)
        value = self._figures(self.best, self.best.position, load, rate)
        drawn = [self._figures(fitted, position, load, rate) for fitted, position in self.redraws[:draws]]
        return {
            name: self._interval(name, middle, [one[name] for one in drawn if name in one], load)
            for name, middle in value.items()
        }

    def _figures(self, fitted: Fitted, position: Array, load: Load, rate_per_s: float) -> dict[str, float]:
        """Return the figures of a program's structure under a load, percentiles as far from the mean as they were seen.

        Beyond the fitted levels alone, and only where they are not taken as simulated.
        """
        data = simulate(fitted.blueprint, position, load, rate_per_s)
        found = figures_of(data, fitted.blueprint, position)
        doublings = self._doublings(load)
        if self._shape is None or doublings <= 0 or "mean" not in found:
            return found
        return found | {name: found[name] * math.exp(far) for name, far in bends(self._shape, found, doublings).items()}

    @cached_property
    def _shape(self) -> Missed | None:
        """Return how percentiles lie about the mean at the highest fitted level; None where they are as simulated."""
        closed = [one for one in self.targets if one.load.rate_per_s is None]
        growing = dict(self.best.blueprint.growing)
        if not growing or not closed:
            return None
        tails = usual_tails(tails_of(closed[-1]), closed[-1].load.in_flight)
        return Missed(concurrency=closed[-1].load.in_flight, slower=0.0, tails=tails, kept=1.0, growing=growing)

    def _doublings(self, load: Load) -> float:
        """Return how many doublings of the operations in flight a load lies beyond the fitted levels."""
        seen = max(target.load.in_flight for target in self.targets)
        return max(math.log2(load.in_flight / seen), 0.0) if load.rate_per_s is None else 0.0

    @cached_property
    def _served(self) -> ServedFit:
        return ServedFit(self.measurement, [(one.fitted, one.weight) for one in self.structures], self.redraws)

    def _rate(self, load: Load) -> float:
        """Return about the throughput under a load, for the length of a simulation."""
        top = self.targets[-1]
        more = max(load.in_flight / top.load.in_flight, 1.0)
        return top.throughput_per_s * math.sqrt(math.sqrt(more))

    def _interval(self, name: str, middle: float, drawn: Sequence[float], load: Load) -> tuple[float, float, float]:
        known = self.discrepancy
        outside = self.best.blueprint.shared_outside
        # what the model is off by is more in a tail; what comes from outside makes all times longer alike
        own = self._own_error(name in ("throughput", "cpu")) * TAILS.get(name, 1.0)
        doublings = self._doublings(load)
        spread = float(np.std(np.log(drawn), ddof=1)) if len(drawn) > 1 else 0.0
        open_beyond = math.hypot(known.per_doubling, self.best.blueprint.crowding)
        again = repeatability(self.measurement.table.levels)
        width = 1.645 * math.sqrt(own**2 + outside**2 + doublings * open_beyond**2 + spread**2 + again**2)
        above = 1.645 * doublings * self.best.blueprint.tails.get(name, 0.0)
        carried = self._shape is not None and doublings > 0
        miss = self._missed(name) if name in TAILS and not carried else 0.0
        low, high = math.hypot(width, min(miss, 0.0)), math.hypot(width, above, max(miss, 0.0))
        return middle, middle * math.exp(-low), middle * math.exp(high)

    @property
    def _farther_off(self) -> float:
        """Return how many times as far a program's structure is off as usual, by how it misses the fitted levels."""
        return max(self.best.misfit, 1.0)

    def _own_error(self, rate: bool) -> float:
        """Return the relative deviation of a program's figures with the right numbers: of rates, or of mean times."""
        return (PROGRAM_RATE if rate else PROGRAM_TIME) * self._farther_off

    def _missed(self, name: str) -> float:
        """Return the logarithm of measured over simulated at the highest fitted level that has the figure.

        A tail that the model does not make there it will not make elsewhere.
        """
        for target, residuals in reversed([*zip(self.targets, self.best.residuals, strict=False)]):
            if name in target.measured:
                off = dict(zip(target.measured, residuals, strict=True))[name]
                return float(-off * target.measured[name][1])
        return 0.0

    def profile(self) -> Profile:
        """Return the fit as a profile: the host's with the fit beside it, or a new one of this host."""
        date = datetime.now(UTC).isoformat(timespec="seconds")
        loads = [target.load.in_flight for target in self.targets if target.load.rate_per_s is None]
        rates = [target.throughput_per_s for target in self.targets]
        cores = self.measurement.cores
        base = self.host or Profile(name="fitted", date=date, host=read_host())
        scenario = self.scenario()
        drawn = [self.scenario(draw=draw) for draw in range(len(self.redraws))]
        return base.updated(
            f"calibrate {self.measurement.kind}",
            self._quantities(date),
            self._samples(),
            date=date,
            versions=profile_versions(),
            seen=Seen(
                concurrency=(min(loads), max(loads)) if loads else None,
                rate_per_s=(min(rates), max(rates)),
                cores=(cores, cores),
            ),
            warnings=[*base.warnings, *self.warnings()],
            discrepancy=self.discrepancy,
            **self._carried(),
            scenario=scenario.model_dump(mode="json", exclude_none=True),
            scenario_samples=scenario_samples(scenario, drawn),
        )

    def _carried(self) -> dict[str, Any]:
        """Return what the profile holds of how far a level repeats, and of what a fit of a service misses."""
        levels = self.measurement.table.levels
        if self.measurement.kind != "http":
            again = min(repeatability(levels), 2.0)
            return {
                "repeatability": again,
                "missed": [] if self._shape is None else [self._shape],
                "drawn_structures": [],
                "crowded": self.best.blueprint.crowded,
            }
        missed, drawn = self._served.carried()
        return {
            "repeatability": min(served_repeatability(levels), 2.0),
            "missed": missed,
            "drawn_structures": drawn,
            "crowded": self.best.blueprint.crowded,
        }

    def _samples(self) -> dict[str, list[float]]:
        """Return the numbers of the likeliest structure in each redraw; its best ones where a redraw lacks them."""
        best = {one.name: one.value(float(where)) for one, where in _placed(self.best, self.best.position)}
        drawn = [
            {one.name: one.value(float(where)) for one, where in _placed(fitted, position)}
            for fitted, position in self.redraws
        ]
        return {f"fit.{name}": [row.get(name, value) for row in drawn] for name, value in best.items()}

    def _quantities(self, date: str) -> list[Quantity]:
        return [
            Quantity(
                name=f"fit.{parameter.name}",
                value=parameter.value,
                unit=one.unit,
                interval=(parameter.low, parameter.high),
                origin="estimated",
                identified="yes" if parameter.identified else "no",
                how=f"{self.best.blueprint.label}; before the fit: {one.how}",
                measured_by=f"calibrate {self.measurement.kind}",
                date=date,
            )
            for one, parameter in zip(self.best.blueprint.free, self.parameters(), strict=True)
        ]


def _changed(fitted: Fitted, change: Callable[[Parts], Parts]) -> Fitted:
    """Return a structure with its numbers in another system."""
    build = fitted.blueprint.build
    return replace(fitted, blueprint=replace(fitted.blueprint, build=lambda values: change(build(values))))


def _placed(fitted: Fitted, position: Array) -> Iterator[tuple[Free, float]]:
    yield from zip(fitted.blueprint.free, position, strict=True)


def fit_live(
    measurement: Measurement,
    host: Profile | None = None,
    *,
    extra: Sequence[Target] = (),
    draws: int = DRAWS,
    seed: int = 1,
) -> LiveFit:
    """Fit a scenario to the levels of a live measurement.

    measurement: of `sim calibrate command|python|http`; all its levels are fitted, so that one for a prediction holds
    the low levels alone. host: the profile of the host it was made on (scheduler, wake-ups, disk); None: what is
    common. extra: further figures that the same numbers must explain.
    CPU demands come from the utilization law, distributions from the lowest level, the rest by least squares of
    simulated against measured figures; of the structures those count that predict a level left out.
    Raises ValueError for a measurement that nothing can be fitted to; its text is one line.
    """
    targets = [*targets_of(measurement.table.levels, measurement.pacing.think_kind)]
    if not targets:
        raise ValueError("a measurement without levels")
    steps: dict[str, Any] = {}
    if measurement.kind == "http":
        targets, steps = weighed(targets), {"rounds": ROUNDS, "least_step": LEAST_STEP}
    every = [
        fit_blueprint(one, [*targets, *disk_targets(measurement, host, targets), *extra], **steps)
        for one in live_blueprints(measurement, host)
    ]
    weights = _weights([one.score + math.log(one.blueprint.likely) for one in every])
    generator = np.random.default_rng([seed, 3])
    structures = sorted((Weighed(*pair) for pair in zip(every, weights, strict=True)), key=lambda one: -one.weight)
    redraws: list[tuple[Fitted, Array]] = []
    for one in structures:
        count = round(draws * one.weight) if one.weight >= LEAST_WEIGHT else 0
        redraws += [(one.fitted, position) for position in one.fitted.redraws(generator, count)]
    order = generator.permutation(len(redraws))
    return LiveFit(measurement, host, targets, structures, [redraws[index] for index in order])


def _weights(scores: Sequence[float]) -> Array:
    """Return how likely each structure is by the scores of the levels that it predicted."""
    found = np.exp(np.array(scores) - max(scores))
    return np.asarray(found / found.sum())


def only(measurement: Measurement, most: int) -> Measurement:
    """Return a measurement with its levels up to so many copies alone; its description stays as it is."""
    kept = [level for level in measurement.table.levels if (level.procs or 0) <= most]
    return measurement.model_copy(
        update={
            "table": measurement.table.model_copy(update={"levels": kept}),
            "details": [detail for detail in measurement.details if detail.copies <= most],
        }
    )

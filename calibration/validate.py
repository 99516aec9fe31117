"""Predicted against measured: the levels that a fit had not seen, and how far off it was."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

from calibration.drift import Again, Attempt, chance_of_change
from calibration.fitting.targets import cpu_of_operation_s, load_of
from calibration.levels import Level
from calibration.live.level_run import Plan
from calibration.live.measured import Measurement
from calibration.live.pacing import Pacing
from calibration.live.program_measurement import plan_text
from calibration.validate_prediction import FIGURES, ZONES, Expected, PredictedLevel, Prediction, Zone

GRADES: Final = ((1.0, "A"), (2.0, "B"), (4.0, "C"), (7.0, "D"))
"""Up to how many times the bound of an error which letter is given."""
BOUNDS: Final[Mapping[str, float]] = {"throughput": 0.05, "mean": 0.1, "p50": 0.1, "p95": 0.1, "p99": 0.1, "cpu": 0.05}
"""Errors that a grade A stands for: what a plan of capacity needs."""
KEEPS_RATE: Final = 0.97
"""Share of an offered rate that must come back for its level to count as open, not overloaded."""


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Compared(_Plain):
    """One figure of one level. measured: median of the repeats. repeatability: their relative standard deviation.

    drift: relative change of the figure since the fit by how much faster or slower the machine is; None: unknown.
    """

    measured: float
    repeatability: float | None
    expected: Expected
    drift: float | None = None

    @property
    def error(self) -> float:
        """Relative error of the prediction, with its sign."""
        return self.expected.value / self.measured - 1.0

    @property
    def inside(self) -> bool:
        """Whether the 90 % interval holds what was measured."""
        return self.expected.low <= self.measured <= self.expected.high

    @property
    def half_width(self) -> float:
        """Half of the interval, relative to the prediction."""
        return (self.expected.high - self.expected.low) / 2.0 / self.expected.value

    @property
    def by_drift(self) -> float:
        """The error of a prediction that was exact when it was fitted; 0 where the drift is not known."""
        return 1.0 / (1.0 + self.drift) - 1.0 if self.drift is not None else 0.0

    def within(self, bound: float) -> bool:
        """Return whether the error is within a bound, or within what the measurement itself repeats to.

        A drift of the machine excuses an error up to its own size, in its own direction.
        """
        limit = max(bound, self.repeatability or 0.0)
        return min(-limit, self.by_drift) <= self.error <= max(limit, self.by_drift)


class ComparedLevel(_Plain):
    """One level: its figures by name, and the errors of the throughput by the laws."""

    level: PredictedLevel
    repeats: int
    figures: dict[str, Compared]
    rival_errors: dict[str, float]


class Summary(_Plain):
    """Median size and median of the errors of a figure, and how far the measurement repeats (median)."""

    error: float
    bias: float
    repeatability: float | None
    worst: float
    count: int


class Validation(_Plain):
    """All levels with their prediction.

    never_quiet: levels that other load disturbed each time; they are not compared. left_out: repeats that it disturbed,
    of the others. not_measured: repeats that could not be measured. interrupted: not all were measured. again: a fitted
    level that was measured once more beside them, and the relative change of each of its figures; None: none was.
    attempts: all that were made, this one among them; empty: it is the only one (see `calibration.validate_attempts`).
    """

    schema_version: Literal[1] = 1
    kind: Literal["validation"] = "validation"
    prediction: Prediction
    levels: list[ComparedLevel]
    never_quiet: list[str]
    left_out: list[str] = []
    not_measured: list[str] = []
    interrupted: bool
    notes: list[str]
    again: Again | None = None
    attempts: list[Attempt] = []

    def pairs(self, figure: str, zone: Zone | None = None) -> list[Compared]:
        """Return a figure at all levels, or at those of one zone."""
        chosen = [one for one in self.levels if zone is None or one.level.zone == zone]
        return [one.figures[figure] for one in chosen if figure in one.figures]

    def summary(self, figure: str, zone: Zone | None = None) -> Summary | None:
        """Return the errors of a figure in brief; None where it was not measured."""
        pairs = self.pairs(figure, zone)
        if not pairs:
            return None
        known = [one.repeatability for one in pairs if one.repeatability is not None]
        return Summary(
            error=statistics.median(abs(one.error) for one in pairs),
            bias=statistics.median(one.error for one in pairs),
            repeatability=statistics.median(known) if known else None,
            worst=max((one.error for one in pairs), key=abs),
            count=len(pairs),
        )

    @property
    def disturbed(self) -> bool:
        """Whether the machine changed between calibration and measurement in the attempt that counts."""
        return any(one.counts and one.disturbed for one in self.attempts)

    @property
    def coverage(self) -> float | None:
        """Share of all figures that their 90 % intervals hold."""
        every = [one for name in FIGURES for one in self.pairs(name)]
        return sum(one.inside for one in every) / len(every) if every else None

    @property
    def half_width(self) -> float | None:
        """Median relative half-width of the intervals."""
        every = [one.half_width for name in FIGURES for one in self.pairs(name)]
        return statistics.median(every) if every else None

    @property
    def rival_errors(self) -> dict[str, float]:
        """Median size of the throughput's error by law, over the closed levels."""
        names = {name for one in self.levels for name in one.rival_errors}
        return {
            name: statistics.median(abs(one.rival_errors[name]) for one in self.levels if name in one.rival_errors)
            for name in sorted(names)
        }

    @property
    def grade(self) -> str:
        """A letter by the median error that is the largest relative to its bound.

        Half of what was measured is as wrong as twice of it. A measurement that hardly repeats excuses little: up to
        twice the bound.
        """
        worst = 0.0
        for name, bound in BOUNDS.items():
            found = self.summary(name)
            if found is not None:
                ratios = [one.expected.value / one.measured for one in self.pairs(name)]
                error = statistics.median(max(ratio, 1.0 / ratio) - 1.0 for ratio in ratios)
                worst = max(worst, error / max(bound, min(found.repeatability or 0.0, 2.0 * bound)))
        return next((letter for limit, letter in GRADES if worst <= limit), "E")


def anchor_of(fitted: Measurement) -> int | None:
    """Return the clients of the highest closed level of a measurement, to measure it again; None: it has none."""
    counts = [round(one.procs) for one in fitted.table.levels if one.kind != "open" and one.procs]
    return max(counts, default=None)


def compare(prediction: Prediction, measured: Measurement, fitted: Measurement | None = None) -> Validation:
    """Set what was measured beside its prediction; levels that were not measured, or never quietly, are left out.

    fitted: what the prediction comes from. Where its highest closed level was measured again, its change since is what
    the machine did meanwhile, which no prediction can know. Times at a rate do not follow from the speed, so that
    errors of open levels are not excused by it.
    """
    found = _by_load(measured)
    again = _again(prediction, found, measured, fitted)
    levels, notes, disturbed = [], [], []
    for level in prediction.levels:
        repeats = found.get((level.procs, level.rate_per_s), [])
        if not repeats:
            continue
        if not {*measured.never_quiet}.isdisjoint(_plan_names(level)):
            disturbed.append(level.name)
            continue
        levels.append(_compared(level, repeats, again if level.rate_per_s is None else None))
        reached = statistics.median(one.throughput_per_s for one in repeats)
        if level.rate_per_s is not None and reached < KEEPS_RATE * level.rate_per_s:
            notes.append(
                f"{level.name}: only {reached:.4g}/s came back: overloaded, so the times depend on the duration"
            )
    failed = [one for one in measured.table.levels if (one.error_rate or 0.0) > 0.0]
    if failed:
        notes.append(f"operations failed in {len(failed)} repeats")
    return Validation(
        prediction=prediction,
        levels=levels,
        never_quiet=disturbed,
        left_out=[
            f"{remark.place}: {remark.message.partition(': ')[2]}"
            for remark in measured.table.remarks
            if remark.code == "disturbed" and remark.message.startswith("left out")
        ],
        not_measured=measured.not_measured,
        interrupted=measured.interrupted,
        notes=notes,
        again=again,
    )


def _again(
    prediction: Prediction,
    found: Mapping[tuple[int, float | None], Sequence[Level]],
    measured: Measurement,
    fitted: Measurement | None,
) -> Again | None:
    """Return the fitted level that was measured again, and how much each of its figures has changed since."""
    anchor = anchor_of(fitted) if fitted is not None else None
    predicted = {level.procs for level in prediction.levels if level.rate_per_s is None}
    if fitted is None or anchor is None or anchor in predicted:
        return None
    before, after = _by_load(fitted).get((anchor, None), []), found.get((anchor, None), [])
    level = PredictedLevel(procs=anchor, zone="below", figures={})
    if not before or not after or not {*measured.never_quiet}.isdisjoint(_plan_names(level)):
        return None
    changes = {}
    for name in FIGURES:
        then, now = ([value for one in levels if (value := _figure(one, name))] for levels in (before, after))
        if then and now:
            changes[name] = statistics.median(now) / statistics.median(then) - 1.0
    chance = chance_of_change([one.throughput_per_s for one in before], [one.throughput_per_s for one in after])
    return Again(name=level.name, changes=changes, chance=chance)


def _by_load(measured: Measurement) -> dict[tuple[int, float | None], list[Level]]:
    found: dict[tuple[int, float | None], list[Level]] = {}
    for level in measured.table.levels:
        load = load_of(level, measured.pacing.think_kind)
        found.setdefault((load.procs, load.rate_per_s), []).append(level)
    return found


def _plan_names(level: PredictedLevel) -> list[str]:
    """Return what measurements call a level: of a program, and of a service (see `program_measurement.plan_text`)."""
    rate = level.rate_per_s
    plan = Plan(level.procs, Pacing(rate_per_s=rate) if rate is not None else Pacing(), 0, 0, 0)
    return [plan_text(plan), plan_text(plan, served=True)]


def _compared(level: PredictedLevel, repeats: Sequence[Level], again: Again | None) -> ComparedLevel:
    figures = {}
    for name, expected in level.figures.items():
        values = [value for one in repeats if (value := _figure(one, name))]
        if values:
            middle = statistics.median(values)
            spread = statistics.stdev(values) / middle if len(values) > 1 else None
            drift = again.drift(name) if again is not None else None
            figures[name] = Compared(measured=middle, repeatability=spread, expected=expected, drift=drift)
    rate = statistics.median(one.throughput_per_s for one in repeats)
    rivals = {name: said.value / rate - 1.0 for name, said in level.rivals.items()}
    return ComparedLevel(level=level, repeats=len(repeats), figures=figures, rival_errors=rivals)


def _figure(level: Level, name: str) -> float | None:
    if name == "throughput":
        return level.throughput_per_s
    if name == "cpu":
        return cpu_of_operation_s(level)
    return level.mean_s if name == "mean" else level.percentiles_s.get(float(name[1:]))


def zones_of(validation: Validation) -> list[Zone]:
    """Return the zones in which something was measured, in the order of the load."""
    return [zone for zone in ZONES if any(one.level.zone == zone for one in validation.levels)]

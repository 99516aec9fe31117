"""What a fit says about levels that were not measured, as a file that is written before they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from calibration.fit_live import LiveFit
from calibration.fitting import rivals
from calibration.fitting.blueprint import Load
from calibration.fitting.points import Point, points_of
from calibration.fitting.skeleton import Machine
from calibration.levels import Level

DEFAULT_FILE: Final = "sim-prediction.json"
FIGURES: Final = ("throughput", "mean", "p50", "p95", "p99", "cpu")
Zone = Literal["below", "at", "past"]
ZONES: Final[tuple[Zone, ...]] = ("below", "at", "past")
CROWD: Final = 64
"""Clients without pauses whose predicted throughput is called the capacity."""
DRAWS: Final = 20
OVERLOAD: Final = 1.3


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Expected(_Plain):
    """A predicted figure with the ends of its 90 % interval, in SI units."""

    value: float
    low: float
    high: float


class PredictedLevel(_Plain):
    """One level. figures: throughput [1/s], response times and CPU of an operation [s]. rivals: throughput by law.

    zone: below, at or past the knee. procs: clients. rate_per_s: of an open level; None: closed.
    """

    procs: int
    rate_per_s: float | None = None
    zone: Zone
    figures: dict[str, Expected]
    rivals: dict[str, Expected] = {}

    @property
    def name(self) -> str:
        """What people call the level."""
        return f"{self.procs}" if self.rate_per_s is None else f"{self.rate_per_s:g}/s"


class Prediction(_Plain):
    """Everything that was said before the measurement.

    fitted: clients of the levels that the fit has seen. knee: clients from which the bottleneck is busy.
    parameters: by name: value, low, high (90 %), identified, in SI units. units: theirs, by name.
    structures: weight by label. limitations: sentences.
    """

    schema_version: Literal[1] = 1
    kind: Literal["prediction"] = "prediction"
    subject: str
    date: str
    fitted: list[int]
    think_time_s: float
    knee: float
    capacity_per_s: float
    structures: dict[str, float]
    parameters: dict[str, dict[str, float | bool]]
    units: dict[str, str] = {}
    limitations: list[str]
    levels: list[PredictedLevel]

    def to_json(self) -> str:
        """Print the prediction as JSON."""
        return self.model_dump_json(indent=1) + "\n"


@dataclass(frozen=True)
class Asked:
    """Levels to predict: closed ones by clients, open ones by rate [1/s] or share of the capacity.

    open_procs: clients among which a rate is shared. think_time_s, think_kind: of closed levels.
    """

    procs: Sequence[int] = ()
    rates_per_s: Sequence[float] = ()
    shares: Sequence[float] = ()
    open_procs: int = 50


def predict_levels(fit: LiveFit, asked: Asked) -> Prediction:
    """Predict levels by simulation of the fit, with what Amdahl's law, the USL and MVA would say of the closed ones."""
    paced = fit.measurement.pacing
    # the connections of a service are all that arrivals have; copies of a program are started as they come
    capacity = _throughput(fit, Load(asked.open_procs if fit.measurement.kind == "http" else CROWD))
    alone = _throughput(fit, Load(1, 1, paced.think_mean_s, paced.think_kind))
    knee = max(capacity / alone, 1.0)
    closed = [Load(count, 1, paced.think_mean_s, paced.think_kind) for count in sorted(set(asked.procs))]
    served = _served(fit, asked.open_procs, capacity) if asked.shares else capacity
    rates = sorted({*asked.rates_per_s, *(float(f"{share * served:.4g}") for share in asked.shares)})
    laws = _laws(fit, closed) if closed else {}
    levels = []
    for load in [*closed, *(Load(asked.open_procs, rate_per_s=rate) for rate in rates)]:
        zone = _zone(load.procs / knee, 0.75, 2.0) if load.rate_per_s is None else None
        zone = zone or _zone((load.rate_per_s or 0.0) / served, 0.7, 0.95)
        figures = {name: _expected(one) for name, one in fit.predict(load, draws=DRAWS).items() if name in FIGURES}
        said = laws.get(load.procs, {}) if load.rate_per_s is None else {}
        if load.rate_per_s is not None:
            figures.pop("throughput", None)
        levels.append(
            PredictedLevel(procs=load.procs, rate_per_s=load.rate_per_s, zone=zone, figures=figures, rivals=said)
        )
    return Prediction(
        subject=fit.measurement.subject,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        fitted=[target.load.in_flight for target in fit.targets],
        think_time_s=paced.think_mean_s,
        knee=knee,
        capacity_per_s=capacity,
        structures={one.fitted.blueprint.label: one.weight for one in fit.structures},
        parameters={one.name: _plain(one) for one in fit.parameters()},
        units={one.name: one.unit for one in fit.best.blueprint.free},
        limitations=fit.warnings(),
        levels=levels,
    )


def _throughput(fit: LiveFit, load: Load) -> float:
    return fit.predict(load, draws=0)["throughput"][0]


def _served(fit: LiveFit, procs: int, capacity: float) -> float:
    """Return what a service serves of more arrivals than it can: at a rate, operations may cost more."""
    if fit.measurement.kind != "http":
        return capacity
    return min(_throughput(fit, Load(procs, rate_per_s=OVERLOAD * capacity)), capacity)


def _zone(relative: float, below: float, at: float) -> Zone:
    return "below" if relative < below else "at" if relative <= at else "past"


def _expected(one: tuple[float, float, float]) -> Expected:
    return Expected(value=one[0], low=one[1], high=one[2])


def _plain(parameter: Any) -> dict[str, float | bool]:
    return {
        "value": parameter.value,
        "low": parameter.low,
        "high": parameter.high,
        "identified": bool(parameter.identified),
    }


def _closed(levels: Sequence[Level]) -> list[Level]:
    return [one for one in levels if one.kind != "open"]


def _laws(fit: LiveFit, loads: Sequence[Load]) -> Mapping[int, dict[str, Expected]]:
    """Return what the laws predict for closed levels from the same fitted levels, by clients; empty for open ones."""
    lower = [] if fit.measurement.pacing.kind == "rate" else points_of(_closed(fit.measurement.table.levels))
    if len(lower) < 2:
        return {}
    targets = [Point(float(load.in_flight), 1.0, 0.01, think_time_s=load.think_time_s) for load in loads]
    machine = Machine(float(fit.measurement.cores))
    found: dict[int, dict[str, Expected]] = {load.procs: {} for load in loads}
    for name in rivals.NAMES:
        for load, said in zip(loads, rivals.predict(name, lower, targets, machine), strict=True):
            found[load.procs][name] = Expected(value=said.throughput_per_s, low=said.low_per_s, high=said.high_per_s)
    return found

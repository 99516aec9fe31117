"""The fit of a measured table: parameters of a scenario, how well they are known, and the scenario itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import numpy as np

from calibration.fitting.fitted import DRAWS, Fit, fit_points
from calibration.fitting.points import grows, points_of
from calibration.fitting.scenario import scenario_of
from calibration.fitting.simulated import SimulatedFit, fit_by_simulation, scaled
from calibration.fitting.skeleton import Machine
from calibration.levels import Level
from calibration.profile import Host, Profile, Quantity, Unit, identity_of, profile_versions
from calibration.scenario_samples import scenario_samples
from models.measured import Seen
from models.scenario import Scenario

NEAR_ONE: Final = 0.1  # of an operation, by which response times may be off from one in flight for each process
MEASURED_BY: Final = "sim calibrate table --fit"
_UNITS: Final[dict[str, Unit]] = {
    "operation_s": "s",
    "wait_share": "share",
    "serial_share": "share",
    "contention": "ratio",
    "crowding": "ratio",
    "convoy": "ratio",
    "background": "count",
    "misplaced": "share",
    "overload": "ratio",
    "smt_gain": "ratio",
    "pairing": "share",
    "servers": "count",
}


class FitError(ValueError):
    """A table that a scenario cannot be fitted to; its text is one line."""


@dataclass(frozen=True)
class FittedTable:
    """What a table gave: the fit, its adjustment by simulation, and the scenario at the highest level."""

    fit: Fit
    simulated: SimulatedFit
    scenario: Scenario
    profile: Profile


def fit_table(source: str, levels: Sequence[Level], machine: Machine, draws: int = DRAWS) -> FittedTable:
    """Fit one series of levels and return it as a profile with a scenario.

    source: what the levels are called. machine: the CPUs of the service, as far as they are known.
    Raises FitError where the levels are no closed load, or too few.
    """
    levels = with_one_each(levels)
    points = points_of(levels)
    if grows(levels) or any(level.kind == "open" or level.procs is None for level in levels):
        raise FitError(
            f"{source}: found levels over cores, nodes or rates; accepted: levels over clients in a closed loop"
        )
    if any(level.population is None for level in levels):
        raise FitError(
            f"{source}: found processes of which it is not known how many operations each keeps in flight; accepted: "
            "clients instead of procs, or a column concurrency"
        )
    if len(points) < 2:
        raise FitError(f"{source}: found {len(points)} level; accepted: at least two")
    fit = fit_points(points, machine, draws=draws)
    try:
        simulated = fit_by_simulation(fit.skeleton, points)
    except ValueError as error:
        raise FitError(f"{source}: found {error}; accepted: whole numbers of clients") from None
    highest = max((point for point in points if point.load == round(point.load)), key=lambda point: point.load)
    load, cv = round(highest.load), simulated.cv or 0.0
    scenario = scenario_of(simulated.skeleton, load, highest.think_time_s, cv)
    drawn = [
        scenario_of(scaled(fit.best.fitter.skeleton(free), simulated.scale), load, highest.think_time_s, cv)
        for free in fit.free_draws
    ]
    profile = _profile(source, fit, simulated, scenario, machine)
    profile = profile.model_copy(update={"scenario_samples": scenario_samples(scenario, drawn)})
    return FittedTable(fit, simulated, scenario, profile)


def with_one_each(levels: Sequence[Level]) -> list[Level]:
    """Return levels of processes whose concurrency is not said with that of 1, where all response times say so.

    By Little's law throughput times cycle time is what circulates.
    """
    unsaid = [level.kind != "open" and bool(level.procs) and level.concurrency is None for level in levels]
    circulating = [_circulating(level) for level, is_unsaid in zip(levels, unsaid, strict=True) if is_unsaid]
    if not all(one is not None and abs(one - 1.0) <= NEAR_ONE for one in circulating):
        return list(levels)
    return [
        level.model_copy(update={"concurrency": 1.0}) if is_unsaid else level
        for level, is_unsaid in zip(levels, unsaid, strict=True)
    ]


def _circulating(level: Level) -> float | None:
    """Return the operations that circulate for each process; None where no response time was measured."""
    if level.mean_s is None or level.procs is None:
        return None
    return level.throughput_per_s * (level.mean_s + (level.think_time_s or 0.0)) / level.procs


def _profile(source: str, fit: Fit, simulated: SimulatedFit, scenario: Scenario, machine: Machine) -> Profile:
    date = datetime.now(UTC).isoformat(timespec="seconds")
    loads = [round(point.load) for point in fit.points]
    rates = [point.throughput_per_s for point in fit.points]
    cpus = round(machine.threads) if machine.threads is not None else None
    return Profile(
        name="fitted",
        date=date,
        versions=profile_versions(),
        host=_host(source, machine),
        seen=Seen(
            concurrency=(min(loads), max(loads)),
            rate_per_s=(min(rates), max(rates)),
            cores=None if cpus is None else (cpus, cpus),
        ),
        warnings=_warnings(fit, simulated),
        quantities=_quantities(fit, date),
        samples=_samples(fit),
        scenario=scenario.model_dump(mode="json", exclude_none=True),
    )


def _samples(fit: Fit) -> dict[str, list[float]]:
    drawn = [fit.best.fitter.values(free) for free in fit.free_draws]
    return {name: [float(f"{one[name]:.6g}") for one in drawn] for name in fit.best.structure.names}


def _quantities(fit: Fit, date: str) -> list[Quantity]:
    samples = _samples(fit)
    found = []
    for parameter in fit.parameters():
        low, high = np.quantile(samples[parameter.name], [0.025, 0.975])
        found.append(
            Quantity(
                name=parameter.name,
                value=float(f"{parameter.value:.6g}"),
                unit=_UNITS[parameter.name],
                interval=(float(low), float(high)),
                origin="estimated",
                identified="yes" if parameter.identified else "no",
                how=f"least squares over {len(fit.points)} levels, {fit.best.structure.label}",
                measured_by=MEASURED_BY,
                date=date,
            )
        )
    return found


def _warnings(fit: Fit, simulated: SimulatedFit) -> list[str]:
    found = [f"{one} and {other} cannot be told apart by these levels" for one, other in fit.confounded()]
    unknown = [parameter.name for parameter in fit.parameters() if not parameter.identified]
    if unknown:
        found.append(f"not identified by these levels, so mostly assumed: {', '.join(unknown)}")
    if simulated.misfit > 2.0:
        found.append(f"the simulation misses the fitted levels by {simulated.misfit:.1f} times their deviation")
    if simulated.cv is None:
        found.append("no percentiles were measured: the scenario's times are constant, its percentiles mean nothing")
    return found


def _host(source: str, machine: Machine) -> Host:
    """Return the host of a table: not this one, and not known beyond its CPUs."""
    cpus = max(round(machine.threads), 1) if machine.threads is not None else 1
    notes = ["the host of a table, known by what the table says alone"]
    if machine.threads is None:
        notes.append("its CPUs are not known")
    return Host(
        identity=identity_of("table", source),
        processor="not known",
        cpus=cpus,
        usable=cpus,
        threads_per_core=machine.threads_per_core,
        memory_bytes=0,
        virtual=False,
        system="not known",
        kernel="not known",
        notes=notes,
    )

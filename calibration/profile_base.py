"""What a profile gives to a run: its fitted scenario, or its host's numbers in another scenario, with their draws."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from calibration.host.estimates import MEASURED_BY
from calibration.host.facts import read_host
from calibration.host.service_fields import service_fields
from calibration.profile import Profile, ProfileError, different_hosts
from calibration.profile_text import UNKNOWN, age_text
from models.errors import FieldProblem, InvalidField, ScenarioError
from models.quantile_table import moments_of_table
from models.scenario import Scenario
from models.service import Service
from models.slowed import slowed
from models.units import NS_PER_S, TIME
from simulator.carried import in_flight, missed_at
from simulator.scenario_base import Base, Calibration, drawn_table
from simulator.scenario_source import scenario_table

_NOT_WITH_SHARING: Final = ("context_switch", "idle_exit", "linux")


def base_of(profile: Profile, path: Path, scenario: Path | None = None) -> Base:
    """Return what a run plays: the profile's fitted scenario; without one, a scenario with the host's numbers.

    path: of the profile. scenario: a file, whose fields that it leaves open are taken from the host's numbers; None:
    the profile's own scenario, or the built-in one where it has none.
    Raises ProfileError for a scenario file beside a fitted scenario, and ScenarioError for a file that is none.
    """
    if profile.scenario is None:
        return _with_host(profile, path, scenario)
    if scenario is not None:
        found = f"a fitted scenario beside the file {scenario}"
        raise ProfileError(str(path), [FieldProblem(("scenario",), found, "one of both")])
    fitted: dict[str, Any] = dict(profile.scenario)

    def table(draw: int | None) -> dict[str, Any]:
        return copy.deepcopy(fitted) if draw is None else drawn_table(fitted, profile.scenario_samples, draw)

    return Base(
        name=str(path),
        source=source_text(profile, path),
        directory=path.parent,
        table=table,
        calibration=calibration_of(profile, path, workload=True),
        finish=lambda table, draw: _under_its_load(table, profile, draw),
        count=profile.draws if profile.scenario_samples else 0,
        samples={**_named(profile), **_structures(profile, fitted)} if profile.scenario_samples else {},
    )


def _under_its_load(table: dict[str, Any], profile: Profile, draw: int | None) -> dict[str, Any]:
    """Return a fitted scenario as it is under its own load: with what its connections cost each other, and misses.

    Its services are as much slower as the fit misses at the level nearest to its load.
    """
    if not profile.missed and profile.crowded is None:
        return table
    try:
        scenario = Scenario.from_dict(table)
    except ScenarioError:
        return table  # who reads it says what is wrong, and where it comes from
    drawn = profile.drawn_structures
    structure = drawn[draw % len(drawn)] if draw is not None and drawn else 0
    miss = missed_at(profile.missed, scenario, structure)
    table = _among_others(table, scenario, profile, draw)
    return table if miss is None or not miss.slower else slowed(table, math.exp(miss.slower))


def _among_others(table: dict[str, Any], scenario: Scenario, profile: Profile, draw: int | None) -> dict[str, Any]:
    """Return a scenario whose operations take longer by how many of them circulate.

    They pay for the caches that processes crowd each other out of, and their way to a device takes longer. The
    profile's scenario holds already what they take at its own load.
    """
    lines, line_s, beside_s = (_of_draw(profile, f"fit.{name}", draw) for name in ("own_lines", "line_miss", "beside"))
    to_device = any("device" in one.get("links", {}) for one in table.get("services", {}).values())
    if profile.scenario is None or (profile.crowded is None and not to_device):
        return table
    here, there = in_flight(scenario), in_flight(Scenario.from_dict(dict(profile.scenario)))
    made = copy.deepcopy(table)
    stages = [*_every_stage([stage for one in made.get("operations", ()) for stage in one.get("stages", ())])]
    if profile.crowded is not None and lines is not None and line_s is not None:
        extra_s = [profile.crowded.extra_s(lines, line_s, count) for count in (here, there)]
        _lengthen(filter(_is_served, stages), "demand", extra_s[0] - extra_s[1])
    if to_device and beside_s is not None:
        ways = (one for one in stages if one.get("kind") == "delay")
        _lengthen(ways, "time", beside_s * math.log2(here / there))
    return made


def _lengthen(stages: Iterable[dict[str, Any]], field: str, more_s: float) -> None:
    """Make the time of the first of some stages so much longer in the mean."""
    first = next(iter(stages), None)
    if first is not None:
        first[field] = _longer(first[field], more_s * NS_PER_S)


def _longer(demand: Any, more_ns: float) -> Any:
    """Return a time, or a distribution of times, whose mean is so much longer, of the same shape."""
    if isinstance(demand, str):
        return TIME.print(max(round(TIME.read_float(demand) + more_ns), 1))
    if "mean" in demand:
        return {**demand, "mean": _longer(demand["mean"], more_ns)}
    rows = [(level, TIME.read_float(value)) for level, value in demand["quantiles"]]
    mean_ns, _ = moments_of_table(rows)
    scale = max(1.0 + more_ns / mean_ns, 0.0) if mean_ns else 1.0
    return {**demand, "quantiles": [[level, TIME.print(round(value * scale))] for level, value in rows]}


def _of_draw(profile: Profile, name: str, draw: int | None) -> float | None:
    """Return a quantity's value, or that of a draw; None where the profile has none."""
    quantity, draws = profile.quantity(name), profile.samples.get(name)
    if quantity is None or draw is None or not draws:
        return None if quantity is None else quantity.value
    return draws[draw % len(draws)]


def _every_stage(stages: Sequence[Any]) -> Iterator[Any]:
    """Yield stages and those inside of them."""
    for stage in stages:
        yield stage
        yield from _every_stage(stage.get("stages", ()))


def _is_served(stage: Mapping[str, Any]) -> bool:
    """Return whether a stage is the work of a fitted service or program, not of its generator."""
    fitted = stage.get("service") in (None, "server", "host")
    return stage.get("kind") == "cpu" and fitted and isinstance(stage.get("demand"), str | dict)


def _with_host(profile: Profile, path: Path, scenario: Path | None) -> Base:
    """Return a scenario whose services take from the profile what they leave open."""
    name, source, directory, read = scenario_table(scenario)
    used = {
        quantity.name: profile.samples[quantity.name]
        for quantity in profile.quantities
        if _plays(profile, quantity.name)
    }
    return Base(
        name=name,
        source=f"{source} on the host of {source_text(profile, path)}",
        directory=directory,
        table=lambda _: copy.deepcopy(read),
        calibration=calibration_of(profile, path, workload=False),
        finish=lambda table, draw: with_host(table, profile, draw),
        count=profile.draws if used else 0,
        samples=used,
    )


def _plays(profile: Profile, name: str) -> bool:
    """Return whether a quantity has draws and a place in a service."""
    quantity = profile.quantity(name)
    placed = quantity is not None and (quantity.field is not None or name.startswith("speed."))
    return placed and name in profile.samples


def _named(profile: Profile) -> dict[str, list[float]]:
    """Return the draws of the fit's parameters; of the scenario's fields, where the profile names no parameters.

    The host's own draws are not among them: a fitted scenario holds the host's numbers as they are.
    """
    of_fit = {one.name for one in profile.quantities if one.measured_by != MEASURED_BY}
    named = {name: draws for name, draws in profile.samples.items() if name in of_fit}
    if named:
        return named
    fields = {place: list(map(_number, values)) for place, values in profile.scenario_samples.items()}
    return {
        place: [value for value in values if value is not None]
        for place, values in fields.items()
        if None not in values
    }


def _structures(profile: Profile, fitted: Mapping[str, Any]) -> dict[str, list[float]]:
    """Return for each structure among the draws but the commonest which draws have it: 1, else 0.

    A structure is told from another by the stages of its operations, so that what it leaves open has a share, too.
    """
    found = [_stages(drawn_table(fitted, profile.scenario_samples, draw)) for draw in range(profile.draws)]
    kinds = sorted(set(found), key=lambda kind: (-found.count(kind), kind))
    return {f"structure ({kind})": [float(one == kind) for one in found] for kind in kinds[1:]}


def _stages(table: Mapping[str, Any]) -> str:
    stages = [stage for operation in table.get("operations", ()) for stage in operation.get("stages", ())]
    return ", ".join(f"{stage.get('kind')}{_where(stage)}" for stage in stages)


def _where(stage: Mapping[str, Any]) -> str:
    place = stage.get("lock") or stage.get("link") or stage.get("pool") or stage.get("batcher") or stage.get("service")
    return f" {place}" if place else ""


def _number(value: Any) -> float | None:
    """Return a field's value as a number: times in seconds, the mean of a list; None for what is none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str):
        try:
            return TIME.read_float(value) / NS_PER_S
        except InvalidField:
            return None
    if isinstance(value, list) and value and all(isinstance(one, int | float) for one in value):
        return math.fsum(value) / len(value)
    return None


def with_host(table: dict[str, Any], profile: Profile, draw: int | None = None) -> dict[str, Any]:
    """Return a scenario's tables with the host's numbers in the fields that its services leave open.

    draw: position of a bootstrap draw; None: the estimates. What a scenario says itself stands.
    """
    finished = copy.deepcopy(table)
    for service in finished.get("services", {}).values():
        if not isinstance(service, dict) or "cores_of" in service:
            continue
        cores = service.get("cores", Service.model_fields["cores"].default)
        if not isinstance(cores, int) or isinstance(cores, bool) or cores < 1:
            continue  # the scenario's own check says what is wrong
        _fill(service, service_fields(profile, cores=cores, draw=draw))
    return finished


def _fill(service: dict[str, Any], fields: dict[str, Any]) -> None:
    discipline = service.get("discipline", Service.model_fields["discipline"].default)
    for field, value in fields.items():
        if field == "linux" and discipline == "linux" and isinstance(service.get("linux", {}), dict):
            service["linux"] = {**value, **service.get("linux", {})}
        elif field in service or (field in _NOT_WITH_SHARING and discipline == "processor_sharing"):
            continue
        elif field != "linux":
            service[field] = value


def calibration_of(profile: Profile, path: Path, *, workload: bool) -> Calibration:
    """Return what answers say about the profile that they stand on. workload: whether its scenario is played."""
    return Calibration(
        profile=path.name,
        name=profile.name,
        date=profile.date,
        host=profile.host.identity,
        seen=profile.seen,
        discrepancy=profile.discrepancy,
        elsewhere=tuple(_elsewhere(profile)),
        workload=workload,
        repeatability=profile.repeatability if workload else 0.0,
        missed=tuple(profile.missed) if workload else (),
        unidentified=tuple(one.name for one in profile.quantities if one.identified == "no") if workload else (),
    )


def source_text(profile: Profile, path: Path) -> str:
    """Say which profile, how old, and on which machine it was measured."""
    where = ", on another machine than this one" if _elsewhere(profile) else ""
    if profile.host.processor == UNKNOWN:
        where = ", on a machine that its table describes"
    return f"profile {path.name}, {age_text(profile.date)}{where}"


def _elsewhere(profile: Profile) -> list[str]:
    return different_hosts(profile.host, read_host())

"""The profile: what calibration found, in one readable TOML file.

A profile belongs to one host. Every number in it has its unit, an interval, how it was measured, when and by which
command, and draws from its bootstrap: draw k of all quantities belongs together, so that a prediction which takes the
k-th of each keeps what goes up and down together.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, ValidationError

from models.errors import FieldProblem, ScenarioError
from models.fields import Count, Name
from models.measured import CrowdedCaches, Deviation, Discrepancy, Missed, Seen
from models.scenario_text import explain, parse_toml, read_text, write_toml
from models.table import Table
from simulator.provenance import provenance

DEFAULT_FILE: Final = "sim-profile.toml"
"""Where calibration writes, and where a run looks, unless told otherwise: the current directory."""

Unit = Literal["s", "1/s", "B", "B/s", "share", "ratio", "count"]
Origin = Literal["measured", "read", "estimated"]
Text = Annotated[str, Field(max_length=2000)]


class ProfileError(ScenarioError):
    """A profile that cannot be read or does not fit; its text is one line."""


class Quantity(Table):
    """One number that was found.

    value: in the unit. interval: 95 % from the repeats and within them; None where a number was read, not measured.
    origin: measured; read from the system; or estimated by comparing measurements with the simulator.
    identified: how well the measurements determine it; "no": any value of the interval fits as well.
    field: where it stands in a service of a scenario, such as `linux.tick`; None where it has no place there.
    how: how it was measured. measured_by: the command. date: ISO 8601. repeats: the values of the repeats that were
        used. left_out: repeats that were disturbed and not used.
    """

    name: Name
    value: float
    unit: Unit
    interval: tuple[float, float] | None = None
    origin: Origin = "measured"
    identified: Literal["yes", "weakly", "no"] = "yes"
    field: Text | None = None
    how: Text
    measured_by: Text
    date: Text
    repeats: list[float] = Field(default_factory=list)
    left_out: Annotated[int, Field(ge=0)] = 0

    def problems(self) -> Iterator[FieldProblem]:
        """An interval goes up."""
        if self.interval is not None and self.interval[0] > self.interval[1]:
            yield FieldProblem(("interval",), str(list(self.interval)), "the lower end first")


class Host(Table):
    """The machine, as far as it decides what the numbers are.

    identity: short hash that tells machines apart without naming them. cpus: as the operating system counts them;
    usable: those that this process may use. cgroup_quota: cores' worth, None: no limit.
    """

    identity: Text
    processor: Text
    cpus: Count
    usable: Count
    sockets: Count = 1
    threads_per_core: Count = 1
    memory_bytes: Annotated[int, Field(ge=0)]
    last_cache_bytes: Annotated[int, Field(ge=0)] = 0
    virtual: bool
    system: Text
    kernel: Text
    kernel_hz: Annotated[int, Field(ge=0)] | None = None
    governor: Text | None = None
    frequency_max_hz: float | None = None
    idle_states: list[Text] = Field(default_factory=list)
    cgroup_quota: float | None = None
    cgroup_quota_period_ns: Annotated[int, Field(ge=0)] | None = None
    cgroup_quota_slice_ns: Annotated[int, Field(ge=0)] | None = None
    cgroup_memory_bytes: Annotated[int, Field(ge=0)] | None = None
    autogroup: bool | None = None
    transparent_huge_pages: Text | None = None
    notes: list[Text] = Field(default_factory=list)


class LeftOut(Table):
    """A probe that gave nothing, and why."""

    probe: Name
    reason: Text


class Profile(Table):
    """All that is known of one host and what was measured on it.

    samples: of each quantity's name, its bootstrap draws; all of one length. scenario: a scenario whose
    parameters were fitted to measurements on this host. scenario_samples: of each of its fields that is uncertain, by
    its place as `--set` takes it, the values in the same draws: the k-th of each, together, is the scenario of draw k.
    repeatability: relative standard deviation of a figure from one measurement to the next. missed: what the fit of a
    service misses at its levels; drawn_structures: of each draw, whose misses it has. crowded: the caches that its
    processes, one for each connection, crowd each other out of; the numbers are the quantities `fit.own_lines` and
    `fit.line_miss`. None: it has none.
    """

    schema_version: Literal[1] = 1
    kind: Literal["profile"] = "profile"
    name: Name
    date: Text
    host: Host
    versions: dict[str, Text] = Field(default_factory=dict)
    seen: Seen = Seen()
    warnings: list[Text] = Field(default_factory=list)
    left_out: list[LeftOut] = Field(default_factory=list)
    quantities: list[Quantity] = Field(default_factory=list)
    scenario: dict[str, Any] | None = None
    discrepancy: Discrepancy = Discrepancy()
    repeatability: Deviation = 0.0
    missed: list[Missed] = Field(default_factory=list)
    drawn_structures: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    crowded: CrowdedCaches | None = None
    samples: dict[str, list[float]] = Field(default_factory=dict)
    scenario_samples: dict[str, list[Any]] = Field(default_factory=dict)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a profile, in TOML or (by its first character) JSON. Raises ProfileError."""
        try:
            text = read_text(Path(path), "a profile, as `sim calibrate` writes it")
            return cls.parse(text, str(path))
        except ProfileError:
            raise
        except ScenarioError as error:
            raise ProfileError(error.source, error.problems) from None

    @classmethod
    def parse(cls, text: str, source: str = "profile") -> Self:
        """Read a profile's text. Raises ProfileError, or ScenarioError for what is no TOML."""
        if text.lstrip().startswith("{"):
            try:
                data = json.loads(text)
            except ValueError as error:
                raise ProfileError(source, [FieldProblem((), f"no JSON ({error})", "a profile")]) from None
        else:
            data = parse_toml(text, source)
        if data.get("kind") != "profile":
            found = f'kind = "{data["kind"]}"' if "kind" in data else "no kind"
            accepted = 'kind = "profile": a file written by sim calibrate'
            raise ProfileError(source, [FieldProblem((), found, accepted)])
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            raise ProfileError(source, explain(error)) from None

    def to_toml(self) -> str:
        """Print the profile as TOML that reads back as an equal one: what people read first, draws last."""
        return write_toml(_with_tables(self.model_dump(mode="json")))

    def to_json(self) -> str:
        """Print the profile as JSON that reads back as an equal one."""
        return json.dumps(self.model_dump(mode="json"), indent=2) + "\n"

    def problems(self) -> Iterator[FieldProblem]:
        """Names are unique, and every series of draws belongs to a quantity and is as long as the others."""
        names = [quantity.name for quantity in self.quantities]
        for name in sorted({name for name in names if names.count(name) > 1}):
            yield FieldProblem(("quantities",), f'"{name}" twice', "each quantity once")
        for name in self.samples.keys() - set(names):
            yield FieldProblem(("samples", name), "draws", "only draws of the profile's quantities")
        if self.scenario_samples and self.scenario is None:
            yield FieldProblem(("scenario_samples",), "draws of a scenario's fields", "nothing without a scenario")
        lengths = {len(draws) for draws in (*self.samples.values(), *self.scenario_samples.values())}
        if len(lengths) > 1:
            yield FieldProblem(("samples",), f"series of {sorted(lengths)} draws", "series of one length")

    def quantity(self, name: str) -> Quantity | None:
        """Return a quantity by its name; None if the profile does not have it."""
        return next((quantity for quantity in self.quantities if quantity.name == name), None)

    @property
    def draws(self) -> int:
        """How many bootstrap draws there are of the quantities that have any."""
        return len(next(iter((*self.samples.values(), *self.scenario_samples.values())), []))

    def values(self, draw: int | None = None) -> dict[str, float]:
        """Return all values by name. draw: the position of a bootstrap draw; None: the estimates."""
        return {
            quantity.name: self.samples[quantity.name][draw]
            if draw is not None and quantity.name in self.samples
            else quantity.value
            for quantity in self.quantities
        }

    def updated(
        self,
        measured_by: str,
        quantities: Iterable[Quantity],
        samples: Mapping[str, list[float]],
        **changes: Any,
    ) -> Self:
        """Return this profile with everything that one command measured replaced by what it measured now.

        changes: other fields with their new values. Raises ProfileError if the rest does not fit.
        """
        new = list(quantities)
        names = {quantity.name for quantity in new}
        kept = [
            quantity
            for quantity in self.quantities
            if quantity.measured_by != measured_by and quantity.name not in names
        ]
        drawn = {
            quantity.name: self.samples[quantity.name] for quantity in kept if quantity.name in self.samples
        }
        played: Mapping[str, list[Any]] = changes.pop(
            "scenario_samples", {} if "scenario" in changes else self.scenario_samples
        )
        count = max(map(len, (*samples.values(), *played.values())), default=self.draws)

        def cycled(series: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
            return {name: [draws[index % len(draws)] for index in range(count)] for name, draws in series.items()}

        data = {
            **{field: getattr(self, field) for field in type(self).model_fields},
            **changes,
            "quantities": [*kept, *new],
            "samples": cycled({**drawn, **samples}),
            "scenario_samples": cycled(played),
        }
        try:
            return type(self).model_validate(data)
        except ValidationError as error:
            raise ProfileError("profile", explain(error)) from None


def _with_tables(data: dict[str, Any]) -> dict[str, Any]:
    """Put the quantities behind the plain fields and the draws last, as they are long."""
    long = ("missed", "drawn_structures", "scenario", "samples", "scenario_samples")
    last: dict[str, Any] = {name: data.pop(name) for name in long if name in data}
    return {**data, **last}


def different_hosts(one: Host, other: Host) -> list[str]:
    """Return what makes two hosts different machines, in words; empty where their profiles may be mixed.

    The same machine with another kernel, other cores or another limit is another host: its numbers differ.
    """
    rows = (
        ("machine", one.identity, other.identity),
        ("processor", one.processor, other.processor),
        ("CPUs", one.usable, other.usable),
        ("kernel", one.kernel, other.kernel),
        ("CPU quota", one.cgroup_quota, other.cgroup_quota),
    )
    return [f"{what}: {_said(a)}, {_said(b)}" for what, a, b in rows if a != b]


def _said(value: object) -> str:
    return "none" if value is None else str(value)


def require_same_host(profile: Profile, host: Host, source: str) -> None:
    """Raise ProfileError if a profile was measured on another host than the given one."""
    differences = different_hosts(profile.host, host)
    if differences:
        found = f"a profile of another host ({'; '.join(differences)})"
        raise ProfileError(
            source, [FieldProblem(("host",), found, "this host's, or --replace to start anew")]
        )


def identity_of(*parts: str) -> str:
    """Return a short hash that tells machines apart without naming them."""
    return hashlib.sha256("\n".join(("capacity-simulator", *parts)).encode()).hexdigest()[:12]


def profile_versions() -> dict[str, str]:
    """Return the versions that a profile keeps: of this package, Python and the libraries."""
    kept = provenance("", "", 0.0)
    names = ("version", "python", "numpy", "scipy", "numba")
    return {name: str(kept[name]) for name in names if kept.get(name)}


def profile_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a profile."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Profile.model_json_schema()}

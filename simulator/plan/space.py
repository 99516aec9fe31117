"""The configurations that a plan chooses from, what they cost, and the scenario of each."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from models.errors import FieldProblem, InvalidField, ScenarioError
from models.scenario import Scenario
from models.units import SIZE

GIB: Final = 2.0**30
MOST_COUNT: Final = 65_536


@dataclass(frozen=True, order=True)
class Configuration:
    """What is bought. cores, memory_bytes: of each instance; no memory: it is not part of the choice."""

    cores: int
    instances: int
    memory_bytes: int | None = None

    def within(self, other: Configuration) -> bool:
        """Return whether it has no more of anything than another one."""
        return (
            self.cores <= other.cores
            and self.instances <= other.instances
            and (self.memory_bytes or 0) <= (other.memory_bytes or 0)
        )

    @property
    def text(self) -> str:
        """Print it."""
        memory = "" if self.memory_bytes is None else f", {SIZE.print(self.memory_bytes)} each"
        plural = "" if self.instances == 1 else "s"
        return f"{self.instances} instance{plural} x {self.cores} core{'' if self.cores == 1 else 's'}{memory}"


@dataclass(frozen=True)
class Prices:
    """What an hour costs: of a core, of a GiB of memory, and of an instance whatever its size."""

    core: float = 1.0
    gib: float = 0.0
    instance: float = 0.0

    def of(self, one: Configuration) -> float:
        """Return what a configuration costs in an hour."""
        memory = (one.memory_bytes or 0) / GIB * self.gib
        return one.instances * (one.cores * self.core + memory + self.instance)

    @property
    def unit(self) -> str:
        """What the cost is counted in."""
        return "cores" if self == Prices() else "per hour"


@dataclass(frozen=True)
class Space:
    """All configurations within the bounds: every combination, each list rising.

    service: whose cores, instances and memory they are. follows: whether its workers are one for each core, as they
    are in the scenario.
    """

    scenario: Scenario
    service: str
    cores: tuple[int, ...]
    instances: tuple[int, ...]
    memories: tuple[int | None, ...]
    follows: bool
    directory: Path

    def columns(self) -> Iterator[tuple[int, int | None]]:
        """Yield cores and memory of an instance, small ones first."""
        yield from itertools.product(self.cores, self.memories)

    @property
    def largest(self) -> Configuration:
        """The configuration that has most of everything."""
        return Configuration(self.cores[-1], self.instances[-1], self.memories[-1])

    @property
    def size(self) -> int:
        """How many configurations there are."""
        return len(self.cores) * len(self.instances) * len(self.memories)

    def all(self) -> Iterator[Configuration]:
        """Yield all configurations."""
        for cores, memory in self.columns():
            for count in self.instances:
                yield Configuration(cores, count, memory)

    def at(self, one: Configuration) -> Scenario:
        """Return the scenario of a configuration. Raises ScenarioError where it cannot be."""
        services = self._table["services"]
        service = {**services[self.service], "cores": one.cores, "instances": one.instances}
        if one.memory_bytes is not None:
            service["memory"] = SIZE.print(one.memory_bytes)
        if self.follows:
            service["workers"] = one.cores
        guests = {name: {**services[name], "instances": one.instances} for name in self.guests}
        table = {**self._table, "services": {**services, **guests, self.service: service}}
        return Scenario.from_dict(table, one.text, self.directory)

    @cached_property
    def guests(self) -> list[str]:
        """The services on the cores of that one, with an instance on each of its instances, as in the scenario."""
        host = self.scenario.services[self.service]
        return [
            name
            for name, service in self.scenario.services.items()
            if service.cores_of == self.service and service.instances == host.instances
        ]

    @cached_property
    def _table(self) -> dict[str, Any]:
        table: dict[str, Any] = self.scenario.model_dump(mode="json", exclude_none=True)
        table.pop("thresholds", None)
        return table


def space_of(
    scenario: Scenario, cores: Sequence[str], instances: Sequence[str], memories: Sequence[str], directory: Path
) -> Space:
    """Return the configurations of a scenario's entry service that can be.

    cores, instances, memories: texts of the values; no memories: it stays as in the scenario.
    Raises ScenarioError for values that cannot be read, and if no configuration is left.
    """
    name = next(iter(scenario.services))
    service = scenario.services[name]
    if service.cores_of is not None:
        accepted = f"cores of its own: {name} uses those of {service.cores_of}"
        raise ScenarioError("--cores", [FieldProblem((), "a service without cores", accepted)])
    whole = Space(
        scenario,
        name,
        _counts("--cores", cores),
        _counts("--instances", instances),
        _sizes(memories),
        service.workers == service.cores,
        directory,
    )
    possible, problem = [], None
    for core_count, memory in whole.columns():
        try:
            whole.at(Configuration(core_count, whole.instances[0], memory))
            possible.append((core_count, memory))
        except ScenarioError as error:
            problem = error
    if not possible:
        raise problem or ScenarioError("plan", [FieldProblem((), "no configuration", "bounds with one in them")])
    left = {core_count for core_count, _ in possible}
    kept = {memory for _, memory in possible}
    return Space(
        scenario,
        name,
        tuple(count for count in whole.cores if count in left),
        whole.instances,
        tuple(memory for memory in whole.memories if memory in kept),
        whole.follows,
        directory,
    )


def _counts(origin: str, texts: Sequence[str]) -> tuple[int, ...]:
    counts = []
    for text in texts:
        if not text.isdecimal() or not 1 <= int(text) <= MOST_COUNT:
            raise ScenarioError(origin, [FieldProblem((), f'"{text}"', "whole numbers from 1, such as 1..16 or 2,4,8")])
        counts.append(int(text))
    return tuple(sorted(set(counts)))


def _sizes(texts: Sequence[str]) -> tuple[int | None, ...]:
    if not texts:
        return (None,)
    sizes = []
    for text in texts:
        try:
            sizes.append(SIZE.read_whole(text))
        except InvalidField as problem:
            raise ScenarioError("--memory", problem.problems) from None
    return tuple(sorted(set(sizes)))

"""Checks of what operations hold: pools taken in a circle, and more memory than there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models.errors import FieldProblem, Path, shown
from models.stages import ChoiceStage, MemoryStage, PoolStage, Stage, nested_stages
from models.units import SIZE

if TYPE_CHECKING:
    from models.scenario import Scenario

_Pool = tuple[str, str]
"""A service and the name of a pool of it."""


def pool_cycle_problems(scenario: Scenario) -> Iterator[FieldProblem]:
    """Find pools that an operation takes in a circle: two such can each hold what the other waits for."""
    first = next(iter(scenario.services))
    for index, operation in enumerate(scenario.operations):
        held_before: dict[_Pool, set[_Pool]] = {}
        for path, taken, held in _pools_taken(operation.stages, first, (), ("operations", index, "stages")):
            held_before.setdefault(taken, set()).update(held)
            circle = [pool for pool in held if pool == taken or taken in _reached(held_before, pool)]
            if circle:
                accepted = f"a pool that is not also taken before {circle[0][1]}, which is held here"
                yield FieldProblem((*path, "pool"), shown(taken[1]), accepted)


def _pools_taken(
    stages: Sequence[Stage], service: str, held: tuple[_Pool, ...], path: Path
) -> Iterator[tuple[Path, _Pool, tuple[_Pool, ...]]]:
    """Yield each pool stage with its place and the pools that are held when it asks for a token."""
    for index, stage in enumerate(stages):
        runs_on, holding = stage.service or service, held
        if isinstance(stage, PoolStage):
            yield (*path, index), (runs_on, stage.pool), held
            holding = (*held, (runs_on, stage.pool))
        for below, inner in nested_stages(stage):
            yield from _pools_taken(inner, runs_on, holding, (*path, index, *below))


def _reached(held_before: dict[_Pool, set[_Pool]], start: _Pool) -> set[_Pool]:
    """Return the pools that are held, directly or in steps, before one."""
    reached: set[_Pool] = set()
    waiting = [start]
    while waiting:
        new = held_before.get(waiting.pop(), set()) - reached
        reached |= new
        waiting.extend(new)
    return reached


def memory_problems(scenario: Scenario) -> Iterator[FieldProblem]:
    """Find operations that on some path need more memory than an instance has, whatever they draw."""
    first = next(iter(scenario.services))
    for index, operation in enumerate(scenario.operations):
        for name, service in scenario.services.items():
            needed = round(_least_memory(operation.stages, first, name))
            if service.memory is not None and needed > service.memory - service.memory_base:
                available = SIZE.print(service.memory - service.memory_base)
                accepted = f"at most the {available} that an instance of {name} has above memory_base"
                path = ("operations", index, "stages")
                yield FieldProblem(path, f"memory stages of {SIZE.print(needed)} together", accepted)


def _least_memory(stages: Sequence[Stage], service: str, wanted: str) -> float:
    """Return the bytes that an attempt takes of one service at least, on the path that takes most."""
    total = 0.0
    for stage in stages:
        runs_on = stage.service or service
        if isinstance(stage, MemoryStage) and runs_on == wanted:
            total += stage.bytes.low
        inside = [_least_memory(inner, runs_on, wanted) for _, inner in nested_stages(stage)]
        if isinstance(stage, ChoiceStage):
            total += max(needed for needed, branch in zip(inside, stage.branches, strict=True) if branch.weight > 0)
        else:
            total += sum(inside)
    return total

"""Compiles the stages of operations to linear programs (`simulator.program`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from models.distributions import Distribution
from models.draws import FIRST_STAGE
from models.scenario import Operation, Scenario
from models.stages import (
    BatchStage,
    ChoiceStage,
    CpuStage,
    DelayStage,
    FailureStage,
    LinkStage,
    LockStage,
    MemoryStage,
    ParallelStage,
    PoolStage,
    Stage,
)
from simulator.program import (
    ACQUIRE,
    BATCH,
    CHOICE,
    CONFLICT,
    CPU,
    DELAY,
    END,
    FAILURE,
    FORK,
    JUMP,
    LEAVE,
    LINK,
    LOCK,
    MEMORY,
    PROGRAM,
    RELEASE,
    VISIT,
)


class ProgramCompiler:
    """Compiles one operation after the other into common tables.

    ``distribution`` and ``constant`` add a distribution to the compiled scenario and return its position.
    """

    def __init__(
        self,
        scenario: Scenario,
        service_index: dict[str, int],
        distribution: Callable[[Distribution], int],
        constant: Callable[[int], int],
    ) -> None:
        self.scenario = scenario
        self.service_index = service_index
        self.distribution = distribution
        self.constant = constant
        self.first_service = next(iter(scenario.services))
        self.rows: list[tuple[Any, ...]] = []
        self.branches: list[tuple[float, int]] = []
        self.next_stage = FIRST_STAGE

    def entry_service(self, operation: Operation) -> int:
        """Return the service that an operation enters first."""
        return self.service_index[operation.stages[0].service or self.first_service]

    def add(self, operation: Operation) -> int:
        """Compile an operation and return its first row."""
        self.next_stage = FIRST_STAGE
        entry = operation.stages[0].service or self.first_service
        first = self._emit(VISIT, entry)
        self._block(operation.stages, self.first_service, (entry,))
        self._emit(LEAVE, entry)
        self._emit(END, entry)
        return first

    def _emit(
        self,
        code: int,
        service: str,
        *,
        stage: int = 0,
        distribution: int = -1,
        a: int = 0,
        b: int = 0,
        value: float = 0.0,
    ) -> int:
        """Append a row and return its position."""
        position = len(self.rows)
        row = (code, self.service_index[service], stage, distribution, a, b, position + 1, value)
        self.rows.append(row)
        return position

    def _patch(self, position: int, **fields: int) -> None:
        """Set fields of a row that were not known when it was appended."""
        names = PROGRAM.names or ()
        self.rows[position] = tuple(
            fields.get(name, value) for name, value in zip(names, self.rows[position], strict=True)
        )

    def _block(self, stages: Sequence[Stage], inherited: str, open_visits: tuple[str, ...]) -> None:
        """Compile stages that inherit a service; visits that the block begins end with it."""
        visiting: str | None = None
        for stage in stages:
            service = stage.service or inherited
            if visiting is not None and service != visiting:
                self._emit(LEAVE, visiting)
                visiting = None
            if visiting is None and service not in open_visits:
                self._emit(VISIT, service)
                visiting = service
            inside = open_visits if visiting is None else (*open_visits, visiting)
            self._stage(stage, service, inside)
        if visiting is not None:
            self._emit(LEAVE, visiting)

    def _stage(self, stage: Stage, service: str, open_visits: tuple[str, ...]) -> None:
        """Compile one stage that runs on ``service``."""
        number = self.next_stage
        self.next_stage += 1
        match stage:
            case CpuStage():
                demand, after_timer = self.distribution(stage.demand), int(stage.after_timer)
                self._emit(CPU, service, stage=number, distribution=demand, a=after_timer)
            case DelayStage():
                self._emit(DELAY, service, stage=number, distribution=self.distribution(stage.time))
            case MemoryStage():
                size = self.distribution(stage.bytes)
                fails = int(stage.on_exhaustion == "fail")
                self._emit(MEMORY, service, stage=number, distribution=size, a=fails)
            case BatchStage():
                self._batch(stage, service, number)
            case LockStage():
                position = list(self.scenario.services[service].locks).index(stage.lock)
                hold = self.distribution(stage.hold)
                self._emit(LOCK, service, stage=number, distribution=hold, a=position)
            case LinkStage():
                position = list(self.scenario.services[service].links).index(stage.link)
                size = self.distribution(stage.bytes)
                self._emit(LINK, service, stage=number, distribution=size, a=position)
            case FailureStage():
                self._emit(FAILURE, service, stage=number, value=stage.probability)
                if stage.conflict > 0.0:
                    self._emit(CONFLICT, service, stage=number, value=stage.conflict)
            case PoolStage():
                self._pool(stage, service, open_visits)
            case ChoiceStage():
                weights = [branch.weight for branch in stage.branches]
                self._choice(stage, service, number, weights, open_visits)
            case ParallelStage():
                self._parallel(stage, service, open_visits)

    def _batch(self, stage: BatchStage, service: str, number: int) -> None:
        """Compile a batch stage; without its batcher the operation pays and sends for itself, uncompressed."""
        batchers = self.scenario.services[service].batchers
        batcher = batchers[stage.batcher]
        size = self.distribution(stage.bytes)
        if batcher.enabled:
            position = list(batchers).index(stage.batcher)
            self._emit(BATCH, service, stage=number, distribution=size, a=position)
            return
        cost = self.constant(batcher.fixed + batcher.per_item)
        self._emit(CPU, service, stage=number, distribution=cost)
        if batcher.link is not None:
            position = list(self.scenario.services[service].links).index(batcher.link)
            self._emit(LINK, service, stage=number, distribution=size, a=position, b=batcher.overhead)

    def _pool(self, stage: PoolStage, service: str, open_visits: tuple[str, ...]) -> None:
        """Compile nested stages that hold a token; without the pool they run without one."""
        pools = self.scenario.services[service].pools
        position = list(pools).index(stage.pool)
        if pools[stage.pool].enabled:
            self._emit(ACQUIRE, service, a=position)
        self._block(stage.stages, service, open_visits)
        if pools[stage.pool].enabled:
            self._emit(RELEASE, service, a=position)

    def _reserve(self, weights: Iterable[float]) -> int:
        """Append branches with their cumulative shares, rows unknown, and return the first."""
        first = len(self.branches)
        shares = list(weights)
        total, running = sum(shares), 0.0
        for weight in shares:
            running += weight
            self.branches.append((running / total, -1))
        return first

    def _choice(
        self, stage: ChoiceStage, service: str, number: int, weights: list[float], open_visits: tuple[str, ...]
    ) -> None:
        """Compile branches of which one is taken."""
        first = self._reserve(weights)
        self._emit(CHOICE, service, stage=number, a=first, b=len(weights))
        ends = []
        for offset, branch in enumerate(stage.branches):
            self.branches[first + offset] = (self.branches[first + offset][0], len(self.rows))
            self._block(branch.stages, service, open_visits)
            ends.append(self._emit(JUMP, service))
        for end in ends:
            self._patch(end, a=len(self.rows))

    def _parallel(self, stage: ParallelStage, service: str, open_visits: tuple[str, ...]) -> None:
        """Compile branches that all run at once."""
        first = self._reserve([1.0] * len(stage.branches))
        fork = self._emit(FORK, service, a=first, b=len(stage.branches))
        for offset, branch in enumerate(stage.branches):
            self.branches[first + offset] = (self.branches[first + offset][0], len(self.rows))
            self._block(branch.stages, service, open_visits)
            self._emit(END, service)
        self._patch(fork, next=len(self.rows))

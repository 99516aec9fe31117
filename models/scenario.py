"""The scenario: everything that a simulation is told, read and checked."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from models.distributions import Distribution
from models.errors import FieldProblem, ScenarioError
from models.fields import AutoPositiveTimeNs, AutoTimeNs, Factor, Index, Name, Seed, TimeNs, number, whole_or
from models.scenario_checks import scenario_problems
from models.scenario_text import explain, parse_toml, read_text, write_toml
from models.service import (
    Balancer,
    Batcher,
    Interruptions,
    Link,
    LinuxScheduler,
    Lock,
    MemoryPool,
    Pause,
    Pool,
    RoundRobin,
    Service,
)
from models.stages import (
    BatchStage,
    Branch,
    ChoiceStage,
    CpuStage,
    DelayStage,
    FailureStage,
    LinkStage,
    LockStage,
    MemoryStage,
    ParallelBranch,
    ParallelStage,
    PoolStage,
    Stage,
)
from models.table import Table, nothing
from models.workload import Phase, Retry, Workload

__all__ = [
    "Balancer",
    "BatchStage",
    "Batcher",
    "Branch",
    "ChoiceStage",
    "CpuStage",
    "DelayStage",
    "Distribution",
    "Event",
    "FailureStage",
    "Interruptions",
    "Link",
    "LinkStage",
    "LinuxScheduler",
    "Lock",
    "LockStage",
    "MemoryPool",
    "MemoryStage",
    "Operation",
    "ParallelBranch",
    "ParallelStage",
    "Pause",
    "Phase",
    "Pool",
    "PoolStage",
    "Retry",
    "RoundRobin",
    "Run",
    "Scenario",
    "ScenarioError",
    "Service",
    "Stage",
    "Workload",
]


class Run(Table):
    """How long, how often and how precisely.

    duration: measured window after the warm-up [ns], or "auto": as long as the precision needs.
    warmup: [ns], or "auto": from a pilot. replications: a count, or "auto": until the precision is reached.
    precision: relative half-width at 95 % confidence.
    """

    duration: AutoPositiveTimeNs = "auto"
    warmup: AutoTimeNs = "auto"
    seed: Seed = 1
    replications: Annotated[int | str, whole_or("auto")] = "auto"
    precision: Annotated[float, number(0.0001, 0.5)] = 0.02


class Operation(Table):
    """A kind of operation, as the stages that it goes through."""

    name: Name
    stages: list[Stage]

    def problems(self) -> Iterator[FieldProblem]:
        """Reject an operation that does nothing."""
        if not self.stages:
            yield FieldProblem(("stages",), "an empty list", "at least one stage")


class Event(Table):
    """Something that happens to an instance.

    at: time from the start of the run [ns]. factor: of all demands, for "slow".
    """

    at: TimeNs
    service: Name
    instance: Index
    action: Literal["down", "up", "slow"]
    factor: Factor | None = None

    def meaningless(self) -> Iterator[tuple[str, str]]:
        """Only a slowdown has a factor."""
        if self.action != "slow":
            yield "factor", 'action = "slow"'

    def problems(self) -> Iterator[FieldProblem]:
        """A slowdown needs its factor."""
        if self.action == "slow" and self.factor is None:
            yield FieldProblem(("factor",), "nothing", "how much more CPU all demands take, such as 2.0")


class Scenario(Table):
    """A system, the work that is offered to it, and how to run it.

    Read it with `load`, `parse` or `from_dict`, which raise ScenarioError; pydantic's own constructors work
    too and raise its ValidationError. A stage that names no service runs on the first one, and a workload
    that names no operations does the first one.
    """

    schema_version: Literal[1] = 1
    name: Name
    run: Run = Run.model_construct()
    workloads: list[Workload]
    services: dict[Name, Service]
    operations: list[Operation]
    events: list[Event] = Field(default_factory=nothing)
    thresholds: list[str] = Field(default_factory=nothing)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a TOML file; a trace file is looked for beside it.

        Raises ScenarioError, also for a file that cannot be read.
        """
        return cls.parse(read_text(Path(path)), source=str(path), directory=Path(path).parent)

    @classmethod
    def parse(cls, toml_text: str, source: str = "scenario", directory: str | Path = ".") -> Self:
        """Read TOML text.

        source: what errors call it. directory: where trace files are.
        Raises ScenarioError.
        """
        return cls.from_dict(parse_toml(toml_text, source), source, directory)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], source: str = "scenario", directory: str | Path = ".") -> Self:
        """Read what a TOML file would hold, or a JSON dump of a scenario. Raises ScenarioError."""
        try:
            return cls.model_validate(data, context={"directory": directory})
        except ValidationError as error:
            raise ScenarioError(source, explain(error)) from None

    def to_toml(self) -> str:
        """Print the scenario as TOML that reads back as an equal one."""
        return write_toml(self.model_dump(mode="json"))

    def problems(self) -> Iterator[FieldProblem]:
        """Check everything that names or needs something elsewhere in the scenario."""
        yield from scenario_problems(self)

    @model_validator(mode="after")
    def _name_the_default_operation(self) -> Self:
        for workload in self.workloads:
            if not workload.operations and not (workload.kind == "trace" and workload.arrivals()[1] is not None):
                # The models are frozen for everyone else; the default is only known here.
                object.__setattr__(workload, "operations", {self.operations[0].name: 1.0})
        return self

"""The stages that an operation goes through, one type each."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Field

from models.distributions import ZERO_SIZE, SizeDistribution, TimeDistribution
from models.errors import FieldProblem, Path
from models.fields import Name, Probability, Weight
from models.table import Table


class StageBase(Table):
    """What all stages share.

    service: where the stage runs. Without it: where the enclosing pool, choice or parallel stage runs, else
        the first service of the scenario.
    """

    service: Name | None = None


class CpuStage(StageBase):
    """CPU work of the operation. demand: CPU time at speed 1 [ns].

    after_timer: a timer that has expired runs it, as after `asyncio.sleep`: in each turn of an event loop such work
        comes behind all else that is ready.
    """

    kind: Literal["cpu"]
    demand: TimeDistribution
    after_timer: bool = Field(default=False, strict=True)


class DelayStage(StageBase):
    """A pure wait that uses nothing. time: its length [ns]."""

    kind: Literal["delay"]
    time: TimeDistribution


class MemoryStage(StageBase):
    """Takes memory until the end of the attempt's server side.

    bytes: how much [bytes]. on_exhaustion: wait for it first come, first served, or fail the attempt.
    """

    kind: Literal["memory"]
    bytes: SizeDistribution
    on_exhaustion: Literal["wait", "fail"] = "wait"


class BatchStage(StageBase):
    """Joins a batch and waits until it is done. bytes: what the batcher's link carries for it [bytes]."""

    kind: Literal["batch"]
    batcher: Name
    bytes: SizeDistribution = ZERO_SIZE


class LockStage(StageBase):
    """CPU work under a lock. hold: CPU time at speed 1 [ns]."""

    kind: Literal["lock"]
    lock: Name
    hold: TimeDistribution


class PoolStage(StageBase):
    """Holds a token of a pool while the nested stages run."""

    kind: Literal["pool"]
    pool: Name
    stages: "list[Stage]"

    def problems(self) -> Iterator[FieldProblem]:
        """Reject a pool around nothing."""
        if not self.stages:
            yield FieldProblem(("stages",), "an empty list", "at least one stage that holds the token")


class LinkStage(StageBase):
    """Sends bytes over a link and waits until they are there. bytes: how much [bytes]."""

    kind: Literal["link"]
    link: Name
    bytes: SizeDistribution


class Branch(Table):
    """One way of a choice. weight: relative to the other branches. stages: may be empty."""

    weight: Weight
    stages: "list[Stage]"


class ChoiceStage(StageBase):
    """Goes one way of several, drawn by weight."""

    kind: Literal["choice"]
    branches: list[Branch]

    def problems(self) -> Iterator[FieldProblem]:
        """Reject a choice between nothing."""
        if not self.branches:
            yield FieldProblem(("branches",), "an empty list", "at least one branch of a weight and stages")
        elif sum(branch.weight for branch in self.branches) == 0:
            yield FieldProblem(("branches",), "weights that are all 0", "at least one weight above 0")


class FailureStage(StageBase):
    """Fails the attempt with a probability, and with that of a conflict for each other visit inside the instance.

    conflict: chance to collide with any one of them, as under optimistic concurrency control, where the chance to
        fail grows with what is under way (Kung and Robinson, 1981); the sum is at most 1.
    """

    kind: Literal["failure"]
    probability: Probability
    conflict: Probability = 0.0


class ParallelBranch(Table):
    """Stages that run beside the other branches."""

    stages: "list[Stage]"

    def problems(self) -> Iterator[FieldProblem]:
        """Reject a branch that does nothing."""
        if not self.stages:
            yield FieldProblem(("stages",), "an empty list", "at least one stage")


class ParallelStage(StageBase):
    """Runs all branches at once and is done when all of them are."""

    kind: Literal["parallel"]
    branches: list[ParallelBranch]

    def problems(self) -> Iterator[FieldProblem]:
        """Reject a fork into nothing."""
        if not self.branches:
            yield FieldProblem(("branches",), "an empty list", "at least one branch of stages")


Stage = Annotated[
    CpuStage
    | DelayStage
    | MemoryStage
    | BatchStage
    | LockStage
    | PoolStage
    | LinkStage
    | ChoiceStage
    | FailureStage
    | ParallelStage,
    Field(discriminator="kind"),
]

STAGE_KINDS = ("cpu", "delay", "memory", "batch", "lock", "pool", "link", "choice", "failure", "parallel")


def nested_stages(stage: StageBase) -> list[tuple[Path, "Sequence[Stage]"]]:
    """Return the lists of stages inside a stage, each with its place below it."""
    if isinstance(stage, PoolStage):
        return [(("stages",), stage.stages)]
    if isinstance(stage, ChoiceStage):
        return [(("branches", index, "stages"), branch.stages) for index, branch in enumerate(stage.branches)]
    if isinstance(stage, ParallelStage):
        return [(("branches", index, "stages"), branch.stages) for index, branch in enumerate(stage.branches)]
    return []


def walk_stages(stages: "Sequence[Stage]", service: str, path: Path = ()) -> Iterator[tuple[Path, "Stage", str]]:
    """Yield all stages, nested ones after their enclosing one, with their place and the service they run on.

    service: where a stage runs that names no service.
    path: place of the list, that the places of its stages continue.
    """
    for index, stage in enumerate(stages):
        place = (*path, index)
        runs_on = stage.service or service
        yield place, stage, runs_on
        for below, inner in nested_stages(stage):
            yield from walk_stages(inner, runs_on, (*place, *below))

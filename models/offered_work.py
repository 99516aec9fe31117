"""What one attempt of an operation asks of the stations of a service, in the mean."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.service import Batcher, MemoryPool, Service
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
    StageBase,
    nested_stages,
)

StageCost = Callable[[Stage, str], float]
"""From a stage and the service it runs on to what it asks for, without what is nested in it."""

Part = tuple[str, str]
"""A service, and the name of a batcher, lock, pool or link of it."""


class OfferedWork(NamedTuple):
    """Means over the paths of one attempt that runs to its end.

    services: all services by name. first: the one on which stages run that name none.
    """

    services: Mapping[str, Service]
    first: str

    def total(self, stages: Sequence[Stage], cost: StageCost, service: str | None = None) -> float:
        """Return the mean of the summed costs of all stages on the way, nested ones included."""
        total, passes = 0.0, 1.0
        for stage in stages:
            runs_on = stage.service or service or self.first
            total += passes * cost(stage, runs_on)
            for share, (_, inner) in zip(branch_shares(stage), nested_stages(stage), strict=True):
                total += passes * share * self.total(inner, cost, runs_on)
            passes *= self.passes([stage])
        return total

    def passes(self, stages: Sequence[Stage]) -> float:
        """Return the probability that no failure stage ends the attempt; conflicts, which need others, left out."""
        probability = 1.0
        for stage in stages:
            inside = [self.passes(inner) for _, inner in nested_stages(stage)]
            if isinstance(stage, FailureStage):
                probability *= 1 - stage.probability
            elif isinstance(stage, ChoiceStage):
                shares = branch_shares(stage)
                probability *= sum(share * way for share, way in zip(shares, inside, strict=True))
            else:
                for way in inside:
                    probability *= way
        return probability

    def visits(self, stages: Sequence[Stage], wanted: str, service: str | None = None) -> float:
        """Return the probability that the attempt comes to a service at all."""
        misses, passes = 1.0, 1.0
        for stage in stages:
            runs_on = stage.service or service or self.first
            if runs_on == wanted:
                return 1 - misses * (1 - passes)
            inside = [self.visits(inner, wanted, runs_on) for _, inner in nested_stages(stage)]
            if isinstance(stage, ChoiceStage):
                reached = sum(share * way for share, way in zip(branch_shares(stage), inside, strict=True))
                misses *= 1 - passes * reached
            else:
                for way in inside:
                    misses *= 1 - passes * way
            passes *= self.passes([stage])
        return 1 - misses

    def least_time_ns(self, stages: Sequence[Stage], service: str | None = None) -> float:
        """Return the mean time that stages take at least: alone on the system, at speed 1 [ns]."""
        total, passes = 0.0, 1.0
        for stage in stages:
            runs_on = stage.service or service or self.first
            inside = [self.least_time_ns(inner, runs_on) for _, inner in nested_stages(stage)]
            time_ns = self.cpu_ns(stage, runs_on) + self.wait_ns(stage, runs_on)
            if isinstance(stage, ParallelStage):
                time_ns += max(inside)
            else:
                shares = branch_shares(stage)
                time_ns += sum(share * way for share, way in zip(shares, inside, strict=True))
            total += passes * time_ns
            passes *= self.passes([stage])
        return total

    def cpu_ns(self, stage: Stage, runs_on: str) -> float:
        """Return the CPU time of one stage at least, at speed 1 [ns]; a batch costs least when it is full."""
        service = self.services[runs_on]
        if isinstance(stage, CpuStage):
            return stage.demand.mean
        if isinstance(stage, LockStage):
            return stage.hold.mean
        if isinstance(stage, MemoryStage) and service.memory_pool is not None:
            return allocation_ns(service.memory_pool)
        if isinstance(stage, BatchStage):
            return member_cpu_ns(service.batchers[stage.batcher])
        return 0.0

    def wait_ns(self, stage: Stage, runs_on: str) -> float:
        """Return the time of one stage in delays and on links [ns]."""
        links = self.services[runs_on].links
        if isinstance(stage, DelayStage):
            return stage.time.mean
        if isinstance(stage, LinkStage):
            link = links[stage.link]
            return link.delay + stage.bytes.mean / link.bandwidth * 1e9
        if isinstance(stage, BatchStage) and (carrier := self.services[runs_on].batchers[stage.batcher].link):
            link = links[carrier]
            own_bytes = self.link_bytes(stage, runs_on, (runs_on, carrier))
            return link.delay + own_bytes / link.bandwidth * 1e9
        return 0.0

    def cpu_on_ns(self, stage: Stage, runs_on: str, service: str) -> float:
        """Return the CPU time of one stage at least if it runs on a service [ns]."""
        return self.cpu_ns(stage, runs_on) if runs_on == service else 0.0

    def members(self, stage: Stage, runs_on: str, part: Part) -> float:
        """Return 1 if a stage joins the batches of that batcher."""
        return float(isinstance(stage, BatchStage) and (runs_on, stage.batcher) == part)

    def lock_ns(self, stage: Stage, runs_on: str, part: Part) -> float:
        """Return how long a stage holds that lock [ns]."""
        return stage.hold.mean if isinstance(stage, LockStage) and (runs_on, stage.lock) == part else 0.0

    def token_ns(self, stage: Stage, runs_on: str, part: Part) -> float:
        """Return how long a stage holds a token of that pool at least [ns]."""
        if isinstance(stage, PoolStage) and (runs_on, stage.pool) == part:
            return self.least_time_ns(stage.stages, runs_on)
        return 0.0

    def link_bytes(self, stage: Stage, runs_on: str, part: Part) -> float:
        """Return the bytes that a stage sends over that link [bytes]."""
        if isinstance(stage, LinkStage) and (runs_on, stage.link) == part:
            return stage.bytes.mean
        if isinstance(stage, BatchStage):
            batcher = self.services[runs_on].batchers[stage.batcher]
            if (runs_on, batcher.link) == part:
                if not batcher.enabled:
                    return batcher.overhead + stage.bytes.mean
                return batcher.overhead / batcher.max_size + stage.bytes.mean * batcher.compression
        return 0.0


def branch_shares(stage: StageBase) -> list[float]:
    """Return how often each list of nested stages is gone through, for each time that the stage is."""
    if isinstance(stage, ChoiceStage):
        total = sum(branch.weight for branch in stage.branches)
        return [branch.weight / total for branch in stage.branches]
    return [1.0 for _ in nested_stages(stage)]


def allocation_ns(pool: MemoryPool) -> int:
    """Return the least CPU of an allocation [ns]."""
    return min(pool.hit, pool.miss) if pool.enabled else pool.miss


def member_cpu_ns(batcher: Batcher) -> float:
    """Return the least CPU for a member of a batch, its share of a full batch included [ns].

    Without batching each member pays for itself, and nothing is compressed.
    """
    if not batcher.enabled:
        return batcher.fixed + batcher.per_item
    return batcher.fixed / batcher.max_size + batcher.per_item + batcher.compression_cpu

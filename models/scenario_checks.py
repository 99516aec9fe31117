"""Checks of a scenario across its tables: names that exist, and a system that can run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from models.errors import FieldProblem, InvalidField, Path, shown
from models.resource_checks import memory_problems, pool_cycle_problems
from models.service import Service
from models.stages import (
    BatchStage,
    CpuStage,
    LinkStage,
    LockStage,
    PoolStage,
    Stage,
    walk_stages,
)
from models.table import nearest, shown_field
from models.units import NS_PER_S, TIME
from models.zero_time_checks import zero_time_problems

if TYPE_CHECKING:
    from models.scenario import Scenario

MAX_DEMAND_NS = 8000 * NS_PER_S
"""Longest mean demand: work is a 64-bit integer in units of 2^-20 ns, which ends at 8 796 core-seconds."""


def scenario_problems(scenario: Scenario) -> Iterator[FieldProblem]:
    """Yield what is wrong between the tables of a scenario whose tables are right in themselves."""
    empty = [field for field in ("workloads", "services", "operations") if not getattr(scenario, field)]
    if empty:
        for field in empty:
            yield FieldProblem((field,), "nothing", f"at least one of the {field}")
        return
    unnamed = [
        *_duplicate_names(scenario),
        *_hosts(scenario),
        *_stage_names(scenario),
        *_workload_operations(scenario),
        *_events(scenario),
    ]
    yield from unnamed
    yield from _thresholds(scenario)
    if not unnamed:
        yield from _demands(scenario)
        yield from pool_cycle_problems(scenario)
        yield from memory_problems(scenario)
        yield from zero_time_problems(scenario)


def operation_stages(scenario: Scenario) -> Iterator[tuple[Path, Stage, Service, str]]:
    """Yield each stage of all operations with its place, and the service it runs on with its name."""
    first = next(iter(scenario.services))
    for index, operation in enumerate(scenario.operations):
        for path, stage, name in walk_stages(operation.stages, first, ("operations", index, "stages")):
            if name in scenario.services:
                yield path, stage, scenario.services[name], name


def _thresholds(scenario: Scenario) -> Iterator[FieldProblem]:
    for index, threshold in enumerate(scenario.thresholds):
        if not threshold.strip():
            accepted = 'a threshold, such as "response_time: p(95) < 150ms"'
            yield FieldProblem(("thresholds", index), shown(threshold), accepted)


def _duplicate_names(scenario: Scenario) -> Iterator[FieldProblem]:
    for field, names in (
        ("workloads", [workload.name for workload in scenario.workloads]),
        ("operations", [operation.name for operation in scenario.operations]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield FieldProblem((field, index, "name"), shown(name), f"a name that no other of the {field} has")


def _hosts(scenario: Scenario) -> Iterator[FieldProblem]:
    for name, service in scenario.services.items():
        if service.cores_of is None:
            continue
        path = ("services", name, "cores_of")
        others = [other for other in scenario.services if other != name]
        host = scenario.services.get(service.cores_of)
        if host is None or service.cores_of == name:
            yield FieldProblem(path, shown(service.cores_of), f"another service, {nearest(service.cores_of, others)}")
        elif host.cores_of is not None:
            yield FieldProblem(path, shown(service.cores_of), "a service with cores of its own, which this one has not")
        elif host.instances not in (1, service.instances):
            accepted = f"{host.instances}, as the host {service.cores_of} has, or a host of one instance"
            yield FieldProblem(("services", name, "instances"), str(service.instances), accepted)
        elif host.discipline == "processor_sharing" and "cpu_quota_slice" in service.model_fields_set:
            accepted = "nothing, as the host's processor sharing has no slices"
            found = shown_field(service, "cpu_quota_slice")
            yield FieldProblem(("services", name, "cpu_quota_slice"), found, accepted)


def _named_part(stage: Stage, service: Service) -> tuple[str, str, Iterable[str]] | None:
    if isinstance(stage, BatchStage):
        return "batcher", stage.batcher, service.batchers
    if isinstance(stage, LockStage):
        return "lock", stage.lock, service.locks
    if isinstance(stage, PoolStage):
        return "pool", stage.pool, service.pools
    if isinstance(stage, LinkStage):
        return "link", stage.link, service.links
    return None


def _stage_names(scenario: Scenario) -> Iterator[FieldProblem]:
    first = next(iter(scenario.services))
    for index, operation in enumerate(scenario.operations):
        for path, stage, name in walk_stages(operation.stages, first, ("operations", index, "stages")):
            if name not in scenario.services:
                if stage.service is not None:
                    accepted = f"a service, {nearest(name, scenario.services)}"
                    yield FieldProblem((*path, "service"), shown(name), accepted)
                continue
            service = scenario.services[name]
            part = _named_part(stage, service)
            if part is not None and part[1] not in part[2]:
                field, found, known = part
                accepted = f"a {field} of the service {name}, {nearest(found, known)}"
                yield FieldProblem((*path, field), shown(found), accepted)
            elif isinstance(stage, BatchStage) and not stage.bytes.is_zero and not _has_link(stage, service):
                accepted = f"nothing, as the batcher {stage.batcher} has no link that carries bytes"
                yield FieldProblem((*path, "bytes"), shown_field(stage, "bytes"), accepted)


def _has_link(stage: BatchStage, service: Service) -> bool:
    return service.batchers[stage.batcher].link is not None


def _workload_operations(scenario: Scenario) -> Iterator[FieldProblem]:
    known = [operation.name for operation in scenario.operations]
    for index, workload in enumerate(scenario.workloads):
        for name in workload.operations:
            if name not in known:
                path = ("workloads", index, "operations", name)
                yield FieldProblem(path, "an unknown operation", nearest(name, known))
        if workload.kind != "trace":
            continue
        try:
            names = workload.arrivals()[1]
        except InvalidField as error:
            yield from (problem.below(("workloads", index)) for problem in error.problems)
            continue
        if names is not None and workload.operations:
            accepted = f"nothing, as {workload.file} names the operation of each arrival"
            yield FieldProblem(("workloads", index, "operations"), shown_field(workload, "operations"), accepted)
        for name in dict.fromkeys(names or ()):
            if name not in known:
                found = f"the operation {shown(name)} in {workload.file}"
                yield FieldProblem(("workloads", index, "file"), found, nearest(name, known))


def _events(scenario: Scenario) -> Iterator[FieldProblem]:
    run = scenario.run
    phased = any(workload.phases for workload in scenario.workloads)
    if run.warmup == "auto" and (scenario.events or phased):
        accepted = 'an explicit warm-up, such as "10s", as events and phases need one'
        yield FieldProblem(("run", "warmup"), '"auto"', accepted)
    for index, event in enumerate(scenario.events):
        path = ("events", index)
        service = scenario.services.get(event.service)
        if service is None:
            accepted = f"a service, {nearest(event.service, scenario.services)}"
            yield FieldProblem((*path, "service"), shown(event.service), accepted)
        elif event.instance >= service.instances:
            accepted = f"an instance of {event.service}, from 0 to {service.instances - 1}"
            yield FieldProblem((*path, "instance"), str(event.instance), accepted)
        if isinstance(run.duration, int) and isinstance(run.warmup, int) and event.at >= run.warmup + run.duration:
            accepted = f"a time before the end of the run at {TIME.print(run.warmup + run.duration)}"
            yield FieldProblem((*path, "at"), shown_field(event, "at"), accepted)


def _demands(scenario: Scenario) -> Iterator[FieldProblem]:
    for path, stage, _, _ in operation_stages(scenario):
        field = "demand" if isinstance(stage, CpuStage) else "hold"
        if isinstance(stage, CpuStage | LockStage) and getattr(stage, field).mean > MAX_DEMAND_NS:
            accepted = f"CPU time of at most {TIME.print(MAX_DEMAND_NS)} in the mean"
            yield FieldProblem((*path, field), shown_field(stage, field), accepted)

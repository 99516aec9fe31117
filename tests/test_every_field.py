"""Every field of the scenario has an effect: two scenarios that differ in it alone differ in their results.

The fields are read off the models, so a new one fails here until it has its pair. A field whose other values are all
errors (such as the version of the schema) needs none.
"""

from __future__ import annotations

import itertools
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import BaseModel

from models.scenario import Scenario, ScenarioError
from models.service import BalancerPolicy, Discipline
from models.stages import STAGE_KINDS, StageBase
from models.table import Table
from simulator.compile import compile_scenario
from simulator.laws import fingerprint
from simulator.reference import simulate
from simulator.run import run

PARTS: dict[str, Any] = {
    "batchers": {
        "b": {
            "max_size": 3,
            "linger": "2ms",
            "fixed": "200us",
            "per_item": "50us",
            "compression": 0.5,
            "compression_cpu": "10us",
            "overhead": "40B",
            "link": "l",
        }
    },
    "locks": {"k": {"count": 3, "skew": 1.0, "barging": "1us"}},
    "links": {"l": {"bandwidth": "1MB/s", "delay": "300us", "parallel": 2}, "l2": {"bandwidth": "2MB/s"}},
    "pools": {"p": {"size": 2}, "p2": {"size": 1}},
}

BASE: dict[str, Any] = {
    "schema_version": 1,
    "name": "base",
    "run": {"warmup": "20ms", "duration": "150ms", "seed": 1, "replications": 2, "precision": 0.1},
    "workloads": [
        {
            "name": "closed",
            "kind": "closed",
            "procs": 3,
            "concurrency": 2,
            "think_time": {"distribution": "exponential", "mean": "4ms"},
            "operations": {"everything": 1.0, "elsewhere": 1.0},
            "phases": [{"duration": "60ms", "factor": 1.0}, {"duration": "40ms", "factor": 2.0}],
            "timeout": "25ms",
            "cancel_on_timeout": True,
            "retry": {
                "attempts": 3,
                "backoff": "2ms",
                "multiplier": 2.0,
                "cap": "3ms",
                "jitter": "full",
                "budget": 0.7,
            },
        },
        {"name": "open", "kind": "open", "procs": 2, "arrival_rate": "60/s", "operations": {"everything": 1.0}},
        {"name": "paced", "kind": "open", "interarrival": "9ms", "operations": {"elsewhere": 1.0}},
        {"name": "traced", "kind": "trace", "file": "one.csv", "operations": {"everything": 1.0}},
    ],
    "services": {
        "s": {
            "instances": 2,
            "cores": 2,
            "threads_per_core": 2,
            "smt_speedup": 1.3,
            "speed_by_busy": [1.0, 0.9],
            "background_cores": 0.2,
            "interruptions": {"rate": "40/s", "duration": "200us"},
            "discipline": "linux",
            "linux": {
                "base_slice": "300us",
                "tick": "400us",
                "idle_search": 1.0,
                "idle_steal": 1.0,
                "balance_interval": "3ms",
            },
            "context_switch": "10us",
            "wakeup": "20us",
            "idle_exit": "15us",
            "workers": 4,
            "worker_kind": "blocking",
            "cpu_quota": 1.2,
            "cpu_quota_period": "10ms",
            "cpu_quota_slice": "2ms",
            "queue_limit": 9,
            "memory": "1000B",
            "memory_base": "100B",
            "memory_pool": {"size": "200B", "hit": "10us", "miss": "50us"},
            "balancer": {"policy": "weighted", "weights": [2.0, 1.0], "dispatch": "20us", "hop": "30us"},
            "pauses": [{"every": "30ms", "duration": "2ms"}],
            **PARTS,
        },
        "r": {
            "discipline": "round_robin",
            "round_robin": {"time_slice": "500us"},
            "balancer": {"hop": "10us"},
            **PARTS,
        },
        "g": {"cores_of": "r", **PARTS},
    },
    "operations": [
        {
            "name": "everything",
            "stages": [
                {"kind": "memory", "bytes": "120B", "on_exhaustion": "wait"},
                {"kind": "cpu", "demand": {"distribution": "exponential", "mean": "1ms"}},
                {"kind": "delay", "time": "700us"},
                {"kind": "batch", "batcher": "b", "bytes": "400B"},
                {"kind": "lock", "lock": "k", "hold": "400us"},
                {"kind": "pool", "pool": "p", "stages": [{"kind": "delay", "time": "3ms"}]},
                {"kind": "link", "link": "l", "bytes": "500B"},
                {
                    "kind": "choice",
                    "branches": [
                        {"weight": 1.0, "stages": [{"kind": "cpu", "demand": "300us"}]},
                        {"weight": 1.0, "stages": []},
                    ],
                },
                {"kind": "failure", "probability": 0.1, "conflict": 0.02},
                {
                    "kind": "parallel",
                    "branches": [
                        {"stages": [{"kind": "cpu", "demand": "200us"}]},
                        {"stages": [{"kind": "delay", "time": "500us"}]},
                    ],
                },
            ],
        },
        {
            "name": "elsewhere",
            "stages": [
                {"kind": "cpu", "demand": "1300us", "service": "r"},
                {"kind": "cpu", "demand": "700us", "service": "g"},
            ],
        },
        {"name": "never", "stages": [{"kind": "cpu", "demand": "9ms"}]},
    ],
    "events": [
        {"at": "50ms", "service": "s", "instance": 1, "action": "slow", "factor": 2.0},
        {"at": "80ms", "service": "s", "instance": 0, "action": "down"},
        {"at": "90ms", "service": "s", "instance": 0, "action": "up"},
    ],
    "thresholds": ["response_time: p(95) < 1ms"],
}

CLOSED, OPEN, PACED, TRACED = (("workloads", index) for index in range(4))
S, R, G = (("services", name) for name in "srg")
STAGE_AT = {
    stage["kind"]: ("operations", 0, "stages", index) for index, stage in enumerate(BASE["operations"][0]["stages"])
}
ELSEWHERE_DEMAND = ("operations", 1, "stages", 0, "demand")
GONE = object()
"""In place of a value: the field is left out."""

Change = tuple[tuple[str | int, ...], Any]

PAIRS: dict[str, Change | tuple[Change, dict[tuple[str | int, ...], Any]]] = {
    # model.field: (place, other value), and what is changed on both sides for the field to matter
    "Scenario.name": (("name",), "another"),
    "Scenario.run": (("run", "seed"), 2),
    "Scenario.workloads": (("workloads",), BASE["workloads"][:1]),
    "Scenario.services": (("services", "s", "cores"), 4),
    "Scenario.operations": (("operations", 0, "stages"), BASE["operations"][0]["stages"][:3]),
    "Scenario.events": (("events",), []),
    "Scenario.thresholds": (("thresholds",), ["response_time: p(95) < 900ms"]),
    "Run.duration": (("run", "duration"), "151ms"),
    "Run.warmup": (("run", "warmup"), "21ms"),
    "Run.seed": (("run", "seed"), 2),
    "Run.replications": (("run", "replications"), 3),
    "Run.precision": ((("run", "precision"), 0.4), {("run", "replications"): "auto"}),
    "Workload.name": ((*CLOSED, "name"), "users"),
    "Workload.procs": ((*CLOSED, "procs"), 4),
    "Workload.concurrency": ((*CLOSED, "concurrency"), 1),
    "Workload.think_time": ((*CLOSED, "think_time"), "5ms"),
    "Workload.arrival_rate": ((*OPEN, "arrival_rate"), "70/s"),
    "Workload.interarrival": ((*PACED, "interarrival"), "8ms"),
    "Workload.file": ((*TRACED, "file"), "two.csv"),
    "Workload.phases": ((*CLOSED, "phases"), []),
    "Workload.operations": ((*CLOSED, "operations"), {"everything": 1.0, "elsewhere": 3.0}),
    "Workload.timeout": ((*CLOSED, "timeout"), "15ms"),
    "Workload.cancel_on_timeout": ((*CLOSED, "cancel_on_timeout"), False),
    "Workload.retry": ((*CLOSED, "retry"), GONE),
    "Phase.duration": ((*CLOSED, "phases", 0, "duration"), "50ms"),
    "Phase.factor": ((*CLOSED, "phases", 1, "factor"), 1.5),
    "Retry.attempts": ((*CLOSED, "retry", "attempts"), 2),
    "Retry.backoff": ((*CLOSED, "retry", "backoff"), "1ms"),
    "Retry.multiplier": ((*CLOSED, "retry", "multiplier"), 1.0),
    "Retry.cap": ((*CLOSED, "retry", "cap"), "2ms"),
    "Retry.jitter": ((*CLOSED, "retry", "jitter"), "none"),
    "Retry.budget": ((*CLOSED, "retry", "budget"), 0.05),
    "Service.instances": (((*R, "instances"), 2), {(*G, "cores_of"): GONE}),
    "Service.cores": ((*S, "cores"), 4),
    "Service.cores_of": ((*G, "cores_of"), GONE),
    "Service.threads_per_core": (((*R, "threads_per_core"), 2), {(*R, "cores"): 2}),
    "Service.smt_speedup": ((*S, "smt_speedup"), 1.1),
    "Service.speed_by_busy": ((*S, "speed_by_busy"), [1.0, 0.5]),
    "Service.background_cores": ((*S, "background_cores"), 0.5),
    "Service.discipline": (((*R, "discipline"), "fifo"), {(*R, "round_robin"): GONE, ELSEWHERE_DEMAND: "9ms"}),
    "Service.linux": ((*S, "linux"), GONE),
    "Service.round_robin": ((*R, "round_robin"), GONE),
    "Service.context_switch": ((*S, "context_switch"), "30us"),
    "Service.wakeup": ((*S, "wakeup"), "30us"),
    "Service.idle_exit": ((*S, "idle_exit"), "30us"),
    "Service.workers": ((*S, "workers"), 2),
    "Service.worker_kind": ((*S, "worker_kind"), "event_loop"),
    "Service.ready_order": (
        ((*S, "ready_order"), "own_first"),
        {(*S, "workers"): 1, (*S, "worker_kind"): "event_loop"},
    ),
    "Service.cpu_quota": ((*S, "cpu_quota"), 0.8),
    "Service.cpu_quota_period": ((*S, "cpu_quota_period"), "5ms"),
    "Service.cpu_quota_slice": ((*S, "cpu_quota_slice"), "0s"),
    "Service.queue_limit": ((*S, "queue_limit"), 2),
    "Service.memory": ((*S, "memory"), "400B"),
    "Service.memory_base": ((*S, "memory_base"), "700B"),
    "Service.memory_pool": ((*S, "memory_pool"), GONE),
    "Service.balancer": ((*S, "balancer"), GONE),
    "Service.pauses": ((*S, "pauses"), []),
    "Service.interruptions": ((*S, "interruptions"), GONE),
    "Interruptions.rate": ((*S, "interruptions", "rate"), "900/s"),
    "Interruptions.duration": ((*S, "interruptions", "duration"), "900us"),
    "Service.batchers": ((*S, "batchers", "b", "max_size"), 2),
    "Service.locks": ((*S, "locks", "k", "count"), 2),
    "Lock.barging": ((*S, "locks", "k", "barging"), "300us"),
    "Service.links": ((*S, "links", "l", "delay"), "400us"),
    "Service.pools": ((*S, "pools", "p", "size"), 1),
    "LinuxScheduler.base_slice": ((*S, "linux", "base_slice"), "1ms"),
    "LinuxScheduler.tick": ((*S, "linux", "tick"), "1ms"),
    "LinuxScheduler.idle_search": ((*S, "linux", "idle_search"), 0.0),
    "LinuxScheduler.idle_steal": ((*S, "linux", "idle_steal"), 0.0),
    "LinuxScheduler.migration_cost": ((*S, "linux", "migration_cost"), "1s"),
    "LinuxScheduler.balance_interval": ((*S, "linux", "balance_interval"), "1ms"),
    "LinuxScheduler.balance_from": ((*S, "linux", "balance_from"), 16.0),
    "LinuxScheduler.stray_moves": ((*S, "linux", "stray_moves"), 1.0),
    "LinuxScheduler.protected_until": ((*S, "linux", "protected_until"), "parity"),
    "RoundRobin.time_slice": ((*R, "round_robin", "time_slice"), "200us"),
    "MemoryPool.enabled": ((*S, "memory_pool", "enabled"), False),
    "MemoryPool.size": ((*S, "memory_pool", "size"), "100B"),
    "MemoryPool.hit": ((*S, "memory_pool", "hit"), "20us"),
    "MemoryPool.miss": ((*S, "memory_pool", "miss"), "70us"),
    "Balancer.enabled": ((*S, "balancer", "enabled"), False),
    "Balancer.policy": (((*S, "balancer", "policy"), "random"), {(*S, "balancer"): {"policy": "round_robin"}}),
    "Balancer.dispatch": ((*S, "balancer", "dispatch"), "40us"),
    "Balancer.hop": ((*S, "balancer", "hop"), "40us"),
    "Balancer.weights": ((*S, "balancer", "weights"), [1.0, 2.0]),
    "Pause.every": ((*S, "pauses", 0, "every"), "20ms"),
    "Pause.duration": ((*S, "pauses", 0, "duration"), "3ms"),
    "Pause.scope": (
        ((*S, "pauses", 0, "scope"), "core"),
        # of a constant length cores would stop together even if each has pauses of its own
        {(*S, "pauses", 0, "every"): {"distribution": "exponential", "mean": "10ms"}},
    ),
    "Batcher.enabled": ((*S, "batchers", "b", "enabled"), False),
    "Batcher.max_size": ((*S, "batchers", "b", "max_size"), 2),
    "Batcher.linger": ((*S, "batchers", "b", "linger"), "0s"),
    "Batcher.fixed": ((*S, "batchers", "b", "fixed"), "300us"),
    "Batcher.per_item": ((*S, "batchers", "b", "per_item"), "70us"),
    "Batcher.compression": ((*S, "batchers", "b", "compression"), 0.8),
    "Batcher.compression_cpu": ((*S, "batchers", "b", "compression_cpu"), "30us"),
    "Batcher.overhead": ((*S, "batchers", "b", "overhead"), "400B"),
    "Batcher.link": ((*S, "batchers", "b", "link"), "l2"),
    "Lock.count": ((*S, "locks", "k", "count"), 2),
    "Lock.skew": ((*S, "locks", "k", "skew"), 5.0),
    "Link.bandwidth": ((*S, "links", "l", "bandwidth"), "2MB/s"),
    "Link.delay": ((*S, "links", "l", "delay"), "400us"),
    "Link.parallel": ((*S, "links", "l", "parallel"), 1),
    "Pool.enabled": ((*S, "pools", "p", "enabled"), False),
    "Pool.size": ((*S, "pools", "p", "size"), 1),
    "Operation.name": (("operations", 2, "name"), "seldom"),
    "Operation.stages": (("operations", 0, "stages"), BASE["operations"][0]["stages"][:3]),
    "CpuStage.demand": ((*STAGE_AT["cpu"], "demand"), "1ms"),
    "CpuStage.after_timer": (
        ((*STAGE_AT["cpu"], "after_timer"), True),
        {(*S, "workers"): 1, (*S, "worker_kind"): "event_loop"},
    ),
    "DelayStage.time": ((*STAGE_AT["delay"], "time"), "800us"),
    "MemoryStage.bytes": ((*STAGE_AT["memory"], "bytes"), "300B"),
    "MemoryStage.on_exhaustion": (
        ((*STAGE_AT["memory"], "on_exhaustion"), "fail"),
        {(*STAGE_AT["memory"], "bytes"): "500B"},
    ),
    "BatchStage.batcher": (
        ((*STAGE_AT["batch"], "batcher"), "b2"),
        {(*S, "batchers", "b2"): {"max_size": 1, "link": "l"}},
    ),
    "BatchStage.bytes": ((*STAGE_AT["batch"], "bytes"), "500B"),
    "LockStage.lock": (((*STAGE_AT["lock"], "lock"), "k2"), {(*S, "locks", "k2"): {"count": 1}}),
    "LockStage.hold": ((*STAGE_AT["lock"], "hold"), "500us"),
    "PoolStage.pool": ((*STAGE_AT["pool"], "pool"), "p2"),
    "PoolStage.stages": ((*STAGE_AT["pool"], "stages"), [{"kind": "delay", "time": "4ms"}]),
    "LinkStage.link": ((*STAGE_AT["link"], "link"), "l2"),
    "LinkStage.bytes": ((*STAGE_AT["link"], "bytes"), "600B"),
    "ChoiceStage.branches": ((*STAGE_AT["choice"], "branches"), [{"weight": 1.0, "stages": []}]),
    "Branch.weight": ((*STAGE_AT["choice"], "branches", 0, "weight"), 3.0),
    "Branch.stages": ((*STAGE_AT["choice"], "branches", 0, "stages"), []),
    "FailureStage.probability": ((*STAGE_AT["failure"], "probability"), 0.4),
    "FailureStage.conflict": ((*STAGE_AT["failure"], "conflict"), 0.3),
    "ParallelStage.branches": ((*STAGE_AT["parallel"], "branches"), [{"stages": [{"kind": "delay", "time": "1ms"}]}]),
    "ParallelBranch.stages": (
        (*STAGE_AT["parallel"], "branches", 1, "stages"),
        [{"kind": "delay", "time": "900us"}],
    ),
    "Event.at": (("events", 0, "at"), "20ms"),
    "Event.service": (("events", 1, "service"), "r"),
    "Event.instance": (("events", 0, "instance"), 0),
    "Event.action": (("events", 1, "action"), "up"),
    "Event.factor": (("events", 0, "factor"), 3.0),
} | {f"{kind.capitalize()}Stage.service": ((*STAGE_AT[kind], "service"), "r") for kind in STAGE_KINDS}

BY_AN_ERROR = {"Workload.kind": ((*PACED, "kind"), "closed")}
"""Fields that cannot be changed alone: what stands beside them has no meaning then."""

BY_RUNNING = {"Scenario.name", "Scenario.thresholds", "Run.replications", "Run.precision", "Workload.name"}
"""Fields that the engines do not know: their effect is in the answer of a run."""


def tables(model: type[BaseModel] = Table) -> list[type[BaseModel]]:
    """The tables of the scenario language; those of other files, such as a profile, are not its."""
    below = [table for subclass in model.__subclasses__() for table in tables(subclass)]
    elsewhere = not model.__module__.startswith("models.") or model.__module__ == "models.measured"
    own = model not in (Table, StageBase) and not elsewhere
    return [*([model] if own else []), *below]


def one_valued(annotation: Any) -> bool:
    return get_origin(annotation) is Literal and len(get_args(annotation)) == 1


FIELDS = {
    f"{model.__name__}.{name}": field.annotation for model in tables() for name, field in model.model_fields.items()
}


def changed(data: dict[str, Any], place: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    """A copy with another value at a place."""
    result = deepcopy(data)
    inside: Any = result
    for part in place[:-1]:
        inside = inside[part]
    if value is GONE:
        del inside[place[-1]]
    else:
        inside[place[-1]] = deepcopy(value)
    return result


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("traces")
    (place / "one.csv").write_text("".join(f"{number / 50}\n" for number in range(9)))
    (place / "two.csv").write_text("".join(f"{number / 40}\n" for number in range(9)))
    return place


def result_of(data: dict[str, Any], directory: Path) -> str:
    """A hash of everything that the engine returns, with the names of what it returns."""
    scenario = Scenario.from_dict(data, directory=directory)
    compiled = compile_scenario(scenario)
    times = {"warmup_ns": scenario.run.warmup, "end_ns": scenario.run.warmup + scenario.run.duration}
    output = simulate(compiled, seed=scenario.run.seed, replication=0, records=True, causes=True, **times)
    return f"{fingerprint(output)} {compiled.operation_names}"


def answer_to(data: dict[str, Any], directory: Path) -> dict[str, Any]:
    """The answer of a run, without the scenario that it repeats and how it came about."""
    result = run(Scenario.from_dict(data, directory=directory), engine="reference").data
    return {key: value for key, value in result.items() if key not in ("scenario", "provenance")} | {
        "name": result["scenario"]["name"]
    }


BASE_RESULT: list[str] = []


def base_result(directory: Path) -> str:
    if not BASE_RESULT:
        BASE_RESULT.append(result_of(BASE, directory))
    return BASE_RESULT[0]


def test_every_field_has_its_pair():
    wanted = {name for name, annotation in FIELDS.items() if not one_valued(annotation)}
    assert {*PAIRS, *BY_AN_ERROR} == wanted


@pytest.mark.parametrize("field", sorted(PAIRS))
def test_a_field_has_an_effect(field, directory):
    pair = PAIRS[field]
    both_sides: dict[tuple[str | int, ...], Any] = {}
    if isinstance(pair[1], dict) and pair[0] and isinstance(pair[0][0], tuple):
        pair, both_sides = pair
    base = BASE
    for place, value in both_sides.items():
        base = changed(base, place, value)
    other = changed(base, *pair)
    if field in BY_RUNNING:
        assert answer_to(base, directory) != answer_to(other, directory)
        return
    before = result_of(base, directory) if both_sides else base_result(directory)
    assert result_of(other, directory) != before


@pytest.mark.parametrize("field", sorted(BY_AN_ERROR))
def test_a_field_that_cannot_be_changed_alone_says_so(field, directory):
    with pytest.raises(ScenarioError, match="only has an effect with kind"):
        Scenario.from_dict(changed(BASE, *BY_AN_ERROR[field]), directory=directory)


@pytest.mark.parametrize("field", sorted(name for name, annotation in FIELDS.items() if one_valued(annotation)))
def test_another_value_of_a_field_with_one_is_an_error(field, directory):
    model, name = field.split(".")
    place = ("schema_version",) if model == "Scenario" else (*STAGE_AT[model.removesuffix("Stage").lower()], name)
    with pytest.raises(ScenarioError):
        Scenario.from_dict(changed(BASE, place, 2 if model == "Scenario" else "other"), directory=directory)


@cache
def choices() -> list[tuple[str, tuple[str | int, ...], tuple[Any, ...]]]:
    """Fields with a few named values, of which each means something else."""
    return [
        ("policy", (*S, "balancer"), tuple({"policy": policy} for policy in get_args(BalancerPolicy)[:-1])),
        ("discipline", (*R, "discipline"), get_args(Discipline)),
        ("action", ("events", 1, "action"), ("down", "up")),
        ("jitter", (*CLOSED, "retry", "jitter"), ("full", "none")),
    ]


@pytest.mark.parametrize("index", range(4))
def test_each_named_value_means_something_else(index, directory):
    field, place, values = choices()[index]
    base = BASE
    if field == "discipline":
        base = changed(changed(BASE, (*R, "round_robin"), GONE), ELSEWHERE_DEMAND, "9ms")
    results = [result_of(changed(base, place, value), directory) for value in values]
    same = [pair for pair in itertools.combinations(range(len(values)), 2) if results[pair[0]] == results[pair[1]]]
    assert same == []

"""The scenario: defaults, names, printing and reading back, the schema, and what the checks let through."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from models.distributions import constant
from models.scenario import CpuStage, Scenario, ScenarioError
from models.scenario_schema import scenario_schema
from models.service import LinuxScheduler
from models.stages import PoolStage, walk_stages
from models.units import TIME
from simulator.cli.main import main

MS = 1_000_000

SMALL = """
name = "small"
[[workloads]]
name = "users"
kind = "closed"
[services.hub]
[[operations]]
name = "request"
stages = [{ kind = "cpu", demand = "1ms" }]
"""


def changed(**tables: Any) -> Scenario:
    """The small scenario with other tables in the place of its own."""
    return Scenario.from_dict({**tomllib.loads(SMALL), **tables})


def test_defaults() -> None:
    scenario = Scenario.parse(SMALL)
    run, users, hub = scenario.run, scenario.workloads[0], scenario.services["hub"]
    assert (scenario.schema_version, run.duration, run.warmup, run.seed) == (1, "auto", "auto", 1)
    assert (run.replications, run.precision) == ("auto", 0.02)
    assert (users.procs, users.concurrency, users.users) == (1, 1, 1)
    assert users.think_time.is_zero
    assert users.operations == {"request": 1.0}
    assert (hub.instances, hub.cores, hub.discipline, hub.workers) == (1, 1, "linux", "per_operation")
    assert (hub.memory, hub.queue_limit, hub.cpu_quota, hub.cores_of) == (None, None, None, None)
    assert (hub.context_switch, hub.wakeup, hub.idle_exit) == (0, 0, 0)
    assert (hub.cpu_quota_period, hub.cpu_quota_slice) == (100 * MS, 5 * MS)
    assert (hub.linux.tick, hub.linux.balance_interval, hub.round_robin.time_slice) == (
        4 * MS,
        32 * MS,
        4 * MS,
    )
    assert (hub.balancer.enabled, hub.balancer.policy) == (True, "round_robin")


@pytest.mark.parametrize(
    ("cores", "slice_us"), [(1, 700), (2, 1400), (3, 1400), (4, 2100), (7, 2100), (8, 2800), (64, 2800)]
)
def test_the_base_slice_grows_with_the_cores(cores: int, slice_us: int) -> None:
    assert LinuxScheduler().base_slice_ns(cores) == slice_us * 1000
    assert LinuxScheduler.model_validate({"base_slice": "3ms"}).base_slice_ns(cores) == 3 * MS


def test_units_become_numbers() -> None:
    scenario = changed(
        run={"duration": "1min", "warmup": "0s"},
        services={
            "hub": {
                "memory": "15GiB",
                "links": {"disk": {"bandwidth": "200MB/s", "delay": "100us"}},
                "batchers": {"log": {"max_size": 4, "linger": "1ms"}},
            }
        },
    )
    hub = scenario.services["hub"]
    assert (scenario.run.duration, scenario.run.warmup) == (60_000 * MS, 0)
    assert hub.memory == 15 * 2**30
    assert (hub.links["disk"].bandwidth, hub.links["disk"].delay) == (2e8, 100_000)
    assert hub.batchers["log"].linger == MS


def test_python_builds_scenarios_from_the_same_texts_and_from_parts() -> None:
    assert CpuStage(kind="cpu", demand="1ms") == CpuStage(kind="cpu", demand=constant(MS, "time"))  # type: ignore[arg-type]
    scenario = Scenario.parse(SMALL)
    assert changed(services=scenario.services, operations=scenario.operations) == scenario
    with pytest.raises(ValidationError, match="a time with a unit"):
        CpuStage(kind="cpu", demand=5)  # type: ignore[arg-type]
    with pytest.raises(ValidationError, match='found "size"'):
        CpuStage(kind="cpu", demand=constant(5, "size"))


def test_a_nested_stage_runs_where_the_enclosing_one_does() -> None:
    text = """
    name = "nested"
    [[workloads]]
    name = "users"
    kind = "closed"
    [services.hub]
    [services.side]
    pools.database = { size = 1 }
    [[operations]]
    name = "request"
    stages = [
      { kind = "cpu", demand = "1ms" },
      { kind = "pool", service = "side", pool = "database", stages = [
        { kind = "cpu", demand = "1ms" },
        { kind = "choice", branches = [
          { weight = 1, stages = [{ kind = "cpu", service = "hub", demand = "1ms" }] },
        ] },
      ] },
    ]
    """
    operation = Scenario.parse(text).operations[0]
    assert isinstance(operation.stages[1], PoolStage)
    assert [(path, stage.kind, service) for path, stage, service in walk_stages(operation.stages, "hub")] == [
        ((0,), "cpu", "hub"),
        ((1,), "pool", "side"),
        ((1, "stages", 0), "cpu", "side"),
        ((1, "stages", 1), "choice", "side"),
        ((1, "stages", 1, "branches", 0, "stages", 0), "cpu", "hub"),
    ]


def test_an_error_is_one_line_and_counts_the_others() -> None:
    with pytest.raises(ScenarioError) as raised:
        Scenario.from_dict({**tomllib.loads(SMALL), "run": {"seed": -1, "duration": "5"}}, source="x.toml")
    assert len(raised.value.errors) == 2
    assert str(raised.value).startswith('x.toml: run.duration: found "5"; accepted: ')
    assert str(raised.value).endswith(" (and 1 more)")
    assert "\n" not in str(raised.value)
    assert raised.value.errors[1].startswith("x.toml: run.seed: found -1; accepted: ")


def test_a_long_or_strange_value_is_cut_to_one_line() -> None:
    with pytest.raises(ScenarioError) as raised:
        changed(run={"duration": "x\n\x1b" * 500})
    assert len(str(raised.value)) < 250
    assert "\n" not in str(raised.value)
    assert "\x1b" not in str(raised.value)


# Circuits of closed users: what takes time on every path is accepted.

NO_TIME = {"kind": "choice", "branches": [{"weight": 1, "stages": []}]}
FAILS = {"kind": "failure", "probability": 0.5}
DELAY = {"kind": "delay", "time": "1ms"}
FULL = {"hub": {"queue_limit": 1}}


@pytest.mark.parametrize(
    ("workload", "stages", "services"),
    [
        ({}, [DELAY, FAILS], {"hub": {}}),
        ({"think_time": "1ms"}, [NO_TIME], {"hub": {}}),
        ({}, [NO_TIME], {"hub": {"balancer": {"hop": "1us"}}}),
        ({}, [NO_TIME], {"hub": {"balancer": {"dispatch": "1us"}}}),
        (
            {},
            [{"kind": "choice", "branches": [{"weight": 1, "stages": [DELAY]}, {"weight": 0, "stages": []}]}],
            {"hub": {}},
        ),
        ({}, [{"kind": "parallel", "branches": [{"stages": [DELAY]}, {"stages": [NO_TIME]}]}], {"hub": {}}),
        ({}, [{"kind": "link", "link": "l", "bytes": "1B"}], {"hub": {"links": {"l": {"bandwidth": "1GB/s"}}}}),
        (
            {},
            [{"kind": "link", "link": "l", "bytes": "0B"}],
            {"hub": {"links": {"l": {"bandwidth": "1GB/s", "delay": "1us"}}}},
        ),
        ({}, [{"kind": "batch", "batcher": "b"}], {"hub": {"batchers": {"b": {"max_size": 2, "per_item": "1us"}}}}),
        ({}, [{"kind": "lock", "lock": "l", "hold": "1us"}], {"hub": {"locks": {"l": {}}}}),
        ({}, [{"kind": "pool", "pool": "p", "stages": [DELAY]}], {"hub": {"pools": {"p": {"size": 1}}}}),
        (
            {},
            [{"kind": "memory", "bytes": "1B"}],
            {"hub": {"memory_pool": {"size": "1B", "hit": "1us", "miss": "2us"}}},
        ),
        ({"retry": {"attempts": 2, "backoff": "1ms"}}, [FAILS, DELAY], {"hub": {}}),
        ({"concurrency": 2, "retry": {"attempts": 2, "backoff": "1ms"}}, [DELAY], FULL),
        ({}, [DELAY], FULL),
    ],
)
def test_a_circuit_with_time_is_accepted(workload: dict[str, Any], stages: list[Any], services: dict[str, Any]) -> None:
    users = {"name": "users", "kind": "closed", **workload}
    scenario = changed(workloads=[users], services=services, operations=[{"name": "request", "stages": stages}])
    assert scenario.workloads[0].kind == "closed"


@pytest.mark.parametrize(
    ("workload", "stages", "services"),
    [
        ({}, [NO_TIME], {"hub": {"balancer": {"hop": "1us", "enabled": False}}}),
        ({}, [{"kind": "link", "link": "l", "bytes": "0B"}], {"hub": {"links": {"l": {"bandwidth": "1GB/s"}}}}),
        ({}, [{"kind": "batch", "batcher": "b"}], {"hub": {"batchers": {"b": {"max_size": 1, "linger": "1ms"}}}}),
        ({}, [{"kind": "link", "link": "l", "bytes": "1B"}], {"hub": {"links": {"l": {"bandwidth": "10GB/s"}}}}),
        ({}, [{"kind": "memory", "bytes": "1B"}], {"hub": {"memory_pool": {"size": "1B", "miss": "2us"}}}),
        ({}, [{"kind": "memory", "bytes": "0B"}], {"hub": {"memory_pool": {"size": "1B", "hit": "1s", "miss": "1s"}}}),
        ({}, [{"kind": "parallel", "branches": [{"stages": [DELAY]}, {"stages": [FAILS]}]}], {"hub": {}}),
        ({"retry": {"attempts": 2, "backoff": "1ms", "budget": 0.1}}, [FAILS, DELAY], {"hub": {}}),
        ({"retry": {"attempts": 1, "backoff": "1ms"}}, [FAILS, DELAY], {"hub": {}}),
        ({"concurrency": 2}, [DELAY], FULL),
        ({"timeout": "1us"}, [DELAY], FULL),
        ({}, [{"kind": "memory", "bytes": "1B", "on_exhaustion": "fail"}, DELAY], {"hub": {"memory": "1B"}}),
        (
            {},
            [
                {
                    "kind": "delay",
                    "time": {"distribution": "empirical", "quantiles": [[0, "0s"], [0.5, "0s"], [1, "1ms"]]},
                }
            ],
            {"hub": {}},
        ),
    ],
)
def test_a_circuit_without_time_is_rejected(
    workload: dict[str, Any], stages: list[Any], services: dict[str, Any]
) -> None:
    users = {"name": "users", "kind": "closed", **workload}
    with pytest.raises(ScenarioError, match="a circuit without time"):
        changed(workloads=[users], services=services, operations=[{"name": "request", "stages": stages}])


def test_pools_in_one_order_and_beside_each_other_are_accepted() -> None:
    inner = [{"kind": "pool", "pool": "b", "stages": [DELAY]}]
    stages = [
        {"kind": "pool", "pool": "a", "stages": inner},
        {"kind": "pool", "pool": "b", "stages": [DELAY]},
        {"kind": "pool", "pool": "a", "stages": [DELAY]},
        {"kind": "parallel", "branches": [{"stages": inner}, {"stages": inner}]},
    ]
    services = {"hub": {"pools": {"a": {"size": 1}, "b": {"size": 1}}}}
    changed(services=services, operations=[{"name": "request", "stages": stages}])


def test_pools_of_one_name_on_two_services_are_two() -> None:
    inner = [{"kind": "pool", "service": "side", "pool": "a", "stages": [DELAY]}]
    pools = {"pools": {"a": {"size": 1}}}
    stages = [{"kind": "pool", "pool": "a", "stages": inner}]
    changed(services={"hub": pools, "side": pools}, operations=[{"name": "request", "stages": stages}])


def test_memory_is_counted_on_the_path_that_needs_most() -> None:
    def stages(first: str, second: str) -> list[Any]:
        branches = [{"weight": 1, "stages": [{"kind": "memory", "bytes": size}]} for size in (first, second)]
        return [{"kind": "memory", "bytes": "60MiB"}, {"kind": "choice", "branches": branches}, DELAY]

    services = {"hub": {"memory": "110MiB", "memory_base": "10MiB"}}
    changed(services=services, operations=[{"name": "request", "stages": stages("40MiB", "1B")}])
    with pytest.raises(ScenarioError, match="at most the 100MiB that an instance of hub has"):
        changed(services=services, operations=[{"name": "request", "stages": stages("1B", "41MiB")}])


# Traces.


def traced(directory: Path, content: str, **workload: Any) -> Scenario:
    (directory / "arrivals.csv").write_text(content, encoding="utf-8")
    text = tomllib.loads(SMALL)
    text["workloads"] = [{"name": "trace", "kind": "trace", "file": "arrivals.csv", **workload}]
    return Scenario.from_dict(text, directory=directory)


def test_a_trace_of_times(tmp_path: Path) -> None:
    trace = traced(tmp_path, "seconds\n0\n0.5\n0.5\n1e1\n").workloads[0]
    times, names = trace.arrivals()
    assert times.tolist() == [0, 500 * MS, 500 * MS, 10_000 * MS]
    assert times.dtype == np.int64
    assert names is None
    assert trace.operations == {"request": 1.0}


def test_a_trace_that_names_operations(tmp_path: Path) -> None:
    scenario = traced(tmp_path, "\ufeff0.25, request\n\n0.5, request\n")
    assert scenario.workloads[0].arrivals()[1] == ["request", "request"]
    assert scenario.workloads[0].operations == {}
    again = Scenario.from_dict(scenario.model_dump(mode="json"), directory=tmp_path)
    assert again == scenario


def test_a_trace_is_found_beside_its_scenario(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    traced(tmp_path, "1.0\n")
    file = tmp_path / "scenario.toml"
    file.write_text(traced(tmp_path, "1.0\n").to_toml(), encoding="utf-8")
    monkeypatch.chdir("/")
    assert Scenario.load(file).workloads[0].arrivals()[0].tolist() == [1000 * MS]


# Printing and reading back.

times = st.integers(1, 10**12).map(TIME.print)
sizes = st.integers(0, 10**9).map(lambda size: f"{size}B")
cvs = st.floats(0.1, 5.0)
distributions = st.one_of(
    times,
    st.builds(lambda mean: {"distribution": "exponential", "mean": mean}, times),
    st.builds(lambda mean, cv: {"distribution": "lognormal", "mean": mean, "cv": cv}, times, cvs),
    st.builds(lambda mean, k: {"distribution": "erlang", "mean": mean, "shape": k}, times, st.integers(1, 9)),
    st.builds(
        lambda low, more: {"distribution": "uniform", "low": TIME.print(low), "high": TIME.print(low + more)},
        st.integers(1, 10**9),
        st.integers(1, 10**9),
    ),
    st.builds(
        lambda values: {
            "distribution": "empirical",
            "quantiles": [[i / (len(values) - 1), TIME.print(v)] for i, v in enumerate(sorted(values))],
        },
        st.lists(st.integers(1, 10**9), min_size=2, max_size=6),
    ),
)
leaf_stages = st.one_of(
    st.builds(lambda demand: {"kind": "cpu", "demand": demand}, distributions),
    st.builds(lambda time: {"kind": "delay", "time": time, "service": "side"}, distributions),
    st.builds(
        lambda size, how: {"kind": "memory", "bytes": size, "on_exhaustion": how},
        sizes,
        st.sampled_from(["wait", "fail"]),
    ),
    st.builds(lambda hold: {"kind": "lock", "lock": "registry", "hold": hold, "service": "hub"}, distributions),
    st.builds(lambda size: {"kind": "link", "link": "network", "bytes": size, "service": "hub"}, sizes),
    st.builds(lambda p: {"kind": "failure", "probability": p}, st.floats(0, 1)),
)
stages = st.recursive(
    leaf_stages,
    lambda inner: st.one_of(
        st.builds(
            lambda branches: {
                "kind": "choice",
                "branches": [{"weight": w, "stages": s} for w, s in branches],
            },
            st.lists(st.tuples(st.floats(0.1, 9), st.lists(inner, max_size=2)), min_size=1, max_size=3),
        ),
        st.builds(
            lambda branches: {"kind": "parallel", "branches": [{"stages": branch} for branch in branches]},
            st.lists(st.lists(inner, min_size=1, max_size=2), min_size=1, max_size=3),
        ),
    ),
    max_leaves=6,
)
names = st.from_regex(r"[a-z][a-z0-9_. -]{0,8}[a-z]", fullmatch=True)
linux_services = st.fixed_dictionaries(
    {},
    optional={
        "cores": st.integers(1, 64),
        "speed_by_busy": st.lists(st.floats(0.5, 1.5), min_size=1, max_size=4),
        "context_switch": times,
        "workers": st.one_of(st.just("per_operation"), st.integers(1, 99)),
        "memory_base": sizes,
        "linux": st.fixed_dictionaries({}, optional={"base_slice": times, "idle_search": st.floats(0, 1)}),
        "pauses": st.lists(st.fixed_dictionaries({"every": distributions, "duration": distributions}), max_size=2),
        "balancer": st.fixed_dictionaries({"policy": st.just("random"), "hop": times}),
    },
)


@st.composite
def scenarios(draw: st.DrawFn) -> dict[str, Any]:
    hub = draw(linux_services)
    hub["locks"] = {"registry": {"count": 3, "skew": draw(st.floats(0, 3))}}
    hub["links"] = {"network": {"bandwidth": f"{draw(st.floats(1, 1e9))!r}B/s"}}
    operations = [
        {"name": name, "stages": draw(st.lists(stages, min_size=1, max_size=4))}
        for name in draw(st.lists(names, min_size=1, max_size=2, unique=True))
    ]
    closed = {
        "name": "closed",
        "kind": "closed",
        "think_time": draw(distributions),
        "procs": draw(st.integers(1, 99)),
    }
    rate = {"name": "open", "kind": "open", "arrival_rate": f"{draw(st.floats(1e-3, 1e6))!r}/s"}
    rate["operations"] = {operations[-1]["name"]: draw(st.floats(0.1, 9))}
    if draw(st.booleans()):
        rate["timeout"] = draw(distributions)
        rate["retry"] = {"attempts": 3, "backoff": draw(times), "multiplier": draw(st.floats(1, 9))}
    services = {"hub": hub, "side": {"discipline": draw(st.sampled_from(["fifo", "processor_sharing"]))}}
    run = {"duration": draw(times), "seed": draw(st.integers(0, 2**63 - 1))}
    return {
        "name": "random",
        "run": run,
        "workloads": [closed, rate],
        "services": services,
        "operations": operations,
    }


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios())
def test_a_printed_scenario_reads_back_equal(data: dict[str, Any]) -> None:
    scenario = Scenario.from_dict(data)
    dump = scenario.model_dump(mode="json")
    assert Scenario.from_dict(dump) == scenario
    assert Scenario.from_dict(json.loads(json.dumps(dump))) == scenario
    assert Scenario.from_dict(dump).model_dump(mode="json") == dump
    assert Scenario.parse(scenario.to_toml()) == scenario


def test_the_dump_has_units_and_leaves_out_what_has_no_effect() -> None:
    workload = {"name": "o", "kind": "open", "arrival_rate": "90/min"}
    dump = changed(workloads=[workload]).model_dump(mode="json")
    printed = {"arrival_rate": "1.5/s", "procs": 1, "operations": {"request": 1.0}, "cancel_on_timeout": False}
    assert dump["workloads"] == [{**workload, **printed}]
    hub = dump["services"]["hub"]
    assert hub["linux"]["tick"] == "4ms"
    assert not {"round_robin", "smt_speedup", "worker_kind", "cpu_quota_period", "cores_of", "memory"} & set(hub)


@pytest.mark.parametrize("text", ['quote " backslash \\ tab \t', "\x7f", "µ–🙂", "a.b c"])
def test_any_text_survives_toml(text: str) -> None:
    scenario = changed(thresholds=[text + "."])
    assert Scenario.parse(scenario.to_toml()).thresholds == [text + "."]


# The commands.


def test_the_starter_is_a_scenario(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "init"]) == 0
    printed = capsys.readouterr().out
    scenario = Scenario.parse(printed)
    file = tmp_path / "starter.toml"
    assert main(["scenario", "init", str(file)]) == 0
    assert file.read_text(encoding="utf-8") == printed
    assert capsys.readouterr().out == ""
    assert main(["scenario", "check", str(file)]) == 0
    checked = capsys.readouterr()
    assert checked.out.count("\n") == 1
    assert checked.out.startswith(f"{file}: {scenario.name}: ")
    assert checked.err == ""


def references(schema: Any) -> set[str]:
    if isinstance(schema, list):
        return set().union(*map(references, schema))
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].removeprefix("#/$defs/")} if "$ref" in schema else set()
    return own.union(*map(references, schema.values()))


def test_the_schema_is_printed_and_complete(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema == scenario_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["required"] == ["name", "workloads", "services", "operations"]
    assert references(schema) <= set(schema["$defs"])
    assert set(schema["properties"]) == set(Scenario.model_fields)


@pytest.mark.parametrize(
    ("table", "field", "good", "bad"),
    [
        ("LinuxScheduler", "tick", "4ms", "4"),
        ("Link", "bandwidth", "1Gbit/s", "1GB"),
        ("MemoryPool", "size", "1.5GiB", "1.5"),
        ("Event", "at", "1e3 s", "-1s"),
    ],
)
def test_the_schema_wants_units(table: str, field: str, good: str, bad: str) -> None:
    described = scenario_schema()["$defs"][table]["properties"][field]
    assert described["type"] == "string"
    assert re.search(described["pattern"], good)
    assert not re.search(described["pattern"], bad)


def test_the_schema_prints_defaults_as_they_are_written() -> None:
    service = scenario_schema()["$defs"]["Service"]["properties"]
    assert service["cpu_quota_period"]["default"] == "100ms"
    assert service["linux"]["default"]["tick"] == "4ms"
    assert scenario_schema()["$defs"]["Workload"]["properties"]["think_time"]["default"] == "0s"

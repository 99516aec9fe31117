"""A wrong scenario ends as one line that names file and field, with exit code 2 and nothing on stdout."""

import copy
from pathlib import Path
from typing import Any

import pytest

from models.scenario_text import write_toml
from simulator.cli.main import main

GONE = object()

BASE: dict[str, Any] = {
    "schema_version": 1,
    "name": "base",
    "run": {"duration": "60s", "warmup": "10s", "seed": 1, "replications": 10, "precision": 0.02},
    "workloads": [
        {
            "name": "users",
            "kind": "closed",
            "procs": 3,
            "concurrency": 2,
            "think_time": {"distribution": "exponential", "mean": "100ms"},
            "operations": {"request": 1.0},
            "timeout": "2s",
            "cancel_on_timeout": True,
            "retry": {"attempts": 3, "backoff": "50ms", "cap": "1s"},
        },
        {
            "name": "arrivals",
            "kind": "open",
            "arrival_rate": "10/s",
            "phases": [{"duration": "10s", "factor": 2.0}],
        },
    ],
    "services": {
        "hub": {
            "instances": 2,
            "cores": 4,
            "memory": "1GiB",
            "memory_base": "100MiB",
            "balancer": {"policy": "weighted", "weights": [1, 2]},
            "pauses": [{"every": "2s", "duration": "40ms"}],
            "batchers": {"outbox": {"max_size": 8, "linger": "1ms", "fixed": "1ms", "link": "network"}},
            "locks": {"registry": {"count": 1}},
            "links": {"network": {"bandwidth": "1GB/s", "delay": "50us"}},
            "pools": {"first": {"size": 2}, "second": {"size": 2}, "third": {"size": 1}},
        },
        "side": {"cores_of": "hub", "instances": 2},
    },
    "operations": [
        {
            "name": "request",
            "stages": [
                {"kind": "memory", "bytes": "64KiB"},
                {"kind": "cpu", "demand": {"distribution": "lognormal", "mean": "1ms", "cv": 0.3}},
                {"kind": "delay", "time": "3ms"},
                {"kind": "batch", "batcher": "outbox", "bytes": "10kB"},
                {"kind": "lock", "lock": "registry", "hold": "2us"},
                {"kind": "pool", "pool": "first", "stages": [{"kind": "delay", "time": "3ms"}]},
                {"kind": "link", "link": "network", "bytes": "1kB"},
                {"kind": "choice", "branches": [{"weight": 1, "stages": []}]},
                {"kind": "failure", "probability": 0.001},
                {"kind": "cpu", "service": "side", "demand": "1ms"},
            ],
        },
        {
            "name": "other",
            "stages": [{"kind": "parallel", "branches": [{"stages": [{"kind": "cpu", "demand": "1ms"}]}]}],
        },
    ],
    "events": [{"at": "20s", "service": "hub", "instance": 1, "action": "slow", "factor": 2.0}],
}

HUB = ("services", "hub")
USERS = ("workloads", 0)
OPEN = ("workloads", 1)
STAGES = ("operations", 0, "stages")
POOL_CIRCLE = [
    {
        "kind": "pool",
        "pool": "first",
        "stages": [{"kind": "pool", "pool": "second", "stages": [{"kind": "delay", "time": "1ms"}]}],
    },
    {
        "kind": "pool",
        "pool": "second",
        "stages": [{"kind": "pool", "pool": "first", "stages": [{"kind": "delay", "time": "1ms"}]}],
    },
]
POOL_RING = [
    {
        "kind": "pool",
        "pool": a,
        "stages": [{"kind": "pool", "pool": b, "stages": [{"kind": "delay", "time": "1ms"}]}],
    }
    for a, b in (("first", "second"), ("second", "third"), ("third", "first"))
]
NO_TIME = {(*USERS, "think_time"): GONE}


def demand(**table: Any) -> dict[tuple[Any, ...], Any]:
    return {(*STAGES, 1, "demand"): table}


def first_stages(*stages: dict[str, Any], **more: Any) -> dict[tuple[Any, ...], Any]:
    return {STAGES: list(stages), **NO_TIME, **more}


# Each: what is changed (by place), the field that the error names, and a part of what it says.
CASES: list[tuple[str, dict[tuple[Any, ...], Any], str, str]] = [
    # Units.
    (
        "time without a unit",
        {(*STAGES, 2, "time"): 5},
        "operations[0].stages[2].time",
        "found 5; accepted: a time with a unit",
    ),
    ("time with an unknown unit", {("run", "duration"): "5 parsecs"}, "run.duration", '"5 parsecs"'),
    ("time that is a size", {(*HUB, "wakeup"): "5kB"}, "services.hub.wakeup", '"5kB"'),
    ("time without a number", {(*HUB, "wakeup"): "us"}, "services.hub.wakeup", '"us"'),
    ("negative time", {(*HUB, "context_switch"): "-1us"}, "services.hub.context_switch", "not negative"),
    ("time above a century", {("run", "duration"): "101000d"}, "run.duration", "at most"),
    ("enormous time", {("run", "duration"): "1e999s"}, "run.duration", "at most"),
    ("time that rounds to nothing", {(*HUB, "wakeup"): "0.1ns"}, "services.hub.wakeup", "at least 1ns"),
    ("time that is a boolean", {(*HUB, "wakeup"): True}, "services.hub.wakeup", "found true"),
    ("time that is a list", {(*HUB, "wakeup"): ["1us"]}, "services.hub.wakeup", '["1us"]'),
    ("empty time", {(*HUB, "wakeup"): ""}, "services.hub.wakeup", 'found ""'),
    ("auto where it is not accepted", {(*HUB, "wakeup"): "auto"}, "services.hub.wakeup", '"auto"'),
    (
        "size without a unit",
        {(*HUB, "memory"): 1024},
        "services.hub.memory",
        "found 1024; accepted: a size with a unit",
    ),
    ("size of zero", {(*HUB, "memory"): "0B"}, "services.hub.memory", "above 0"),
    ("size in a wrong unit", {(*HUB, "memory"): "4Gb"}, "services.hub.memory", "GiB"),
    ("rate without a unit", {(*OPEN, "arrival_rate"): 870}, "workloads[1].arrival_rate", "870/s"),
    ("rate of zero", {(*OPEN, "arrival_rate"): "0/s"}, "workloads[1].arrival_rate", "above 0"),
    ("negative rate", {(*OPEN, "arrival_rate"): "-5/s"}, "workloads[1].arrival_rate", "not negative"),
    (
        "bandwidth that is a size",
        {(*HUB, "links", "network", "bandwidth"): "1GB"},
        "services.hub.links.network.bandwidth",
        "a bandwidth",
    ),
    # Counts and numbers.
    ("no cores", {(*HUB, "cores"): 0}, "services.hub.cores", "a whole number from 1"),
    ("half a core", {(*HUB, "cores"): 2.5}, "services.hub.cores", "a whole number"),
    ("cores as text", {(*HUB, "cores"): "4"}, "services.hub.cores", "a whole number"),
    ("cores as a boolean", {(*HUB, "cores"): True}, "services.hub.cores", "a whole number"),
    ("negative processes", {(*USERS, "procs"): -1}, "workloads[0].procs", "a whole number"),
    (
        "too many users",
        {(*USERS, "procs"): 2**20, (*USERS, "concurrency"): 32},
        "workloads[0].concurrency",
        "16777216",
    ),
    (
        "too many users in a phase",
        {(*USERS, "procs"): 2**20, (*USERS, "phases"): [{"duration": "1s", "factor": 9.0}]},
        "workloads[0].concurrency",
        "factor",
    ),
    ("negative seed", {("run", "seed"): -1}, "run.seed", "from 0"),
    ("no replications", {("run", "replications"): 0}, "run.replications", "at least 1|from 1"),
    ("replications as text", {("run", "replications"): "many"}, "run.replications", '"auto"'),
    ("precision of zero", {("run", "precision"): 0.0}, "run.precision", "a number from"),
    ("infinite factor", {("events", 0, "factor"): float("inf")}, "events[0].factor", "a number above 0"),
    (
        "speed that is not a number",
        {(*HUB, "speed_by_busy"): [1.0, float("nan")]},
        "services.hub.speed_by_busy[1]",
        "a number",
    ),
    ("no speeds", {(*HUB, "speed_by_busy"): []}, "services.hub.speed_by_busy", "empty list"),
    ("threads", {(*HUB, "threads_per_core"): 4}, "services.hub.threads_per_core", "from 1 to 2"),
    (
        "probability above 1",
        {(*STAGES, 8, "probability"): 1.1},
        "operations[0].stages[8].probability",
        "0 to 1",
    ),
    (
        "negative probability",
        {(*STAGES, 8, "probability"): -0.1},
        "operations[0].stages[8].probability",
        "0 to 1",
    ),
    (
        "search chance above 1",
        {(*HUB, "linux"): {"idle_search": 2.0}},
        "services.hub.linux.idle_search",
        "0 to 1",
    ),
    (
        "batch of nothing",
        {(*HUB, "batchers", "outbox", "max_size"): 0},
        "services.hub.batchers.outbox.max_size",
        "from 1",
    ),
    ("pool of nothing", {(*HUB, "pools", "first", "size"): 0}, "services.hub.pools.first.size", "from 1"),
    ("queue limit of zero", {(*HUB, "queue_limit"): 0}, "services.hub.queue_limit", "from 1"),
    ("quota of zero", {(*HUB, "cpu_quota"): 0.0}, "services.hub.cpu_quota", "a number"),
    (
        "compression of zero",
        {(*HUB, "batchers", "outbox", "compression"): 0.0},
        "services.hub.batchers.outbox.compression",
        "above 0",
    ),
    # Words, types and missing values.
    ("unknown discipline", {(*HUB, "discipline"): "lifo"}, "services.hub.discipline", '"processor_sharing"'),
    ("unknown kind of workload", {(*USERS, "kind"): "opened"}, "workloads[0].kind", '"trace"'),
    (
        "unknown policy",
        {(*HUB, "balancer", "policy"): "best"},
        "services.hub.balancer.policy",
        '"power_of_two"',
    ),
    ("unknown kind of stage", {(*STAGES, 1, "kind"): "cpus"}, "operations[0].stages[1].kind", '"cpu"?'),
    ("stage without a kind", {(*STAGES, 1, "kind"): GONE}, "operations[0].stages[1].kind", "found nothing"),
    ("unknown action", {("events", 0, "action"): "explode"}, "events[0].action", '"down"'),
    ("workers as a word", {(*HUB, "workers"): "many"}, "services.hub.workers", '"per_operation"'),
    ("another version", {("schema_version",): 2}, "schema_version", "found 2; accepted: 1"),
    (
        "switch as a number",
        {(*HUB, "pools", "first", "enabled"): 1},
        "services.hub.pools.first.enabled",
        "true or false",
    ),
    ("no name", {("name",): GONE}, "name", "required"),
    ("empty name", {("name",): ""}, "name", "at least 1 character"),
    ("name with a line break", {("name",): "a\nb"}, "name", "a name of letters"),
    ("no workloads", {("workloads",): GONE}, "workloads", "required"),
    ("empty workloads", {("workloads",): []}, "workloads", "at least one"),
    ("no services", {("services",): {}}, "services", "required"),
    ("empty operations", {("operations",): []}, "operations", "at least one"),
    ("no stages", {("operations", 1, "stages"): []}, "operations[1].stages", "empty list"),
    (
        "no bandwidth",
        {(*HUB, "links", "network", "bandwidth"): GONE},
        "services.hub.links.network.bandwidth",
        "found nothing",
    ),
    ("no demand", {(*STAGES, 1, "demand"): GONE}, "operations[0].stages[1].demand", "found nothing"),
    ("table for a list", {("workloads",): {"name": "users"}}, "workloads", "a list"),
    ("number for a table", {("run",): 5}, "run", "a table"),
    ("open without a rate", {(*OPEN, "arrival_rate"): GONE}, "workloads[1].arrival_rate", "found nothing"),
    ("trace without a file", {OPEN: {"name": "t", "kind": "trace"}}, "workloads[1].file", "found nothing"),
    ("slow without a factor", {("events", 0, "factor"): GONE}, "events[0].factor", "found nothing"),
    (
        "weighted without weights",
        {(*HUB, "balancer", "weights"): GONE},
        "services.hub.balancer.weights",
        "found nothing",
    ),
    # Unknown fields.
    ("unknown field at the top", {("sevices",): {}}, "sevices", '"services"?'),
    ("unknown field of a service", {(*HUB, "core"): 4}, "services.hub.core", '"cores"?'),
    (
        "unknown field of a stage",
        {(*STAGES, 1, "demnd"): "1ms"},
        "operations[0].stages[1].demnd",
        '"demand"?',
    ),
    (
        "unknown field of a distribution",
        demand(distribution="exponential", mean="1ms", cv=1.0),
        "operations[0].stages[1].demand.cv",
        "takes mean",
    ),
    (
        "unknown field of the scheduler",
        {(*HUB, "linux"): {"slice": "1ms"}},
        "services.hub.linux.slice",
        '"base_slice"?',
    ),
    ("unknown field without a near one", {("run", "xyzzy"): 1}, "run.xyzzy", "one of: duration"),
    # Distributions.
    (
        "unknown distribution",
        demand(distribution="normal", mean="1ms"),
        "operations[0].stages[1].demand.distribution",
        "lognormal",
    ),
    (
        "distribution without its name",
        demand(mean="1ms"),
        "operations[0].stages[1].demand.distribution",
        "found nothing",
    ),
    (
        "distribution that lacks a field",
        demand(distribution="gamma", mean="1ms"),
        "operations[0].stages[1].demand.cv",
        "mean and cv",
    ),
    (
        "mean of zero",
        demand(distribution="exponential", mean="0s"),
        "operations[0].stages[1].demand.mean",
        "above 0",
    ),
    (
        "mean without a unit",
        demand(distribution="exponential", mean=1),
        "operations[0].stages[1].demand.mean",
        "found 1;",
    ),
    (
        "cv of zero",
        demand(distribution="lognormal", mean="1ms", cv=0),
        "operations[0].stages[1].demand.cv",
        "from 0.0001",
    ),
    (
        "small cv",
        demand(distribution="hyperexponential", mean="1ms", cv=0.9),
        "operations[0].stages[1].demand.cv",
        "above 1",
    ),
    (
        "bounds in the wrong order",
        demand(distribution="uniform", low="2ms", high="1ms"),
        "operations[0].stages[1].demand.high",
        "above low",
    ),
    (
        "pareto from zero",
        demand(distribution="pareto", shape=1.5, low="0s", high="1s"),
        "operations[0].stages[1].demand.low",
        "above 0",
    ),
    (
        "p95 below p50",
        demand(distribution="lognormal", p50="2ms", p95="1ms"),
        "operations[0].stages[1].demand.p95",
        "above p50",
    ),
    (
        "half a phase",
        demand(distribution="erlang", shape=2.5, mean="1ms"),
        "operations[0].stages[1].demand.shape",
        "whole shape",
    ),
    (
        "one quantile",
        demand(distribution="empirical", quantiles=[[0.0, "1ms"]]),
        "operations[0].stages[1].demand.quantiles",
        "two rows",
    ),
    (
        "quantiles out of order",
        demand(distribution="empirical", quantiles=[[0.0, "1ms"], [0.6, "3ms"], [0.5, "4ms"], [1.0, "5ms"]]),
        "operations[0].stages[1].demand.quantiles[2]",
        "larger probability",
    ),
    (
        "values out of order",
        demand(distribution="empirical", quantiles=[[0.0, "2ms"], [1.0, "1ms"]]),
        "operations[0].stages[1].demand.quantiles[1]",
        "not smaller",
    ),
    (
        "quantiles that stop early",
        demand(distribution="empirical", quantiles=[[0.0, "1ms"], [0.99, "2ms"]]),
        "operations[0].stages[1].demand.quantiles[1]",
        "exactly 1",
    ),
    (
        "quantile above 1",
        demand(distribution="empirical", quantiles=[[0.0, "1ms"], [2, "2ms"]]),
        "operations[0].stages[1].demand.quantiles[1]",
        "exactly 1",
    ),
    (
        "mean below a nanosecond",
        demand(distribution="exponential", mean="0.1ns"),
        "operations[0].stages[1].demand",
        "at least 1ns",
    ),
    (
        "enormous demand",
        demand(distribution="exponential", mean="3h"),
        "operations[0].stages[1].demand",
        "at most 8000s",
    ),
    (
        "size for a time",
        demand(distribution="exponential", mean="1kB"),
        "operations[0].stages[1].demand.mean",
        "a time",
    ),
    # Names that are not there.
    ("stage on no service", {(*STAGES, 1, "service"): "hob"}, "operations[0].stages[1].service", '"hub"?'),
    (
        "no such batcher",
        {(*STAGES, 3, "batcher"): "inbox"},
        "operations[0].stages[3].batcher",
        "one of: outbox",
    ),
    ("no such lock", {(*STAGES, 4, "lock"): "x"}, "operations[0].stages[4].lock", "one of: registry"),
    ("no such pool", {(*STAGES, 5, "pool"): "x"}, "operations[0].stages[5].pool", "first, second"),
    ("no such link", {(*STAGES, 6, "link"): "x"}, "operations[0].stages[6].link", "network"),
    (
        "a link of another service",
        {(*STAGES, 6, "service"): "side"},
        "operations[0].stages[6].link",
        "of the service side",
    ),
    (
        "nested stage on no service",
        {(*STAGES, 5, "stages", 0, "service"): "x"},
        "operations[0].stages[5].stages[0].service",
        "hub, side",
    ),
    (
        "batcher without its link",
        {(*HUB, "batchers", "outbox", "link"): "x"},
        "services.hub.batchers.outbox.link",
        "network",
    ),
    (
        "no such operation",
        {(*USERS, "operations"): {"requests": 1.0}},
        "workloads[0].operations.requests",
        '"request"?',
    ),
    ("event on no service", {("events", 0, "service"): "x"}, "events[0].service", "hub, side"),
    ("event on no instance", {("events", 0, "instance"): 2}, "events[0].instance", "from 0 to 1"),
    ("no such host", {("services", "side", "cores_of"): "x"}, "services.side.cores_of", "hub"),
    (
        "host of itself",
        {("services", "side", "cores_of"): "side"},
        "services.side.cores_of",
        "another service",
    ),
    (
        "chain of hosts",
        {("services", "third"): {"cores_of": "side", "instances": 2}},
        "services.third.cores_of",
        "cores of its own",
    ),
    ("two workloads of one name", {(*OPEN, "name"): "users"}, "workloads[1].name", "no other"),
    ("two operations of one name", {("operations", 1, "name"): "request"}, "operations[1].name", "no other"),
    # Fields that the neighbours make meaningless.
    (
        "think time of an open workload",
        {(*OPEN, "think_time"): {"distribution": "exponential", "mean": "1ms"}},
        "workloads[1].think_time",
        'found {"distribution": "exponential", "mean": "1ms"}; accepted: nothing',
    ),
    (
        "linux table under fifo, as it was written",
        {(*HUB, "discipline"): "fifo", (*HUB, "linux"): {"tick": "3ms"}},
        "services.hub.linux",
        '"tick": "3ms"',
    ),
    (
        "time slice under fifo",
        {(*HUB, "discipline"): "fifo", (*HUB, "round_robin"): {"time_slice": "4ms"}},
        "services.hub.round_robin",
        "round_robin",
    ),
    (
        "linux table under fifo",
        {(*HUB, "discipline"): "fifo", (*HUB, "linux"): {"tick": "4ms"}},
        "services.hub.linux",
        'discipline = "linux"',
    ),
    (
        "switch under processor sharing",
        {(*HUB, "discipline"): "processor_sharing", (*HUB, "context_switch"): "1us"},
        "services.hub.context_switch",
        "processor_sharing",
    ),
    (
        "idle exit under processor sharing",
        {(*HUB, "discipline"): "processor_sharing", (*HUB, "idle_exit"): "1us"},
        "services.hub.idle_exit",
        "processor_sharing",
    ),
    (
        "period without a quota",
        {(*HUB, "cpu_quota_period"): "50ms"},
        "services.hub.cpu_quota_period",
        "a cpu_quota",
    ),
    (
        "slice without a quota",
        {(*HUB, "cpu_quota_slice"): "5ms"},
        "services.hub.cpu_quota_slice",
        "a cpu_quota",
    ),
    (
        "slice under processor sharing",
        {
            (*HUB, "discipline"): "processor_sharing",
            (*HUB, "cpu_quota"): 1.0,
            (*HUB, "cpu_quota_slice"): "5ms",
        },
        "services.hub.cpu_quota_slice",
        "processor_sharing",
    ),
    (
        "slice on a host that shares",
        {
            (*HUB, "discipline"): "processor_sharing",
            ("services", "side", "cpu_quota"): 1.0,
            ("services", "side", "cpu_quota_slice"): "5ms",
        },
        "services.side.cpu_quota_slice",
        "processor sharing",
    ),
    ("cores beside cores_of", {("services", "side", "cores"): 4}, "services.side.cores", "cores of its own"),
    (
        "discipline beside cores_of",
        {("services", "side", "discipline"): "fifo"},
        "services.side.discipline",
        "cores of its own",
    ),
    (
        "pauses beside cores_of",
        {("services", "side", "pauses"): [{"every": "2s", "duration": "1ms"}]},
        "services.side.pauses",
        "cores of its own",
    ),
    (
        "kind of no workers",
        {(*HUB, "worker_kind"): "blocking"},
        "services.hub.worker_kind",
        "a number of workers",
    ),
    (
        "speedup without hyperthreads",
        {(*HUB, "smt_speedup"): 1.2},
        "services.hub.smt_speedup",
        "threads_per_core = 2",
    ),
    (
        "weights under another policy",
        {(*HUB, "balancer", "policy"): "random"},
        "services.hub.balancer.weights",
        "weighted",
    ),
    (
        "concurrency of an open workload",
        {(*OPEN, "concurrency"): 2},
        "workloads[1].concurrency",
        'kind = "closed"',
    ),
    (
        "think time of an open workload",
        {(*OPEN, "think_time"): "1s"},
        "workloads[1].think_time",
        'kind = "closed"',
    ),
    (
        "rate of a closed workload",
        {(*USERS, "arrival_rate"): "1/s"},
        "workloads[0].arrival_rate",
        'kind = "open"',
    ),
    ("file of a closed workload", {(*USERS, "file"): "a.csv"}, "workloads[0].file", 'kind = "trace"'),
    (
        "rate and interarrival",
        {(*OPEN, "interarrival"): "1ms"},
        "workloads[1].interarrival",
        "nothing beside",
    ),
    (
        "interarrival of zero",
        {(*OPEN, "interarrival"): "0s", (*OPEN, "arrival_rate"): GONE},
        "workloads[1].interarrival",
        "above 0",
    ),
    (
        "cancellation without a timeout",
        {(*USERS, "timeout"): GONE},
        "workloads[0].cancel_on_timeout",
        "a timeout",
    ),
    ("timeout of zero", {(*USERS, "timeout"): "0s"}, "workloads[0].timeout", "above 0"),
    (
        "a timer that is neither there nor not",
        {(*STAGES, 1, "after_timer"): "often"},
        "operations[0].stages[1].after_timer",
        "true or false",
    ),
    (
        "cap below the backoff",
        {(*USERS, "retry", "cap"): "1ms"},
        "workloads[0].retry.cap",
        "at least the backoff",
    ),
    (
        "jitter without a backoff",
        {(*USERS, "retry"): {"attempts": 2, "jitter": "none"}},
        "workloads[0].retry.jitter",
        "a backoff",
    ),
    (
        "skew of one lock",
        {(*HUB, "locks", "registry", "skew"): 1.0},
        "services.hub.locks.registry.skew",
        "count above 1",
    ),
    (
        "compression without a link",
        {(*HUB, "batchers", "outbox"): {"max_size": 2, "compression": 0.5}, (*STAGES, 3, "bytes"): GONE},
        "services.hub.batchers.outbox.compression",
        "a link",
    ),
    (
        "bytes for no link",
        {(*HUB, "batchers", "outbox"): {"max_size": 2}},
        "operations[0].stages[3].bytes",
        "no link",
    ),
    ("factor without slow", {("events", 0, "action"): "down"}, "events[0].factor", "slow"),
    # What does not fit together.
    (
        "odd cores with hyperthreads",
        {(*HUB, "threads_per_core"): 2, (*HUB, "cores"): 3},
        "services.hub.cores",
        "even",
    ),
    ("background takes all", {(*HUB, "background_cores"): 4.0}, "services.hub.background_cores", "less than"),
    (
        "instances unlike the host's",
        {("services", "side", "instances"): 3},
        "services.side.instances",
        "found 3; accepted: 2, as the host hub has, or a host of one instance",
    ),
    (
        "weights for other instances",
        {(*HUB, "balancer", "weights"): [1]},
        "services.hub.balancer.weights",
        "2 instances",
    ),
    (
        "balancer weights of zero",
        {(*HUB, "balancer", "weights"): [0, 0]},
        "services.hub.balancer.weights",
        "above 0",
    ),
    (
        "negative weight",
        {(*HUB, "balancer", "weights"): [1, -1]},
        "services.hub.balancer.weights[1]",
        "from 0",
    ),
    (
        "choice weights of zero",
        {(*STAGES, 7, "branches"): [{"weight": 0, "stages": []}]},
        "operations[0].stages[7].branches",
        "above 0",
    ),
    (
        "choice between nothing",
        {(*STAGES, 7, "branches"): []},
        "operations[0].stages[7].branches",
        "at least one",
    ),
    (
        "parallel nothing",
        {("operations", 1, "stages", 0, "branches"): []},
        "operations[1].stages[0].branches",
        "at least one",
    ),
    (
        "empty parallel branch",
        {("operations", 1, "stages", 0, "branches", 0, "stages"): []},
        "operations[1].stages[0].branches[0].stages",
        "at least one",
    ),
    ("pool around nothing", {(*STAGES, 5, "stages"): []}, "operations[0].stages[5].stages", "at least one"),
    (
        "operation weights of zero",
        {(*USERS, "operations"): {"request": 0.0}},
        "workloads[0].operations",
        "above 0",
    ),
    (
        "phases of zero",
        {(*OPEN, "phases"): [{"duration": "1s", "factor": 0.0}]},
        "workloads[1].phases",
        "above 0",
    ),
    (
        "pause without length",
        {(*HUB, "pauses"): [{"every": "2s", "duration": "0s"}]},
        "services.hub.pauses[0].duration",
        "above 0",
    ),
    (
        "pause of one of the cores that are shared as a whole",
        {
            (*HUB, "discipline"): "processor_sharing",
            (*HUB, "pauses"): [{"every": "2s", "duration": "1ms", "scope": "core"}],
        },
        "services.hub.pauses[0].scope",
        "separate cores",
    ),
    ("base above memory", {(*HUB, "memory_base"): "2GiB"}, "services.hub.memory_base", "1GiB"),
    (
        "pool above memory",
        {(*HUB, "memory_pool"): {"size": "1GiB"}},
        "services.hub.memory_pool.size",
        "memory_base",
    ),
    ("more memory than there is", {(*STAGES, 0, "bytes"): "2GiB"}, "operations[0].stages", "2GiB"),
    ("events without a warm-up", {("run", "warmup"): "auto"}, "run.warmup", "events and phases need one"),
    ("event after the end", {("events", 0, "at"): "70s"}, "events[0].at", "before the end of the run at 70s"),
    ("blank threshold", {("thresholds",): [" "]}, "thresholds[0]", "a threshold"),
    (
        "pool inside itself",
        {(*STAGES, 5, "stages"): [{"kind": "pool", "pool": "first", "stages": [{"kind": "delay", "time": "1ms"}]}]},
        "operations[0].stages[5].stages[0].pool",
        "first",
    ),
    ("two pools in both orders", {STAGES: POOL_CIRCLE}, "operations[0].stages[1].stages[0].pool", "second"),
    ("three pools in a ring", {STAGES: POOL_RING}, "operations[0].stages[2].stages[0].pool", "third"),
    # Circuits without time.
    (
        "nothing takes time",
        first_stages({"kind": "cpu", "demand": "0s"}),
        "workloads[0].think_time",
        "without time",
    ),
    (
        "one way without time",
        first_stages(
            {
                "kind": "choice",
                "branches": [
                    {"weight": 1, "stages": []},
                    {"weight": 1, "stages": [{"kind": "delay", "time": "1ms"}]},
                ],
            }
        ),
        "workloads[0].think_time",
        "without time",
    ),
    (
        "fails at once",
        {
            **first_stages({"kind": "failure", "probability": 0.5}, {"kind": "delay", "time": "1ms"}),
            (*USERS, "retry"): GONE,
        },
        "workloads[0].think_time",
        "fails at once",
    ),
    (
        "retries at once",
        {
            **first_stages({"kind": "failure", "probability": 0.5}, {"kind": "delay", "time": "1ms"}),
            (*USERS, "retry"): {"attempts": 3},
        },
        "workloads[0].think_time",
        "fails at once",
    ),
    (
        "rejected at once",
        {**first_stages({"kind": "delay", "time": "1ms"}), (*USERS, "retry"): GONE, (*HUB, "queue_limit"): 2},
        "workloads[0].think_time",
        "fails at once",
    ),
    (
        "all instances down",
        {
            **first_stages({"kind": "delay", "time": "1ms"}),
            (*USERS, "retry"): GONE,
            ("events",): [{"at": "20s", "service": "hub", "instance": i, "action": "down"} for i in (0, 1)],
        },
        "workloads[0].think_time",
        "fails at once",
    ),
    # Traces.
    (
        "trace that is not there",
        {OPEN: {"name": "t", "kind": "trace", "file": "absent.csv"}},
        "workloads[1].file",
        "absent.csv",
    ),
    (
        "empty trace",
        {OPEN: {"name": "t", "kind": "trace", "file": "empty.csv"}},
        "workloads[1].file",
        "no arrivals",
    ),
    (
        "trace of a header",
        {OPEN: {"name": "t", "kind": "trace", "file": "header.csv"}},
        "workloads[1].file",
        "no arrivals",
    ),
    (
        "unsorted trace",
        {OPEN: {"name": "t", "kind": "trace", "file": "unsorted.csv"}},
        "workloads[1].file",
        "line 3 of unsorted.csv",
    ),
    (
        "trace of negative times",
        {OPEN: {"name": "t", "kind": "trace", "file": "negative.csv"}},
        "workloads[1].file",
        "not negative",
    ),
    (
        "trace of words",
        {OPEN: {"name": "t", "kind": "trace", "file": "words.csv"}},
        "workloads[1].file",
        "line 2",
    ),
    (
        "trace with a ragged row",
        {OPEN: {"name": "t", "kind": "trace", "file": "ragged.csv"}},
        "workloads[1].file",
        "line 2",
    ),
    (
        "trace of an unknown operation",
        {OPEN: {"name": "t", "kind": "trace", "file": "unknown.csv"}},
        "workloads[1].file",
        '"nothing"',
    ),
    (
        "weights for a trace with names",
        {OPEN: {"name": "t", "kind": "trace", "file": "named.csv", "operations": {"other": 1.0}}},
        "workloads[1].operations",
        "named.csv",
    ),
    (
        "trace with phases",
        {
            OPEN: {
                "name": "t",
                "kind": "trace",
                "file": "named.csv",
                "phases": [{"duration": "1s", "factor": 2.0}],
            }
        },
        "workloads[1].phases",
        "times",
    ),
    (
        "trace that is a directory",
        {OPEN: {"name": "t", "kind": "trace", "file": "."}},
        "workloads[1].file",
        "no readable file",
    ),
    (
        "trace that is not text",
        {OPEN: {"name": "t", "kind": "trace", "file": "binary.csv"}},
        "workloads[1].file",
        "UTF-8",
    ),
]

TRACES = {
    "empty.csv": b"",
    "header.csv": b"seconds,operation\n",
    "unsorted.csv": b"seconds\n1.0\n0.5\n",
    "negative.csv": b"-1.0\n",
    "words.csv": b"0.5\nsoon\n",
    "ragged.csv": b"0.5,request\n0.6\n",
    "unknown.csv": b"0.5,request\n0.6,nothing\n",
    "named.csv": b"0.5,request\n",
    "binary.csv": b"0.5\n\xff\xfe\n",
}

HEAD = 'name = "a"\nworkloads = []\n'

TEXTS = [
    ("no TOML", "name = = 3", "line 1", "syntax error"),
    ("two tables of one name", 'name = "a"\n[run]\n[run]\n', "line 3", "syntax error"),
    ("a field twice", 'name = "a"\nname = "b"\n', "line 2", "syntax error"),
    ("unclosed text", 'name = "a', "", "syntax error"),
    ("unit outside quotes", 'name = "a"\n[run]\nduration = 5s\n', "line 3", "syntax error"),
    (
        "list for a table",
        'name = "a"\nworkloads = []\noperations = []\nservices.hub = [1]\n',
        "services.hub",
        "a table",
    ),
    (
        "number for a table",
        'name = "a"\nworkloads = []\noperations = []\nservices.hub = 1\n',
        "services.hub",
        "a table",
    ),
    ("no services", 'name = "a"\nworkloads = []\noperations = []\n[services]\n', "workloads", "at least one"),
    ("endless number", "x = " + "9" * 5000, "", "cannot be read"),
    ("huge number", f"{HEAD}services.hub.cores = 0x{'f' * 5000}\n", "services.hub.cores", "too large to show"),
    ("infinity", f"{HEAD}services.hub.cores = inf\n", "services.hub.cores", "found inf"),
    ("a date", f"{HEAD}run.duration = 2020-01-01\n", "run.duration", "2020-01-01"),
    (
        "stage that is a number",
        f'{HEAD}services = {{}}\noperations = [{{ name = "a", stages = [5] }}]\n',
        "operations[0].stages[0]",
        "a stage",
    ),
    ("service with a strange name", f'{HEAD}services."a\\nb" = {{}}\n', "services.a?b", "a name of letters"),
    ("empty file", "", "name", "required"),
    ("deep nesting", "x = " + "[" * 5000 + "]" * 5000, "", "nesting"),
]


def changed(changes: dict[tuple[Any, ...], Any]) -> dict[str, Any]:
    data = copy.deepcopy(BASE)
    for path, value in changes.items():
        place: Any = data
        for part in path[:-1]:
            place = place[part]
        if value is GONE:
            del place[path[-1]]
        else:
            place[path[-1]] = copy.deepcopy(value)
    return data


def rejected(file: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Check the file, and return the line of the error without what is the same in all of them."""
    code = main(["scenario", "check", str(file)])
    printed = capsys.readouterr()
    assert code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert printed.err.endswith("\n")
    start = f"sim: {file}: "
    assert printed.err.startswith(start)
    return printed.err.removeprefix(start).rstrip("\n")


def test_the_base_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "base.toml"
    file.write_text(write_toml(BASE), encoding="utf-8")
    assert main(["scenario", "check", str(file)]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{file}: base: ")
    assert printed.err == ""


@pytest.mark.parametrize(("changes", "field", "says"), [pytest.param(*case[1:], id=case[0]) for case in CASES])
def test_a_wrong_scenario_is_one_clear_line(
    changes: dict[tuple[Any, ...], Any],
    field: str,
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for trace, content in TRACES.items():
        (tmp_path / trace).write_bytes(content)
    file = tmp_path / "wrong.toml"
    file.write_text(write_toml(changed(changes)), encoding="utf-8")
    line = rejected(file, capsys)
    assert line.startswith(f"{field}: found "), line
    assert "; accepted: " in line
    assert any(part in line for part in says.split("|")), line


@pytest.mark.parametrize(("text", "place", "says"), [pytest.param(*case[1:], id=case[0]) for case in TEXTS])
def test_text_that_is_no_scenario(
    text: str, place: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "text.toml"
    file.write_text(text, encoding="utf-8")
    line = rejected(file, capsys)
    assert line.startswith(place), line
    assert says in line


def test_bytes_that_are_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "binary.toml"
    file.write_bytes(b'name = "\xff"\n')
    assert "UTF-8" in rejected(file, capsys)


def test_files_that_cannot_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no readable file" in rejected(tmp_path / "absent.toml", capsys)
    assert "no readable file" in rejected(tmp_path, capsys)


def test_several_errors_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "several.toml"
    file.write_text(write_toml(changed({(*HUB, "cores"): 0, ("run", "seed"): -1, ("name",): 3})), encoding="utf-8")
    assert rejected(file, capsys).endswith("(and 2 more)")


@pytest.mark.parametrize(
    "arguments", [[], ["nothing"], ["scenario"], ["scenario", "check"], ["scenario", "check", "--nothing"]]
)
def test_wrong_usage_is_exit_2_and_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_init_does_not_overwrite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "new.toml"
    assert main(["scenario", "init", str(file)]) == 0
    text = file.read_text(encoding="utf-8")
    capsys.readouterr()
    file.write_text("mine", encoding="utf-8")
    assert main(["scenario", "init", str(file)]) == 2
    assert str(file) in capsys.readouterr().err
    assert file.read_text(encoding="utf-8") == "mine"
    assert main(["scenario", "init", str(file), "--force"]) == 0
    assert file.read_text(encoding="utf-8") == text


def test_init_into_a_missing_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "init", str(tmp_path / "absent" / "new.toml")]) == 2
    printed = capsys.readouterr()
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert list(tmp_path.iterdir()) == []

"""The tables of the fast engine: what they cannot hold, and more pending events than the processor's cache holds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from models.records import COUNT_COMPLETED
from models.scenario import Scenario, ScenarioError
from simulator.compile import compile_scenario
from simulator.fast import Replication, engine, layout, tables
from tests.engine_comparison import compare, fast_engine

MANY_USERS = """
schema_version = 1
name = "many-users"
[run]
warmup = "0s"
duration = "40ms"
seed = 7
[[workloads]]
name = "users"
kind = "closed"
procs = 9000
think_time = { distribution = "uniform", low = "1ms", high = "30ms" }
timeout = "9ms"
cancel_on_timeout = true
[services.machine]
cores = 2
discipline = "fifo"
[[operations]]
name = "work"
stages = [
  { kind = "cpu", demand = "1us" },
  { kind = "delay", time = { distribution = "exponential", mean = "5ms" } },
]
"""

OVERLOAD = """
schema_version = 1
name = "overload"
[run]
warmup = "0s"
duration = "10s"
[[workloads]]
name = "customers"
kind = "open"
arrival_rate = "2000/s"
[services.machine]
cores = 1
discipline = "fifo"
[[operations]]
name = "work"
stages = [{ kind = "cpu", demand = "1ms" }]
"""


def test_thousands_of_pending_events_in_the_order_of_the_reference() -> None:
    comparison = compare(Scenario.parse(MANY_USERS, "test"), fast_engine())
    assert comparison.operations > 9000
    assert comparison.differences == []


def test_totals_that_are_read_have_what_was_put_off() -> None:
    replication = Replication(
        compile_scenario(Scenario.parse(MANY_USERS, "test")), seed=3, replication=0, warmup_ns=0, causes=True
    )
    completed = [0]
    for microseconds in range(3000, 3200, 7):
        output = replication.until(microseconds * 1000)
        completed.append(int(output.counts[0, COUNT_COMPLETED]))
        assert int(output.histogram.sum()) == completed[-1]
        assert output.causes_ns is not None
        assert int(output.causes_ns.sum()) == int(output.response_sum_ns.sum())
    assert {after - before for before, after in pairwise(completed)} & set(range(1, layout.DEFERRED))


def test_more_operations_than_events_can_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "ROWS", 1 << 10)
    compiled = compile_scenario(Scenario.parse(OVERLOAD, "test"))
    with pytest.raises(ScenarioError, match=r"workloads: found 1024 operations at once; .*queue_limit"):
        engine.simulate(compiled, seed=1, replication=0, warmup_ns=0, end_ns=10_000_000_000)


def test_more_attempts_than_events_can_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "IDS", (1 << 22) + 100)
    monkeypatch.setattr(engine, "_EVENTS_BETWEEN_PROGRESS", 1000)
    compiled = compile_scenario(Scenario.parse(OVERLOAD, "test"))
    with pytest.raises(ScenarioError, match=r"run\.duration: found more than 4194404 attempts"):
        engine.simulate(compiled, seed=1, replication=0, warmup_ns=0, end_ns=10_000_000_000)

"""Bounds of scenarios, worked out by hand, and that theory and simulation keep to them."""

from typing import Any

import pytest
from sample_scenario import COUNTER

from models.scenario import Scenario
from simulator.run import run
from simulator.scenario_bounds import scenario_bounds

TWO_TIERS = """
name = "two-tiers"
[[workloads]]
name = "people"
kind = "closed"
procs = 5
concurrency = 2
think_time = "100ms"
[services.web]
instances = 2
cores = 2
[services.database]
cores = 1
batchers.log = { max_size = 10, fixed = "1ms", per_item = "100us", link = "disk" }
links.disk = { bandwidth = "1MB/s", delay = "2ms" }
[[operations]]
name = "ask"
stages = [
  { kind = "cpu", demand = "8ms" },
  { kind = "choice", branches = [
    { weight = 1, stages = [ { kind = "cpu", service = "database", demand = "4ms" } ] },
    { weight = 1, stages = [ { kind = "batch", service = "database", batcher = "log", bytes = "1kB" } ] },
  ] },
  { kind = "delay", time = "5ms" },
]
"""


def changed(text: str, **changes: Any) -> Scenario:
    data = Scenario.parse(text).model_dump(mode="json", exclude_none=True)
    data["workloads"][0] |= changes
    return Scenario.from_dict(data)


def test_the_bounds_of_a_closed_system_are_those_worked_out_by_hand() -> None:
    bounds = scenario_bounds(Scenario.parse(TWO_TIERS))
    assert bounds is not None
    found = bounds.as_json()
    # web: 8 ms over 2 x 2 cores = 2 ms. database: 4 ms / 2, and its half of the writes, each a tenth of a
    # full batch (200 us): 2.1 ms of its core.
    assert found["station"] == "database.cpu"
    assert found["throughput_most_per_s"] == pytest.approx(1 / 0.0021)
    # Half of the operations: 4 ms; the other half: 200 us, 1 kB at 1 MB/s, 2 ms.
    alone_s = 0.008 + 0.5 * 0.004 + 0.5 * (0.0002 + 0.001 + 0.002) + 0.005
    assert found["response_time_alone_s"] == pytest.approx(alone_s)
    assert found["concurrency_optimal"] == pytest.approx((alone_s + 0.1) / 0.0021)
    assert found["throughput_at_most_per_s"] == pytest.approx(10 / (alone_s + 0.1))
    assert found["response_time_at_least_s"] == pytest.approx(alone_s)


def test_with_many_users_the_bottleneck_bounds_both() -> None:
    bounds = scenario_bounds(changed(TWO_TIERS, procs=100))
    assert bounds is not None
    found = bounds.as_json()
    assert found["throughput_at_most_per_s"] == pytest.approx(1 / 0.0021)
    assert found["response_time_at_least_s"] == pytest.approx(200 * 0.0021 - 0.1)


def test_an_open_system_is_bounded_by_its_arrivals_or_its_capacity() -> None:
    data = Scenario.parse(COUNTER).model_dump(mode="json", exclude_none=True)
    for rate, most in (("300/s", 300), ("3000/s", 1000)):
        data["workloads"][0] = {"name": "people", "kind": "open", "arrival_rate": rate}
        bounds = scenario_bounds(Scenario.from_dict(data))
        assert bounds is not None
        found = bounds.as_json()
        assert found["throughput_at_most_per_s"] == pytest.approx(most)
        assert found["throughput_most_per_s"] == pytest.approx(1000)
        assert found["response_time_at_least_s"] == pytest.approx(0.002)
        assert found["concurrency_optimal"] is None


@pytest.mark.parametrize(
    "changes",
    [
        {"phases": [{"duration": "1s", "factor": 2.0}]},
        {"timeout": "1s", "cancel_on_timeout": True},
    ],
)
def test_there_are_none_where_they_would_not_hold(changes: dict[str, Any]) -> None:
    assert scenario_bounds(changed(COUNTER, **changes)) is None


def test_there_are_none_for_several_closed_workloads() -> None:
    data = Scenario.parse(COUNTER).model_dump(mode="json", exclude_none=True)
    data["workloads"].append({**data["workloads"][0], "name": "others"})
    assert scenario_bounds(Scenario.from_dict(data)) is None


@pytest.mark.parametrize("procs", [1, 5, 30])
def test_a_simulation_keeps_to_them(procs: int) -> None:
    scenario = changed(COUNTER, procs=procs)
    scenario = scenario.model_copy(update={"run": scenario.run.model_copy(update={"duration": 10_000_000_000})})
    bounds = scenario_bounds(scenario)
    assert bounds is not None
    found, result = bounds.as_json(), run(scenario, engine="reference")
    throughput, mean = result.throughput_per_s, result.response_time_s["mean"]
    assert throughput.value is not None
    assert mean.value is not None
    assert throughput.value - (throughput.half_width or 0) <= found["throughput_at_most_per_s"]
    assert mean.value + (mean.half_width or 0) >= found["response_time_at_least_s"]
    # And near them where nothing or everything queues.
    if procs != 5:
        assert throughput.value == pytest.approx(found["throughput_at_most_per_s"], rel=0.1)

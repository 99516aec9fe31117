"""Interruptions take their turns on the cores, and no answer counts them."""

import numpy as np
import pytest

from models.scenario import Scenario, ScenarioError
from simulator.compile import compile_scenario
from simulator.interruptions import with_interruptions
from simulator.run import run

BURSTS = {"rate": "50/s", "duration": "150us"}


def _scenario(procs, interruptions=None, **more):
    host = {"cores": 2} | ({"interruptions": interruptions} if interruptions else {})
    table = {
        "name": "closed",
        "workloads": [{"name": "clients", "kind": "closed", "procs": procs}],
        "services": {"host": host},
        "operations": [{"name": "one", "stages": [{"kind": "cpu", "demand": "1ms"}]}],
        "run": {"duration": "10s", "warmup": "1s", "replications": 1, "seed": 3},
    }
    return Scenario.from_dict(table | more)


def _as_workload(procs):
    """Return what the interruptions mean, said with the rest of the language."""
    table = _scenario(procs).model_dump(mode="json", exclude_none=True)
    table["services"]["other"] = {"cores_of": "host"}
    table["operations"].append(
        {"name": "burst", "stages": [{"kind": "cpu", "service": "other", "demand": BURSTS["duration"]}]}
    )
    table["workloads"].append({"name": "bursts", "kind": "open", "arrival_rate": "100/s", "operations": {"burst": 1.0}})
    return Scenario.from_dict(table)


def test_they_are_a_workload_that_is_not_counted():
    hidden, shown = run(_scenario(8, BURSTS)).data, run(_as_workload(8)).data
    assert [one["name"] for one in hidden["workloads"]] == ["clients"]
    assert {one["service"] for one in hidden["stations"]} == {one["service"] for one in hidden["instances"]} == {"host"}
    clients = shown["workloads"][0]
    assert hidden["response_time_s"] == clients["response_time_s"]
    assert hidden["throughput_per_s"] == clients["throughput_per_s"]
    assert hidden["operations"] == clients["operations"]
    assert hidden["cpu_utilization"] == shown["cpu_utilization"]


def test_they_lengthen_the_tail_of_full_cores():
    plain, disturbed = (run(_scenario(16, one)).data for one in (None, BURSTS))
    assert disturbed["response_time_s"]["p99"]["value"] > plain["response_time_s"]["p99"]["value"] + 0.003
    lost = 1 - disturbed["throughput_per_s"]["value"] / plain["throughput_per_s"]["value"]
    assert lost == pytest.approx(50 * 150e-6, abs=0.004)


@pytest.mark.parametrize("engine", ["fast", "reference"])
def test_they_are_left_out_of_the_pilot_that_chooses_a_runs_windows(engine):
    automatic = run(_scenario(8, BURSTS, run={"seed": 3}), engine=engine).data
    fixed = run(_scenario(8, BURSTS), engine=engine).data
    assert [one["name"] for one in automatic["workloads"]] == ["clients"]
    assert automatic["throughput_per_s"]["value"] == pytest.approx(fixed["throughput_per_s"]["value"], rel=0.01)


def test_causes_records_and_laws_hold_only_what_is_counted():
    result = run(_scenario(4, BURSTS), explain="p99", records=True, check=True, engine="reference")
    data = result.data
    assert all(law["holds"] for law in data["laws"])
    assert not any(np.any(rows["workload"] > 0) for rows in result.records)
    means = {
        name: sum(times.values())
        for name, times in data["causes"].items()
        if isinstance(times, dict) and name in ("all",)
    }
    assert means["all"] == pytest.approx(data["response_time_s"]["mean"]["value"], rel=1e-3)


def test_rate_is_of_each_core():
    whole = with_interruptions(_scenario(1, BURSTS))
    assert whole.workloads[-1].arrival_rate == 100.0
    assert len(compile_scenario(_scenario(1)).workload_names) == 1


@pytest.mark.parametrize(
    ("found", "field"),
    [({"rate": "50/s", "duration": "0s"}, "duration"), ({"rate": "10000/s", "duration": "1ms"}, "rate")],
)
def test_bursts_of_nothing_or_of_everything_are_errors(found, field):
    with pytest.raises(ScenarioError, match=f"interruptions.{field}"):
        _scenario(1, found)

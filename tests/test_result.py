"""A result is plain data: every field of the design, saved and loaded whole."""

import json

import fake_engine
import pytest

from simulator import Result, run
from simulator.result import ResultError

FIELDS = """
    schema_version kind scenario seed engine replications duration_s warmup_s operations throughput_per_s
    goodput_per_s efficiency response_time_s success_rate error_rate timeout_rate retry_rate cpu_utilization
    memory_bytes network_bytes_per_s disk_bytes_per_s bottleneck stations workloads thresholds warnings
    provenance
"""


@pytest.fixture(scope="module")
def result():
    engine, _ = fake_engine.engine()
    stated = {"warmup": "100ms", "duration": "1s", "replications": 5}
    return run(fake_engine.scenario(run=stated), engine=engine, explain="p95")


def test_every_field_of_the_design_is_there(result):
    assert set(FIELDS.split()) <= set(result.data)
    assert next(iter(result.data)) == "schema_version"
    assert set(result.data["response_time_s"]) == {"mean", "p50", "p90", "p95", "p99", "p999", "max"}
    assert set(result.data["operations"]) == {
        "offered",
        "completed",
        "failed",
        "timed_out",
        "retried",
        "rejected",
        "in_flight",
    }
    station = {"name", "kind", "service", "instance", "utilization", "mean_queue_length"}
    assert station | {"residence_time_s", "throughput_per_s"} <= set(result.data["stations"][0])
    assert {"name", "operations", "throughput_per_s", "response_time_s"} <= set(result.data["workloads"][0])


def test_one_workload_is_measured_as_the_whole(result):
    workload = result.workload("clients")
    assert workload["response_time_s"] == result.data["response_time_s"]
    assert workload["throughput_per_s"] == result.data["throughput_per_s"]


def test_saved_and_loaded_it_is_the_same(result, tmp_path):
    path = tmp_path / "result.json"
    result.save(path)
    loaded = Result.load(path)
    assert loaded.data == result.data
    assert loaded.to_json() == result.to_json()
    assert [entry.name for entry in tmp_path.iterdir()] == ["result.json"]


def test_it_is_strict_json_without_paths_of_the_machine(result, tmp_path):
    text = result.to_json()
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert str(tmp_path.parent) not in text
    assert "/home" not in text


def test_the_scenario_in_it_can_be_run_again(result):
    again = fake_engine.Scenario.from_dict(result.data["scenario"])
    engine, _ = fake_engine.engine()
    assert run(again, engine=engine).data["throughput_per_s"] == result.data["throughput_per_s"]


def test_samples_hold_each_replication(result):
    samples = result.data["samples"]["throughput_per_s"]
    assert len(samples) == 5
    assert sum(samples) / 5 == pytest.approx(result["throughput_per_s"])


def test_estimates_are_found_by_their_place(result):
    assert result.estimate("response_time_s.p95").value == result["response_time_s.p95"]
    assert result.response_time_s["max"].half_width is None
    for missing in ("response_time_s", "response_time_s.p42", "nothing", "operations.offered"):
        with pytest.raises(KeyError):
            result.estimate(missing)
    with pytest.raises(KeyError):
        result.station("disk")
    with pytest.raises(KeyError):
        result.workload("nobody")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("[]", "no schema_version"),
        ("{}", "no schema_version"),
        ('{"schema_version": 99, "kind": "run"}', "schema_version: found 99; accepted: 1"),
        ('{"schema_version": 1, "kind": "sweep"}', "kind: found 'sweep'; accepted: 'run'"),
        ('{"schema_version": 1, "kind": "run"}', "has no seed, engine, provenance; accepted: a result saved by sim"),
    ],
)
def test_what_is_no_result_is_an_error_of_one_line(tmp_path, text, said):
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ResultError, match=said) as caught:
        Result.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_an_error_of_one_line(tmp_path):
    with pytest.raises(ResultError, match="cannot be read"):
        Result.load(tmp_path / "none.json")


def test_provenance_says_what_made_it(result):
    provenance = result.data["provenance"]
    assert {"version", "engine", "python", "numpy", "scenario_hash", "date", "elapsed_s"} <= set(provenance)
    assert len(provenance["scenario_hash"]) == 64

"""Failures that grow with what is under way, and bytes that go with each batch: both against what must come out."""

import pytest

from examples.orchestrator_hub.consumption import flushes_per_s
from models.scenario import Scenario, ScenarioError
from simulator import run


def played(workload: dict[str, object], service: dict[str, object], stages: list[dict[str, object]]):
    table = {
        "schema_version": 1,
        "name": "small",
        "run": {"warmup": "200ms", "duration": "5s", "replications": 2, "seed": 1},
        "workloads": [{"name": "w", "operations": {"o": 1.0}} | workload],
        "services": {"s": {"cores": 1} | service},
        "operations": [{"name": "o", "stages": stages}],
    }
    return run(Scenario.from_dict(table))


@pytest.mark.parametrize(("users", "conflict", "failing"), [(11, 0.02, 0.2), (1, 0.5, 0.0), (5, 1.0, 1.0)])
def test_an_attempt_fails_by_each_other_that_is_inside(users: int, conflict: float, failing: float) -> None:
    stages = [
        {"kind": "delay", "time": {"distribution": "exponential", "mean": "5ms"}},
        {"kind": "failure", "probability": 0.0, "conflict": conflict},
    ]
    result = played({"kind": "closed", "concurrency": users, "think_time": "0s"}, {}, stages)
    assert result["error_rate"] == pytest.approx(failing, rel=0.04)


def test_failing_anyway_and_by_conflict_are_independent() -> None:
    stages = [
        {"kind": "delay", "time": {"distribution": "exponential", "mean": "5ms"}},
        {"kind": "failure", "probability": 0.5, "conflict": 0.1},
    ]
    result = played({"kind": "closed", "concurrency": 6, "think_time": "0s"}, {}, stages)
    assert result["error_rate"] == pytest.approx(1 - 0.5 * 0.5, rel=0.03)


@pytest.mark.parametrize("rate_per_s", [200, 1000, 5000])
def test_a_group_commit_writes_its_overhead_once(rate_per_s: int) -> None:
    service = {
        "links": {"disk": {"bandwidth": "1GB/s", "delay": "1ms"}},
        "batchers": {"journal": {"max_size": 1000, "overhead": "4kB", "link": "disk"}},
    }
    stages = [{"kind": "batch", "batcher": "journal", "bytes": "100B"}]
    result = played({"kind": "open", "arrival_rate": f"{rate_per_s}/s"}, service, stages)
    expected = 100 * rate_per_s + 4000 * float(flushes_per_s(rate_per_s, 1e-3))  # type: ignore[arg-type]
    assert result["disk_bytes_per_s"] == pytest.approx(expected, rel=0.03)


def test_without_its_batcher_each_operation_sends_the_overhead() -> None:
    service = {
        "links": {"disk": {"bandwidth": "1GB/s"}},
        "batchers": {"journal": {"enabled": False, "max_size": 9, "fixed": "1us", "overhead": "4kB", "link": "disk"}},
    }
    stages = [{"kind": "batch", "batcher": "journal", "bytes": "100B"}]
    result = played({"kind": "open", "interarrival": "1ms"}, service, stages)
    assert result["disk_bytes_per_s"] == pytest.approx(4100 * 1000, rel=0.01)


def test_an_overhead_without_a_link_says_so() -> None:
    with pytest.raises(ScenarioError, match="overhead"):
        played({"kind": "open", "interarrival": "1ms"}, {"batchers": {"b": {"max_size": 2, "overhead": "1kB"}}}, [])

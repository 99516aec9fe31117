"""The utilization that open workloads offer to each station, by hand."""

from typing import Any

import pytest

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization

CPU_20MS = {"kind": "cpu", "demand": {"distribution": "exponential", "mean": "20ms"}}


def offered(service: dict[str, Any], *stages: dict[str, Any], **more: Any) -> dict[str, float]:
    """Utilization by station at 100 operations per second."""
    data = {
        "name": "capacity",
        "workloads": [{"name": "open", "kind": "open", "arrival_rate": "100/s"}],
        "services": {"hub": service},
        "operations": [{"name": "request", "stages": list(stages)}],
        **more,
    }
    return {entry.station: entry.utilization for entry in offered_utilization(Scenario.from_dict(data))}


@pytest.mark.parametrize(
    ("service", "utilization"),
    [
        ({"cores": 4}, 0.5),
        ({"cores": 1}, 2.0),
        ({"cores": 1, "instances": 4}, 0.5),
        ({"cores": 4, "speed_by_busy": [1.0, 0.9, 0.8]}, 2 / 3.2),
        ({"cores": 4, "background_cores": 1.5}, 2 / 2.5),
        ({"cores": 4, "interruptions": {"rate": "100/s", "duration": "1ms"}}, 2 / 3.6),
        ({"cores": 4, "background_cores": 3.5, "interruptions": {"rate": "900/s", "duration": "1ms"}}, 2e6),
        ({"cores": 4, "threads_per_core": 2, "smt_speedup": 1.25}, 2 / 2.5),
        ({"instances": 2, "cores": 4, "balancer": {"policy": "weighted", "weights": [3, 1]}}, 2 * 0.75 / 4),
        ({"instances": 2, "cores": 4, "balancer": {"enabled": False}}, 0.5),
    ],
)
def test_cores(service: dict[str, Any], utilization: float) -> None:
    assert offered(service, CPU_20MS) == pytest.approx({"hub.cpu": utilization})


def test_a_quota_is_a_capacity_of_its_own() -> None:
    assert offered({"cores": 8, "cpu_quota": 4.0}, CPU_20MS) == pytest.approx({"hub.cpu": 0.25, "hub.cpu_quota": 0.5})


def test_guests_are_counted_on_their_host() -> None:
    services = {"hub": {"cores": 4}, "side": {"cores_of": "hub", "cpu_quota": 1.0}}
    on_side = {"kind": "cpu", "service": "side", "demand": "5ms"}
    assert offered({}, CPU_20MS, on_side, services=services) == pytest.approx(
        {"hub.cpu": 2.5 / 4, "side.cpu_quota": 0.5}
    )


def test_choices_failures_and_branches_change_how_often() -> None:
    stages = [
        {"kind": "failure", "probability": 0.5},
        {"kind": "choice", "branches": [{"weight": 3, "stages": []}, {"weight": 1, "stages": [CPU_20MS]}]},
        {"kind": "parallel", "branches": [{"stages": [CPU_20MS]}, {"stages": [CPU_20MS]}]},
    ]
    assert offered({"cores": 4}, *stages) == pytest.approx({"hub.cpu": 100 * 0.5 * 0.02 * 2.25 / 4})


def test_locks_hold_and_load_the_most_popular_one() -> None:
    stage = {"kind": "lock", "lock": "registry", "hold": "5ms"}
    assert offered({"cores": 4, "locks": {"registry": {}}}, stage) == pytest.approx(
        {"hub.cpu": 0.125, "hub.registry": 0.5}
    )
    two_even = offered({"cores": 4, "locks": {"registry": {"count": 2}}}, stage)
    two_skewed = offered({"cores": 4, "locks": {"registry": {"count": 2, "skew": 1.0}}}, stage)
    assert two_even["hub.registry"] == pytest.approx(0.25)
    assert two_skewed["hub.registry"] == pytest.approx(0.5 * 2 / 3)


def test_links_carry_stages_and_batches() -> None:
    service = {
        "links": {"network": {"bandwidth": "1MB/s", "parallel": 2}},
        "batchers": {"log": {"max_size": 4, "fixed": "4ms", "per_item": "1ms", "compression": 0.5, "link": "network"}},
        "cores": 2,
    }
    stages = [
        {"kind": "link", "link": "network", "bytes": "1kB"},
        {"kind": "batch", "batcher": "log", "bytes": "2kB"},
    ]
    assert offered(service, *stages) == pytest.approx({"hub.network": 0.1, "hub.cpu": 0.1, "hub.log": 0.2})
    service["batchers"]["log"]["enabled"] = False
    assert offered(service, *stages) == pytest.approx({"hub.network": 0.15, "hub.cpu": 0.25})


def test_tokens_and_blocking_workers_are_held_for_what_is_inside() -> None:
    inside = [{"kind": "delay", "time": "30ms"}, {"kind": "cpu", "demand": "10ms"}]
    stages = [{"kind": "pool", "pool": "database", "stages": inside}, {"kind": "delay", "time": "10ms"}]
    service = {"cores": 2, "pools": {"database": {"size": 5}}, "workers": 10, "worker_kind": "blocking"}
    expected = {"hub.cpu": 0.5, "hub.database": 0.8, "hub.workers": 0.5}
    assert offered(service, *stages) == pytest.approx(expected)


def test_dispatch_is_paid_once_by_those_who_come() -> None:
    services = {"hub": {}, "side": {"balancer": {"dispatch": "2ms"}}}
    on_side = {"kind": "delay", "time": "1ms", "service": "side"}
    half = {"kind": "choice", "branches": [{"weight": 1, "stages": [on_side, on_side]}, {"weight": 1, "stages": []}]}
    assert offered({}, half, services=services) == pytest.approx({"side.balancer": 0.1})


def test_only_open_workloads_count_at_the_rate_that_holds_on() -> None:
    workloads = [
        {"name": "closed", "kind": "closed", "think_time": "1ms"},
        {"name": "gaps", "kind": "open", "procs": 2, "interarrival": "100ms"},
        {
            "name": "phased",
            "kind": "open",
            "arrival_rate": "10/s",
            "phases": [{"duration": "1s", "factor": 9.0}, {"duration": "1s", "factor": 3.0}],
        },
    ]
    found = offered({"cores": 2}, CPU_20MS, workloads=workloads, run={"warmup": "1s"})
    assert found == pytest.approx({"hub.cpu": (20 + 30) * 0.02 / 2})


def test_an_overload_is_no_error_and_comes_first() -> None:
    stages = [{"kind": "lock", "lock": "registry", "hold": "9ms"}, CPU_20MS]
    assert list(offered({"locks": {"registry": {}}}, *stages)) == ["hub.cpu", "hub.registry"]

"""What binds: the saturated station that others wait for, or the think time, the delays, the arrivals."""

from types import SimpleNamespace

import pytest

from models.records import CAUSE_NAMES
from simulator.bottleneck import bottleneck


def estimate(value):
    return {"value": value, "half_width": None}


def station(name, kind, utilization, waiting=0.0):
    return {
        "name": name,
        "kind": kind,
        "service": "web",
        "instance": 0,
        "utilization": estimate(utilization),
        "mean_queue_length": estimate(waiting),
    }


def result(*stations, throughput=100.0, mean_s=0.01, throttled=0.0, **causes):
    return {
        "stations": list(stations),
        "instances": [{"service": "web", "instance": 0, "cores": {"throttled": estimate(throttled)}}],
        "throughput_per_s": estimate(throughput),
        "response_time_s": {"mean": estimate(mean_s)},
        "causes": {"all": dict.fromkeys(CAUSE_NAMES, 0.0) | (causes or {"working": mean_s})},
    }


def service(**fields):
    return SimpleNamespace(**({"cores_of": None, "instances": 1, "interruptions": None, "batchers": {}} | fields))


def scenario(*kinds, users=10, **services):
    workloads = [SimpleNamespace(kind=kind, users=users) for kind in kinds]
    return SimpleNamespace(workloads=workloads, services={"web": service(), **services})


def test_the_busiest_saturated_station_binds():
    data = result(station("cpu", "cpu", 0.92, 3), station("disk", "link", 0.97, 40))
    found = bottleneck(data, scenario("closed"))
    assert (found["kind"], found["name"], found["utilization"]) == ("station", "web[0].disk", 0.97)
    assert "97% busy and 40 wait" in found["why"]


def test_a_pool_that_is_full_because_of_the_disk_behind_it_is_not_the_cause():
    data = result(
        station("workers", "workers", 1.0, 9),
        station("database", "pool", 1.0, 5),
        station("disk", "link", 0.95, 4),
    )
    found = bottleneck(data, scenario("closed"))
    assert found["name"] == "web[0].disk"
    assert "web[0].workers, web[0].database fill up behind it" in found["why"]


def test_a_pool_binds_where_nothing_behind_it_is_full():
    data = result(station("cpu", "cpu", 0.2), station("database", "pool", 0.99, 5))
    assert bottleneck(data, scenario("closed"))["name"] == "web[0].database"


def test_a_quota_binds_cores_that_it_stops():
    data = result(station("cpu", "cpu", 0.5, 20), throttled=0.5)
    found = bottleneck(data, scenario("closed"))
    assert found["name"] == "web[0].cpu"
    assert "quota" in found["why"]


@pytest.mark.parametrize(
    ("users", "causes", "kind"),
    [
        (10, {"working": 0.01}, "think_time"),  # 1 of 10 users in the system
        (1, {"working": 0.001, "delay": 0.009}, "delay"),
        (1, {"working": 0.01}, "concurrency"),
    ],
)
def test_of_a_closed_system_with_room_it_is_what_its_users_do(users, causes, kind):
    found = bottleneck(result(station("cpu", "cpu", 0.5), **causes), scenario("closed", users=users))
    assert (found["kind"], found["station"]) == (kind, None)


def test_an_open_system_below_capacity_is_bound_by_what_arrives():
    found = bottleneck(result(station("cpu", "cpu", 0.95)), scenario("open"))
    assert found["kind"] == "arrivals"
    assert found["next"]["name"] == "web[0].cpu"
    assert found["next"]["full_at_throughput_per_s"] == pytest.approx(100 / 0.95)
    assert bottleneck(result(station("cpu", "cpu", 1.0)), scenario("open"))["kind"] == "station"


def test_without_any_operation_there_is_still_an_answer():
    data = result(station("cpu", "cpu", None), throughput=0.0, mean_s=None)
    data["causes"] = None
    assert bottleneck(data, scenario("closed"))["next"] is None


def batching(flushing, cpu, waiting_for_core):
    """Return what binds an instance of one core with a batcher of which half a batch waits."""
    data = result(
        {**station("cpu", "cpu", cpu, waiting_for_core), "servers": 1},
        station("outbox", "batcher", flushing, waiting=8),
    )
    outbox = {"outbox": SimpleNamespace(max_size=16)}
    return bottleneck(data, scenario("open", web=service(batchers=outbox)))


def test_a_core_that_does_nothing_but_flush_growing_batches_has_room():
    assert batching(0.99, 0.99, 0.0)["kind"] == "arrivals"


@pytest.mark.parametrize(("flushing", "waiting_for_core"), [(0.5, 0.0), (0.99, 1.0)])
def test_a_core_that_does_more_or_is_waited_for_has_none(flushing, waiting_for_core):
    assert batching(flushing, 0.99, waiting_for_core)["name"] == "web[0].cpu"


def test_cores_that_several_services_fill_together_bind():
    guest = {**station("cpu", "cpu", 0.6, waiting=7), "service": "side"}
    data = result(station("cpu", "cpu", 0.4, waiting=2), guest)
    found = bottleneck(data, scenario("closed", side=service(cores_of="web")))
    assert (found["kind"], found["name"], found["utilization"]) == ("station", "side[0].cpu", 1.0)
    assert found["why"] == "side[0].cpu is 100% busy, 40% with what else runs on its cores, and 9 wait there on average"


def test_room_on_shared_cores_is_what_all_services_leave():
    guest = {**station("cpu", "cpu", 0.3), "service": "side"}
    found = bottleneck(result(station("cpu", "cpu", 0.2), guest), scenario("closed", side=service(cores_of="web")))
    assert found["next"] == {"name": "side[0].cpu", "utilization": 0.5, "full_at_throughput_per_s": 200.0}


def interrupted(working, own, kind="closed"):
    """Return what binds a service whose cores are interrupted for a tenth of the time."""
    data = result(station("cpu", "cpu", own, 3))
    data["instances"][0]["cores"] |= {"working": estimate(working), "switching": estimate(0.0)}
    bursts = SimpleNamespace(rate=100.0, duration=SimpleNamespace(mean=1e6))
    return bottleneck(data, scenario(kind, web=service(interruptions=bursts)))


def test_interruptions_fill_cores_too():
    found = interrupted(working=1.0, own=0.85)
    assert (found["kind"], found["utilization"]) == ("station", 1.0)
    assert "15% with what else runs on its cores" in found["why"]


def test_room_beside_interruptions_is_counted_without_them():
    found = interrupted(working=0.55, own=0.45, kind="open")
    assert found["next"]["full_at_throughput_per_s"] == pytest.approx(100 * 0.9 / 0.45)

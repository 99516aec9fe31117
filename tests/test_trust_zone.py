"""The trust zone: how far, by which assumption, from when on an answer is marked, and what strict commands refuse."""

from __future__ import annotations

from typing import Any

import pytest

from models.measured import Seen
from models.scenario import Scenario
from simulator.scenario_base import Calibration
from simulator.trust_zone import MARKED_BEYOND, farthest, nowhere_near, trust_zone


def a_scenario(procs: int = 8, **changes: Any) -> Scenario:
    service = {"cores": changes.pop("cores", 2), "instances": changes.pop("instances", 1)}
    workload = changes.pop("workload", {"name": "clients", "kind": "closed", "procs": procs})
    return Scenario.from_dict(
        {
            "name": "calls",
            "workloads": [workload],
            "services": {"web": service},
            "operations": [{"name": "call", "stages": [{"kind": "cpu", "demand": "1ms"}]}],
        }
    )


def a_calibration(**seen: Any) -> Calibration:
    fields = {"concurrency": (1, 20), "rate_per_s": (100.0, 800.0), "cores": (2, 2)} | seen
    return Calibration("p.toml", "fitted", "2026-11-23", "abc", Seen(**fields))


def test_within_the_range_nothing_is_assumed() -> None:
    zone = trust_zone(a_scenario(), a_calibration())
    assert zone["calibrated"]
    assert not zone["marked"]
    assert zone["widening"] == 0
    assert zone["line"].startswith("within what was measured")
    assert "concurrency 8 of 1 to 20" in zone["line"]


def test_beyond_it_says_how_far_by_which_assumption_and_widens() -> None:
    zone = trust_zone(a_scenario(80), a_calibration())
    assert "concurrency 80, 4 times above the measured 1 to 20" in zone["line"]
    assert "that an operation needs the same with more of them in flight" in zone["line"]
    assert zone["widening"] == pytest.approx(0.05 * 2**0.5)  # two doublings of 5 % each, as squares
    assert not zone["marked"]


def test_distances_along_several_axes_widen_as_squares() -> None:
    zone = trust_zone(a_scenario(40, cores=4, instances=2), a_calibration())
    assert zone["widening"] == pytest.approx(0.05 * 3**0.5)
    axes = {one["axis"]: one["factor"] for one in zone["distances"]}
    assert axes == {"concurrency": 2.0, "cores": 2.0, "instances": 2.0}


def test_beyond_the_stated_factor_it_is_marked() -> None:
    most = round(20 * MARKED_BEYOND["concurrency"])
    assert not trust_zone(a_scenario(most), a_calibration())["marked"]
    zone = trust_zone(a_scenario(most + 20), a_calibration())
    assert zone["marked"]
    assert zone["line"].startswith("FAR FROM WHAT WAS MEASURED")


def test_a_lower_load_than_measured_is_said_and_not_widened() -> None:
    open_load = {"name": "clients", "kind": "open", "arrival_rate": "50/s"}
    zone = trust_zone(a_scenario(workload=open_load), a_calibration())
    assert "rate 50/s, 2 times below the measured 100 to 800/s" in zone["line"]
    assert zone["widening"] == 0


def test_arrivals_that_were_never_measured_are_marked() -> None:
    open_load = {"name": "clients", "kind": "open", "arrival_rate": "50/s"}
    zone = trust_zone(a_scenario(workload=open_load), a_calibration(rate_per_s=None))
    assert zone["marked"]
    assert "(never measured)" in zone["line"]


def test_without_a_profile_nothing_was_measured() -> None:
    zone = trust_zone(a_scenario(), None)
    assert not zone["calibrated"]
    assert zone["marked"]
    assert zone["line"].startswith("not calibrated: nothing was measured")


def test_a_profile_of_the_machine_alone_measured_no_operation() -> None:
    host_only = Calibration("p.toml", "machine", "2026-11-23", "abc", Seen(cores=(1, 2)), workload=False)
    zone = trust_zone(a_scenario(), host_only)
    assert not zone["calibrated"]
    assert "measured the machine and no operation" in zone["line"]


def test_of_several_answers_the_farthest_counts() -> None:
    zones = [trust_zone(a_scenario(procs), a_calibration()) for procs in (10, 400, 40)]
    assert farthest(zones) == zones[1]
    assert farthest([*zones, trust_zone(a_scenario(), None)])["calibrated"] is False


def test_a_search_is_refused_only_if_whatever_it_finds_would_be_marked() -> None:
    calibration = a_calibration()
    near, far = trust_zone(a_scenario(8), calibration), trust_zone(a_scenario(2000), calibration)
    assert nowhere_near([near, far]) is None
    assert nowhere_near([far, trust_zone(a_scenario(5000), calibration)]) == far
    # Cores are far in each of them, whatever the load.
    many = [trust_zone(a_scenario(procs, cores=64), calibration) for procs in (8, 2000)]
    assert nowhere_near(many) == many[0]
    # Cores are far in one and instances in the other: both together need not be.
    apart = [trust_zone(a_scenario(8, cores=64), calibration), trust_zone(a_scenario(8, instances=64), calibration)]
    assert nowhere_near(apart) is None
    assert nowhere_near([trust_zone(a_scenario(8), None)]) is not None

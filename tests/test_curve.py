"""What a curve of points with known shapes is said to show."""

from typing import Any

import numpy as np
import pytest

from simulator.curve import bottlenecks, describe, knee, pays_up_to, peak, saturation
from simulator.theory.closed_networks import machine_repairman
from simulator.theory.single_server import mm1_response_time_mean
from simulator.usl_fit import fit_usl


def point(throughput_per_s: float, mean_s: float, kind: str = "think_time", name: str = "think time") -> dict[str, Any]:
    estimate = {"value": throughput_per_s, "half_width": 0.0}
    return {
        "throughput_per_s": estimate,
        "goodput_per_s": estimate,
        "response_time_s": {"mean": {"value": mean_s, "half_width": 0.0}},
        "bottleneck": {"kind": kind, "name": name, "why": "because"},
    }


def test_the_knee_of_a_single_server_is_at_half_of_its_capacity() -> None:
    """Kleinrock, 1979: the power of M/M/1 is greatest at utilization 1/2."""
    levels = [100.0 * step for step in range(1, 10)]
    points = [point(rate, mm1_response_time_mean(rate, 0.001)) for rate in levels]
    found = knee(levels, points)
    assert found is not None
    assert found["level"] == 500
    assert found["response_time_mean_s"] == pytest.approx(0.002)


def test_there_is_no_knee_where_the_power_still_grows() -> None:
    levels = [100.0, 200.0, 300.0]
    assert knee(levels, [point(rate, 1 / (1000 - rate)) for rate in levels]) is None
    assert knee(levels[:2], [point(rate, 1.0) for rate in levels[:2]]) is None


def test_failed_operations_do_not_count_for_the_knee() -> None:
    points = [point(100.0, 1.0), point(150.0, 1.2), point(400.0, 1.5), point(400.0, 2.0)]
    points[2]["goodput_per_s"] = points[3]["goodput_per_s"] = {"value": 10.0, "half_width": 0.0}
    found = knee([1, 2, 3, 4], points)
    assert found is not None
    assert found["level"] == 2


def test_saturation_is_where_a_station_binds_to_the_end() -> None:
    cpu = ("station", "web[0].cpu")
    points = [point(1, 1), point(2, 1, *cpu), point(2, 1), point(3, 1, *cpu), point(3, 2, *cpu)]
    found = saturation([1, 2, 3, 4, 5], points)
    assert found is not None
    assert (found["level"], found["station"]) == (4, "web[0].cpu")
    assert saturation([1, 2, 3], points[:3]) is None


def test_a_curve_that_falls_beyond_its_peak_is_told_from_a_flat_one() -> None:
    flat = peak([1, 2, 3], [point(90, 1), point(100, 1), point(99, 1)])
    falling = peak([1, 2, 3], [point(90, 1), point(100, 1), point(80, 1)])
    assert flat is not None
    assert falling is not None
    assert flat["level"] == falling["level"] == 2
    assert not flat["falls_beyond"]
    assert falling["falls_beyond"]


def test_a_resource_pays_as_long_as_a_step_brings_half_of_its_share() -> None:
    points = [point(rate, 1) for rate in (100, 190, 300, 310)]
    found = pays_up_to([1, 2, 4, 8], points)
    assert found is not None
    assert found["level"] == 4
    assert found["next_gain"] == pytest.approx(1 / 30)
    assert pays_up_to([1, 2, 4], points[:3]) is None


def test_what_binds_is_told_from_level_to_level() -> None:
    points = [point(1, 1), point(2, 1), point(3, 1, "station", "db[0].cpu")]
    rows = bottlenecks([1, 5, 9], points)
    assert [(row["from"], row["to"], row["name"]) for row in rows] == [(1, 5, "think time"), (9, 9, "db[0].cpu")]


def test_load_and_resources_are_asked_different_questions() -> None:
    points = [point(rate, 1 / (1000 - rate)) for rate in (100.0, 500.0, 900.0)]
    loaded, equipped = describe("rate", [100, 500, 900], points), describe("cores", [1, 2, 4], points)
    assert loaded["knee"] is not None
    assert loaded["pays_up_to"] is None
    assert equipped["knee"] is None


def test_the_usl_finds_the_parameters_of_its_own_curve() -> None:
    levels = list(range(1, 41, 3))
    curve = [90 * n / (1 + 0.03 * (n - 1) + 0.0004 * n * (n - 1)) for n in levels]
    fit = fit_usl(levels, curve)
    assert fit is not None
    assert fit.rate_per_s == pytest.approx(90, rel=1e-6)
    assert fit.contention == pytest.approx(0.03, rel=1e-5)
    assert fit.coherency == pytest.approx(0.0004, rel=1e-5)
    assert fit.error_most < 1e-6
    assert fit.as_json()["peak_level"] == pytest.approx(np.sqrt(0.97 / 0.0004), rel=1e-5)


def test_the_usl_of_a_line_has_no_peak() -> None:
    fit = fit_usl([1, 2, 4, 8, 16], [10, 20, 40, 80, 160])
    assert fit is not None
    assert fit.contention == pytest.approx(0, abs=1e-6)
    shown = fit.as_json()
    assert shown["peak_level"] is None or shown["peak_level"] > 1000


def test_the_usl_needs_more_levels_than_parameters() -> None:
    assert fit_usl([1, 2, 4], [10, 20, 40]) is None
    assert fit_usl([0, 1, 2, 4], [5, 10, 20, 40]) is None


def test_the_usl_does_not_know_where_the_cores_end() -> None:
    levels = [1, 2, 4, 8, 16, 32, 64]
    curve = [machine_repairman(n, 0.010, 0.001, 4).throughput_per_s[0] for n in levels]
    fit = fit_usl(levels, curve)
    assert fit is not None
    assert 0.02 < fit.error_most < 0.6

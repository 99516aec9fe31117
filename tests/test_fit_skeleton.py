"""The skeleton against exact theory, and the fit against levels whose parameters are known."""

import numpy as np
import pytest

from calibration.fitting.fitted import fit_points
from calibration.fitting.machine import machine_in
from calibration.fitting.points import Point, grows, points_of, split
from calibration.fitting.skeleton import Machine, Skeleton
from calibration.levels import Level
from simulator.theory.closed_networks import Station, single_class_network


@pytest.mark.parametrize("population", [1, 7, 40, 300])
def test_skeleton_is_the_exact_closed_network(population: int) -> None:
    skeleton = Skeleton(0.001, 0.003, 0.0002, cores=4, threads=8, smt_speedup=1.3, contention=0.2, pairing=0.5)
    stations = [
        Station("cpu", (0.001,), tuple(skeleton.work_rates(population))),
        Station("lock", (0.0002,)),
        Station("wait", (0.003,), delay=True),
    ]
    # overload is left at zero, so that the demand does not depend on the population
    exact = single_class_network(stations, population, 0.0).throughput_per_s[0]
    assert skeleton.throughput_per_s(population) == pytest.approx(exact, rel=1e-9)


def test_hyperthreads_give_their_gain_and_no_more_when_all_are_busy() -> None:
    for pairing in (0.0, 1.0):
        rates = Skeleton(1.0, cores=4, threads=8, smt_speedup=1.25, pairing=pairing).work_rates(20)
        assert rates[0] == 1.0
        assert rates[7] == pytest.approx(5.0)
        assert rates[19] == pytest.approx(5.0)
    assert Skeleton(1.0, cores=4, threads=8, smt_speedup=1.25, pairing=1.0).work_rates(4)[3] < 4.0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Intel 48 vCPU; 3 runs", Machine(48.0, 2)),
        ("Graviton2 8 vCPU", Machine(8.0, 1)),
        ("2x Xeon Gold 6230 (40 cores/80 threads)", Machine(80.0, 2)),
        ("Sun SPARCcenter 2000 16 CPU, SPEC", Machine(16.0, 1)),
        ("a machine of which nothing is said", Machine()),
    ],
)
def test_machine_is_read_from_what_a_table_says(text: str, expected: Machine) -> None:
    assert machine_in(text) == expected


def _points(skeleton: Skeleton, loads: list[int]) -> list[Point]:
    return [Point(float(load), skeleton.throughput_per_s(load), 0.005) for load in loads]


def test_held_out_levels_past_known_cores_are_predicted() -> None:
    truth = Skeleton(0.010, cores=4, threads=4)
    fit = fit_points(_points(truth, [1, 2, 4]), Machine(4.0), draws=60)
    for prediction in fit.predict(_points(truth, [8, 32])):
        assert prediction.throughput_per_s == pytest.approx(400.0, rel=0.15)
        assert prediction.low_per_s < 400.0 < prediction.high_per_s


def test_what_low_levels_cannot_show_is_not_identified() -> None:
    truth = Skeleton(0.010, cores=30, threads=30)
    fit = fit_points(_points(truth, [1, 2, 4]), Machine(), draws=60)
    named = {parameter.name: parameter.identified for parameter in fit.parameters()}
    assert named["operation_s"]
    assert not named["servers"]
    far = fit.predict([Point(100.0, 1.0, 0.01)])[0]
    assert far.high_per_s > 4.0 * far.low_per_s


def test_prediction_reads_nothing_of_a_held_out_level_but_its_load() -> None:
    fit = fit_points(_points(Skeleton(0.010, cores=4, threads=4), [1, 2, 4]), Machine(4.0), draws=20)
    one, other = fit.predict([Point(8.0, 1.0, 0.5)]), fit.predict([Point(8.0, 999.0, 0.01, mean_s=3.0)])
    assert one == other


def test_lower_half_is_at_least_three_levels_and_repeats_are_one() -> None:
    levels = [Level(procs=n, concurrency=1, throughput_per_s=10.0 * n + k) for n in (1, 2, 4, 8) for k in (0, 1)]
    points = points_of(levels)
    assert [point.repeats for point in points] == [2] * 4
    lower, upper = split(points)
    assert (len(lower), len(upper)) == (3, 1)


def test_a_series_over_cores_grows_and_one_over_clients_does_not() -> None:
    assert grows([Level(cores=n, throughput_per_s=n) for n in (1, 2, 4)])
    assert not grows([Level(procs=n, concurrency=1, cores=8, throughput_per_s=n) for n in (1, 2, 4)])


def test_redraws_are_the_same_for_the_same_seed() -> None:
    points = _points(Skeleton(0.010, cores=4, threads=4), [1, 2, 4])
    one, other = (fit_points(points, Machine(4.0), draws=20) for _ in range(2))
    assert np.array_equal(one.free_draws, other.free_draws)

"""The skeleton against exact theory, and the fit against levels whose parameters are known."""

from dataclasses import replace

import numpy as np
import pytest

from calibration.fitting.beyond import Beyond, Errors, estimate, openness
from calibration.fitting.estimate import structures
from calibration.fitting.families import Size, predict_larger
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
        # up to as many operations as cores, a wait that needs none looks like work: somewhat more is possible
        assert prediction.throughput_per_s == pytest.approx(400.0, rel=0.35)
        assert prediction.low_per_s < 400.0 < prediction.high_per_s


def test_what_low_levels_cannot_show_is_not_identified() -> None:
    truth = Skeleton(0.010, cores=30, threads=30)
    fit = fit_points(_points(truth, [1, 2, 4]), Machine(), draws=60)
    named = {parameter.name: parameter.identified for parameter in fit.parameters()}
    assert named["operation_s"]
    assert not named["servers"]
    far = fit.predict([Point(100.0, 1.0, 0.01)])[0]
    assert far.high_per_s > 4.0 * far.low_per_s


def test_measured_cpu_tells_work_from_waiting() -> None:
    truth = Skeleton(0.006, 0.004, cores=4, threads=4)
    points = [replace(one, busy_cores=0.006 * one.throughput_per_s) for one in _points(truth, [1, 2, 4])]
    fit = fit_points(points, Machine(4.0), draws=60)
    (prediction,) = fit.predict(_points(truth, [32]))
    assert prediction.throughput_per_s == pytest.approx(4 / 0.006, rel=0.12)


def test_operations_that_meet_on_a_thread_leave_others_idle() -> None:
    met = Skeleton(1.0, cores=4, threads=4, misplaced=1.0).work_rates(200)
    assert met[0] == pytest.approx(1.0)
    assert met[1] == pytest.approx(1.75)
    assert met[199] == pytest.approx(4.0)


def test_a_slowdown_below_the_cores_may_end_with_them_or_go_on() -> None:
    known = {frozenset(one.names) for one in structures(Machine(16.0), most=8.0)}
    assert any("crowding" in names for names in known)
    reached = structures(Machine(4.0), most=8.0)
    assert not any("crowding" in one.names for one in reached)


def test_background_weighs_more_on_a_small_machine() -> None:
    small = Skeleton(0.01, cores=2, threads=2, background=0.2)
    assert small.throughput_per_s(64) == pytest.approx(180.0)
    assert small.on(8.0).throughput_per_s(64) == pytest.approx(780.0)


def test_larger_sizes_are_predicted_from_the_two_smallest() -> None:
    def size(cores: float) -> Size:
        truth = Skeleton(0.010, cores=cores, threads=cores)
        points = [Point(n, truth.throughput_per_s(n), 0.005, cores=cores) for n in (1.0, 2.0, 4.0, 8.0, 32.0)]
        return Size(f"{cores:g}", Machine(cores), points)

    (found,) = predict_larger([size(2.0), size(4.0), size(8.0)], draws=20)
    assert np.median(np.abs(found.errors)) < 0.10


def test_widening_is_asymmetric_and_grows_with_open_doublings() -> None:
    beyond = Beyond(level=0.05, down=0.5, up=0.1)
    low, high = beyond.widened(np.zeros(2), np.zeros(2), np.array([0.0, 2.0]), 1.0)
    assert low[0] == high[0] == pytest.approx(0.05)
    assert low[1] > 4.0 * high[1]
    closed = beyond.widened(np.zeros(2), np.zeros(2), np.array([0.0, 2.0]), 0.0)[0]
    assert closed[1] < 0.1


def test_sizes_of_the_widening_come_from_the_errors_of_curves() -> None:
    generator = np.random.default_rng(3)
    zeros = np.zeros(4)
    curves = [
        Errors(zeros, zeros, -0.3 * np.arange(1, 5) * generator.random(), np.arange(1.0, 5.0), 1.0) for _ in range(40)
    ]
    found = estimate(curves)
    assert found.down == pytest.approx(0.29, abs=0.06)
    assert found.up < 0.1
    assert openness([Point(1.0, 10.0, 0.01), Point(2.0, 20.0, 0.01)]) == pytest.approx(1.0)


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

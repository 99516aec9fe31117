"""Recordings turned into levels and into a description of the workload."""

import numpy as np
import pytest

from calibration.live.describe import describe, describe_service
from calibration.live.operations import (
    done_within,
    ended_within,
    percentile,
    quantile_table,
    response_ns,
)
from calibration.live.pacing import Pacing
from calibration.live.summarize import detail_of, level_of, service_detail_of, service_level_of
from tests.live_recordings import MS, SECOND, recording, rows, service

STEADY = [1 * MS] * 500


def test_an_operation_across_the_edge_of_a_window_counts_by_its_share():
    found = rows([4 * MS, 4 * MS, 4 * MS])
    assert done_within(found, 2 * MS, 10 * MS) == pytest.approx(2.0)
    assert ended_within(found, 2 * MS, 12 * MS)["end_ns"].tolist() == [4 * MS, 8 * MS]


def test_percentiles_are_observed_values_and_tables_end_at_the_extremes():
    values = np.arange(1.0, 101.0)
    assert [percentile(values, percent) for percent in (50, 95, 99.9)] == [50.0, 95.0, 100.0]
    table = quantile_table(values[::-1])
    assert table[0] == (0.0, 1.0)
    assert table[-1] == (1.0, 100.0)
    assert max(level for level, _ in table[:-1]) < 0.99
    assert quantile_table(np.array([7.0])) == ((0.0, 7.0), (1.0, 7.0))


def test_response_time_runs_from_the_intended_start():
    found = rows([3 * MS])
    found["intended_ns"] -= 5 * MS
    assert response_ns(found, overhead_ns=1000).tolist() == [8 * MS - 1000]


def test_a_level_has_rates_times_and_cpu_without_the_recorder():
    one = recording(STEADY, copies=2, cpu_per_operation_ns=1.1 * MS, overhead_ns=0.1 * MS)
    level = level_of(one, run=3, cores=2)
    assert (level.run, level.procs, level.kind, level.concurrency) == ("3", 2, "closed", 1)
    assert level.throughput_per_s == pytest.approx(500)
    assert level.mean_s == pytest.approx(0.0009)
    assert level.percentiles_s[99.0] == pytest.approx(0.0009)
    assert level.cpu_busy_cores == pytest.approx(0.5)
    assert level.disk_bytes_per_s == pytest.approx(4096 * 500)
    assert level.network_bytes_per_s is None


def test_failed_operations_count_as_errors_and_not_in_response_times():
    one = recording([1 * MS] * 9 + [100 * MS], failed={9})
    level = level_of(one, 1, 2)
    assert level.error_rate == pytest.approx(0.1)
    assert level.max_s == pytest.approx(0.001)
    assert level.goodput_per_s == pytest.approx(9.0)


def test_an_open_level_has_its_rate():
    level = level_of(recording(STEADY, pacing=Pacing(rate_per_s=300.0)), 1, 2)
    assert (level.kind, level.arrival_rate_per_s, level.concurrency) == ("open", 300.0, None)


def test_time_within_an_operation_is_cpu_run_queue_or_sleep():
    detail = detail_of(
        recording([10 * MS] * 50, cpu_per_operation_ns=2 * MS, run_delay_ns=1 * MS, sleeps=2.0), 1
    )
    assert detail.cpu_s == pytest.approx(0.002)
    assert detail.run_delay_s == pytest.approx(0.001)
    assert detail.asleep_s == pytest.approx(0.007)
    assert detail.voluntary_switches == pytest.approx(2.0)
    assert detail.read_bytes == pytest.approx(100)


def test_pure_computation_has_no_wait_and_the_spread_of_its_cpu_clock():
    cpu = [1 * MS, 3 * MS] * 100
    clocked = recording([time + 1 * MS for time in cpu], cpu_ns=cpu)
    found = describe([recording([2 * MS] * 200, cpu_per_operation_ns=2 * MS)], clocked, cores=2)
    assert found.wait is None
    assert found.shape == "clock"
    assert found.demand.mean_s.value == pytest.approx(0.002)
    assert found.demand.cv == pytest.approx(0.5)


def test_the_mean_is_that_without_the_clock_and_has_an_interval_over_repeats():
    repeats = [recording(STEADY, cpu_per_operation_ns=cpu * MS) for cpu in (0.9, 1.0, 1.1)]
    clocked = recording(STEADY, cpu_ns=[2 * MS] * 500)
    demand = describe(repeats, clocked, cores=2).demand
    assert demand.mean_s.value == pytest.approx(0.001)
    assert demand.mean_s.half_width == pytest.approx(4.303 * 0.0001 / np.sqrt(3), rel=1e-3)
    assert demand.quantiles_s[0][1] == pytest.approx(0.001)


def test_sleep_is_a_wait_and_what_waited_for_a_core_is_not():
    one = recording([10 * MS] * 50, cpu_per_operation_ns=2 * MS, run_delay_ns=3 * MS, sleeps=1.0)
    found = describe([one], None, cores=2)
    assert found.wait.mean_s.value == pytest.approx(0.005)
    assert found.hand_off_s.value == pytest.approx(0.003)


def test_without_sleeps_what_is_missing_is_not_called_a_wait():
    one = recording([10 * MS] * 50, cpu_per_operation_ns=2 * MS, run_delay_ns=7 * MS)
    assert describe([one], None, cores=2).wait is None


def test_which_of_demand_and_wait_varies_is_named_as_not_identified():
    times = [8 * MS, 12 * MS] * 25
    one = recording(times, cpu_per_operation_ns=5 * MS, sleeps=1.0)
    found = describe([one], None, cores=2)
    assert found.shape == "unknown"
    assert any("not identified" in note for note in found.notes)


def test_the_one_that_dominates_gets_the_spread():
    times = [8 * MS, 12 * MS] * 25
    waiting = describe([recording(times, cpu_per_operation_ns=0.1 * MS, sleeps=1.0)], None, cores=2)
    assert waiting.demand.cv == 0
    assert waiting.wait.cv > 0.19
    assert waiting.shape == "response"


def test_pacing_costs_are_told_apart_by_the_clock_around_operations():
    pacing = Pacing(think_mean_ns=5 * MS)
    clocked = recording(STEADY, cpu_ns=[1 * MS] * 500, pacing=pacing)
    one = recording(STEADY, cpu_per_operation_ns=1.2 * MS, sleeps=1.0, pacing=pacing)
    found = describe([one], clocked, cores=2)
    assert found.demand.mean_s.value == pytest.approx(0.001)
    assert found.pacing_cpu_s == pytest.approx(0.0002)
    assert found.wait is None
    without = describe([one], None, cores=2)
    assert without.pacing_cpu_s is None
    assert any("falling asleep" in note for note in without.notes)


def crowd(sleeps, *, copies=2, longer=0.05, count=4000):
    return recording([(1 + longer) * MS] * count, copies=copies, sleeps=sleeps)


def test_a_lock_shows_as_sleeps_that_come_with_the_second_copy():
    found = describe([recording([1 * MS] * 4000), crowd(0.1)], None, cores=2)
    assert found.serial.copies == 2
    assert found.serial.share.value == pytest.approx(0.1, rel=1e-3)
    assert found.serial.extra_sleep_s == pytest.approx(0.00005, rel=1e-3)


def test_with_four_copies_the_share_is_what_three_others_keep_busy():
    found = describe([recording([1 * MS] * 4000), crowd(0.29, copies=4)], None, cores=4)
    # Three customers, hold s and work 1 - s: exact mean value analysis gives a utilization of 0.29 at 0.1.
    assert found.serial.share.value == pytest.approx(0.1, abs=0.005)


@pytest.mark.parametrize(
    ("second", "cores"),
    [
        (crowd(0.0), 2),
        (crowd(0.002), 2),
        (crowd(0.1, longer=0.0), 2),
        (crowd(0.1), 1),
        (crowd(0.05, count=40), 2),
    ],
)
def test_no_serial_share_is_invented(second, cores):
    assert describe([recording([1 * MS] * 4000), second], None, cores=cores).serial is None


def test_contention_shows_as_more_cpu_with_more_copies():
    found = describe([recording(STEADY), recording(STEADY, copies=2, cpu_per_operation_ns=1.5 * MS)], None, 2)
    assert found.demand_by_copies_s[1].value == pytest.approx(0.001)
    assert found.demand_by_copies_s[2].value == pytest.approx(0.0015)
    assert found.demand.mean_s.value == pytest.approx(0.001)


def test_memory_of_an_operation_is_what_a_copy_grew_by():
    found = describe([recording(STEADY, peak_bytes=21_000_000)], None, 2)
    assert found.memory_bytes == pytest.approx(1_000_000)
    assert found.base_bytes == pytest.approx(10_000_000)
    assert describe([recording(STEADY, peak_bytes=None)], None, 2).memory_bytes is None


def served(copies=1, times=(5 * MS,) * 100, cpu_ms=2, generator_ms=1.0, **others):
    of_server = service(round(cpu_ms * MS * len(times)), sleeps=len(times), **others)
    return recording(
        times, copies=copies, cpu_per_operation_ns=generator_ms * MS, sleeps=1.0, served=of_server
    )


def test_a_response_is_generator_server_and_the_rest_waits():
    found = describe_service([served(run_delay_ns=100 * MS), served(copies=2)])
    assert found.demand.mean_s.value == pytest.approx(0.002)
    assert found.generator_cpu_s.value == pytest.approx(0.001)
    assert found.wait.mean_s.value == pytest.approx(0.001)
    assert found.hand_off_s.value == pytest.approx(0.0005)


def test_a_server_that_is_busy_all_the_time_does_not_wait():
    found = describe_service([served(times=(3 * MS,) * 100)])
    assert found.wait is None
    assert found.hand_off_s.value == 0


def test_without_the_server_in_sight_nothing_is_described():
    one = recording(STEADY)
    assert describe_service([one]) is None
    assert service_level_of(one, 1, 2).cpu_busy_cores is None
    assert service_detail_of(one, 1).cpu_s is None


def test_cpu_goes_to_server_and_generator():
    one = served(processes=(150 * MS, 50 * MS))
    level, detail = service_level_of(one, 1, 2), service_detail_of(one, 1)
    assert level.cpu_busy_cores == pytest.approx(0.2)
    assert level.generator_cpu_cores == pytest.approx(0.1)
    assert level.memory_bytes == 50_000_000
    assert detail.cpu_s == pytest.approx(0.002)
    assert detail.generator_cpu_s == pytest.approx(0.001)
    assert detail.process_cpu_cores == pytest.approx([0.15, 0.05])
    assert one.span_ns == SECOND


def test_memory_of_a_request_is_the_slope_over_the_levels():
    found = describe_service(
        [served(), served(copies=2, peak_bytes=51_000_000), served(copies=3, peak_bytes=52_000_000)]
    )
    assert found.memory_bytes == pytest.approx(1_000_000, rel=1e-6)
    assert describe_service([served(processes=(9, 9, 1))]).processes == 2


def test_an_operation_on_cores_kept_awake_is_described_beside_the_others():
    cold = [recording([6 * MS] * 20, cpu_per_operation_ns=1.5 * MS, sleeps=1.0) for _ in range(2)]
    warm = [recording([5 * MS] * 20, cpu_per_operation_ns=1.2 * MS, sleeps=1.0) for _ in range(2)]
    found = describe(cold, None, 2, warm)
    assert found.awake.cpu_s.value == pytest.approx(0.0012)
    assert found.awake.response_s.value == pytest.approx(0.005)
    assert found.demand.mean_s.value == pytest.approx(0.0015)
    assert describe(cold, None, 2).awake is None

"""Thresholds: the grammar, its errors, and the judgement."""

import math

import pytest

from simulator.thresholds import ThresholdError, evaluate, parse


@pytest.mark.parametrize(
    ("text", "field", "comparison", "limit"),
    [
        ("response_time: p(95) < 150ms", "response_time_s.p95", "<", 0.15),
        ("response_time:p(99.9)<=2s", "response_time_s.p999", "<=", 2.0),
        ("response_time: p(9.9) < 2s", "response_time_s.p9.9", "<", 2.0),
        ("response_time: med < 500us", "response_time_s.p50", "<", 0.0005),
        ("response_time: avg < 1min", "response_time_s.mean", "<", 60.0),
        ("response_time: max < 1h", "response_time_s.max", "<", 3600.0),
        ("throughput > 20000/s", "throughput_per_s", ">", 20000.0),
        ("goodput >= 5/ms", "goodput_per_s", ">=", 5000.0),
        ("error_rate < 1%", "error_rate", "<", 0.01),
        ("success_rate > 99.9 %", "success_rate", ">", 0.999),
        ("timeout_rate < 0.5%", "timeout_rate", "<", 0.005),
        ("retry_rate < 10%", "retry_rate", "<", 0.1),
        ("cpu_utilization < 80%", "cpu_utilization", "<", 0.8),
        ("memory < 4GiB", "memory_bytes.peak", "<", 4 * 2**30),
        ("memory: avg < 1kB", "memory_bytes.mean", "<", 1000.0),
        ("network < 100Mbit/s", "network_bytes_per_s", "<", 12.5e6),
        ("disk < 200MB/s", "disk_bytes_per_s", "<", 2e8),
    ],
)
def test_thresholds_are_read(text, field, comparison, limit):
    found = parse(text, ["agents"])
    assert (found.field, found.comparison, found.workload) == (field, comparison, None)
    assert found.limit == pytest.approx(limit, rel=1e-12)


def test_a_threshold_can_be_of_one_workload():
    found = parse("workload agents response_time: p(99) < 2s", ["agents"])
    assert (found.workload, found.field) == ("agents", "response_time_s.p99")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "accepted: METRIC"),
        ("response_time", "accepted: METRIC"),
        ("response_time: p(95) = 1s", "accepted: METRIC"),
        ("respons_time: p(95) < 1s", "did you mean 'response_time'"),
        ("Latency: p(95) < 1s", "did you mean 'response_time'"),
        ("loudness: p(95) < 1s", "unknown metric 'loudness'; accepted: response_time"),
        ("response_time < 1s", "response_time of what"),
        ("response_time: p95 < 1s", "unknown 'p95'"),
        ("response_time: p(x) < 1s", "accepted"),
        ("response_time: p(100) < 1s", "above 0 and below 100"),
        ("response_time: p(0) < 1s", "above 0 and below 100"),
        ("response_time: p(95) < 150", 'found "150"; accepted: a time'),
        ("response_time: p(95) < 150/s", "accepted: a time"),
        ("throughput: avg > 5/s", "throughput has no 'avg'"),
        ("throughput > 5", "accepted: a rate"),
        ("error_rate < 0.01", "accepted: a share"),
        ("memory: med < 1kB", "unknown 'med'; accepted: max, avg"),
        ("workload agent throughput > 1/s", "did you mean 'agents'"),
        ("workload agents cpu_utilization < 80%", "of the whole system"),
    ],
)
def test_a_wrong_threshold_is_an_error_of_one_line(text, said):
    with pytest.raises(ThresholdError) as caught:
        parse(text, ["agents"])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert repr(text) in str(caught.value)


def judge(text, values, field="throughput_per_s"):
    return evaluate(parse(text, ["agents"]), [{field: value} for value in values], ["agents"])


def test_a_threshold_far_from_the_interval_is_certain():
    met = judge("throughput > 50/s", [99.0, 100.0, 101.0])
    assert (met["passed"], met["verdict"], met["replications_meeting"]) == (True, "pass", 3)
    assert met["probability"] > 0.99
    missed = judge("throughput > 150/s", [99.0, 100.0, 101.0])
    assert (missed["passed"], missed["verdict"], missed["replications_meeting"]) == (False, "fail", 0)
    assert missed["probability"] < 0.01


def test_a_threshold_inside_the_interval_is_uncertain_and_judged_by_the_estimate():
    found = judge("throughput > 99.5/s", [99.0, 100.0, 101.0])
    assert (found["passed"], found["verdict"], found["replications_meeting"]) == (True, "uncertain", 2)
    assert 0.5 < found["probability"] < 0.95
    below = judge("throughput < 99.5/s", [99.0, 100.0, 101.0])
    assert below["passed"] is False
    assert below["probability"] == pytest.approx(1 - found["probability"])


def test_a_limit_that_is_met_exactly_depends_on_the_operator():
    assert not judge("throughput > 100/s", [100.0, 100.0])["passed"]
    assert judge("throughput >= 100/s", [100.0, 100.0])["passed"]


def test_one_replication_has_a_verdict_and_no_probability():
    found = judge("throughput > 50/s", [100.0])
    assert (found["verdict"], found["probability"], found["half_width"]) == ("pass", None, None)


def test_what_is_undefined_is_not_met():
    found = judge("throughput > 50/s", [math.nan, math.nan])
    assert (found["passed"], found["verdict"], found["value"]) == (False, "uncertain", None)


def test_of_a_maximum_the_largest_counts():
    found = judge("response_time: max < 2s", [1.0, 3.0], "response_time_s.max")
    assert (found["value"], found["passed"], found["half_width"]) == (3.0, False, None)


def test_a_workload_is_judged_by_its_own_measures():
    threshold = parse("workload b throughput > 5/s", ["a", "b"])
    measures = {"throughput_per_s": 0.0}
    measures |= {"workloads.0.throughput_per_s": 1.0, "workloads.1.throughput_per_s": 9.0}
    assert evaluate(threshold, [measures], ["a", "b"])["passed"]

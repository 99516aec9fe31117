"""Warnings appear when there is something to say, and only then."""

import pytest

from simulator import warnings


def codes(entries):
    return [entry["code"] for entry in entries]


def test_every_warning_says_what_was_found_and_what_to_do():
    entry = warnings.no_warmup(False)[0]
    assert set(entry) == {"code", "message", "advice"}
    assert all(entry.values())


@pytest.mark.parametrize(
    ("growth", "arrivals", "growing"),
    [
        ([100.0, 110.0, 90.0], [1000.0] * 3, True),
        ([-100.0, 110.0, 5.0], [1000.0] * 3, False),  # by chance
        ([-100.0, -110.0, -90.0], [1000.0] * 3, False),  # shrinking
        ([3.0, 3.0, 3.0], [1000.0] * 3, False),  # too little to matter
        ([500.0], [1000.0], True),
        ([100.0], [1000.0], False),  # one replication: 100 of 1000 may be chance
        ([0.0], [0.0], False),
        ([], [], False),
    ],
)
def test_a_growing_queue_is_told_from_chance(growth, arrivals, growing):
    assert codes(warnings.growing_queue(growth, arrivals)) == (["not_stationary"] if growing else [])


def test_the_worst_of_the_imprecise_estimates_is_named():
    entry = warnings.precision_missed({"a": 0.03, "b": 0.2}, 0.02, "after 40 replications")[0]
    assert entry["message"] == "b is known to ±20.0%, not ±2.0% (after 40 replications)"
    assert warnings.precision_missed({}, 0.02, "") == []


def test_percentiles_with_few_operations_beyond_are_listed():
    assert warnings.few_observations(10_000, [50.0, 99.0, 99.9]) == []
    entry = warnings.few_observations(9_000, [50.0, 99.0, 99.9])[0]
    assert "p999" in entry["message"]
    assert "p99," not in entry["message"]


def test_an_overload_names_the_worst_first_and_whether_work_is_turned_away():
    overloaded = [("web.cpu", "cpu", 1.5), ("web.disk", "link", 1.1)]
    assert "web.cpu (150%), web.disk (110%)" in warnings.overload(overloaded, False)[0]["message"]
    assert codes(warnings.overload(overloaded, True)) == ["overload_shed"]
    assert warnings.overload([], False) == []


def test_nothing_to_say_says_nothing():
    assert warnings.no_warmup(True) == []
    assert warnings.undrained(True) == []
    assert warnings.nothing_completed(1) == []
    assert warnings.single_replication(5) == []
    assert warnings.broken_laws([]) == []
    assert warnings.engine_fallback([]) == []

"""Differences and effects from replications, against numbers worked out by hand and known truths."""

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from simulator.factorial import combinations, effect
from simulator.paired import paired_difference, unpaired_difference


def test_a_paired_difference_is_that_of_the_pairs() -> None:
    found = paired_difference([1.0, 2.0, 3.0], [2.0, 4.0, 6.0])
    assert found.before == 2
    assert found.after == 4
    assert found.difference.value == pytest.approx(2)
    assert found.difference.half_width == pytest.approx(4.302652729911275 / math.sqrt(3))
    assert found.relative.value == pytest.approx(1)
    assert not found.more_than_noise


def test_what_both_share_is_no_noise() -> None:
    shared = [10.0, 50.0, 30.0, 90.0]
    found = paired_difference(shared, [value + delta for value, delta in zip(shared, (1, 1.1, 0.9, 1), strict=True)])
    assert found.more_than_noise
    assert found.replications_unpaired is not None
    assert found.replications_unpaired > 1000
    assert unpaired_difference(shared, [value + 1 for value in shared]).more_than_noise is False


def test_equal_series_differ_by_nothing() -> None:
    found = paired_difference([1.0, 2.0], [1.0, 2.0])
    assert found.difference.value == 0
    assert found.difference.half_width == 0
    assert found.more_than_noise is False
    assert found.replications_unpaired is None


def test_replications_without_a_value_are_left_out_in_both() -> None:
    found = paired_difference([1.0, None, 3.0, 9.0], [2.0, 7.0, None, 11.0])
    assert found.before == 5
    assert found.after == 6.5
    nothing = paired_difference([None, 1.0], [1.0, None])
    assert nothing.difference.value is None
    assert nothing.more_than_noise is None
    alone = paired_difference([1.0], [2.0])
    assert alone.difference.value == 1
    assert alone.more_than_noise is None


def test_a_share_of_nothing_is_undefined() -> None:
    found = paired_difference([0.0, 0.0], [1.0, 2.0])
    assert found.relative.value is None
    assert found.difference.value == 1.5


def test_unpaired_follows_welch() -> None:
    before, after = [27.5, 21.0, 19.0, 23.6, 17.0], [27.1, 22.0, 20.8, 23.4, 23.4, 23.5]
    found = unpaired_difference(before, after).difference
    expected = ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
    assert found.value is not None
    assert found.half_width is not None
    assert found.value - found.half_width == pytest.approx(expected.low)
    assert found.value + found.half_width == pytest.approx(expected.high)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    held = 0
    for _ in range(2000):
        shared = generator.normal(0, 5, 6)
        before, after = shared + generator.normal(0, 1, 6), shared + 3 + generator.normal(0, 1, 6)
        found = paired_difference(before.tolist(), after.tolist()).difference
        held += abs((found.value or 0) - 3) <= (found.half_width or 0)
    assert 0.935 <= held / 2000 <= 0.965


def test_combinations_begin_with_none_and_end_with_all() -> None:
    found = combinations(3)
    assert len(found) == len(set(found)) == 8
    assert found[0] == frozenset()
    assert found[1:4] == [frozenset({0}), frozenset({1}), frozenset({2})]
    assert found[-1] == frozenset({0, 1, 2})


def test_effects_of_two_switches_are_those_worked_out_by_hand() -> None:
    series = {
        frozenset[int](): [10.0, 12.0],
        frozenset({0}): [13.0, 15.0],
        frozenset({1}): [15.0, 17.0],
        frozenset({0, 1}): [24.0, 26.0],
    }
    first, second, both = (effect(frozenset(chosen), series, 2) for chosen in ({0}, {1}, {0, 1}))
    assert first.value == pytest.approx((3 + 9) / 2)
    assert second.value == pytest.approx((5 + 11) / 2)
    assert both.value == pytest.approx(24 - 15 - 13 + 10)
    assert both.half_width == pytest.approx(0)
    # Together = both alone + their interaction.
    together = 24 - 10
    assert together == pytest.approx(3 + 5 + (both.value or 0))


def test_a_sum_has_no_interactions_and_a_product_has_all() -> None:
    def series(value: dict[bool, float], combine: str) -> dict[frozenset[int], list[float | None]]:
        made = {}
        for chosen in combinations(3):
            parts = [value[position in chosen] * (position + 1) for position in range(3)]
            made[chosen] = [sum(parts) if combine == "sum" else math.prod(parts)] * 2
        return made

    levels = {False: 1.0, True: 3.0}
    for chosen in combinations(3):
        if len(chosen) > 1:
            assert effect(chosen, series(levels, "sum"), 3).value == pytest.approx(0)
            assert (effect(chosen, series(levels, "product"), 3).value or 0) > 1
    assert effect(frozenset({2}), series(levels, "sum"), 3).value == pytest.approx(6)
    assert effect(frozenset({0, 1, 2}), series(levels, "product"), 3).value == pytest.approx(6 * 2**3)


def test_a_replication_in_which_one_arm_is_undefined_has_no_effect() -> None:
    series = {frozenset[int](): [1.0, 2.0, 3.0], frozenset({0}): [2.0, None, 6.0]}
    assert effect(frozenset({0}), series, 1).value == pytest.approx(2)

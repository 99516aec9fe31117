"""Student-t intervals, the warm-up cut and the planning of a run's length, against known processes."""

import math

import numpy as np
import pytest
from scipy import stats

from simulator.statistics import (
    Estimate,
    Truncation,
    interval,
    maximum,
    mser5,
    observations_needed,
    percentile_variance_constant,
    probability_below,
    replications_needed,
    student_t,
    variance_constant,
)


def autoregressive(generator, count, phi=0.8, start=0.0):
    """An AR(1) series of variance 1 around 0 that starts `start` away from its mean."""
    noise = generator.normal(0, math.sqrt(1 - phi * phi), count)
    series = np.empty(count)
    value = start
    for index in range(count):
        value = phi * value + noise[index]
        series[index] = value
    return series


def test_student_t_quantiles_are_scipys():
    for degrees in (1, 4, 9, 39):
        assert student_t(0.95, degrees) == pytest.approx(stats.t.ppf(0.975, degrees))


def test_an_interval_is_students():
    values = [3.0, 5.0, 4.0, 6.0]
    found = interval(values)
    low, high = stats.t.interval(0.95, 3, loc=4.5, scale=stats.sem(values))
    assert (found.value - found.half_width, found.value + found.half_width) == pytest.approx((low, high))


def test_a_constant_is_known_exactly():
    assert interval([0.1] * 7) == Estimate(0.1, 0.0)


def test_undefined_replications_are_left_out_and_one_has_no_half_width():
    assert interval([math.nan, 2.0, 2.0]) == Estimate(2.0, 0.0)
    assert interval([2.0]) == Estimate(2.0, None)
    assert interval([math.nan]) == Estimate(None, None)
    assert maximum([math.nan, 2.0, 3.0]) == Estimate(3.0, None)


@pytest.mark.parametrize(
    ("statistic", "truth"),
    [
        (np.mean, 1.0),
        (np.median, math.log(2)),
        (lambda values: np.quantile(values, 0.99, method="inverted_cdf"), math.log(100)),
    ],
    ids=["mean", "p50", "p99"],
)
def test_intervals_over_ten_replications_cover_the_truth_at_their_rate(statistic, truth):
    # Exponential times; 2000 operations a replication, 600 experiments: standard error of the rate .009.
    generator = np.random.default_rng(20)
    samples = generator.exponential(1.0, (600, 10, 2000))
    covered = 0
    for experiment in samples:
        found = interval([float(statistic(replication)) for replication in experiment])
        covered += abs(found.value - truth) <= found.half_width
    assert 0.92 <= covered / 600 <= 0.98


def test_the_probability_of_meeting_a_limit_is_one_half_at_the_mean_and_grows_with_it():
    values = [1.0, 2.0, 3.0]
    assert probability_below(2.0, values) == pytest.approx(0.5)
    assert probability_below(5.0, values) > 0.95
    assert probability_below(-1.0, values) < 0.05
    assert probability_below(3.0, [1.0]) is None
    assert (probability_below(3.0, [1.0, 1.0]), probability_below(0.0, [1.0, 1.0])) == (1.0, 0.0)


def test_mser5_finds_a_known_transient():
    # A start 20 standard deviations off, with phi = .98, is within one of the mean after about 150.
    cuts = []
    for seed in range(30):
        series = autoregressive(np.random.default_rng(seed), 10_000, phi=0.98, start=20.0)
        truncation = mser5(series)
        assert truncation.found
        cuts.append(truncation.count)
    assert 100 <= np.median(cuts) <= 400
    assert np.quantile(cuts, 0.9) < 2500


def test_mser5_removes_most_of_the_bias_that_the_transient_makes():
    kept, whole = [], []
    for seed in range(40):
        series = autoregressive(np.random.default_rng(seed), 5_000, phi=0.98, start=20.0)
        kept.append(series[mser5(series).count :].mean())
        whole.append(series.mean())
    assert np.mean(whole) > 0.15
    assert abs(np.mean(kept)) < 0.06


def test_mser5_leaves_a_stationary_series_nearly_whole():
    counts = [mser5(autoregressive(np.random.default_rng(seed), 10_000, phi=0.5)).count for seed in range(30)]
    assert np.median(counts) < 500
    assert mser5(np.full(1000, 7.0)).count == 0


def test_mser5_refuses_a_series_that_drifts_or_is_too_short():
    drifting = np.arange(10_000) + np.random.default_rng(1).normal(0, 10, 10_000)
    assert mser5(drifting) == Truncation(5000, False)
    assert not mser5(np.arange(50.0)).found


def test_the_variance_constant_of_an_autoregressive_series_is_the_known_one():
    # lim n Var(mean) = (1 + phi) / (1 - phi) = 9 for phi = .8.
    found = [variance_constant(autoregressive(np.random.default_rng(seed), 20_000)) for seed in range(100)]
    assert 8 < np.mean(found) < 10


@pytest.mark.parametrize(("count", "off", "most"), [(50_000, 0.05, 115), (4_000, 0.15, 140)])
def test_the_variance_constant_of_a_percentile_of_independent_values_is_the_known_one(count, off, most):
    # lim n Var(q) = p (1 - p) / f(q)^2 = .99 * .01 / .01^2 = 99 for the p99 of an exponential; few values tell the
    # density from a wider stretch of the tail, in which it falls (1.2 times as much).
    found = []
    for seed in range(100):
        series = np.random.default_rng(seed).exponential(1.0, count)
        value, constant = percentile_variance_constant(series, 99.0)
        assert value == pytest.approx(math.log(100), rel=off)
        found.append(constant)
    assert 90 < np.mean(found) < most


def test_planned_observations_reach_the_precision_about_half_of_the_time_or_better():
    # Independent exponentials: variance constant 1, mean 1.
    count = round(observations_needed(1.0, 1.0, 0.02, 10))
    generator = np.random.default_rng(3)
    widths = [interval(row.mean(axis=1)).half_width for row in generator.exponential(1.0, (200, 10, count))]
    assert 0.018 < np.mean(widths) < 0.022
    assert observations_needed(1.0, 0.0, 0.02, 10) == 0
    assert observations_needed(0.0, 1.0, 0.02, 10) == math.inf


def test_more_replications_are_asked_for_until_the_precision_is_reached():
    assert replications_needed(5, [0.01, 0.02], 0.02) == 5
    assert replications_needed(5, [0.021], 0.02) == 7
    assert replications_needed(10, [0.03], 0.02) == 20
    assert replications_needed(10, [math.inf], 0.02) == 20
    assert replications_needed(3, [], 0.02) == 3


def test_relative_half_widths():
    assert Estimate(2.0, 0.5).relative_half_width == 0.25
    assert Estimate(0.0, 0.0).relative_half_width == 0
    assert Estimate(0.0, 0.1).relative_half_width == math.inf
    assert Estimate(2.0, None).relative_half_width is None

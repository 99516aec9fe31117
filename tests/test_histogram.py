"""The histogram against sorted values, NumPy and hdrhistogram."""

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from simulator.histogram import (
    BINS,
    UPPER_EDGES,
    bin_of,
    bins_of,
    counts_of,
    merged,
    percentiles_ns,
    rank_of,
    share_at_or_below,
)

TIMES = st.integers(0, 2**53 - 1)
SAMPLES = st.lists(TIMES, min_size=1, max_size=200)
PERCENTS = st.floats(0.1, 100)


@given(TIMES)
def test_a_bin_holds_its_value_and_is_at_most_a_thousandth_wide(value_ns):
    index = bin_of(value_ns)
    lower = UPPER_EDGES[index - 1] + 1 if index else 0
    assert lower <= value_ns <= UPPER_EDGES[index]
    assert (UPPER_EDGES[index] - lower) * 1000 <= max(lower, 1)


@given(st.lists(st.integers(0, 2**62), min_size=1, max_size=100))
def test_bins_of_many_values_are_the_bins_of_each(values_ns):
    assert bins_of(np.array(values_ns)).tolist() == [bin_of(value) for value in values_ns]


def test_edges_rise_and_every_edge_lies_in_its_own_bin():
    assert (np.diff(UPPER_EDGES) > 0).all()
    assert (bins_of(UPPER_EDGES) == np.arange(BINS)).all()
    assert (bins_of(UPPER_EDGES[:-1] + 1) == np.arange(1, BINS)).all()


@given(SAMPLES, PERCENTS)
def test_a_percentile_is_the_smallest_value_with_that_share_at_or_below(values_ns, percent):
    found_ns = percentiles_ns(counts_of(np.array(values_ns)), [percent])[0]
    exact_ns = np.quantile(np.array(values_ns), percent / 100, method="inverted_cdf")
    assert exact_ns <= found_ns <= exact_ns * 1.001 + 1


@given(st.lists(st.integers(0, 2047), min_size=1, max_size=50), PERCENTS)
def test_small_times_are_exact(values_ns, percent):
    found_ns = percentiles_ns(counts_of(np.array(values_ns)), [percent])[0]
    at_or_below = sum(value <= found_ns for value in values_ns)
    below = sum(value < found_ns for value in values_ns)
    assert found_ns in values_ns
    assert at_or_below / len(values_ns) >= percent / 100 - 1e-12
    assert below / len(values_ns) < percent / 100


@pytest.mark.parametrize(
    ("percent", "total", "rank"), [(7, 100, 7), (29, 100, 29), (99.9, 1000, 999), (50, 3, 2)]
)
def test_ranks_are_exact_where_floats_are_not(percent, total, rank):
    assert rank_of(percent, total) == rank
    assert rank_of(percent, 0) == 1


def test_percentiles_of_many_histograms_at_once_are_those_of_each():
    generator = np.random.default_rng(1)
    histograms = np.stack([counts_of(generator.integers(0, 10**9, n)) for n in (1, 10, 1000)])
    together = percentiles_ns(histograms, (50, 99, 99.9))
    for row, histogram in zip(together, histograms, strict=True):
        assert row.tolist() == percentiles_ns(histogram, (50, 99, 99.9)).tolist()


def test_an_empty_histogram_has_no_percentiles():
    empty = counts_of(np.array([], dtype=np.int64))
    both = np.stack([empty, counts_of(np.array([5]))])
    assert np.isnan(percentiles_ns(both, [50])).tolist() == [[True], [False]]
    assert np.isnan(share_at_or_below(empty, 10))


@given(SAMPLES, SAMPLES)
def test_merging_is_the_histogram_of_all(first_ns, second_ns):
    both = merged([counts_of(np.array(first_ns)), counts_of(np.array(second_ns))])
    assert (both == counts_of(np.array(first_ns + second_ns))).all()


def test_shares_count_the_observations_at_or_below():
    counts = counts_of(np.array([10, 20, 20, 5_000_000]))
    assert share_at_or_below(counts, 9) == 0
    assert share_at_or_below(counts, 20) == 0.75
    assert share_at_or_below(counts, 6_000_000) == 1


def test_agrees_with_hdrhistogram_to_the_width_of_the_bins():
    values_ns = np.random.default_rng(2).lognormal(15, 1, 20_000).astype(np.int64)
    reference = HdrHistogram(1, 10**12, 4)
    for value in values_ns.tolist():
        reference.record_value(value)
    counts = counts_of(values_ns)
    for percent in (1, 50, 90, 95, 99, 99.9, 99.99):
        ours = percentiles_ns(counts, [percent])[0]
        assert ours == pytest.approx(reference.get_value_at_percentile(percent), rel=0.0012)

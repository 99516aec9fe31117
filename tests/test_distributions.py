"""Distributions: what is written gives the parameters, and these the moments, of the textbooks."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from models.distributions import Distribution, constant, print_distribution, read_distribution
from models.quantile_table import quantile_of_table

MS = 1e6


def time(**table: Any) -> Distribution:
    return read_distribution(table, "time")


def scipy_law(distribution: Distribution) -> Any:
    """The same law, built by SciPy from the parameters that a draw uses."""
    p = distribution.parameters()
    laws = {
        "uniform": lambda: stats.uniform(p[0], p[1] - p[0]),
        "exponential": lambda: stats.expon(scale=p[0]),
        "erlang": lambda: stats.gamma(p[0], scale=p[1]),
        "gamma": lambda: stats.gamma(p[0], scale=p[1]),
        "lognormal": lambda: stats.lognorm(p[1], scale=math.exp(p[0])),
        "weibull": lambda: stats.weibull_min(p[0], scale=p[1]),
        "pareto": lambda: stats.truncpareto(p[0], p[2] / p[1], scale=p[1]),
    }
    return laws[distribution.kind]()


SCIPY_CASES = [
    time(distribution="uniform", low="1ms", high="3ms"),
    time(distribution="exponential", mean="2ms"),
    time(distribution="erlang", shape=3, mean="2ms"),
    time(distribution="gamma", mean="2ms", cv=0.5),
    time(distribution="gamma", mean="2ms", cv=2.0),
    time(distribution="lognormal", mean="2ms", cv=0.3),
    time(distribution="lognormal", p50="2ms", p95="9ms"),
    time(distribution="weibull", mean="2ms", cv=0.2),
    time(distribution="weibull", mean="2ms", cv=3.0),
    time(distribution="weibull", shape=1.7, scale="2ms"),
    time(distribution="pareto", shape=1.5, low="1ms", high="1s"),
    time(distribution="pareto", shape=0.7, low="1ms", high="1s"),
    time(distribution="pareto", shape=3.5, low="1ms", high="50ms"),
]


@pytest.mark.parametrize("distribution", SCIPY_CASES, ids=lambda d: f"{d.kind} {d.written}")
def test_moments_are_those_of_the_law_that_is_drawn(distribution: Distribution) -> None:
    law = scipy_law(distribution)
    assert distribution.mean == pytest.approx(float(law.mean()), rel=1e-9)
    assert distribution.variance == pytest.approx(float(law.var()), rel=1e-7)
    assert distribution.low == pytest.approx(float(law.support()[0]))


@pytest.mark.parametrize("order", [1, 2])
def test_pareto_moments_at_the_shapes_where_the_general_formula_divides_by_zero(order: int) -> None:
    exact = time(distribution="pareto", shape=order, low="1ms", high="1s")
    near = time(distribution="pareto", shape=order + 1e-7, low="1ms", high="1s")
    assert exact.mean == pytest.approx(near.mean, rel=1e-5)
    assert exact.variance == pytest.approx(near.variance, rel=1e-5)


@given(
    st.floats(0.02, 50.0),
    st.floats(1.0, 1e6),
    st.sampled_from(["gamma", "lognormal", "weibull", "hyperexponential"]),
)
def test_mean_and_cv_are_what_was_asked_for(cv: float, mean_us: float, kind: str) -> None:
    if kind == "hyperexponential":
        cv += 1
    distribution = time(distribution=kind, mean=f"{mean_us!r}us", cv=cv)
    assert distribution.mean == pytest.approx(mean_us * 1e3, rel=1e-6)
    assert distribution.cv == pytest.approx(cv, rel=1e-6)


def test_hyperexponential_means_are_balanced() -> None:
    first, mean1, mean2 = time(distribution="hyperexponential", mean="1ms", cv=2.0).parameters()
    assert first * mean1 == pytest.approx((1 - first) * mean2)
    assert mean1 < mean2


def test_lognormal_percentiles_are_what_was_asked_for() -> None:
    law = scipy_law(time(distribution="lognormal", p50="2ms", p95="9ms"))
    assert law.ppf(0.5) == pytest.approx(2 * MS)
    assert law.ppf(0.95) == pytest.approx(9 * MS)


def test_a_plain_value_is_constant() -> None:
    distribution = read_distribution("1.5ms", "time")
    assert (distribution.kind, distribution.parameters()) == ("constant", (1.5 * MS,))
    assert (distribution.mean, distribution.variance, distribution.cv, distribution.low) == (
        1.5 * MS,
        0,
        0,
        1.5 * MS,
    )
    assert read_distribution({"distribution": "constant", "value": "1.5ms"}, "time") == distribution
    assert not distribution.is_zero
    assert read_distribution("0s", "time").is_zero
    assert read_distribution("0s", "time").cv == 0


def test_sizes_and_numbers_have_their_own_units() -> None:
    assert read_distribution({"distribution": "uniform", "low": "1kB", "high": "1KiB"}, "size").parameters() == (
        1000,
        1024,
    )
    assert read_distribution({"distribution": "exponential", "mean": 2.5}, "number").parameters() == (2.5,)
    assert read_distribution(3, "number") == constant(3.0, "number")


TABLE = ((0.0, 1.0), (0.5, 2.0), (0.9, 4.0), (0.99, 10.0), (0.999, 30.0), (1.0, 100.0))


@pytest.mark.parametrize(("probability", "value"), TABLE)
def test_an_empirical_quantile_is_the_table_at_its_rows(probability: float, value: float) -> None:
    assert quantile_of_table(TABLE, probability) == pytest.approx(value)


@pytest.mark.parametrize(
    ("probability", "value"),
    [
        (0.25, 1.5),
        (0.7, 3.0),
        (1 - math.sqrt(0.1 * 0.01), 7.0),  # halfway in -log(1 - p) between 0.9 and 0.99
        (1 - math.sqrt(0.01 * 0.001), 20.0),
        (0.9995, 65.0),  # linear in p in the last segment
    ],
)
def test_an_empirical_quantile_is_logarithmic_in_the_tail_only(probability: float, value: float) -> None:
    assert quantile_of_table(TABLE, probability) == pytest.approx(value)


@pytest.mark.parametrize("probability", [-0.1, 1.1])
def test_there_is_no_quantile_outside(probability: float) -> None:
    with pytest.raises(ValueError, match="no quantile"):
        quantile_of_table(TABLE, probability)


def test_empirical_moments_are_integrals_of_the_quantile_function() -> None:
    rows = [[p, f"{value}ms"] for p, value in TABLE]
    distribution = time(distribution="empirical", quantiles=rows)
    points = [p for p, _ in TABLE]
    mean, second = (
        sum(
            integrate.quad(lambda p, k=power: quantile_of_table(TABLE, p) ** k, left, right)[0]
            for left, right in itertools.pairwise(points)
        )
        for power in (1, 2)
    )
    assert distribution.mean == pytest.approx(mean * MS, rel=1e-7)
    assert distribution.variance == pytest.approx((second - mean**2) * MS**2, rel=1e-6)
    assert distribution.low == 1 * MS
    assert distribution.quantiles[1] == (0.5, 2 * MS)
    assert distribution.parameters() == ()


def test_empirical_moments_agree_with_draws() -> None:
    uniforms = np.random.default_rng(7).random(200_000)
    sample = np.array([quantile_of_table(TABLE, p) for p in uniforms])
    rows = [[p, f"{value}ms"] for p, value in TABLE]
    distribution = time(distribution="empirical", quantiles=rows)
    standard_error = sample.std() / math.sqrt(len(sample))
    assert abs(sample.mean() - distribution.mean / MS) < 3.5 * standard_error


def test_only_mass_at_zero_can_be_zero() -> None:
    half = time(distribution="empirical", quantiles=[[0.0, "0s"], [0.5, "0s"], [1.0, "1ms"]])
    assert half.can_be_zero
    assert not half.is_zero
    assert not time(distribution="empirical", quantiles=[[0.0, "0s"], [1.0, "1ms"]]).can_be_zero
    assert not time(distribution="exponential", mean="1ms").can_be_zero
    assert read_distribution("0s", "time").can_be_zero


@pytest.mark.parametrize("distribution", SCIPY_CASES, ids=lambda d: f"{d.kind} {d.written}")
def test_a_printed_distribution_reads_back_equal(distribution: Distribution) -> None:
    again = read_distribution(print_distribution(distribution), "time")
    assert again == distribution
    assert again.parameters() == distribution.parameters()


def test_a_mean_of_the_smallest_time_is_accepted_where_rounding_puts_it_below():
    written = {"distribution": "lognormal", "mean": "1ns", "cv": 2.0}
    assert read_distribution(written, "time").mean == pytest.approx(1.0)
    with pytest.raises(ValueError, match="at least 1ns"):
        read_distribution(written | {"mean": "0.9ns"}, "time")

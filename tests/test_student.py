"""Student's t against SciPy's."""

import math

import pytest
from scipy.special import stdtr, stdtrit

from simulator.student import cumulative, quantile

DEGREES = [1, 2, 3, 4, 5, 9, 10, 19, 39, 40, 99, 1000]


@pytest.mark.parametrize("degrees", DEGREES)
def test_probabilities_are_scipys(degrees: int) -> None:
    for tenth in range(-80, 81, 5):
        assert cumulative(degrees, tenth / 10) == pytest.approx(stdtr(degrees, tenth / 10), abs=1e-13)
    assert (cumulative(degrees, -math.inf), cumulative(degrees, math.inf)) == (0.0, 1.0)


@pytest.mark.parametrize("degrees", DEGREES)
@pytest.mark.parametrize("probability", [0.5, 0.6, 0.9, 0.95, 0.975, 0.995, 0.9995])
def test_quantiles_are_scipys(degrees: int, probability: float) -> None:
    assert quantile(degrees, probability) == pytest.approx(stdtrit(degrees, probability), rel=1e-10, abs=1e-12)


def test_a_quantile_beyond_the_range_is_refused() -> None:
    for probability in (0.4, 1.0):
        with pytest.raises(ValueError, match="probability"):
            quantile(5, probability)

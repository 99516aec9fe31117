"""Gaps between percentiles: a figure is predicted from those of its own level and of the others, at any scale."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.audit.gaps_model import predicted_from_gaps
from calibration.audit.left_out import LeftOut, agreed
from calibration.audit.shape_model import predicted_from_all_others

NAMES = ("p50", "p90", "p95", "p99")
LOADS = np.array([1.0, 2.0, 4.0, 8.0, 16.0])


def saturating(wrong: dict[tuple[int, int], float]) -> NDArray[np.float64]:
    """Return logarithms of percentiles that queue more and more while their gaps hardly grow; with wrong ones."""
    ends = -np.log(1.0 - np.array([0.5, 0.9, 0.95, 0.99]))
    figures = np.array([start + scale * ends for start, scale in ((1, 1), (3, 1.2), (9, 1.4), (25, 1.6), (60, 1.8))])
    for (level, place), factor in wrong.items():
        figures[level, place] *= factor
    return np.asarray(np.log(figures))


def by_gaps(figures: NDArray[np.float64]) -> LeftOut:
    found = predicted_from_gaps(NAMES, figures, np.full(figures.shape, 5e-4), LOADS)
    assert found is not None
    return found


def test_percentiles_of_one_form_at_any_location_and_scale_are_as_expected() -> None:
    assert np.abs(by_gaps(saturating({})).off).max() < 0.01


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("factor", [1.12, 1 / 1.12])
def test_a_figure_that_is_off_by_little_is_far_off_by_its_gaps(place: int, factor: float) -> None:
    figures, rounding = saturating({(3, place): factor}), np.full((5, 4), 5e-4)
    found, of_logarithms = by_gaps(figures), predicted_from_all_others(NAMES, figures, rounding, LOADS)
    assert found.off[3, place] == pytest.approx(np.log(factor), abs=0.03)
    assert found.chance[3, place] < 1e-4
    assert found.deviation is not None
    assert of_logarithms.deviation is not None
    assert found.deviation[3, place] < of_logarithms.deviation[3, place]


def test_levels_without_gaps_and_too_few_percentiles_are_not_judged() -> None:
    rounding = np.full((5, 4), 5e-4)
    flat = saturating({})
    flat[2] = flat[2, 0]
    assert predicted_from_gaps(NAMES, flat, rounding, LOADS) is None
    assert predicted_from_gaps(NAMES[:2], flat[:, :2], rounding[:, :2], LOADS) is None


def test_predictions_that_differ_are_less_sure_than_each() -> None:
    one = LeftOut(np.array([[0.3]]), np.ones((1, 1)), np.array([[0.02]]))
    same, other = agreed(one, one), agreed(one, LeftOut(np.array([[0.0]]), np.ones((1, 1)), np.array([[0.02]])))
    assert same.off[0, 0] == pytest.approx(0.3)
    assert same.deviation is not None
    assert same.deviation[0, 0] == pytest.approx(0.02)
    assert other.off[0, 0] == pytest.approx(0.15)
    assert same.chance[0, 0] < 2e-4
    assert other.chance[0, 0] > 0.3
    with pytest.raises(ValueError, match="deviation"):
        agreed(LeftOut(one.off, one.chance), one)

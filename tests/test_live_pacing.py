"""When operations are meant to start."""

import numpy as np
import pytest

from calibration.live.pacing import Pacing

SECOND = 1_000_000_000


def test_a_closed_loop_has_no_schedule():
    assert len(Pacing().schedule(1, 0, SECOND, 1)) == 0


@pytest.mark.parametrize("duration_s", [0.001, 1, 20])
def test_pauses_last_for_the_whole_level_however_fast_the_operations_are(duration_s):
    pauses = Pacing(think_mean_ns=10_000_000).schedule(3, 1, int(duration_s * SECOND), 7)
    assert pauses.sum() >= duration_s * SECOND
    assert pauses.min() >= 0


def test_pauses_have_the_mean_and_the_spread_of_their_kind():
    drawn = Pacing(think_mean_ns=1_000_000).schedule(1, 0, 20 * SECOND, 1)
    assert drawn.mean() == pytest.approx(1_000_000, rel=0.03)
    assert drawn.std() == pytest.approx(1_000_000, rel=0.05)
    assert set(Pacing(think_mean_ns=5, think_kind="constant").schedule(1, 0, 100, 1)) == {5}


def test_arrivals_of_all_copies_together_make_the_rate():
    copies = 5
    starts = [Pacing(rate_per_s=200.0).schedule(copies, copy, 50 * SECOND, 3) for copy in range(copies)]
    assert sum(len(each) for each in starts) == pytest.approx(10_000, rel=0.04)
    for each in starts:
        assert (np.diff(each) >= 0).all()
        assert each[-1] < 50 * SECOND


def test_copies_draw_differently_and_the_same_seed_draws_the_same():
    pacing = Pacing(rate_per_s=100.0)
    first, again = pacing.schedule(2, 0, SECOND, 1), pacing.schedule(2, 0, SECOND, 1)
    assert first.tolist() == again.tolist()
    assert first.tolist() != pacing.schedule(2, 1, SECOND, 1).tolist()
    assert first.tolist() != pacing.schedule(2, 0, SECOND, 2).tolist()


def test_a_rate_below_one_arrival_may_give_none():
    assert len(Pacing(rate_per_s=0.001).schedule(1, 0, SECOND, 1)) == 0


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_must_be_above_zero(rate):
    with pytest.raises(ValueError, match="above 0"):
        Pacing(rate_per_s=rate)


def test_a_rate_beside_a_think_time_is_an_error():
    with pytest.raises(ValueError, match="not by both"):
        Pacing(think_mean_ns=1, rate_per_s=1.0)

"""Repeats of levels: interleaved, judged, measured again within a bound, never silently averaged."""

import pytest

from calibration.live.errors import LiveError
from calibration.live.repeats import MORE_ROUNDS, Judge, measure_all

QUIET = ((), 0.0)


def run(values, *, plans=("a", "b"), repeats=2, retries=0, stop_after=None, judge=None, precision=0.0):
    """Measure plans whose values come from `values[plan]`, in turn."""
    taken = {plan: iter(values[plan]) for plan in plans}
    order = []

    def measure(plan, repeat):
        if stop_after is not None and len(order) >= stop_after:
            raise KeyboardInterrupt
        order.append((plan, repeat))
        value = next(taken[plan])
        if isinstance(value, Exception):
            raise value
        return value

    def loud(plan, value):
        return (["other load"], value) if value > 100 else QUIET

    found = measure_all(
        plans,
        repeats=repeats,
        retries=retries,
        measure=measure,
        judge=judge or Judge(loud, key=lambda value: 1.0),
        tell=lambda repeat: None,
        precision=precision,
    )
    return found, order


def test_levels_are_interleaved_and_each_round_begins_with_another():
    _, order = run({"a": [1, 2, 3], "b": [3, 4, 5]}, repeats=3)
    assert order == [("a", 1), ("b", 1), ("b", 2), ("a", 2), ("a", 3), ("b", 3)]


def test_a_disturbed_repeat_is_left_out_and_measured_again():
    found, order = run({"a": [500, 2, 3], "b": [4, 5]}, retries=3)
    assert order[4:] == [("a", 3)]
    assert [repeat.value for repeat in found.kept()] == [2, 3, 4, 5]
    assert found.never_quiet() == []


def test_repetition_ends_at_its_bound_and_the_least_disturbed_stands_for_its_level():
    found, order = run({"a": [500, 300, 400, 600], "b": [4, 5]}, retries=2)
    assert len(order) == 6
    assert [repeat.value for repeat in found.kept()] == [300, 4, 5]
    assert found.never_quiet() == ["a"]


def test_the_level_with_fewest_repeats_is_measured_again_first():
    _, order = run({"a": [500, 500, 500, 1], "b": [500, 500, 500, 1]}, retries=4)
    assert order[4:] == [("a", 3), ("b", 3), ("a", 4), ("b", 4)]


def test_a_repeat_far_from_the_others_is_disturbed_though_nothing_else_shows():
    judge = Judge(lambda plan, value: QUIET, key=float, stray_limit=0.05)
    found, order = run({"a": [100, 101, 120, 99]}, plans=("a",), repeats=3, retries=1, judge=judge)
    assert [repeat.value for repeat in found.kept()] == [100, 101, 99]
    assert "20.0%" not in str(found.of("a")[0].problems)
    assert "19.4%" in found.of("a")[2].problems[0]
    assert order[-1] == ("a", 4)


def test_two_repeats_do_not_call_each_other_strays():
    judge = Judge(lambda plan, value: QUIET, key=float)
    found, _ = run({"a": [100, 200]}, plans=("a",), judge=judge)
    assert len(found.kept()) == 2


def test_a_level_without_a_usual_repeat_keeps_them_all():
    judge = Judge(lambda plan, value: QUIET, key=float, stray_limit=0.05)
    found, order = run({"a": [24, 33, 25, 34, 26, 32]}, plans=("a",), repeats=4, retries=2, judge=judge)
    assert [repeat.value for repeat in found.kept()] == [24, 33, 25, 34, 26, 32]
    assert len(order) == 6, "what repeats badly is measured more often"


def test_retries_that_nothing_disturbed_needs_go_to_what_repeats_worst():
    judge = Judge(lambda plan, value: (["other load"], 2.0) if value > 1000 else QUIET, key=float, stray_limit=0.05)
    values = {"a": [100, 101, 99], "b": [100, 118, 83, 101, 99], "c": [100, 5000, 130, 75, 100, 100]}
    _, order = run(values, plans=("a", "b", "c"), repeats=3, retries=3, judge=judge)
    assert order[9] == ("c", 4), "first what was disturbed"
    assert [plan for plan, _ in order[10:]] == ["c", "c"], "then what is known worst"


def test_levels_that_repeat_well_use_no_retries():
    judge = Judge(lambda plan, value: QUIET, key=float, stray_limit=0.05)
    _, order = run({"a": [100, 103, 98]}, plans=("a",), repeats=3, retries=3, judge=judge)
    assert len(order) == 3


def test_a_repeat_many_times_as_far_away_as_the_others_is_a_stray_though_these_differ():
    judge = Judge(lambda plan, value: QUIET, key=float, stray_limit=0.05)
    found, order = run({"a": [100, 168, 93, 108]}, plans=("a",), repeats=3, retries=1, judge=judge)
    assert [repeat.value for repeat in found.kept()] == [100, 93, 108]
    assert order[-1] == ("a", 4)


def test_a_repeat_at_a_rate_in_which_the_service_stood_still_is_measured_again():
    # CPU of an operation is the same in all; one takes seven times as long as the others
    judge = Judge(lambda plan, value: QUIET, key=lambda value: 1.0, late=float)
    found, order = run({"a": [15.2, 1.9, 2.1, 2.0]}, plans=("a",), repeats=3, retries=1, judge=judge)
    assert [repeat.value for repeat in found.kept()] == [1.9, 2.1, 2.0]
    assert "7.4 times as long" in found.of("a")[0].problems[0]
    assert len(order) == 4


@pytest.mark.parametrize("times", [[2.2, 2.4, 4.5], [82.0, 119.0, 230.0], [3.0, 0.2, 3.1]])
def test_response_times_at_a_rate_differ_by_much_without_a_stray(times):
    judge = Judge(lambda plan, value: QUIET, key=lambda value: 1.0, late=float)
    found, order = run({"a": times}, plans=("a",), repeats=3, retries=3, judge=judge)
    assert [repeat.value for repeat in found.kept()] == times
    assert len(order) == 3


def test_an_interruption_keeps_what_was_measured():
    found, _ = run({"a": [1, 2], "b": [3, 4]}, stop_after=3)
    assert found.interrupted
    assert [repeat.value for repeat in found.kept()] == [1, 3, 4]


def test_an_interruption_at_once_leaves_nothing():
    found, _ = run({"a": [1], "b": [2]}, stop_after=0)
    assert found.interrupted
    assert found.kept() == []
    assert found.never_quiet() == []


def test_a_level_that_cannot_be_measured_is_given_up_and_the_others_go_on():
    error = LiveError("the program", "no operation", "a longer --duration")
    found, order = run({"a": [1, 2, 3], "b": [error]}, repeats=3, retries=2)
    assert order == [("a", 1), ("b", 1), ("a", 2), ("a", 3)]
    assert [repeat.value for repeat in found.kept()] == [1, 2, 3]
    assert [(one.plan, one.number, one.error) for one in found.lost] == [("b", 1, error)]
    assert found.never_quiet() == []


def test_repeats_of_a_level_stay_though_a_later_one_could_not_be_measured():
    error = LiveError("the program", "no operation", "a longer --duration")
    found, order = run({"a": [1, error], "b": [3, 500, 4]}, retries=2)
    assert [repeat.value for repeat in found.kept()] == [1, 3, 4]
    assert order[4:] == [("b", 3)]


def test_where_the_first_level_cannot_be_measured_there_is_nothing_to_keep():
    with pytest.raises(LiveError, match="no operation"):
        run({"a": [LiveError("the program", "no operation", "a longer --duration")], "b": [1]})


WANTED = Judge(lambda plan, value: QUIET, key=lambda value: 1.0, wanted=lambda value: [float(value), 1.0])


def test_rounds_of_all_levels_are_made_until_each_mean_is_known():
    values = {"a": [100, 110, 105, 104, 106, 105, 105], "b": [200] * 7}
    found, order = run(values, repeats=3, judge=WANTED, precision=0.017)
    # a standard error of 2.8 % after three repeats, 2.0 % after four, 1.6 % after five
    assert order[6:] == [("a", 4), ("b", 4), ("a", 5), ("b", 5)]
    assert [repeat.value for repeat in found.of("a")] == values["a"][:5]


def test_a_level_that_never_settles_is_not_repeated_for_ever():
    values = {"a": [100, 200] * 10, "b": [1] * 20}
    _, order = run(values, repeats=3, judge=WANTED, precision=0.01)
    assert len(order) == 2 * (3 + MORE_ROUNDS)


def test_fewer_than_three_repeats_are_as_many_as_were_asked_for():
    _, order = run({"a": [100, 200], "b": [1, 2]}, repeats=2, judge=WANTED, precision=0.01)
    assert len(order) == 4
    _, order = run({"a": [100, 200, 300], "b": [1, 2, 3]}, repeats=3, judge=WANTED)
    assert len(order) == 6

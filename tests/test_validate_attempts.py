"""Attempts at a validation: repeated where the machine changed, chosen by that alone, all of them reported."""

import json
from pathlib import Path

import pytest

from calibration.drift import chance_of_change
from calibration.live.errors import LiveError
from calibration.live.measured import Measurement
from calibration.validate import compare
from calibration.validate_attempts import until_undisturbed
from calibration.validate_live import calibrated_as
from calibration.validate_text import validation_json, validation_text
from simulator.cli.main import main
from tests.test_validate_levels import calibrated, level, measurement, predicted, prediction

__all__ = ["calibrated"]

STEADY = [990.0, 1000.0, 1010.0]


def fitted(rates=STEADY):
    return measurement([level(1, 500.0), *(level(2, rate, repeat=index) for index, rate in enumerate(rates, 1))])


def held(faster=1.0, at_eight=1000.0, **changes):
    return measurement([*(level(2, rate * faster) for rate in STEADY), level(8, at_eight)], **changes)


def validation(faster=1.0, at_eight=1000.0, **changes):
    return compare(prediction(predicted(8, 1000.0, "past")), held(faster, at_eight, **changes), fitted())


def made(*attempts, most=3, before=()):
    """Return what counts of these attempts, its index, how many were made, and what was told."""
    waiting, told = list(attempts), []

    def attempt(index):
        assert index == len(attempts) - len(waiting) + len(before)
        found = waiting.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    found, index = until_undisturbed(attempt, most, told.append, 0.05, before)
    return found, index, len(attempts) - len(waiting), told


def test_an_undisturbed_attempt_is_the_only_one():
    found, index, count, told = made(validation(1.01), validation())
    assert (index, count, told) == (0, 1, [])
    assert not found.disturbed
    assert "attempt 1" not in validation_text(found)


def test_where_the_machine_changed_all_is_done_again_and_every_attempt_is_told():
    # the first prediction is exact and the second a tenth too low: the drift decides, not the error
    found, index, count, told = made(validation(1.1, 1000.0), validation(1.0, 1111.0), validation())
    assert (index, count) == (1, 2)
    assert [one.counts for one in found.attempts] == [False, True]
    assert [round(one.errors["throughput"], 2) for one in found.attempts] == [0.0, 0.1]
    assert found.pairs("throughput")[0].measured == 1111.0
    assert "+10.0%" in told[0]
    text = validation_text(found)
    assert "+10.0% since it was calibrated (±2.5% allowed): disturbed; throughput off by 0.0 %" in text
    assert "+0.0% since it was calibrated (±2.5% allowed): undisturbed, counts; throughput off by 10.0 %" in text
    assert [one["counts"] for one in validation_json(found)["attempts"]] == [False, True]


def test_of_disturbed_attempts_the_one_with_the_least_drift_counts():
    found, index, count, _ = made(validation(0.9), validation(1.04, 2000.0), validation(1.3))
    assert (index, count) == (1, 3)
    assert found.disturbed
    assert "counts as the least disturbed" in validation_text(found)


def test_what_repeats_badly_may_change_by_as_much():
    rough = [800.0, 1000.0, 1200.0]
    noisy = compare(prediction(predicted(8, 1000.0, "past")), held(1.1), fitted(rough))
    assert noisy.again.chance == pytest.approx(0.118, abs=0.005)
    assert made(noisy)[2] == 1


def test_one_attempt_is_not_repeated_but_says_that_it_was_disturbed():
    found, _, count, _ = made(validation(1.1), validation(), most=1)
    assert count == 1
    assert found.disturbed
    assert "attempt 1" in validation_text(found)


@pytest.mark.parametrize(("ended", "interrupted"), [(LiveError("x", "y", "z"), False), (KeyboardInterrupt(), True)])
def test_an_attempt_that_cannot_be_made_leaves_those_before(ended, interrupted):
    found, index, count, told = made(validation(1.1), ended)
    assert (index, count, found.interrupted) == (0, 2, interrupted)
    assert "attempt 2 could not be made" in told[-1]


def test_the_first_attempt_s_error_is_everybody_s():
    with pytest.raises(LiveError):
        made(LiveError("x", "y", "z"))


def test_an_interrupted_attempt_counts_only_where_there_is_no_other():
    found, index, count, _ = made(validation(1.1), validation(interrupted=True))
    assert (index, count, found.interrupted) == (0, 2, True)
    found, index, count, _ = made(validation(interrupted=True), validation())
    assert (index, count, found.interrupted) == (0, 1, True)
    found, index, count, _ = made(validation(1.01), before=[validation(1.04, interrupted=True)])
    assert "disturbed, interrupted; throughput" in validation_text(found)
    assert (index, count, found.interrupted) == (1, 1, False)


def test_attempts_of_before_count():
    found, index, count, _ = made(validation(1.2), most=3, before=[validation(1.1), validation(1.04)])
    assert (index, count, len(found.attempts)) == (1, 1, 3)
    assert made(most=3, before=[validation(1.1), validation()])[1:3] == (1, 0)


def test_chance_is_that_of_the_difference_of_two_groups():
    assert chance_of_change([100.0, 100.0], [50.0, 50.0]) == 0.0
    assert chance_of_change([100.0], [50.0]) == pytest.approx(0.08 * 2**0.5)
    # standard deviation 0.1 in both, of three repeats each
    spread = [100.0 * 2.718281828 ** (0.1 * one) for one in (-1, 0, 1)]
    assert chance_of_change(spread, spread) == pytest.approx(0.1 * (2 / 3) ** 0.5)


def test_a_calibration_is_made_once_more_as_it_was(calibrated):
    first = Measurement.load("sim-measurement.json")
    settings = calibrated_as(first, 4, 1)
    assert [plan.copies for plan in settings.plans()] == [1, 2]
    assert (settings.repeats, settings.retries, settings.seed) == (1, 4, first.seed + 1)
    assert (settings.duration_ns, settings.warmup_ns) == (200_000_000, 20_000_000)


def test_validate_calibrates_anew_where_the_machine_changed(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("sim-measurement.json").write_text(fitted().model_dump_json())
    anew = fitted([1080.0, 1100.0, 1120.0])
    results = iter([held(1.1), anew, held(1.1)])
    predictions = iter([prediction(predicted(8, 900.0, "past")), prediction(predicted(8, 1000.0, "past"))])
    fits = []

    def fit_into(path, measured, tell):
        fits.append((path, measured))
        return "Fitted: something"

    monkeypatch.setattr("simulator.cli.validate_levels.measure_again", lambda *_: next(results))
    monkeypatch.setattr("simulator.cli.validate_levels.calibrated_as", lambda *_: None)
    monkeypatch.setattr("simulator.cli.validate_levels._predicted", lambda *_: next(predictions))
    monkeypatch.setattr("simulator.cli.validate_levels.fit_into", fit_into)
    assert main(["validate", "--procs", "8"]) == 0
    out, err = capsys.readouterr()
    assert "attempt 2" in out
    assert "calibrated, predicted, measured anew" in err
    assert Path("sim-measurement.json").read_text() == anew.to_json()
    assert fits == [("sim-profile.toml", anew)]
    assert json.loads(Path("sim-prediction.json").read_text())["levels"][0]["figures"]["throughput"]["value"] == 1000.0


def test_validate_says_by_its_exit_code_that_the_machine_never_kept_still(monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    Path("sim-measurement.json").write_text(fitted().model_dump_json())
    results = iter([held(1.04), fitted(), held(1.2)])
    predictions = iter([prediction(predicted(8, rate, "past")) for rate in (900.0, 1000.0)])
    monkeypatch.setattr("simulator.cli.validate_levels.measure_again", lambda *_: next(results))
    monkeypatch.setattr("simulator.cli.validate_levels.calibrated_as", lambda *_: None)
    monkeypatch.setattr("simulator.cli.validate_levels._predicted", lambda *_: next(predictions))
    assert main(["validate", "--procs", "8", "--attempts", "2"]) == 4
    assert "counts as the least disturbed" in capsys.readouterr().out
    # the first one counts, so its calibration stays and its prediction is there again
    assert Measurement.load("sim-measurement.json") == fitted()
    assert json.loads(Path("sim-prediction.json").read_text())["levels"][0]["figures"]["throughput"]["value"] == 900.0

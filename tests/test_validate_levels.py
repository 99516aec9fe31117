"""`sim validate --procs | --rate`: the prediction stands before the measurement, and the errors are what they say."""

import json
from pathlib import Path

import pytest

from benchmarks import real_programs_report
from benchmarks.real_programs_list import RealProgram
from calibration.levels import Level, LevelTable
from calibration.live import level_run, program_measurement
from calibration.live.measured import Measurement, Paced
from calibration.validate import compare
from calibration.validate_prediction import Expected, PredictedLevel, Prediction
from calibration.validate_text import validation_csv, validation_json, validation_text
from simulator.cli import live_options
from simulator.cli.main import main
from tests.live_recordings import QuietSource

QUICK = ["--repeats", "1", "--retries", "0", "--duration", "200ms", "--warmup", "20ms"]


def level(procs, rate, zone="past", repeat=1, p99=0.02):
    return Level(
        kind="closed",
        procs=procs,
        concurrency=1,
        run=str(repeat),
        throughput_per_s=rate,
        mean_s=procs / rate,
        percentiles_s={50.0: procs / rate, 99.0: p99},
        cpu_busy_cores=2.0,
    )


def measurement(levels, **changes):
    fields = {
        "kind": "python",
        "subject": "somewhere:something",
        "command": ["somewhere:something"],
        "pacing": Paced(kind="closed"),
        "cores": 2,
        "warmup_s": 0.1,
        "duration_s": 1.0,
        "seed": 1,
        "provenance": {},
        "table": LevelTable(source="x", tool="x", levels=levels, leaves_out_late_starts=False),
        "details": [],
        "workload": None,
    }
    return Measurement(**{**fields, **changes})


def predicted(procs, rate, zone, spread=0.1):
    ends = Expected(value=rate, low=rate * (1 - spread), high=rate * (1 + spread))
    return PredictedLevel(
        procs=procs, zone=zone, figures={"throughput": ends}, rivals={"USL": Expected(value=rate * 2, low=1, high=2)}
    )


def prediction(*levels):
    return Prediction(
        subject="somewhere:something",
        date="2026-01-01",
        fitted=[1, 2],
        think_time_s=0.0,
        knee=2.0,
        capacity_per_s=1000.0,
        structures={"work": 1.0},
        parameters={"demand": {"value": 0.001, "low": 0.0009, "high": 0.0011, "identified": False}},
        limitations=["not identified by these levels: demand"],
        levels=list(levels),
    )


def test_errors_are_relative_to_the_median_of_the_repeats_and_kept_apart_by_zone():
    said = prediction(predicted(1, 550.0, "below"), predicted(8, 900.0, "past"))
    found = compare(said, measurement([level(1, 500.0), level(8, 1000.0), level(8, 1020.0), level(8, 700.0)]))
    assert found.summary("throughput", "below").error == pytest.approx(0.1)
    assert found.summary("throughput", "past").bias == pytest.approx(-0.1)
    assert found.summary("throughput", "at") is None
    below, past = found.pairs("throughput")
    assert below.repeatability is None
    assert past.repeatability == pytest.approx(0.179, abs=0.001)
    assert past.within(0.05), "an error below the repeatability is not asked for"
    assert not below.within(0.05)
    assert found.rival_errors["USL"] == pytest.approx((1.2 + 0.8) / 2)
    assert found.coverage == 0.5
    text = validation_text(found)
    assert "below the knee" in text
    assert "past the knee" in text
    assert "at the knee" not in text
    assert "not identified" in text
    assert validation_json(found)["errors"]["all"]["throughput"]["count"] == 2
    assert len(validation_csv(found).splitlines()) == 3


def test_a_fitted_level_that_is_measured_again_tells_what_the_machine_did():
    said = prediction(predicted(8, 1200.0, "past"), predicted(16, 1210.0, "past"))
    fitted = measurement([level(1, 500.0), level(2, 900.0, repeat=1), level(2, 1000.0, repeat=2)])
    again = [level(2, 760.0), level(8, 1000.0), level(16, 900.0)]
    alone, found = compare(said, measurement(again)), compare(said, measurement(again), fitted)
    assert alone.again is None
    assert not alone.pairs("throughput")[0].within(0.08)
    # the machine is a fifth slower than it was for the fit: a quarter too much is its own, a third is not
    assert found.again.name == "2"
    assert found.again.changes["throughput"] == pytest.approx(-0.2)
    assert [pair.by_drift for pair in found.pairs("throughput")] == [pytest.approx(0.25)] * 2
    assert [pair.within(0.08) for pair in found.pairs("throughput")] == [True, False]
    assert "2 again, changed" in validation_text(found)
    assert "-20.0%" in validation_text(found)
    assert "again" not in validation_text(alone)


@pytest.mark.parametrize(
    ("figure", "expected", "within"),
    [("throughput", 1210.0, True), ("throughput", 890.0, False), ("mean", 0.0088, True), ("mean", 0.0120, False)],
)
def test_a_drift_excuses_errors_in_its_own_direction_alone(figure, expected, within):
    # a fifth slower now: 1000/s and 10 ms were 1250/s and 8 ms
    one = Expected(value=expected, low=0.0, high=1e6)
    said = prediction(PredictedLevel(procs=10, zone="past", figures={figure: one}))
    found = compare(
        said, measurement([level(2, 800.0), level(10, 1000.0)]), measurement([level(1, 500.0), level(2, 1000.0)])
    )
    assert found.pairs(figure)[0].within(0.08) is within


def test_the_machine_s_speed_excuses_no_tail_that_changed_by_more():
    slow = level(2, 1000.0).model_copy(update={"percentiles_s": {99.0: 0.020}})
    fast = level(2, 1000.0).model_copy(update={"percentiles_s": {99.0: 0.010}})
    held = level(8, 1000.0).model_copy(update={"percentiles_s": {99.0: 0.010}})
    said = prediction(PredictedLevel(procs=8, zone="past", figures={"p99": Expected(value=0.014, low=0.0, high=1.0)}))
    found = compare(said, measurement([slow, held]), measurement([fast]))
    assert found.again.changes["p99"] == pytest.approx(1.0)
    assert not found.pairs("p99")[0].within(0.25)


@pytest.mark.parametrize("changes", [{"never_quiet": ["2 copies"]}, {"held": 2}])
def test_a_level_that_was_disturbed_or_predicted_tells_no_drift(changes):
    said = prediction(predicted(changes.get("held", 8), 1200.0, "past"))
    quiet = {name: one for name, one in changes.items() if name == "never_quiet"}
    measured = measurement([level(2, 760.0), level(8, 1000.0)], **quiet)
    assert compare(said, measured, measurement([level(1, 500.0), level(2, 950.0)])).again is None


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        ([1000.0, 1010.0, 990.0], "met"),
        ([1100.0, 1110.0, 1090.0], "missed: throughput (9.1%, repeats to 0.9%), mean (10.0%, repeats to 0.9%)"),
        ([1100.0, 1400.0, 900.0], "met"),
        ([1250.0, 1370.0, 1130.0], "missed: throughput (20.0%, repeats to 9.6%), mean (25.0%, repeats to 9.7%)"),
    ],
)
def test_a_row_is_met_within_its_repeatability_and_missed_beyond(measured, verdict):
    figures = {"throughput": Expected(value=1000.0, low=1, high=2), "mean": Expected(value=0.008, low=1, high=2)}
    said = prediction(PredictedLevel(procs=8, zone="past", figures=figures))
    found = compare(said, measurement([level(8, rate) for rate in measured]))
    program = RealProgram("made up", None, rate_bound=0.05, time_bound=0.08)
    assert real_programs_report.verdict(program, found) == verdict


def test_a_new_row_takes_the_place_of_the_old_one_beside_rows_of_an_older_form(tmp_path):
    page = tmp_path / "page.md"
    old = "| [one](#one) | 1% | C |\n| [two](#two) | 2% | A |\n"
    table = f"| program | throughput | grade |\n| --- | --- | --- |\n{old}"
    page.write_text(f"# Title\n\nWords.\n\n{table}\n## one\n\nold\n")
    real_programs_report.put(page, "one", "| [one](#one) | 3% | B | met |", "## one\n\nnew\n")
    text = page.read_text()
    assert text.startswith("# Title\n\nWords.\n\n| program | throughput (asked)")
    assert text.count("| program |") == 1
    assert "| [two](#two) | 2% | A |\n| [one](#one) | 3% | B | met |" in text
    assert text.endswith("## one\n\nnew\n")


def test_a_level_that_was_never_quiet_is_named_and_not_compared():
    said = prediction(predicted(1, 500.0, "below"), predicted(8, 900.0, "past"))
    found = compare(said, measurement([level(1, 500.0), level(8, 300.0)], never_quiet=["8 copies"]))
    assert [one.level.procs for one in found.levels] == [1]
    assert found.never_quiet == ["8"]
    assert "never undisturbed, so not compared: 8" in validation_text(found)


def test_where_no_level_was_quiet_the_report_says_so_and_shows_no_empty_table():
    said = prediction(predicted(8, 900.0, "past"))
    text = validation_text(compare(said, measurement([level(8, 300.0)], never_quiet=["8 copies"])))
    assert "0 of 1 held-out levels" in text
    assert "never undisturbed, so not compared: 8" in text
    assert "median error" not in text
    assert "outside" not in text


def test_intervals_that_miss_show():
    found = compare(prediction(predicted(8, 500.0, "past", 0.01)), measurement([level(8, 1000.0)]))
    assert found.coverage == 0.0
    assert found.grade == "E"
    assert "outside" in validation_text(found)


@pytest.fixture
def calibrated(monkeypatch, tmp_path, capsys):
    """A calibrated program in a directory of the test, on a machine that is always quiet."""
    monkeypatch.setattr("calibration.live.settings.ProcSource", lambda **options: QuietSource())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("calibration.validate_prediction.DRAWS", 2)
    monkeypatch.setattr("calibration.drift.ALLOWED", 1e9)  # the machine of a test may change as it likes
    calibrate = ["calibrate", "python", "tests.live_targets:work", "--procs", "1,2", *QUICK]
    assert main(calibrate) == 0
    return capsys.readouterr().out


def test_calibrate_fits_and_validate_predicts_before_it_measures(calibrated, capsys, monkeypatch):
    assert "Fitted: work" in calibrated
    assert Path("sim-profile.toml").is_file()
    seen = []

    def look(*arguments):
        seen.append(Path("sim-prediction.json").read_text())
        return level_run.run_level(*arguments)

    monkeypatch.setattr(program_measurement, "run_level", look)
    files = ["--export-json", "v.json", "--export-csv", "v.csv", "--plot", "v.png"]
    assert main(["validate", "--procs", "4", *QUICK, *files]) == 0
    assert {level["procs"] for level in json.loads(seen[0])["levels"]} == {4}
    assert Path("sim-prediction.json").read_text() == seen[0]
    data = json.loads(Path("v.json").read_text())
    assert data["levels"][0]["level"]["zone"] == "at" or data["prediction"]["knee"] < 2
    assert data["prediction"]["levels"][0]["rivals"].keys() == {"Amdahl", "USL", "MVA"}
    assert Path("v.csv").read_text().startswith("procs,rate_per_s,zone,figure")
    assert Path("v.png").read_bytes().startswith(b"\x89PNG")
    stopped = []

    def stop(*arguments):
        stopped.append(1)
        if len(stopped) > 2:
            raise KeyboardInterrupt
        return level_run.run_level(*arguments)

    monkeypatch.setattr(program_measurement, "run_level", stop)
    assert main(["validate", "--rate", "50%", "--copies", "4", *QUICK, "--repeats", "2"]) == 130
    assert "Stopped early" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--procs", "4", "--measurement", "none.json"], "none.json"),
        (["--procs", "4", "--table", "x.csv"], "--table"),
        (["--procs", "none"], "sim-measurement.json"),
        (["--procs", "4", "--plot", "x.bmp"], ".png"),
    ],
)
def test_bad_input_is_one_line(arguments, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["validate", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_rates_and_shares_of_the_capacity():
    assert live_options.rates("500/s,70%") == ([500.0], [0.7])
    for text in ("0%", "x%", "500"):
        with pytest.raises(Exception, match="--rate"):
            live_options.rates(text)

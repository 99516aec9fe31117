"""`sim calibrate command | python | http`: options, files, exit codes."""

import json

import pytest

from calibration.interference import Interference, Watch
from calibration.live import level_run, program_measurement
from calibration.live.measured import Measurement
from models.scenario import Scenario
from simulator.cli.main import main
from tests.live_recordings import QuietSource

SHORT = ["--no-fit", "--procs", "1", "--repeats", "1", "--retries", "0", "--duration", "200ms", "--warmup", "20ms"]
PYTHON = ["calibrate", "python", "tests.live_targets:work", *SHORT]


@pytest.fixture(autouse=True)
def _quiet_and_elsewhere(monkeypatch, tmp_path):
    """Every machine is quiet here, and files go to a directory of the test."""
    monkeypatch.setattr("calibration.live.settings.ProcSource", lambda **options: QuietSource())
    monkeypatch.chdir(tmp_path)


def test_a_measurement_is_summed_up_and_kept(capsys, tmp_path):
    assert main([*PYTHON, "--export-scenario", "first.toml"]) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("Measured: tests.live_targets:work on ")
    assert "An operation needs" in shown.out
    assert "1 copy, repeat 1" in shown.err
    kept = Measurement.load(tmp_path / "sim-measurement.json")
    assert kept.subject == "tests.live_targets:work"
    assert Scenario.load(tmp_path / "first.toml").workloads[0].procs == 1


def test_json_on_standard_output_leaves_it_to_the_json(capsys):
    assert main([*PYTHON, "--quiet", "--export-json", "-"]) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["kind"] == "python"
    assert "An operation needs" in shown.err


def test_each_run_of_a_command_after_two_dashes(capsys):
    assert main(["calibrate", "command", "--each-run", *SHORT, "--", "sh", "-c", "exit 0"]) == 0
    assert capsys.readouterr().out.startswith("Measured: sh -c exit 0 on ")


def test_a_machine_that_never_gets_quiet_ends_in_four(capsys, monkeypatch):
    class Loud(Watch):
        def __exit__(self, kind, error, trace):
            self.interference = Interference(1.0, 0.5, 0.0)

    monkeypatch.setattr("calibration.live.settings.Watch", Loud)
    assert main([one for one in PYTHON if one != "--no-fit"]) == 4
    shown = capsys.readouterr()
    assert "Not fitted: other load disturbed all repeats of 1 copy" in shown.out
    assert shown.out.startswith("Disturbed, measured: ")
    assert "never undisturbed: 1 copy" in shown.out
    assert "other processes used 50.0%" in shown.err


def test_a_level_that_cannot_be_measured_costs_no_other_level(capsys, tmp_path):
    arguments = ["calibrate", "python", "tests.live_targets:crowd", *SHORT[:1], "--procs", "1,2", *SHORT[3:]]
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert "not measured: 2 copies, repeat 1: found no operation that ended within 0.2 s" in shown.out
    assert "accepted: a --duration" in shown.err
    assert [one.procs for one in Measurement.load(tmp_path / "sim-measurement.json").table.levels] == [1]


def test_ctrl_c_keeps_what_was_measured(capsys, monkeypatch, tmp_path):
    runs = []

    def run_twice(*arguments):
        runs.append(arguments)
        if len(runs) > 2:
            raise KeyboardInterrupt
        return level_run.run_level(*arguments)

    monkeypatch.setattr(program_measurement, "run_level", run_twice)
    assert main([*PYTHON, "--repeats", "5"]) == 130
    assert capsys.readouterr().out.startswith("Stopped early, measured: ")
    assert len(Measurement.load(tmp_path / "sim-measurement.json").table.levels) == 1


def test_ctrl_c_before_anything_leaves_no_file(capsys, monkeypatch, tmp_path):
    def interrupted(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(program_measurement, "run_level", interrupted)
    assert main(PYTHON) == 130
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "named", "accepted"),
    [
        (["python", "x:y", "--think", "5"], "--think", "a time with a unit"),
        (["python", "x:y", "--think", "0s"], "--think", "above 0"),
        (["python", "x:y", "--rate", "9"], "--rate", "a rate with a unit"),
        (["python", "x:y", "--rate", "9/s,"], "--rate", "a rate with a unit"),
        (["python", "x:y", "--rate", "9/s", "--think", "1ms"], "--think", "one of the two"),
        (["python", "x:y", "--procs", "0"], "--procs", "counts from 1"),
        (["python", "x:y", "--procs", "1,x"], "--procs", "counts from 1"),
        (["python", "x:y", "--procs", "9999"], "--procs", "1 to 1000"),
        (["python", "x:y", "--duration", "1h"], "--duration", "up to 600 s"),
        (["python", "x:y", "--repeats", "0"], "--repeats", "1 to 100"),
        (["python", "x"], "TARGET", "module:function"),
        (["command", "/no/such"], "/no/such", "installed here"),
        (["http", "http://192.0.2.1/"], "URL", "sim calibrate table"),
        (["http", "http://127.0.0.1:9/", "--header", "x"], "--header", "a name and a value"),
        (["http", "http://127.0.0.1:9/", "--header", "a\r\nb: c"], "--header", "a name and a value"),
        (["http", "http://127.0.0.1:9/", "--method", "G T"], "--method", "GET or POST"),
        (["http", "http://127.0.0.1:9/", "--server", "x", "--server-pid", "1"], "--server", "one of the two"),
        (["http", "http://127.0.0.1:9/", "--server-stop", "x"], "--server-stop", "a --server that it stops"),
    ],
)
def test_a_wrong_option_is_named_on_one_line_with_what_is_accepted(arguments, named, accepted, capsys, tmp_path):
    assert main(["calibrate", *arguments]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith(f"sim: {named}: found ")
    assert accepted in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_written_costs_no_measurement(capsys):
    assert main([*PYTHON, "--output", "no/such/directory/m.json"]) == 2
    assert "--output no/such/directory/m.json" in capsys.readouterr().err

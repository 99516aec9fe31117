"""What becomes of errors that no input explains: one line, an exit code, a traceback only when asked for."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from simulator.cli import scenario
from simulator.cli.main import main


def failing(error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        raise error

    return fail


def test_an_internal_error_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("SIM_DEBUG", raising=False)
    monkeypatch.setattr(scenario, "scenario_schema", failing(RuntimeError("a\nb")))
    assert main(["scenario", "schema"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "sim: internal error: RuntimeError: a b (SIM_DEBUG=1 shows where)\n"


def test_the_traceback_is_there_on_request(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SIM_DEBUG", "1")
    monkeypatch.setattr(scenario, "scenario_schema", failing(RuntimeError("broken")))
    assert main(["scenario", "schema"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_an_interruption_is_exit_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(scenario, "scenario_schema", failing(KeyboardInterrupt()))
    assert main(["scenario", "schema"]) == 130
    assert capsys.readouterr().err == "sim: interrupted\n"


def test_help_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["scenario", "--help"]) == 0
    printed = capsys.readouterr()
    assert "schema" in printed.out
    assert printed.err == ""


@pytest.mark.skipif(os.name != "posix", reason="pipes close otherwise elsewhere")
def test_a_reader_that_stops_early_is_no_error() -> None:
    program = [sys.executable, "-m", "simulator.cli.main", "scenario", "schema"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0

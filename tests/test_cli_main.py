"""What becomes of errors that no input explains: one line, an exit code, a traceback only when asked for."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module

import pytest

from simulator.cli import main as entrance
from simulator.cli import scenario
from simulator.cli.application import COMMANDS, GROUPS
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


def test_the_list_of_commands_says_what_each_says_of_itself() -> None:
    for name, line in COMMANDS.items():
        described = getattr(import_module(f"simulator.cli.{name}"), name).__doc__
        assert described.partition("\n")[0] == line
    for name, line in GROUPS.items():
        assert import_module(f"simulator.cli.{name}").app.info.help == line


def test_help_loads_no_command() -> None:
    program = "import sys; from simulator.cli.main import main; code = main(['--help'])"
    heavy = "['numpy', 'scipy', 'numba', 'pydantic', 'simpy', 'matplotlib', 'jinja2', 'aiohttp']"
    check = f"{program}; print([name for name in {heavy} if name in sys.modules], file=sys.stderr); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "calibrate" in done.stdout
    assert done.stderr == "[]\n"


def test_a_run_loads_no_compiler_and_no_scipy() -> None:
    """What a warm run must not wait for: they take longer to load than it takes to simulate."""
    program = "import sys; import simulator.cli.run, simulator.fast"
    heavy = "['scipy', 'numba', 'simpy', 'matplotlib', 'jinja2', 'aiohttp', 'rich', 'calibration']"
    check = f"{program}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
@pytest.mark.parametrize("delay_s", [0.05, 0.15, 0.3, 0.6])
def test_ctrl_c_at_any_moment_ends_without_a_traceback(delay_s: float) -> None:
    # Before `main` is there the signal is the interpreter's affair, and a busy machine takes longer than 50 ms for it.
    program = "import sys; from simulator.cli.main import main; print('up', flush=True); sys.exit(main())"
    command = [sys.executable, "-c", program, "run", "--engine", "reference", "--precision", "0.0001"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(delay_s)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=60)
        assert "Traceback" not in error
        assert "interrupted" in error
        assert process.returncode == 130


def test_the_checks_of_a_scenario_are_built_while_ctrl_c_still_ends_the_process() -> None:
    """An interruption that Pydantic meets while it builds them would come out as an error of a schema."""
    program = """
import sys
from simulator.cli.application import perform
def loaded():
    from models.scenario import Scenario
    print(Scenario.__pydantic_complete__, file=sys.stderr)
perform(["run", "--help"], loaded)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "True\n"


INTERRUPTED_WHILE_LOADING = """
import os, signal, sys
import simulator.cli.application as application
kept = application.application

def interrupted(wanted):
    os.kill(os.getpid(), signal.SIGINT)
    return kept(wanted)

application.application = interrupted
from simulator.cli.main import main
sys.exit(main())
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are sent otherwise elsewhere")
def test_ctrl_c_while_a_command_is_loaded_ends_the_process() -> None:
    """As an exception it could be taken for a failure of the module that is being loaded."""
    command = [sys.executable, "-c", INTERRUPTED_WHILE_LOADING, "scenario", "schema"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "sim: interrupted\n")


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


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
def test_a_full_disk_behind_standard_output_is_one_line() -> None:
    program = [sys.executable, "-m", "simulator.cli.main", "scenario", "schema"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(program, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "sim: the answer cannot be written (no space left on device)\n"


@pytest.mark.parametrize(("command", "expected"), [("run", "1"), ("calibrate", None), ("validate", None)])
def test_programs_of_the_user_get_the_environment_as_it_is(
    command: str, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []

    def performed(*_: object) -> int:
        seen.append(os.environ.get("PYDANTIC_DISABLE_PLUGINS"))
        return 0

    monkeypatch.setenv("PYDANTIC_DISABLE_PLUGINS", "")
    monkeypatch.delenv("PYDANTIC_DISABLE_PLUGINS")
    monkeypatch.setattr(entrance, "_performed", performed)
    monkeypatch.setattr(entrance.os, "_exit", lambda _code: None)
    monkeypatch.setattr(sys, "argv", ["sim", command])
    before = signal.getsignal(signal.SIGINT)
    try:
        entrance.main()
    finally:
        signal.signal(signal.SIGINT, before)
    assert seen == [expected]

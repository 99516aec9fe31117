"""The command line: its subcommands, and what becomes of errors.

Only the subcommand that is asked for is loaded: the help of `sim` needs no more than names and a line each.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Final

import typer

EXIT_INTERNAL: Final = 1
EXIT_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130

COMMANDS: Final = {
    "run": "Simulate a scenario: throughput, response times, what binds, and where the time goes.",
    "sweep": "Simulate a grid of values: a table, a curve for each metric, the knee, the saturation point, what binds.",
    "limits": "Find the largest loads that are recommended, safe with monitoring, and tolerable, and what binds at "
    "each.",
    "plan": "Find the cheapest configuration that serves the load within thresholds, and why less does not do.",
    "compare": "Compare two scenarios, or one with and without changes, under the same random numbers.",
    "report": "Print saved results, or write them as one HTML page that needs nothing else.",
    "audit": "Hold a load-test report against the operational laws, bounds and statistics that no system escapes.",
    "validate": "Predict levels that were not measured, write that down, then measure them and print how far off it "
    "was.",
    "doctor": "Compile the fast engine ahead, and say what is kept where.",
}
"""Each a function of that name in a module of that name; the line is the first of its description."""

GROUPS: Final = {
    "scenario": "Start a scenario file, check one, or print the format.",
    "calibrate": "Measure this host or a live service, for simulations of it.",
    "profile": "Show a profile, compare two, or print the format.",
}
"""Each a Typer application in a module of that name; the line is its help."""

_INPUT_ERRORS: Final = (
    ("models.errors", "ScenarioError"),
    ("models.errors", "InvalidField"),
    ("simulator.thresholds", "ThresholdError"),
    ("simulator.result", "ResultError"),
    ("simulator.output_files", "OutputError"),
    ("calibration.tables.errors", "TableError"),
)
"""What is the input's fault. A module that was not loaded has raised nothing."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""What happens to standard output that goes into a file; files that were asked for raise OutputError."""

# Typer brings its own copy of click since 0.26 and used the package before: both stand above BadParameter.
_UsageError: Any = typer.BadParameter.__mro__[1]
_ClickException: Any = typer.BadParameter.__mro__[2]


def application(wanted: str | None) -> typer.Typer:
    """Return the command line with one subcommand loaded; None: with all."""
    app = typer.Typer(
        name="sim",
        help="Predicts throughput, response times and safe limits of services at loads that were not measured.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for name, line in COMMANDS.items():
        if wanted in (None, name):
            app.command(name)(getattr(import_module(f"simulator.cli.{name}"), name))
        else:
            app.command(name, help=line)(_not_loaded)
    for name, line in GROUPS.items():
        if wanted in (None, name):
            app.add_typer(import_module(f"simulator.cli.{name}").app, name=name)
        else:
            app.command(name, help=line)(_not_loaded)
    return app


def _not_loaded() -> None:
    """Stand for a subcommand that is not the one that was asked for."""
    raise AssertionError("a subcommand was called that was not loaded")


def _build_checks() -> None:
    """Build the checks of a scenario, where a command has loaded them, while Ctrl-C still ends the process.

    Pydantic builds them when they are first needed, and would take an interruption then for an error of their own.
    """
    scenarios = sys.modules.get("models.scenario")
    if scenarios is not None:
        scenarios.Scenario.model_rebuild()


def perform(arguments: Sequence[str], loaded: Callable[[], object] | None = None) -> int:
    """Run one command and return its exit code; every error becomes one line on standard error.

    arguments: without the program's name. loaded: called between loading the command and running it.
    """
    try:
        completing = "_SIM_COMPLETE" in os.environ
        wanted = next((one for one in arguments if not one.startswith("-")), "")
        gc.disable()  # modules make many objects and little waste
        try:
            app = application(None if completing else wanted)
            _build_checks()
        finally:
            if loaded is not None:  # this process does nothing else: what was loaded stays, and needs no second look
                gc.freeze()
            gc.enable()
        if loaded is not None:
            loaded()
        code = app(args=list(arguments), prog_name="sim", standalone_mode=False)
        sys.stdout.flush()
        code = code if isinstance(code, int) else 0
    except (KeyboardInterrupt, typer.Abort):
        code = EXIT_INTERRUPTED
    except typer.Exit as error:
        code = error.exit_code
    except BrokenPipeError:
        code = _after_closed_pipe()
    except SystemExit as stop:
        # Typer's own way to end when the reader has closed the pipe, and after shell completion.
        broken = isinstance(stop.__context__, BrokenPipeError)
        code = _after_closed_pipe() if broken else stop.code if isinstance(stop.code, int) else 0
    except Exception as error:
        return _report(*_explained(error))
    return _report("interrupted", code) if code == EXIT_INTERRUPTED else code


def _after_closed_pipe() -> int:
    """Leave quietly: the reader has what it wanted, and what is still buffered has nowhere to go."""
    _to_nowhere()
    return 0


def _to_nowhere() -> None:
    """Let what is still to be written to standard output go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)


def _explained(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    expected = tuple(getattr(sys.modules[module], name) for module, name in _INPUT_ERRORS if module in sys.modules)
    if isinstance(error, expected):
        return str(error), EXIT_INPUT
    if isinstance(error, OSError) and error.errno in _FULL:
        _to_nowhere()  # what is still buffered would fail again
        return f"the answer cannot be written ({(error.strerror or '').lower()})", EXIT_INPUT
    if isinstance(error, MemoryError):
        advice = "less at once (procs, concurrency, arrival_rate), fewer replications or a shorter duration"
        return f"found too little memory for this ({error}); accepted: {advice}", EXIT_INPUT
    if isinstance(error, _UsageError):
        message: str = error.format_message()
        if type(error).__name__ == "NoArgsIsHelpError":
            return "a command is missing; the help lists them: --help", EXIT_INPUT
        command = error.ctx.command_path if error.ctx else "sim"
        return f"{message} (see {command} --help)", EXIT_INPUT
    if isinstance(error, _ClickException):
        return error.format_message(), EXIT_INPUT
    if os.environ.get("SIM_DEBUG") == "1":
        traceback.print_exc()
    return f"internal error: {type(error).__name__}: {error} (SIM_DEBUG=1 shows where)", EXIT_INTERNAL


def _report(message: str, code: int) -> int:
    print(f"sim: {' '.join(message.split())}", file=sys.stderr)
    return code

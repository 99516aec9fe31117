"""The command `sim`: its subcommands, and what becomes of errors.

Exit codes: 0 fine, 1 internal error, 2 usage, configuration or data, 3 plan infeasible, 4 measurement
unstable, 99 a threshold failed, 130 interrupted.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from calibration.tables.errors import TableError
from models.errors import InvalidField, ScenarioError
from simulator.cli import calibrate, profile, scenario
from simulator.cli.audit import audit
from simulator.cli.compare import compare
from simulator.cli.doctor import doctor
from simulator.cli.limits import limits
from simulator.cli.plan import plan
from simulator.cli.report import report
from simulator.cli.run import run
from simulator.cli.sweep import sweep
from simulator.cli.validate import validate
from simulator.output_files import OutputError
from simulator.result import ResultError
from simulator.thresholds import ThresholdError

EXIT_INTERNAL = 1
EXIT_INPUT = 2
EXIT_INTERRUPTED = 130

# Typer brings its own copy of click since 0.26 and used the package before: both stand above BadParameter.
_UsageError: Any = typer.BadParameter.__mro__[1]
_ClickException: Any = typer.BadParameter.__mro__[2]

app = typer.Typer(
    name="sim",
    help="Predicts throughput, response times and safe limits of services at loads that were not measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(run)
app.command()(sweep)
app.command()(limits)
app.command()(plan)
app.command()(compare)
app.command()(report)
app.command()(audit)
app.command()(validate)
app.command()(doctor)
app.add_typer(scenario.app, name="scenario")
app.add_typer(calibrate.app, name="calibrate")
app.add_typer(profile.app, name="profile")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error becomes one line on standard error.

    arguments: without the program's name; None: those of the process.
    """
    try:
        code = app(args=None if arguments is None else list(arguments), prog_name="sim", standalone_mode=False)
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
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.__stdout__.fileno() if sys.__stdout__ else 1)
    return 0


def _explained(error: Exception) -> tuple[str, int]:
    """Return what to say about an error, and the exit code."""
    if isinstance(error, ScenarioError | InvalidField | ThresholdError | ResultError | OutputError | TableError):
        return str(error), EXIT_INPUT
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


if __name__ == "__main__":
    sys.exit(main())

"""The command `sim`: what happens before anything is loaded, so that Ctrl-C ends it at any moment.

Exit codes: 0 fine, 1 internal error, 2 usage, configuration or data, 3 plan infeasible, 4 measurement
unstable, 99 a threshold failed, 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import sys

from simulator.cli.deferred import defer

TYPE_CHECKING = False  # that of `typing` takes longer to load than all else here
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

EXIT_INTERRUPTED = 130
RUN_PROGRAMS = {"calibrate", "validate"}
"""Commands that start programs of the user's, which get the environment as it is."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error becomes one line on standard error.

    arguments: without the program's name; None: those of the process, which then ends.
    """
    if arguments is not None:
        return _performed(arguments)
    if RUN_PROGRAMS.isdisjoint(sys.argv[1:]):
        # Pydantic would look through all installed packages for plugins, for a tenth of a second; none is wanted here.
        if os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "1") == "1":
            defer("importlib.metadata", "entry_points")  # which it loads all the same
        # NumPy's library would start a thread for each core when it is loaded; nothing here multiplies large matrices.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        before = signal.signal(signal.SIGINT, _leave)
    except ValueError:  # only the main thread of a process has signals
        return _performed(sys.argv[1:])
    try:
        code = _performed(sys.argv[1:], lambda: signal.signal(signal.SIGINT, before))
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the answer is out
    if sys.gettrace() is None and sys.getprofile() is None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # taking all modules apart would be a tenth of the time of a short run
    return code


def _performed(arguments: Sequence[str], loaded: Callable[[], object] | None = None) -> int:
    """Run one command; loaded: called when all its modules are there, until when Ctrl-C ends the process."""
    try:
        from simulator.cli.application import perform

        return perform(arguments, loaded)
    except KeyboardInterrupt:
        print("sim: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End the process while modules are loaded: an exception there may be taken for one of the module's own."""
    os.write(2, b"sim: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())

"""The command `sim`: what happens before anything is loaded, so that Ctrl-C ends it at any moment.

Exit codes: 0 fine, 1 internal error, 2 usage, configuration or data, 3 plan infeasible, 4 measurement
unstable, 99 a threshold failed, 130 interrupted.
"""

import os
import signal
import sys
import threading
from collections.abc import Sequence
from types import FrameType

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error becomes one line on standard error.

    arguments: without the program's name; None: those of the process, which then ends.
    """
    if arguments is not None or threading.current_thread() is not threading.main_thread():
        return _performed(sys.argv[1:] if arguments is None else arguments)
    before = signal.signal(signal.SIGINT, _leave)
    try:
        import simulator.cli.application  # noqa: F401 - loaded while Ctrl-C ends the process

        signal.signal(signal.SIGINT, before)
        code = _performed(sys.argv[1:])
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the answer is out
    if sys.gettrace() is None and sys.getprofile() is None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # taking all modules apart would be a tenth of the time of a short run
    return code


def _performed(arguments: Sequence[str]) -> int:
    try:
        from simulator.cli.application import perform

        return perform(arguments)
    except KeyboardInterrupt:
        print("sim: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End the process while modules are loaded: an exception there may be taken for one of the module's own."""
    os.write(2, b"sim: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())

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
    own = arguments is None and threading.current_thread() is threading.main_thread()
    try:
        before = signal.signal(signal.SIGINT, _leave) if own else None
        from simulator.cli.application import perform

        if own:
            signal.signal(signal.SIGINT, before)
        return perform(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:
        print("sim: interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    finally:
        if own:  # the answer is out
            signal.signal(signal.SIGINT, signal.SIG_IGN)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """End the process while modules are loaded: an exception there may be taken for one of the module's own."""
    os.write(2, b"sim: interrupted\n")
    os._exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())

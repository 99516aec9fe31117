"""Callables that tests measure in processes of their own."""

import os
import time
from pathlib import Path

_calls = [0]


def work():
    """Take a little CPU."""
    sum(range(2000))


def wait():
    """Sleep for two milliseconds."""
    time.sleep(0.002)


def wait_long():
    """Sleep for longer than some windows."""
    time.sleep(0.12)


def crowd():
    """Be quick alone, and in company take longer than any window of the tests."""
    directory = Path(os.environ["SIM_CALIBRATE_DIRECTORY"])
    (directory / str(os.getpid())).touch()
    time.sleep(0.01 if len(list(directory.iterdir())) == 1 else 0.8)


def fail():
    """Never succeed."""
    raise RuntimeError("out of order")


def end_the_process():
    """Take the process with it."""
    time.sleep(0.01)
    os._exit(7)


def fail_every_third():
    """Fail now and then."""
    _calls[0] += 1
    if _calls[0] % 3 == 0:
        raise ValueError("third time")


def leave_a_child():
    """Start a process that outlives its parent and its process group, and say which."""
    if not _calls[0]:
        _calls[0] = os.fork()
        if not _calls[0]:
            os.setsid()
            time.sleep(60)
            os._exit(0)
        Path(os.environ["LEFT_BEHIND"]).write_text(str(_calls[0]))
    time.sleep(0.001)


def die():
    """End the process in the middle of the operations, without a word."""
    _calls[0] += 1
    if _calls[0] > 300:
        os._exit(3)
    time.sleep(0.001)


shared = 7

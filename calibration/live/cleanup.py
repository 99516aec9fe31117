"""Nothing that a measurement starts survives it: processes are ended in groups, and orphans are caught."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from types import FrameType
from typing import Final

import psutil

from calibration.live.usage import with_descendants

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_GET_CHILD_SUBREAPER: Final = 37
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
TERMINATE_WITHIN_S: Final = 2.0
AGAIN_AFTER_S: Final = 2.0
"""After a Ctrl-C: until another one interrupts what is done for the first, which is bounded in time."""
_interruptions: list[float] = []
"""When each Ctrl-C came inside of the innermost block of `guarded` [s, CLOCK_MONOTONIC]."""


def die_with_parent() -> None:
    """Let the kernel kill the calling process when its parent ends, however that happens (Linux)."""
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """End everything that is started inside the block, also what left its process group or lost its parent.

    On Linux orphans come to this process for the time of the block. SIGTERM and SIGHUP become SystemExit, so that
    the clean-up runs for them as it does for Ctrl-C. See `stop_if_interrupted`.
    """
    before = _children()
    subreaper = _set_subreaper(1)
    try:
        with _signals_as_exit():
            yield
    finally:
        with _undisturbed():
            end_processes(child for child in _children() if child not in before)
            _set_subreaper(subreaper)


def stop_if_interrupted() -> None:
    """Raise KeyboardInterrupt if Ctrl-C came inside of the block of `guarded`, whatever became of the one it raised.

    What Python runs around a fork ignores exceptions, and a measurement forks often.
    """
    if _interruptions:
        raise KeyboardInterrupt


def end_group(pid: int, polite: bool = True) -> None:
    """End the process group that a process leads, and what it started elsewhere; bounded in time.

    polite: SIGTERM first, and SIGKILL only for what is still there after `TERMINATE_WITHIN_S`.
    """
    found: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        leader = psutil.Process(pid)
        found = [leader, *leader.children(recursive=True)]
    if polite:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGTERM)
        psutil.wait_procs(found, timeout=TERMINATE_WITHIN_S)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
    end_processes(found)


def end_groups(leaders: Sequence[int]) -> None:
    """Kill the process groups that processes lead, and what they started elsewhere; bounded in time.

    The processes of the machine are listed once for all of them: there may be many.
    """
    doomed = with_descendants(leaders)
    for leader in leaders:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(leader, signal.SIGKILL)
    for pid in doomed:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getpgid(pid) not in leaders:
                os.kill(pid, signal.SIGKILL)
    give_up = time.monotonic() + TERMINATE_WITHIN_S
    for pid in doomed:
        with contextlib.suppress(psutil.Error):
            psutil.Process(pid).wait(timeout=max(0.0, give_up - time.monotonic()))


def end_processes(found: Iterable[psutil.Process]) -> None:
    """Kill these processes and all below them, and wait until they are gone; bounded in time."""
    doomed: set[psutil.Process] = set()
    for process in found:
        with contextlib.suppress(psutil.Error):
            doomed |= {process, *process.children(recursive=True)}
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.kill()
    give_up = time.monotonic() + TERMINATE_WITHIN_S
    for process in doomed:
        with contextlib.suppress(psutil.Error):
            process.wait(timeout=max(0.0, give_up - time.monotonic()))


def _children() -> set[psutil.Process]:
    return set(psutil.Process().children())


def _set_subreaper(value: int) -> int:
    """Switch the catching of orphans, and return what it was before."""
    if sys.platform != "linux":
        return 0
    was = ctypes.c_int(0)
    _LIBC.prctl(_PR_GET_CHILD_SUBREAPER, ctypes.byref(was), 0, 0, 0)
    _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, value, 0, 0, 0)
    return was.value


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let a second Ctrl-C not keep the clean-up, which is bounded in time, from its end."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _signals_as_exit() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    outside = _interruptions.copy()
    _interruptions.clear()

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    def interrupt(number: int, _: FrameType | None) -> None:
        now_s = time.monotonic()
        hasty = bool(_interruptions) and now_s - _interruptions[-1] < AGAIN_AFTER_S
        _interruptions.append(now_s)
        if not hasty:
            raise KeyboardInterrupt

    handlers = {signal.SIGTERM: leave, signal.SIGHUP: leave}
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        handlers[signal.SIGINT] = interrupt
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        _interruptions[:] = outside

"""Progress on standard error with an estimate of what is left, and Ctrl-C as a wish to stop."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Final

from simulator.replications import Progress as Reached
from simulator.replications import Report

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_NOT_YET_S: Final = 0.5
_SAID = {
    "pilot": "finding warm-up and duration",
    "replications": "replication",
    "check": "the same seed again",
    "points": "point",
    "one process": "one process, for the efficiency",
}


@contextmanager
def watched(quiet: bool) -> Iterator[Report]:
    """Give what a run is to tell its progress to.

    The first Ctrl-C makes it answer False, so that the run ends with what there is; the second one raises
    KeyboardInterrupt. A bar is shown once the block has run for a while, unless it is to be quiet or there is no
    terminal.
    """
    with _stopped_by_ctrl_c() as stopped:
        if quiet or not sys.stderr.isatty():
            yield lambda _: not stopped.is_set()
            return
        bar = _LateBar()

        def tell(reached: Reached) -> bool:
            bar.show(reached)
            return not stopped.is_set()

        try:
            yield tell
        finally:
            bar.stop()


class _LateBar:
    """A bar that appears when there is something to wait for; a short run does not even load what draws it."""

    def __init__(self) -> None:
        self._begins_s = time.monotonic() + _NOT_YET_S
        self._bar: Progress | None = None
        self._stages: dict[str, TaskID] = {}
        self._lock = threading.Lock()  # replications report from their threads

    def show(self, reached: Reached) -> None:
        """Show how far a run is, once it has taken a while."""
        if time.monotonic() < self._begins_s:
            return
        with self._lock:
            if self._bar is None:
                self._bar = _bar()
                self._bar.start()
            _show(self._bar, self._stages, reached)

    def stop(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()


def _bar() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )


def _show(bar: Progress, stages: dict[str, TaskID], reached: Reached) -> None:
    """Show how far a stage is, on a line that replaces that of the stage before."""
    said = _SAID.get(reached.stage, reached.stage)
    if reached.stage not in stages:
        for stage in stages.values():
            bar.update(stage, visible=False)
        stages[reached.stage] = bar.add_task(said, total=1.0)
    if reached.stage in ("replications", "points"):
        said += f" {reached.replication} of {reached.replications}"
    bar.update(stages[reached.stage], completed=reached.fraction, description=said)


@contextmanager
def _stopped_by_ctrl_c() -> Iterator[threading.Event]:
    """Give an event that the first interrupt sets; where signals cannot be caught it stays unset."""
    stopped = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stopped
        return
    before = signal.getsignal(signal.SIGINT)

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield stopped
    finally:
        signal.signal(signal.SIGINT, before)

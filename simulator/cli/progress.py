"""Progress on standard error with an estimate of what is left, and Ctrl-C as a wish to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from simulator.replications import Progress as Reached
from simulator.replications import Report

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
    KeyboardInterrupt. A bar is shown while the block runs, unless it is to be quiet or there is no terminal.
    """
    console = Console(stderr=True)
    with _stopped_by_ctrl_c() as stopped:
        if quiet or not console.is_terminal:
            yield lambda _: not stopped.is_set()
            return
        with _bar(console) as bar:
            stages: dict[str, TaskID] = {}

            def tell(reached: Reached) -> bool:
                _show(bar, stages, reached)
                return not stopped.is_set()

            yield tell


def _bar(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
        console=console,
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

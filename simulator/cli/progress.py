"""Progress on standard error with an estimate of what is left; nothing where that is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from simulator.replications import Progress as Reached
from simulator.replications import Report

_SAID = {
    "pilot": "finding warm-up and duration",
    "replications": "replications",
    "check": "the same seed again",
    "one process": "one process, for the efficiency",
}


@contextmanager
def shown_progress(quiet: bool) -> Iterator[Report | None]:
    """Show a bar while the block runs; give what to tell about the progress, None where none is shown."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("left:"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        stages: dict[str, TaskID] = {}

        def tell(reached: Reached) -> bool:
            if reached.stage not in stages:
                for stage in stages.values():
                    bar.update(stage, visible=False)
                stages[reached.stage] = bar.add_task(_SAID.get(reached.stage, reached.stage), total=1.0)
            stage = stages[reached.stage]
            of = (
                f" {reached.replication} of {reached.replications}" if reached.stage == "replications" else ""
            )
            said = _SAID.get(reached.stage, reached.stage)
            bar.update(stage, completed=reached.fraction, description=f"{said}{of}")
            return True

        yield tell

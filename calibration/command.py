"""Calibration of a command: it reports its own operations by the line protocol, or each run of it is one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from calibration.live.copies import Program, python_program
from calibration.live.errors import LiveError
from calibration.live.level_run import WatchMaker
from calibration.live.measured import Measurement
from calibration.live.program_measurement import Subject, Tell, measure_program
from calibration.live.settings import Settings, watch_of


def calibrate_command(
    command: Sequence[str], each_run: bool, settings: Settings, tell: Tell, watch: WatchMaker = watch_of
) -> Measurement:
    """Measure a command.

    each_run: whether every run of it counts as one operation; otherwise it must speak the line protocol of
    docs/line_protocol.md. Raises LiveError if it cannot be run, fails, ends early or reports nothing.
    """
    if not command:
        raise LiveError("CMD", "nothing", "a command after --, such as: sim calibrate command -- ./service --once")
    name = " ".join(command)
    if shutil.which(command[0]) is None:
        raise LiveError(name, f'no program "{command[0]}"', "one that is installed here, or a path to it")
    shown = name if len(name) <= 60 else name[:59] + "…"
    if each_run:
        program = python_program(shown, "calibration.live.run_worker", command, {})
    else:
        program = Program(shown, list(command), {})
    return measure_program(Subject("command", program, command, each_run), settings, tell, watch)

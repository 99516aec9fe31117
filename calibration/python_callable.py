"""Calibration of a Python callable: each call is an operation, each copy a fresh interpreter."""

from __future__ import annotations

from dataclasses import replace

from calibration.live.copies import python_program
from calibration.live.errors import LiveError
from calibration.live.level_run import WatchMaker
from calibration.live.measured import Measurement
from calibration.live.program_measurement import Subject, Tell, measure_program
from calibration.live.settings import Settings, watch_of


def calibrate_python(
    target: str, settings: Settings, tell: Tell, watch: WatchMaker = watch_of
) -> Measurement:
    """Measure `module:function`, a callable without arguments; an exception that it raises is a failed operation.

    Raises LiveError if there is no such callable or it never succeeds.
    """
    module, colon, name = target.partition(":")
    if not (module and colon and name):
        raise LiveError("TARGET", f'"{target}"', "module:function, such as examples.workloads:compute")
    program = python_program(target, "calibration.live.python_worker", [target], {})
    program = replace(program, staying="a callable that leaves its process running")
    return measure_program(Subject("python", program, [target]), settings, tell, watch)

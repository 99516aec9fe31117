"""Measures a program or a service again, as a measurement has it, at other levels."""

from __future__ import annotations

from collections import Counter

from calibration.command import calibrate_command
from calibration.http import Target, calibrate_http
from calibration.live.errors import LiveError
from calibration.live.http_load import HttpLoad
from calibration.live.level_run import WatchMaker
from calibration.live.measured import Measurement
from calibration.live.pacing import Pacing
from calibration.live.program_measurement import Tell
from calibration.live.settings import Settings, watch_of
from calibration.python_callable import calibrate_python


def pacing_of(measurement: Measurement) -> Pacing:
    """Return the pauses of a measurement's clients; of one at given rates a closed loop without any."""
    paced = measurement.pacing
    return Pacing(round(paced.think_mean_s * 1e9), paced.think_kind) if paced.kind == "think" else Pacing()


def calibrated_as(measurement: Measurement, retries: int, attempt: int) -> Settings:
    """Return how a measurement was made, to make it once more: its levels, repeats and pauses, with other draws.

    attempt: how many were made before. retries: further repeats in all, where some are disturbed.
    """
    repeats = Counter((level.procs, level.arrival_rate_per_s) for level in measurement.table.levels)
    paced = measurement.pacing
    return Settings(
        copies=sorted({detail.copies for detail in measurement.details}),
        pacing=pacing_of(measurement),
        rates_per_s=paced.rates_per_s if paced.kind == "rate" else (),
        repeats=max(repeats.values()),
        retries=retries,
        duration_ns=round(measurement.duration_s * 1e9),
        warmup_ns=round(measurement.warmup_s * 1e9),
        seed=measurement.seed + attempt,
    )


def measure_again(
    measurement: Measurement,
    settings: Settings,
    tell: Tell,
    server_pid: int | None = None,
    watch: WatchMaker = watch_of,
) -> Measurement:
    """Measure what a measurement is of at the levels of `settings`, with the same harness.

    server_pid: of an HTTP server that is there already. Raises LiveError, also where the measurement does not hold
    what is needed, and KeyboardInterrupt if it is stopped before anything was measured.
    """
    if measurement.kind == "python":
        return calibrate_python(measurement.subject, settings, tell, watch)
    if measurement.kind == "command":
        return calibrate_command(measurement.command, measurement.each_run, settings, tell, watch)
    request = measurement.request
    if request is None or request.headers:
        lacking = "a request with headers, which are not kept" if request else "no request"
        raise LiveError(measurement.subject, lacking, "a request without --header")
    if server_pid is None and request.start is None:
        raise LiveError("--server-pid", "none", "the process of the server, which was there when it was calibrated")
    load = HttpLoad(request.url, request.method, [], request.body, request.timeout_s)
    target = Target(load, server_pid, None if server_pid is not None else request.start, request.stop)
    return calibrate_http(target, settings, tell, watch)

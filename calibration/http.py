"""Calibration of an HTTP service on this machine: closed and open load, CPU attributed to server and generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from calibration.levels import LevelTable
from calibration.live.cleanup import guarded
from calibration.live.copies import Program, python_program
from calibration.live.describe import describe_service
from calibration.live.http_load import HttpLoad
from calibration.live.level_run import Plan, Recording, WatchMaker, run_level
from calibration.live.measured import Measurement
from calibration.live.program_measurement import Tell, disturbance_remarks, line_of, measured_when, plan_text
from calibration.live.repeats import Judge, Repeats, measure_all
from calibration.live.served import RunningServer, StartedServer, check_local
from calibration.live.settings import SEED_STEP, Settings, judged, usable_cores, watch_of
from calibration.live.summarize import service_cpu_ns, service_detail_of, service_level_of


@dataclass(frozen=True)
class Target:
    """What is put under load.

    load: the request; connections, pacing and seed are set for each level. server_pid: of a server that is there.
    start, stop: commands for one that is not. Without either, CPU, memory and IO of the server are not known.
    """

    load: HttpLoad
    server_pid: int | None = None
    start: str | None = None
    stop: str | None = None


def calibrate_http(
    target: Target, settings: Settings, tell: Tell, watch: WatchMaker = watch_of
) -> Measurement:
    """Measure an HTTP service, and describe what a request needs of server and generator.

    Raises LiveError if it refuses, does not answer in time, answers errors only, or is not on this machine; and
    KeyboardInterrupt if the measurement is stopped before anything was measured.
    """
    address = check_local(target.load.url)
    with guarded(), _server(target, address, settings) as server:

        def measure(plan: Plan, repeat: int) -> Recording:
            seeded = replace(plan, seed=plan.seed + SEED_STEP * repeat)
            program = _generator(target.load, seeded)
            return run_level(program, seeded, watch, settings.ready_timeout_s, server)

        found = measure_all(
            settings.plans(),
            repeats=settings.repeats,
            retries=settings.retries,
            measure=measure,
            judge=Judge(lambda plan, recording: judged(plan, recording.interference), _cpu_of_request),
            tell=lambda repeat: tell(line_of(repeat, _cpu_of_request(repeat.value))),
        )
    if not found.made:
        raise KeyboardInterrupt
    return _measurement(target, settings, found)


@contextlib.contextmanager
def _server(
    target: Target, address: tuple[str, int], settings: Settings
) -> Iterator[RunningServer | StartedServer | None]:
    if target.start is not None:
        with StartedServer(target.start, target.stop, address, settings.ready_timeout_s) as started:
            yield started
    else:
        yield RunningServer(target.server_pid) if target.server_pid is not None else None


def _generator(load: HttpLoad, plan: Plan) -> Program:
    """Return the program that puts the service under the load of a level."""
    pacing = plan.pacing
    level = replace(
        load,
        connections=plan.copies,
        think_mean_ns=pacing.think_mean_ns,
        think_kind=pacing.think_kind,
        rate_per_s=pacing.rate_per_s,
        duration_ns=plan.warmup_ns + plan.duration_ns,
        seed=plan.seed,
    )
    program = python_program(load.url, "calibration.live.http_generator", [level.to_json()], {})
    return replace(program, holds_all=True, accepted="a URL that answers, and without an error")


def _cpu_of_request(recording: Recording) -> float:
    """Return the CPU of server and generator for a request [ns]."""
    of_server = service_cpu_ns(recording) or 0.0
    return (of_server + recording.used.cpu_ns) / recording.done if recording.done else 0.0


def _measurement(target: Target, settings: Settings, found: Repeats[Plan, Recording]) -> Measurement:
    cores = usable_cores()
    kept = found.kept()
    recordings = [repeat.value for repeat in kept]
    table = LevelTable(
        source=target.load.url,
        tool="sim calibrate http",
        levels=[service_level_of(repeat.value, repeat.number, cores) for repeat in kept],
        leaves_out_late_starts=False,
        remarks=disturbance_remarks(found),
    )
    return Measurement(
        kind="http",
        subject=target.load.url,
        command=_shown_command(target),
        pacing=settings.paced(),
        cores=cores,
        warmup_s=settings.warmup_ns / 1e9,
        duration_s=settings.duration_ns / 1e9,
        seed=settings.seed,
        provenance=measured_when(),
        table=table,
        details=[service_detail_of(repeat.value, repeat.number) for repeat in kept],
        workload=describe_service(recordings),
        never_quiet=[plan_text(plan) for plan in found.never_quiet()],
        interrupted=found.interrupted,
        failed_operations=sum(int(recording.operations["failed"].sum()) for recording in recordings),
        problem=next((recording.problem for recording in recordings if recording.problem), None),
    )


def _shown_command(target: Target) -> list[str]:
    """Return the request as it was asked for, without the values of headers, which may be secrets."""
    names = [f"{name}: ..." for name, _ in target.load.headers]
    return [target.load.method, target.load.url, *names, *([target.start] if target.start else [])]

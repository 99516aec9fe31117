"""Calibration of an HTTP service on this machine: closed and open load, CPU attributed to server and generator."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

from calibration.live.cleanup import guarded
from calibration.live.copies import Program, python_program
from calibration.live.http_load import HttpLoad
from calibration.live.level_run import Plan, WatchMaker
from calibration.live.measured import Measurement, Request
from calibration.live.program_measurement import Tell
from calibration.live.served import RunningServer, StartedServer, check_local
from calibration.live.served_measurement import Service, measure_service
from calibration.live.settings import Settings, watch_of


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


def calibrate_http(target: Target, settings: Settings, tell: Tell, watch: WatchMaker = watch_of) -> Measurement:
    """Measure an HTTP service, and describe what a request needs of server and generator.

    Raises LiveError if it refuses, does not answer in time, answers errors only, or is not on this machine; and
    KeyboardInterrupt if the measurement is stopped before anything was measured.
    """
    address = check_local(target.load.url)
    with guarded(), _server(target, address, settings) as server:
        service = Service(
            name=target.load.url,
            command=_shown_command(target),
            generator=lambda plan: _generator(target.load, plan),
            server=server,
            request=_request(target),
        )
        return measure_service(service, settings, tell, watch)


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


def _request(target: Target) -> Request:
    """Return what is needed to send the same requests again."""
    load = target.load
    return Request(
        url=load.url,
        method=load.method,
        body=load.body,
        timeout_s=load.timeout_s,
        headers=bool(load.headers),
        start=target.start,
        stop=target.stop,
    )


def _shown_command(target: Target) -> list[str]:
    """Return the request as it was asked for, without the values of headers, which may be secrets."""
    names = [f"{name}: ..." for name, _ in target.load.headers]
    return [target.load.method, target.load.url, *names, *([target.start] if target.start else [])]

"""The real programs of the accuracy report: how each is run, what is held out, and what error is asked for."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import real_servers
from benchmarks.cpu_quota import PERIOD_US, cpu_quota, joining, slice_s
from calibration.fitting.blueprint import Parts
from calibration.http import Target, calibrate_http
from calibration.live.copies import Program, python_program
from calibration.live.http_load import HttpLoad
from calibration.live.level_run import Plan
from calibration.live.measured import Measurement
from calibration.live.program_measurement import Subject, measure_program
from calibration.live.served_measurement import Service, measure_service
from calibration.live.settings import Settings
from calibration.python_callable import calibrate_python
from models.service import ReadyOrder
from models.units import TIME

Tell = Callable[[str], None]
Measure = Callable[[Settings, Tell], Measurement]
OWN: Final = (4, 8, 16, 30, 50)
LOW: Final = (1, 4, 8)
"""Connections that servers are fitted at."""
LOW_WITH_RATE: Final = (1, 8)
"""The same where loads at a rate are asked for: the third level is one of them."""
FITTED_SHARE: Final = 0.6
"""Rate of that level, relative to the throughput of the highest closed one."""
UNDER_QUOTA: Final = (2, 4, 8, 16)
SERVED: Final = (16, 32, 64)
HTTP: Final = (16, 32, 64)
OPEN_SHARES: Final = (0.5, 0.7, 0.85, 0.95)
NEW_CONNECTIONS_S: Final = 2.5
"""Until the connections of a new pgbench have mapped what they share, and have worked off what gathered meanwhile."""
REDIS_GET: Final = r"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n"


@dataclass(frozen=True)
class RealProgram:
    """One row of the table.

    opened: a block in which the program can be measured. fitted, held: copies or connections. shares: of the capacity,
    open levels; one more at a rate is then fitted. rate_bound, time_bound: errors that are asked for. think_s: mean
    pause. least_seconds: of a repeat. warmup_s: before it. held_under: a block in which the held-out levels are
    measured, where these have other conditions than the fitted ones; what_if: puts the conditions into the fitted
    scenario.
    """

    title: str
    opened: Callable[[Path], contextlib.AbstractContextManager[Measure]]
    rate_bound: float
    time_bound: float
    fitted: Sequence[int] = (1, 2)
    held: Sequence[int] = OWN
    shares: Sequence[float] = ()
    think_s: float = 0.0
    least_seconds: float = 0.0
    warmup_s: float = 0.5
    held_under: Callable[[Path], contextlib.AbstractContextManager[Measure]] | None = None
    what_if: Callable[[Parts], Parts] | None = None


def _own(name: str, cores: int | None = None) -> Callable[[Path], contextlib.AbstractContextManager[Measure]]:
    """Return what measures a callable of the examples. cores: that it may use; None: all."""

    @contextlib.contextmanager
    def opened(directory: Path) -> Iterator[Measure]:
        before = os.sched_getaffinity(0)
        try:
            if cores is not None:
                os.sched_setaffinity(0, sorted(before)[-cores:])
            yield lambda settings, tell: calibrate_python(f"examples.workloads:{name}", settings, tell)
        finally:
            os.sched_setaffinity(0, before)

    return opened


def _under_quota(name: str, quota: float) -> Callable[[Path], contextlib.AbstractContextManager[Measure]]:
    """Return what measures a callable of the examples whose copies share so many cores' worth."""

    @contextlib.contextmanager
    def opened(directory: Path) -> Iterator[Measure]:
        target = f"examples.workloads:{name}"
        program = python_program(target, "calibration.live.python_worker", [target], {})
        with cpu_quota(quota) as procs:
            limited = replace(program, arguments=joining(procs, list(program.arguments)))
            yield lambda settings, tell: measure_program(Subject("python", limited, [target]), settings, tell)

    return opened


def with_quota(quota: float) -> Callable[[Parts], Parts]:
    """Return what puts a quota of so many cores' worth into a fitted scenario."""

    def changed(parts: Parts) -> Parts:
        services, stages = parts
        fields = {
            "cpu_quota": quota,
            "cpu_quota_period": TIME.print(PERIOD_US * 1000),
            "cpu_quota_slice": TIME.print(round(slice_s() * 1e9)),
        }
        return {name: one | fields for name, one in services.items()}, stages

    return changed


def _compute_under(quota: float) -> RealProgram:
    """Return the compute program, fitted without a quota and held out under one."""
    return RealProgram(
        f"compute, 1 ms, under a quota of {quota:g} cores",
        _own("compute"),
        0.05,
        0.20,
        held=UNDER_QUOTA,
        least_seconds=3.0,
        warmup_s=1.0,
        held_under=_under_quota("compute", quota),
        what_if=with_quota(quota),
    )


def served_over_http(
    server: Callable[[Path], contextlib.AbstractContextManager[real_servers.Server]],
) -> Callable[[Path], contextlib.AbstractContextManager[Measure]]:
    """Return what measures a server by requests. server: starts it in a directory."""

    @contextlib.contextmanager
    def opened(directory: Path) -> Iterator[Measure]:
        with server(directory) as there:
            target = Target(HttpLoad(there.url), there.process.pid)
            yield lambda settings, tell: calibrate_http(target, settings, tell)

    return opened


@contextlib.contextmanager
def _redis(directory: Path) -> Iterator[Measure]:
    with real_servers.redis(directory) as there:

        def generator(plan: Plan) -> Program:
            host, port = there.address
            arguments = [host, str(port), str(plan.copies), REDIS_GET]
            return _generator("Redis GET", "benchmarks.socket_load", arguments)

        yield _service("Redis GET", there, generator)


def _pgbench(script: str) -> Callable[[Path], contextlib.AbstractContextManager[Measure]]:
    @contextlib.contextmanager
    def opened(directory: Path) -> Iterator[Measure]:
        with real_servers.postgres(directory) as there:

            def generator(plan: Plan) -> Program:
                rate = plan.pacing.rate_per_s
                arguments = [str(there.address[1]), str(plan.copies), script, *([f"{rate:.6g}"] if rate else [])]
                return _generator(f"pgbench {script}", "benchmarks.pgbench_load", arguments)

            # having sent something it looks at that connection once more before it turns to others
            yield _service(f"pgbench {script}", there, generator, "client_first")

    return opened


def _generator(name: str, module: str, arguments: Sequence[str]) -> Program:
    found = python_program(name, module, arguments, {})
    return Program(found.name, found.arguments, found.environment, holds_all=True)


def _service(
    name: str, there: real_servers.Server, generator: Callable[[Plan], Program], order: ReadyOrder | None = None
) -> Measure:
    service = Service(name, [sys.executable, name], generator, there.process, generator_order=order)
    return lambda settings, tell: measure_service(service, settings, tell)


PROGRAMS: Final[dict[str, RealProgram]] = {
    "compute": RealProgram("compute, 1 ms, two cores", _own("compute"), 0.03, 0.08),
    "compute-one-core": RealProgram("compute, 1 ms, one core", _own("compute", 1), 0.03, 0.08),
    "compute-long": RealProgram("compute, 20 ms, two cores", _own("compute_long"), 0.03, 0.08, least_seconds=3.0),
    "think": RealProgram("compute, 1 ms, with 10 ms think time", _own("compute"), 0.03, 0.10, think_s=0.010),
    "wait": RealProgram("compute 1 ms, then wait 5 ms", _own("compute_then_wait"), 0.03, 0.10),
    "lock": RealProgram("a lock held for a tenth of 1 ms", _own("lock"), 0.05, 0.15),
    "memory": RealProgram("memory-bandwidth-bound", _own("memory_bandwidth"), 0.05, 0.15),
    "fsync": RealProgram("write + fsync", _own("write_and_sync"), 0.10, 0.20),
    "quota-half": _compute_under(0.5),
    "quota-more": _compute_under(1.2),
    "http-blocking": RealProgram(
        "Python HTTP, 8 blocking workers",
        served_over_http(lambda directory: real_servers.python_service("blocking", 8, directory)),
        0.05,
        0.15,
        LOW,
        HTTP,
    ),
    "http-event-loop": RealProgram(
        "Python HTTP, one event loop",
        served_over_http(lambda directory: real_servers.python_service("event_loop", 1, directory)),
        0.05,
        0.15,
        LOW,
        HTTP,
    ),
    "nginx": RealProgram("nginx, 1 kB file, 2 workers", served_over_http(real_servers.nginx), 0.08, 0.25, LOW, SERVED),
    "redis": RealProgram("Redis GET", _redis, 0.08, 0.25, LOW, SERVED),
    "pgbench-select": RealProgram(
        "PostgreSQL, pgbench select-only",
        _pgbench("select-only"),
        0.08,
        0.25,
        LOW_WITH_RATE,
        SERVED,
        OPEN_SHARES,
        warmup_s=NEW_CONNECTIONS_S,
    ),
    "pgbench-update": RealProgram(
        "PostgreSQL, pgbench simple-update",
        _pgbench("simple-update"),
        0.08,
        0.25,
        LOW_WITH_RATE,
        SERVED,
        OPEN_SHARES,
        warmup_s=NEW_CONNECTIONS_S,
    ),
}

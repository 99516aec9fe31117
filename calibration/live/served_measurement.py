"""The measurement of a service under the load of a generator on the same machine: levels, repeats, description."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from calibration.levels import LevelTable
from calibration.live.copies import Program
from calibration.live.describe import describe_service
from calibration.live.level_run import Plan, Recording, Served, WatchMaker, run_level
from calibration.live.measured import Measurement, Request
from calibration.live.program_measurement import (
    WRITES_AT_LEAST_BYTES,
    Tell,
    disturbance_remarks,
    line_of,
    lost_text,
    measured_when,
    plan_text,
    response_at_rate_s,
)
from calibration.live.repeats import Judge, Repeats, measure_all
from calibration.live.settings import SEED_STEP, Settings, judged, watch_of
from calibration.live.summarize import service_cpu_ns, service_detail_of, service_level_of
from models.service import ReadyOrder
from simulator.processors import usable_cores


@dataclass(frozen=True)
class Service:
    """What is measured.

    name: what people call it. generator: the program that puts it under the load of a level; it holds all
    connections and speaks the line protocol. server: its processes; None: its CPU, memory and IO are not known.
    generator_order: as `Measurement` has it.
    """

    name: str
    command: Sequence[str]
    generator: Callable[[Plan], Program]
    server: Served | None
    request: Request | None = None
    generator_order: ReadyOrder | None = None


def measure_service(service: Service, settings: Settings, tell: Tell, watch: WatchMaker = watch_of) -> Measurement:
    """Measure a service that is there, and describe what an operation needs of server and generator.

    Raises LiveError if the generator fails, and KeyboardInterrupt if it is stopped before anything was measured.
    The caller stands in `guarded`.
    """

    def measure(plan: Plan, repeat: int) -> Recording:
        seeded = replace(plan, seed=plan.seed + SEED_STEP * repeat)
        return run_level(service.generator(seeded), seeded, watch, settings.ready_timeout_s, service.server)

    found = measure_all(
        settings.plans(),
        repeats=settings.repeats,
        retries=settings.retries,
        measure=measure,
        judge=Judge(
            lambda plan, recording: judged(plan, recording.interference, served=True, writes=_writes(recording)),
            _cpu_of_operation,
            late=response_at_rate_s,
        ),
        tell=lambda repeat: tell(line_of(repeat, _cpu_of_operation, served=True)),
    )
    if not found.made:
        raise KeyboardInterrupt
    return _measurement(service, settings, found)


def _writes(recording: Recording) -> bool:
    """Return whether the service has a disk write something for its operations."""
    written = recording.served.used.disk_written_bytes if recording.served else None
    return (written or 0) >= WRITES_AT_LEAST_BYTES * recording.done > 0


def _cpu_of_operation(recording: Recording) -> float:
    """Return the CPU of server and generator for an operation [ns]."""
    of_server = service_cpu_ns(recording) or 0.0
    return (of_server + recording.used.cpu_ns) / recording.done if recording.done else 0.0


def _measurement(service: Service, settings: Settings, found: Repeats[Plan, Recording]) -> Measurement:
    cores = usable_cores()
    kept = found.kept()
    recordings = [repeat.value for repeat in kept]
    table = LevelTable(
        source=service.name,
        tool="sim calibrate http",
        levels=[service_level_of(repeat.value, repeat.number, cores) for repeat in kept],
        leaves_out_late_starts=False,
        remarks=disturbance_remarks(found, served=True),
    )
    return Measurement(
        kind="http",
        subject=service.name,
        command=list(service.command),
        pacing=settings.paced(),
        cores=cores,
        warmup_s=settings.warmup_ns / 1e9,
        duration_s=settings.duration_ns / 1e9,
        seed=settings.seed,
        provenance=measured_when(),
        table=table,
        details=[service_detail_of(repeat.value, repeat.number) for repeat in kept],
        workload=describe_service(recordings),
        never_quiet=[plan_text(plan, served=True) for plan in found.never_quiet()],
        not_measured=[lost_text(one, served=True) for one in found.lost],
        interrupted=found.interrupted,
        failed_operations=sum(int(recording.operations["failed"].sum()) for recording in recordings),
        problem=next((recording.problem for recording in recordings if recording.problem), None),
        request=service.request,
        generator_order=service.generator_order,
    )

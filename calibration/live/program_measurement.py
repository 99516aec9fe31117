"""The measurement of a program: levels of copies, repeated, and the workload that they describe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from calibration.levels import LevelTable, Remark
from calibration.live.awake import can_keep_awake
from calibration.live.cleanup import guarded
from calibration.live.copies import Program
from calibration.live.describe import SLEEPS_AT_LEAST, describe
from calibration.live.errors import NothingEndedError
from calibration.live.level_run import Plan, Recording, WatchMaker, run_level
from calibration.live.measured import Measurement
from calibration.live.repeats import Judge, Lost, Repeat, Repeats, measure_all
from calibration.live.settings import SEED_STEP, Settings, judged, watch_of
from calibration.live.summarize import detail_of, level_of, net_cpu_ns, succeeded_response_ns
from simulator.processors import usable_cores
from simulator.provenance import provenance

WRITES_AT_LEAST_BYTES: Final = 512
CLOCKED_AT_MOST_NS: Final = 2_000_000_000
ROUNDS: Final = 2.0
"""Operations of each copy before the window begins."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Subject:
    """What is measured. command: as the person asked for it. each_run: each run of it is an operation."""

    kind: Literal["command", "python"]
    program: Program
    command: Sequence[str]
    each_run: bool = False


def measure_program(subject: Subject, settings: Settings, tell: Tell, watch: WatchMaker = watch_of) -> Measurement:
    """Measure a program that speaks the line protocol, and describe its workload.

    tell: is told what each repeat gave, on one line. watch: over other load.
    Raises LiveError if it cannot be measured, and KeyboardInterrupt if it is stopped before anything was.
    """
    plans = settings.plans()
    with guarded():
        alone = _alone(subject.program, plans[0], settings, watch)
        clocked = alone if (alone.operations["cpu_ns"] >= 0).all() else None
        plans = [_warmed(plan, alone) for plan in plans]
        if plans[0].copies == 1 and plans[0].pacing.rate_per_s is None and _sleeps(alone) and can_keep_awake():
            plans.insert(1, replace(plans[0], awake=True))

        def measure(plan: Plan, repeat: int) -> Recording:
            seeded = replace(plan, seed=plan.seed + SEED_STEP * repeat)
            return run_level(subject.program, seeded, watch, settings.ready_timeout_s)

        found = measure_all(
            plans,
            repeats=settings.repeats,
            retries=settings.retries,
            measure=measure,
            judge=Judge(
                lambda plan, recording: judged(plan, recording.interference, writes=_writes(recording)),
                _cpu_of_operation,
                wanted=_wanted,
                late=response_at_rate_s,
            ),
            tell=lambda repeat: tell(line_of(repeat, _cpu_of_operation)),
            precision=settings.precision,
        )
        if not any(not repeat.plan.awake for repeat in found.made):
            raise KeyboardInterrupt
        return _measurement(subject, settings, found, clocked)


def _alone(program: Program, plan: Plan, settings: Settings, watch: WatchMaker) -> Recording:
    """Run one copy with its CPU clock read around each operation, if it can do that."""
    pacing = plan.pacing
    if pacing.rate_per_s is not None:
        pacing = replace(pacing, rate_per_s=pacing.rate_per_s / plan.copies)
    duration_ns = min(plan.duration_ns, CLOCKED_AT_MOST_NS)
    alone = replace(plan, copies=1, pacing=pacing, duration_ns=duration_ns, cpu_of_each=True)
    try:
        return run_level(program, alone, watch, settings.ready_timeout_s)
    except NothingEndedError:
        if duration_ns == plan.duration_ns:
            raise
        whole = replace(alone, duration_ns=plan.duration_ns)
        return run_level(program, whole, watch, settings.ready_timeout_s)


def _warmed(plan: Plan, alone: Recording) -> Plan:
    """Return a plan whose warm-up is long enough for `ROUNDS` operations of each copy, but no longer than its window.

    All copies begin at once, so that what is under way in the first rounds had other queues than what follows.
    """
    rounds = max(plan.copies / usable_cores() - 1, 0.0)
    response_ns = float(np.mean(succeeded_response_ns(alone))) + rounds * _cpu_of_operation(alone)
    return replace(plan, warmup_ns=max(plan.warmup_ns, min(round(ROUNDS * response_ns), plan.duration_ns)))


def _writes(recording: Recording) -> bool:
    """Return whether its operations have a disk write something."""
    return (recording.used.disk_written_bytes or 0) >= WRITES_AT_LEAST_BYTES * recording.done > 0


def _sleeps(recording: Recording) -> bool:
    """Return whether its operations sleep, or the pauses between them do."""
    return (recording.used.voluntary_switches or 0) >= SLEEPS_AT_LEAST * recording.done > 0


def _cpu_of_operation(recording: Recording) -> float:
    return net_cpu_ns(recording) / recording.done if recording.done else 0.0


def _wanted(recording: Recording) -> list[float]:
    """Return what a level must tell: the CPU of an operation and its median response [ns]."""
    response = float(np.median(succeeded_response_ns(recording)))
    return [max(_cpu_of_operation(recording), 1.0), max(response, 1.0)]


def response_at_rate_s(recording: Recording) -> float | None:
    """Return the mean response time of a level at a rate [s]; None of others, which wait for their answers."""
    if recording.plan.pacing.rate_per_s is None:
        return None
    return level_of(recording, 1, usable_cores()).mean_s


def _measurement(
    subject: Subject, settings: Settings, found: Repeats[Plan, Recording], clocked: Recording | None
) -> Measurement:
    cores = usable_cores()
    kept = [repeat for repeat in found.kept() if not repeat.plan.awake]
    awake = [repeat.value for repeat in found.kept() if repeat.plan.awake]
    recordings = [repeat.value for repeat in kept]
    table = LevelTable(
        source=subject.program.name,
        tool=f"sim calibrate {subject.kind}",
        levels=[level_of(repeat.value, repeat.number, cores) for repeat in kept],
        leaves_out_late_starts=False,
        remarks=disturbance_remarks(found),
    )
    return Measurement(
        kind=subject.kind,
        subject=subject.program.name,
        command=list(subject.command),
        pacing=settings.paced(),
        cores=cores,
        warmup_s=settings.warmup_ns / 1e9,
        duration_s=settings.duration_ns / 1e9,
        seed=settings.seed,
        provenance=measured_when(),
        table=table,
        details=[detail_of(repeat.value, repeat.number) for repeat in kept],
        workload=describe(recordings, clocked, cores, awake),
        never_quiet=[plan_text(plan) for plan in found.never_quiet()],
        not_measured=[lost_text(one) for one in found.lost],
        interrupted=found.interrupted,
        each_run=subject.each_run,
        failed_operations=sum(int(recording.operations["failed"].sum()) for recording in recordings),
        problem=next((recording.problem for recording in recordings if recording.problem), None),
    )


def measured_when() -> dict[str, Any]:
    """Return versions and date as every result has them, without what only a simulation has."""
    every = provenance("none", "", 0.0)
    return {name: every[name] for name in ("version", "python", "numpy", "scipy", "date")}


def disturbance_remarks(found: Repeats[Plan, Any], *, served: bool = False) -> list[Remark]:
    """Return a remark for each repeat that other load disturbed, and whether it was left out."""
    kept = found.kept()
    return [
        Remark(
            code="disturbed",
            place=f"{plan_text(repeat.plan, served=served)}, repeat {repeat.number}",
            message=f"{'kept for want of a quiet one' if repeat in kept else 'left out'}: "
            + "; ".join(repeat.problems),
        )
        for repeat in found.made
        if repeat.problems
    ]


def plan_text(plan: Plan, *, served: bool = False) -> str:
    """Say which level it is. served: of connections to a service, not of copies of a program."""
    one, several = ("connection", "connections") if served else ("copy", "copies")
    offered = f" at {plan.pacing.rate_per_s:g}/s" if plan.pacing.rate_per_s is not None else ""
    awake = ", cores kept awake" if plan.awake else ""
    return f"{plan.copies} {one if plan.copies == 1 else several}{offered}{awake}"


def lost_text(lost: Lost[Plan], *, served: bool = False) -> str:
    """Say which repeat could not be measured, and why."""
    error = lost.error
    place = f"{plan_text(lost.plan, served=served)}, repeat {lost.number}"
    return f"{place}: found {error.found}; accepted: {error.accepted}"


def line_of(
    repeat: Repeat[Plan, Recording] | Lost[Plan], cpu_of: Callable[[Recording], float], *, served: bool = False
) -> str:
    """Say on one line what a repeat gave. cpu_of: returns the CPU of an operation [ns]."""
    if isinstance(repeat, Lost):
        return f"not measured: {lost_text(repeat, served=served)}"
    cpu_ns = cpu_of(repeat.value)
    level = level_of(repeat.value, repeat.number, usable_cores())
    disturbed = f"; disturbed: {'; '.join(repeat.problems)}" if repeat.problems else ""
    failed = f", {level.error_rate:.1%} failed" if level.error_rate else ""
    return (
        f"{plan_text(repeat.plan, served=served)}, repeat {repeat.number}: {level.throughput_per_s:.4g}/s{failed}, "
        f"p50 {level.percentiles_s[50.0] * 1e3:.4g} ms, p99 {level.percentiles_s[99.0] * 1e3:.4g} ms, "
        f"CPU {cpu_ns / 1e6:.4g} ms{disturbed}"
    )

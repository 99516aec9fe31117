"""Live levels turned into a first description of the workload: what an operation needs, and what it shares.

What the smallest level shows is taken as the operation itself; what changes in the larger ones, up to as many
copies as there are cores, is contention. More copies than cores say nothing new here: they wait for each other.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.live.apart import ends_apart
from calibration.live.level_run import Recording
from calibration.live.measured import Awake, Detail, Figure, SerialShare, Spread, Workload
from calibration.live.operations import quantile_table, service_ns
from calibration.live.summarize import (
    detail_of,
    net_cpu_ns,
    service_cpu_ns,
    service_detail_of,
    succeeded,
    succeeded_response_ns,
)
from simulator.statistics import interval

SLEEPS_AT_LEAST: Final = 0.05
"""Sleeps for each operation from which it counts as one that waits: fewer are page faults and lock accidents."""
WAIT_AT_LEAST: Final = 0.01
"""Share of the service time from which a pure wait is told apart from errors of measurement."""
SERIAL_AT_LEAST: Final = 0.01
DOMINATES: Final = 0.9
BUSY_SHARE: Final = 0.1

Floats = NDArray[np.float64]


def describe(
    recordings: Sequence[Recording], clocked: Recording | None, cores: int, awake: Sequence[Recording] = ()
) -> Workload:
    """Describe the workload that was recorded.

    recordings: all repeats of all levels, at least one. clocked: one copy with the CPU clock read around each
    operation; None where the program cannot do that. cores: that the copies might use. awake: one copy with its cores
    kept from idling.
    """
    by_copies = _by_copies(recordings)
    first = by_copies[min(by_copies)]
    details = [detail_of(recording, 1) for recording in first]
    demand_s = figure([net_cpu_ns(recording) / recording.done / 1e9 for recording in first if recording.done])
    notes: list[str] = []
    pacing_cpu_s = None
    if first[0].plan.pacing.kind != "closed":
        demand_s, pacing_cpu_s = _without_pacing(demand_s, clocked, notes)
    demand, wait, shape = _spreads(first, clocked, demand_s, notes)
    mean = _means(details)
    return Workload(
        demand=demand,
        wait=wait,
        shape=shape,
        demand_by_copies_s={
            copies: figure([net_cpu_ns(one) / one.done / 1e9 for one in group if one.done])
            for copies, group in by_copies.items()
        },
        sleeps=mean("voluntary_switches"),
        pacing_cpu_s=pacing_cpu_s,
        base_bytes=_per_copy(details, lambda detail: detail.own_bytes),
        memory_bytes=_memory_of_operation(first),
        read_bytes=mean("read_bytes"),
        written_bytes=mean("written_bytes"),
        disk_read_bytes=mean("disk_read_bytes"),
        disk_written_bytes=mean("disk_written_bytes"),
        network_bytes=mean("network_bytes"),
        serial=serial_share(by_copies, cores, notes),
        hand_off_s=_of_each_sleep(first, [_hand_off_s(recording) for recording in first]),
        awake=_awake(awake),
        apart=ends_apart(by_copies, cores),
        notes=notes,
    )


def _awake(recordings: Sequence[Recording]) -> Awake | None:
    """Return what an operation took while the cores were kept from idling; None where that was not measured."""
    found = [one for one in recordings if one.done and len(succeeded(one.operations))]
    if not found:
        return None
    medians_s = [float(np.median(succeeded_response_ns(one))) / 1e9 for one in found]
    return Awake(cpu_s=figure([net_cpu_ns(one) / one.done / 1e9 for one in found]), response_s=figure(medians_s))


def describe_service(recordings: Sequence[Recording]) -> Workload | None:
    """Describe the operations of a service that was put under load by a generator on the same machine.

    At the smallest level a response consists of the generator's CPU, the server's, the time that either was ready
    but not yet running, and of pure wait, which is what remains. recordings: all repeats of all levels. Returns None
    where the server's CPU was not seen, as nothing tells its demand then.
    """
    by_copies = _by_copies([recording for recording in recordings if recording.served is not None])
    if not by_copies:
        return None
    first = by_copies[min(by_copies)]
    details = [service_detail_of(recording, 1) for recording in first]
    mean = _means(details)
    demand_s = figure([detail.cpu_s or 0.0 for detail in details])
    generator_s = figure([detail.generator_cpu_s or 0.0 for detail in details])
    notes = ["the spread of the response times was given to what dominates them; the fit tells more"]
    if min(by_copies) > 1:
        notes.append("without a level of one connection, waits for a core are in the wait")
    times_s = np.concatenate([service_ns(succeeded(one.operations)) for one in first]) / 1e9
    delays_s = [_hand_off_s(one) for one in first]
    known_s = demand_s.value + generator_s.value
    wait_s = figure(
        [
            max(0.0, float(service_ns(succeeded(one.operations)).mean()) / 1e9 - known_s - late_s)
            for one, late_s in zip(first, delays_s, strict=True)
        ]
    )
    wait = None
    if wait_s.value >= WAIT_AT_LEAST * float(times_s.mean()):
        wait = spread(np.maximum(0.0, times_s - known_s), wait_s)
    shaped = times_s - (generator_s.value + wait_s.value + float(np.mean(delays_s)))
    steady = wait is not None and wait.mean_s.value > demand_s.value
    return Workload(
        demand=spread(np.ones(1) if steady else np.maximum(0.0, shaped), demand_s),
        wait=wait,
        shape="response" if steady or wait is None else "unknown",
        demand_by_copies_s={
            copies: figure([(service_cpu_ns(one) or 0.0) / (one.done or 1.0) / 1e9 for one in group])
            for copies, group in by_copies.items()
        },
        sleeps=mean("voluntary_switches"),
        base_bytes=mean("base_bytes"),
        memory_bytes=_memory_of_request(by_copies),
        read_bytes=mean("read_bytes"),
        written_bytes=mean("written_bytes"),
        disk_read_bytes=mean("disk_read_bytes"),
        disk_written_bytes=mean("disk_written_bytes"),
        network_bytes=mean("network_bytes"),
        hand_off_s=_of_each_sleep(first, delays_s),
        generator_cpu_s=generator_s,
        processes=_busy_processes(details),
        notes=notes,
    )


def _hand_off_s(recording: Recording) -> float:
    """Return how long server and generator were ready but not running, for each operation [s]."""
    parts = [recording.used.run_delay_ns, recording.served.used.run_delay_ns if recording.served else 0]
    return sum(part or 0 for part in parts) / (recording.done or 1.0) / 1e9


def _of_each_sleep(first: Sequence[Recording], delays_s: Sequence[float]) -> Figure | None:
    """Return the time from a wake-up to running [s], from the only level that nobody competes in; else None."""
    found = []
    for recording, delay_s in zip(first, delays_s, strict=True):
        parts = [recording.used, *([recording.served.used] if recording.served else [])]
        sleeps = sum(used.voluntary_switches or 0 for used in parts) / (recording.done or 1.0)
        if recording.plan.copies != 1 or sleeps < SLEEPS_AT_LEAST:
            return None
        found.append(delay_s / sleeps)
    return figure(found)


def _memory_of_request(by_copies: dict[int, list[Recording]]) -> float | None:
    """Return how much the peak of the server's memory grows with each operation at once [bytes], at least 0."""
    peaks = {
        copies: [one.served.peak_bytes for one in group if one.served and one.served.peak_bytes is not None]
        for copies, group in by_copies.items()
    }
    known = {copies: float(np.median(found)) for copies, found in peaks.items() if found}
    if len(known) < 2:
        return None
    return max(0.0, float(np.polyfit(list(known), list(known.values()), 1)[0]))


def _busy_processes(details: Sequence[Detail]) -> int | None:
    """Return how many processes of the server take a tenth of its CPU or more."""
    found = [
        sum(cores >= BUSY_SHARE * sum(detail.process_cpu_cores) for cores in detail.process_cpu_cores)
        for detail in details
        if sum(detail.process_cpu_cores) > 0
    ]
    return max(found) if found else None


def figure(values: Sequence[float]) -> Figure:
    """Return the mean of repeats with the half-width of its 95 % interval (Student's t)."""
    estimate = interval(values)
    return Figure(value=max(0.0, estimate.value or 0.0), half_width=estimate.half_width)


def spread(values_s: Floats, mean_s: Figure) -> Spread:
    """Return a distribution of the shape of some values, scaled to a mean that is known better.

    values_s: in any order, at least one.
    """
    scale = mean_s.value / values_s.mean() if values_s.mean() > 0 else 0.0
    scaled = values_s * scale
    cv = float(scaled.std() / scaled.mean()) if scaled.mean() > 0 else 0.0
    return Spread(mean_s=mean_s, cv=cv, count=len(scaled), quantiles_s=list(quantile_table(scaled)))


def serial_share(by_copies: dict[int, list[Recording]], cores: int, notes: list[str]) -> SerialShare | None:
    """Return what only one operation at a time can do, if more copies make operations sleep more.

    An operation that finds a lock held goes to sleep once for it, however long the hand-off takes. So the sleeps
    that come with the second copy are the chance to find the lock held, which is the share of time that one other
    copy holds it (arrival theorem; Sevcik and Mitrani, 1981): with two copies it is the serial share itself. The
    time asleep would overstate it, because a sleeper is also woken. Only a level with a core for every copy is
    used. A lock that spins does not show.
    """
    if len(by_copies) < 2 or 1 not in by_copies or by_copies[1][0].plan.pacing.kind != "closed":
        return None
    usable = [copies for copies in by_copies if 2 <= copies <= cores]
    if not usable:
        notes.append("a serial share would show with at least two copies that have a core each")
        return None
    copies = min(usable)
    alone = [detail_of(recording, 1) for recording in by_copies[1]]
    crowded = [detail_of(recording, 1) for recording in by_copies[copies]]
    sleeps = _difference(alone, crowded, "voluntary_switches")
    asleep = _difference(alone, crowded, "asleep_s")
    if sleeps is None or asleep is None:
        notes.append("a serial share cannot be told, as this system does not count sleeps and run-queue waits")
        return None
    more, half_width = sleeps
    by_chance = 3 * math.sqrt(sum(_sleeps_variance(by_copies[level]) for level in (1, copies)))
    if more < max(SERIAL_AT_LEAST, half_width or 0.0, by_chance) or asleep[0] <= 0:
        return None
    others = copies - 1
    share = min(1.0, _share_of_chance(min(more, 0.999), others))
    scale = share / more
    return SerialShare(
        share=Figure(value=share, half_width=None if half_width is None else half_width * scale),
        copies=copies,
        extra_sleep_s=asleep[0],
    )


def _sleeps_variance(recordings: Sequence[Recording]) -> float:
    """Return the variance of the sleeps per operation, if sleeps happen independently of each other (Poisson)."""
    done = sum(recording.done for recording in recordings)
    return sum(recording.used.voluntary_switches or 0 for recording in recordings) / max(done, 1.0) ** 2


def _share_of_chance(busy: float, others: int) -> float:
    """Return the serial share with which `others` copies keep a lock busy for that share of the time.

    The lock is a station of a closed network with pure work beside it: mean value analysis (Reiser and
    Lavenberg, 1980) for exponential holds, solved for the share by bisection.
    """
    low, high = 0.0, 1.0
    for _ in range(60):
        share = (low + high) / 2
        waiting = utilization = 0.0
        for population in range(1, others + 1):
            residence = share * (1 + waiting)
            throughput = population / (residence + 1 - share)
            waiting, utilization = throughput * residence, throughput * share
        low, high = (share, high) if utilization < busy else (low, share)
    return (low + high) / 2


def _by_copies(recordings: Sequence[Recording]) -> dict[int, list[Recording]]:
    grouped: dict[int, list[Recording]] = {}
    for recording in sorted(recordings, key=lambda recording: recording.plan.copies):
        grouped.setdefault(recording.plan.copies, []).append(recording)
    return grouped


def _without_pacing(total_s: Figure, clocked: Recording | None, notes: list[str]) -> tuple[Figure, float | None]:
    """Tell the CPU of an operation from that of sleeping and waking before it."""
    if clocked is None or (succeeded(clocked.operations)["cpu_ns"] < 0).any():
        notes.append("the demand includes the CPU of falling asleep and waking before each operation")
        return total_s, None
    inside_s = float(_clocked_cpu_ns(clocked).mean()) / 1e9
    return Figure(value=inside_s, half_width=total_s.half_width), max(0.0, total_s.value - inside_s)


def _clocked_cpu_ns(clocked: Recording) -> Floats:
    rows = succeeded(clocked.operations)
    times: Floats = rows["cpu_ns"].astype(np.float64)
    return np.maximum(0.0, times - clocked.overhead_ns)


def _spreads(
    first: Sequence[Recording], clocked: Recording | None, demand_s: Figure, notes: list[str]
) -> tuple[Spread, Spread | None, str]:
    """Return the distributions of demand and wait, and what told them."""
    service = np.concatenate([service_ns(succeeded(one.operations), one.overhead_ns) for one in first]) / 1e9
    details = [detail_of(one, 1) for one in first]
    delays = [detail.run_delay_s or 0.0 for detail in details]
    waits = [
        max(
            0.0,
            float(service_ns(succeeded(one.operations), one.overhead_ns).mean()) / 1e9 - demand_s.value - delay,
        )
        for one, delay in zip(first, delays, strict=True)
    ]
    wait_s = figure(waits)
    sleeps = figure([detail.voluntary_switches or 0.0 for detail in details]).value
    paced = first[0].plan.pacing.kind != "closed"
    often = sleeps - paced >= SLEEPS_AT_LEAST or details[0].voluntary_switches is None
    waiting = often and wait_s.value >= WAIT_AT_LEAST * float(service.mean())
    if clocked is not None and (succeeded(clocked.operations)["cpu_ns"] >= 0).all():
        cpu = _clocked_cpu_ns(clocked) / 1e9
        elapsed = service_ns(succeeded(clocked.operations), clocked.overhead_ns) / 1e9
        wait = spread(np.maximum(0.0, elapsed - cpu), wait_s) if waiting else None
        return spread(cpu, demand_s), wait, "clock"
    if not waiting:
        return spread(service, demand_s), None, "response"
    if demand_s.value > DOMINATES * float(service.mean()):
        return (
            spread(np.maximum(0.0, service - wait_s.value), demand_s),
            spread(np.ones(1), wait_s),
            "response",
        )
    if wait_s.value > DOMINATES * float(service.mean()):
        return (
            spread(np.ones(1), demand_s),
            spread(np.maximum(0.0, service - demand_s.value), wait_s),
            "response",
        )
    notes.append("which of demand and wait varies is not identified: both were given the spread of their sum")
    return spread(service, demand_s), spread(service, wait_s), "unknown"


def _memory_of_operation(first: Sequence[Recording]) -> float | None:
    """Return how far the memory of a copy rose above what it had before its first operation [bytes]."""
    rises = [
        max(0, recording.peak_bytes - recording.base_bytes) / recording.plan.copies
        for recording in first
        if recording.peak_bytes is not None
    ]
    of_runs = [
        float(recording.operations["memory_bytes"].mean())
        for recording in first
        if (recording.operations["memory_bytes"] >= 0).all()
    ]
    found = of_runs or rises
    return sum(found) / len(found) if found else None


def _means(details: Sequence[Detail]) -> Callable[[str], float | None]:
    def mean(name: str) -> float | None:
        values = [getattr(detail, name) for detail in details]
        return None if any(value is None for value in values) else float(np.mean(values))

    return mean


def _per_copy(details: Sequence[Detail], read: Callable[[Detail], float | None]) -> float | None:
    values = [value / detail.copies for detail in details if (value := read(detail)) is not None]
    return float(np.mean(values)) if values else None


def _difference(alone: Sequence[Detail], crowded: Sequence[Detail], name: str) -> tuple[float, float | None] | None:
    """Return how much more the crowded level has of a figure, with its half-width; None where it is unknown."""
    less = [getattr(detail, name) for detail in alone]
    more = [getattr(detail, name) for detail in crowded]
    if any(value is None for value in [*less, *more]):
        return None
    one, other = interval(more), interval(less)
    if one.value is None or other.value is None:
        return None
    if one.half_width is None or other.half_width is None:
        return one.value - other.value, None
    return one.value - other.value, math.hypot(one.half_width, other.half_width)

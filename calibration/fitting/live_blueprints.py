"""The structures that a measured program or server may have, with what its lowest level tells of their numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from calibration.fitting.blueprint import LEAST_S, Blueprint, Free, Load, Parts
from calibration.fitting.crowded import crowded_caches, extra_s, free_numbers
from calibration.fitting.device import (
    COLD,
    DEVICE_COLD_WIDTH,
    DEVICE_OUTSIDE,
    GROWING,
    LINES_OF_WRITERS,
    LINES_OF_WRITERS_WIDTH,
    SLOWDOWN_WIDTH,
    TAILS,
    VARIES,
    device_free,
    device_stages,
    uncharged_s,
    waits_for_writes,
    writes_of,
)
from calibration.fitting.serial import serial_share
from calibration.fitting.server_blueprints import served_blueprints
from calibration.fitting.widths import relative_width
from calibration.host.caches import core_cache_bytes
from calibration.host.service_fields import service_fields
from calibration.live.describe import SLEEPS_AT_LEAST
from calibration.live.measured import Awake, Detail, Figure, Measurement, Spread, Workload
from calibration.live.scenario_draft import MEMORY_AT_LEAST_BYTES, distribution
from calibration.profile import Profile
from models.units import RATE, SIZE, TIME

WAKEUP_S: Final = 10e-6
"""CPU of a wake-up and of falling asleep where the host was not calibrated: what Linux commonly takes."""
IDLE_EXIT_S: Final = 20e-6
INTERRUPTIONS_PER_S: Final = 30.0
"""Of each busy core, by threads of the kernel and others, where no level shows them."""
SHORT_S: Final = 30e-6
"""What most interruptions take: a daemon that looks at its timers."""
LEAST_LONG: Final = 2e-4
MOST_INTERRUPTED: Final = 0.5
"""Share of a core that interruptions may take in a fitted scenario, however disturbed the machine was."""
TICK_S: Final = 0.004
WOKEN_PAST_THE_CORES: Final = 2.0
"""Interruptions of each core where processes share it, relative to one process on each: balancing, the grace periods of
the kernel's memory and the queues that these leave unequal come on top of what was woken there anyway."""
STRAY_MOVES: Final = 0.02
"""Tasks that balancing moves without need, for each of its periods: about one in 15 s of 4 and 8 copies that never
sleep on two cores, one a second of 16 and more. How uncertain that is, is assumed."""
STRAY_MOVES_WIDTH: Final = 1.0
BALANCE_FROM: Final = 1.17
"""Linux evens out queues from this ratio on (`imbalance_pct`)."""
OTHERS: Final = 0.01
"""Share of the machine that everything else takes on one that is called quiet."""
LOCK_BINDS: Final = 0.5
"""Utilization of a lock, with all cores at work, from which its order counts."""
TRY_AGAIN_S: Final = 5e-6
"""CPU of waking for a lock and trying again where the host was not calibrated."""
BARGING_TAILS: Final[Mapping[str, float]] = {"p95": 0.05, "p99": 0.08}
"""What a lock for whoever runs leaves open in the tail with each doubling of the copies: in which order those that
come too late wait anew differs from one kind of lock to another."""
SHARED_OUTSIDE: Final = 0.5
"""How far the logarithm of a slowdown by shared memory may change on a virtual machine, relative to itself: caches and
memory are also those of machines that nobody sees there. Between measurements half an hour apart it came to nothing."""
SHARED_OUTSIDE_LEAST: Final = 0.15
"""The least of it: what two copies that copy memory took from each other on one virtual machine (0.97, 1.07, 1.15, 1.2,
1.35 and 1.44 times the CPU of one, in the course of a day) has this deviation, however little it was just before."""
SLOWED_AT_LEAST: Final = 1.05
HINDERED: Final = 1.05
"""Response of a copy whose cores are kept awake, relative to its slowest repeat without, from which it is not used."""
STILL_COLD: Final = 0.25
"""Part of what an operation takes after a core idled that it also takes beside a spinner, but not beside its like: code
and data that all of them share. Assumed; sixteen recordings of two programs lay between nothing and a half."""
COLD_S: Final = 50e-6
"""CPU that an operation takes more for each sleep on a core that idles meanwhile, before any was measured: between -8
and 140 us were measured of two programs on a virtual machine, of which 30 us is how far two such readings repeat."""
COLD_WIDTH: Final = 0.6
COLD_AT_MOST: Final = 0.1
"""The same relative to the whole operation: a short one has little that could get cold."""
ALONE_REPEATS: Final = 0.015
AWAKE_REPEATS: Final = 0.025
"""Relative deviation of an operation's CPU, alone and on cores kept awake, from one minute to another. Beside spinners
it went from 1.50 to 1.34 ms within three minutes, where it stayed within 1.46 and 1.52 without."""
NO_TAILS: Final[Mapping[str, float]] = {}
OTHERWISE: Final = 0.3
"""Odds of structures without a shared flush for a program that waits for its writes: Linux merges the flushes that wait
for the one under way, whatever the file system, and a journal's commits as well."""


@dataclass(frozen=True)
class Known:
    """What is known before the fit: the measurement, its description, and the host it was made on."""

    measurement: Measurement
    workload: Workload
    host: Profile | None

    @property
    def cores(self) -> int:
        """CPUs that the service may use."""
        return self.measurement.cores

    @property
    def awake(self) -> Awake | None:
        """What an operation took while its cores were kept from idling; None where that hindered it instead.

        A disk's interrupts, and the hypervisor that serves it, want the cores that spinners of the idle class keep: an
        fsync of 0.3 ms was seen to take a tick of 4 ms beside them.
        """
        found = self.workload.awake
        alone = [one.percentiles_s.get(50.0, 0.0) for one in self.measurement.table.levels if one.procs == 1]
        hindered = found is not None and found.response_s.value > HINDERED * max(alone, default=math.inf)
        return None if found is None or hindered or waits_for_writes(self.workload) else self._pooled(found)

    def _pooled(self, found: Awake) -> Awake:
        """Return what an operation takes without exits from idle: with them, less what they cost by all that is known.

        The two readings alone differ by as much as either repeats, which is what the exits cost.
        """
        alone = self.workload.demand_by_copies_s.get(1)
        if alone is None or not alone.value:
            return found
        expected_s = min(COLD_S * max(self.workload.sleeps or 1.0, 1.0), COLD_AT_MOST * alone.value)
        known = 1.0 / (COLD_WIDTH * expected_s) ** 2
        alone_s = relative_width(alone, ALONE_REPEATS) * alone.value
        measured = 1.0 / (alone_s**2 + (relative_width(found.cpu_s, AWAKE_REPEATS) * found.cpu_s.value) ** 2)
        cold_s = (known * expected_s + measured * (alone.value - found.cpu_s.value)) / (known + measured)
        cpu_s = max(alone.value - cold_s, 0.0)
        deviation_s = math.hypot(alone_s, 1.0 / math.sqrt(known + measured))
        later_s = found.response_s.value + cpu_s - found.cpu_s.value
        return Awake(
            cpu_s=Figure(value=cpu_s, half_width=2.0 * deviation_s),
            response_s=found.response_s.model_copy(update={"value": later_s}),
        )

    def service(self) -> dict[str, Any]:
        """Return the cores as the host's calibration knows them, without what this program shows itself.

        Where that did not tell, tasks are protected from those that wake as by Linux's defaults, until parity.
        """
        fields: dict[str, Any] = {"cores": self.cores}
        if self.host is not None:
            fields = service_fields(self.host, cores=self.cores)
        fields["linux"] = {"protected_until": "parity"} | fields.get("linux", {})
        return {name: value for name, value in fields.items() if name not in ("speed_by_busy", "wakeup", "idle_exit")}

    def of_host(self, name: str, otherwise: float) -> float:
        """Return a number of the host's calibration, or what is common."""
        found = self.host.quantity(name) if self.host is not None else None
        return found.value if found is not None and found.value > 0 else otherwise

    def still_cold_s(self) -> float:
        """Return what an operation takes on a core kept awake that it would not beside others of its kind [s].

        These keep the code that they share in the caches, which a spinner does not. How much is assumed, by what the
        exits from idle take; 0 where that was not measured.
        """
        awake, alone = self.awake, self.workload.demand_by_copies_s.get(1)
        if awake is None or alone is None:
            return 0.0
        return STILL_COLD * max(alone.value - awake.cpu_s.value, 0.0)

    def device_varies(self) -> float:
        """Return how far the wait for a device differs from one repeat to the next; 0 for other waits."""
        if not waits_for_writes(self.workload):
            return 0.0
        alone = [one.mean_s for one in self.measurement.table.levels if one.procs == 1 and one.mean_s]
        return statistics.stdev(map(math.log, alone)) if len(alone) > 1 else VARIES

    @property
    def cold_s(self) -> float:
        """Return the CPU of an operation that waits for its writes which idling cores cost it; 0 for others [s]."""
        return COLD * self.workload.demand.mean_s.value if waits_for_writes(self.workload) else 0.0

    @property
    def never_sleeps(self) -> bool:
        """Return whether copies neither pause between their operations nor wait in them."""
        return self.measurement.pacing.kind == "closed" and self.workload.wait is None

    def crowded(self) -> list[Detail]:
        """Return the repeats in which each core had one copy that never sleeps; empty for copies that do."""
        if not self.never_sleeps:
            return []
        return [one for one in self.measurement.details if one.copies == self.cores]

    def interruptions(self, rate_per_s: float) -> dict[str, Any]:
        """Return the interruptions of each core at so many per second.

        They are short (timers, daemons) or take a whole turn, up to the next tick; how many do tells the time that
        copies with a core each were ready without running.
        """
        found = [
            one.run_delay_s / one.cpu_s for one in self.crowded() if one.run_delay_s is not None and one.cpu_s
        ]
        share = min(statistics.fmean(found) if found else OTHERS, MOST_INTERRUPTED)
        rate_per_s = min(rate_per_s, MOST_INTERRUPTED / SHORT_S)
        turn_s = self.of_host("scheduler.tick", TICK_S)
        long = min(max((share / rate_per_s - SHORT_S) / (turn_s - SHORT_S), 0.0), 0.9)
        short, whole = (TIME.print(round(one * 1e9)) for one in (SHORT_S, turn_s))
        if long < LEAST_LONG:
            return {"rate": RATE.print(rate_per_s), "duration": short}
        # the quantiles of a table are joined by straight lines: a step is a steep one
        steps = [[0.0, short], [round(1.0 - long, 6), short], [round(1.0 - 0.99 * long, 6), whole], [1.0, whole]]
        return {"rate": RATE.print(rate_per_s), "duration": {"distribution": "empirical", "quantiles": steps}}

    def speeds(self, slowdown: float) -> list[float]:
        """Return the speed of each busy core; slowdown: with as many busy as were seen, on a straight line."""
        most = max([copies for copies in self.workload.demand_by_copies_s if copies <= self.cores], default=1)
        if most < 2:
            return [1.0]
        times = [1.0 + (slowdown - 1.0) * (busy - 1) / (most - 1) for busy in range(1, most + 1)]
        return [round(min(max(1.0 / one, 0.01), 16.0), 6) for one in times]

    def shared_outside(self) -> float:
        """Return the relative deviation of times by memory that is shared with others outside of a virtual machine.

        By how much more the work slows down with several busy cores than computing does on this host.
        """
        slowdown = self.slowdown()
        if slowdown is None or not (self.host is None or self.host.host.virtual):
            return 0.0
        excess = slowdown.middle * self.of_host(f"speed.compute.busy_{self.cores}", 1.0)
        return max(SHARED_OUTSIDE * math.log(excess), SHARED_OUTSIDE_LEAST) if excess > SLOWED_AT_LEAST else 0.0

    def slowdown(self) -> Free | None:
        """Return how much longer the work takes with several busy cores; None where no level shows it."""
        by_copies = self.workload.demand_by_copies_s
        known = sorted(copies for copies in by_copies if copies <= self.cores)
        if len(known) < 2 or known[0] != 1 or not by_copies[1].value or not by_copies[known[-1]].value:
            return None
        if waits_for_writes(self.workload):
            # two that sleep most of the time differ in how cold they come back, not in what they take from each other
            middle = 1.0 / self.of_host(f"speed.compute.busy_{known[-1]}", 1.0)
            how = "the host's calibration, or none: a program that waits for its writes"
            return Free("slowdown", middle, SLOWDOWN_WIDTH, how, unit="ratio")
        middle = by_copies[known[-1]].value / by_copies[1].value
        width = max(relative_width(by_copies[1], 0.01) + relative_width(by_copies[known[-1]], 0.01), 0.03)
        how = f"CPU of an operation with {known[-1]} at once, relative to one"
        return Free("slowdown", min(max(middle, 0.5), 20.0), width, how, unit="ratio")


def live_blueprints(measurement: Measurement, host: Profile | None) -> list[Blueprint]:
    """Return the structures that are tried, simplest first. Raises ValueError for a measurement without description."""
    if measurement.workload is None:
        raise ValueError("a measurement without any complete level describes no workload")
    known = Known(measurement, measurement.workload, host)
    if measurement.kind == "http":
        line_s = known.of_host("memory.line", 0.0) or None
        return list(served_blueprints(measurement, measurement.workload, known.service, line_s))
    return list(_programs(known))


def _programs(known: Known) -> Iterator[Blueprint]:
    """Yield the structures of copies of a program: what they share beside the cores."""
    waits = known.workload.wait is not None
    serial = serial_share(known.measurement, known.workload, known.cores)
    label = "pure wait" if waits else "work"
    writes = waits and waits_for_writes(known.workload)
    likely = OTHERWISE if writes else 1.0
    if serial is None:
        yield _program(known, label, "delay", likely=likely)
    else:
        # Futexes and file locks go to whoever runs when they are free, so that those who run seldom find them held.
        # A lock that is handed on in turn would be a convoy, which these levels may not tell from it.
        note = f"about {serial.middle:.0%} of the work is done under a lock, which is taken to be free for whoever runs"
        yield _program(
            known,
            f"{label}, a lock for whoever runs",
            "delay",
            serial,
            barging_s=known.of_host("lock.handoff_same_core_cpu", TRY_AGAIN_S),
            notes=(note,),
            tails=BARGING_TAILS,
            likely=likely,
        )
        if serial.middle * known.cores >= LOCK_BINDS:
            yield _program(known, f"{label}, a lock handed on in turn", "delay", serial, likely=likely)
    if waits and _moves_bytes(known.workload):
        # what waits for a device or another process exchanges bytes with it; a timer is everybody's own
        yield _program(known, "wait partly one at a time", "serial", likely=likely)
    if writes:
        yield _program(known, "two writes at a time, their flush shared", "device", tails=TAILS)


def _program(
    known: Known,
    label: str,
    waiting: str,
    serial: Free | None = None,
    *,
    barging_s: float = 0.0,
    notes: Sequence[str] = (),
    tails: Mapping[str, float] = NO_TAILS,
    likely: float = 1.0,
) -> Blueprint:
    free = _program_free(known, waiting, serial)
    workload = known.workload

    def build(values: Mapping[str, float]) -> Parts:
        service = known.service() | {"speed_by_busy": known.speeds(values.get("slowdown", 1.0))} | _times(values)
        if "stray_moves" in values:
            balancing = {"balance_from": BALANCE_FROM, "stray_moves": round(values["stray_moves"], 6)}
            service["linux"] |= balancing
        service["background_cores"] = round(min(values["background"], 0.5 * known.cores), 6)
        service["interruptions"] = known.interruptions(values["interruptions"])
        stages: list[dict[str, Any]] = []
        if (workload.memory_bytes or 0.0) >= MEMORY_AT_LEAST_BYTES:
            stages.append({"kind": "memory", "bytes": SIZE.print(round(workload.memory_bytes or 0.0))})
        if waiting == "device":
            # what an operation is woken for is a small part of it, and its CPU holds the switch to that
            service.pop("context_switch", None)
            return {"host": service}, [*stages, *device_stages(service, workload, values)]
        stages += _work_stages(service, workload, values, barging_s)
        stages += _wait_stages(service, workload, values, waiting)
        return {"host": service}, stages

    writes = waits_for_writes(workload)
    # who waits for writes mostly waits: what memory does to it is a part of what was seen of devices
    outside = DEVICE_OUTSIDE if writes else known.shared_outside()
    if outside and not writes:
        notes = [*notes, "what slows the cores down together is shared with other machines, and may change"]
    found = Blueprint(
        label,
        free,
        build,
        notes,
        tails=tails,
        growing=GROWING if writes else NO_TAILS,
        shared_outside=outside,
        exits_counted=_exits_counted(known),
        likely=likely,
    )
    return _writing(known, found) if waiting == "device" else found


def _work_stages(
    service: dict[str, Any], workload: Workload, values: Mapping[str, float], barging_s: float
) -> list[dict[str, Any]]:
    """Return the stages of an operation's work, and put the lock that holds a part of it into the service."""
    held = values.get("serial_share", 0.0)
    scale = values["demand"] / workload.demand.mean_s.value
    stages: list[dict[str, Any]] = [{"kind": "cpu", "demand": distribution(workload.demand, scale * (1.0 - held))}]
    if held > 0:
        service["locks"] = {"serial": {"barging": TIME.print(round(barging_s * 1e9))}}
        stages.append({"kind": "lock", "lock": "serial", "hold": distribution(workload.demand, scale * held)})
    return stages


def _writing(known: Known, blueprint: Blueprint) -> Blueprint:
    """Return a structure that waits for a device, whose processes crowd each other out of the cores' caches.

    Those that sleep for a fraction of a millisecond find their caches warm unless others ran meanwhile: 98 to 142 us
    of CPU for each write and fsync of 1 and 2 copies were 141 to 192 us with 30 and 50. What sleeps for milliseconds
    comes back to cold caches anyway.
    """
    # between the sleeps inside of one fsync only code of the kernel runs, which all share: own lines count once
    caches = crowded_caches(known.cores, core_cache_bytes(), 1.0)

    def under(values: Mapping[str, float], load: Load) -> dict[str, float]:
        demand = values["demand"] + extra_s(caches, values, load.in_flight)
        return {**values, "demand": demand, "beside": values["beside"] * math.log2(load.in_flight)}

    lines, miss = free_numbers(caches, known.of_host("memory.line", 0.0) or None)
    lines = replace(lines, middle=LINES_OF_WRITERS, width=LINES_OF_WRITERS_WIDTH)
    return replace(
        blueprint,
        free=[*blueprint.free, lines, miss],
        under=under,
        crowded=caches,
        wakes=writes_of(known.workload) + 1,
        uncharged_s=uncharged_s(known.workload),
    )


def _program_free(known: Known, waiting: str, serial: Free | None) -> list[Free]:
    """Return the numbers of a program's structure."""
    wait = known.workload.wait
    wakes = writes_of(known.workload) + 1 if waiting == "device" else 1
    free = _demand(known, wait is not None, wakes)
    if wait is not None or known.measurement.pacing.kind != "closed":
        free += _sleeping(known, known.workload.pacing_cpu_s, wakes)
    if wait is not None:
        free.append(_wait(known, wait))
        if waiting == "serial":
            free.append(Free("serial_wait", 0.5, 1.5, "assumed: any share of the wait", "logit", "share"))
        if waiting == "device":
            free += device_free(wait.mean_s.value)
    if serial is not None:
        free.append(serial)
    if (slowdown := known.slowdown()) is not None:
        free.append(slowdown)
    free += [_background(known), _interruptions(known)]
    if known.cores > 1 and serial is None and known.never_sleeps:
        how = "assumed: as counted with tasks that never sleep"
        free.append(Free("stray_moves", STRAY_MOVES, STRAY_MOVES_WIDTH, how, "logit", "share"))
    return free


def _background(known: Known) -> Free:
    """Return what takes of busy cores without taking turns: time of a copy with a core that is neither CPU nor ready.

    Interrupts and the hypervisor do.
    """
    found = [one.asleep_s / (one.cpu_s + one.asleep_s) for one in known.crowded() if one.cpu_s and one.asleep_s]
    if not found:
        return Free("background", OTHERS * known.cores, 0.7, "assumed: a small part of the machine", unit="count")
    share = min(max(statistics.fmean(found), 1e-3), 0.5)
    return Free("background", share * known.cores, 0.3, "neither running nor ready, with a core for each", unit="count")


def _interruptions(known: Known) -> Free:
    """Return how often a busy core is taken by something else for a short time: whoever runs there is replaced."""
    found = [
        one.involuntary_switches / one.cpu_s
        for one in known.measurement.details
        if one.copies == known.cores and one.cpu_s and one.involuntary_switches is not None
    ]
    if not found:
        return Free("interruptions", INTERRUPTIONS_PER_S, 0.7, "assumed: threads of the kernel", unit="1/s")
    how = "copies with a core each that were replaced on it"
    return Free("interruptions", WOKEN_PAST_THE_CORES * max(statistics.fmean(found), 0.1), 0.5, how, unit="1/s")


def _moves_bytes(workload: Workload) -> bool:
    """Return whether an operation reads, writes, sends or receives anything, or whether that is not known."""
    moved = (workload.read_bytes, workload.written_bytes, workload.network_bytes, workload.disk_written_bytes)
    known = [count for count in moved if count is not None]
    return not known or max(known) >= 1.0


def _wait_stages(
    service: dict[str, Any], workload: Workload, values: Mapping[str, float], waiting: str
) -> list[dict[str, Any]]:
    """Return the stages of a pure wait, and put what it passes through into the service."""
    if workload.wait is None:
        return []
    scale = values["wait"] / workload.wait.mean_s.value
    serial = values.get("serial_wait", 0.0)
    stages: list[dict[str, Any]] = []
    if serial < 1.0:
        stages.append({"kind": "delay", "time": distribution(workload.wait, scale * (1.0 - serial))})
    if waiting == "serial":
        service["pools"] = {"device": {"size": 1}}
        alone = {"kind": "delay", "time": distribution(workload.wait, scale * serial)}
        stages.append({"kind": "pool", "pool": "device", "stages": [alone]})
    return stages


def _demand(known: Known, sleeps: bool, wakes: int = 1) -> list[Free]:
    """Return the CPU of an operation, by the utilization law. wakes: how often the structure lets it sleep."""
    awake = known.awake
    if sleeps and awake is not None:
        warm_s = awake.cpu_s.value - known.still_cold_s()
        # a spinner had to be switched away from for each of them, as other copies have to be: the simulation adds that
        switched_s = known.of_host("scheduler.context_switch", 0.0)
        woken_s = wakes * (_wakeup_s(known, "wakeup.cpu_awake", awake.cpu_s.value / wakes) + switched_s)
        middle = max(warm_s - woken_s, 0.3 * awake.cpu_s.value)
        width = math.hypot(relative_width(awake.cpu_s, 0.01), known.still_cold_s() / awake.cpu_s.value)
        return [Free("demand", middle, width, "CPU time of an operation, cores kept from idling")]
    measured = known.workload.demand.mean_s
    paid = wakes * _wakeup_s(known, "wakeup.cpu", measured.value / wakes) if sleeps else 0.0
    middle = max(measured.value - paid - known.cold_s, 0.3 * measured.value, LEAST_S)
    width = max(relative_width(measured, 0.01), 0.1 if sleeps else 0.0)
    return [Free("demand", middle, width, "CPU time of the lowest level for each operation")]


def _wakeup_s(known: Known, name: str, cpu_s: float) -> float:
    """Return the CPU of a wake-up before the fit: the host's, but at most half of what there is.

    cpu_s: CPU of an operation for each of its wake-ups.
    """
    return min(known.of_host(name, WAKEUP_S), 0.5 * cpu_s)


def _sleeping(known: Known, pacing_cpu_s: float | None, wakes: int = 1) -> list[Free]:
    """Return what falling asleep and waking cost: CPU, and the time until the woken one runs. wakes: as `_demand`."""
    if known.awake is not None:
        paid_s = _wakeup_s(known, "wakeup.cpu_awake", known.awake.cpu_s.value / wakes)
        wakeup = Free("wakeup", paid_s, 0.7, "the host's calibration, or common")
        how = "what the median operation takes more where cores idle before it"
        return [wakeup, Free("idle_exit", idle_exit_s(known), 0.2, how)]
    if pacing_cpu_s is not None and pacing_cpu_s > 1e-7:
        wakeup = Free("wakeup", pacing_cpu_s, 0.2, "CPU outside the operations, for each of them")
    else:
        paid_s = _wakeup_s(known, "wakeup.cpu", known.workload.demand.mean_s.value / wakes)
        wakeup = Free("wakeup", paid_s, 0.7, "the host's calibration, or common")
    if known.cold_s:
        how = "assumed: CPU that idling cores cost an operation that waits for its writes"
        return [wakeup, Free("idle_exit", known.cold_s / wakes, DEVICE_COLD_WIDTH, how)]
    hand_off = known.workload.hand_off_s
    if hand_off is not None and hand_off.value > 1e-7:
        return [wakeup, Free("idle_exit", hand_off.value, 0.3, "time ready but not running, alone, for each sleep")]
    return [
        wakeup,
        Free("idle_exit", known.of_host("idle.exit", IDLE_EXIT_S), 0.7, "the host's calibration, or common"),
    ]


def idle_exit_s(known: Known) -> float:
    """Return what an operation takes more, for each sleep, where the cores idle before it [s]."""
    awake, sleeps = known.awake, max(known.workload.sleeps or 1.0, SLEEPS_AT_LEAST)
    medians = [
        level.percentiles_s[50.0]
        for level in known.measurement.table.levels
        if level.procs == 1 and 50.0 in level.percentiles_s
    ]
    if awake is None or not medians:
        return IDLE_EXIT_S
    return max((statistics.fmean(medians) - awake.response_s.value + known.still_cold_s()) / sleeps, 1e-6)


def _exits_counted(known: Known) -> float:
    """Return the share of the exits from idle that is charged as CPU: what an operation costs less without them."""
    if known.cold_s:
        return 1.0
    awake = known.awake
    alone = known.workload.demand_by_copies_s.get(1)
    if awake is None or alone is None:
        return 0.0
    exits_s = idle_exit_s(known) * max(known.workload.sleeps or 1.0, SLEEPS_AT_LEAST)
    return min(max((alone.value - awake.cpu_s.value + known.still_cold_s()) / exits_s, 0.0), 1.0)


def _wait(known: Known, wait: Spread) -> Free:
    """Return the pure wait of an operation: what is neither CPU nor an exit from idle."""
    awake = known.awake
    if awake is not None and awake.response_s.value > awake.cpu_s.value:
        middle = awake.response_s.value - awake.cpu_s.value
        width = math.hypot(relative_width(awake.response_s, 0.01), known.device_varies())
        return Free("wait", middle, width, "time asleep, cores kept from idling")
    width = math.hypot(relative_width(wait.mean_s, 0.03), known.device_varies())
    return Free("wait", wait.mean_s.value, width, "time asleep")


def _times(values: Mapping[str, float]) -> dict[str, str]:
    """Return the fields of a service that are times of their own."""
    return {
        name: TIME.print(round(values[name] * 1e9))
        for name in ("wakeup", "idle_exit")
        if values.get(name, 0.0) >= LEAST_S
    }

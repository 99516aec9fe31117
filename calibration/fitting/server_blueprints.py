"""The structures that a server under the load of a generator on the same cores may have.

What an operation costs is not one number there: at one connection server and generator take turns, each on a core
that has just idled, and the interrupt that wakes it, the way out of the idle state and cold caches cost several times
what the work itself takes; where requests queue, a loop finds the next one ready and does not sleep. How often each of
them slept was counted at every level, so what a level takes more than the busiest one is the cost of its sleeps; what
follows the cores at work instead is left to the fit, as slowness while one core is busy alone.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from calibration.fitting.blueprint import ALL_WAITING, LEAST_S, Blueprint, Free, Load, Parts
from calibration.fitting.crowded import crowded_caches, extra_s, free_numbers, others_served
from calibration.fitting.server_costs import LEAST_WORK, Costs, costs_of
from calibration.fitting.stops import Stops, core_stops_of, stops_of
from calibration.fitting.targets import Target
from calibration.host.caches import core_cache_bytes
from calibration.live.measured import Measurement, Workload
from models.service import ReadyOrder
from models.units import TIME

TAKES_PART: Final = 0.2
"""Share of the busiest process's CPU from which a process counts as one of the workers."""
ALONE: Final = 0.03
"""How much more or less CPU an operation may take while one core is busy alone, relative standard deviation before the
fit: caches and memory are shared, so that others at work cost something, or keep warm what is common."""
SPREAD: Final = 0.3
"""Standard deviation of the work of an operation, relative to its mean, before the fit."""
LEAST_SPREAD: Final = 0.03
CHANCE: Final = 0.5
"""That an idle core is found, or looks for work, where the host was not calibrated."""
MIGRATION_COST: Final = "0.5ms"
"""Linux's `sched_migration_cost`: whatever ran within it stays on its core, though another one idles."""
TAKEN_OVER: Final = 0.04
"""Chance that an idle core takes over what waits and is not hot, where each connection has a process, before the fit.

Traced of pgbench with 32 and 64 connections Linux does so in a fifth to a third of the cases, and wakes 3 of 100
processes on their waker's core, which has others waiting; the simulated scheduler has only the former, so less of it.
Of processes that wait for more than the generator (commits) less of that was seen.
"""
LATE_S: Final = 40e-6
"""How late a timer wakes a generator that is idle: the kernel's slack of 50 us, and less where events come earlier."""
UNUSUAL: Final = 0.15
"""Odds of event loops that outnumber the cores, which gain nothing by it, and of workers that wait and do not."""
PACED: Final = 1.1
"""CPU of an operation at a rate, relative to one in a closed loop: timers are set, and connections rest in between."""
PACED_HOW: Final = "assumed: CPU at a rate, relative to a closed loop; of open loads alone"
EACH: Final = 0.8
"""Processes more for each connection more, from which each connection is said to have its own."""
SLEEPS_OF_ITS_OWN: Final = 0.5
ROUNDS: Final = 5
LEAST_STEP: Final = 0.08
"""Rounds of the fit of a server, and the least step of its derivatives (see `fit_blueprint`)."""
STALLED: Final = {"mean": 3.0, "p95": 3.0, "p99": 3.0}
"""How much less figures tell of arrivals at a rate than of a closed loop: while the machine stands still for a few
milliseconds they gather, and all of them are late, which is nothing that the service's numbers should explain."""
CROWDING: Final = 0.05
"""What else a doubling of processes or threads beyond the fitted ones may cost: locks, lists that are gone through.

Half of what was assumed before seven recordings of PostgreSQL: throughputs of 16 to 64 connections were off by 0.6 of
what their intervals said."""
LOOPS_APART: Final = 0.08
"""What several event loops leave open of all figures, relative standard deviation: which of them the generator shares a
core with, and how many connections each has, differs each time they are started, and with it the CPU of an operation.
Seven recordings of nginx with two: 58 % of the throughputs were inside of 90 % intervals without it, at 16 connections
as at 64."""
CROWDED: Final = "what more connections than fitted cost each other (caches, memory of each) does not show at few"
SERVER_CPU: Final = "CPU of the server for each operation at its busiest level"
FLUSH_BYTES: Final = "1B"
SENT: Final = 0.5
"""Share of the generator's work that sends a request in a turn of its own; the answer takes the rest."""
AFTER: Final = 0.05
"""Share of an operation's work that follows its wait: an answer is written, by the loop or worker that waited. A
service of one asyncio loop was seen to take 30 us of 1.2 ms for it."""


@dataclass(frozen=True)
class Served:
    """What all structures share.

    machine: returns the fields of the cores. processes: that take part in the work. line_s: to fetch a line beyond a
    core's own cache [s]; None: not measured. sleeps: of an operation at the highest level, which has so many
    connections. timers: nobody else ends the waits of an event loop. order: what the generator's loop takes first; one
    with callbacks takes an answer in one turn and sends the next request in a later one. stops: of everything, as one
    connection shows them. core_stops: of each core by itself.
    others: that are served between two operations of the same client, as `CrowdedCaches` has them.
    """

    costs: Costs
    machine: Callable[[], dict[str, Any]]
    cores: int
    processes: int
    line_s: float | None = None
    sleeps: float = 1.0
    connections: int = 1
    timers: bool = False
    order: ReadyOrder = "arrival"
    stops: Stops | None = None
    core_stops: Stops | None = None
    others: Sequence[float] = (1.0,)

    def chance(self, name: str) -> float:
        """Return a chance of the scheduler's placement before the fit, away from the ends, which say nothing."""
        return min(max(float(self.machine().get("linux", {}).get(name, CHANCE)), 0.05), 0.95)


def _room(load: float, most: float) -> float:
    return 1.0 + math.log2(most / load)


def weighed(targets: Sequence[Target]) -> list[Target]:
    """Return the levels of a server with more room for the model the further they lie below the highest of them.

    What is asked for lies above it, and what idling costs at the lowest level is the roughest part of the structures.
    """
    most = max((one.load.in_flight for one in targets), default=1)
    fastest = max((one.throughput_per_s for one in targets), default=1.0)
    found = []
    for one in targets:
        room, stalled = _room(one.load.in_flight, most), {}
        if one.load.rate_per_s is not None:
            room, stalled = _room(min(one.throughput_per_s, fastest), fastest), STALLED
        measured = {
            name: (value, deviation * room * stalled.get(name, 1.0))
            for name, (value, deviation) in one.measured.items()
        }
        found.append(replace(one, measured=measured))
    return found


def served_blueprints(
    measurement: Measurement, workload: Workload, machine: Callable[[], dict[str, Any]], line_s: float | None = None
) -> Iterator[Blueprint]:
    """Yield the structures of a server: who in it does the work, and what it waits for.

    machine: returns the fields of its cores. line_s: as `Served` has it.
    """
    sleeps = sleeps_when_busy(measurement)
    costs, processes = costs_of(measurement, workload), busy_processes(measurement)
    most = max((one.copies for one in measurement.details), default=1)
    known = Served(costs, machine, measurement.cores, processes, line_s, sleeps, most, talks_to_nobody(measurement))
    stops = stops_of(measurement)
    known = replace(known, stops=stops, core_stops=core_stops_of(measurement, stops))
    known = replace(known, order=generator_order(measurement), others=others_served(measurement))
    own, shared = a_process_each(measurement), sleeps < SLEEPS_OF_ITS_OWN
    if own or (not shared and known.processes == 1):
        waits = ["group", "delay"] if workload.disk_written_bytes and known.costs.wait else ["delay"]
        for wait in waits:
            end = ", waits ended together" if wait == "group" else ""
            yield _server(known, f"a thread or process for each request{end}", {}, wait)
    if own:
        return
    crowded = known.processes > known.cores
    loops = {"workers": known.processes, "worker_kind": "event_loop"}
    yield replace(
        _server(known, f"event loops ({known.processes})", loops, "delay"), likely=UNUSUAL if crowded else 1.0
    )
    if known.costs.wait and not shared:
        blocking = {"workers": known.processes, "worker_kind": "blocking"}
        label = f"workers that wait themselves ({known.processes})"
        yield replace(_server(known, label, blocking, "delay"), likely=1.0 if crowded else UNUSUAL)


def generator_order(measurement: Measurement) -> ReadyOrder:
    """Return what the generator's loop takes first: that of this product, for requests over HTTP, is an asyncio one."""
    return measurement.generator_order or ("own_first" if measurement.request is not None else "arrival")


def a_process_each(measurement: Measurement) -> bool:
    """Return whether the service has a process more for each connection more."""
    counts = {one.copies: len(one.process_cpu_cores) for one in measurement.details}
    least, most = min(counts, default=0), max(counts, default=0)
    return most > least and counts[most] - counts[least] >= EACH * (most - least)


def talks_to_nobody(measurement: Measurement) -> bool:
    """Return whether the service was seen to have no connection but those of its clients."""
    known = [one.connections_elsewhere for one in measurement.details]
    return bool(known) and all(one == 0 for one in known)


def sleeps_when_busy(measurement: Measurement) -> float:
    """Return how often the service sleeps for an operation at its highest level; 1 where that is not counted.

    Whoever serves one request alone sleeps once for each; a loop that serves many seldom does.
    """
    most = max((one.copies for one in measurement.details), default=1)
    known = [one.voluntary_switches for one in measurement.details if one.copies == most]
    return statistics.median([1.0 if one is None else one for one in known] or [1.0])


def busy_processes(measurement: Measurement) -> int:
    """Return how many processes of the service take part in its work, at the level that shows most; at least one.

    A few connections may all have come to one of several workers.
    """
    found = [
        sum(cores >= TAKES_PART * max(detail.process_cpu_cores) for cores in detail.process_cpu_cores)
        for detail in measurement.details
        if sum(detail.process_cpu_cores) > 0
    ]
    return max([*found, 1])


def _server(known: Served, label: str, workers: dict[str, Any], wait: str) -> Blueprint:
    # who sends the next request while it takes the answer does all of its work there
    at_once = 0.0 if known.order == "arrival" else SENT
    by_timers = known.timers and workers.get("worker_kind") == "event_loop"

    def build(values: Mapping[str, float], sent: float = at_once) -> Parts:
        alone = 1.0 / values["alone"]
        speeds = [round(alone + (1.0 - alone) * index / max(known.cores - 1, 1), 6) for index in range(known.cores)]
        server = known.machine() | workers | {"speed_by_busy": speeds}
        server |= {"idle_exit": _time(values["idle_exit"]), "wakeup": _time(values["wakeup"])}
        chances = {name: round(values[name], 6) for name in ("idle_search", "idle_steal")}
        server["linux"] = server.get("linux", {}) | chances | {"migration_cost": MIGRATION_COST}
        if known.core_stops is not None:
            server["pauses"] = known.core_stops.pauses_of_cores()
        services: dict[str, Any] = {"server": server}
        stages = _stages(server, values, wait, by_timers)
        if "generator" in values:
            services["generator"] = {"cores_of": "server", "workers": 1, "wakeup": _time(values["generator_wakeup"])}
            services["generator"]["ready_order"] = known.order
            before, after = values["generator"] * sent, values["generator"] * (1.0 - sent)
            stages = [*_by_generator(before), *stages, *_by_generator(after)]
        return services, stages

    def arriving(values: Mapping[str, float], load: Load, parts: Parts) -> Parts:
        more = {name: values[name] * values["paced"] for name in ("demand", "generator") if name in values}
        return _arriving(values, load, build({**values, **more}, SENT))

    if workers:
        # a loop looks at its timers when it is done with all that was ready, so that whom they wake gather in waves
        shaped = bool(known.costs.wait) and by_timers
        several = workers["worker_kind"] == "event_loop" and workers["workers"] > 1
        found = Blueprint(label, _free(known, wait), build, arriving=arriving, stops=known.stops, shaped=shaped)
        return replace(found, shared_outside=LOOPS_APART if several else 0.0)
    caches = crowded_caches(known.cores, core_cache_bytes(), known.sleeps, known.others)

    def under(values: Mapping[str, float], load: Load) -> dict[str, float]:
        # the work is what it is at the busiest level, with what its connections cost each other already
        more = extra_s(caches, values, load.in_flight) - extra_s(caches, values, known.connections)
        return {**values, "demand": max(values["demand"] + more, LEAST_WORK * values["demand"])}

    free = [*_free(known, wait, each=True), *free_numbers(caches, known.line_s)]
    # whom the generator wakes on its own core is served again before the others, the more of them there are
    shaped = known.order == "client_first"
    found = Blueprint(label, free, build, [CROWDED], arriving, CROWDING, shaped=shaped)
    return replace(found, under=under, crowded=caches, stops=known.stops)


def _by_generator(seconds: float) -> list[dict[str, Any]]:
    """Return the generator's work of a stretch of an operation; none where there is none."""
    return [{"kind": "cpu", "service": "generator", "demand": _time(seconds)}] if seconds >= LEAST_S else []


def _arriving(values: Mapping[str, float], load: Load, parts: Parts) -> Parts:
    """Return the same for requests that a generator sends at a rate: its timers are late, its connections limited."""
    services, stages = parts
    last = list(services)[-1]
    connections = {"pools": {"connections": {"size": load.procs}}}
    late = {"kind": "delay", "time": {"distribution": "exponential", "mean": _time(values["late"])}}
    held = {"kind": "pool", "pool": "connections", "service": last, "stages": stages}
    return services | {last: services[last] | connections}, [late, held]


def _free(known: Served, wait: str, *, each: bool = False) -> list[Free]:
    """Return the numbers that are open, with what the levels say of each by themselves.

    each: each connection has a process or thread of its own.
    """
    costs = known.costs
    free = [
        Free("demand", costs.server, costs.deviation, SERVER_CPU),
        Free("spread", _spread(costs), 0.5, "assumed, and no more than answers to one connection differ", unit="ratio"),
        Free("wakeup", costs.server_wake, 0.7, "what levels take more in which the server sleeps more often"),
        Free("alone", 1.0, ALONE, "assumed: time of work while one core is busy, relative to all", unit="ratio"),
        Free("idle_exit", costs.idle, 0.5, "what nothing else explains of the lowest level, for each sleep"),
        Free("late", LATE_S, 0.4, "assumed: timers of the kernel; of open loads alone"),
        Free("paced", PACED, 0.08, PACED_HOW, unit="ratio"),
    ]
    for name in ("idle_search", "idle_steal"):
        how = "the host's calibration, if any; it is another for every length of pauses"
        middle, width = known.chance(name), 1.0
        if each and name == "idle_steal" and not costs.wait:
            how, middle, width = "assumed: less than waits, as the woken go to their waker's core too", TAKEN_OVER, 0.5
        free.append(Free(name, middle, width, how, "logit", "share"))
    if costs.generator > LEAST_S:
        how = "CPU of the load generator, as of the server"
        free.append(Free("generator", costs.generator, costs.deviation, how))
        free.append(Free("generator_wakeup", costs.generator_wake, 0.7, "as of the server"))
    if costs.wait:
        free.append(Free("wait", costs.wait, 0.1, "response time that nothing else explains"))
        how = "assumed: share of the work that follows the wait, as writing the answer does"
        free.append(Free("after", AFTER, 0.5, how, "logit", "share"))
    if wait == "group":
        free.append(Free("grouped", 0.7, 1.5, "assumed: any share of the wait", "logit", "share"))
    return free


def _spread(costs: Costs) -> float:
    """Return the spread of the work before the fit: no more than answers to one connection differ by."""
    if costs.differ is None:
        return SPREAD
    return min(SPREAD, max(costs.differ / costs.server, LEAST_SPREAD))


def _stages(
    server: dict[str, Any], values: Mapping[str, float], wait: str, by_timers: bool = False
) -> list[dict[str, Any]]:
    """Return the work and the wait of an operation, and put what they pass through into the server.

    by_timers: timers of the loop end its waits, which it looks at behind all else that is ready.
    """
    total, grouped = values.get("wait", 0.0), values.get("grouped", 0.0)
    pause = {"kind": "delay", "service": "server", "time": _time(total * (1.0 - grouped))}
    pauses = [pause] if total >= LEAST_S else []
    after = values["demand"] * values.get("after", 0.0)
    demand = {"distribution": "lognormal", "mean": _time(values["demand"] - after), "cv": min(values["spread"], 10.0)}
    stages: list[dict[str, Any]] = [{"kind": "cpu", "service": "server", "demand": demand}, *pauses]
    if wait == "group":
        server["links"] = {"disk": {"bandwidth": "1TB/s", "delay": _time(total * grouped)}}
        server["batchers"] = {"commit": {"max_size": ALL_WAITING, "link": "disk"}}
        stages.append({"kind": "batch", "service": "server", "batcher": "commit", "bytes": FLUSH_BYTES})
    if after >= LEAST_S:
        # whoever waited must have its turn again: of a loop behind all that came meanwhile, of others on a core
        stages.append({"kind": "cpu", "service": "server", "demand": _time(after), "after_timer": by_timers})
    return stages


def _time(seconds: float) -> str:
    return TIME.print(max(round(seconds * 1e9), 1))

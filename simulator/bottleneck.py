"""What binds the throughput, and why: a saturated station, the think time, pure delays or the arrivals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from models.scenario_capacity import interrupted_share

SATURATED: Final = 0.9  # a closed system slows down before its station is full
SATURATED_OPEN: Final = 0.98  # an open one below that still takes all that arrives
NOBODY: Final = 0.02  # waiting on average
SHARED: Final = 0.005  # of the cores, from which on others' part of their work is said
THROTTLED: Final = 0.05  # share of core time; where the CPU quota takes more, it is what binds, not the cores

# Stations that others' waiting keeps busy come after those that only their own work keeps busy: a pool of
# connections is full because of the disk behind it, a worker because of the lock that it waits for.
DEPTH: Final = {
    "cpu": 0,
    "link": 0,
    "balancer": 0,
    "batcher": 1,
    "lock": 1,
    "pool": 2,
    "workers": 2,
    "memory": 2,
}


def bottleneck(data: Mapping[str, Any], scenario: Any) -> dict[str, Any]:
    """Return what binds the throughput of a result.

    kind: "station", "think_time", "delay", "concurrency" or "arrivals". name: for people. station: the same
    for a station, else None. utilization: of that station. why: one sentence. next: the busiest where none is
    saturated, with the throughput at which it would be full if its utilization grows in proportion.

    data: a result with stations, instances, throughput and response times. scenario: what was simulated.
    """
    stations = data["stations"]
    closed = any(workload.kind == "closed" for workload in scenario.workloads)
    limit = SATURATED if closed else SATURATED_OPEN
    busy = [_busy(station, data, scenario) for station in stations]
    saturated = [
        (_depth(station), -busy[index], -_utilization(station), index)
        for index, station in enumerate(stations)
        if busy[index] >= limit
        and not _batches_grow(station, scenario)
        and not _only_flushes(station, stations, scenario)
    ]
    throttled = _throttled(data)
    if throttled is not None and not any(depth == 0 for depth, *_ in saturated):
        return _quota(data, throttled)
    if saturated:
        return _station(data, scenario, min(saturated)[-1])
    return _none_saturated(data, scenario)


def _sharers(station: Mapping[str, Any], data: Mapping[str, Any], scenario: Any) -> list[Mapping[str, Any]]:
    """Return the stations whose work is done by the servers of one: those of all services on the same cores."""
    if station["kind"] != "cpu":
        return [station]
    host = _host(station, scenario)
    return [one for one in data["stations"] if one["kind"] == "cpu" and _host(one, scenario) == host]


def _host(station: Mapping[str, Any], scenario: Any) -> tuple[str, int]:
    """Return the service and the instance whose cores a station's instance runs on."""
    owner = scenario.services[station["service"]].cores_of
    if owner is None:
        return station["service"], station["instance"]
    return owner, station["instance"] if scenario.services[owner].instances > 1 else 0


def _busy(station: Mapping[str, Any], data: Mapping[str, Any], scenario: Any) -> float:
    """Return how busy the servers of a station are, whoever keeps them so.

    A station of cores holds its own service's work alone: others that use the same cores, and what interrupts
    them, are not in its utilization.
    """
    own = _utilization(station)
    if station["kind"] != "cpu":
        return own
    others = sum(_utilization(one) for one in _sharers(station, data, scenario)) - own
    return own + min(others + _interrupted(station, data, scenario), max(1.0 - own, 0.0))


def _interrupted(station: Mapping[str, Any], data: Mapping[str, Any], scenario: Any) -> float:
    """Return the share of a station's cores that interruptions take, as far as they were working."""
    service, instance = _host(station, scenario)
    share = interrupted_share(scenario.services[service])
    if share == 0:
        return 0.0
    cores = next(one["cores"] for one in data["instances"] if (one["service"], one["instance"]) == (service, instance))
    working = (cores["working"]["value"] or 0.0) + (cores["switching"]["value"] or 0.0)
    return max(working - sum(_utilization(one) for one in _sharers(station, data, scenario)), 0.0)


def _batches_grow(station: Mapping[str, Any], scenario: Any) -> bool:
    """Return whether a batcher has room although its flusher is always busy: less than a full batch waits.

    A flusher that sends whatever has gathered is busy at nearly any load; more load makes its batches larger.
    """
    if station["kind"] != "batcher":
        return False
    batcher = scenario.services[station["service"]].batchers[station["name"]]
    return bool((station["mean_queue_length"]["value"] or 0.0) < batcher.max_size)


def _only_flushes(station: Mapping[str, Any], stations: Sequence[Mapping[str, Any]], scenario: Any) -> bool:
    """Return whether cores are busy with nothing but flushers whose batches still grow, and nobody waits for them."""
    if station["kind"] != "cpu" or (station["mean_queue_length"]["value"] or 0.0) > NOBODY:
        return False
    here = [
        other
        for other in stations
        if other["kind"] == "batcher"
        and (other["service"], other["instance"]) == (station["service"], station["instance"])
        and _batches_grow(other, scenario)
    ]
    flushing = sum(_utilization(other) for other in here)
    return bool(here) and _utilization(station) * station["servers"] <= flushing + NOBODY


def _depth(station: Mapping[str, Any]) -> int:
    return DEPTH[station["kind"]]


def _utilization(station: Mapping[str, Any]) -> float:
    return station["utilization"]["value"] or 0.0


def place(station: Mapping[str, Any]) -> str:
    """Return a station's name for people: service, instance and its own name."""
    return f"{station['service']}[{station['instance']}].{station['name']}"


def _station(data: Mapping[str, Any], scenario: Any, index: int) -> dict[str, Any]:
    stations = data["stations"]
    station = stations[index]
    utilization = _busy(station, data, scenario)
    waiting = sum(one["mean_queue_length"]["value"] or 0.0 for one in _sharers(station, data, scenario))
    others = utilization - _utilization(station)
    shared = f", {others:.0%} with what else runs on its cores," if others >= SHARED else ""
    why = f"{place(station)} is {utilization:.0%} busy{shared} and {waiting:.3g} wait there on average"
    full = [place(other) for other in stations if _depth(other) > _depth(station) and _utilization(other) >= SATURATED]
    if full:
        why += f"; {', '.join(full[:3])} fill up behind it"
    return _answer("station", place(station), why, utilization=utilization)


def _throttled(data: Mapping[str, Any]) -> int | None:
    """Return the position of the instance that its CPU quota holds back most, if one does."""
    shares = [
        (instance["cores"]["throttled"]["value"] or 0.0, index)
        for index, instance in enumerate(data["instances"])
        if instance["cores"] is not None
    ]
    share, index = max(shares, default=(0.0, 0))
    return index if share > THROTTLED else None


def _quota(data: Mapping[str, Any], position: int) -> dict[str, Any]:
    instance = data["instances"][position]
    share = instance["cores"]["throttled"]["value"]
    name = f"{instance['service']}[{instance['instance']}]"
    index = next(
        index
        for index, station in enumerate(data["stations"])
        if station["kind"] == "cpu"
        and (station["service"], station["instance"]) == (instance["service"], instance["instance"])
    )
    why = f"the CPU quota of {name} stops its cores for {share:.0%} of the time"
    utilization = _utilization(data["stations"][index])
    return _answer("station", f"{name}.cpu", why, utilization=utilization)


def _none_saturated(data: Mapping[str, Any], scenario: Any) -> dict[str, Any]:
    """Tell what keeps the throughput where it is when every station has room."""
    ahead = _next(data, scenario)
    users = sum(workload.users for workload in scenario.workloads if workload.kind == "closed")
    throughput = data["throughput_per_s"]["value"] or 0.0
    mean_s = data["response_time_s"]["mean"]["value"]
    if any(workload.kind != "closed" for workload in scenario.workloads):
        why = "every station keeps up with what arrives"
        return _answer("arrivals", "arrivals", why, ahead=ahead)
    if mean_s is None or throughput == 0 or users == 0:
        return _answer("delay", "pure delay", "no operation ended in the window", ahead=ahead)
    # Little's law over the users: those not in the system think.
    thinking = 1 - min(throughput * mean_s / users, 1.0)
    if thinking >= 0.5:
        why = f"clients think {thinking:.0%} of the time and no station is saturated"
        return _answer("think_time", "think time", why, ahead=ahead)
    delayed = _delayed(data)
    if delayed >= 0.5:
        why = f"{delayed:.0%} of the response time is delays that no station causes"
        return _answer("delay", "pure delay", why, ahead=ahead)
    why = f"{users} operations circulate and no station is saturated: more of them raise the throughput"
    return _answer("concurrency", "concurrency", why, ahead=ahead)


def _delayed(data: Mapping[str, Any]) -> float:
    """Return the share of the response time in pure delays, hops, backoffs and links' own time."""
    causes = data["causes"]
    if causes is None:
        return 0.0
    mean = causes["all"]
    total = sum(mean.values())
    aside = sum(mean[name] for name in ("delay", "hop_and_dispatch", "backoff", "on_link"))
    return aside / total if total else 0.0


def _next(data: Mapping[str, Any], scenario: Any) -> dict[str, Any] | None:
    """Return the busiest station and the throughput at which it would be full."""
    proportional = [station for station in data["stations"] if not _batches_grow(station, scenario)]
    busiest = max(
        proportional, key=lambda station: (_busy(station, data, scenario), _utilization(station)), default=None
    )
    throughput = data["throughput_per_s"]["value"]
    if busiest is None or not throughput or _utilization(busiest) == 0:
        return None
    utilization = _busy(busiest, data, scenario)
    constant = _interrupted(busiest, data, scenario) if busiest["kind"] == "cpu" else 0.0
    return {
        "name": place(busiest),
        "utilization": utilization,
        "full_at_throughput_per_s": throughput * (1 - constant) / (utilization - constant),
    }


def _answer(
    kind: str,
    name: str,
    why: str,
    *,
    utilization: float | None = None,
    ahead: dict[str, Any] | None = None,
) -> dict[str, Any]:
    return {
        "kind": kind,
        "name": name,
        "utilization": utilization,
        "station": name if kind == "station" else None,
        "why": why,
        "next": ahead,
    }

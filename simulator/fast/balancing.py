"""The load balancer: its serial dispatch station and its policies (the rules of `models.balancer`)."""

from __future__ import annotations

from typing import Any

from models.compiled import to_uint64
from models.draws import source_key
from models.ranks import DISPATCH
from models.records import HOP_AND_DISPATCH
from simulator import compiled_tables as compiled
from simulator.fast.draw import decide
from simulator.fast.heap import schedule
from simulator.fast.jit import inlined, kernel, rare
from simulator.fast.layout import (
    AT_DISPATCHER,
    DISPATCHED,
    instance_at,
    queue_at,
    service_at,
    source_at,
    strand_at,
)
from simulator.fast.lists import push_strand, remove_strand
from simulator.fast.strands import prepare, wake
from simulator.fast.totals import arrive, change, depart

# --- dispatch --------------------------------------------------------------------------------------------------------


@inlined
def _begin_dispatch(sim: Any, s: int, a: int) -> None:
    """Dispatch a strand."""
    service = service_at(sim, s)
    service.current = a
    service.due_ns = sim.now + service.dispatch_ns
    change(sim, service.station, 1, -1)
    schedule(sim, service.due_ns, DISPATCH, s, 0)


@kernel
def join_dispatcher(sim: Any, s: int, a: int) -> None:
    """Join the queue of the balancer; the strand is woken when it has been dispatched."""
    prepare(sim, a, AT_DISPATCHER, s, HOP_AND_DISPATCH, DISPATCHED)
    service = service_at(sim, s)
    strand_at(sim, a).arrived_ns = sim.now
    arrive(sim, service.station)
    if service.current < 0:
        _begin_dispatch(sim, s, a)
    else:
        push_strand(sim, service.queue, a)


@inlined
def _leave_dispatch(sim: Any, s: int) -> None:
    """Count the current strand out."""
    service = service_at(sim, s)
    change(sim, service.station, -1, 0)
    depart(sim, service.station, strand_at(sim, service.current).arrived_ns)
    service.current = -1
    service.due_ns = -1


@kernel
def _next_dispatch(sim: Any, s: int) -> None:
    """Begin with the next strand."""
    q = service_at(sim, s).queue
    a = queue_at(sim, q).head
    if a >= 0:
        remove_strand(sim, q, a)
        _begin_dispatch(sim, s, a)


@kernel
def end_dispatch(sim: Any, s: int) -> None:
    """Let the dispatched strand go and begin with the next."""
    service = service_at(sim, s)
    if service.due_ns != sim.now:
        return
    a = service.current
    _leave_dispatch(sim, s)
    wake(sim, a)
    _next_dispatch(sim, s)


@kernel
def withdraw_from_dispatcher(sim: Any, s: int, a: int) -> None:
    """Leave the queue, or break the dispatch off."""
    service = service_at(sim, s)
    if service.current == a:
        _leave_dispatch(sim, s)
        _next_dispatch(sim, s)
    else:
        remove_strand(sim, service.queue, a)
        change(sim, service.station, 0, -1)
        depart(sim, service.station, strand_at(sim, a).arrived_ns)


# --- policies --------------------------------------------------------------------------------------------------------


@inlined
def _nth_up(sim: Any, s: int, number: int) -> int:
    """Return the index of the instance that is number ``number`` of those that are up."""
    service = service_at(sim, s)
    index = 0
    while True:
        if instance_at(sim, service.first_instance + index).up:
            if number == 0:
                return index
            number -= 1
        index += 1


@inlined
def _first_up_from(sim: Any, s: int, start: int) -> int:
    """Return the first instance that is up from an index on, else the first that is up at all."""
    service = service_at(sim, s)
    for index in range(start, service.instances):
        if instance_at(sim, service.first_instance + index).up:
            return index
    return _nth_up(sim, s, 0)


@inlined
def _next_draw(sim: Any, s: int) -> float:
    """Return the service's next uniform draw."""
    service = service_at(sim, s)
    number = service.draws
    service.draws += 1
    return decide(service.key, number)


@kernel
def _fewest_connections(sim: Any, s: int) -> int:
    """Return the instance with the fewest attempts under way."""
    service = service_at(sim, s)
    best = -1
    fewest = 0
    for index in range(service.instances):
        instance = instance_at(sim, service.first_instance + index)
        if instance.up and (best < 0 or instance.connections < fewest):
            best = index
            fewest = instance.connections
    return best


@kernel
def _power_of_two(sim: Any, s: int, up: int) -> int:
    """Draw two different ones and take the one with fewer attempts under way."""
    if up == 1:
        return _nth_up(sim, s, 0)
    first = int(_next_draw(sim, s) * up)
    second = int(_next_draw(sim, s) * (up - 1))
    if second >= first:
        second += 1
    one = _nth_up(sim, s, first)
    other = _nth_up(sim, s, second)
    base = service_at(sim, s).first_instance
    if instance_at(sim, base + other).connections < instance_at(sim, base + one).connections:
        return other
    return one


@kernel
def _smooth_weighted(sim: Any, s: int) -> int:
    """Take turns in proportion to the weights, spread smoothly."""
    service = service_at(sim, s)
    best = -1
    total = 0.0
    for index in range(service.instances):
        instance = instance_at(sim, service.first_instance + index)
        if instance.up:
            instance.current_weight += instance.weight
            total += instance.weight
            if best < 0 or instance.current_weight > instance_at(sim, service.first_instance + best).current_weight:
                best = index
    instance_at(sim, service.first_instance + best).current_weight -= total
    return best


@rare
def _choose_by_policy(sim: Any, s: int, source_id: int) -> int:
    service = service_at(sim, s)
    source = source_at(sim, source_id)
    if service.policy == compiled.POLICY_FIXED:
        index = source.process % service.instances
        return index if instance_at(sim, service.first_instance + index).up else -1
    up = 0
    for index in range(service.instances):
        if instance_at(sim, service.first_instance + index).up:
            up += 1
    if up == 0:
        return -1
    if service.policy == compiled.POLICY_ROUND_ROBIN:
        index = _first_up_from(sim, s, service.next_index)
        service.next_index = index + 1
        return index
    if service.policy == compiled.POLICY_RANDOM:
        return _nth_up(sim, s, int(_next_draw(sim, s) * up))
    if service.policy == compiled.POLICY_LEAST_CONNECTIONS:
        return _fewest_connections(sim, s)
    if service.policy == compiled.POLICY_POWER_OF_TWO:
        return _power_of_two(sim, s, up)
    if service.policy == compiled.POLICY_SESSION_AFFINITY:
        hashed = source_key(to_uint64(0), source.workload, source.process, source.slot)
        return _first_up_from(sim, s, int(hashed % to_uint64(service.instances)))
    return _smooth_weighted(sim, s)


@inlined
def choose_instance(sim: Any, s: int, source_id: int) -> int:
    """Return the index of the instance for a client's attempt, -1 if none is up."""
    service = service_at(sim, s)
    policy = service.policy
    if service.instances == 1 and policy in (compiled.POLICY_ROUND_ROBIN, compiled.POLICY_FIXED):
        return 0 if instance_at(sim, service.first_instance).up else -1
    return _choose_by_policy(sim, s, source_id)

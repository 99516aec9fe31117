"""Load balancer of a service: a serial dispatch station and six policies."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from models.clock import Clock
from models.draws import source_key
from models.ranks import DISPATCH
from models.records import HOP_AND_DISPATCH
from models.station import StationTotals
from models.strand import Strand


class Endpoint(Protocol):
    """An instance as a balancer sees it: whether it is up, and the attempts sent to it and not yet back."""

    up: bool
    connections: int


class Client(Protocol):
    """Who sends an attempt: the closed user (process, slot), or the process of an open workload (slot 0)."""

    workload: int
    process: int
    slot: int


class Dispatcher:
    """The balancer's own work: ``dispatch_ns`` for each visit, first come, first served, outside all cores."""

    def __init__(self, clock: Clock, dispatch_ns: int, identifier: int) -> None:
        self.clock = clock
        self.dispatch_ns = dispatch_ns
        self.identifier = identifier
        self.queue: deque[Strand] = deque()
        self.arrived_ns: dict[Strand, int] = {}
        self.current: Strand | None = None
        self.version = 0
        self.totals = StationTotals(clock)

    def join(self, strand: Strand) -> None:
        """Join the queue; the strand is woken when it has been dispatched."""
        strand.prepare(self, HOP_AND_DISPATCH)
        self.arrived_ns[strand] = self.totals.arrive()
        if self.current is None:
            self._begin(strand)
        else:
            self.totals.change(waiting=1)
            self.queue.append(strand)

    def _begin(self, strand: Strand) -> None:
        """Dispatch a strand."""
        self.current = strand
        self.totals.change(busy=1)
        self.version += 1
        version = self.version
        self.clock.at(self.clock.now + self.dispatch_ns, DISPATCH, self.identifier, lambda: self._end(version))

    def _end(self, version: int) -> None:
        """Let the dispatched strand go and begin with the next."""
        if version != self.version:
            return
        strand = self.current
        assert strand is not None
        self._leave(strand)
        strand.wake()
        self._next()

    def _leave(self, strand: Strand) -> None:
        """Count the current strand out."""
        self.current = None
        self.version += 1
        self.totals.change(busy=-1)
        self.totals.depart(self.arrived_ns.pop(strand))

    def _next(self) -> None:
        """Begin with the next strand."""
        if self.queue:
            self.totals.change(waiting=-1)
            self._begin(self.queue.popleft())

    def withdraw(self, strand: Strand) -> bool:
        """Leave the queue, or break the dispatch off."""
        if strand is self.current:
            self._leave(strand)
            self._next()
        else:
            self.queue.remove(strand)
            self.totals.change(waiting=-1)
            self.totals.depart(self.arrived_ns.pop(strand))
        return True


class Balancer:
    """Chooses an instance; instances that are down are skipped, and None is returned where none is up.

    ``policy`` is one of round_robin, random, least_connections, power_of_two, session_affinity, weighted, and fixed:
    process modulo instances, what remains of a balancer that is switched off (nothing routes around an instance that
    is down). ``draw`` returns the service's next uniform draw. Ties go to the lowest index.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        policy: str = "round_robin",
        *,
        draw: Callable[[], float] = lambda: 0.0,
        weights: Sequence[float] = (),
    ) -> None:
        self.endpoints = endpoints
        self.draw = draw
        self.weights = weights
        self.current_weights = [0.0] * len(endpoints)
        self.next_index = 0
        policies: dict[str, Callable[[Client, list[int]], int]] = {
            "round_robin": self._round_robin,
            "random": self._random,
            "least_connections": self._least_connections,
            "power_of_two": self._power_of_two,
            "session_affinity": self._session_affinity,
            "weighted": self._weighted,
        }
        self.fixed = policy == "fixed"
        self.policy = self._round_robin if self.fixed else policies[policy]

    def choose(self, client: Client) -> int | None:
        """Return the index of the instance for a client's attempt."""
        if self.fixed:
            index = client.process % len(self.endpoints)
            return index if self.endpoints[index].up else None
        up = [index for index, endpoint in enumerate(self.endpoints) if endpoint.up]
        return self.policy(client, up) if up else None

    def _round_robin(self, client: Client, up: list[int]) -> int:
        """Take turns."""
        index = next((index for index in up if index >= self.next_index), up[0])
        self.next_index = index + 1
        return index

    def _random(self, client: Client, up: list[int]) -> int:
        """Draw one."""
        return up[int(self.draw() * len(up))]

    def _least_connections(self, client: Client, up: list[int]) -> int:
        """Take the one with the fewest attempts under way."""
        return min(up, key=lambda index: self.endpoints[index].connections)

    def _power_of_two(self, client: Client, up: list[int]) -> int:
        """Draw two different ones and take the one with fewer attempts under way (Mitzenmacher 1996)."""
        if len(up) == 1:
            return up[0]
        first = int(self.draw() * len(up))
        second = int(self.draw() * (len(up) - 1))
        second += second >= first
        fewer = self.endpoints[up[second]].connections < self.endpoints[up[first]].connections
        return up[second] if fewer else up[first]

    def _session_affinity(self, client: Client, up: list[int]) -> int:
        """Hash the client; the next instance that is up stands in for one that is down."""
        index = int(source_key(0, client.workload, client.process, client.slot) % len(self.endpoints))
        return next((candidate for candidate in up if candidate >= index), up[0])

    def _weighted(self, client: Client, up: list[int]) -> int:
        """Take turns in proportion to the weights, spread smoothly.

        Each one's current weight grows by its weight; the largest is taken and falls by the sum of the weights.
        """
        total = 0.0  # added up one by one: from Python 3.12 on `sum` rounds otherwise
        for index in up:
            self.current_weights[index] += self.weights[index]
            total += self.weights[index]
        best = max(up, key=lambda index: self.current_weights[index])
        self.current_weights[best] -= total
        return best

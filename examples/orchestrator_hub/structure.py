"""The hub as a scenario of a few physical numbers, common to all levels of load.

A message is a conversation of one or more rounds. In each the agent thinks (`agent`), its answer waits in the mailbox
of one connection until that connection's flusher comes round (natural batching: while one flush is on its way the next
messages gather). At the end the reply leaves through the outbox. Flushing a mailbox costs CPU whatever is in it, and a
little for each message: few connections are busy and share that cost among many messages, many are quiet and do not.
That is what keeps the gauge up at low load, and what the cores run into. Flushers share the cores as Linux lets them,
where a core that runs out of work takes waiting work from another by chance: so some idle while flushers wait.

A message is journaled when it arrives (group commit), and at its end it may collide with any other that is in flight,
in which case its client tries once more, as it does when its patience ends.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from models.units import BANDWIDTH, TIME

ROUNDS: Final = 5
"""Rounds of a conversation at most."""
COMPRESSION: Final = 0.6
NS_PER_MS: Final = 1e6
HEARTBEATS_PER_S: Final = 10
"""What goes over the network whatever the load."""
DISK_MB_PER_S: Final = 10_000
"""So that the time of a commit is its own: the bytes of one are few."""
UNBOUNDED: Final = 100_000
"""Messages of a flush, where nothing bounds them."""
Stage = dict[str, Any]


@dataclass(frozen=True)
class Hub:
    """The numbers that are fitted; times in ms.

    busy, quiet: connections. quiet_share: of the rounds, that go over a quiet connection. fall: natural logarithm of
    how much more goes over the first of these than over the last. flush_ms: CPU of a flush.
    poll_ms: from the end of a flush to its acknowledgement. demand_ms: CPU of a round, in its flush. idle_steal: chance
    of a core without work to take some that waits elsewhere. network_mb_per_s, network_ms:
    of the outbox. first_ms, first_cv, agent_ms, agent_cv: what an agent takes before the first round, and in each.
    again: chance of a further round, after each. concurrency, think_ms: messages
    that a process keeps circulating, and their pause. timeout_ms, timeout_cv: patience of a client. conflict: chance
    of a message to collide with any one other in flight. wire_bytes: of a message, compressed. heartbeat_bytes_per_s:
    sent anyway. base_bytes, held_bytes: memory of the idle hub and of a message in flight. disk_bytes, commit_bytes,
    commit_ms: written for a message and with each commit, and what a commit takes. flush_limit: messages that one flush
    of a mailbox takes at most.
    """

    busy: int
    quiet: int
    quiet_share: float
    fall: float
    flush_ms: float
    poll_ms: float
    demand_ms: float
    idle_steal: float
    network_mb_per_s: float
    network_ms: float
    first_ms: float
    first_cv: float
    agent_ms: float
    agent_cv: float
    again: float
    think_ms: float
    concurrency: int
    timeout_ms: float
    timeout_cv: float
    conflict: float
    wire_bytes: float
    heartbeat_bytes_per_s: float
    base_bytes: float
    held_bytes: float
    disk_bytes: float
    commit_bytes: float
    commit_ms: float
    flush_limit: int = UNBOUNDED

    def scaled(self, factors: dict[str, float]) -> Self:
        """Return the hub with some of its numbers multiplied; counts stay whole."""
        found: dict[str, Any] = {name: getattr(self, name) * factor for name, factor in factors.items()}
        whole = {name: round(value) for name, value in found.items() if isinstance(getattr(self, name), int)}
        return replace(self, **found | whole)

    def numbers(self) -> dict[str, float]:
        """Return its numbers by name."""
        return asdict(self)

    def stages(self) -> list[Stage]:
        """Return the stages of a message."""
        return [
            {"kind": "batch", "batcher": "journal", "bytes": _size(self.disk_bytes)},
            {"kind": "memory", "bytes": _size(self.held_bytes)},
            {"kind": "delay", "time": _lognormal(self.first_ms, self.first_cv)},
            *self._rounds(0),
            {"kind": "batch", "batcher": "outbox", "bytes": _size(self.wire_bytes / COMPRESSION)},
            {"kind": "failure", "probability": 0.0, "conflict": round(self.conflict, 9)},
        ]

    def _rounds(self, number: int) -> list[Stage]:
        round_: list[Stage] = [
            {"kind": "delay", "time": _lognormal(self.agent_ms, self.agent_cv)},
            {"kind": "choice", "branches": self._connections()},
        ]
        if number + 1 < ROUNDS:
            further = {"weight": round(self.again, 6), "stages": self._rounds(number + 1)}
            last = {"weight": round(1 - self.again, 6), "stages": []}
            round_.append({"kind": "choice", "branches": [last, further]})
        return round_

    def rounds(self) -> float:
        """Return the mean number of rounds of a message."""
        reached = [1.0]
        for _ in range(ROUNDS - 1):
            reached.append(reached[-1] * self.again)
        return sum(reached)

    def _connections(self) -> list[Stage]:
        busy, quiet = round(self.busy), round(self.quiet)
        falling = [math.exp(-self.fall * index / max(quiet - 1, 1)) for index in range(quiet)]
        weights = [(1.0 - self.quiet_share) / busy] * busy
        weights += [self.quiet_share * weight / sum(falling) for weight in falling]
        return [
            {"weight": round(weight, 9), "stages": [{"kind": "batch", "batcher": name, "bytes": "0B"}]}
            for name, weight in zip(self.mailboxes(), weights, strict=True)
        ]

    def _heartbeat(self) -> Stage:
        sent = self.heartbeat_bytes_per_s / HEARTBEATS_PER_S
        return {"kind": "link", "link": "network_idle", "bytes": _size(max(sent, 1.0))}

    def mailboxes(self) -> list[str]:
        """Return the names of the mailboxes, the busy ones first."""
        return [*_names("busy", round(self.busy)), *_names("quiet", round(self.quiet))]

    def table(self) -> dict[str, Any]:
        """Return the scenario's tables."""
        mailbox = {"max_size": self.flush_limit, "fixed": _time(self.flush_ms), "per_item": _time(self.demand_ms)}
        mailbox |= {"link": "acknowledgement"}
        outbox = {"max_size": UNBOUNDED, "fixed": "100us", "per_item": "1us", "compression": COMPRESSION}
        outbox |= {"link": "network"}
        journal = {"max_size": UNBOUNDED, "overhead": _size(self.commit_bytes), "link": "disk"}
        return {
            "schema_version": 1,
            "name": "orchestrator-hub",
            "workloads": [
                {
                    "name": "agents",
                    "kind": "closed",
                    "procs": 30,
                    "concurrency": self.concurrency,
                    "think_time": {"distribution": "exponential", "mean": _time(self.think_ms)},
                    "timeout": _lognormal(self.timeout_ms, self.timeout_cv),
                    "retry": {"attempts": 2, "backoff": "1ms"},
                    "operations": {"message": 1.0},
                },
                {
                    "name": "heartbeats",
                    "kind": "open",
                    "interarrival": _time(1e3 / HEARTBEATS_PER_S),
                    "operations": {"heartbeat": 1.0},
                },
            ],
            "services": {
                "hub": {
                    "cores": 4,
                    "discipline": "linux",
                    "linux": {"idle_search": 1.0, "idle_steal": round(min(self.idle_steal, 1.0), 4)},
                    "memory": "15GB",
                    "memory_base": _size(self.base_bytes),
                    "memory_pool": {"size": "1GiB", "hit": "0.2us", "miss": "3us"},
                    "links": {
                        "network": _link(self.network_mb_per_s, self.network_ms),
                        "network_idle": _link(self.network_mb_per_s, self.network_ms),
                        "disk": _link(DISK_MB_PER_S, self.commit_ms),
                        "acknowledgement": _link(1e6, self.poll_ms),
                    },
                    "batchers": dict.fromkeys(self.mailboxes(), mailbox) | {"outbox": outbox, "journal": journal},
                }
            },
            "operations": [
                {"name": "message", "stages": self.stages()},
                {"name": "heartbeat", "stages": [self._heartbeat()]},
            ],
        }


FREE: Final = (
    "quiet_share", "fall", "flush_ms", "poll_ms", "idle_steal", "first_ms", "first_cv", "agent_ms", "agent_cv", "again",
    "think_ms", "concurrency",
)  # fmt: skip
"""What a fit adjusts by simulation; the rest follows from the figures by a law each (`start.py`). The last two follow
from the interactive law only as well as two percentiles give a mean."""


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}{index}" for index in range(count)]


def _time(milliseconds: float) -> str:
    return TIME.print(round(milliseconds * NS_PER_MS))


def _size(count: float) -> str:
    return f"{round(count)}B"


def _lognormal(mean_ms: float, variation: float) -> dict[str, Any]:
    return {"distribution": "lognormal", "mean": _time(mean_ms), "cv": round(variation, 4)}


def _link(mb_per_s: float, delay_ms: float) -> dict[str, Any]:
    return {"bandwidth": BANDWIDTH.print(mb_per_s * 1e6), "delay": _time(delay_ms)}

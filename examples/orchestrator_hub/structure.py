"""The hub as a scenario of a few physical numbers, common to all levels of load.

A message is a conversation of one or more rounds. In each the agent thinks (`agent`), its answer waits in the mailbox
of one connection until that connection's flusher comes round (natural batching: while one flush is on its way the next
messages gather), and the hub works on it. At the end the reply leaves through the outbox. Flushing a mailbox costs the
same CPU whatever is in it: few connections are busy and share that cost among many messages, many are quiet and do
not. That is what keeps the gauge up at low load, and what the cores run into, as a flush is run to its end.
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
JOURNAL_PER_S: Final = 1
"""Writes that go on whatever the load."""
Stage = dict[str, Any]


@dataclass(frozen=True)
class Hub:
    """The numbers that are fitted; times in ms.

    busy, quiet: connections. quiet_share: of the rounds, that go over a quiet connection. fall: natural logarithm of
    how much more goes over the first of these than over the last. flush_ms: CPU of a flush.
    poll_ms: from the end of a flush to its acknowledgement. demand_ms: CPU of a round. network_mb_per_s, network_ms:
    of the outbox. first_ms, first_cv, agent_ms, agent_cv: what an agent takes before the first round, and in each.
    again, fading: chance of a second round, and by what it shrinks from round to round. concurrency, think_ms: messages
    that a process keeps circulating, and their pause. timeout_ms, failure: patience of a client, and share of the
    attempts that fail; each is tried once more. wire_bytes: of a message, compressed. base_bytes, held_bytes: memory of
    the idle hub and of a message in flight. disk_bytes, journal_bytes_per_s: written for a message, and anyway.
    """

    busy: int
    quiet: int
    quiet_share: float
    fall: float
    flush_ms: float
    poll_ms: float
    demand_ms: float
    network_mb_per_s: float
    network_ms: float
    first_ms: float
    first_cv: float
    agent_ms: float
    agent_cv: float
    again: float
    fading: float
    think_ms: float
    concurrency: int
    timeout_ms: float
    failure: float
    wire_bytes: float
    base_bytes: float
    held_bytes: float
    disk_bytes: float
    journal_bytes_per_s: float

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
            {"kind": "memory", "bytes": _size(self.held_bytes)},
            {"kind": "delay", "time": _lognormal(self.first_ms, self.first_cv)},
            *self._rounds(0),
            {"kind": "link", "link": "disk", "bytes": _size(self.disk_bytes)},
            {"kind": "batch", "batcher": "outbox", "bytes": _size(self.wire_bytes / COMPRESSION)},
            {"kind": "failure", "probability": round(self.failure, 6)},
        ]

    def _rounds(self, number: int) -> list[Stage]:
        round_: list[Stage] = [
            {"kind": "delay", "time": _lognormal(self.agent_ms, self.agent_cv)},
            {"kind": "choice", "branches": self._connections()},
            {"kind": "cpu", "demand": _lognormal(self.demand_ms, 0.5)},
        ]
        chance = min(self.again * self.fading**number, 0.98)
        if number + 1 < ROUNDS:
            further = {"weight": round(chance, 6), "stages": self._rounds(number + 1)}
            round_.append({"kind": "choice", "branches": [{"weight": round(1 - chance, 6), "stages": []}, further]})
        return round_

    def _connections(self) -> list[Stage]:
        busy, quiet = round(self.busy), round(self.quiet)
        falling = [math.exp(-self.fall * index / max(quiet - 1, 1)) for index in range(quiet)]
        weights = [(1.0 - self.quiet_share) / busy] * busy
        weights += [self.quiet_share * weight / sum(falling) for weight in falling]
        return [
            {"weight": round(weight, 9), "stages": [{"kind": "batch", "batcher": name, "bytes": "0B"}]}
            for name, weight in zip(self.mailboxes(), weights, strict=True)
        ]

    def _journal(self) -> Stage:
        written = self.journal_bytes_per_s / JOURNAL_PER_S
        return {"kind": "link", "link": "disk_journal", "bytes": _size(max(written, 1.0))}

    def mailboxes(self) -> list[str]:
        """Return the names of the mailboxes, the busy ones first."""
        return [*_names("busy", round(self.busy)), *_names("quiet", round(self.quiet))]

    def table(self) -> dict[str, Any]:
        """Return the scenario's tables."""
        mailbox = {"max_size": 100_000, "fixed": _time(self.flush_ms), "link": "acknowledgement"}
        outbox = {"max_size": 100_000, "fixed": "100us", "per_item": "1us", "compression": COMPRESSION}
        outbox |= {"link": "network"}
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
                    "timeout": _time(self.timeout_ms),
                    "retry": {"attempts": 2, "backoff": "1ms"},
                    "operations": {"message": 1.0},
                },
                {
                    "name": "journal",
                    "kind": "open",
                    "arrival_rate": f"{JOURNAL_PER_S}/s",
                    "operations": {"journal": 1.0},
                },
            ],
            "services": {
                "hub": {
                    "cores": 4,
                    "discipline": "fifo",
                    "memory": "15GB",
                    "memory_base": _size(self.base_bytes),
                    "memory_pool": {"size": "1GiB", "hit": "0.2us", "miss": "3us"},
                    "links": {
                        "network": _link(self.network_mb_per_s, self.network_ms),
                        "disk": {"bandwidth": "200MB/s"},
                        "disk_journal": {"bandwidth": "200MB/s"},
                        "acknowledgement": _link(1e6, self.poll_ms),
                    },
                    "batchers": dict.fromkeys(self.mailboxes(), mailbox) | {"outbox": outbox},
                }
            },
            "operations": [
                {"name": "message", "stages": self.stages()},
                {"name": "journal", "stages": [self._journal()]},
            ],
        }


FREE: Final = (
    "quiet_share", "fall", "flush_ms", "poll_ms", "network_ms", "first_ms", "first_cv", "agent_ms", "agent_cv",
    "again", "fading", "think_ms", "concurrency",
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

"""The hub as a scenario of a few physical numbers, common to all levels of load.

A message is a conversation of one or more rounds. In each the agent thinks (`agent`), its answer waits in the mailbox
of one connection until that connection's flusher comes round (natural batching: while one flush is on its way the next
messages gather), and the hub works on it. At the end the reply leaves through the outbox. Flushing a mailbox costs the
same CPU whatever is in it: few connections are busy and share that cost among many messages, many are quiet and do
not. That is what keeps the gauge up at low load, and what the cores run into, as a flush is run to its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Final, Self

from models.units import BANDWIDTH, TIME

ROUNDS: Final = 5
"""Rounds of a conversation at most."""
MESSAGE_BYTES: Final = 17_600
COMPRESSION: Final = 0.6
NS_PER_MS: Final = 1e6
Stage = dict[str, Any]


@dataclass(frozen=True)
class Hub:
    """The numbers that are fitted; times in ms.

    busy, quiet: connections. quiet_share: of the rounds, that go over a quiet connection. fall: natural logarithm of
    how much more goes over the first of these than over the last. flush_ms: CPU of a flush.
    poll_ms: from the end of a flush to its acknowledgement. demand_ms: CPU of a round. network_mb_per_s, network_ms:
    of the outbox. first_ms, first_cv, agent_ms, agent_cv: what an agent takes before the first round, and in each.
    again, fading: chance of a second round, and by what it shrinks from round to round.
    """

    busy: float
    quiet: float
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
    think_ms: float = 300.0
    timeout_ms: float = 295.0

    def scaled(self, factors: dict[str, float]) -> Self:
        """Return the hub with some of its numbers multiplied."""
        return replace(self, **{name: getattr(self, name) * factor for name, factor in factors.items()})

    def stages(self) -> list[Stage]:
        """Return the stages of a message."""
        return [
            {"kind": "memory", "bytes": "4850B"},
            {"kind": "delay", "time": _lognormal(self.first_ms, self.first_cv)},
            *self._rounds(0),
            {"kind": "link", "link": "disk", "bytes": "1750B"},
            {"kind": "batch", "batcher": "outbox", "bytes": f"{MESSAGE_BYTES}B"},
            {"kind": "failure", "probability": 0.004},
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
                    "concurrency": 304,
                    "think_time": {"distribution": "exponential", "mean": _time(self.think_ms)},
                    "timeout": _time(self.timeout_ms),
                }
            ],
            "services": {
                "hub": {
                    "cores": 4,
                    "discipline": "fifo",
                    "memory": "15GB",
                    "memory_base": "52200kB",
                    "memory_pool": {"size": "1GiB", "hit": "0.2us", "miss": "3us"},
                    "links": {
                        "network": _link(self.network_mb_per_s, self.network_ms),
                        "disk": {"bandwidth": "200MB/s"},
                        "acknowledgement": _link(1e6, self.poll_ms),
                    },
                    "batchers": dict.fromkeys(self.mailboxes(), mailbox) | {"outbox": outbox},
                }
            },
            "operations": [{"name": "message", "stages": self.stages()}],
        }


FREE: Final = tuple(
    field.name for field in fields(Hub) if field.name not in {"busy", "quiet", "agent_cv", "think_ms", "timeout_ms"}
)
"""What a fit adjusts; the counts of connections are chosen, and what the figures do not show is assumed."""


def _names(kind: str, count: int) -> list[str]:
    return [f"{kind}{index}" for index in range(count)]


def _time(milliseconds: float) -> str:
    return TIME.print(round(milliseconds * NS_PER_MS))


def _lognormal(mean_ms: float, variation: float) -> dict[str, Any]:
    return {"distribution": "lognormal", "mean": _time(mean_ms), "cv": round(variation, 4)}


def _link(mb_per_s: float, delay_ms: float) -> dict[str, Any]:
    return {"bandwidth": BANDWIDTH.print(mb_per_s * 1e6), "delay": _time(delay_ms)}

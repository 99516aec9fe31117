"""Whom else a service talks to: connections that its clients did not make, as to a database."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import psutil

OF_A_LOOP: Final = 2
"""Sockets of the Unix family that an event loop makes to wake itself up: a pair."""


def connections_elsewhere(pids: Sequence[int]) -> int | None:
    """Return how many connections these processes hold that nobody made to them; None where that cannot be seen.

    They are to other services, on this machine or others. Those to the ports that the processes listen on are their
    clients'. Of the Unix family each process may have as many sockets as an event loop has for itself.
    """
    inet: list[Any] = []
    beyond = 0
    for pid in pids:
        try:
            process = psutil.Process(pid)
            inet += process.net_connections(kind="inet")
            beyond += max(len(process.net_connections(kind="unix")) - OF_A_LOOP, 0)
        except psutil.NoSuchProcess:
            continue
        except (psutil.Error, OSError):
            return None
    return beyond + _not_of_clients(inet)


def _not_of_clients(connections: Iterable[Any]) -> int:
    every = list(connections)
    listening = {one.laddr.port for one in every if one.status == psutil.CONN_LISTEN}
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port not in listening for one in every)

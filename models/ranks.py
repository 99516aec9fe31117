"""The order of things that happen at the same nanosecond.

A time event is ordered by (time, rank, id). Each event's whole zero-delay cascade runs before the next event. The
release of the cores that finished a burst ends a cascade and is therefore the lowest rank.
"""

from __future__ import annotations

from typing import Final

RELEASE: Final = 0  # end of a cascade; id: core, or cores + task where processor sharing holds tasks
CORE: Final = 1  # completion, end of a slice or of a quota slice; id: core (processor sharing: first core of the host)
TICK: Final = 2  # scheduler tick; id: host
QUOTA: Final = 3  # start of a quota period; id: instance
BALANCE: Final = 4  # periodic balance of run queues; id: host
PAUSE: Final = 5  # start or end of a pause; id: pause
EVENT: Final = 6  # an event of the scenario; id: its position
PHASE: Final = 7  # a workload enters its next phase; id: workload
TRANSFER: Final = 8  # end of a transfer on a link; id: channel
LINGER: Final = 9  # a batch has lingered; id: batcher
DISPATCH: Final = 10  # the balancer has dispatched an attempt; id: service
PROPAGATION: Final = 11  # end of a link's delay for a batch; id: batcher
DELAY: Final = 12  # end of a delay, a hop or a link's delay; id: serial of the strand
TIMEOUT: Final = 13  # an attempt's time is up; id: serial of the attempt
BACKOFF: Final = 14  # end of a backoff; id: serial of the operation
THINK: Final = 15  # end of a think time; id: user
ARRIVAL: Final = 16  # an open or traced arrival; id: source

RANK_SHIFT: Final = 40  # ids stay below 2^40

"""What the cores schedule, and for whom."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from models.arithmetic import SPEED_ONE
from models.clock import Clock
from models.records import THROTTLED_OR_PAUSED, WAITING_FOR_CORE, WAKING, WORKING
from models.station import StationTotals
from models.strand import Strand

if TYPE_CHECKING:
    from models.cpu.cores import Core

ASLEEP: Final = 0
WAITING: Final = 1
RUNNING: Final = 2
NEVER_NS: Final = -(1 << 62)
HELD: Final = 3  # has finished a burst at this very instant and may ask again


class Group:
    """The tasks of one instance of a service: what they cost, how fast they are, their quota, their station.

    ``wakeup_ns``: CPU paid when a sleeping task is made to run. ``quota_ns``: budget of a period of ``period_ns``,
    None for none; ``quota_slice_ns``: what a core takes of it at a time, 0 for the ideal of taking it as it is used.
    """

    def __init__(
        self,
        clock: Clock,
        identifier: int,
        *,
        wakeup_ns: int = 0,
        quota_ns: int | None = None,
        period_ns: int = 100_000_000,
        quota_slice_ns: int = 0,
    ) -> None:
        self.identifier = identifier
        self.wakeup_ns = wakeup_ns
        self.quota_ns = quota_ns
        self.period_ns = period_ns
        self.quota_slice_ns = quota_slice_ns
        self.left_ns = quota_ns or 0  # of this period's budget, not yet taken by a core
        self.speed = SPEED_ONE  # divided by the factor of a "slow" event
        self.totals = StationTotals(clock)
        self.work_asked = 0  # work units, wake-ups included
        self.work_done = 0
        self.work_withdrawn = 0
        self.work_present = 0  # asked for and neither done nor withdrawn

    @property
    def ideal_quota(self) -> bool:
        """Return whether the budget is drawn as it is used."""
        return self.quota_ns is not None and self.quota_slice_ns == 0


class Burst:
    """One piece of CPU work of a strand, or of a flusher (then ``strand`` is None and ``done`` tells it)."""

    __slots__ = ("arrived_ns", "demand_ns", "done", "ran_ns", "strand", "wakeup_ns")

    def __init__(self, demand_ns: int, strand: Strand | None, done: Callable[[], None]) -> None:
        self.demand_ns = demand_ns
        self.strand = strand
        self.done = done
        self.arrived_ns = 0
        self.wakeup_ns = 0
        self.ran_ns = 0

    def enter(self, cause: int) -> None:
        """Account the strand's time from now on to ``cause``."""
        if self.strand is not None:
            self.strand.enter(cause)

    def account(self, leading_ns: int, running_ns: int) -> None:
        """Account time on a core: the lead (switch, idle exit) and the execution that followed it."""
        self.ran_ns += running_ns
        if self.strand is not None:
            self.strand.causes_ns[WAKING] += leading_ns
            self.strand.causes_ns[WORKING] += running_ns
            self.strand.since_ns = self.strand.clock.now

    def finish(self) -> None:
        """Account the share of the execution that was the wake-up's work."""
        if self.strand is not None and self.wakeup_ns:
            moved = self.ran_ns * self.wakeup_ns // (self.demand_ns + self.wakeup_ns)
            self.strand.causes_ns[WORKING] -= moved
            self.strand.causes_ns[WAKING] += moved


class Task:
    """A schedulable thread. ``serial`` orders tasks where nothing else does."""

    __slots__ = (
        "burst",
        "core",
        "deadline",
        "delayed",
        "executed_ns",
        "fresh",
        "group",
        "lag",
        "last_core",
        "last_ran_ns",
        "serial",
        "state",
        "v",
        "work",
    )

    def __init__(self, serial: int, group: Group) -> None:
        self.serial = serial
        self.group = group
        self.state = ASLEEP
        self.burst: Burst | None = None
        self.work = 0
        self.core: Core | None = None  # that it runs on, or on whose queue it waits
        self.last_core: Core | None = None
        # linux discipline: virtual runtime, deadline, lag [ns]; executed since v was last brought up to date
        self.v = 0
        self.deadline = 0
        self.lag = 0
        self.delayed = False  # asleep, but still on its run queue (delayed dequeue)
        self.executed_ns = 0
        self.fresh = True
        self.last_ran_ns = NEVER_NS  # when it left a core last

    def waits(self, throttled: bool) -> None:
        """Account the wait for a core, or for the next quota period."""
        assert self.burst is not None
        self.burst.enter(THROTTLED_OR_PAUSED if throttled else WAITING_FOR_CORE)

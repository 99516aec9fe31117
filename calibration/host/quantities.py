"""What each quantity of the host probes is: its unit, how it is measured, and its place in a scenario's service."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from calibration.profile import Unit


@dataclass(frozen=True)
class Description:
    """One quantity, or all whose names match a pattern. field: in a service of a scenario; None: no place there."""

    pattern: str
    unit: Unit
    how: str
    field: str | None = None


_CHAIN: Final = "chain of dependent integer operations"
DESCRIPTIONS: Final = (
    Description("core.work_rate", "1/s", f"kilobytes of a {_CHAIN} (CRC) that one core does per second, median piece"),
    Description("core.spread_p90", "share", "90th percentile of pieces of 0.5 ms over their median, less one"),
    Description("core.spread_p99", "share", "99th percentile of pieces of 0.5 ms over their median, less one"),
    Description("core.smt_gain", "ratio", "work of two hyperthreads of a core together over one alone", "smt_speedup"),
    Description("harness.clock_cost", "s", "one reading of the clock; taken off every timed piece"),
    Description("harness.touch_call", "s", "call of a touch with nothing to touch; taken off every allocation"),
    Description(
        "speed.compute.busy_*",
        "ratio",
        f"speed of a core with so many busy, over one alone: {_CHAIN}",
        "speed_by_busy",
    ),
    Description("speed.cache.busy_*", "ratio", "the same for copies within half of the last cache"),
    Description("speed.memory.busy_*", "ratio", "the same for copies well beyond the last cache"),
    Description("memory.*_bandwidth", "B/s", "bytes read and written by one core's copies"),
    Description(
        "memory.line", "s", "to fetch a line that has left the core's own cache: steps through eight times its size"
    ),
    Description("scheduler.tick", "s", "grid on which two spinners on one core are switched", "linux.tick"),
    Description("scheduler.turn", "s", "how long a spinner runs beside another one on its core, median"),
    Description(
        "scheduler.base_slice",
        "s",
        "the same where it reads its CPU clock, so that the slice's end counts",
        "linux.base_slice",
    ),
    Description("scheduler.base_slice_told", "s", "slice as the kernel tells (sched_getattr)"),
    Description(
        "scheduler.context_switch",
        "s",
        "from one spinner's last reading to the other's first, less a reading",
        "context_switch",
    ),
    Description(
        "scheduler.preempting_wakeups",
        "share",
        "wake-ups beside a spinner, 0.1 ms after 0.3 ms of work, that run at once: most, unless until the deadline",
        "linux.protected_until",
    ),
    Description("scheduler.tick_cost", "s", "gap that the timer interrupt leaves in a lone spinner, median"),
    Description("scheduler.interrupted_share", "share", "all such gaps over the time"),
    Description(
        "wakeup.cpu",
        "s",
        "CPU time of a piece after a sleep less that of a piece without, core idle",
        "wakeup",
    ),
    Description("wakeup.cpu_awake", "s", "the same on a core kept from idling"),
    Description("wakeup.pipe_idle", "s", "from a write on one core to the reader running on another, idle one"),
    Description("wakeup.pipe_awake", "s", "the same, the reader's core kept from idling"),
    Description("idle.exit", "s", "timer overshoot on an idle core less that on one kept from idling", "idle_exit"),
    Description("timer.overshoot", "s", "begin after the intended end of a sleep, idle core, default slack, median"),
    Description("timer.overshoot_p99", "s", "the same, 99th percentile"),
    Description("timer.overshoot_awake", "s", "the same on a core kept from idling, median"),
    Description("allocation.fresh_*", "s", "CPU time to map, touch every byte of and unmap memory of that size"),
    Description("allocation.reuse_*", "s", "CPU time to touch every byte of mapped memory of that size"),
    Description("allocation.faults_*", "count", "page faults of one such allocation"),
    Description(
        "messages.*_fixed",
        "s",
        "CPU time per batch over a loopback socket, least squares over sizes and counts",
    ),
    Description("messages.*_per_item", "s", "the same, per message"),
    Description("messages.*_per_byte", "s", "the same, per byte"),
    Description(
        "compression.*_ratio_*",
        "ratio",
        "bytes after over before, for so many JSON messages of 400 bytes at once",
    ),
    Description("compression.*_cpu_per_message_*", "s", "CPU time for each of so many messages compressed at once"),
    Description("lock.handoff", "s", "release on one core to running on another, half a round trip, median"),
    Description("lock.handoff_cpu", "s", "CPU time of one such hand-off, both processes"),
    Description("lock.handoff_same_core", "s", "the same between two processes on one core"),
    Description("lock.handoff_same_core_cpu", "s", "CPU time of one such hand-off, both processes"),
    Description("lock.uncontended", "s", "CPU time to take and give back a free lock between processes"),
    Description("disk.write_4KiB", "s", "write of 4 KiB to a file, median"),
    Description("disk.fsync", "s", "fsync after it, median", "links.disk.delay"),
    Description("disk.fsync_p99", "s", "fsync after it, 99th percentile"),
    Description("disk.fsync_gain_*", "ratio", "fsyncs per second of so many writers over those of one"),
    Description("disk.bandwidth", "B/s", "32 MiB written and synced", "links.disk.bandwidth"),
    Description("loopback.delay", "s", "half a round trip of one byte over TCP on the loopback, median"),
    Description("loopback.bandwidth", "B/s", "one TCP stream on the loopback"),
    Description(
        "placement.idle_search",
        "share",
        "chance that fits how long sleepers wait, by the simulator",
        "linux.idle_search",
    ),
    Description(
        "placement.idle_steal",
        "share",
        "chance that fits how long sleepers wait, by the simulator",
        "linux.idle_steal",
    ),
    Description(
        "placement.balance_interval",
        "s",
        "spinners let go from one core: twice the median time to the first move",
        "linux.balance_interval",
    ),
    Description(
        "placement.timer_slack",
        "s",
        "timer overshoot on a core kept from idling, which the sleepers' times leave out",
    ),
    Description("placement.idle_exit", "s", "what an idle core adds to it"),
    Description("placement.first_move", "s", "spinners let go from one core: time to the first move, mean"),
    Description(
        "placement.sleepers_*_demand",
        "s",
        "CPU time of a sleeper's piece, wake-up included; the number is the utilization",
    ),
    Description("placement.sleepers_*_moved", "share", "wake-ups of sleepers found on another core than before"),
    Description(
        "placement.sleepers_*",
        "s",
        "time from wake-up to end of a sleeper's piece of 0.5 ms, four sleepers a core",
    ),
)


def description_of(name: str) -> Description:
    """Return what a quantity is. Raises KeyError for one that is not described."""
    for description in DESCRIPTIONS:
        if fnmatchcase(name, description.pattern):
            return description
    raise KeyError(name)

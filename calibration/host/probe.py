"""The list of host probes and how long each measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from calibration.interference import Limits

_MODULE: Final = "calibration.host.probes."


@dataclass(frozen=True)
class Probe:
    """One probe.

    module: its module among the probes. window_s, quick_window_s: what one run of it is told to measure for.
    limits: what it bears; `stray` compares the runs' `key`. options: further arguments. kernel_threads: whether these
    count as others; not where they work for the probe.
    """

    name: str
    module: str
    window_s: float
    quick_window_s: float
    limits: Limits
    key: str
    options: Mapping[str, Any] = field(default_factory=dict)
    kernel_threads: bool = True

    @property
    def module_path(self) -> str:
        """Return the module to import."""
        return _MODULE + self.module


_ONE_AT_A_TIME: Final = Limits(wait=0.03)
_WITH_WAITS: Final = Limits(stray=None)


def probes(disk_directory: str) -> list[Probe]:
    """Return all probes in the order in which they are run. disk_directory: where the disk is measured."""
    slow = [
        Probe(f"slowdown-{kind}", "slowdown", 0.2, 0.08, Limits(wait=0.03, stray=None), key, {"kind": kind})
        for kind, key in (
            ("compute", "speed.compute"),
            ("cache", "memory.cache_bandwidth"),
            ("memory", "memory.memory_bandwidth"),
        )
    ]
    return [
        Probe("core", "core", 0.3, 0.15, _ONE_AT_A_TIME, "core.work_rate"),
        *slow,
        Probe("lines", "lines", 0.2, 0.1, Limits(wait=0.03, stray=None), "memory.line"),
        Probe("scheduler", "scheduler", 0.4, 0.15, _WITH_WAITS, "scheduler.base_slice"),
        Probe("wakeup", "wakeup", 0.4, 0.15, Limits(wait=0.05, stray=None), "timer.overshoot"),
        Probe("placement", "placement", 1.0, 0.25, _WITH_WAITS, "placement.sleepers_55_mean"),
        Probe("allocation", "allocation", 0.4, 0.12, _WITH_WAITS, "allocation.fresh_64KiB"),
        Probe("messages", "messages", 0.5, 0.2, _WITH_WAITS, "messages.send_fixed"),
        Probe("compression", "compression", 0.4, 0.15, _WITH_WAITS, "compression.zlib_cpu_per_message_16"),
        Probe("locks", "locks", 0.3, 0.15, _WITH_WAITS, "lock.handoff_same_core"),
        Probe(
            "disk",
            "disk",
            0.6,
            0.3,
            # the hypervisor that serves a disk takes time from the machine
            Limits(others=0.06, steal=0.08, stray=None),
            "disk.fsync",
            {"directory": disk_directory},
            kernel_threads=False,
        ),
        Probe("loopback", "loopback", 0.3, 0.15, _WITH_WAITS, "loopback.delay"),
    ]

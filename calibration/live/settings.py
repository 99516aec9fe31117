"""How a live measurement is made: which levels, how often, how long, how paced, and what counts as disturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from calibration.interference import Interference, Limits, ProcSource, Watch
from calibration.live.errors import LiveError
from calibration.live.level_run import Plan
from calibration.live.measured import Paced
from calibration.live.pacing import Pacing

MAX_COPIES: Final = 1000
MAX_REPEATS: Final = 100
PRECISION: Final = 0.01
"""Relative standard error that the levels of a program are repeated for, unless something else is asked for."""
MAX_LEVEL_NS: Final = 600_000_000_000
WAIT_LIMIT: Final = 0.05
STEAL_LIMIT: Final = 0.02
STEAL_OF_DISKS: Final = 0.08
SEED_STEP: Final = 1_000_003


@dataclass(frozen=True)
class Settings:
    """How a program or a service is measured.

    copies: of each level: processes, or connections. rates_per_s: instead of one pace, a level for each rate [per s,
    of all copies together]. repeats: of each level. retries: further ones in all, where some were disturbed.
    precision: relative standard error of CPU and median response that each level of a program is repeated for
    (`calibration.live.repeats.measure_all`); 0: as often as asked.
    duration_ns: measured window of each, after warmup_ns. ready_timeout_s: until all copies must be set up.

    Raises LiveError for what cannot be.
    """

    copies: Sequence[int]
    pacing: Pacing = field(default_factory=Pacing)
    rates_per_s: Sequence[float] = ()
    repeats: int = 3
    retries: int = 3
    duration_ns: int = 3_000_000_000
    warmup_ns: int = 1_000_000_000
    seed: int = 1
    ready_timeout_s: float = 30.0
    precision: float = 0.0

    def __post_init__(self) -> None:
        for option, value, least, most in (
            ("--repeats", self.repeats, 1, MAX_REPEATS),
            ("--retries", self.retries, 0, MAX_REPEATS),
            ("--procs", min(self.copies, default=0), 1, MAX_COPIES),
            ("--procs", max(self.copies, default=0), 1, MAX_COPIES),
        ):
            if not least <= value <= most:
                raise LiveError(option, str(value), f"{least} to {most}")
        if not 0.0 <= self.precision <= 1.0:
            raise LiveError("--precision", f"{self.precision:g}", "0 to 1, such as 0.01")
        if self.duration_ns <= 0 or self.duration_ns + self.warmup_ns > MAX_LEVEL_NS:
            seconds = f"{(self.duration_ns + self.warmup_ns) / 1e9:g} s with the warm-up"
            raise LiveError("--duration", seconds, f"above 0, up to {MAX_LEVEL_NS // 10**9} s with it")

    def plans(self) -> list[Plan]:
        """Return the levels, fewest copies first."""
        pacings = [Pacing(rate_per_s=rate) for rate in sorted(set(self.rates_per_s))] or [self.pacing]
        return [
            Plan(copies, pacing, self.duration_ns, self.warmup_ns, self.seed)
            for copies in sorted(set(self.copies))
            for pacing in pacings
        ]

    def paced(self) -> Paced:
        """Return the pacing as it stands in a measurement."""
        return Paced(
            kind="rate" if self.rates_per_s else self.pacing.kind,
            think_mean_s=self.pacing.think_mean_ns / 1e9,
            think_kind=self.pacing.think_kind,
            rates_per_s=list(self.rates_per_s),
        )


def default_copies(cores: int) -> list[int]:
    """Return the levels that are measured when none are named: 1, 2, 4 ... up to the cores, 1 and 2 at least."""
    levels = [1, 2]
    while levels[-1] * 2 <= cores:
        levels.append(levels[-1] * 2)
    return levels


def default_connections(cores: int) -> list[int]:
    """Return the connections to a service that are measured when none are named: one, and two with rising queues.

    A service shares the cores with its generator and often waits, so that it is busy well beyond as many as the cores.
    """
    return [1, 2 * cores, 4 * cores]


def watch_of(own: Callable[[], Iterable[int]]) -> Watch:
    """Return a watch over other load that does not count kernel threads: disk and network work is the program's."""
    return Watch(own, ProcSource(kernel_threads=False))


def judged(
    plan: Plan, interference: Interference, *, served: bool = False, writes: bool = False
) -> tuple[list[str], float]:
    """Return what disturbed a level, in words, and how badly.

    A copy alone should not wait for a core either. served: by processes that wake each other, which wait for the
    core of whoever woke them, and for their core to leave its idle state, on a quiet machine too. writes: whether its
    operations wait for a disk; the hypervisor that serves it takes time from this machine.
    """
    alone = plan.copies == 1 and not served and not plan.awake
    limits = Limits(wait=WAIT_LIMIT if alone else None, steal=STEAL_OF_DISKS if writes else STEAL_LIMIT)
    return interference.problems(limits), interference.severity(limits)

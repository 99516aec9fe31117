"""Other load during a measurement: watched, and what it disturbed is measured again, within a bound.

A measurement is disturbed when other processes used the machine, when the hypervisor took time from it, when its own
processes waited for a core although there should have been a free one, or when its value strays from that of its
repeats (a neighbour on the physical core slows everything down and shows nowhere else). What was disturbed is left
out and counted, never averaged with the rest.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Generic, Protocol, Self, TypeVar

EXIT_UNSTABLE: Final = 4
COUNTER_STEP_S: Final = 0.01
"""The step of the CPU times in `/proc` (USER_HZ is 100 on every Linux in use)."""
_KERNEL_PARENT: Final = 2

T = TypeVar("T")


class NeverQuiet(RuntimeError):  # noqa: N818 - says what the machine did
    """The machine did not get quiet within the bound; the text says what disturbed it most."""


@dataclass(frozen=True)
class Reading:
    """The counters at one moment.

    at_s: monotonic time. steal_s: CPU time that the hypervisor has taken so far. others_s: CPU time of all processes
    but the watched ones so far. waits: of each watched thread, (CPU time, time waiting for a core) so far [s].
    """

    at_s: float
    steal_s: float
    others_s: float
    waits: dict[str, tuple[float, float]]


class Source(Protocol):
    """Where readings come from; tests give their own."""

    cores: int

    def read(self, own: Iterable[int]) -> Reading:
        """Read the counters. own: process ids beside this process and its descendants that belong to it."""


class ProcSource:
    """Readings from `/proc`.

    kernel_threads: count kernel threads among the others; not where they work for the measurement (disk writes).
    root: where the files are.
    """

    def __init__(self, *, kernel_threads: bool = True, root: str | Path = "/proc") -> None:
        self.root = Path(root)
        self.kernel_threads = kernel_threads
        self.cores = os.cpu_count() or 1
        self._ticks_per_s = os.sysconf("SC_CLK_TCK")

    def read(self, own: Iterable[int]) -> Reading:
        """Read the counters of all processes that can be seen."""
        parents, cpu_s = self._processes()
        watched = _family(parents, {os.getpid(), *own})
        others_s = sum(
            used
            for pid, used in cpu_s.items()
            if pid not in watched and (self.kernel_threads or parents[pid] != _KERNEL_PARENT)
        )
        waits: dict[str, tuple[float, float]] = {}
        for pid in watched - {os.getpid()}:
            waits.update(self._waits(pid))
        return Reading(time.monotonic(), self._steal_s(), others_s, waits)

    def _processes(self) -> tuple[dict[int, int], dict[int, float]]:
        """Return parent and CPU time [s] of every process; the time of children that it waited for is in it.

        So the sum over all processes keeps what ended in between.
        """
        parents: dict[int, int] = {}
        cpu_s: dict[int, float] = {}
        for entry in os.listdir(self.root):
            if not entry.isdigit():
                continue
            try:
                text = (self.root / entry / "stat").read_text(errors="replace")
            except OSError:
                continue
            fields = text.rpartition(")")[2].split()
            parents[int(entry)] = int(fields[1])
            cpu_s[int(entry)] = sum(int(value) for value in fields[11:15]) / self._ticks_per_s
        return parents, cpu_s

    def _waits(self, pid: int) -> dict[str, tuple[float, float]]:
        """Return CPU time and run-queue wait of each thread; nothing where the kernel does not count it."""
        found = {}
        for file in (self.root / str(pid) / "task").glob("*/schedstat"):
            try:
                ran, waited = file.read_text().split()[:2]
            except (OSError, ValueError):
                continue
            found[file.parent.name] = (int(ran) / 1e9, int(waited) / 1e9)
        return found

    def _steal_s(self) -> float:
        try:
            fields = (self.root / "stat").read_text().split("\n", 1)[0].split()
        except OSError:
            return 0.0
        return int(fields[8]) / self._ticks_per_s if len(fields) > 8 else 0.0


def _family(parents: dict[int, int], roots: set[int]) -> set[int]:
    """Return the roots and everything that descends from them."""
    family = set(roots)
    before = -1
    while len(family) != before:
        before = len(family)
        family |= {pid for pid, parent in parents.items() if parent in family}
    return family


@dataclass(frozen=True)
class Limits:
    """What is still called quiet; None: not looked at.

    The limit of steal is above what a virtual machine's host takes while nobody else computes (up to one percent was
    seen), and far below what a neighbour takes.

    others: CPU of other processes, share of the machine. steal: the same of the hypervisor. wait: time that own
    processes waited for a core, share of what they wanted; None where more processes than cores are the point.
    stray: relative distance of a repeat from the median of all repeats.
    """

    others: float | None = 0.03
    steal: float | None = 0.02
    wait: float | None = None
    stray: float | None = 0.05


@dataclass(frozen=True)
class Interference:
    """What other load there was during one measurement.

    duration_s: how long it was watched. The shares are as in `Limits`; wait_share is None where the kernel does
    not say or no own process lived through the measurement. resolution: share that one step of the CPU counters is:
    over a short measurement a single step is more than a limit, and says nothing.
    """

    duration_s: float
    others_share: float
    steal_share: float
    wait_share: float | None = None
    resolution: float = 0.0

    def problems(self, limits: Limits) -> list[str]:
        """Return what was over its limit, in words."""
        return [
            f"{what} {share:.1%} {of} (limit {limit:.1%})"
            for what, share, limit, of in self._compared(limits)
            if share > limit
        ]

    def severity(self, limits: Limits) -> float:
        """Return the largest share relative to its limit: above 1 is disturbed."""
        return max((share / limit for _, share, limit, _ in self._compared(limits)), default=0.0)

    def _compared(self, limits: Limits) -> list[tuple[str, float, float, str]]:
        """Return what was watched and is limited: what, its share, its limit, of what."""
        rows = (
            ("other processes used", self.others_share, limits.others, self.resolution, "of the machine"),
            ("the hypervisor took", self.steal_share, limits.steal, self.resolution, "of the machine"),
            ("its processes waited", self.wait_share, limits.wait, 0.0, "of the CPU time they wanted"),
        )
        return [
            (what, share, limit + step, of)
            for what, share, limit, step, of in rows
            if share is not None and limit is not None
        ]


class Watch:
    """Watches one measurement: `with Watch() as watch: measure()`, then `watch.interference`.

    own: returns process ids that belong to the measurement beside this process and its descendants, such as a
    server that was there before; asked at the begin and at the end. source: where readings come from.
    """

    interference: Interference

    def __init__(self, own: Callable[[], Iterable[int]] = lambda: (), source: Source | None = None) -> None:
        self._own = own
        self._source = source or ProcSource()

    def __enter__(self) -> Self:
        self._before = self._source.read(self._own())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.interference = between(self._before, self._source.read(self._own()), self._source.cores)


def between(before: Reading, after: Reading, cores: int) -> Interference:
    """Return the interference between two readings on a machine of that many cores."""
    duration_s = max(after.at_s - before.at_s, 1e-9)
    machine_s = duration_s * cores
    ran_s = waited_s = 0.0
    for thread in before.waits.keys() & after.waits.keys():
        ran_s += after.waits[thread][0] - before.waits[thread][0]
        waited_s += after.waits[thread][1] - before.waits[thread][1]
    wanted_s = ran_s + waited_s
    return Interference(
        duration_s,
        max(0.0, after.others_s - before.others_s) / machine_s,
        max(0.0, after.steal_s - before.steal_s) / machine_s,
        waited_s / wanted_s if wanted_s > 0 else None,
        COUNTER_STEP_S / machine_s,
    )


@dataclass(frozen=True)
class Repeat(Generic[T]):
    """One repeat of a measurement: what it gave, what disturbed it (in words; empty: nothing), how badly."""

    value: T
    problems: tuple[str, ...] = ()
    severity: float = 0.0


@dataclass
class Repeats(Generic[T]):
    """The repeats of one measurement in the order they were made."""

    made: list[Repeat[T]] = field(default_factory=list)

    @property
    def quiet(self) -> list[T]:
        """The values of the repeats that nothing disturbed."""
        return [repeat.value for repeat in self.made if not repeat.problems]

    @property
    def disturbed(self) -> list[Repeat[T]]:
        """The others, left out."""
        return [repeat for repeat in self.made if repeat.problems]


def repeat_until_quiet(
    measure: Callable[[], T],
    *,
    repeats: int,
    retries: int,
    limits: Limits | None = None,
    watch: Callable[[], Watch] = Watch,
    key: Callable[[T], float] | None = None,
    pause: Callable[[], None] = lambda: None,
) -> Repeats[T]:
    """Measure until `repeats` repeats were quiet.

    retries: how many disturbed ones are made up for. key: the number by which repeats are compared for strays (None:
    not compared). pause: called before a retry, to let the machine settle.

    Raises NeverQuiet when the bound is reached first.
    """
    limits = limits or Limits()
    done: Repeats[T] = Repeats()
    while len(done.quiet) < repeats:
        if len(done.made) >= repeats + retries:
            worst = max(done.disturbed, key=lambda repeat: repeat.severity)
            raise NeverQuiet(
                f"{len(done.disturbed)} of {len(done.made)} repeats were disturbed: {'; '.join(worst.problems)}"
            )
        if done.disturbed:
            pause()
        with watch() as watched:
            value = measure()
        found = watched.interference
        done.made.append(Repeat(value, tuple(found.problems(limits)), found.severity(limits)))
        if key is not None and limits.stray is not None and len(done.quiet) >= repeats:
            _mark_strays(done, key, limits.stray)
    return done


def _mark_strays(done: Repeats[T], key: Callable[[T], float], limit: float) -> None:
    """Mark the quiet repeats whose key is too far from the median of all quiet ones."""
    numbers = [key(repeat.value) for repeat in done.made if not repeat.problems]
    usual = statistics.median(numbers)
    for index, repeat in enumerate(done.made):
        distance = abs(key(repeat.value) / usual - 1) if usual else 0.0
        if not repeat.problems and distance > limit:
            problem = f"the value is {distance:.1%} from that of the other repeats (limit {limit:.1%})"
            done.made[index] = Repeat(repeat.value, (problem,), distance / limit)


def drift(values: Sequence[float]) -> float:
    """Return how much a series changed from its first to its last value, relative to its median.

    The slope is the median of all pairwise slopes (Theil 1950, Sen 1968), so one stray value does not make it.
    Fewer than three values have no drift.
    """
    count = len(values)
    middle = statistics.median(values) if values else 0.0
    if count < 3 or middle == 0:
        return 0.0
    slopes = [
        (values[later] - values[earlier]) / (later - earlier)
        for earlier in range(count)
        for later in range(earlier + 1, count)
    ]
    return statistics.median(slopes) * (count - 1) / abs(middle)

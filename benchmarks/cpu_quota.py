"""A cgroup with a CPU quota, made for a measurement and removed after it, where this host permits that."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from benchmarks.real_servers import NotHere

PERIOD_US: Final = 100_000
ROOT: Final = Path("/sys/fs/cgroup")
REMOVAL_S: Final = 5.0


@contextlib.contextmanager
def cpu_quota(cores: float, root: Path = ROOT) -> Iterator[Path]:
    """Make a cgroup of so many cores' worth in each 100 ms, and give the file through which processes join it.

    root: where cgroups are mounted. Version 2 and the `cpu` controller of version 1 are known.
    Raises NotHere with the reason where the host does not permit it.
    """
    parent = _parent(root)
    group = parent / f"sim-quota-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        raise NotHere(f"no CPU quota: {parent} permits no cgroup ({error.strerror})") from None
    try:
        _limit(group, round(cores * PERIOD_US))
        yield group / "cgroup.procs"
    finally:
        _remove(group)


def joining(procs: Path, arguments: list[str]) -> list[str]:
    """Return the arguments of a process that joins a cgroup before it becomes the program."""
    return ["/bin/sh", "-c", 'echo $$ > "$0" && exec "$@"', str(procs), *arguments]


def slice_s() -> float:
    """Return what a core takes from the budget at a time [s]; the kernel's default where it does not tell."""
    try:
        return int(Path("/proc/sys/kernel/sched_cfs_bandwidth_slice_us").read_text()) / 1e6
    except (OSError, ValueError):
        return 0.005


def _parent(root: Path) -> Path:
    """Return the directory under which a cgroup can have a quota. Raises NotHere."""
    if (root / "cgroup.controllers").is_file():
        if "cpu" in (root / "cgroup.subtree_control").read_text().split():
            return root
        raise NotHere(f"no CPU quota: {root} does not hand the cpu controller on")
    for name in ("cpu", "cpu,cpuacct"):
        if (root / name / "cpu.cfs_quota_us").is_file():
            return root / name
    raise NotHere(f"no CPU quota: no cpu controller under {root}")


def _limit(group: Path, quota_us: int) -> None:
    """Set the quota. Raises NotHere."""
    try:
        if (group / "cpu.max").is_file():
            (group / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (group / "cpu.cfs_quota_us").write_text(str(quota_us))
    except OSError as error:
        raise NotHere(f"no CPU quota: {group.parent} permits none ({error.strerror})") from None


def _remove(group: Path) -> None:
    """Remove a cgroup as soon as the last process has left it; what does not leave in time keeps it there."""
    until_s = time.monotonic() + REMOVAL_S
    while True:
        try:
            group.rmdir()
            return
        except OSError:
            if time.monotonic() > until_s:
                raise
            time.sleep(0.05)

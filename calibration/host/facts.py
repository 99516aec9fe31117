"""What the system says about itself: processor, topology, kernel, governor, idle states, cgroup limits."""

from __future__ import annotations

import gzip
import os
import platform
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from calibration.host.caches import CACHES, cache_sizes
from calibration.host.processes import cpu_list
from calibration.profile import Host, identity_of
from simulator.processors import usable_cores

_UNLIMITED_BYTES = 1 << 60


@dataclass(frozen=True)
class System:
    """Where facts are read. root: of the file system. usable: CPUs that this process may use. release: kernel."""

    root: Path
    usable: int
    release: str
    name: str = "Linux"

    @classmethod
    def here(cls) -> System:
        """Return the system that this process runs on."""
        return cls(Path("/"), usable_cores(), platform.release(), platform.system())

    def text(self, place: str) -> str | None:
        """Return a small file's text without blanks around it; None where it cannot be read."""
        with suppress(OSError):
            return (self.root / place).read_text(errors="replace").strip()
        return None

    def number(self, place: str) -> int | None:
        """Return the number in a file; None where there is none."""
        text = self.text(place)
        return int(text) if text and re.fullmatch(r"-?\d+", text) else None


def read_host(system: System | None = None) -> Host:
    """Read everything that a profile keeps about its host."""
    system = system or System.here()
    cpu_info = system.text("proc/cpuinfo") or ""
    processor = _field(cpu_info, "model name") or _field(cpu_info, "Hardware") or platform.machine()
    cpus = max(1, len(re.findall(r"^processor\s*:", cpu_info, re.M)) or os.cpu_count() or 1)
    sockets = len(set(re.findall(r"^physical id\s*:\s*(\d+)", cpu_info, re.M))) or 1
    siblings = system.text("sys/devices/system/cpu/cpu0/topology/thread_siblings_list")
    memory = re.search(r"^MemTotal:\s*(\d+) kB", system.text("proc/meminfo") or "", re.M)
    frequency = system.number("sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    huge = re.search(r"\[(\w+)\]", system.text("sys/kernel/mm/transparent_hugepage/enabled") or "")
    autogroup = system.number("proc/sys/kernel/sched_autogroup_enabled")
    slice_us = system.number("proc/sys/kernel/sched_cfs_bandwidth_slice_us")
    quota, period_ns, memory_bytes = cgroup_limits(system)
    machine = system.text("etc/machine-id") or platform.node()
    return Host(
        identity=identity_of(machine, processor),
        processor=processor,
        cpus=cpus,
        usable=system.usable,
        sockets=sockets,
        threads_per_core=len(cpu_list(siblings)) if siblings else 1,
        memory_bytes=int(memory[1]) * 1024 if memory else 0,
        last_cache_bytes=max((size for _, size in cache_sizes(system.root / CACHES.relative_to("/"))), default=0),
        virtual="hypervisor" in (_field(cpu_info, "flags") or "").split(),
        system=system.name,
        kernel=system.release,
        kernel_hz=kernel_hz(system),
        governor=system.text("sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        frequency_max_hz=frequency * 1000.0 if frequency else None,
        idle_states=_idle_states(system),
        cgroup_quota=quota,
        cgroup_quota_period_ns=period_ns,
        cgroup_quota_slice_ns=slice_us * 1000 if quota is not None and slice_us else None,
        cgroup_memory_bytes=memory_bytes,
        autogroup=bool(autogroup) if autogroup is not None else None,
        transparent_huge_pages=huge[1] if huge else None,
    )


def _field(cpu_info: str, name: str) -> str | None:
    match = re.search(rf"^{re.escape(name)}\s*:\s*(.*)$", cpu_info, re.M)
    return match[1].strip() if match else None


def _idle_states(system: System) -> list[str]:
    states = []
    for folder in sorted((system.root / "sys/devices/system/cpu/cpu0/cpuidle").glob("state*")):
        with suppress(OSError):
            name, exit_us = (folder / "name").read_text().strip(), (folder / "latency").read_text().strip()
            states.append(f"{name} ({exit_us} us)")
    return states


def kernel_hz(system: System) -> int | None:
    """Return the kernel's CONFIG_HZ; None where its configuration cannot be read."""
    text = system.text(f"boot/config-{system.release}")
    if text is None:
        with suppress(OSError, EOFError):
            text = gzip.decompress((system.root / "proc/config.gz").read_bytes()).decode()
    match = re.search(r"^CONFIG_HZ=(\d+)$", text or "", re.M)
    return int(match[1]) if match else None


def cgroup_limits(system: System) -> tuple[float | None, int | None, int | None]:
    """Return (CPU quota in cores' worth, its period [ns], memory limit [bytes]) of this process's cgroup.

    The tightest limit on the way up counts, of version 2 or 1; None: no limit.
    """
    quotas: list[tuple[float, int]] = []
    memories: list[int] = []
    for folder in _cgroup_folders(system):
        quota, period_us = (system.text(f"{folder}/cpu.max") or "max").split()[:1], 100_000
        if quota and quota[0].isdigit():
            period_us = int((system.text(f"{folder}/cpu.max") or "").split()[1])
            quotas.append((int(quota[0]) / period_us, period_us * 1000))
        old_quota, old_period = (system.number(f"{folder}/cpu.cfs_{what}_us") for what in ("quota", "period"))
        if old_quota and old_quota > 0 and old_period:
            quotas.append((old_quota / old_period, old_period * 1000))
        for name in ("memory.max", "memory.limit_in_bytes"):
            limit = system.number(f"{folder}/{name}")
            if limit is not None and limit < _UNLIMITED_BYTES:
                memories.append(limit)
    tightest = min(quotas, default=None)
    return (
        tightest[0] if tightest else None,
        tightest[1] if tightest else None,
        min(memories, default=None),
    )


def _cgroup_folders(system: System) -> list[str]:
    """Return the folders of this process's cgroups and of those above them, relative to the root."""
    folders: list[str] = []
    for line in (system.text("proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        for mount in [f"sys/fs/cgroup/{name}" for name in controllers.split(",")] if controllers else ["sys/fs/cgroup"]:
            place = Path(path.strip("/"))
            for part in (place, *place.parents):
                folders.append(f"{mount}/{part}" if str(part) != "." else mount)
    return list(dict.fromkeys(folders))

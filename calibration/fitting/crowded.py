"""What many processes cost each other: the caches of a core hold what a few of them touch, and not what many do.

Where each connection has a process of its own, a core comes back to one only after it has run all others. As long as
their memory fits into the cache that a core has for itself, an operation finds its own still there; with more of them
it is fetched anew, up to all of it, a line at a time. At few connections nothing of this shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from calibration.fitting.blueprint import Free
from calibration.host.caches import CACHES, cache_sizes

LINE_BYTES: Final = 64
LINES: Final = 768
"""That an operation touches of what only its process has: stack, plans and catalogue of a session, the kernel's."""
MISS_S: Final = 80e-9
"""To fetch a line that has left the core's own cache: a shared cache answers in 20 ns, memory in 100, and on virtual
machines the way to its address is twice as long."""
ROOM: Final = 0.6
"""Share of the cache that is left for what each process has alone, beside the code and the data of all."""
CACHE_BYTES: Final = 1 << 20
"""Of a core for itself, where the system does not say."""


@dataclass(frozen=True)
class OwnMemory:
    """The memory of processes, one for each connection, and the cache of each core [bytes]."""

    cores: int
    cache_bytes: int

    def free(self) -> list[Free]:
        """Return the numbers that are open."""
        how = "assumed: cache lines that an operation touches of what only its process has"
        return [
            Free("own_lines", LINES, 0.5, how, unit="count"),
            Free("line_miss", MISS_S, 0.5, "assumed: time to fetch one that has left the core's cache"),
        ]

    def extra_s(self, values: Mapping[str, float], processes: int) -> float:
        """Return the CPU that an operation of so many processes takes more, by the two numbers [s]."""
        touched = values["own_lines"] * LINE_BYTES * processes / self.cores
        missing = max(1.0 - ROOM * self.cache_bytes / touched, 0.0)
        return missing * values["own_lines"] * values["line_miss"]


def core_cache_bytes(folder: Path = CACHES) -> int:
    """Return the size of the largest cache that a core has for itself [bytes]: its second level."""
    return next((size for level, size in cache_sizes(folder) if level == "2"), CACHE_BYTES)

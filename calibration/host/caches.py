"""The caches of a core, as the system tells them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

CACHES: Final = Path("/sys/devices/system/cpu/cpu0/cache")
"""Where Linux tells the caches that CPU 0 reaches, its own and the shared ones."""

CORE_CACHE_BYTES: Final = 1 << 20
"""Of a core for itself, where the system does not say."""


def core_cache_bytes(folder: Path = CACHES) -> int:
    """Return the size of the largest cache that a core has for itself [bytes]: its second level."""
    return next((size for level, size in cache_sizes(folder) if level == "2"), CORE_CACHE_BYTES)


def cache_sizes(folder: Path = CACHES) -> Iterator[tuple[str, int]]:
    """Yield level ("2"; empty where it is not told) and size [bytes] of each cache, of those that the system tells."""
    for file in sorted(folder.glob("index*/size")):
        level = size = ""
        with suppress(OSError):
            size = file.read_text().strip()
            level = file.with_name("level").read_text().strip()
        match = re.fullmatch(r"(\d+)([KMG]?)", size)
        if match:
            yield level, int(match[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[match[2]]

"""The processors that this process has."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Return how many CPUs this process, and so what it starts, may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

"""What a table says about the CPUs that it was measured on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from calibration.fitting.skeleton import Machine
from calibration.levels import Level

_CORES_AND_THREADS: Final = re.compile(r"\b(\d+) cores\s*/\s*(\d+) threads\b", re.IGNORECASE)
_VIRTUAL: Final = re.compile(r"\b(\d+) v-?CPUs?\b", re.IGNORECASE)
_WHOLE_CORES: Final = re.compile(r"\b(?:graviton|ampere|arm64|aarch64|neoverse)", re.IGNORECASE)
_COUNTED: Final = re.compile(r"\b(\d+) (?:CPUs?|processors|cores)\b", re.IGNORECASE)


def stated_machine(path: Path) -> Machine:
    """Return the CPUs that the comments at the head of a file name; nothing is known where they name none.

    A virtual CPU is a hyperthread, but for processors without them (Arm's).
    """
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    text = " ".join(line for line in lines[:20] if line.startswith("#"))
    return machine_in(text)


def machine_in(text: str) -> Machine:
    """Return the CPUs that a text names."""
    both = _CORES_AND_THREADS.search(text)
    if both:
        cores, threads = int(both[1]), int(both[2])
        return Machine(float(threads), max(round(threads / cores), 1))
    virtual = _VIRTUAL.search(text)
    if virtual:
        return Machine(float(virtual[1]), 1 if _WHOLE_CORES.search(text) else 2)
    counted = _COUNTED.search(text)
    return Machine(float(counted[1])) if counted else Machine()


def machine_of(levels: Sequence[Level], stated: Machine) -> Machine:
    """Return the machine of a series: its column of cores where all levels agree, else what was stated.

    A column of cores counts CPUs as the operating system does, so that hyperthreads come from what was stated.
    """
    counts = {level.cores for level in levels}
    cores = counts.pop() if len(counts) == 1 else None
    if cores is None:
        return stated
    return Machine(cores, stated.threads_per_core)

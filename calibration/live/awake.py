"""A program while its cores are kept from idling: what an operation takes without the exits from idle.

A core that idled is woken by an interrupt, leaves its idle state and finds its caches cold; on a busy machine nothing
of that is paid. Low levels show the sum alone. Spinners of the idle class, which give way at once, keep the cores
awake, so that the same operation shows what it takes where cores are busy.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from calibration.host.processes import background, usable_cpus


def can_keep_awake() -> bool:
    """Return whether this system has a class of processes that run only where nobody else would."""
    return hasattr(os, "SCHED_IDLE") and hasattr(os, "sched_setaffinity")


@contextmanager
def kept_awake() -> Iterator[None]:
    """Keep all usable cores from idling while the block runs."""
    with ExitStack() as stack:
        for cpu in usable_cpus():
            stack.enter_context(background(_spin, cpu))
        yield


def _spin() -> None:
    """Spin in the idle class: whoever wakes takes the core at once."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    while True:
        pass

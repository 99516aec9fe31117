"""What many processes cost each other, before the fit: nothing of it shows at few connections.

See `models.measured.CrowdedCaches`. How many lines an operation fetches again is assumed; what a line takes the host's
calibration measures.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from calibration.fitting.blueprint import Free
from models.measured import CrowdedCaches

LINES: Final = 768
"""That an operation touches of what only its process has: stack, plans and catalogue of a session, the kernel's."""
LINES_WIDTH: Final = 0.4
MISS_S: Final = 80e-9
"""To fetch a line that has left the core's own cache, where the host was not calibrated: a shared cache answers in 20
ns, memory in 100, and on virtual machines the way to its address is twice as long."""
MISS_WIDTH: Final = 0.5
UNDER_WAY: Final = 1.8
"""Lines that a program fetches at a time, where the host's probe waits for each: assumed, chosen on recordings of
pgbench. That servers have few under way is known (Ferdman et al., Clearing the Clouds, ASPLOS 2012)."""
PROBED_WIDTH: Final = 0.3


def crowded_caches(cores: int, cache_bytes: int, sleeps: float) -> CrowdedCaches:
    """Return the caches of processes whose operations sleep so often.

    After each sleep a process comes back to a core that others have used, but not every stretch between two sleeps
    touches all its lines: between once and after each sleep, so the geometric mean of both.
    """
    return CrowdedCaches(cores=cores, cache_bytes=cache_bytes, returns=math.sqrt(max(sleeps, 1.0)))


def free_numbers(caches: CrowdedCaches, line_s: float | None) -> list[Free]:
    """Return the numbers that are open. line_s: as the host's calibration has it [s]; None: it was not measured."""
    how = "assumed: cache lines that an operation touches of what only its process has"
    miss = Free("line_miss", MISS_S, MISS_WIDTH, "assumed: time to fetch one that has left the core's cache")
    if line_s is not None:
        of_host = "the host's calibration: a line beyond the core's cache, almost two at a time"
        miss = Free("line_miss", line_s / UNDER_WAY, PROBED_WIDTH, of_host)
    width = math.hypot(LINES_WIDTH, math.log(caches.returns))
    return [Free("own_lines", LINES, width, how, unit="count"), miss]


def extra_s(caches: CrowdedCaches, values: Mapping[str, float], processes: int) -> float:
    """Return the CPU that an operation of so many processes takes more, by the numbers' names [s]."""
    return caches.extra_s(values["own_lines"], values["line_miss"], processes)

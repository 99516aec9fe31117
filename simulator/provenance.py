"""Where a result comes from: versions, and the few things that differ from run to run."""

from __future__ import annotations

import functools
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any, Final

DISTRIBUTION: Final = "capacity-simulator"
LIBRARIES: Final = ("numpy", "scipy", "simpy", "numba")


def provenance(engine: str, scenario_hash: str, elapsed_s: float) -> dict[str, Any]:
    """Return what stands in a result's provenance; only date and elapsed time change when a run is repeated.

    engine: name. scenario_hash: of the scenario that was run. elapsed_s: wall-clock time that it took.
    """
    return {
        "version": _version(DISTRIBUTION),
        "engine": engine,
        "python": platform.python_version(),
        **{library: _version(library) for library in LIBRARIES},
        "scenario_hash": scenario_hash,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(elapsed_s, 3),
    }


@functools.cache
def _version(name: str) -> str | None:
    """Return the version of an installed distribution. Looked up once: a fit runs hundreds of short simulations.

    Its metadata are headers of a message, of which the parser for letters would read all, descriptions too, for as
    long as a tenth of a replication takes.
    """
    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    metadata = found.read_text("METADATA") or found.read_text("PKG-INFO") or ""
    headers = (line.partition(":") for line in metadata.splitlines())
    return next((value.strip() for name, _, value in headers if name == "Version"), None)

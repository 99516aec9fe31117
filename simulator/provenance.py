"""Where a result comes from: versions, and the few things that differ from run to run."""

from __future__ import annotations

import functools
import os
import platform
import re
import sys
from contextlib import suppress
from datetime import UTC, datetime
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
    """Return the version of an installed distribution, None if it is not installed.

    Loading `importlib.metadata` takes as long as a replication, so that it is asked only about what is installed in
    another way than packages are.
    """
    found = _installed().get(_normalized(name))
    if found is not None:
        return found
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


@functools.cache
def _installed() -> dict[str, str]:
    """Return the versions of what is installed, as the names of its directories tell them.

    Source: Python Packaging Authority, "Recording installed projects": {name}-{version}.dist-info, where the name has
    no hyphen.
    """
    versions: dict[str, str] = {}
    for place in sys.path:
        with suppress(OSError):
            for entry in os.listdir(place or "."):
                if entry.endswith(".dist-info"):
                    name, _, version = entry.removesuffix(".dist-info").partition("-")
                    versions.setdefault(_normalized(name), version)
    return versions


def _normalized(name: str) -> str:
    """Return a distribution's name as all its spellings are compared."""
    return re.sub(r"[-_.]+", "_", name).lower()

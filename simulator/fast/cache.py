"""The compiled kernel: where it is kept, and how it comes to be there.

It lies under the user's cache directory, in a directory whose name is a hash of the kernel's sources, of the versions of what
compiled it and of the machine, because Numba's own cache does not notice an edit in an imported file. A kernel is
compiled into a directory of its own, which then gets the final name in one step: two processes that start at once both
compile, and one of them wins. Where nothing can be written the kernel is compiled for this process alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = (
    "simulator/fast/*.py",
    "simulator/compile.py",
    "simulator/program.py",
    "simulator/histogram.py",
    "models/compiled.py",
    "models/draws.py",
    "models/arithmetic.py",
    "models/ranks.py",
    "models/records.py",
)
_LOCK = threading.Lock()


@dataclass
class Kernel:
    """The compiled kernel of this process. ``note``: why it was not kept on disk, if so."""

    run: Any
    seconds: float
    from_disk: bool
    note: str = ""


_kernel: Kernel | None = None


@cache
def source_hash() -> str:
    """Return a hash of all that the compiled kernel depends on."""
    import llvmlite
    import numba

    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    versions = (sys.version, numba.__version__, llvmlite.__version__, np.__version__, platform.machine(), _cpu())
    digest.update(repr(versions).encode())
    return digest.hexdigest()[:20]


def _cpu() -> str:
    """Return the name and the features of the processor, as code is compiled for them."""
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def directory() -> Path:
    """Return where the kernel of these sources is kept."""
    chosen = os.environ.get("SIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(chosen) if chosen else Path.home() / ".cache"
    except RuntimeError:  # no home
        base = Path(tempfile.gettempdir())
    return base / "capacity-simulator" / f"kernel-{source_hash()}"


def is_ready() -> bool:
    """Return whether the kernel can be used without compiling it."""
    return _kernel is not None or directory().is_dir()


def kernel() -> Kernel:
    """Return the kernel, loaded or compiled if need be; other threads wait meanwhile."""
    global _kernel
    with _LOCK:
        if _kernel is None:
            _kernel = _load(directory()) or _make()
    return _kernel


def _dispatcher(cache_directory: Path | None) -> Any:
    """Return a fresh dispatcher of the kernel's entry that keeps its code in a directory."""
    import numba
    from numba.core import config

    from simulator.fast import jit
    from simulator.fast.loop import run

    dispatcher = numba.njit(**jit.OPTIONS)(run.py_func)
    if cache_directory is not None:
        before = config.CACHE_DIR
        config.CACHE_DIR = str(cache_directory)
        try:
            dispatcher.enable_caching()
        finally:
            config.CACHE_DIR = before
    return dispatcher


def _compile(dispatcher: Any) -> None:
    """Load the kernel's code from the dispatcher's directory, else compile it."""
    import numba

    from simulator.fast import jit
    from simulator.fast.layout import STATE
    from simulator.fast.link_once import whole_program

    with whole_program(jit.PARTS, jit.ENTRIES):
        dispatcher.compile((numba.typeof(np.zeros(1, dtype=STATE)),))


def _load(place: Path) -> Kernel | None:
    """Load the kernel from disk; None if it is not there or broken."""
    if not place.is_dir():
        return None
    began = time.perf_counter()
    try:
        dispatcher = _dispatcher(place)
        stored = next(place.rglob("*.nbi"), None)
        if stored is not None:
            _compile(dispatcher)
            if sum(dispatcher.stats.cache_hits.values()):
                return Kernel(dispatcher, time.perf_counter() - began, from_disk=True)
            return Kernel(dispatcher, time.perf_counter() - began, from_disk=False)
    except Exception:
        pass
    shutil.rmtree(place, ignore_errors=True)
    return None


def _make() -> Kernel:
    """Compile the kernel and keep it on disk if that can be written."""
    began = time.perf_counter()
    place = directory()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        working = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=place.parent))
    except OSError as problem:
        dispatcher = _dispatcher(None)
        _compile(dispatcher)
        note = f"the compiled kernel is not kept: {problem.strerror or problem} ({place.parent})"
        return Kernel(dispatcher, time.perf_counter() - began, from_disk=False, note=note)
    try:
        dispatcher = _dispatcher(working)
        _compile(dispatcher)
        note = ""
        try:
            working.rename(place)
        except OSError as problem:
            if not place.is_dir():  # else another process was first, with the same kernel
                note = f"the compiled kernel is not kept: {problem.strerror or problem} ({place})"
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Kernel(dispatcher, time.perf_counter() - began, from_disk=False, note=note)

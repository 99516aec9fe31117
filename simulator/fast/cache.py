"""The compiled kernel: where it is kept, and how it comes to be there.

It lies under the user's cache directory, in a directory whose name is a hash of the kernel's sources, of the versions
of what compiled it and of the machine, because Numba's own cache does not notice an edit in an imported file. A
kernel is compiled into a directory of its own, which then gets the final name in one step: two processes that start
at once both compile, and one of them wins. Where nothing can be written the kernel is compiled for this process
alone.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
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
_OLD_S = 3600.0
_LOCK = threading.Lock()


@dataclass
class Kernel:
    """The compiled kernel of this process, and how long it took to load or compile it [s]."""

    run: Any
    seconds: float
    from_disk: bool


_kernel: Kernel | None = None
_beside: subprocess.Popen[bytes] | None = None


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


def user_directory() -> Path:
    """Return where compiled kernels belong: SIM_CACHE_DIR, else the user's cache directory."""
    chosen = os.environ.get("SIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(chosen) if chosen else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        base = Path(tempfile.gettempdir())
    return base / "capacity-simulator"


@cache
def _writable() -> tuple[Path | None, str]:
    """Return a directory for compiled kernels that can be written, None without one, and why it is not the user's."""
    wanted = user_directory()
    problem = _why_not_writable(wanted)
    if not problem:
        return wanted, ""
    instead = Path(tempfile.gettempdir()) / f"capacity-simulator-{getpass.getuser()}"
    if not _why_not_writable(instead) and (os.name != "posix" or instead.stat().st_uid == os.getuid()):
        return instead, f"the compiled kernel is kept in {instead}: {problem}"
    return None, f"the compiled kernel cannot be kept: {problem}"


def _why_not_writable(place: Path) -> str:
    """Return why nothing can be written to a directory, made if it is missing; empty if something can."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=place):
            return ""
    except OSError as problem:
        return f"{place}: {problem.strerror or problem}"


def directory() -> Path | None:
    """Return where the kernel of these sources is kept on this machine, made or not; None if nothing can be kept."""
    name = f"kernel-{source_hash()}"
    if (user_directory() / name).is_dir():  # readable is enough
        return user_directory() / name
    base = _writable()[0]
    return None if base is None else base / name


def note() -> str:
    """Return why the kernel is not kept where it belongs; empty if it is."""
    place = directory()
    return "" if place is not None and place.is_dir() else _writable()[1]


def is_ready() -> bool:
    """Return whether the kernel can be used without compiling it."""
    if _kernel is not None:
        return True
    place = directory()
    return place is not None and place.is_dir()


def compile_beside() -> None:
    """Start compiling the kernel in a process of its own, which goes on when this one ends."""
    global _beside  # noqa: PLW0603 - one for each process
    if _beside is None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
        _beside = subprocess.Popen(
            [sys.executable, "-c", "from simulator.fast.cache import kernel; kernel()"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )


def kernel() -> Kernel:
    """Return the kernel, loaded or compiled if need be; other threads wait meanwhile."""
    global _kernel  # noqa: PLW0603 - one for each process
    with _LOCK:
        if _kernel is None:
            place = directory()
            _kernel = _load(place) or _make(place)
    return _kernel


def _dispatcher(cache_directory: Path | None) -> Any:
    """Return a fresh dispatcher of the kernel's entry that keeps its code in a directory."""
    import numba

    from simulator.fast import jit, loop

    config: Any = numba.config
    entry: Any = loop.run
    dispatcher = numba.njit(**jit.OPTIONS)(entry.py_func)
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

    with whole_program(jit.PARTS, jit.RARE, jit.ENTRIES):
        state_type = numba.typeof(np.zeros(1, dtype=STATE))  # type: ignore[no-untyped-call]
        dispatcher.compile((state_type,))


def _load(place: Path | None) -> Kernel | None:
    """Load the kernel from disk; None if it is not there or broken."""
    if place is None or not place.is_dir():
        return None
    began = time.perf_counter()
    try:
        if any(place.rglob("*.nbi")):
            dispatcher = _dispatcher(place)
            _compile(dispatcher)
            from_disk = bool(sum(dispatcher.stats.cache_hits.values()))
            return Kernel(dispatcher, time.perf_counter() - began, from_disk)
    except Exception:  # whatever a broken file makes the loader raise: it is made anew
        pass
    shutil.rmtree(place, ignore_errors=True)
    return None


def _make(place: Path | None) -> Kernel:
    """Compile the kernel, and keep it on disk if something can be."""
    began = time.perf_counter()
    if place is None:
        dispatcher = _dispatcher(None)
        _compile(dispatcher)
        return Kernel(dispatcher, time.perf_counter() - began, from_disk=False)
    _remove_interrupted(place)
    working = Path(tempfile.mkdtemp(prefix=f"{place.name}-", dir=place.parent))
    try:
        dispatcher = _dispatcher(working)
        _compile(dispatcher)
        with suppress(OSError):  # another process was first, with the same kernel
            working.rename(place)
    finally:
        shutil.rmtree(working, ignore_errors=True)
    return Kernel(dispatcher, time.perf_counter() - began, from_disk=False)


def _remove_interrupted(place: Path) -> None:
    """Remove what compilations left that were interrupted more than an hour ago."""
    for left in place.parent.glob("kernel-*-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _OLD_S:
                shutil.rmtree(left, ignore_errors=True)

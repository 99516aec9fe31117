"""The compiled kernel: where it is kept, and how it comes to be there.

It is one file in the user's cache directory, whose name is a hash of the kernel's sources, of the versions of what
compiled it and of the machine, so that it is found without loading the compiler. The file begins with a check sum and
gets its name when it is complete, so that a compilation that was killed leaves nothing and two at once do no harm.
Where nothing can be written the kernel is compiled for this process alone.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from simulator.fast import machine_code
from simulator.fast.machine_code import Run

_ROOT = Path(__file__).resolve().parents[2]
_SOURCES = (
    "simulator/fast/*.py",
    "simulator/fast/translation/*.py",
    "simulator/compiled_tables.py",
    "simulator/program.py",
    "simulator/histogram.py",
    "models/compiled.py",
    "models/draws.py",
    "models/logarithm.py",
    "models/arithmetic.py",
    "models/ranks.py",
    "models/records.py",
)
_MARK = b"capacity-simulator kernel 1\n"
_ROOM = 1 << 20  # bytes; a kernel takes a quarter of them
_OLD_S = 3600.0
_PATIENCE_S = 60.0  # with another process that compiles
_LOOK_AGAIN_S = 0.1
_TRIAL_S = 60.0
_LOCK = threading.Lock()


@dataclass
class Kernel:
    """The compiled kernel of this process, and how long it took to load or compile it [s]."""

    run: Run
    seconds: float
    from_disk: bool


class BrokenKernelError(Exception):
    """A kept kernel that is not what was written."""


_kernel: Kernel | None = None
_beside: subprocess.Popen[bytes] | None = None
_problems: list[str] = []  # with the kept kernel, each said once


@cache
def source_hash() -> str:
    """Return a hash of all that the compiled kernel depends on."""
    import numpy as np

    digest = hashlib.sha256()
    for pattern in _SOURCES:
        for path in sorted(_ROOT.glob(pattern)):
            digest.update(path.read_bytes())
    versions = (sys.version, _version_of_compiler(), np.__version__, platform.machine(), _cpu())
    digest.update(repr(versions).encode())
    return digest.hexdigest()[:20]


def _version_of_compiler() -> bytes:
    """Return what tells versions of LLVM apart, without importing it: that takes longer than loading the kernel."""
    found = find_spec("llvmlite")
    for place in (found.submodule_search_locations if found else None) or ():
        with suppress(OSError):
            return (Path(place) / "_version.py").read_bytes()
    import llvmlite

    return str(llvmlite.__version__).encode()


def _cpu() -> str:
    """Return the name and the features of the processor, as code is compiled for them."""
    with suppress(OSError):
        first, _, _ = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").partition("\n\n")
        told = {"vendor_id", "cpu family", "model", "model name", "stepping", "flags", "Features", "CPU part"}
        lines = [line for line in first.splitlines() if line.partition(":")[0].strip() in told]
        if lines:
            return "\n".join(lines)
    import llvmlite.binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def user_directory() -> Path:
    """Return where compiled kernels belong: SIM_CACHE_DIR, else the user's cache directory."""
    chosen = os.environ.get("SIM_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        base = Path(chosen) if chosen else Path.home() / ".cache"
    except RuntimeError:  # a user without a home
        base = _temporary_directory()
    return base / "capacity-simulator"


def _temporary_directory() -> Path:
    """Return the system's. A kernel that is kept is found without loading what knows it."""
    from tempfile import gettempdir

    return Path(gettempdir())


@cache
def _writable() -> tuple[Path | None, str]:
    """Return a directory for compiled kernels that can be written, None without one, and why it is not the user's."""
    wanted = user_directory()
    problem = _why_not_writable(wanted)
    if not problem:
        return wanted, ""
    owner = os.getuid() if hasattr(os, "getuid") else "user"
    instead = _temporary_directory() / f"capacity-simulator-{owner}"
    if not _why_not_writable(instead) and _is_ours(instead):
        return instead, f"the compiled kernel is kept in {instead}: {problem}"
    return None, f"the compiled kernel cannot be kept: {problem}"


def _is_ours(place: Path) -> bool:
    """Return whether nobody else can have put code into a directory that anybody could have made."""
    if not hasattr(os, "getuid"):
        return True
    status = place.lstat()
    return status.st_uid == os.getuid() and not status.st_mode & 0o022


def _why_not_writable(place: Path) -> str:
    """Return why a kernel cannot be written to a directory, made if it is missing; empty if it can."""
    from tempfile import TemporaryFile

    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        with TemporaryFile(dir=place) as trial:
            trial.write(bytes(_ROOM))
            return ""
    except OSError as problem:
        return f"{place}: {problem.strerror or problem}"


def kernel_file() -> Path | None:
    """Return the file of the kernel of these sources on this machine, made or not; None if none can be kept."""
    name = f"kernel-{source_hash()}.bin"
    if (user_directory() / name).is_file():  # readable is enough
        return user_directory() / name
    base = _writable()[0]
    return None if base is None else base / name


def note() -> str:
    """Return why the kernel is not at hand, or not kept where it belongs; empty if nothing is to be said."""
    path = kernel_file()
    said = [] if path is not None and path.parent == user_directory() else [_writable()[1]]
    return "; ".join(text for text in [*_problems, *said] if text)


def is_ready() -> bool:
    """Return whether the kernel is at hand without compiling it; it is then loaded."""
    if _kernel is not None:
        return True
    path = kernel_file()
    if path is None or not path.is_file():
        return False
    with _LOCK:
        return _kernel is not None or _load(path)


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
    """Return the kernel, loaded or compiled if need be; other threads, and for a while processes, wait meanwhile."""
    if _kernel is None:
        with _LOCK:
            path = kernel_file()
            if _kernel is None and (path is None or not _load(path)):
                _make(path)
    assert _kernel is not None
    return _kernel


def _load(path: Path) -> bool:
    """Load the kernel from disk; return whether it is there and whole. What is broken is removed."""
    global _kernel  # noqa: PLW0603 - one for each process
    began = time.perf_counter()
    try:
        run = machine_code.loaded(*_unpacked(path.read_bytes()))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, BrokenKernelError) as problem:
        _problems.append(f"the kept kernel could not be read ({path}: {problem}), so it is made anew")
        with suppress(OSError):
            path.unlink()
        return False
    _kernel = Kernel(run, time.perf_counter() - began, from_disk=True)
    return True


def _make(path: Path | None) -> None:
    """Compile the kernel, and keep it on disk if that is possible and another process has not done so meanwhile."""
    global _kernel  # noqa: PLW0603 - one for each process
    with _alone(path):
        if path is not None and _load(path):
            return
        began = time.perf_counter()
        code, symbol = machine_code.compiled()
        if path is not None:
            _keep(path, code, symbol)
        _kernel = Kernel(machine_code.loaded(code, symbol), time.perf_counter() - began, from_disk=False)


@contextmanager
def _alone(path: Path | None) -> Iterator[None]:
    """Compile in one process at a time, so that the others need not; the lock of a killed one is free.

    Nobody waits for more than a minute, or where files cannot be locked.
    """
    with suppress(OSError):
        path = None if path is None else path.with_suffix(".lock")
        lock = None if path is None else path.open("wb")
        if lock is not None:
            with lock:
                until = time.monotonic() + _PATIENCE_S
                while not _locked(lock.fileno()) and time.monotonic() < until:
                    time.sleep(_LOOK_AGAIN_S)
                yield
                return
    yield


def _locked(descriptor: int) -> bool:
    """Try to lock an open file; True where there are no locks."""
    try:
        import fcntl
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _keep(path: Path, code: bytes, symbol: str) -> None:
    """Keep the kernel on disk, after it was tried in a process of its own."""
    from tempfile import NamedTemporaryFile

    try:
        _remove_interrupted(path)
        with NamedTemporaryFile(prefix=path.stem + "-", dir=path.parent, delete=False) as file:
            working = Path(file.name)
        try:
            working.write_bytes(code)
            if not _can_be_loaded(working, symbol):
                _problems.append("the compiled kernel cannot be kept: this version of LLVM does not load it")
                return
            working.write_bytes(_packed(code, symbol))
            working.replace(path)
        finally:
            working.unlink(missing_ok=True)
    except OSError as problem:
        _problems.append(f"the compiled kernel cannot be kept: {path.parent}: {problem.strerror or problem}")


def _can_be_loaded(path: Path, symbol: str) -> bool:
    """Return whether a process of its own can load and call the code: what LLVM cannot link ends the process."""
    from simulator.fast.layout import GROW, STATE

    assert STATE.fields is not None
    # Begun, and in need of larger tables: the kernel gives back control before it looks at any.
    numbers = [GROW, STATE.itemsize, STATE.fields["started"][1], STATE.fields["grow"][1]]
    command = [sys.executable, "-P", machine_code.__file__, "try", str(path), symbol, *map(str, numbers)]
    try:
        return subprocess.run(command, capture_output=True, timeout=_TRIAL_S, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _packed(code: bytes, symbol: str) -> bytes:
    """Return what is written: a mark, a check sum of the rest, the function's name and the code."""
    rest = symbol.encode() + b"\n" + code
    return _MARK + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def _unpacked(content: bytes) -> tuple[bytes, str]:
    """Return code and the function's name of what was written. Raises BrokenKernelError."""
    if not content.startswith(_MARK):
        raise BrokenKernelError("it is not a kernel")
    checksum, _, rest = content[len(_MARK) :].partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != checksum:
        raise BrokenKernelError("it is not whole")
    symbol, _, code = rest.partition(b"\n")
    return code, symbol.decode()


def _remove_interrupted(path: Path) -> None:
    """Remove what was being written when a process was killed more than an hour ago."""
    for left in path.parent.glob("kernel-*-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _OLD_S:
                left.unlink()

"""Where the compiled kernel is kept, and what happens when it cannot be kept there or is broken."""

from __future__ import annotations

import errno
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from models.compiled import HAVE_NUMBA
from models.scenario import Scenario
from simulator import engines
from simulator.fast import cache

pytestmark = pytest.mark.skipif(not HAVE_NUMBA, reason="nothing is compiled without Numba")


CODE = b"the machine code of a kernel"


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begin and end as a process that has loaded no kernel."""
    monkeypatch.setattr(cache, "_kernel", None)
    monkeypatch.setattr(cache, "_beside", None)
    monkeypatch.setattr(cache, "_problems", [])
    cache._writable.cache_clear()
    yield
    cache._writable.cache_clear()


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count compilations instead of waiting for them."""
    made: list[str] = []

    def compiled() -> tuple[bytes, str]:
        made.append("compiled")
        return CODE, "kernel"

    def loaded(code: bytes, symbol: str) -> Any:
        assert (code, symbol) == (CODE, "kernel")
        return lambda address: address

    monkeypatch.setattr(cache.machine_code, "compiled", compiled)
    monkeypatch.setattr(cache.machine_code, "loaded", loaded)
    monkeypatch.setattr(cache, "_can_be_loaded", lambda path, symbol: path.read_bytes() == CODE)
    return made


def kept(tmp_path: Path) -> list[str]:
    """Return what is kept beside locks."""
    return [path.name for path in (tmp_path / "capacity-simulator").iterdir() if path.suffix != ".lock"]


def test_compiled_once_then_loaded(tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    assert not cache.is_ready()
    assert not cache.kernel().from_disk
    monkeypatch.setattr(cache, "_kernel", None)
    assert cache.is_ready()
    assert cache.kernel().from_disk
    assert compilations == ["compiled"]
    assert kept(tmp_path) == [f"kernel-{cache.source_hash()}.bin"]
    assert cache.note() == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: whole[: len(whole) // 2],
        lambda whole: whole[:-1] + b"!",
        lambda whole: b"garbage" * 1000,
        lambda whole: whole[:40] + b"\xff\n\n" + whole[43:],
    ],
)
def test_a_broken_kernel_is_compiled_anew_and_said_to_be(
    damage: Any, tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    cache.kernel()
    path = cache.kernel_file()
    assert path is not None
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    monkeypatch.setattr(cache, "_kernel", None)
    assert not cache.is_ready()
    assert not cache.kernel().from_disk
    assert compilations == ["compiled", "compiled"]
    assert path.read_bytes() == whole
    assert "made anew" in cache.note()


def test_what_a_killed_compilation_left_is_removed_when_it_is_old(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    directory = tmp_path / "capacity-simulator"
    directory.mkdir()
    old, recent = directory / "kernel-0-old", directory / "kernel-0-recent"
    for path in (old, recent):
        path.write_bytes(b"half a ker")
    os.utime(old, (0, 0))
    cache.kernel()
    assert not old.exists()
    assert recent.exists()


def test_a_full_disk_keeps_nothing_and_the_kernel_serves_this_process(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))

    def full(_path: Path, _content: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert not cache.kernel().from_disk
    assert kept(tmp_path) == []
    assert "No space left on device" in cache.note()


def test_a_full_disk_is_noticed_before_a_compilation_beside_that_could_not_be_kept(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is always full")
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda dir: open("/dev/full", "wb", buffering=0))  # noqa: SIM115
    started: list[Any] = []
    monkeypatch.setattr(cache.subprocess, "Popen", lambda *_, **__: started.append(1))
    engine, reasons = engines.choose("auto")
    assert engine.name == "fast"
    assert "No space left on device" in reasons[0]
    assert started == []
    assert compilations == ["compiled"]


def test_code_that_this_machine_cannot_load_is_not_kept(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(cache, "_can_be_loaded", lambda path, symbol: False)
    cache.kernel()
    assert kept(tmp_path) == []
    assert "cannot be kept" in cache.note()


def test_machine_code_is_tried_in_a_process_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "code").write_bytes(b"no machine code")
    assert not cache._can_be_loaded(tmp_path / "code", "kernel")


@pytest.mark.skipif(os.name != "posix", reason="files are locked otherwise elsewhere")
def test_a_second_process_waits_for_the_first_and_takes_its_kernel(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    path = cache.kernel_file()
    assert path is not None
    with path.with_suffix(".lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)

        def other_process_ends(_seconds: float) -> None:
            path.write_bytes(cache._packed(CODE, "kernel"))
            fcntl.flock(lock, fcntl.LOCK_UN)

        monkeypatch.setattr(cache.time, "sleep", other_process_ends)
        assert cache.kernel().from_disk
    assert compilations == []


def test_a_directory_that_cannot_be_made_is_replaced_by_a_temporary_one(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    path = cache.kernel_file()
    assert path is not None
    assert tmp_path / "temporary" in path.parents
    assert str(tmp_path / "file") in cache.note()


@pytest.mark.skipif(os.name != "posix", reason="access is granted otherwise elsewhere")
def test_a_temporary_directory_that_others_may_write_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    open_to_all = tmp_path / f"capacity-simulator-{os.getuid()}"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache.kernel_file() is None


def test_without_any_disk_the_kernel_is_compiled_for_one_process(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    assert cache.kernel_file() is None
    engine, reasons = engines.choose("auto")
    assert engine.name == "fast"
    assert "cannot be kept" in reasons[0]
    assert not cache.kernel().from_disk
    assert compilations == ["compiled"]


def test_a_compilation_that_fails_leaves_the_reference(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))

    def failing() -> tuple[bytes, str]:
        raise RuntimeError("no such target")

    monkeypatch.setattr(cache.machine_code, "compiled", failing)
    engine, reasons = engines.choose("fast")
    assert engine.name == "reference"
    assert "no such target" in reasons[0]


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Have two cores and an empty cache; count the processes that compile beside instead of starting them."""
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(engines, "usable_cores", lambda: 2)
    monkeypatch.setattr(engines, "hurry", lambda: None)
    started: list[list[str]] = []
    monkeypatch.setattr(cache.subprocess, "Popen", lambda command, **_: started.append(command))
    return started


def test_auto_begins_on_the_reference_while_the_kernel_is_compiled_beside(beside: list[list[str]]) -> None:
    engine, reasons = engines.choose("auto")
    assert engine.name == engine.now().name == "reference"
    assert "being compiled" in reasons[0]
    assert len(beside) == 1
    # Smaller bounds would end a larger system's pilot inside of its transient.
    assert (engine.operations, engine.events) == (engines.FAST_OPERATIONS, engines.FAST_EVENTS)


def test_with_one_core_the_kernel_is_compiled_before_anything_else(
    beside: list[list[str]], compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "usable_cores", lambda: 1)
    assert engines.choose("auto")[0].name == "fast"
    assert (beside, compilations) == ([], ["compiled"])


SMALL = """
schema_version = 1
name = "small"
[[workloads]]
name = "users"
kind = "closed"
procs = 3
think_time = "1ms"
[services.machine]
cores = 1
discipline = "fifo"
[[operations]]
name = "work"
stages = [{ kind = "cpu", demand = "1ms" }]
"""


def test_what_is_small_is_answered_by_the_reference(beside: list[list[str]]) -> None:
    engine, reasons = engines.choose("auto")
    compiled = engine.compile(Scenario.parse(SMALL, "test"), None)
    output = engine.simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=10**8)
    assert output.engine == "reference"
    assert not output.interrupted
    assert "reference engine answered" in reasons[0]


def test_what_is_not_small_waits_for_the_fast_engine(beside: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "_SMALL_S", 0.0)
    monkeypatch.setattr(engines, "_LOOK_FOR_KERNEL_S", 0.0)
    monkeypatch.setattr(cache, "kernel", lambda: None)
    engine, reasons = engines.choose("auto")
    compiled = engine.compile(Scenario.parse(SMALL, "test"), None)
    asked: list[int] = []

    def fast(_compiled: Any, **options: Any) -> str:
        asked.append(options["end_ns"])
        return "the fast engine's answer"

    monkeypatch.setattr("simulator.fast.simulate", fast)
    assert engine.simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=10**13) == "the fast engine's answer"
    assert asked == [10**13]
    assert "before it answered" in reasons[0]
    bounded = engine._replace(operations=1234)
    assert (bounded.now().name, bounded.now().operations, bounded.now().threads) == ("fast", 1234, True)


def test_the_reference_goes_on_where_the_compilation_fails(
    beside: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "_SMALL_S", 0.0)
    monkeypatch.setattr(engines, "_LOOK_FOR_KERNEL_S", 0.0)

    def failing() -> None:
        raise RuntimeError("no such target")

    monkeypatch.setattr(cache, "kernel", failing)
    engine, reasons = engines.choose("auto")
    compiled = engine.compile(Scenario.parse(SMALL, "test"), None)
    output = engine.simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=10**10)
    assert (output.engine, output.interrupted, engine.now().name) == ("reference", False, "reference")
    assert "no such target" in reasons[0]


def test_a_compiler_that_does_not_load_leaves_the_reference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    monkeypatch.setitem(sys.modules, "llvmlite.binding", None)
    engine, reasons = engines.choose("auto")
    assert engine.name == "reference"
    assert "does not load" in reasons[0]


def test_a_name_that_is_hashed_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.source_hash()
    cache.source_hash.cache_clear()
    monkeypatch.setattr(cache.sys, "version", "another")
    try:
        assert cache.source_hash() != before
    finally:
        cache.source_hash.cache_clear()

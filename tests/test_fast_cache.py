"""Where the compiled kernel is kept, and what happens when it cannot be kept there or is broken."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from models.compiled import HAVE_NUMBA
from simulator import engines
from simulator.fast import cache

pytestmark = pytest.mark.skipif(not HAVE_NUMBA, reason="nothing is compiled without Numba")


@pytest.fixture(autouse=True)
def forget(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Begin and end as a process that has loaded no kernel."""
    monkeypatch.setattr(cache, "_kernel", None)
    monkeypatch.setattr(cache, "_beside", None)
    cache._writable.cache_clear()
    yield
    cache._writable.cache_clear()


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Count compilations instead of waiting for them; what is compiled is one file."""
    made: list[str] = []

    def dispatcher(place: Path | None) -> Any:
        stored = place is not None and any(path.read_bytes() == b"kernel" for path in place.rglob("*.nbi"))
        return SimpleNamespace(place=place, stats=SimpleNamespace(cache_hits={"": int(stored)}))

    def compile_it(one: Any) -> None:
        if one.stats.cache_hits[""]:
            return
        if one.place is not None and any(one.place.rglob("*.nbi")):
            raise ValueError("a broken file")
        made.append("compiled")
        if one.place is not None:
            (one.place / "run.nbi").write_bytes(b"kernel")

    monkeypatch.setattr(cache, "_dispatcher", dispatcher)
    monkeypatch.setattr(cache, "_compile", compile_it)
    return made


def test_compiled_once_then_loaded(tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    assert not cache.is_ready()
    assert not cache.kernel().from_disk
    monkeypatch.setattr(cache, "_kernel", None)
    assert cache.is_ready()
    assert cache.kernel().from_disk
    assert compilations == ["compiled"]
    assert [path.name for path in (tmp_path / "capacity-simulator").iterdir()] == [f"kernel-{cache.source_hash()}"]


def test_a_broken_kernel_is_compiled_anew(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    place = cache.directory()
    assert place is not None
    place.mkdir(parents=True)
    (place / "run.nbi").write_bytes(b"half a ker")
    assert not cache.kernel().from_disk
    assert compilations == ["compiled"]
    assert (place / "run.nbi").read_bytes() == b"kernel"


def test_a_directory_that_cannot_be_made_is_replaced_by_a_temporary_one(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "temporary"))
    place = cache.directory()
    assert place is not None
    assert tmp_path / "temporary" in place.parents
    assert str(tmp_path / "file") in cache.note()


def test_without_any_disk_the_kernel_serves_one_process_and_auto_takes_the_reference(
    tmp_path: Path, compilations: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no directory")
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path / "file"))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    assert cache.directory() is None
    engine, reasons = engines.choose("auto")
    assert engine.name == "reference"
    assert "cannot be kept" in reasons[0]
    assert not cache.kernel().from_disk
    assert compilations == ["compiled"]


def test_auto_begins_on_the_reference_while_the_kernel_is_compiled_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIM_CACHE_DIR", str(tmp_path))
    started: list[list[str]] = []
    monkeypatch.setattr(cache.subprocess, "Popen", lambda command, **_: started.append(command))
    engine, reasons = engines.choose("auto")
    assert engine.name == "reference"
    assert "being compiled" in reasons[0]
    assert len(started) == 1


def test_a_name_that_is_hashed_changes_with_the_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cache.source_hash()
    cache.source_hash.cache_clear()
    monkeypatch.setattr(cache.sys, "version", "another")
    try:
        assert cache.source_hash() != before
    finally:
        cache.source_hash.cache_clear()

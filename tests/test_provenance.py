"""Where a result comes from."""

from __future__ import annotations

import sys
from importlib.metadata import version

import pytest

from simulator import provenance as module
from simulator.provenance import LIBRARIES, provenance


@pytest.fixture(autouse=True)
def looked_up_anew():
    module._version.cache_clear()
    module._installed.cache_clear()
    yield
    module._version.cache_clear()
    module._installed.cache_clear()


def test_the_versions_are_those_of_the_installed_libraries() -> None:
    said = provenance("fast", "0", 1.0)
    assert {name: said[name] for name in LIBRARIES} == {name: version(name) for name in LIBRARIES}


def test_the_first_place_where_a_library_is_installed_counts_however_it_is_spelled(tmp_path, monkeypatch) -> None:
    for place, name in (("first", "Sim.Py-5.0+local"), ("second", "sim_py-6.0"), ("second", "scipy-7.1")):
        (tmp_path / place / f"{name}.dist-info").mkdir(parents=True)
    (tmp_path / "first" / "sim_py").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path / "absent"), str(tmp_path / "first"), str(tmp_path / "second")])
    assert module._version("sim-py") == "5.0+local"
    assert module._version("scipy") == "7.1"
    assert module._version("numba") is None


def test_what_is_installed_in_another_way_is_found_too(tmp_path, monkeypatch) -> None:
    old = tmp_path / "simpy-3.0.egg-info"
    old.mkdir()
    (old / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: simpy\nVersion: 3.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert module._version("simpy") == "3.0"

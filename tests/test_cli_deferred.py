"""Modules that `sim` does not load before they are used."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from simulator.cli.deferred import defer

NAME = "wsgiref.util"  # small, without what it would need, and used by nothing here


@pytest.fixture(autouse=True)
def not_loaded(monkeypatch):
    import wsgiref

    monkeypatch.setattr(wsgiref, "util", None, raising=False)
    monkeypatch.delitem(sys.modules, NAME, raising=False)
    monkeypatch.setitem(sys.modules, NAME, None)
    del sys.modules[NAME]


def test_a_function_is_imported_without_its_module_and_loads_it_when_it_is_called() -> None:
    defer(NAME, "guess_scheme")
    standing = sys.modules[NAME]
    from wsgiref.util import guess_scheme

    assert sys.modules[NAME] is standing
    assert guess_scheme({"HTTPS": "on"}) == "https"
    assert sys.modules[NAME] is not standing
    assert guess_scheme({}) == "http"


def test_any_other_name_loads_the_module() -> None:
    defer(NAME, "guess_scheme")
    import wsgiref.util

    standing = sys.modules[NAME]
    assert wsgiref.util.is_hop_by_hop("Connection")
    assert sys.modules[NAME] is not standing
    assert wsgiref.util is sys.modules[NAME]
    with pytest.raises(AttributeError):
        standing.is_not_there  # noqa: B018


def test_a_module_that_is_there_stays() -> None:
    there = importlib.import_module(NAME)
    defer(NAME, "guess_scheme")
    assert sys.modules[NAME] is there


def test_what_a_run_loads_before_it_begins_reads_no_metadata_of_packages() -> None:
    command = [sys.executable, "-X", "importtime", "-m", "simulator.cli.main", "run", "--engine", "none"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "models.scenario" in loaded
    assert not loaded & {"importlib.metadata._adapters", "email.message", "importlib.resources", "tempfile"}

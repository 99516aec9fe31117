"""The kernel's cache with real compilations: one that is killed, two at once. Each takes ten seconds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from models.compiled import HAVE_NUMBA

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not HAVE_NUMBA or os.name != "posix", reason="nothing is compiled, or killed otherwise"),
]


def doctor(place: Path) -> subprocess.Popen[str]:
    """Start to compile into a directory."""
    command = [sys.executable, "-m", "simulator.cli.main", "doctor"]
    environment = os.environ | {"SIM_CACHE_DIR": str(place)}
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_a_killed_compilation_does_not_keep_the_next_one_from_it(tmp_path: Path) -> None:
    first = doctor(tmp_path)
    while not list(tmp_path.rglob("kernel-*.lock")):
        time.sleep(0.05)
    time.sleep(0.5)  # in the midst of it
    first.kill()
    first.communicate()
    output, error = doctor(tmp_path).communicate()
    assert "compiled in" in output, error
    assert len(list(tmp_path.rglob("kernel-*.bin"))) == 1
    output, error = doctor(tmp_path).communicate()
    assert "loaded in" in output, error


def test_two_at_once_compile_once_and_both_have_the_kernel(tmp_path: Path) -> None:
    both = [doctor(tmp_path), doctor(tmp_path)]
    outputs = [one.communicate()[0] for one in both]
    assert sorted("compiled in" in text for text in outputs) == [False, True]
    assert sorted("loaded in" in text for text in outputs) == [False, True]

"""What outgrows the memory is a line that names the field to change, not a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from models.compiled import HAVE_NUMBA
from models.errors import ScenarioError
from models.scenario import Scenario
from simulator.compile import compile_scenario
from simulator.fast import simulate
from simulator.fast.tables import FastTables

OVERLOAD = """
schema_version = 1
name = "growing"
[[workloads]]
name = "users"
kind = "open"
arrival_rate = "1000000/s"
[services.machine]
cores = 1
discipline = "fifo"
[[operations]]
name = "work"
stages = [{ kind = "cpu", demand = "1ms" }]
[run]
duration = "60s"
warmup = "0s"
replications = 1
"""


@pytest.mark.skipif(not HAVE_NUMBA, reason="takes minutes as Python")
@pytest.mark.parametrize(("records", "field"), [(False, "workloads"), (True, "run.duration")])
def test_a_table_that_cannot_grow_names_the_field(records: bool, field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(_tables: FastTables) -> None:
        raise MemoryError("Unable to allocate 68.0 MiB")

    monkeypatch.setattr(FastTables, "grow", no_memory)
    compiled = compile_scenario(Scenario.parse(OVERLOAD, "growing"))
    with pytest.raises(ScenarioError) as raised:
        simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=10**9, records=records)
    assert field in str(raised.value)
    assert "68.0 MiB" in str(raised.value)


@pytest.mark.skipif(not HAVE_NUMBA or sys.platform != "linux", reason="address spaces are limited otherwise elsewhere")
def test_a_process_with_little_memory_ends_with_one_line(tmp_path: Path) -> None:
    (tmp_path / "growing.toml").write_text(OVERLOAD)
    program = (
        "import resource, sys; from simulator.cli.main import main; from simulator.fast import cache; cache.kernel();"
        "resource.setrlimit(resource.RLIMIT_AS, (700 << 20, 700 << 20)); sys.exit(main(sys.argv[1:]))"
    )
    command = [sys.executable, "-c", program, "run", "--engine", "fast", str(tmp_path / "growing.toml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 2, done.stderr
    assert "workloads" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1

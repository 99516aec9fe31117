"""The fast engine gives the reference engine's answer: every operation's record and every total, to the bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from engine_comparison import compare

from models.compiled import HAVE_NUMBA
from models.records import TIMES_RECORD
from models.scenario import Scenario
from simulator.compile import Compiled, compile_scenario
from simulator.fast import Replication, simulate
from simulator.output import EngineOutput

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "tests" / "theory").glob("*.toml")) + sorted((ROOT / "examples").glob("*.toml"))

TIES = """
schema_version = 1
name = "ties"
[[workloads]]
name = "users"
kind = "closed"
procs = 3
concurrency = 4
think_time = "2ms"
timeout = "{timeout}"
cancel_on_timeout = {cancel}
retry = {{ attempts = 3, backoff = "1ms", jitter = "none" }}
[[workloads]]
name = "arrivals"
kind = "open"
procs = 2
interarrival = "3ms"
[services.front]
instances = 2
cores = 2
discipline = "{discipline}"
queue_limit = 9
links.network = {{ bandwidth = "1MB/s", delay = "1ms", parallel = 2 }}
batchers.outbox = {{ max_size = 3, linger = "2ms", fixed = "1ms", link = "network" }}
locks.table = {{ count = 2, skew = 1.0 }}
pools.database = {{ size = 2 }}
balancer = {{ policy = "{policy}", hop = "1ms", dispatch = "0us" }}
{workers}
[services.back]
cores = 1
discipline = "fifo"
memory = "100kB"
[[operations]]
name = "all"
stages = [
  {{ kind = "cpu", demand = "1ms" }},
  {{ kind = "memory", service = "back", bytes = "20kB" }},
  {{ kind = "lock", lock = "table", hold = "1ms" }},
  {{ kind = "parallel", branches = [
    {{ stages = [ {{ kind = "cpu", demand = "2ms" }}, {{ kind = "link", link = "network", bytes = "1kB" }} ] }},
    {{ stages = [ {{ kind = "failure", probability = 0.1 }}, {{ kind = "delay", time = "3ms" }} ] }},
    {{ stages = [ {{ kind = "cpu", service = "back", demand = "1ms" }} ] }},
  ] }},
  {{ kind = "pool", pool = "database", stages = [ {{ kind = "delay", time = "2ms" }} ] }},
  {{ kind = "batch", batcher = "outbox", bytes = "1kB" }},
]
[run]
warmup = "20ms"
duration = "400ms"
[[events]]
at = "100ms"
service = "front"
instance = 1
action = "down"
[[events]]
at = "140ms"
service = "front"
instance = 1
action = "up"
[[events]]
at = "150ms"
service = "front"
instance = 0
action = "slow"
factor = 2.0
"""

WORKERS = {
    "per_operation": "",
    "event_loop": 'workers = 2\nworker_kind = "event_loop"',
    "blocking": 'workers = 3\nworker_kind = "blocking"',
}


def scenario_from(text: str, directory: Path) -> Scenario:
    path = directory / "scenario.toml"
    path.write_text(text)
    return Scenario.load(path)


def differences(scenario: Scenario, *, warmup_ns: int, duration_ns: int) -> list[str]:
    """Compare the engines on a scenario that is run for another time; at least some operations must end."""
    run = scenario.run.model_copy(update={"warmup": warmup_ns, "duration": duration_ns})
    comparison = compare(scenario.model_copy(update={"run": run}), simulate)
    assert comparison.operations > 0
    return comparison.differences


@pytest.mark.parametrize("worker_kind", WORKERS)
@pytest.mark.parametrize("discipline", ["fifo", "round_robin", "processor_sharing", "linux"])
@pytest.mark.parametrize("client", [("1s", "false", "round_robin"), ("12ms", "true", "power_of_two")])
def test_everything_at_once_on_a_grid_of_milliseconds(
    discipline: str, worker_kind: str, client: tuple[str, str, str], tmp_path: Path
) -> None:
    timeout, cancel, policy = client
    text = TIES.format(
        discipline=discipline, timeout=timeout, cancel=cancel, policy=policy, workers=WORKERS[worker_kind]
    )
    scenario = scenario_from(text, tmp_path)
    assert differences(scenario, warmup_ns=20_000_000, duration_ns=400_000_000) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario_files(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)  # traces are named relative to their scenario
    assert differences(Scenario.load(path), warmup_ns=20_000_000, duration_ns=280_000_000) == []


def test_the_same_source_runs_as_python() -> None:
    command = [sys.executable, "-m", "benchmarks.compare_engines", "--count", "12", "--first-seed", "40", "--no-shrink"]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | {"NUMBA_DISABLE_JIT": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 mismatches" in done.stdout


def test_tables_that_grow_change_nothing(tmp_path: Path) -> None:
    text = TIES.format(discipline="linux", timeout="1s", cancel="false", policy="random", workers="")
    text = text.replace("concurrency = 4", "concurrency = 300").replace("queue_limit = 9", "")
    assert differences(scenario_from(text, tmp_path), warmup_ns=0, duration_ns=60_000_000) == []


def in_slices(compiled: Compiled, *, warmup_ns: int, end_ns: int, **options: Any) -> EngineOutput:
    """Simulate as `simulate`, but stop and measure on the way, once at the end of the warm-up."""
    replication = Replication(compiled, warmup_ns=warmup_ns, **options)
    for part in (0, 1, 30, 31, 77):
        replication.until(warmup_ns + (end_ns - warmup_ns) * part // 100)
    return replication.until(end_ns)


@pytest.mark.parametrize("discipline", ["fifo", "round_robin", "processor_sharing", "linux"])
def test_a_replication_that_is_continued_is_the_same(discipline: str, tmp_path: Path) -> None:
    text = TIES.format(discipline=discipline, timeout="12ms", cancel="true", policy="random", workers="")
    comparison = compare(scenario_from(text, tmp_path), in_slices)
    assert comparison.operations > 100
    assert comparison.differences == []


def test_what_a_continued_replication_answered_before_stays(tmp_path: Path) -> None:
    text = TIES.format(discipline="fifo", timeout="1s", cancel="true", policy="random", workers="")
    compiled = compile_scenario(scenario_from(text, tmp_path))
    replication = Replication(compiled, seed=1, replication=0, warmup_ns=0, causes=True)
    first = replication.until(100_000_000).causes_ns
    assert first is not None
    before = first.copy()
    last = replication.until(300_000_000).causes_ns
    assert np.array_equal(first, before)
    assert last is not None
    assert last.sum() > before.sum() > 0


def test_bare_records_are_the_same_times(tmp_path: Path) -> None:
    text = TIES.format(discipline="linux", timeout="12ms", cancel="true", policy="random", workers="")
    compiled = compile_scenario(scenario_from(text, tmp_path))
    given = {"seed": 1, "replication": 0, "warmup_ns": 0}
    whole = Replication(compiled, records=True, **given).until(200_000_000).records
    bare = Replication(compiled, records=True, bare=True, **given).until(200_000_000).records
    assert whole is not None
    assert bare is not None
    assert (whole["end_ns"] < 0).any()
    assert bare.dtype == TIMES_RECORD
    for name in TIMES_RECORD.names:
        assert np.array_equal(bare[name], whole[name])


@pytest.mark.skipif(not HAVE_NUMBA, reason="takes minutes as Python")
def test_progress_is_told_and_can_stop_the_run() -> None:
    compiled = compile_scenario(Scenario.load(ROOT / "tests" / "theory" / "mm1.toml"))
    times: list[int] = []

    def stop_at_the_third(now_ns: int) -> bool:
        times.append(now_ns)
        return len(times) < 3

    output = simulate(compiled, seed=1, replication=0, warmup_ns=0, end_ns=10**15, progress=stop_at_the_third)
    assert output.interrupted
    assert output.end_ns == times[2]
    assert times == sorted(times)
    assert len(times) == 3

"""nginx, Redis, PostgreSQL and the Python HTTP service, started on loopback where they are installed, and measured."""

from pathlib import Path

import psutil
import pytest

from benchmarks.real_programs_list import PROGRAMS
from benchmarks.real_servers import NotHere
from benchmarks.server_what_ifs import _levels, together
from calibration.live.cleanup import guarded
from calibration.live.pacing import Pacing
from calibration.live.settings import Settings
from tests.test_server_blueprints import measurement

MS = 1_000_000
SERVERS = ("nginx", "redis", "pgbench-select", "pgbench-update", "http-blocking", "http-event-loop")
SHORT = {"repeats": 1, "retries": 0, "duration_ns": 500 * MS, "warmup_ns": 200 * MS}


def measured(name: str, directory: Path, settings: Settings):
    """Measure a server; skip where it is not installed."""
    try:
        with guarded(), PROGRAMS[name].opened(directory) as measure:
            return measure(settings, lambda line: None)
    except NotHere as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_is_told_from_its_generator_and_does_not_survive(name, tmp_path):
    before = set(psutil.pids())
    found = measured(name, tmp_path, Settings((1, 4), Pacing(), **SHORT))
    one, four = found.table.levels
    assert one.throughput_per_s > 0
    assert four.throughput_per_s > 0
    assert one.error_rate == four.error_rate == 0.0
    # a closed loop of one connection: its operations follow each other (Little's law), the rest is the generator's own;
    # an operation that began before the window counts whole where it ends, which after a slow write moves the mean, and
    # where the machine changes its speed in the window the median is another than the mean: the lesser of both
    assert one.throughput_per_s * one.mean_s > 0.3
    assert one.throughput_per_s * min(one.mean_s, one.percentiles_s[50]) <= 1.05
    assert one.cpu_busy_cores > 0.0
    assert one.generator_cpu_cores > 0.0
    assert one.cpu_busy_cores + one.generator_cpu_cores < found.cores + 0.2
    assert found.workload is not None
    assert found.workload.demand.mean_s.value > 0
    left = [process for process in psutil.process_iter(["cmdline"]) if process.pid not in before]
    assert not [process for process in left if str(tmp_path) in " ".join(process.info["cmdline"] or [])]


def test_pgbench_at_a_rate_counts_from_the_intended_start(tmp_path):
    settings = Settings((8,), rates_per_s=[300.0], **{**SHORT, "duration_ns": 1000 * MS})
    level = measured("pgbench-select", tmp_path, settings).table.levels[0]
    assert level.kind == "open"
    assert level.arrival_rate_per_s == 300.0
    assert 150 < level.throughput_per_s < 450


def test_turns_of_a_service_are_put_together_without_what_was_disturbed():
    turns = [
        measurement([(16, 1500, 400, mean, 0.1, [0.9]), (32, 1500, 400, 2 * mean, 0.1, [0.9])])
        for mean in (20_000, 22_000, 60_000)
    ]
    turns[2] = turns[2].model_copy(update={"never_quiet": ["16 connections"]})
    found = together(turns)
    assert [level.mean_s for level in found.table.levels if level.procs == 16] == [0.020, 0.022]
    assert len([level for level in found.table.levels if level.procs == 32]) == 3
    assert len(found.details) == len(found.table.levels)
    assert found.never_quiet == []
    # what was disturbed each time is there, and says so
    never = together([one.model_copy(update={"never_quiet": ["32 connections"]}) for one in turns])
    assert never.never_quiet == ["32 connections"]
    assert not _levels(never)[32]["mean"].quiet
    assert _levels(never)[16]["mean"].quiet

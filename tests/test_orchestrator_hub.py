"""The embedded default against the load test that it stands for (docs/orchestrator_hub.md)."""

import csv
from importlib.resources import files
from pathlib import Path

import pytest

from simulator import run
from simulator.overrides import from_settings
from simulator.scenario_source import prepare

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "orchestrator_hub" / "load_levels.csv"
SECONDS = {1: 20, 5: 6, 10: 4, 20: 3, 50: 2}

pytestmark = pytest.mark.skipif(not DATA.exists(), reason="the load test's figures are not beside this checkout")


def level(procs: int) -> dict[str, str]:
    lines = [line for line in DATA.read_text().splitlines() if not line.startswith("#")]
    (row,) = [row for row in csv.DictReader(lines) if int(row["procs"]) == procs]
    return row


@pytest.mark.parametrize("procs", sorted(SECONDS))
def test_each_reported_level(procs):
    settings = [
        f"workloads.agents.procs={procs}",
        "run.warmup=1s",
        f"run.duration={SECONDS[procs]}s",
        "run.replications=2",
    ]
    result = run(prepare(None, from_settings(settings)).scenario)
    reported = level(procs)
    assert result["throughput_per_s"] == pytest.approx(float(reported["throughput_per_s"]), rel=0.05)
    assert result["response_time_s.p50"] == pytest.approx(float(reported["p50_ms"]) / 1e3, rel=0.15)
    assert result["response_time_s.p95"] == pytest.approx(float(reported["p95_ms"]) / 1e3, rel=0.15)


def test_every_parameter_says_where_it_comes_from():
    text = files("models").joinpath("data", "orchestrator_hub.toml").read_text(encoding="utf-8")
    body = text.partition("[services.hub]")[2].partition("[[operations]]")[0]
    silent = []
    explained = False
    for line in body.splitlines():
        if line.startswith("#"):
            explained = True
        elif line.startswith("["):
            explained = False
        elif "=" in line and "#" not in line and not explained:
            silent.append(line)
    names = {line.split("=")[0].strip() for line in silent}
    assert names <= {"discipline", "worker_kind", "link"}

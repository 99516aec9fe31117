"""`sim limits` and `sim plan` as a user types them: options, files, exit codes, bad input."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_scenario import COUNTER

from simulator.cli.main import main

Sim = Callable[..., tuple[int, str, str]]

OPEN = COUNTER.replace('warmup = "100ms"\nduration = "2s"\nreplications = 3', "").replace(
    'kind = "closed"\nprocs = 4\nthink_time = { distribution = "exponential", mean = "10ms" }',
    'kind = "open"\narrival_rate = "400/s"',
)
ROUGH = ("--engine", "reference", "--precision", "0.2", "--no-recovery", "--no-alerts", "--no-defaults")


@pytest.fixture
def sim(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sim:
    """Run a command in a directory with counter.toml and open.toml; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SIM_")]:
        monkeypatch.delenv(name)
    Path("counter.toml").write_text(COUNTER)
    Path("open.toml").write_text(OPEN)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_limits_answers_and_saves_what_it_answers(sim: Sim) -> None:
    code, out, err = sim("limits", "open.toml", *ROUGH, "--threshold", "cpu_headroom > 30%", "--export-json", "a.json")
    assert (code, err) == (0, "")
    assert "limits of counter (open.toml, not calibrated)" in out
    assert "desk[0].cpu" in out
    data = json.loads(Path("a.json").read_text())
    assert data["kind"] == "limits"
    assert data["axis"] == "rate"
    assert data["levels"]["safe"]["load"] == pytest.approx(700, rel=0.2)
    assert data["provenance"]["source"] == "open.toml"


def test_quiet_is_one_line(sim: Sim) -> None:
    code, out, _ = sim("limits", "open.toml", *ROUGH, "--quiet", "--threshold", "cpu_headroom > 30%")
    assert code == 0
    assert out.count("\n") == 1
    assert out.startswith("up to these loads: recommended ")


def test_plan_answers(sim: Sim) -> None:
    code, out, err = sim(
        "plan", "open.toml", "--rate", "900/s", "--cores", "1..4", "--instances", "1,2", "--engine", "reference",
        "--threshold", "cpu_utilization < 80%", "--export-json", "plan.json",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "plan of counter" in out
    best = json.loads(Path("plan.json").read_text())["plan"]
    assert (best["instances"], best["cores"]) == (1, 3)  # 900/s of 2 ms: 1.8 cores, at most 80 % of 3


def test_an_infeasible_plan_is_exit_code_3(sim: Sim) -> None:
    bounds = ("--cores", "2", "--instances", "1..3")
    code, out, _ = sim("plan", "open.toml", "--rate", "9000/s", *bounds, "--quiet", "--engine", "reference")
    assert code == 3
    assert "infeasible: desk.cpu" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["limits", "counter.toml", "--safe", "slowdwn: p(95) < 2"], "did you mean 'slowdown'"),
        (["limits", "counter.toml", "--threshold", "throughput > 9/s"], "sim plan"),
        (["limits", "counter.toml", "--between", "9..1"], "--between"),
        (["limits", "counter.toml", "--between", "many"], "--between"),
        (["limits", "--between", "100/s..900/s"], "in processes"),
        (["limits", "counter.toml", "--lost", "disk"], "--lost"),
        (["limits", "counter.toml", "--interval", "soon"], "--interval"),
        (["limits", "counter.toml", "--spike-duration", "0s"], "--spike-duration"),
        (["limits", "counter.toml", "--no-defaults"], "no criterion is left"),
        (["plan", "counter.toml", "--cores", "4..1"], "--cores"),
        (["plan", "counter.toml", "--instances", "0"], "--instances"),
        (["plan", "counter.toml", "--memory", "much"], '--memory: found "much"; accepted: a size'),
        (["plan", "counter.toml", "--threshold", "latency < 1s"], "unknown metric"),
        (["plan", "counter.toml", "--export-json", "no/where.json"], "cannot be written"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(sim: Sim, arguments: list[str], said: str) -> None:
    code, out, err = sim(*arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_limits_are_exported_and_reported_again(sim: Sim) -> None:
    files = ("--export-json", "a.json", "--export-csv", "a", "--plot", "a.svg")
    code, out, _ = sim("limits", "open.toml", *ROUGH, "--threshold", "cpu_headroom > 30%", *files)
    assert code == 0
    levels = Path("a-levels.csv").read_text().splitlines()
    assert levels[0].startswith("system,level,limit,")
    assert [line.split(",")[1] for line in levels[1:]] == ["recommended", "safe", "tolerable"]
    assert "cpu_headroom > 30%" in Path("a-criteria.csv").read_text()
    assert "<svg" in Path("a.svg").read_text()
    assert sim("report", "a.json")[1] == out
    assert sim("report", "a.json", "--output", "a.html")[0] == 0
    page = Path("a.html").read_text()
    assert "cpu_headroom &gt; 30%" in page
    assert "<svg" in page


def test_a_plan_is_exported_and_reported_again(sim: Sim) -> None:
    choice = ("--rate", "900/s", "--cores", "1..4", "--instances", "1,2", "--engine", "reference")
    files = ("--export-json", "p.json", "--export-csv", "p", "--plot", "p.svg")
    code, out, _ = sim("plan", "open.toml", *choice, "--no-defaults", "--threshold", "cpu_headroom > 30%", *files)
    assert code == 0
    rows = Path("p-configurations.csv").read_text().splitlines()
    assert rows[1].startswith("plan,")
    assert any(row.startswith("smaller,") for row in rows)
    assert "<svg" in Path("p.svg").read_text()
    assert sim("report", "p.json")[1] == out

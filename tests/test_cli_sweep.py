"""`sim sweep` and `sim compare` as a user types them: options, files, exit codes, bad input."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from sample_scenario import COUNTER

from simulator.checkpoint import Checkpoint
from simulator.cli import sweep as sweep_command
from simulator.cli.main import main
from simulator.parallel_runs import Workers
from simulator.sweep import sweep as simulate

Sim = Callable[..., tuple[int, str, str]]

REFERENCE = ("--engine", "reference", "--replications", "2")


@pytest.fixture
def sim(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sim:
    """Run a command in a directory with counter.toml; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SIM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Path("counter.toml").write_text(COUNTER.replace('duration = "2s"', 'duration = "500ms"'))

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def test_a_sweep_prints_a_row_for_each_point_and_writes_its_files(sim: Sim) -> None:
    files = ("--export-json", "s.json", "--export-csv", "s", "--plot", "s.svg")
    given = ("--procs", "1..9..4", "--cores", "2", "--jobs", "1")
    code, out, err = sim("sweep", "counter.toml", *given, *REFERENCE, *files)
    assert code == 0
    assert err == ""
    source = "counter.toml with --cores 2 --replications 2"
    assert out.startswith(f"counter ({source}, not calibrated): 3 points over procs 1,5,9")
    rows = [line.split() for line in out.splitlines()]
    assert [row[0] for row in rows if row and row[0].isdecimal()] == ["1", "5", "9"]
    data = json.loads(Path("s.json").read_text())
    assert data["kind"] == "sweep"
    assert [point["setting"] for point in data["points"]] == [{"procs": "1"}, {"procs": "5"}, {"procs": "9"}]
    assert len(Path("s-points.csv").read_text().splitlines()) == 4
    assert "<svg" in Path("s.svg").read_text()
    assert not list(Path("cache").rglob("*.jsonl"))


def test_any_field_can_be_swept_and_variables_take_lists_too(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_CORES", "1,2")
    setting = "operations.ask.stages[0].demand.mean=1ms,2ms"
    code, out, _ = sim("sweep", "counter.toml", "--set", setting, "--jobs", "1", *REFERENCE, "--export-json", "-", "-q")
    assert code == 0
    data = json.loads(out)
    assert [axis["name"] for axis in data["axes"]] == ["operations.ask.stages[0].demand.mean", "cores"]
    assert [point["scenario"]["services"]["desk"].get("cores", 1) for point in data["points"]] == [1, 2, 1, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--procs", "1..1000", "--cores", "1..1000"], "1,000,000 points (1,000 cores x 1,000 procs) are more"),
        (["--procs", "5..1"], "--procs: found"),
        (["--procs", "1,x"], '--procs: found "x"'),
        (["--cores", "0..2"], "--cores: found 0"),
        (["--set", "services.desk.croes=1,2"], "croes"),
        (["--rate", "1,2"], "--rate: found 1"),
        (["--cores", "1,2", "--set", "services.desk.cores=2,4"], "the same field as --set services.desk"),
        (["--procs", "1,2", "--plot", "a.gif"], ".png, .svg, .pdf"),
        (["--procs", "1,2", "--export-json", "no/where"], "cannot be written"),
        (["--procs", "1,2", "--threshold", "thruput > 1/s"], "did you mean 'throughput'"),
    ],
)
def test_a_sweep_that_cannot_be_is_one_line(sim: Sim, arguments: list[str], said: str) -> None:
    code, out, err = sim("sweep", "counter.toml", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1


def test_an_interrupted_sweep_is_gone_on_with_by_the_same_command(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ("sweep", "counter.toml", "--procs", "1,2,3", "--jobs", "1", *REFERENCE)

    def cut_short(wanted: object, workers: Workers, **settings: object) -> object:
        return simulate(wanted, workers, **(settings | {"report": lambda reached: reached.replication < 2}))  # type: ignore[arg-type]

    monkeypatch.setattr(sweep_command, "simulate", cut_short)
    code, out, err = sim(*command)
    assert code == 130
    assert "2 of 3 points" in out
    assert "--resume goes on" in err
    kept = list(Path("cache").rglob("*.jsonl"))
    assert len(kept) == 1
    monkeypatch.setattr(sweep_command, "simulate", simulate)
    code, out, _ = sim(*command, "--resume", "--export-json", "-")
    assert code == 0
    assert json.loads(out)["provenance"]["resumed_points"] == 2
    assert not kept[0].exists()


def test_a_checkpoint_of_something_else_is_refused(sim: Sim) -> None:
    Checkpoint(Path("kept.jsonl"), {"other": "work"}).add(0, {})
    code, _, err = sim("sweep", "counter.toml", "--procs", "1,2", "--resume", "--checkpoint", "kept.jsonl")
    assert code == 2
    assert "kept.jsonl: found results of another scenario" in err


def test_a_comparison_says_what_differs_and_writes_its_files(sim: Sim) -> None:
    files = ("--export-json", "c.json", "--export-csv", "c", "--plot", "c.png")
    code, out, err = sim("compare", "counter.toml", "--set", "services.desk.cores=1", *REFERENCE, *files)
    assert code == 0
    assert err == ""
    assert "as it is against desk.cores=1" in " ".join(out.split())
    assert json.loads(Path("c.json").read_text())["paired"]
    assert Path("c-differences.csv").read_text().startswith("system,metric,before,after")
    assert len(Path("c-effects.csv").read_text().splitlines()) > 1
    assert Path("c.png").read_bytes().startswith(b"\x89PNG")


def test_two_files_and_two_results_can_be_compared(sim: Sim) -> None:
    Path("other.toml").write_text(Path("counter.toml").read_text().replace("cores = 2", "cores = 1"))
    code, out, _ = sim("compare", "counter.toml", "other.toml", *REFERENCE)
    assert code == 0
    assert "counter.toml against other.toml" in " ".join(out.split())
    for name in ("counter", "other"):
        assert sim("run", f"{name}.toml", *REFERENCE, "--export-json", f"{name}.json")[0] == 0
    code, again, _ = sim("compare", "counter.json", "other.json")
    assert code == 0
    first, second = ([line for line in text.splitlines() if line.startswith("  p95")] for text in (out, again))
    assert first == second


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["counter.toml"], "accepted: one of both"),
        (["counter.toml", "counter.toml", "--set", "services.desk.cores=1"], "accepted: one of both"),
        (["counter.toml", "missing.toml"], "missing.toml"),
        (["counter.toml", "missing.json"], "a saved result can be compared with another one only"),
        (["missing.json", "missing.json"], "missing.json: cannot be read"),
        (["counter.toml", "--set", "services.desk.cores=0"], "--set services.desk.cores: found 0"),
        (["counter.toml", "--set", "services.desk.cores=1", "--procs", "0"], "--procs: found 0"),
    ],
)
def test_a_comparison_that_cannot_be_is_one_line(sim: Sim, arguments: list[str], said: str) -> None:
    code, out, err = sim("compare", *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert len(err.splitlines()) == 1

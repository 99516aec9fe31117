"""`sim run` as a user types it: options, variables, files, exit codes."""

import csv
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sample_scenario import COUNTER

from simulator.cli.main import main

Sim = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sim(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Sim:
    """Run the command in a directory with counter.toml; return exit code, output and errors."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("SIM_")]:
        monkeypatch.delenv(name)
    Path("counter.toml").write_text(COUNTER)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["run", "counter.toml", *arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return command


def result_of(sim: Sim, *arguments: str) -> dict[str, Any]:
    code, out, _ = sim(*arguments, "--quiet", "--export-json", "-")
    assert code == 0
    data: dict[str, Any] = json.loads(out)
    return data


def test_an_answer_says_what_it_is_about_and_how_it_came_out(sim: Sim) -> None:
    code, out, err = sim()
    assert code == 0
    first = " ".join(out.split("\n\n")[0].split())
    assert first.startswith("counter (counter.toml, not calibrated): seed 1, ")
    assert "3 replications of 2 s after a warm-up of 100 ms" in first
    assert "✓ ok: " in out
    assert "throughput....................: " in out
    assert "desk[0].cpu" in out
    assert err == ""
    assert "\x1b[" not in out


def test_the_same_seed_gives_the_same_answer_and_another_one_another(sim: Sim) -> None:
    first, again, other = result_of(sim), result_of(sim), result_of(sim, "--seed", "2")
    for data in (first, again, other):
        del data["provenance"]
    assert first == again
    assert first["throughput_per_s"] != other["throughput_per_s"]
    assert other["seed"] == 2


def test_options_reach_the_scenario_that_is_run(sim: Sim) -> None:
    arguments = ["--cores", "3", "--vus", "6", "--think-time", "20ms", "--memory", "1GiB", "--instances", "2"]
    settings = ["--set", "services.desk.queue_limit=50", "--set", "operations.ask.stages[0].demand.mean=1ms"]
    scenario = result_of(sim, *arguments, *settings, "--discipline", "linux", "--replications", "2")["scenario"]
    assert scenario["services"]["desk"]["cores"] == 3
    assert scenario["services"]["desk"]["instances"] == 2
    assert scenario["services"]["desk"]["memory"] == "1GiB"
    assert scenario["services"]["desk"]["queue_limit"] == 50
    assert scenario["services"]["desk"].get("discipline", "linux") == "linux"
    assert scenario["workloads"][0]["procs"] == 6
    assert scenario["workloads"][0]["think_time"]["mean"] == "20ms"
    assert scenario["operations"][0]["stages"][0]["demand"]["mean"] == "1ms"
    assert scenario["run"]["replications"] == 2


def test_a_rate_makes_the_workload_open_and_says_so(sim: Sim) -> None:
    code, out, _ = sim("--rate", "100/s")
    first = " ".join(out.split("\n\n")[0].split())
    assert code == 0
    assert "workload people is closed in the scenario and is made open by --rate" in first


def test_flags_win_over_variables_and_these_over_the_file(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_SEED", "5")
    monkeypatch.setenv("SIM_PROCS", "7")
    monkeypatch.setenv("SIM_SET", "services.desk.cores=4; services.desk.queue_limit=9")
    data = result_of(sim, "--seed", "6")
    assert data["seed"] == 6
    assert data["scenario"]["workloads"][0]["procs"] == 7
    assert data["scenario"]["services"]["desk"]["cores"] == 4
    assert data["scenario"]["services"]["desk"]["queue_limit"] == 9


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--cores", "0"], "--cores: found 0"),
        (["--cores", "many"], '--cores: found "many"'),
        (["--rate", "100"], "--rate: found 100"),
        (["--rate", "9/s", "--think-time", "1s"], "--think-time: "),
        (["--duration", "5"], "--duration: found 5"),
        (["--memory", "1GBit"], '--memory: found "1GBit"'),
        (["--discipline", "lifo"], '--discipline: found "lifo"'),
        (["--precision", "0"], "--precision: found 0"),
        (["--set", "services.desk.croes=1"], "--set services.desk.croes: "),
        (["--set", "services.desk.linux.tick=1ms"], "--set services.desk.linux.tick: "),
        (["--set", "nonsense"], "--set: found"),
        (["--threshold", "respons_time: p(95) < 1s"], "--threshold: "),
        (["--explain", "p100"], "p100"),
        (["--engine", "warp"], "--engine"),
        (["--plot", "picture.gif"], "accepted: .png, .svg, .pdf"),
        (["--export-json", "no/where.json"], "--export-json no/where.json: cannot be written"),
        (["--export-csv", "no/where"], "--export-csv no/where-summary.csv: cannot be written"),
        (
            ["--export-json", "x", "--export-records", "x"],
            "--export-records x: is written by --export-json too",
        ),
        (["--no-such-option"], "--no-such-option"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(sim: Sim, arguments: list[str], said: str) -> None:
    before = sorted(os.listdir())
    code, out, err = sim(*arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == before


def test_a_bad_variable_is_named(sim: Sim, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIM_CORES", "-1")
    code, _, err = sim()
    assert code == 2
    assert "SIM_CORES: found -1" in err


def test_a_missing_file_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "missing.toml"]) == 2
    assert capsys.readouterr().err.startswith("sim: missing.toml: found no readable file")


def test_without_a_file_the_built_in_scenario_is_run(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--concurrency", "20", "--warmup", "200ms", "--duration", "1s", "--replications", "2"]
    assert main(["run", "--cores", "8", "--procs", "3", *arguments]) == 0
    first = " ".join(capsys.readouterr().out.split("\n\n")[0].split())
    assert first.startswith("orchestrator-hub (the built-in scenario with --cores 8 --procs 3 ")


def test_a_failed_threshold_is_exit_code_99(sim: Sim) -> None:
    code, out, _ = sim("--threshold", "response_time: p(95) < 1us", "--threshold", "throughput > 1/s")
    assert code == 99
    assert "✗ threshold failed: 1 of 2, response_time: p(95) < 1us" in out
    assert "✓ throughput > 1/s" in out


def test_thresholds_of_the_scenario_count_too(sim: Sim) -> None:
    text = COUNTER.replace("[run]", 'thresholds = ["response_time: p(50) < 1us"]\n[run]', 1)
    Path("counter.toml").write_text(text)
    assert sim()[0] == 99
    assert sim("--threshold", "throughput > 1/s")[1].count("throughput > 1/s") == 1


def test_every_file_is_written(sim: Sim) -> None:
    code, out, _ = sim(
        *(
            "--export-json",
            "r.json",
            "--export-csv",
            "r",
            "--export-records",
            "records.csv",
            "--plot",
            "r.png",
        )
    )
    assert code == 0
    data = json.loads(Path("r.json").read_text())
    assert data["kind"] == "run"
    assert Path("r.png").read_bytes().startswith(b"\x89PNG")
    assert "from p99 on" in out
    with open("r-summary.csv", newline="") as file:
        summary = {row["metric"]: row for row in csv.DictReader(file)}
    assert float(summary["throughput_per_s"]["value"]) == data["throughput_per_s"]["value"]
    with open("records.csv", newline="") as file:
        records = list(csv.DictReader(file))
    assert len(records) == data["operations"]["offered"]
    completed = [row for row in records if row["outcome"] == "completed"]
    assert len(completed) == data["operations"]["completed"]
    causes = [name for name in records[0] if name in {f"{cause}_s" for cause in data["causes"]["all"]}]
    for row in completed[:50]:
        assert sum(float(row[name]) for name in causes) == pytest.approx(float(row["response_time_s"]))


def test_json_on_standard_output_stands_alone(sim: Sim) -> None:
    code, out, err = sim("--export-json", "-")
    assert code == 0
    assert json.loads(out)["kind"] == "run"
    assert "throughput...." in err


def test_records_on_standard_output_stand_alone(sim: Sim) -> None:
    code, out, err = sim("--export-records", "-")
    assert code == 0
    assert len({len(row) for row in csv.reader(out.splitlines())}) == 1
    assert "throughput...." in err


def test_quiet_says_the_verdict_only(sim: Sim) -> None:
    _, out, err = sim("--quiet")
    assert out.count("\n") == 1
    assert out.startswith("ok: ")
    assert err == ""


def test_explain_and_efficiency_and_check_add_their_parts(sim: Sim) -> None:
    _, out, _ = sim("--explain", "p95", "--efficiency", "--check")
    assert "from p95 on" in out
    assert "efficiency....." in out
    assert "sample-path laws hold" in out


@pytest.mark.parametrize(
    ("arguments", "variable", "coloured"),
    [
        (["--color", "always"], "", True),
        (["--color", "always"], "1", True),
        ([], "1", False),
        ([], "", False),
    ],
)
def test_colour_is_a_matter_of_choice(
    sim: Sim, monkeypatch: pytest.MonkeyPatch, arguments: list[str], variable: str, coloured: bool
) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    assert ("\x1b[" in sim(*arguments)[1]) is coloured


def test_a_saved_result_reads_the_same_as_the_answer(sim: Sim, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = sim("--export-json", "r.json")
    assert main(["report", "r.json"]) == 0
    assert capsys.readouterr().out == out


def test_ctrl_c_gives_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "counter.toml").write_text(COUNTER)
    arguments = [
        "run",
        "counter.toml",
        "--duration",
        "3000s",
        "--replications",
        "50",
        "--export-json",
        "r.json",
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", _INTERRUPTED.format(arguments=arguments)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
    )
    timer = threading.Timer(120, process.kill)
    timer.start()
    out, err = process.communicate()
    timer.cancel()
    assert process.returncode == 130, err
    assert "✗ interrupted: partial result" in out
    assert json.loads((tmp_path / "r.json").read_text())["interrupted"] is True


# The interrupt comes at a simulated time, not at a time of the clock on the wall: while the window is measured.
_INTERRUPTED = """
import os, signal, sys
import simulator.cli.progress as progress
from simulator.cli.main import main

shown = progress.watched
sent = []  # a second interrupt would stop at once, with nothing to show

def interrupting(quiet):
    context = shown(quiet)
    class Wrapper:
        def __enter__(self):
            tell = context.__enter__()
            def report(reached):
                if reached.stage == "replications" and reached.fraction > 0.001 and not sent:
                    sent.append(True)
                    os.kill(os.getpid(), signal.SIGINT)
                return tell(reached)
            return report
        def __exit__(self, *error):
            return context.__exit__(*error)
    return Wrapper()

import simulator.cli.run
sys.modules["simulator.cli.run"].watched = interrupting
sys.exit(main({arguments!r}))
"""

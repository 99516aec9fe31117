"""`sim calibrate table --fit`: the profile, its scenario, and what is refused."""

from pathlib import Path

import pytest

from calibration.profile import Profile
from models.scenario import Scenario
from simulator.cli.main import main
from simulator.run import run

LEVELS = """# a machine with 4 CPUs
threads,tps,lat_avg_ms,p95_ms
1,100,10,12
2,199,10.05,12.1
4,396,10.1,12.5
8,398,20.1,26
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "levels.csv"
    path.write_text(LEVELS)
    return path


def test_profile_of_a_table_plays_the_levels_it_was_fitted_to(table: Path) -> None:
    output = table.parent / "profile.toml"
    assert main(["calibrate", "table", str(table), "--fit", "--output", str(output)]) == 0
    profile = Profile.load(output)
    assert profile.seen.concurrency == (1, 8)
    assert profile.scenario is not None
    scenario = Scenario.from_dict(profile.scenario, "profile")
    assert run(scenario, max_operations=50_000).data["throughput_per_s"]["value"] == pytest.approx(398, rel=0.05)
    operation = profile.quantity("operation_s")
    assert operation is not None
    assert operation.value == pytest.approx(0.010, rel=0.05)
    assert operation.identified == "yes"
    assert profile.draws >= 20


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fit"], "found no --output"),
        (["--cores", "4"], "without --fit"),
    ],
)
def test_options_of_the_fit_are_refused_where_they_mean_nothing(
    table: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(["calibrate", "table", str(table), *arguments]) == 2
    assert message in capsys.readouterr().err


def test_processes_keep_one_operation_each_where_the_response_times_say_so(tmp_path: Path) -> None:
    path, output = tmp_path / "levels.csv", tmp_path / "profile.toml"
    path.write_text("procs,throughput_per_s,mean_ms,cores\n1,100,10,2\n2,199,10.05,2\n4,200,20,2\n8,200,40.1,2\n")
    assert main(["calibrate", "table", str(path), "--fit", "--output", str(output)]) == 0
    assert Profile.load(output).seen.concurrency == (1, 8)


@pytest.mark.parametrize("mean_ms", ["", "40"])
def test_processes_that_keep_an_unknown_number_of_operations_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], mean_ms: str
) -> None:
    path, output = tmp_path / "levels.csv", tmp_path / "profile.toml"
    path.write_text(f"procs,throughput_per_s,mean_ms\n1,100,{mean_ms}\n2,199,{mean_ms}\n4,390,{mean_ms}\n")
    assert main(["calibrate", "table", str(path), "--fit", "--output", str(output)]) == 2
    assert "accepted: clients instead of procs, or a column concurrency" in capsys.readouterr().err


def test_levels_over_cores_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "cores.csv"
    path.write_text("cores,tps\n1,100\n2,190\n4,370\n")
    output = tmp_path / "profile.toml"
    assert main(["calibrate", "table", str(path), "--fit", "--output", str(output)]) == 2
    assert "closed loop" in capsys.readouterr().err
    assert not output.exists()


def test_run_plays_a_profile_and_warns_beyond_what_was_measured(
    table: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = table.parent / "profile.toml"
    assert main(["calibrate", "table", str(table), "--fit", "--output", str(output)]) == 0
    capsys.readouterr()
    assert main(["run", "--profile", str(output), "--procs", "16", "--replications", "2", "--duration", "20s"]) == 0
    captured = capsys.readouterr()
    printed = " ".join(captured.out.split())
    assert "concurrency 16, 2 times above the measured 1 to 8" in printed
    assert "90% prediction intervals" in printed
    assert "uncertainty of throughput: " in printed

"""`sim validate --table`, and the scenario that a fit stands for against the fit's own arithmetic."""

import json
from pathlib import Path

import pytest

from calibration.fitting.points import Point
from calibration.fitting.simulated import fit_by_simulation, simulate
from calibration.fitting.skeleton import Skeleton
from simulator.cli.main import main

TABLE = "# a machine with 4 CPUs\nthreads,tps,lat_avg_ms\n1,100,10\n2,199,10.05\n4,396,10.1\n8,398,20.1\n16,397,40.3\n"


def test_validate_predicts_what_was_held_out_and_says_how_far_off(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "levels.csv"
    table.write_text(TABLE)
    assert main(["validate", "--table", str(table), "--export-json", str(tmp_path / "out.json")]) == 0
    text = capsys.readouterr().out
    assert "fitted on 3 levels, 2 held out" in text
    assert "USL" in text
    series = json.loads((tmp_path / "out.json").read_text())["series"][0]
    assert series["cpus"] == 4.0
    assert [level["load"] for level in series["levels"]] == [8.0, 16.0]
    assert series["scores"]["model"]["error"] < 0.15


def test_validate_needs_a_level_to_hold_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "levels.csv"
    table.write_text("\n".join(TABLE.splitlines()[:5]) + "\n")
    assert main(["validate", "--table", str(table)]) == 2
    assert "fewer than four levels" in capsys.readouterr().err


@pytest.mark.parametrize(("content", "said"), [(None, "no such file"), (b"\xff\x00", "something other than text")])
def test_validate_says_what_is_wrong_with_a_table(
    content: bytes | None, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = tmp_path / "levels.csv"
    if content is not None:
        table.write_bytes(content)
    assert main(["validate", "--table", str(table)]) == 2
    assert f"{table}: found {said}" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--table", "levels.csv", "--plot", "a.png"], "--plot: found --table beside it"),
        (["--table", "levels.csv", "--duration", "1s"], "--duration: found --table beside it"),
        (["--procs", "4", "--cores", "2"], "--cores: found no --table beside it"),
    ],
)
def test_validate_refuses_what_has_no_effect(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["validate", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_simulation_of_a_skeleton_gives_its_throughput() -> None:
    skeleton = Skeleton(0.002, 0.004, 0.0004, cores=2, threads=4, smt_speedup=1.3, pairing=0.5, contention=0.1)
    for load in (1, 4, 12):
        expected = skeleton.throughput_per_s(load)
        simulated = simulate(skeleton, 0.5, Point(float(load), expected, 0.01))["throughput_per_s"]["value"]
        # the arithmetic takes the serial part's times as exponential, the simulation as less varied
        assert simulated == pytest.approx(expected, rel=0.04)


def test_variation_is_found_from_percentiles() -> None:
    truth = Skeleton(0.002, cores=2, threads=2)
    points = []
    for load in (1, 2, 4):
        data = simulate(truth, 0.8, Point(float(load), truth.throughput_per_s(load), 0.01))
        p95 = data["response_time_s"]["p95"]["value"]
        points.append(Point(float(load), data["throughput_per_s"]["value"], 0.01, percentiles_s=((95.0, p95),)))
    found = fit_by_simulation(Skeleton(0.0022, cores=2, threads=2), points)
    assert found.cv == pytest.approx(0.8, rel=0.1)
    assert found.skeleton.demand_s == pytest.approx(0.002, rel=0.03)

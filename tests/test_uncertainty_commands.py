"""From a profile to an answer on the command line: which profile, prediction intervals first, strict refusals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from calibration.profile import Host, Profile, Quantity
from calibration.profile_base import base_of, with_host
from calibration.scenario_samples import place_text, scenario_samples
from models.measured import Seen
from models.scenario import Scenario
from simulator.cli.main import main
from simulator.scenario_base import drawn_table

SHORT = ["--duration", "500ms", "--warmup", "100ms", "--replications", "3", "--engine", "fast", "--quiet"]
DATE = "2026-11-23T12:00:00+00:00"


def a_scenario(demand: str = "10ms", wait: str = "40ms", cores: int = 2) -> Scenario:
    return Scenario.from_dict(
        {
            "name": "calls",
            "workloads": [{"name": "clients", "kind": "closed", "procs": 4}],
            "services": {"web": {"cores": cores, "discipline": "fifo"}},
            "operations": [
                {"name": "call", "stages": [{"kind": "cpu", "demand": demand}, {"kind": "delay", "time": wait}]}
            ],
        }
    )


def a_host(**changes: Any) -> Host:
    fields = {"identity": "abc", "processor": "Example CPU", "cpus": 2, "usable": 2, "memory_bytes": 2**34}
    return Host(**{**fields, "virtual": True, "system": "Linux", "kernel": "6.18.0", **changes})


def a_quantity(name: str, value: float, **changes: Any) -> Quantity:
    fields = {"name": name, "value": value, "unit": "s", "how": "so", "measured_by": "a test", "date": DATE}
    return Quantity(**{**fields, **changes})


def a_profile(**changes: Any) -> Profile:
    demands = [9.0 + 0.05 * index for index in range(40)]
    drawn = [a_scenario(f"{1000 * demand:.0f}us") for demand in demands]
    fields: dict[str, Any] = {
        "name": "fitted",
        "date": DATE,
        "host": a_host(),
        "seen": Seen(concurrency=(1, 8), rate_per_s=(20.0, 160.0), cores=(2, 2)),
        "quantities": [a_quantity("demand", 0.01)],
        "scenario": a_scenario().model_dump(mode="json", exclude_none=True),
        "samples": {"demand": [demand / 1e3 for demand in demands]},
        "scenario_samples": scenario_samples(a_scenario(), drawn),
    }
    return Profile(**{**fields, **changes})


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sim-profile.toml").write_text(a_profile().to_toml())
    return tmp_path


def answer(command: str, *options: str, short: bool = True) -> dict[str, Any]:
    assert main([command, *options, *(SHORT if short else ["--quiet"]), "--export-json", "r.json"]) == 0
    data: dict[str, Any] = json.loads(Path("r.json").read_text())
    return data


def test_a_plain_run_plays_the_profile_that_is_there(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", *SHORT[:-1]]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert printed.startswith("calls (profile sim-profile.toml, ")
    assert " old, on another machine than this one " in printed
    assert "; within what was measured): seed 1" in printed
    assert "trust zone: within what was measured" in printed
    assert "90% prediction intervals, calibration, model and simulation together (40 draws" in printed
    assert "simulation ± " in printed
    assert " ± " not in printed.replace("simulation ± ", "")  # never as if it were the accuracy of the prediction
    assert "uncertainty of throughput: " in printed


def test_a_report_and_tables_carry_the_prediction(here: Path) -> None:
    assert main(["run", *SHORT, "--export-json", "r.json", "--export-csv", "r"]) == 0
    rows = dict(line.split(",", 1) for line in Path("r-summary.csv").read_text().splitlines())
    assert float(rows["throughput_per_s.prediction_low"].strip(",")) < float(rows["throughput_per_s"].split(",")[0])
    assert main(["report", "r.json", "--output", "r.html"]) == 0
    page = Path("r.html").read_text()
    assert "Trust zone: within what was measured" in page
    assert "uncertainty of throughput: " in page


def test_a_comparison_of_saved_answers_says_how_far_they_are_from_what_was_measured(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, procs in (("a.json", "1"), ("b.json", "32")):
        assert main(["run", *SHORT, "--procs", procs, "--export-json", name]) == 0
    capsys.readouterr()
    assert main(["compare", "a.json", "b.json"]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    assert "trust zone: beyond what was measured: concurrency 32" in printed
    assert "not calibrated" not in printed


def test_no_profile_means_the_built_in_scenario(here: Path) -> None:
    data = answer("run", "--no-profile", "--procs", "1")
    assert data["scenario"]["name"] != "calls"
    assert data["trust"]["calibrated"] is False


def test_a_scenario_file_is_not_mixed_with_the_profile_that_lies_there(here: Path) -> None:
    (here / "own.toml").write_text(a_scenario("1ms").to_toml())
    data = answer("run", "own.toml")
    assert data["uncertainty"] is None
    assert data["trust"]["line"].startswith("not calibrated")
    assert data["throughput_per_s"].keys() == {"value", "half_width"}


def test_prediction_intervals_widen_beyond_what_was_measured(here: Path) -> None:
    def relative_width(*options: str) -> float:
        found = answer("run", *options)["throughput_per_s"]
        return (found["prediction"][1] - found["prediction"][0]) / found["value"]

    assert relative_width("--procs", "128") > 1.5 * relative_width("--procs", "8")


def test_without_uncertainty_the_answer_says_what_its_intervals_lack(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = answer("run", "--no-uncertainty")
    assert data["uncertainty"] is None
    assert [warning["code"] for warning in data["warnings"]].count("simulation_alone") == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--strict", "--procs", "2000"], "--strict: "),
        (["--strict", "--no-profile"], "not calibrated"),
        (["--uncertainty", "--no-profile"], "--uncertainty: found no profile"),
        (["--profile", "sim-profile.toml", "--no-profile"], "accepted: one of both"),
        (["--profile", "missing.toml"], "missing.toml"),
        (["--profile", "sim-profile.toml", "own.toml"], "a fitted scenario beside the file"),
    ],
)
def test_bad_input_is_one_line(here: Path, options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "own.toml").write_text(a_scenario("1ms").to_toml())
    assert main(["run", *options, *SHORT]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("command", "options"),
    [("limits", ["--cores", "64"]), ("plan", ["--procs", "2000"]), ("plan", ["--cores", "64..70"])],
)
def test_a_strict_search_is_refused_before_it_begins(
    here: Path, command: str, options: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def searched(*_: Any, **__: Any) -> None:
        pytest.fail("the search began")

    monkeypatch.setattr(f"simulator.cli.{command}.find_{command}", searched)
    assert main([command, "--strict", *options, "--quiet"]) == 2
    assert "--strict: found FAR FROM WHAT WAS MEASURED" in capsys.readouterr().err


def test_a_strict_run_within_what_was_measured_is_answered(here: Path) -> None:
    assert answer("run", "--strict")["trust"]["marked"] is False


def test_thresholds_of_a_sweep_have_probabilities_and_points_their_distance(here: Path) -> None:
    data = answer("sweep", "--procs", "8,80", "--threshold", "throughput > 50/s")
    near, far = data["points"]
    assert near["trust"]["widening"] < far["trust"]["widening"]
    assert near["thresholds"][0]["probability"] > 0.99
    assert data["trust"] == far["trust"]
    assert near["uncertainty"]["draws"] == 20


def test_a_comparison_has_prediction_intervals_of_its_differences(here: Path) -> None:
    options = [option for option in SHORT if option != "--quiet"]
    assert main(["compare", "--procs", "12", "--set", "services.web.cores=1", *options, "--export-json", "r.json"]) == 0
    data = json.loads(Path("r.json").read_text())
    metric = data["differences"][0]["metrics"]["response_time_s.p95"]
    low, high = metric["relative"]["prediction"]
    assert low < metric["relative"]["value"] < high
    assert metric["direction_sure"] is (low > 0)
    assert data["uncertainty"]["draws"] == 40


def test_limits_say_what_calibration_leaves_open(here: Path) -> None:
    options = ["--no-recovery", "--no-alerts", "--no-defaults", "--precision", "0.05"]
    data = answer("limits", *options, "--threshold", "response_time: p(95) < 120ms", short=False)
    row = data["levels"]["tolerable"]
    found = row["prediction"]
    assert found["low"] < row["estimate"] < found["high"]
    assert found["load"] <= row["load"]
    assert sum(one["share"] for one in row["shares"]) == pytest.approx(1.0)
    assert all(one["probability"] is not None for one in row["criteria"])


def test_a_plan_is_made_larger_where_calibration_leaves_it_open(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--rate", "190/s", "--cores", "2,3,4", "--instances", "1", "--threshold", "response_time: p(95) < 1s"]
    assert main(["plan", *options, "--export-json", "r.json"]) == 0
    data = json.loads(Path("r.json").read_text())
    assert data["plan"]["cores"] == 2  # 95 % busy at the estimates; overloaded by draws that need a tenth more
    assert data["uncertainty"]["at_estimates"]["probability"] < 0.95
    assert data["uncertainty"]["plan"]["cores"] == 3
    assert data["uncertainty"]["plan"]["probability"] >= 0.95
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 instance x 3 cores: 3 cores, each threshold met with probability above 0.99, calibration taken" in printed
    bought = data["uncertainty"]["plan"]
    assert bought["cpu_utilization"]["value"] == pytest.approx(190 * 0.01 / 3, rel=0.1)
    shown = f"there: p95 {1e3 * bought['response_time_s']['p95']['value']:.1f} ms"
    assert shown in printed  # of what is bought, not of what would do at the estimates alone


def test_a_plan_takes_another_of_the_same_cost_before_a_dearer_one(here: Path) -> None:
    options = ["--rate", "190/s", "--cores", "1,2,3", "--instances", "1,2", "--threshold", "response_time: p(95) < 1s"]
    prices = ["--price-core", "0", "--price-instance", "1"]
    assert main(["plan", *options, *prices, "--export-json", "r.json"]) == 0
    found = json.loads(Path("r.json").read_text())
    assert found["uncertainty"]["at_estimates"]["text"] == "1 instance x 2 cores"
    assert found["uncertainty"]["plan"]["text"] == "1 instance x 3 cores"


def test_a_host_fills_what_a_scenario_leaves_open() -> None:
    profile = a_profile(
        scenario=None,
        scenario_samples={},
        quantities=[a_quantity("scheduler.tick", 0.004), a_quantity("scheduler.context_switch", 2e-6)],
        samples={},
    )
    table = {"services": {"web": {"cores": 2, "linux": {"tick": "1ms"}}, "db": {"cores_of": "web"}}}
    filled = with_host(table, profile)
    assert filled["services"]["web"]["linux"]["tick"] == "1ms"
    assert filled["services"]["web"]["context_switch"] == "2us"
    assert filled["services"]["db"] == {"cores_of": "web"}
    assert "context_switch" not in table["services"]["web"]


def test_what_only_knows_the_machine_claims_no_prediction_unasked(here: Path) -> None:
    host_only = a_profile(
        scenario=None,
        scenario_samples={},
        quantities=[a_quantity("wakeup.cpu", 2e-5, field="wakeup")],
        samples={"wakeup.cpu": [1e-5, 2e-5, 3e-5]},
    )
    (here / "host.toml").write_text(host_only.to_toml())
    (here / "own.toml").write_text(a_scenario().to_toml().replace('wakeup = "0s"', ""))
    data = answer("run", "own.toml", "--profile", "host.toml")
    assert data["scenario"]["services"]["web"]["wakeup"] == "20us"
    assert data["uncertainty"] is None
    assert data["trust"]["calibrated"] is False
    asked = answer("run", "own.toml", "--profile", "host.toml", "--uncertainty")
    assert asked["uncertainty"]["draws"] == 3
    assert "machine_alone" in [warning["code"] for warning in asked["warnings"]]


def test_draws_that_differ_in_structure_are_kept_whole_and_read_back() -> None:
    base, other = a_scenario(), a_scenario("12ms")
    longer = other.model_dump(mode="json", exclude_none=True)
    longer["operations"][0]["stages"].append({"kind": "delay", "time": "5ms"})
    drawn = [other, Scenario.from_dict(longer)]
    samples = scenario_samples(base, drawn)
    assert list(samples) == ["operations[0].stages"]
    table = base.model_dump(mode="json", exclude_none=True)
    assert [Scenario.from_dict(drawn_table(table, samples, draw)) for draw in (0, 1)] == drawn
    profile = a_profile(samples={}, scenario_samples=samples)
    columns = base_of(profile, Path("p.toml")).samples
    assert list(columns.values()) == [[0.0, 1.0]]
    assert list(columns) == ["structure (cpu, delay, delay)"]
    assert place_text(("services", "a b", "linux", "tick")) == 'services."a b".linux.tick'


def test_a_profile_with_draws_reads_back_equal(tmp_path: Path) -> None:
    profile = a_profile()
    assert Profile.parse(profile.to_toml()) == profile
    assert base_of(profile, tmp_path / "p.toml").count == 40

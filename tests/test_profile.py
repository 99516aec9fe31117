"""The profile: reads back equal, says what is wrong, keeps hosts apart, and becomes fields of a service."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from calibration.host.service_fields import service_fields, speed_by_busy
from calibration.profile import Host, Profile, ProfileError, Quantity, different_hosts, require_same_host
from calibration.profile_text import comparison_text, profile_text
from models.scenario import Scenario
from simulator.cli.calibrate_host import _joined
from simulator.cli.main import main


def a_host(**changes: Any) -> Host:
    fields = {
        "identity": "abc",
        "processor": "Example CPU",
        "cpus": 2,
        "usable": 2,
        "memory_bytes": 2**34,
        "virtual": True,
        "system": "Linux",
        "kernel": "6.18.0",
    }
    return Host(**{**fields, **changes})


def a_quantity(name: str, value: float, **changes: Any) -> Quantity:
    fields = {
        "name": name,
        "value": value,
        "unit": "s",
        "interval": (value * 0.9, value * 1.1),
        "how": "measured so",
        "measured_by": "calibrate host",
        "date": "2026-11-23T12:00:00+00:00",
        "repeats": [value, value],
    }
    return Quantity(**{**fields, **changes})


def a_profile(**changes: Any) -> Profile:
    fields = {
        "name": "machine",
        "date": "2026-11-23T12:00:00+00:00",
        "host": a_host(),
        "quantities": [
            a_quantity("wakeup.cpu", 2e-5, field="wakeup"),
            a_quantity("idle.exit", 6e-5),
            a_quantity("scheduler.tick", 0.004, interval=None),
            a_quantity("scheduler.base_slice", 0.0014),
            a_quantity("speed.compute.busy_2", 0.9, unit="ratio"),
            a_quantity("placement.idle_search", 0.35, unit="share", identified="weakly", interval=(0.1, 0.6)),
        ],
        "samples": {"wakeup.cpu": [1e-5, 3e-5], "idle.exit": [5e-5, 7e-5]},
    }
    return Profile(**{**fields, **changes})


def test_a_profile_reads_back_equal_from_toml_and_json() -> None:
    profile = a_profile()
    assert Profile.parse(profile.to_toml()) == profile
    assert Profile.parse(profile.to_json()) == profile


def test_draws_of_different_quantities_belong_together() -> None:
    profile = a_profile()
    assert profile.values(1)["wakeup.cpu"] == 3e-5
    assert profile.values(1)["idle.exit"] == 7e-5
    assert profile.values(1)["scheduler.tick"] == 0.004
    assert profile.values()["wakeup.cpu"] == 2e-5


def test_an_update_replaces_what_the_same_command_measured_and_keeps_the_rest() -> None:
    profile = a_profile(
        quantities=[a_quantity("wakeup.cpu", 1.0), a_quantity("demand", 2.0, measured_by="calibrate python")],
        samples={"demand": [1.0, 3.0]},
    )
    new = profile.updated("calibrate host", [a_quantity("idle.exit", 5.0)], {"idle.exit": [4.0, 5.0, 6.0]})
    assert [quantity.name for quantity in new.quantities] == ["demand", "idle.exit"]
    assert new.samples == {"demand": [1.0, 3.0, 1.0], "idle.exit": [4.0, 5.0, 6.0]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "found no kind; accepted: kind = "),
        ('kind = "run"', 'found kind = "run"'),
        ("{", "no JSON"),
        ("a = ", "syntax error"),
        ('kind = "profile"', "name: found nothing"),
    ],
)
def test_what_is_no_profile_is_said_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(text)
    with pytest.raises(ProfileError) as error:
        Profile.load(file)
    assert said in str(error.value)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_draws_must_belong_to_quantities_and_have_one_length() -> None:
    with pytest.raises(ProfileError, match="only draws of the profile's quantities"):
        a_profile().updated("x", [], {"nothing": [1.0, 2.0]})
    with pytest.raises(ValueError, match="series of one length"):
        a_profile(samples={"wakeup.cpu": [1.0], "idle.exit": [1.0, 2.0]})


def test_profiles_of_different_hosts_are_not_mixed() -> None:
    other = a_host(identity="xyz", kernel="6.1.0")
    assert different_hosts(a_host(), other) == ["machine: abc, xyz", "kernel: 6.18.0, 6.1.0"]
    with pytest.raises(ProfileError, match="a profile of another host"):
        require_same_host(a_profile(), other, "p.toml")
    require_same_host(a_profile(), a_host(memory_bytes=1), "p.toml")


def test_a_profile_becomes_fields_that_a_scenario_takes() -> None:
    fields = service_fields(a_profile(), cores=2)
    assert fields["wakeup"] == "20us"
    assert fields["linux"] == {"tick": "4ms", "idle_search": 0.35, "base_slice": "1.4ms"}
    assert fields["speed_by_busy"] == [1.0, 0.9]
    scenario = Scenario.from_dict(
        {
            "name": "s",
            "workloads": [{"name": "w", "kind": "closed", "procs": 1, "concurrency": 1}],
            "services": {"machine": fields},
            "operations": [{"name": "o", "stages": [{"kind": "cpu", "demand": "1ms"}]}],
        }
    )
    assert scenario.services["machine"].idle_exit == 60_000
    assert service_fields(a_profile(), cores=2, draw=0)["wakeup"] == "10us"


@pytest.mark.parametrize(
    ("share", "protected"), [(0.0, "deadline"), (0.1, "deadline"), (0.75, "parity"), (0.93, "parity")]
)
def test_running_tasks_are_protected_until_parity_where_most_wake_ups_preempt(share: float, protected: str) -> None:
    profile = a_profile(quantities=[a_quantity("scheduler.preempting_wakeups", share, unit="share")], samples={})
    assert service_fields(profile, cores=2)["linux"]["protected_until"] == protected


def test_the_base_slice_is_of_the_measured_count_of_cores_only() -> None:
    assert "base_slice" not in service_fields(a_profile(), cores=8)["linux"]


def test_speeds_between_measured_counts_lie_on_a_line() -> None:
    values = {"speed.memory.busy_2": 0.9, "speed.memory.busy_4": 0.5, "speed.compute.busy_2": 1.0}
    assert speed_by_busy(values, "memory", 6) == pytest.approx([1.0, 0.9, 0.7, 0.5, 0.5, 0.5])
    assert speed_by_busy(values, "cache", 2) == [1.0, 1.0]


def test_a_profile_is_shown_with_age_use_and_what_is_weak() -> None:
    text = profile_text(a_profile(), now=datetime(2026, 11, 25, 13, tzinfo=UTC))
    assert text.startswith("machine, 2026-11-23T12:00:00+00:00, 2 days old")
    assert "no fitted scenario; 2 draws of the host's numbers" in text
    assert "-> wakeup" in text
    assert "weakly identified" in text


def test_a_full_profile_says_how_by_what_when_and_from_how_much() -> None:
    text = profile_text(a_profile(versions={"python": "3.12"}), full=True)
    assert "versions: python 3.12" in text
    assert "measured so; measured by calibrate host, 2026-11-23T12:00:00+00:00, 2 repeats, 2 draws" in text


def test_a_fitted_profile_says_what_it_gives_to_a_run() -> None:
    scenario = {"name": "calls", "workloads": [], "services": {}, "operations": []}
    samples = {"services.web.wakeup": ["1us", "2us"]}
    seen = {"concurrency": (1, 20), "rate_per_s": (90.0, 400.0), "cores": (2, 2)}
    text = profile_text(a_profile(scenario=scenario, scenario_samples=samples, seen=seen))
    assert "measured for: concurrency 1 to 20, rate 90 to 400/s, cores 2" in text
    assert 'fitted scenario "calls", 2 draws of 1 of its fields' in text
    assert "rates 3.0%, times 5.0%, and 5.0% for each doubling" in text


def test_a_comparison_begins_with_the_hosts_and_judges_by_the_intervals() -> None:
    changed = [a_quantity("wakeup.cpu", 2.1e-5), a_quantity("idle.exit", 9e-5), a_quantity("disk.fsync", 1.0)]
    other = a_profile(host=a_host(identity="xyz"), quantities=changed, samples={})
    lines = comparison_text(a_profile(), other, ("a.toml", "b.toml")).splitlines()
    assert lines[0].startswith("DIFFERENT HOSTS")
    by_name = {line.split()[0]: line for line in lines if "." in line.split()[0]}
    assert by_name["wakeup.cpu"].endswith("+5.0%  within the intervals")
    assert by_name["idle.exit"].endswith("+50.0%  different")
    assert by_name["disk.fsync"].split()[1] == "-"


def test_the_commands_show_and_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "p.toml"
    file.write_text(a_profile().to_toml())
    assert main(["profile", "show", str(file)]) == 0
    printed = capsys.readouterr()
    assert "not of this machine" in printed.err
    assert "wakeup" in printed.out
    assert main(["profile", "compare", str(file), str(file)]) == 0
    assert capsys.readouterr().out.startswith("the same host")
    assert main(["profile", "show", str(tmp_path / "none.toml")]) == 2
    error = capsys.readouterr().err
    assert "no readable file" in error
    assert "accepted: a profile, as `sim calibrate` writes it" in error


def test_what_found_no_quiet_moment_keeps_its_earlier_number() -> None:
    now = [a_quantity("wakeup.cpu", 1.0, date="2027"), a_quantity("scheduler.tick", 0.01, origin="read")]
    new = a_profile(quantities=now, samples={"wakeup.cpu": [0.9, 1.0, 1.1]})
    joined = _joined(a_profile(), new)
    found = {quantity.name: quantity for quantity in joined.quantities}
    assert found["wakeup.cpu"].date == "2027"
    assert found["idle.exit"].date.startswith("2026")
    assert found["scheduler.tick"].value == 0.004
    assert joined.samples == {"wakeup.cpu": [0.9, 1.0, 1.1], "idle.exit": [5e-5, 7e-5, 5e-5]}

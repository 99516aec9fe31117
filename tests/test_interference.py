"""Interference: what counts as a disturbance, and that what was disturbed is measured again and never averaged."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from calibration.interference import (
    Interference,
    Limits,
    NeverQuiet,
    ProcSource,
    Reading,
    Watch,
    between,
    drift,
    repeat_until_quiet,
)


class Script:
    """Gives prepared readings: each pair is the share of the machine that others and the hypervisor took."""

    cores = 2

    def __init__(self, *pairs: tuple[float, float]) -> None:
        self.pairs = list(pairs)
        self.at_s = self.others_s = self.steal_s = 0.0
        self.begun = False

    def read(self, own: Iterable[int]) -> Reading:
        if self.begun:
            others, steal = self.pairs.pop(0)
            self.at_s += 1.0
            self.others_s += 2 * others
            self.steal_s += 2 * steal
        self.begun = not self.begun
        return Reading(self.at_s, self.steal_s, self.others_s, {})


def repeated(script: Script, values: list[float], **options):
    remaining = list(values)
    return repeat_until_quiet(lambda: remaining.pop(0), watch=lambda: Watch(source=script), **options)


def test_a_disturbed_repeat_is_left_out_and_made_again() -> None:
    script = Script((0.0, 0.0), (0.5, 0.0), (0.01, 0.005), (0.0, 0.0))
    done = repeated(script, [1.0, 99.0, 2.0, 3.0], repeats=3, retries=1)
    assert done.quiet == [1.0, 2.0, 3.0]
    assert [repeat.value for repeat in done.disturbed] == [99.0]
    assert done.disturbed[0].problems == ("other processes used 50.0% of the machine (limit 3.5%)",)
    assert script.pairs == []


def test_a_machine_that_never_gets_quiet_is_an_error_that_names_the_worst() -> None:
    script = Script((0.1, 0.0), (0.0, 0.3), (0.0, 0.0))
    with pytest.raises(NeverQuiet, match=r"2 of 3 repeats .*the hypervisor took 30\.0%"):
        repeated(script, [1.0, 2.0, 3.0], repeats=2, retries=1)


def test_a_stray_value_is_a_disturbance_that_no_counter_showed() -> None:
    script = Script(*[(0.0, 0.0)] * 4)
    done = repeated(script, [1.0, 1.3, 1.01, 0.99], repeats=3, retries=2, key=lambda value: value)
    assert done.quiet == [1.0, 1.01, 0.99]
    assert "from that of the other repeats" in done.disturbed[0].problems[0]


def test_waits_of_own_threads_are_a_share_of_what_they_wanted() -> None:
    before = Reading(0.0, 0.0, 0.0, {"7": (1.0, 0.5), "8": (0.0, 0.0)})
    after = Reading(2.0, 0.0, 0.0, {"7": (1.9, 0.6), "9": (5.0, 5.0)})
    found = between(before, after, 2)
    assert found.wait_share == pytest.approx(0.1)
    assert found.problems(Limits(wait=0.05)) == ["its processes waited 10.0% of the CPU time they wanted (limit 5.0%)"]
    assert found.problems(Limits()) == []


def test_counters_that_went_back_are_no_negative_load() -> None:
    found = between(Reading(0.0, 5.0, 9.0, {}), Reading(1.0, 4.0, 8.0, {}), 1)
    assert (found.others_share, found.steal_share, found.wait_share) == (0.0, 0.0, None)


def test_severity_is_relative_to_the_limit() -> None:
    assert Interference(1.0, 0.06, 0.005).severity(Limits()) == pytest.approx(2.0)
    assert Interference(1.0, 0.06, 0.005).severity(Limits(others=None, steal=None)) == 0.0


def test_drift_ignores_one_stray_value() -> None:
    assert drift([1.0, 1.1, 1.2, 1.3, 1.4]) == pytest.approx(0.4 / 1.2)
    assert drift([1.0, 1.0, 9.0, 1.0, 1.0]) == 0.0
    assert drift([1.0, 2.0]) == 0.0


def process(
    root: Path, pid: int, parent: int, ticks: tuple[int, int, int, int], waits: tuple[int, int] | None = None
) -> None:
    folder = root / str(pid)
    (folder / "task" / str(pid)).mkdir(parents=True, exist_ok=True)
    fields = ["S", str(parent), *["0"] * 9, *map(str, ticks), "0"]
    (folder / "stat").write_text(f"{pid} (a) name) {' '.join(fields)}\n")
    if waits is not None:
        (folder / "task" / str(pid) / "schedstat").write_text(f"{waits[0]} {waits[1]} 3\n")


def test_descendants_and_named_processes_are_not_others(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text("cpu 1 2 3 4 5 6 7 800 0 0\n")
    me = os.getpid()
    process(tmp_path, me, 1, (100, 0, 0, 0))
    process(tmp_path, me + 1, me, (100, 0, 0, 0), (2_000_000_000, 500_000_000))
    process(tmp_path, me + 2, me + 1, (100, 0, 0, 0))
    process(tmp_path, 3, 1, (10, 20, 30, 40))
    process(tmp_path, 4, 1, (1000, 0, 0, 0))
    process(tmp_path, 5, 2, (7, 0, 0, 0))
    reading = ProcSource(root=tmp_path).read([4])
    per_s = os.sysconf("SC_CLK_TCK")
    assert reading.others_s == pytest.approx(107 / per_s)
    assert reading.steal_s == pytest.approx(800 / per_s)
    assert reading.waits == {str(me + 1): (2.0, 0.5)}
    assert ProcSource(root=tmp_path, kernel_threads=False).read([4]).others_s == pytest.approx(100 / per_s)


def test_one_step_of_the_counters_in_a_short_measurement_is_no_disturbance() -> None:
    before, after = Reading(0.0, 0.0, 0.0, {}), Reading(0.2, 0.01, 0.0, {})
    assert between(before, after, cores=2).steal_share == pytest.approx(0.025)
    assert between(before, after, cores=2).problems(Limits()) == []
    later = Reading(0.2, 0.03, 0.0, {})
    assert len(between(before, later, cores=2).problems(Limits())) == 1

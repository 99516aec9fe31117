"""Calibration of a host: rounds with a fake executor, estimates, facts from prepared files, the probes' sums."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest

from calibration.host.calibrate import profile_of, time_to_compare
from calibration.host.estimates import estimate
from calibration.host.facts import System, cgroup_limits, read_host
from calibration.host.placement import _weigh, balance_interval_s
from calibration.host.probe import Probe, probes
from calibration.host.probes import lines
from calibration.host.probes.messages import coefficients
from calibration.host.probes.scheduler import handovers_ns, share_at_once, tick_of, turns_of
from calibration.host.processes import Unavailable, WorkerFailed, cpu_list, levels_up_to, run_together
from calibration.host.quantities import description_of
from calibration.host.runner import FreshProcess, Plan, RunFailed, RunResult, Session
from calibration.interference import Limits, Reading, Watch
from simulator.cli.calibrate_host import after_compiling
from simulator.cli.main import main

PROBE = Probe("core", "core", 1.0, 0.5, Limits(), "core.work_rate")
OTHER = Probe("locks", "locks", 1.0, 0.5, Limits(stray=None), "lock.handoff")


class Machine:
    """A clock, an executor and a source of readings in one; every run takes a second."""

    cores = 1

    def __init__(self, answers: dict[str, list[Any]], others: list[float] | None = None) -> None:
        self.answers = {name: list(values) for name, values in answers.items()}
        self.others = list(others or [])
        self.now = 0.0
        self.others_s = 0.0
        self.order: list[tuple[str, float]] = []

    def clock(self) -> float:
        return self.now

    def run(self, probe: Probe, window_s: float) -> RunResult:
        self.order.append((probe.name, window_s))
        self.now += 1.0
        self.others_s += self.others.pop(0) if self.others else 0.0
        answer = self.answers[probe.name].pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer if isinstance(answer, RunResult) else RunResult({probe.key: [answer]})

    def read(self, own: Iterable[int]) -> Reading:
        return Reading(self.now, 0.0, self.others_s, {})

    def session(self, *wanted: Probe, **plan: Any) -> Session:
        return Session(
            wanted,
            Plan(**{"least": 2, "most": 3, "budget_s": 100.0, **plan}),
            executor=self,
            watch=lambda probe: Watch(source=self),
            clock=self.clock,
        )


def test_probes_take_turns_and_stop_when_they_are_stable() -> None:
    machine = Machine({"core": [100.0, 100.1, 0.0], "locks": [1.0, 2.0, 1.5]})
    machine.session(PROBE, OTHER).measure()
    assert [name for name, _ in machine.order] == ["core", "locks", "core", "locks", "locks"]


def test_quick_runs_have_the_short_window() -> None:
    machine = Machine({"core": [100.0, 100.0]})
    machine.session(PROBE, quick=True).measure()
    assert {window for _, window in machine.order} == {0.5}


def test_a_disturbed_run_is_made_again_and_left_out() -> None:
    machine = Machine({"core": [50.0, 100.0, 100.0]}, others=[0.5, 0.0, 0.0])
    session = machine.session(PROBE)
    session.measure()
    profile = profile_of(session).profile
    found = profile.quantity("core.work_rate")
    assert found is not None
    assert found.value == 100.0
    assert found.left_out == 1


def test_a_machine_that_is_never_quiet_gives_no_number() -> None:
    machine = Machine({"core": [50.0] * 9}, others=[0.5] * 9)
    session = machine.session(PROBE)
    session.measure()
    calibrated = profile_of(session)
    assert len(machine.order) == 6
    assert calibrated.never_quiet == ["core"]
    assert [one for one in calibrated.profile.quantities if one.origin == "measured"] == []
    assert "other processes used 50.0% of the machine" in calibrated.profile.left_out[0].reason


def test_a_probe_that_waited_for_a_core_was_disturbed() -> None:
    probe = Probe("core", "core", 1.0, 0.5, Limits(wait=0.03), "core.work_rate")
    results = [RunResult({"core.work_rate": [9.0]}, 0.2), *[RunResult({"core.work_rate": [10.0]}, 0.01)] * 2]
    session = Machine({"core": results}).session(probe)
    session.measure()
    assert [bool(run.problems) for run in session.outcomes[0].runs] == [True, False, False]


def test_a_stray_run_is_left_out() -> None:
    session = Machine({"core": [100.0, 80.0, 100.0, 101.0]}).session(PROBE, least=3)
    session.measure()
    assert [run.quantities["core.work_rate"] for run in session.outcomes[0].quiet] == [
        [100.0],
        [100.0],
        [101.0],
    ]


def test_no_run_is_begun_that_the_budget_does_not_hold() -> None:
    machine = Machine({"core": [1.0, 2.0, 3.0]})
    machine.session(PROBE, budget_s=2.5).measure()
    assert len(machine.order) == 2


def test_what_the_host_does_not_permit_is_named_once() -> None:
    machine = Machine({"core": [RunResult({}, None, "no permission")], "locks": [RunFailed("broke")]})
    session = machine.session(PROBE, OTHER)
    session.measure()
    left_out = {left.probe: left.reason for left in profile_of(session).profile.left_out}
    assert left_out == {"core": "no permission", "locks": "the probe failed: broke"}
    assert len(machine.order) == 2


def test_an_interruption_keeps_what_was_measured() -> None:
    machine = Machine({"core": [100.0, 100.0], "locks": [1.0, KeyboardInterrupt()]})
    session = machine.session(PROBE, OTHER)
    with pytest.raises(KeyboardInterrupt):
        session.measure()
    profile = profile_of(session).profile
    assert [one.name for one in profile.quantities if one.origin == "measured"] == [
        "core.work_rate",
        "lock.handoff",
    ]
    assert profile.quantities[1].identified == "weakly"


def test_the_interval_of_few_normal_runs_covers() -> None:
    """With three runs of a normal value 95 % intervals must hold it about that often; a plain bootstrap holds 60 %."""
    random = Random(5)
    covered = 0
    for trial in range(300):
        runs = [[random.gauss(100.0, 1.0)] for _ in range(3)]
        generator = Random(trial)
        indices = [[generator.randrange(3) for _ in range(3)] for _ in range(100)]
        found = estimate(runs, indices, generator)
        assert found.interval is not None
        covered += found.interval[0] <= 100.0 <= found.interval[1]
    assert 0.85 <= covered / 300 <= 1.0


def test_values_of_very_different_size_have_a_finite_interval_that_is_not_negative() -> None:
    found = estimate([[0.001], [0.5], [1.0]], [[0, 1, 2], [0, 0, 0], [2, 2, 2]], Random(1))
    assert found.interval is not None
    assert found.interval[0] == 0.0
    assert found.interval[1] < 5.0


def test_the_tick_is_read_where_it_was_not_measured() -> None:
    session = Machine({"core": [100.0, 100.0]}).session(PROBE)
    session.measure()
    host = read_host().model_copy(update={"kernel_hz": 250})
    tick = profile_of(session, host=host).profile.quantity("scheduler.tick")
    assert tick is not None
    assert (tick.value, tick.origin, tick.interval) == (0.004, "read", None)


def test_a_single_undisturbed_run_is_kept_as_weakly_identified() -> None:
    session = Machine({"core": [100.0]}).session(PROBE, budget_s=1.5)
    session.measure()
    calibrated = profile_of(session)
    found = calibrated.profile.quantity("core.work_rate")
    assert found is not None
    assert (found.interval, found.identified, calibrated.never_quiet) == (None, "weakly", [])


def test_one_value_has_no_interval() -> None:
    assert estimate([[5.0]], [[0]] * 4, Random(1)).interval is None


def test_every_quantity_of_every_probe_is_described() -> None:
    for probe in probes("."):
        if not probe.key.endswith("compute"):
            assert description_of(probe.key).how
    with pytest.raises(KeyError):
        description_of("nothing.like_this")


def test_batch_costs_are_recovered_and_never_negative() -> None:
    rows = [(k, k * s, 3e-6 + 2e-7 * k + 1e-10 * k * s) for k in (1.0, 4.0, 16.0) for s in (100, 1000)]
    assert coefficients(rows) == pytest.approx((3e-6, 2e-7, 1e-10), rel=1e-6)
    falling = [(1.0, 100.0, 2e-6), (2.0, 200.0, 1e-6), (4.0, 400.0, 1e-6)]
    assert min(coefficients(falling)) >= 0


def test_turns_end_where_the_other_spinner_runs() -> None:
    written = [[0, 4, 5, 8, 20, 24], [9, 12, 13, 19, 25, 30]]
    assert turns_of(written) == [(9, 19, 1), (20, 24, 0)]
    assert handovers_ns([(0, 8, 0), (9, 19, 1), (20, 24, 0)]) == [1, 1]


def test_wake_ups_within_half_a_millisecond_ran_at_once() -> None:
    assert share_at_once([4_000, 60_000, 499_999, 500_000, 3_600_000]) == pytest.approx(0.6)


def test_the_tick_is_the_longest_grid_that_most_switches_lie_on() -> None:
    random = Random(3)
    on_grid = [round(1e9 + k * 4e6 * random.randrange(1, 4) + random.gauss(2e6, 5e3)) for k in range(60)]
    assert tick_of(on_grid) == pytest.approx(0.004)
    stray = [random.randrange(10**9) for _ in range(20)]
    assert tick_of(on_grid + stray) == pytest.approx(0.004)
    assert tick_of([random.randrange(10**9) for _ in range(200)]) is None


def test_the_balance_interval_is_twice_the_mean_wait() -> None:
    assert balance_interval_s([0.004, 0.014, 0.030]) == 0.032


def test_placement_is_found_on_the_grid_and_a_flat_direction_stays_wide() -> None:
    coarse = np.array([0.0, 0.5, 1.0])
    table = np.repeat((2.0 - coarse)[:, None, None], 3, axis=1) * np.ones(4)
    placed = _weigh(coarse, table, np.full(4, 2.0 - 0.3), np.full(4, 0.05), 200)
    assert placed.search == pytest.approx(0.3, abs=0.03)
    assert statistics.pstdev(placed.search_draws) < 0.05
    assert statistics.pstdev(placed.steal_draws) > 0.25


def write(root: Path, **texts: str) -> None:
    for name, text in texts.items():
        file = root / name.replace("__", "/").replace("_DOT_", ".")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


def test_facts_are_read_from_the_system(tmp_path: Path) -> None:
    info = "".join(
        f"processor\t: {cpu}\nmodel name\t: Fast CPU\nphysical id\t: {cpu // 2}\nflags\t\t: fpu hypervisor\n\n"
        for cpu in range(4)
    )
    write(
        tmp_path,
        proc__cpuinfo=info,
        proc__meminfo="MemTotal:  1024 kB\n",
        sys__devices__system__cpu__cpu0__topology__thread_siblings_list="0-1\n",
        sys__devices__system__cpu__cpu0__cpufreq__scaling_governor="powersave\n",
        sys__devices__system__cpu__cpu0__cache__index3__size="32768K\n",
        proc__sys__kernel__sched_autogroup_enabled="1\n",
    )
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "config-6.1.0").write_text("CONFIG_HZ_1000=y\nCONFIG_HZ=1000\n")
    host = read_host(System(tmp_path, 3, "6.1.0"))
    assert (host.processor, host.cpus, host.usable, host.sockets, host.threads_per_core) == (
        "Fast CPU",
        4,
        3,
        2,
        2,
    )
    assert (host.memory_bytes, host.last_cache_bytes, host.virtual, host.kernel_hz) == (
        2**20,
        2**25,
        True,
        1000,
    )
    assert (host.governor, host.cgroup_quota, host.autogroup) == ("powersave", None, True)


def test_the_tightest_limit_on_the_way_up_counts(tmp_path: Path) -> None:
    write(tmp_path, proc__self__cgroup="0::/a/b\n")
    for place, quota in (("a", "300000 100000"), ("a/b", "75000 50000")):
        folder = tmp_path / "sys/fs/cgroup" / place
        folder.mkdir(parents=True)
        (folder / "cpu.max").write_text(quota + "\n")
        (folder / "memory.max").write_text("max\n")
    assert cgroup_limits(System(tmp_path, 1, "6")) == (1.5, 50_000_000, None)


def test_limits_of_the_first_version_of_cgroups(tmp_path: Path) -> None:
    write(tmp_path, proc__self__cgroup="4:memory:/x\n1:cpu,cpuacct:/\n")
    for place, name, number in (
        ("cpu", "cpu.cfs_quota_us", -1),
        ("cpu", "cpu.cfs_period_us", 100_000),
        ("memory/x", "memory.limit_in_bytes", 4096),
    ):
        folder = tmp_path / "sys/fs/cgroup" / place
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{number}\n")
    assert cgroup_limits(System(tmp_path, 1, "6")) == (None, None, 4096)


def test_lists_of_cpus_and_levels() -> None:
    assert cpu_list("0-2,5\n") == [0, 1, 2, 5]
    assert [levels_up_to(cores) for cores in (1, 2, 6, 8)] == [[1], [1, 2], [1, 2, 4, 6], [1, 2, 4, 8]]


def children() -> set[str]:
    return set(Path(f"/proc/self/task/{os.getpid()}/children").read_text().split())


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_workers_begin_together_and_none_is_left() -> None:
    before = children()

    def body(index: int, begin_ns: int, end_ns: int, slab: memoryview) -> int:
        slab[0], slab[1] = index, begin_ns
        return 2

    written, _ = run_together(3, body, window_s=0.01)
    assert [row[0] for row in written] == [0, 1, 2]
    assert len({row[1] for row in written}) == 1
    assert children() == before


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
@pytest.mark.parametrize("where", ["body", "warm_up"])
def test_a_worker_that_fails_is_an_error_and_none_is_left(where: str) -> None:
    before = children()

    def fail(*arguments: Any) -> int:
        os._exit(3)

    def fine(*arguments: Any) -> int:
        return 0

    with pytest.raises(WorkerFailed, match="ended"):
        run_together(2, fail if where == "body" else fine, window_s=0.01, warm_up=fail if where == "warm_up" else None)
    assert children() == before


def test_a_probe_runs_in_a_fresh_process() -> None:
    found = FreshProcess().run(Probe("core", "core", 0.02, 0.02, Limits(), "core.work_rate"), 0.02)
    assert found.quantities["core.work_rate"][0] > 0
    assert found.wait_share is not None


def test_a_ring_of_lines_is_one_ring() -> None:
    first = lines.ring(64 * 1000)
    met, link = 1, first.next
    while link is not first:
        met, link = met + 1, link.next
    assert met == 1000
    assert lines.walk(first, 1000) is first


def test_a_line_beyond_the_cache_takes_longer_than_one_within() -> None:
    found, _ = lines.measure(0.02)
    assert found["memory.line"][0] > 1e-9


def test_a_probe_that_breaks_gives_its_last_line() -> None:
    with pytest.raises(RunFailed, match="unexpected keyword argument"):
        FreshProcess().run(Probe("core", "core", 0.1, 0.1, Limits(), "x", {"nonsense": 1}), 0.1)


def test_a_disk_in_memory_is_unavailable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from calibration.host.probes import disk

    monkeypatch.setattr(disk, "_in_memory", lambda place: True)
    with pytest.raises(Unavailable, match="kept in memory"):
        disk.measure(0.1, str(tmp_path))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--only", "nonsense"], "--only: found nonsense; accepted: one of: core"),
        (["--disk", "/no/such/place"], "--disk: found /no/such/place; accepted: a directory"),
    ],
)
def test_bad_options_cost_no_measurement(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", "host", *arguments]) == 2
    assert said in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs /proc")
def test_ctrl_c_keeps_what_there_is_and_leaves_no_process(tmp_path: Path) -> None:
    # A shell in the background ignores the signal, and so would what it starts.
    script = (
        "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
        "from simulator.cli.main import main; sys.exit(main(['calibrate', 'host', '--only', 'core,locks']))"
    )
    program = [sys.executable, "-c", script]
    with subprocess.Popen(
        program,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parent.parent)},
    ) as process:
        assert process.stderr is not None
        assert b"core, run 1" in process.stderr.readline()
        worker = first_child(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=20) == 130
        assert b"interrupted" in process.stderr.read()
    assert not Path(f"/proc/{worker}").exists()
    assert not list(tmp_path.glob(".sim-*"))


def first_child(pid: int) -> str:
    """Wait until a process has a child and return its id."""
    while True:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return found[0]
        time.sleep(0.01)


def test_the_comparison_gets_what_measuring_has_left() -> None:
    assert time_to_compare(quick=True, used_s=9.0) == 2.5
    assert time_to_compare(quick=True, used_s=11.0) == 1.0
    assert time_to_compare(quick=False, used_s=47.0) == 8.0
    assert time_to_compare(quick=False, used_s=60.0) < 0.0


def test_compiling_the_fast_engine_takes_from_the_time_to_measure() -> None:
    times = iter((100.0, 107.5))
    asked: list[str] = []
    plan = after_compiling(Plan(budget_s=47.0), asked.append, lambda: next(times))
    assert (plan.budget_s, asked) == (39.5, ["fast"])


def test_a_first_run_that_the_budget_does_not_hold_is_not_begun() -> None:
    machine = Machine({"core": [1.0, 2.0, 3.0], "locks": [1.0]})
    session = machine.session(PROBE, OTHER, budget_s=2.0, least=1, most=1)
    session.measure()
    assert [name for name, _ in machine.order] == ["core"]
    reasons = {left.probe: left.reason for left in profile_of(session).profile.left_out}
    assert "the time was up" in reasons["locks"]

"""Real processes, for fractions of a second: what is recorded, what goes wrong, and that nothing is left behind."""

import contextlib
import os
import signal
import sys
import time

import psutil
import pytest

from calibration.command import calibrate_command
from calibration.live import cleanup, level_run
from calibration.live.errors import LiveError
from calibration.live.pacing import Pacing
from calibration.live.settings import Settings, default_connections, default_copies
from calibration.python_callable import calibrate_python
from tests.live_recordings import quiet_watch

MS = 1_000_000
SHORT = {"repeats": 1, "retries": 0, "duration_ns": 200 * MS, "warmup_ns": 50 * MS, "ready_timeout_s": 20.0}


def settings(copies=(1,), **changes):
    return Settings(copies, **{**SHORT, **changes})


def python(name, **changes):
    return calibrate_python(f"tests.live_targets:{name}", settings(**changes), lambda line: None, quiet_watch)


def command(*words, each_run=False, **changes):
    return calibrate_command(words, each_run, settings(**changes), lambda line: None, quiet_watch)


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert {child.pid for child in psutil.Process().children()} <= before


def reporting(body):
    """Return a command that speaks the line protocol; its body is Python."""
    text = (
        "import os, time, sys\nout = os.fdopen(int(os.environ['SIM_CALIBRATE_FD']), 'w', buffering=1)\n"
        + body
    )
    return sys.executable, "-c", text


def test_copies_of_a_callable_are_levels_of_one_table():
    told = []
    found = calibrate_python("tests.live_targets:work", settings((1, 3)), told.append, quiet_watch)
    assert [level.procs for level in found.table.levels] == [1, 3]
    assert [detail.copies for detail in found.details] == [1, 3]
    assert len(told) == 2
    assert told[1].startswith("3 copies, repeat 1: ")
    for level in found.table.levels:
        assert level.operations == pytest.approx(level.throughput_per_s * 0.2)
        assert level.cpu_busy_cores > 0
        assert level.percentiles_s[50.0] <= level.percentiles_s[99.0] <= level.max_s
    assert found.workload.demand.mean_s.value > 0
    assert found.workload.shape == "clock"
    assert found.table.leaves_out_late_starts is False
    assert found.never_quiet == []


def test_sleeping_is_a_wait_of_at_least_its_length():
    found = python("wait").workload
    assert found.wait.mean_s.value >= 0.0015
    assert found.demand.mean_s.value < found.wait.mean_s.value
    assert found.sleeps == pytest.approx(1.0, abs=0.2)


def test_a_think_time_is_outside_of_the_response_time_and_a_late_start_is_inside():
    found = python("work", pacing=Pacing(think_mean_ns=5 * MS, think_kind="constant"))
    (level,) = found.table.levels
    assert level.think_time_s == 0.005
    assert level.throughput_per_s < 200
    assert level.percentiles_s[50.0] >= found.details[0].start_delay_s
    assert found.workload.pacing_cpu_s is not None


def test_arrivals_that_find_the_callable_busy_wait_from_their_intended_start():
    # Operations of 2 ms at 2000/s: the queue grows, and response times are far above the service time.
    found = python("wait", rates_per_s=[2000.0])
    (level,) = found.table.levels
    assert level.kind == "open"
    assert level.arrival_rate_per_s == 2000.0
    assert level.mean_s > 5 * found.details[0].service_quantiles_s[5][1]


def test_failed_operations_are_counted_and_their_reason_is_kept():
    found = python("fail_every_third")
    assert found.failed_operations > 0
    assert found.problem == "ValueError: third time"
    assert 0.2 < found.table.levels[0].error_rate < 0.5


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("tests.live_targets:fail", "RuntimeError: out of order"),
        ("tests.live_targets:absent", "AttributeError"),
        ("tests.live_targets:shared", "a int, which cannot be called"),
        ("tests.no_such_module:x", "ModuleNotFoundError"),
        ("no_colon", "module:function"),
        (":x", "module:function"),
        ("x:", "module:function"),
        ("tests.live_targets:die", "exit code 3"),
    ],
)
def test_a_callable_that_cannot_be_measured_is_explained_on_one_line(target, said):
    with pytest.raises(LiveError) as error:
        calibrate_python(target, settings(duration_ns=2000 * MS), lambda line: None, quiet_watch)
    assert said in str(error.value)
    assert "accepted:" in str(error.value)
    assert "\n" not in str(error.value)


def test_what_an_operation_starts_does_not_outlive_the_measurement(tmp_path, monkeypatch):
    monkeypatch.setenv("LEFT_BEHIND", str(tmp_path / "pid"))
    python("leave_a_child")
    assert not psutil.pid_exists(int((tmp_path / "pid").read_text()))


def test_an_interruption_ends_all_copies(monkeypatch):
    started = []

    def interrupt(copies, at_ns):
        started.extend(copies.pids)
        raise KeyboardInterrupt

    monkeypatch.setattr(level_run, "_watch_until", interrupt)
    with pytest.raises(KeyboardInterrupt):
        python("work", copies=(3,))
    assert len(started) == 1  # the copy with the clock comes first
    assert not any(psutil.pid_exists(pid) for pid in started)


def test_a_hasty_second_interruption_does_not_cost_what_the_first_one_keeps():
    done = []
    with cleanup.guarded():
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)
        done.append("kept")
    assert done == ["kept"]


def test_termination_of_the_measuring_process_cleans_up_too():
    started = []

    def be_terminated():
        with cleanup.guarded():
            started.append(psutil.Popen(["sleep", "60"], start_new_session=True))
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)

    with pytest.raises(SystemExit) as stop:
        be_terminated()
    assert stop.value.code == 143
    assert not started[0].is_running()


@pytest.fixture
def _heeding_ctrl_c():
    """Have Ctrl-C heeded, which a shell has ignored by what it starts in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_heeding_ctrl_c")
def test_an_interruption_that_was_lost_on_its_way_ends_the_measurement_after_its_repeat(monkeypatch):
    watched = level_run._watch_until
    repeats = []

    def interrupt(copies, at_ns):
        repeats.append(at_ns)
        if len(repeats) == 5:  # twice for each repeat, after the copy with the clock
            with contextlib.suppress(KeyboardInterrupt):  # as Python does with what it runs around a fork
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)
        return watched(copies, at_ns)

    monkeypatch.setattr(level_run, "_watch_until", interrupt)
    found = python("work", repeats=5)
    assert found.interrupted
    assert len(found.table.levels) == 1
    cleanup.stop_if_interrupted()  # it belongs to the block that it came in


def test_a_command_with_ready_takes_part_in_the_barrier():
    body = (
        "print('ready', file=out)\n"
        "_, begin, end = os.read(int(os.environ['SIM_CALIBRATE_START_FD']), 100).split()\n"
        "time.sleep(max(0, int(begin) - time.monotonic_ns()) / 1e9)\n"
        "now = time.monotonic_ns()\n"
        "first = now >= int(begin)\n"
        "while now < int(end):\n"
        "    before = now\n"
        "    sum(range(1000))\n"
        "    now = time.monotonic_ns()\n"
        "    print('op', before, now, 'bytes=10', '' if first else 'error', file=out)\n"
    )
    found = command(*reporting(body), copies=(2,))
    (level,) = found.table.levels
    assert level.error_rate == 0
    assert level.network_bytes_per_s == pytest.approx(10 * level.throughput_per_s)
    assert found.workload.shape == "response"


def test_a_command_without_ready_is_stopped_at_the_end():
    body = (
        "while True:\n"
        "    before = time.monotonic_ns()\n"
        "    time.sleep(0.005)\n"
        "    print('op', before, time.monotonic_ns(), file=out)\n"
    )
    found = command(*reporting(body))
    assert 0 < found.table.levels[0].throughput_per_s <= 200
    assert found.workload.wait is not None


def test_times_of_the_real_time_clock_are_understood_when_they_are_declared():
    body = (
        "print('clock realtime', file=out)\n"
        "while True:\n"
        "    before = time.time_ns()\n"
        "    time.sleep(0.005)\n"
        "    print('op', before, time.time_ns(), file=out)\n"
    )
    assert command(*reporting(body)).table.levels[0].operations > 0
    undeclared = body.replace("clock realtime", "overhead 0")
    with pytest.raises(LiveError, match="CLOCK_MONOTONIC"):
        command(*reporting(undeclared))


def test_each_run_of_any_command_is_an_operation_when_asked_for():
    found = command("true", each_run=True)
    assert found.workload.shape == "clock"
    assert found.workload.sleeps > 0.5
    assert found.table.levels[0].throughput_per_s > 0


@pytest.mark.parametrize(
    ("words", "each_run", "said"),
    [
        ((), False, "a command after --"),
        (("/no/such/program",), False, "no program"),
        (("true",), False, "exit code 0 before its first operation"),
        (("false",), True, "exit code 1"),
        (("sh", "-c", "echo no disk >&2; exit 4"), False, 'last said "no disk"'),
        (("sh", "-c", "kill -9 $$"), False, "signal 9"),
        (
            (
                "sh",
                "-c",
                "echo what >>/dev/fd/$SIM_CALIBRATE_FD; echo ready >>/dev/fd/$SIM_CALIBRATE_FD; sleep 9",
            ),
            False,
            '"what"',
        ),
        (("sh", "-c", "echo fail no licence >>/dev/fd/$SIM_CALIBRATE_FD; sleep 9"), False, "no licence"),
        (("sleep", "9"), False, "no line from copy 1"),
    ],
)
def test_a_command_that_cannot_be_measured_is_explained_on_one_line(words, each_run, said):
    with pytest.raises(LiveError) as error:
        command(*words, each_run=each_run, ready_timeout_s=0.5 if words == ("sleep", "9") else 20.0)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_command_that_dies_half_way_is_named_with_its_copy():
    body = "print('op', time.monotonic_ns(), time.monotonic_ns(), file=out)\ntime.sleep(0.4)\nsys.exit(5)\n"
    with pytest.raises(LiveError, match="ended with exit code 5 before the measurement did"):
        command(*reporting(body), duration_ns=3000 * MS)


def test_a_callable_that_ends_its_process_is_told_what_a_callable_may_do():
    said = "ended with exit code 7 .*; accepted: a callable that leaves its process running"
    with pytest.raises(LiveError, match=said):
        python("end_the_process")


def test_a_level_without_any_operation_is_an_error():
    body = "print('op', time.monotonic_ns(), time.monotonic_ns(), file=out)\ntime.sleep(60)\n"
    with pytest.raises(LiveError, match="no operation that ended within"):
        command(*reporting(body))


def test_a_level_without_any_operation_costs_no_other_level():
    told = []
    found = calibrate_python("tests.live_targets:crowd", settings((1, 2)), told.append, quiet_watch)
    assert [level.procs for level in found.table.levels] == [1]
    assert "2 copies, repeat 1: found no operation that ended within 0.2 s (2 at once)" in found.not_measured[0]
    assert told[-1] == f"not measured: {found.not_measured[0]}"


def test_an_operation_longer_than_the_short_look_at_one_copy_is_measured_in_the_window_asked_for(monkeypatch):
    monkeypatch.setattr("calibration.live.program_measurement.CLOCKED_AT_MOST_NS", 10 * MS)
    assert python("wait_long", duration_ns=400 * MS).table.levels[0].operations >= 1


def test_levels_without_names_are_powers_of_two_up_to_the_cores():
    assert [default_copies(cores) for cores in (1, 2, 7, 8)] == [[1, 2], [1, 2], [1, 2, 4], [1, 2, 4, 8]]
    assert [default_connections(cores) for cores in (1, 2, 8)] == [[1, 2, 4], [1, 4, 8], [1, 16, 32]]


@pytest.mark.parametrize("wrong", [{"copies": ()}, {"copies": (0,)}, {"repeats": 0}, {"duration_ns": 0}])
def test_settings_that_cannot_be_are_refused(wrong):
    with pytest.raises(LiveError, match="accepted"):
        Settings(**{"copies": (1,), **wrong})

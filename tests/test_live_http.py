"""HTTP services: closed and open load, whose CPU it is, what goes wrong, and that no server is left behind."""

import contextlib
import socket
import sys
import threading

import psutil
import pytest

from calibration.http import Target, calibrate_http
from calibration.live import level_run
from calibration.live.errors import LiveError
from calibration.live.http_load import HttpLoad
from calibration.live.pacing import Pacing
from calibration.live.served import check_local
from calibration.live.settings import Settings
from tests.live_recordings import quiet_watch
from tests.live_server import Handler, Server

MS = 1_000_000
SHORT = {"repeats": 1, "retries": 0, "duration_ns": 300 * MS, "warmup_ns": 50 * MS, "ready_timeout_s": 20.0}


@pytest.fixture(autouse=True)
def _nothing_is_left_behind():
    before = {child.pid for child in psutil.Process().children()}
    yield
    assert {child.pid for child in psutil.Process().children()} <= before


@pytest.fixture
def port():
    """A port that nothing listens on."""
    with contextlib.closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def here():
    """The address of a server in this process."""
    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def start_of(port, *words):
    return " ".join([sys.executable, "-m", "tests.live_server", str(port), *words])


def measure(url, copies=(1,), *, timeout_s=5.0, method="GET", pid=None, start=None, stop=None, **changes):
    load = HttpLoad(url, timeout_s=timeout_s, method=method)
    settings = Settings(copies, **{**SHORT, **changes})
    return calibrate_http(Target(load, pid, start, stop), settings, lambda line: None, quiet_watch)


def test_a_closed_level_tells_server_from_generator(port):
    found = measure(f"http://127.0.0.1:{port}/", (1, 4), start=start_of(port))
    one, four = found.table.levels
    assert (one.procs, four.procs, four.kind) == (1, 4, "closed")
    for level, detail in zip(found.table.levels, found.details, strict=True):
        assert level.cpu_busy_cores > 0
        assert level.generator_cpu_cores > 0
        assert level.error_rate == 0
        assert detail.network_bytes > 500
        assert detail.process_cpu_cores
        assert level.memory_bytes > 1_000_000
    assert found.workload.demand.mean_s.value > 0
    assert found.workload.generator_cpu_s.value > 0
    assert found.workload.processes == 1


def test_a_server_that_waits_is_not_one_that_works(port):
    found = measure(f"http://127.0.0.1:{port}/sleep", start=start_of(port)).workload
    assert found.wait.mean_s.value > 0.008
    assert found.demand.mean_s.value < 0.5 * found.wait.mean_s.value


def test_an_open_level_keeps_its_rate_though_each_answer_takes_longer_than_its_interval(here):
    found = measure(f"{here}/sleep", (64,), rates_per_s=[300.0])
    (level,) = found.table.levels
    assert level.kind == "open"
    assert level.operations == pytest.approx(90, abs=45)
    assert level.mean_s >= 0.01


def test_an_open_level_counts_the_wait_for_a_connection(here):
    # One connection does at most a hundred requests of 10 ms per second, so at 400/s they queue up.
    found = measure(f"{here}/sleep", (1,), rates_per_s=[400.0])
    (level,) = found.table.levels
    assert level.throughput_per_s <= 105
    assert level.mean_s > 3 * found.details[0].service_quantiles_s[5][1]


def test_think_time_paces_every_connection(here):
    found = measure(f"{here}/", (2,), pacing=Pacing(think_mean_ns=20 * MS, think_kind="constant"))
    assert found.table.levels[0].throughput_per_s <= 100
    assert found.table.levels[0].think_time_s == 0.02


def test_a_running_server_is_observed_and_left_alone(here):
    import os

    found = measure(f"{here}/", pid=os.getpid(), method="POST")
    assert found.table.levels[0].cpu_busy_cores > 0


def test_without_the_server_in_sight_there_are_levels_but_no_demand(here):
    found = measure(f"{here}/")
    assert found.workload is None
    assert found.table.levels[0].throughput_per_s > 0
    assert found.table.levels[0].cpu_busy_cores is None


def test_a_server_that_goes_into_the_background_is_found_and_ended(port):
    found = measure(f"http://127.0.0.1:{port}/", start=start_of(port, "background"))
    assert found.table.levels[0].cpu_busy_cores > 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_the_command_that_stops_the_server_is_run(port, tmp_path):
    mark = tmp_path / "stopped"
    measure(f"http://127.0.0.1:{port}/", start=start_of(port), stop=f"touch {mark}")
    assert mark.exists()


def test_an_interruption_ends_server_and_generator(port, monkeypatch):
    seen = []
    before = {child.pid for child in psutil.Process().children()}  # such as a compiler that another test began

    def interrupt(copies, at_ns):
        seen.extend(child.pid for child in psutil.Process().children() if child.pid not in before)
        raise KeyboardInterrupt

    monkeypatch.setattr(level_run, "_watch_until", interrupt)
    with pytest.raises(KeyboardInterrupt):
        measure(f"http://127.0.0.1:{port}/", start=start_of(port))
    assert len(seen) >= 2
    assert not any(psutil.pid_exists(pid) for pid in seen)


@pytest.mark.parametrize(
    ("path", "said"),
    [("/error", "status 503"), ("/hang", "no answer within 0.3 s"), ("/quit", "connection re")],
)
def test_a_url_that_does_not_answer_well_is_explained_on_one_line(port, path, said):
    with pytest.raises(LiveError) as error:
        measure(f"http://127.0.0.1:{port}{path}", start=start_of(port), timeout_s=0.3)
    assert said in str(error.value)
    assert "a URL that answers" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_server_that_dies_half_way_is_an_error(port):
    with pytest.raises(LiveError, match=r"has ended|all failed"):
        measure(f"http://127.0.0.1:{port}/last", start=start_of(port))


def test_a_url_that_refuses_is_named(port):
    with pytest.raises(LiveError, match="connection refused"):
        measure(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("/no/such/server", "no such file"),
        ("sh -c 'echo bad configuration; exit 7'", 'exit code 7, which last said "bad configuration"'),
        ("sleep 30", "nothing on 127.0.0.1"),
        ("sh -c 'unfinished", "no closing quotation"),
    ],
)
def test_a_server_that_does_not_come_up_is_explained_on_one_line(port, start, said):
    with pytest.raises(LiveError) as error:
        measure(f"http://127.0.0.1:{port}/", start=start, ready_timeout_s=0.5)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_a_port_that_is_taken_is_not_mistaken_for_the_server(here):
    with pytest.raises(LiveError, match="already"):
        measure(f"{here}/", start=start_of(here.rsplit(":", 1)[1]))


def test_a_server_process_that_is_not_there_is_named(here):
    with pytest.raises(LiveError, match="which is not running"):
        measure(f"{here}/", pid=2**22 + 1)


@pytest.mark.parametrize(
    "url",
    ["", "x", "ftp://127.0.0.1/", "http://", "http://127.0.0.1:99999/", "http://192.0.2.1/", "http://[::2]/"],
)
def test_only_services_on_this_machine_are_put_under_load(url):
    with pytest.raises(LiveError, match=r"127\.0\.0\.1"):
        check_local(url)


def test_the_port_of_a_url_is_that_of_its_scheme():
    assert check_local("http://127.0.0.1/") == ("127.0.0.1", 80)
    assert check_local("https://127.0.0.1/") == ("127.0.0.1", 443)
    assert check_local("http://127.0.0.7:81") == ("127.0.0.7", 81)

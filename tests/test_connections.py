"""Whom a service talks to: connections that its clients did not make."""

import os
import socket

import psutil
import pytest

from calibration.live.connections import connections_elsewhere

NOBODY = 1 << 22
"""Beyond the highest process id."""


@pytest.fixture
def child():
    """What opens sockets in a process of its own: connects to a port, listens and is connected to, or has a pair."""
    started = []

    def start(prepare):
        ready, told = os.pipe()
        pid = os.fork()
        if pid == 0:
            kept = prepare()
            os.write(told, b"1")
            os.read(os.pipe()[0], 1)
            os._exit(kept is None)
        started.append(pid)
        assert os.read(ready, 1) == b"1"
        os.close(ready)
        os.close(told)
        return pid

    yield start
    for pid in started:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def test_a_connection_that_the_service_made_counts_and_one_that_was_made_to_it_does_not(child):
    with socket.create_server(("127.0.0.1", 0)) as database:
        other = child(lambda: socket.create_connection(database.getsockname()))
        assert connections_elsewhere([other]) == 1
    with socket.create_server(("127.0.0.1", 0)) as place:
        address = place.getsockname()
    listening = child(lambda: socket.create_server(address))
    with socket.create_connection(address):
        assert connections_elsewhere([listening]) == 0
        assert connections_elsewhere([listening, other]) == 1


def test_the_pair_by_which_a_loop_wakes_itself_is_no_connection(child):
    assert connections_elsewhere([child(socket.socketpair)]) == 0
    assert connections_elsewhere([child(lambda: [socket.socketpair(), socket.socketpair()])]) == 2


def test_a_process_that_has_ended_has_none():
    assert connections_elsewhere([NOBODY]) == 0


def test_of_a_process_that_may_not_be_looked_at_nothing_is_known(monkeypatch):
    def refused(self, kind):
        raise psutil.AccessDenied

    monkeypatch.setattr(psutil.Process, "net_connections", refused)
    assert connections_elsewhere([os.getpid()]) is None

"""Who measures runs before the copies without a weight in their queues, and begins when these have evened out."""

import os

import pytest

from calibration.live import level_run, program_measurement
from calibration.live.level_run import Plan
from calibration.live.pacing import Pacing
from tests.live_recordings import MS, SECOND, recording


class Kernel:
    """What this thread is, as the scheduler would hold it; `refused` are the calls that lack the permission."""

    def __init__(self, monkeypatch, *refused):
        self.policy, self.priority, self.nice = os.SCHED_OTHER, 0, 3
        for name in ("sched_setscheduler", "setpriority"):
            monkeypatch.setattr(os, name, self.refuse if name in refused else getattr(self, name))
        monkeypatch.setattr(os, "sched_getscheduler", lambda pid: self.policy)
        monkeypatch.setattr(os, "sched_getparam", lambda pid: os.sched_param(self.priority))
        monkeypatch.setattr(os, "getpriority", lambda which, who: self.nice)

    def refuse(self, *arguments):
        raise PermissionError("not permitted")

    def sched_setscheduler(self, pid, policy, parameters):
        assert pid == 0
        self.policy, self.priority = policy, parameters.sched_priority

    def setpriority(self, which, who, value):
        assert (which, who) == (os.PRIO_PROCESS, 0)
        self.nice = value

    def state(self):
        return self.policy & ~os.SCHED_RESET_ON_FORK, self.priority, self.nice


@pytest.mark.parametrize(
    ("refused", "meanwhile"),
    [
        ((), (os.SCHED_FIFO, 1, 3)),
        (("sched_setscheduler",), (os.SCHED_OTHER, 0, -20)),
        (("sched_setscheduler", "setpriority"), (os.SCHED_OTHER, 0, 3)),
    ],
)
def test_who_measures_goes_first_as_far_as_is_permitted_and_is_as_before_afterwards(monkeypatch, refused, meanwhile):
    kernel = Kernel(monkeypatch, *refused)
    before = kernel.state()
    with level_run._ahead():
        assert kernel.state() == meanwhile
    assert kernel.state() == before


def test_what_goes_wrong_meanwhile_is_not_swallowed_and_the_policy_is_given_back(monkeypatch):
    kernel = Kernel(monkeypatch)
    with pytest.raises(ConnectionError), level_run._ahead():
        raise ConnectionError("an OSError of the measurement itself")
    assert kernel.state() == (os.SCHED_OTHER, 0, 3)


def test_nothing_that_is_started_meanwhile_inherits_the_policy(monkeypatch):
    kernel = Kernel(monkeypatch)
    with level_run._ahead():
        assert kernel.policy & os.SCHED_RESET_ON_FORK


@pytest.mark.parametrize(
    ("copies", "warmup_ms", "wanted_ms"),
    [
        (1, 50, 50),  # two operations of 20 ms are over by then
        (1, 10, 40),
        (8, 50, 160),  # on two cores, three more turns of 20 ms of CPU
        (50, 50, 1000),
        (500, 50, 3000),  # never longer than what is measured
    ],
)
def test_the_window_begins_when_every_copy_has_had_two_operations(monkeypatch, copies, warmup_ms, wanted_ms):
    monkeypatch.setattr(program_measurement, "usable_cores", lambda: 2)
    alone = recording([20 * MS] * 50, cpu_per_operation_ns=20 * MS)
    plan = Plan(copies, Pacing(), 3 * SECOND, warmup_ms * MS, 1)
    assert program_measurement._warmed(plan, alone).warmup_ns == pytest.approx(wanted_ms * MS, rel=0.01)

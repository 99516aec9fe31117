"""Quotas, pauses and shared cores, alone in a bare environment."""

from __future__ import annotations

import pytest
from component_kit import ONE, CoresKit, Kit
from hypothesis import given
from hypothesis import strategies as st

from models.cpu.fifo import FifoCores
from models.cpu.linux import LinuxCores
from models.cpu.processor_sharing import ProcessorSharingCores
from models.cpu.round_robin import RoundRobinCores
from models.pauses import Pauses
from models.records import (
    CORE_PAUSED,
    CORE_THROTTLED,
    CORE_WORKING,
    THROTTLED_OR_PAUSED,
    WAITING_FOR_CORE,
    WORKING,
)
from models.strand import Strand

SEPARATE = [FifoCores, RoundRobinCores, LinuxCores]
ALL = [*SEPARATE, ProcessorSharingCores]


# --- quota ---------------------------------------------------------------------------------------------------


def limited(discipline, cores=1, *, quota_ns=30, period_ns=100, slice_ns=0):
    """A kit whose group 1 has a quota; group 0 has none."""
    kit = CoresKit(discipline, cores)
    kit.group(quota_ns=quota_ns, period_ns=period_ns, quota_slice_ns=slice_ns)
    return kit


@pytest.mark.parametrize("discipline", ALL)
def test_a_burst_gets_its_quota_in_each_period(discipline):
    kit = limited(discipline)
    kit.ask(0, "a", 70, group=1)
    kit.run(1000)
    assert kit.finished == {"a": 210}  # 30, 30, 10


@pytest.mark.parametrize("discipline", ALL)
def test_the_worst_case_waits_almost_a_period(discipline):
    kit = limited(discipline)
    kit.ask(0, "a", 30, group=1)
    kit.ask(30, "b", 1, group=1)
    kit.run(1000)
    assert kit.finished == {"a": 30, "b": 101}


@pytest.mark.parametrize("discipline", ALL)
def test_several_cores_draw_on_one_budget(discipline):
    kit = limited(discipline, 3)
    for name in "abc":
        kit.ask(0, name, 15, group=1)
    kit.run(1000)
    assert set(kit.finished.values()) == {105}  # 10 each at once, the last 5 in the next period


@pytest.mark.parametrize("discipline", ALL)
def test_what_is_not_used_in_a_period_is_lost(discipline):
    kit = limited(discipline)
    kit.ask(250, "a", 70, group=1)
    kit.run(1000)
    assert kit.finished == {"a": 410}


@pytest.mark.parametrize("discipline", ALL)
def test_others_run_while_one_is_throttled(discipline):
    kit = limited(discipline)
    kit.ask(0, "limited", 60, group=1)
    kit.ask(30, "free", 40)
    kit.run(1000)
    assert kit.finished == {"free": 70, "limited": 130}


@pytest.mark.parametrize("discipline", ALL)
def test_quotas_of_groups_on_the_same_cores_stay_separate(discipline):
    kit = limited(discipline, 2)
    kit.group(quota_ns=50, period_ns=100, quota_slice_ns=0)
    kit.ask(0, "a", 60, group=1)
    kit.ask(0, "b", 60, group=2)
    kit.run(1000)
    assert kit.finished == {"a": 130, "b": 110}


@pytest.mark.parametrize("discipline", ALL)
def test_throttled_time_is_its_own_state_and_cause(discipline):
    kit = limited(discipline)
    strand = Strand(kit.clock, 0)
    kit.ask(0, "a", 70, group=1, strand=strand)
    kit.run(300)
    assert (kit.states()[0][CORE_WORKING], kit.states()[0][CORE_THROTTLED]) == (70, 140)
    assert (strand.causes_ns[WORKING], strand.causes_ns[THROTTLED_OR_PAUSED]) == (70, 140)
    assert strand.causes_ns[WAITING_FOR_CORE] == 0


@pytest.mark.parametrize("discipline", SEPARATE)
def test_a_core_takes_a_slice_of_the_budget_at_a_time(discipline):
    kit = limited(discipline, 2, quota_ns=30, slice_ns=20)
    kit.ask(0, "a", 100, group=1)
    kit.ask(0, "b", 100, group=1)
    kit.run(1)
    group = kit.groups[1]
    assert [core.budget_ns[group] for core in kit.cores.cores] == [20, 10]
    assert group.left_ns == 0
    kit.run(15)
    assert [group in core.throttled for core in kit.cores.cores] == [False, True]
    kit.run(25)
    assert [group in core.throttled for core in kit.cores.cores] == [True, True]
    kit.run(101)
    assert [group in core.throttled for core in kit.cores.cores] == [False, False]


@pytest.mark.parametrize("discipline", SEPARATE)
def test_what_a_core_took_and_did_not_use_goes_back_when_it_idles(discipline):
    kit = limited(discipline, 2, quota_ns=30, slice_ns=25)
    kit.ask(0, "a", 5, group=1)
    kit.run(7)
    assert kit.groups[1].left_ns == 25
    kit.ask(10, "b", 25, group=1)
    kit.run(1000)
    assert kit.finished == {"a": 5, "b": 35}


@pytest.mark.parametrize("discipline", SEPARATE)
def test_a_core_that_stays_busy_keeps_what_it_took(discipline):
    kit = limited(discipline, 2, quota_ns=30, slice_ns=25)
    kit.ask(0, "a", 5, group=1)
    kit.ask(0, "b", 10, group=1)
    kit.ask(1, "free", 50)  # core 1 has taken 5 of the budget, b runs out of it at 5
    kit.run(6)
    assert kit.groups[1].left_ns == 0  # core 0 went on with the free task and kept its 20
    kit.run(1000)
    # From the common queue b comes to core 0 and what that kept; in the queue of core 1 it waits for the next period.
    assert kit.finished == {"a": 5, "free": 55, "b": 60 if discipline is FifoCores else 105}


def test_a_task_freed_by_a_new_period_takes_its_turns_again():
    kit = limited(RoundRobinCores, 1, quota_ns=5, slice_ns=5)
    kit.cores.time_slice_ns = 10
    kit.ask(0, "limited", 30, group=1)
    kit.ask(5, "free", 1000)
    kit.run(101)
    assert kit.running() == ["free"]
    kit.run(106)  # the free task's slice, which went round alone, ends at 105
    assert kit.running() == ["limited"]
    kit.run(111)
    assert kit.running() == ["free"]


def test_idle_cores_look_for_what_a_new_period_frees():
    kit = limited(RoundRobinCores, 2, quota_ns=10, slice_ns=10)
    kit.ask(0, "limited", 30, group=1)
    kit.ask(10, "free", 1000)  # on core 0, where the limited task is throttled: core 1 is idle and not throttled
    kit.run(100)
    assert kit.running() == ["free", None]
    kit.run(101)
    assert kit.running() == ["free", "limited"]


def test_an_idle_core_takes_the_task_whose_slice_ends_beside_it():
    kit = limited(RoundRobinCores, 2, quota_ns=20, slice_ns=10)
    kit.cores.time_slice_ns = 10
    kit.ask(0, "b", 5, group=1)  # on core 0, which keeps 5 of its 10 as it goes on with the free task
    kit.ask(0, "a", 100, group=1)  # throttled on core 1 from 10 on
    kit.ask(1, "free", 100)
    kit.ask(12, "c", 4, group=1)  # waits on core 0, the shortest queue, until the slice ends at 15
    kit.run(15)
    assert kit.running() == ["free", None]
    kit.run(16)
    assert kit.running() == ["c", "free"]


def test_fifo_throttles_idle_cores_with_the_one_that_finds_nothing_left():
    kit = limited(FifoCores, 2, quota_ns=10, slice_ns=10)
    kit.ask(0, "a", 30, group=1)
    kit.run(50)
    assert [kit.groups[1] in core.throttled for core in kit.cores.cores] == [True, True]
    assert [times[CORE_THROTTLED] for times in kit.states()] == [40, 40]


@pytest.mark.parametrize("discipline", ALL)
@given(
    cores=st.integers(1, 3),
    quota_ns=st.integers(1, 20),
    slice_ns=st.integers(0, 7),
    asked=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15), st.integers(0, 1)), max_size=10),
)
def test_no_period_gives_more_than_its_quota_and_no_work_is_lost(discipline, cores, quota_ns, slice_ns, asked):
    slice_ns = 0 if discipline is ProcessorSharingCores else slice_ns
    kit = limited(discipline, cores, quota_ns=quota_ns, period_ns=20, slice_ns=slice_ns)
    for number, (at_ns, demand, group) in enumerate(asked):
        kit.ask(at_ns, f"t{number}", demand, group=group)
    done = 0
    spare_ns = cores * (slice_ns + 1) + 1  # slices taken in one period may be used in the next; ends are rounded up
    if discipline is ProcessorSharingCores:
        spare_ns += 6 * len(asked) + 6  # what a share used is rounded down whenever the shares change
    for period in range(1, 40):
        kit.run(period * 20)
        kit.states()
        now = kit.groups[1].work_done
        assert now - done <= (quota_ns + spare_ns) * ONE
        done = now
    kit.run(20_000)
    assert len(kit.finished) == len(asked)
    for group in kit.groups:
        assert group.work_done == group.work_asked


# --- pauses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discipline", ALL)
def test_a_pause_stops_all_cores_and_work_goes_on_after_it(discipline):
    kit = CoresKit(discipline, 2)
    strand = Strand(kit.clock, 0)
    kit.ask(0, "a", 10, strand=strand)
    kit.ask(0, "b", 20)
    kit.at(4, kit.cores.pause)
    kit.at(11, kit.cores.resume)
    kit.run(100)
    assert kit.finished == {"a": 17, "b": 27}
    assert [times[CORE_PAUSED] for times in kit.states()] == [7, 7]
    assert (strand.causes_ns[WORKING], strand.causes_ns[THROTTLED_OR_PAUSED]) == (10, 7)


@pytest.mark.parametrize("discipline", ALL)
def test_pauses_may_overlap(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 10)
    for time_ns, action in ((4, "pause"), (6, "pause"), (8, "resume"), (15, "resume")):
        kit.at(time_ns, getattr(kit.cores, action))
    kit.run(100)
    assert kit.finished == {"a": 21}


@pytest.mark.parametrize("discipline", ALL)
def test_a_task_that_wakes_in_a_pause_starts_after_it(discipline):
    kit = CoresKit(discipline, 1)
    kit.at(4, kit.cores.pause)
    kit.ask(6, "a", 10)
    kit.at(8, kit.cores.resume)
    kit.run(100)
    assert kit.finished == {"a": 18}


@pytest.mark.parametrize("discipline", ALL)
def test_a_pause_does_not_use_the_quota(discipline):
    kit = limited(discipline)
    kit.ask(0, "a", 30, group=1)
    kit.at(10, kit.cores.pause)
    kit.at(50, kit.cores.resume)
    kit.run(1000)
    assert kit.finished == {"a": 70}


@pytest.mark.parametrize("discipline", SEPARATE)
def test_a_pause_of_one_core_stops_what_runs_there_alone(discipline):
    kit = CoresKit(discipline, 2)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 20)
    kit.at(4, lambda: kit.cores.pause(0))
    kit.at(6, kit.cores.pause)
    kit.at(7, kit.cores.resume)
    kit.at(11, lambda: kit.cores.resume(0))
    kit.run(100)
    assert kit.finished == {"a": 17, "b": 21}
    assert [times[CORE_PAUSED] for times in kit.states()] == [7, 1]


def test_who_waits_behind_a_stopped_core_is_taken_by_another_that_becomes_idle():
    kit = CoresKit(LinuxCores, 2)
    for name, demand in (("a", 10), ("b", 30), ("c", 5)):
        kit.ask(0, name, demand)
    kit.at(1, lambda: kit.cores.pause(0))
    kit.at(90, lambda: kit.cores.resume(0))
    kit.run(200)
    assert kit.finished == {"a": 99, "b": 30, "c": 35}


def test_pauses_follow_one_another_from_end_to_start():
    kit = Kit()

    class Cores:
        def pause(self, position):
            kit.note("pause")

        def resume(self, position):
            kit.note("resume")

    every, duration = iter((10, 20, 0, 1000)), iter((5, 7, 0))
    Pauses(kit.clock, Cores(), 0, lambda: next(every), lambda: next(duration))
    kit.run(100)
    assert kit.log == [(10, "pause"), (15, "resume"), (35, "pause"), (42, "resume"), (43, "pause"), (44, "resume")]


# --- shared cores --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discipline", ALL)
def test_groups_on_the_same_cores_compete(discipline):
    kit = CoresKit(discipline, 1)
    kit.group()
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 10, group=1)
    kit.run(100)
    assert max(kit.finished.values()) == 20
    assert [group.work_done for group in kit.groups] == [10 * ONE, 10 * ONE]


@pytest.mark.parametrize("discipline", ALL)
def test_groups_have_speeds_and_wake_ups_of_their_own(discipline):
    kit = CoresKit(discipline, 2)
    kit.group(wakeup_ns=3)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 10, group=1)
    kit.cores.set_group_speed(kit.groups[0], ONE // 2)
    kit.run(100)
    assert kit.finished == {"a": 20, "b": 13}

"""Cores of first in first out, round robin and processor sharing, alone in a bare environment."""

from __future__ import annotations

import pytest
from component_kit import ONE, CoresKit
from hypothesis import given
from hypothesis import strategies as st

from models.cpu.fifo import FifoCores
from models.cpu.linux import LinuxCores
from models.cpu.processor_sharing import ProcessorSharingCores
from models.cpu.round_robin import RoundRobinCores
from models.records import (
    CORE_EXITING_IDLE,
    CORE_IDLE,
    CORE_SWITCHING,
    CORE_WORKING,
    WAITING_FOR_CORE,
    WAKING,
    WORKING,
)
from models.strand import Strand

SEPARATE = [FifoCores, RoundRobinCores, LinuxCores]
ALL = [*SEPARATE, ProcessorSharingCores]


# --- every discipline ----------------------------------------------------------------------------------------

jobs = st.lists(st.tuples(st.integers(0, 40), st.lists(st.integers(1, 12), min_size=1, max_size=3)), max_size=12)


@pytest.mark.parametrize("discipline", ALL)
@given(cores=st.integers(1, 4), asked=jobs)
def test_work_is_conserved_and_no_core_is_wasted(discipline, cores, asked):
    kit = CoresKit(discipline, cores)
    for number, (at_ns, demands) in enumerate(asked):
        kit.ask(at_ns, f"t{number}", *demands)
    kit.run(1000)
    total = sum(sum(demands) for _, demands in asked)
    group = kit.groups[0]
    assert group.work_done == group.work_asked == total * ONE
    assert len(kit.finished) == len(asked)
    for number, (at_ns, demands) in enumerate(asked):
        assert kit.finished[f"t{number}"] >= at_ns + sum(demands)
    assert [sum(times) for times in kit.states()] == [1000] * cores
    if discipline is not ProcessorSharingCores:
        assert sum(times[CORE_WORKING] for times in kit.states()) == total
    rounded_up = len(asked) * 3 if discipline is ProcessorSharingCores else 0  # a finish, to the next nanosecond
    last = max(kit.finished.values(), default=0)
    assert last <= max([at_ns for at_ns, _ in asked], default=0) + total + rounded_up


@pytest.mark.parametrize("discipline", ALL)
def test_a_burst_alone_takes_its_demand(discipline):
    kit = CoresKit(discipline, 2)
    kit.ask(5, "a", 7)
    kit.run(100)
    assert kit.finished == {"a": 12}


@pytest.mark.parametrize("discipline", ALL)
def test_a_task_that_asks_again_at_once_has_not_slept(discipline):
    kit = CoresKit(discipline, 1)
    kit.groups[0].wakeup_ns = 3
    kit.ask(0, "a", 10, 10)
    kit.ask(50, "a again", 10, task="a")
    kit.run(100)
    assert kit.finished == {"a": 23, "a again": 63}


@pytest.mark.parametrize("discipline", ALL)
def test_a_withdrawn_burst_frees_its_core_and_is_accounted(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 100)
    kit.at(0, lambda: kit.cores.withdraw(kit.task("a")))
    kit.ask(10, "b", 100)
    kit.at(30, lambda: kit.cores.withdraw(kit.task("b")))
    kit.ask(30, "c", 5)
    kit.run(1000)
    group = kit.groups[0]
    assert kit.finished == {"c": 35}
    assert group.work_withdrawn == 180 * ONE
    assert group.work_done == 25 * ONE


@pytest.mark.parametrize("discipline", ALL)
def test_a_withdrawn_waiting_burst_leaves_the_queue(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 100)
    kit.ask(10, "b", 50)
    kit.ask(20, "c", 10)
    kit.at(25, lambda: kit.cores.withdraw(kit.task("b")))
    kit.run(2000)
    assert sorted(kit.finished) == ["a", "c"]
    assert max(kit.finished.values()) == (117 if discipline is ProcessorSharingCores else 110)
    totals = kit.groups[0].totals
    assert (totals.present, totals.waiting, totals.busy, totals.departures) == (0, 0, 0, 3)


@pytest.mark.parametrize("discipline", ALL)
def test_speeds_change_while_running_and_progress_is_exact(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 10)
    kit.at(4, lambda: kit.cores.set_group_speed(kit.groups[0], ONE // 2))
    kit.at(8, lambda: kit.cores.set_group_speed(kit.groups[0], ONE * 2))
    kit.run(100)
    assert kit.finished == {"a": 10}  # 4 at speed 1, 2 in 4 ns at one half, 4 in 2 ns at two


@pytest.mark.parametrize("discipline", ALL)
def test_a_slowdown_at_the_finishing_nanosecond_does_not_delay_the_finish(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 10)
    kit.cores.set_group_speed(kit.groups[0], ONE * 3)  # finishes at 3.33, rounded up to 4
    kit.clock.at(4, 0, 0, lambda: kit.cores.set_group_speed(kit.groups[0], 1))  # before the finish of that instant
    kit.run(100)
    assert kit.finished == {"a": 4}


@pytest.mark.parametrize("discipline", ALL)
def test_the_station_counts_what_it_served(discipline):
    kit = CoresKit(discipline, 1)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 10)
    kit.run(40)
    totals = kit.groups[0].totals
    arrivals, departures, residence = totals.row()[3:6]
    assert (arrivals, departures) == (2, 2)
    assert residence == totals.number_ns == (30 if discipline is not ProcessorSharingCores else 40)
    assert totals.busy_ns == 20


# --- separate cores ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("discipline", SEPARATE)
def test_a_switch_is_paid_for_another_task_only(discipline):
    kit = CoresKit(discipline, 1, switch_ns=2)
    kit.ask(0, "a1", 10, task="a")
    kit.ask(20, "a2", 10, task="a")
    kit.ask(40, "b", 10)
    kit.ask(60, "a3", 10, task="a")
    kit.run(200)
    assert kit.finished == {"a1": 12, "a2": 30, "b": 52, "a3": 72}
    assert kit.states()[0][CORE_SWITCHING] == 6


@pytest.mark.parametrize("discipline", SEPARATE)
def test_an_idle_core_exits_idle_but_a_queue_does_not(discipline):
    kit = CoresKit(discipline, 1, exit_ns=3)
    kit.ask(10, "a", 10)
    kit.ask(12, "b", 10)
    kit.run(100)
    assert kit.finished == {"a": 23, "b": 33}
    assert kit.states()[0][CORE_EXITING_IDLE] == 3


@pytest.mark.parametrize("discipline", SEPARATE)
def test_causes_are_working_waiting_and_waking(discipline):
    kit = CoresKit(discipline, 1, exit_ns=3, switch_ns=2)
    kit.groups[0].wakeup_ns = 5
    first, second = Strand(kit.clock, 0), Strand(kit.clock, 1)
    kit.ask(0, "a", 10, strand=first)
    kit.ask(0, "b", 10, strand=second)
    kit.run(100)
    assert kit.finished == {"a": 20, "b": 37}
    assert (first.causes_ns[WORKING], first.causes_ns[WAKING], first.causes_ns[WAITING_FOR_CORE]) == (10, 10, 0)
    assert (second.causes_ns[WORKING], second.causes_ns[WAKING], second.causes_ns[WAITING_FOR_CORE]) == (10, 7, 20)


@pytest.mark.parametrize("discipline", SEPARATE)
def test_hyperthreads_take_empty_physical_cores_first(discipline):
    kit = CoresKit(discipline, 4, threads_per_core=2)
    for name in "abcd":
        kit.ask(0, name, 100)
        kit.at(0, lambda: kit.log.append((0, str(kit.running()))))
    kit.run(1)
    assert [entry for _, entry in kit.log] == [
        "['a', None, None, None]",
        "['a', None, 'b', None]",
        "['a', 'c', 'b', None]",
        "['a', 'c', 'b', 'd']",
    ]


@pytest.mark.parametrize("discipline", SEPARATE)
def test_busy_hyperthreads_share_a_physical_core(discipline):
    alone, shared = [ONE] * 3, [ONE * 3 // 4] * 3
    kit = CoresKit(discipline, 2, threads_per_core=2, speeds=[alone, shared])
    kit.ask(0, "a", 9)
    kit.ask(3, "b", 9)
    kit.run(100)
    # a does 3 alone and 6 at 3/4 until 11; b does 6 until then and 3 alone.
    assert kit.finished == {"a": 11, "b": 14}


@pytest.mark.parametrize("discipline", SEPARATE)
def test_the_speed_depends_on_how_many_cores_are_busy(discipline):
    speeds = [ONE, ONE, ONE // 2, ONE // 4]
    kit = CoresKit(discipline, 3, speeds=[speeds, speeds])
    kit.ask(0, "a", 10)
    kit.ask(4, "b", 10)
    kit.ask(8, "c", 2)
    kit.run(100)
    # a: 4 + 2 + 2 by 16, when c is done; b: 2 + 2. a ends its last 2 at one half in 4, b goes on alone.
    assert kit.finished == {"c": 16, "a": 20, "b": 24}


# --- first in, first out -------------------------------------------------------------------------------------


def test_fifo_serves_in_order_on_the_first_free_core():
    kit = CoresKit(FifoCores, 2)
    for number, demand in enumerate((10, 4, 3, 8, 1)):
        kit.ask(number, f"t{number}", demand)
    kit.run(100)
    assert kit.finished == {"t0": 10, "t1": 5, "t2": 8, "t3": 16, "t4": 11}


def test_fifo_never_preempts():
    kit = CoresKit(FifoCores, 1)
    kit.ask(0, "long", 1_000_000)
    kit.ask(1, "short", 1)
    kit.run(2_000_000)
    assert kit.finished == {"long": 1_000_000, "short": 1_000_001}


# --- round robin ---------------------------------------------------------------------------------------------


def test_round_robin_takes_turns():
    kit = CoresKit(RoundRobinCores, 1, time_slice_ns=4)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 6)
    kit.run(100)
    assert kit.finished == {"b": 14, "a": 16}  # aaaa bbbb aaaa bb aa


def test_round_robin_pays_the_switch_at_each_turn():
    kit = CoresKit(RoundRobinCores, 1, time_slice_ns=4, switch_ns=1)
    kit.ask(0, "a", 8)
    kit.ask(0, "b", 8)
    kit.run(100)
    assert kit.finished == {"a": 15, "b": 20}
    assert kit.states()[0][CORE_SWITCHING] == 4


def test_round_robin_joins_the_shortest_queue_the_running_one_counted():
    kit = CoresKit(RoundRobinCores, 2, time_slice_ns=100)
    for name in "abcd":
        kit.ask(0, name, 50)
    kit.ask(0, "e", 1)
    kit.at(1, lambda: kit.log.append((1, [len(queue) for queue in kit.cores.queues])))
    kit.run(2)
    assert kit.log == [(1, [2, 1])]


def test_an_idle_core_steals_the_head_of_the_longest_queue():
    kit = CoresKit(RoundRobinCores, 3, time_slice_ns=1000)
    for name, demand in (("a", 90), ("b", 90), ("c", 10), ("d", 50), ("e", 50), ("f", 500), ("g", 50), ("h", 50)):
        kit.ask(0, name, demand)
    # queues: core 0: d g, core 1: e h, core 2: f; core 2 takes its own f first, then nobody is idle
    kit.run(11)
    assert kit.running() == ["a", "b", "f"]
    kit.run(101)
    assert kit.running() == ["d", "e", "f"]
    kit.run(2000)
    assert kit.finished["g"] == 190
    kit = CoresKit(RoundRobinCores, 2, time_slice_ns=1000)
    for name, demand in (("a", 90), ("b", 10), ("c", 90)):
        kit.ask(0, name, demand)
    kit.run(11)
    assert kit.running() == ["a", "c"]


def test_a_core_without_work_of_its_own_steals():
    kit = CoresKit(RoundRobinCores, 2, time_slice_ns=1000)
    for name, demand in (("a", 90), ("b", 10), ("c", 90), ("d", 5)):
        kit.ask(0, name, demand)
    kit.run(16)  # core 1 did b and its own d, then stole c from core 0
    assert kit.running() == ["a", "c"]
    kit.run(200)
    assert kit.finished == {"b": 10, "d": 15, "a": 90, "c": 105}


def test_a_task_alone_goes_round_in_full_slices():
    kit = CoresKit(RoundRobinCores, 1, time_slice_ns=10)
    kit.ask(0, "a", 100)
    kit.ask(23, "b", 5)
    kit.run(200)
    assert kit.finished["b"] == 35  # a's third slice ends at 30


def test_a_slice_runs_across_bursts_of_one_instant():
    kit = CoresKit(RoundRobinCores, 1, time_slice_ns=10)
    kit.repeat(0, "a", 3)
    kit.repeat(0, "b", 3)
    kit.run(41)
    assert [entry for entry in kit.log if entry[0] <= 20] == [
        (3, "a"),
        (6, "a"),
        (9, "a"),
        (13, "b"),
        (16, "b"),
        (19, "b"),
    ]


def test_completion_beats_the_end_of_the_slice():
    kit = CoresKit(RoundRobinCores, 1, time_slice_ns=10)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 30)
    kit.run(100)
    assert kit.finished == {"a": 10, "b": 40}


# --- processor sharing ---------------------------------------------------------------------------------------


def test_processor_sharing_divides_the_cores_evenly():
    kit = CoresKit(ProcessorSharingCores, 1)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 20)
    kit.ask(4, "c", 5)
    kit.ask(4, "d", 5)
    kit.run(100)
    # a and b have done 2 at 4; then four share until c and d are done at 24, when a has 3 left and b 13.
    assert kit.finished == {"c": 24, "d": 24, "a": 30, "b": 40}


def test_processor_sharing_gives_nobody_more_than_a_core():
    kit = CoresKit(ProcessorSharingCores, 4)
    kit.ask(0, "a", 10)
    kit.ask(0, "b", 12)
    kit.run(100)
    assert kit.finished == {"a": 10, "b": 12}
    assert [times[CORE_WORKING] for times in kit.states()] == [12, 10, 0, 0]
    assert kit.states()[3][CORE_IDLE] == 100


def test_the_remainder_of_the_division_goes_to_the_lowest_serials():
    kit = CoresKit(ProcessorSharingCores, 1)
    for name in "abc":
        kit.ask(0, name, 7)
    kit.at(6, kit.cores._account)
    kit.run(7)
    third = ONE // 3
    assert [7 * ONE - kit.tasks[name].work for name in "abc"] == [6 * (third + ONE % 3), 6 * third, 6 * third]


def test_processor_sharing_of_hyperthreads_fills_empty_cores_first():
    speeds = [[ONE] * 5, [ONE * 3 // 4] * 5]
    kit = CoresKit(ProcessorSharingCores, 4, threads_per_core=2, speeds=speeds)
    assert kit.cores.capacity == [0, ONE, 2 * ONE, 2 * ONE + ONE // 2, 3 * ONE]
    for name in "abcd":
        kit.ask(0, name, 9)
    kit.run(100)
    assert set(kit.finished.values()) == {12}


def test_in_processor_sharing_a_share_of_the_time_is_waiting():
    kit = CoresKit(ProcessorSharingCores, 1)
    kit.groups[0].wakeup_ns = 5
    strands = {name: Strand(kit.clock, number) for number, name in enumerate("abcd")}
    for name, strand in strands.items():
        kit.ask(0, name, 5, strand=strand)
    kit.run(100)
    assert set(kit.finished.values()) == {40}
    for strand in strands.values():
        causes = strand.causes_ns
        assert (causes[WORKING], causes[WAKING], causes[WAITING_FOR_CORE]) == (5, 5, 30)

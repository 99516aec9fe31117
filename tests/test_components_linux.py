"""The scheduler of Linux alone in a bare environment, one rule of the semantics after the other.

Slices and ticks are a few nanoseconds, so that a test can be followed by hand. A task that was never seen gets half a
slice, so with a slice of 10 its first deadline is 5 after its start.
"""

from __future__ import annotations

import pytest
from component_kit import CoresKit
from hypothesis import given
from hypothesis import strategies as st

from models.arithmetic import averaged_utilization, search_passes
from models.cpu.linux import LinuxCores
from models.cpu.task import ASLEEP, RUNNING, WAITING, Burst
from models.service import LinuxScheduler

NEVER = 1_000_000_000


def linux(cores=1, **options):
    """Cores without ticks and balancing inside the test, unless it asks for them."""
    return CoresKit(LinuxCores, cores, **{"slice_ns": 10, "tick_ns": NEVER, "balance_ns": NEVER, **options})


def queued(kit, core, **tasks):
    """Put waiting tasks with a given (v, deadline) on a core's queue, as if they had come to that."""
    queue = kit.cores.queues[core]
    for name, (v, deadline) in tasks.items():
        task = kit.task(name)
        task.v, task.deadline, task.fresh, task.state = v, deadline, False, WAITING
        task.core = task.last_core = kit.cores.cores[core]
        task.burst = Burst(100, None, lambda: None)
        task.work = 100 << 20
        task.group.totals.change(waiting=1)
        queue.order.append(task)
        queue.join(task)


def picked(kit, core=0):
    """The name of the task that a core picks now."""
    names = {task: name for name, task in kit.tasks.items()}
    task = kit.cores.pick(kit.cores.cores[core])
    return None if task is None else names[task]


def keeps_its_books(kit):
    """Whether the sums that the queues keep are those of their tasks."""
    for core, queue in zip(kit.cores.cores, kit.cores.queues, strict=True):
        tasks = [*queue.order, *([core.task] if core.task else [])]
        if (queue.count, queue.sum_v) != (len(tasks), sum(task.v for task in tasks)):
            return False
    return True


# --- eligibility and choice ----------------------------------------------------------------------------------


def test_a_task_ahead_of_the_average_is_not_eligible_however_early_its_deadline():
    kit = linux()
    queued(kit, 0, behind=(0, 30), ahead=(20, 25))
    assert picked(kit) == "behind"


def test_of_the_eligible_the_earliest_deadline_is_picked():
    kit = linux()
    queued(kit, 0, late=(0, 30), early=(5, 15), ahead=(40, 1))
    assert picked(kit) == "early"


def test_a_task_just_at_the_average_is_eligible():
    kit = linux()
    queued(kit, 0, a=(10, 30), b=(10, 20))
    assert picked(kit) == "b"


def test_eligibility_is_exact_where_the_average_is_rounded():
    kit = linux()
    queued(kit, 0, a=(0, 90), b=(1, 10))  # V = floor(1/2) = 0, but 2 * 1 > 1 decides
    assert picked(kit) == "a"


def test_equal_deadlines_go_by_queue_order():
    kit = linux()
    queued(kit, 0, a=(0, 20), b=(0, 20), c=(0, 20))
    assert [picked(kit), picked(kit), picked(kit)] == ["a", "b", "c"]


def test_of_equal_deadlines_the_running_task_comes_last():
    kit = linux(tick_ns=5)
    kit.ask(0, "a", 100)  # deadline 5; at the tick its v is 5 and its deadline 15
    kit.at(4, lambda: queued(kit, 0, b=(5, 15)))
    kit.run(6)
    assert kit.running() == ["b"]


# --- accounting and protection -------------------------------------------------------------------------------


def test_a_running_task_is_protected_until_its_deadline_from_tasks_that_wake():
    kit = linux()
    kit.ask(0, "a", 100)
    kit.ask(3, "b", 100)
    kit.run(4)
    assert kit.running() == ["a"]
    kit.ask(4, "c", 100)
    kit.run(5)
    assert kit.running() == ["a"]


@pytest.mark.parametrize(("until_parity", "running"), [(False, "a"), (True, "b")])
def test_a_woken_task_that_is_picked_replaces_one_past_the_average_unless_that_is_protected_until_its_deadline(
    until_parity, running
):
    kit = linux(until_parity=until_parity)
    kit.ask(0, "a", 100)
    behind = kit.task("b")
    behind.fresh, behind.lag, behind.last_core = False, 2, kit.cores.cores[0]
    kit.ask(3, "b", 100)  # a: v 3, deadline 5; b: v 3 - 2 * 2 / 1 = -1, deadline 9; V = 1: a is not eligible
    kit.run(4)
    assert kit.running() == [running]
    assert keeps_its_books(kit)


def test_a_running_task_is_protected_until_parity_though_the_woken_one_has_the_earlier_deadline():
    kit = linux(until_parity=True, tick_ns=6)
    kit.ask(0, "a", 100)  # at the tick at 6: v 6, deadline 16
    kit.ask(7, "b", 100)  # both have v 7, the average; b has deadline 12
    kit.run(8)
    assert kit.running() == ["a"]
    assert keeps_its_books(kit)


def test_another_waiting_task_does_not_replace_one_past_the_average_because_a_task_woke():
    kit = linux(until_parity=True)
    kit.ask(0, "a", 100)  # half a slice: deadline 5
    kit.ask(1, "b", 100)  # v 1, deadline 6
    kit.ask(3, "c", 100)  # a: v 3; V = 2: c gets 2 and 7; a is past the average, but the pick is b
    kit.run(4)
    assert kit.running() == ["a"]
    assert keeps_its_books(kit)


def test_a_wake_up_after_the_deadline_replaces_it_if_the_pick_says_so():
    kit = linux()
    kit.ask(0, "a", 100)
    kit.ask(3, "b", 100)  # v 3, deadline 8
    kit.ask(6, "c", 100)  # a: v 6, deadline 16; V = floor(9 / 2) = 4: c gets 4 and 9
    kit.run(7)
    assert kit.running() == ["b"]
    assert (kit.tasks["a"].v, kit.tasks["a"].deadline) == (6, 16)
    assert (kit.tasks["c"].v, kit.tasks["c"].deadline) == (4, 9)
    assert keeps_its_books(kit)


def test_a_wake_up_after_the_deadline_leaves_it_if_the_pick_says_so():
    kit = linux()
    kit.ask(0, "a", 100)
    kit.ask(6, "b", 4)  # a: deadline 16 from now on; V = 6: b gets 6 and 11
    kit.run(7)
    assert kit.running() == ["b"]  # a is eligible too, but its deadline is later
    kit.run(30)
    assert kit.finished == {"b": 10}
    assert kit.running() == ["a"]


def test_a_deadline_is_noticed_at_a_tick_only():
    kit = linux(tick_ns=4)
    kit.ask(0, "a", 100)
    kit.ask(1, "b", 100)
    kit.run(8)
    assert kit.running() == ["a"]  # its deadline of 5 passed without notice
    kit.run(9)
    assert kit.running() == ["b"]
    assert (kit.tasks["a"].v, kit.tasks["a"].deadline) == (8, 18)


def test_ticks_fall_at_multiples_of_their_period_on_all_cores_at_once():
    kit = linux(2, tick_ns=6)
    for name in "abcd":
        kit.ask(4, name, 100)
    kit.run(12)
    assert kit.running() == ["a", "b"]  # at the tick of 6 they had run 2
    kit.run(13)
    assert kit.running() == ["c", "d"]


def test_tasks_that_never_sleep_take_turns_of_a_slice_rounded_up_to_ticks():
    kit = linux(slice_ns=6, tick_ns=4)
    for name in "abc":
        kit.ask(0, name, 200)
    turns = []
    for tick in range(0, 100, 4):
        kit.at(tick + 1, lambda: turns.append(kit.running()[0]))
    kit.run(100)
    assert turns[1:13] == ["b", "c", "a", "a", "b", "b", "c", "c", "a", "a", "b", "b"]


def test_the_slice_runs_across_bursts_of_one_instant():
    kit = linux(slice_ns=8, tick_ns=4)
    kit.repeat(0, "a", 3)
    kit.repeat(0, "b", 3)
    kit.run(25)
    # Turns of 4, then of 8: aaaa bbbb aaaaaaaa bbbbbbbb.
    assert [name for _, name in kit.log] == ["a", "b", "a", "a", "a", "b", "b", "b"]
    assert [time_ns for time_ns, _ in kit.log] == [3, 7, 10, 13, 16, 18, 21, 24]


# --- sleeping ------------------------------------------------------------------------------------------------


def test_a_task_that_sleeps_ahead_of_the_average_stays_on_the_queue():
    kit = linux()
    kit.ask(0, "a", 4)
    kit.ask(1, "b", 100)
    kit.run(4)
    assert kit.cores.queues[0].count == 2
    kit.run(5)
    a = kit.tasks["a"]
    assert (a.delayed, a.state, a.v) == (True, ASLEEP, 4)
    assert kit.cores.queues[0].count == 2
    assert kit.cores.queues[0].sum_v == 4 + 1
    assert kit.running() == ["b"]


def test_it_wakes_in_place_with_its_old_v_and_old_deadline():
    kit = linux(2, slice_ns=20)
    kit.ask(0, "a1", 4, task="a")
    kit.ask(0, "other", 5)
    kit.ask(1, "b", 100)
    kit.ask(6, "a2", 5, task="a")  # b: v 1 + 2, V = floor((3 + 4) / 2) = 3
    kit.run(7)
    a = kit.tasks["a"]
    assert kit.running() == ["b", None]  # a core is idle, but no search is made for a task that wakes in place
    assert (a.delayed, a.state, a.v, a.deadline) == (False, WAITING, 4, 10)


def test_a_slice_runs_across_operations_by_the_old_deadline():
    kit = linux(slice_ns=20)
    kit.ask(0, "a1", 4, task="a")  # deadline 10
    kit.ask(1, "b", 100)  # v 1, deadline 11
    kit.ask(7, "a2", 50, task="a")  # b: v 4, V = 4: a goes on with 4 and 10
    kit.ask(15, "c", 50)  # b: v 12, beyond its deadline; V before c = floor(16 / 2) = 8
    kit.run(16)
    assert kit.running() == ["a"]  # eligible, and its deadline is still the earliest
    assert kit.tasks["a"].deadline == 10


@pytest.mark.parametrize(("until_parity", "running"), [(False, "b"), (True, "c")])
def test_a_delayed_task_that_is_picked_before_a_woken_one_leaves_instead_of_protecting_the_running_one(
    until_parity, running
):
    kit = linux(until_parity=until_parity, slice_ns=20)
    kit.ask(0, "a1", 4, task="a")  # sleeps at 4 with v 4 and deadline 10, ahead of the average
    kit.ask(1, "b", 100)  # v 1, deadline 11
    kit.ask(8, "c", 100)  # b: v 5; V = floor((4 + 5) / 2) = 4: c gets 4 and 14; b is past 4, and a the first pick
    kit.run(9)
    assert kit.running() == [running]
    assert kit.tasks["a"].delayed is not until_parity
    assert keeps_its_books(kit)


def test_a_running_task_that_is_at_the_average_once_delayed_ones_have_left_stays_protected():
    kit = linux(until_parity=True, slice_ns=20)
    kit.ask(0, "a1", 4, task="a")
    kit.ask(1, "b", 100)
    ahead = kit.task("c")
    ahead.fresh, ahead.lag, ahead.last_core = False, -2, kit.cores.cores[0]
    kit.ask(8, "c", 100)  # V = 4, c gets 4 + 2 * 3 / 2 = 7; V = 5 with a, which b has not passed
    kit.run(9)
    assert kit.running() == ["b"]
    assert keeps_its_books(kit)


def test_until_parity_a_task_that_wakes_in_place_is_compared_with_the_average_of_the_last_accounting():
    kit = linux(until_parity=True, slice_ns=40)
    kit.ask(0, "a1", 4, task="a")  # v 4, deadline 20
    kit.ask(1, "b", 100)  # v 1, deadline 21
    kit.ask(14, "a2", 5, task="a")  # V = floor((4 + 1) / 2) = 2, as b was last accounted when a fell asleep
    kit.run(15)
    a = kit.tasks["a"]
    assert (a.v, a.deadline) == (4, 20)  # its old ones, where b's 11 would make the average 7
    assert kit.running() == ["a"]  # b is past the average now, and a has the earliest deadline
    assert keeps_its_books(kit)


def test_if_the_average_has_passed_it_has_the_average_and_a_new_deadline():
    kit = linux()
    kit.ask(0, "a1", 4, task="a")
    kit.ask(1, "b", 100)
    kit.ask(14, "a2", 5, task="a")  # b: v 1 + 10 = 11, V = floor((4 + 11) / 2) = 7
    kit.run(15)
    a = kit.tasks["a"]
    assert (a.v, a.deadline) == (7, 17)
    assert keeps_its_books(kit)


def test_a_sleeping_task_that_is_picked_leaves_without_lag():
    kit = linux()
    kit.ask(0, "a", 4)
    kit.ask(1, "b", 6)
    kit.run(11)  # b sleeps at 10 with v 7 > V = 5: a is picked, leaves; then b itself
    for name in "ab":
        task = kit.tasks[name]
        assert (task.delayed, task.lag) == (False, 0)
    assert kit.cores.queues[0].count == 0


@pytest.mark.parametrize(("v", "lag"), [(43, 4), (20, 20), (49, 0)])
def test_a_task_that_sleeps_behind_the_average_keeps_its_lag_up_to_two_slices(v, lag):
    kit = linux()
    queued(kit, 0, b=(50, 60), c=(50, 60))
    core, a = kit.cores.cores[0], kit.task("a")
    a.v, a.deadline, a.fresh = v, v + 10, False
    kit.cores.queues[0].join(a)
    kit.cores.put_to_sleep(core, a)
    assert a.lag == lag  # V = floor((100 + v) / 3)
    assert not a.delayed
    assert kit.cores.queues[0].count == 2


# --- placement -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("lag", "v"), [(0, 50), (4, 44), (3, 46), (-3, 54), (20, 20)])
def test_a_wake_up_is_placed_by_its_lag_scaled_for_its_own_weight(lag, v):
    kit = linux()
    queued(kit, 0, b=(50, 60), c=(50, 60))
    a = kit.task("a")
    a.fresh, a.lag = False, lag
    kit.cores._enqueue(kit.cores.cores[0], a)
    assert a.v == v  # V - trunc(lag * 3 / 2)
    assert a.deadline == v + 10


def test_a_new_thread_gets_half_a_slice():
    kit = linux()
    queued(kit, 0, b=(50, 60))
    kit.cores._enqueue(kit.cores.cores[0], kit.task("a"))
    assert (kit.tasks["a"].v, kit.tasks["a"].deadline) == (50, 55)
    kit.cores.remove(kit.tasks["a"])
    kit.cores._enqueue(kit.cores.cores[0], kit.tasks["a"])
    assert kit.tasks["a"].deadline == 60


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 15)), min_size=1, max_size=15), st.integers(1, 3))
def test_the_sums_of_a_queue_are_those_of_its_tasks_at_all_times(asked, cores):
    kit = linux(cores, tick_ns=4, balance_ns=16)
    for number, (at_ns, demand) in enumerate(asked):
        kit.ask(at_ns, f"first {number}", demand, task=f"t{number}")
        kit.ask(at_ns + 200, f"second {number}", demand, task=f"t{number}")
    for time_ns in range(1, 400, 3):
        kit.run(time_ns)
        assert keeps_its_books(kit)
    kit.run(1000)
    assert len(kit.finished) == 2 * len(asked)


# --- which core ----------------------------------------------------------------------------------------------


def test_the_previous_core_is_taken_if_idle():
    kit = linux(2)
    kit.ask(0, "a1", 5, task="a")
    kit.ask(0, "b1", 5, task="b")
    kit.ask(20, "b2", 5, task="b")
    kit.run(21)
    assert kit.running() == [None, "b"]


def waking_beside_an_idle_core(**options):
    """Task w, last on core 0, wakes up while core 0 is busy and core 1 idle; w is long off the queue."""
    kit = linux(2, slice_ns=1000, **options)
    kit.ask(0, "w1", 5, task="w")
    kit.ask(20, "b1", 60, task="b")
    kit.ask(30, "w2", 5, task="w")
    return kit


def test_an_idle_core_is_searched_and_found_with_a_chance():
    found = waking_beside_an_idle_core(idle_search=0.35, search_draw=lambda: 0.34)
    found.run(31)
    assert found.running() == ["b", "w"]
    missed = waking_beside_an_idle_core(idle_search=0.35, search_draw=lambda: 0.35)
    missed.run(31)
    assert missed.running() == ["b", None]
    assert missed.tasks["w"].core is missed.cores.cores[0]


def test_a_search_draws_only_where_there_is_something_to_find():
    draws = []
    kit = linux(2, idle_search=0.5, search_draw=lambda: draws.append(0) or 0.9)
    kit.ask(0, "w1", 5, task="w")  # a new thread takes an idle core without a search
    kit.ask(20, "w2", 5, task="w")  # the previous core is idle
    kit.ask(40, "x", 90)
    kit.ask(40, "y", 90)
    kit.ask(50, "w3", 5, task="w")  # no core is idle
    kit.run(60)
    assert draws == []


def test_no_search_above_the_utilization_gate():
    kit = waking_beside_an_idle_core()
    kit.cores.utilization_q20 = int(0.65 * 2**20)  # 2 (1 - (1.17 * 0.65)^2) = 0.84
    kit.run(31)
    assert kit.running() == ["b", None]


@pytest.mark.parametrize(("cores", "gate"), [(2, 0.6043), (4, 0.7401), (8, 0.7995), (64, 0.848)])
def test_the_gate_is_where_one_core_of_the_rule_is_left(cores, gate):
    assert (1 - (1.17 * gate) ** 2) * cores == pytest.approx(1.0, abs=2e-3)
    assert search_passes(cores, int((gate - 0.001) * 2**20)) == 1
    assert search_passes(cores, int((gate + 0.001) * 2**20)) == 0


def test_utilization_is_averaged_with_its_half_life_at_each_balance():
    assert averaged_utilization(1 << 20, 0, 32_000_000) == 1 << 19
    assert averaged_utilization(0, 1 << 20, 64_000_000) == 3 << 18
    kit = linux(2, balance_ns=32_000_000)
    kit.ask(0, "a", 40_000_000)
    kit.run(33_000_000)
    assert kit.cores.utilization_q20 == 1 << 18  # half busy for one half-life
    kit.run(65_000_000)
    assert kit.cores.utilization_q20 == (1 << 17) + (1 << 16)  # 8 of 64 core milliseconds


def test_a_core_that_becomes_idle_steals_from_the_longest_queue_with_a_chance():
    def three_cores(draw):
        kit = linux(3, idle_steal=0.2, steal_draw=lambda: draw)
        for name in "abc":
            kit.ask(0, name, 100 if name != "c" else 10)
        kit.at(5, lambda: queued(kit, 0, d=(0, 10)))
        kit.at(5, lambda: queued(kit, 1, e=(0, 10), f=(0, 10)))
        kit.run(11)
        return kit.running()

    assert three_cores(0.19) == ["a", "b", "e"]
    assert three_cores(0.2) == ["a", "b", None]


@pytest.mark.parametrize(("d_ran", "e_ran", "taken"), [(-9, -11, "e"), (-10, -11, "d"), (-9, -9, None), (5, -10, "e")])
def test_an_idle_core_leaves_what_ran_just_now_where_its_cache_is_warm(d_ran, e_ran, taken):
    draws = []
    kit = linux(2, migration_ns=20, idle_steal=0.5, steal_draw=lambda: draws.append(0) or 0.0)
    kit.ask(0, "a", 100)
    kit.ask(0, "b", 10)
    kit.at(5, lambda: queued(kit, 0, d=(0, 10), e=(0, 10)))
    kit.at(5, lambda: setattr(kit.tasks["d"], "last_ran_ns", d_ran))
    kit.at(5, lambda: setattr(kit.tasks["e"], "last_ran_ns", e_ran))
    kit.run(11)
    assert kit.running() == ["a", taken]
    assert len(draws) == (taken is not None)  # nothing is drawn where there is nothing to take


def test_a_task_ran_last_when_it_left_a_core_to_sleep_or_for_another():
    kit = linux(1, tick_ns=8)
    kit.ask(0, "a", 30)
    kit.ask(1, "b", 3)
    kit.run(9)  # a is past its first deadline at the tick
    assert kit.running() == ["b"]
    assert kit.tasks["a"].last_ran_ns == 8
    kit.run(12)
    assert kit.tasks["b"].last_ran_ns == 11


def test_no_chance_is_drawn_where_nothing_waits():
    draws = []
    kit = linux(2, idle_steal=0.5, steal_draw=lambda: draws.append(0) or 0.0)
    kit.ask(0, "a", 10)
    kit.run(50)
    assert draws == []


def test_a_delayed_task_is_not_stolen():
    kit = linux(2)
    kit.ask(0, "a", 4)
    kit.ask(0, "c", 8)
    kit.at(1, lambda: queued(kit, 0, b=(1, 6)))
    kit.run(9)  # a sleeps on core 0's queue beside b; core 1 became idle at 8
    assert kit.tasks["a"].delayed
    assert kit.running() == ["b", None]


def test_a_migrated_task_keeps_its_lag_and_what_is_left_of_its_slice():
    kit = linux(2)
    queued(kit, 0, a=(100, 110), b=(104, 108))
    queued(kit, 1, c=(1000, 1010))
    b = kit.tasks["b"]
    kit.cores._migrate(b, kit.cores.cores[1])
    assert (b.v, b.deadline) == (1000 - (102 - 104), 1002 + 4)
    assert keeps_its_books(kit)


def test_balancing_moves_half_the_difference():
    kit = linux(2, balance_ns=50, idle_steal=0.0)
    kit.ask(0, "a", 1000)
    kit.at(1, lambda: queued(kit, 0, b=(0, 10), c=(0, 10), d=(0, 10), e=(0, 10)))
    kit.run(50)
    assert kit.running() == ["a", None]
    kit.run(51)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == [3, 2]  # 5 and 0: two were moved
    assert {name for name in "abcde" if kit.tasks[name].core is kit.cores.cores[1]} == {"b", "c"}
    assert keeps_its_books(kit)


def test_balancing_moves_nothing_for_a_difference_of_one():
    kit = linux(2, balance_ns=50, idle_steal=0.0)
    kit.ask(0, "a", 1000)
    kit.ask(0, "b", 1000)
    kit.at(1, lambda: queued(kit, 0, c=(0, 10)))
    kit.run(51)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == [2, 1]


@pytest.mark.parametrize(("permille", "lengths"), [(1000, [5, 5]), (1490, [5, 5]), (1500, [6, 4])])
def test_balancing_leaves_queues_whose_lengths_have_no_more_than_a_given_ratio(permille, lengths):
    kit = linux(2, balance_ns=50, balance_permille=permille)
    kit.ask(0, "a", 1000)
    kit.ask(0, "b", 1000)
    kit.at(1, lambda: queued(kit, 0, **{f"c{k}": (0, 10) for k in range(5)}))
    kit.at(1, lambda: queued(kit, 1, **{f"d{k}": (0, 10) for k in range(3)}))
    kit.run(51)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == lengths


@pytest.mark.parametrize(
    ("draw", "lengths"), [(0.0, [1, 3]), (0.19, [1, 3]), (0.2, [3, 1]), (0.39, [3, 1]), (0.4, [2, 2]), (0.9, [2, 2])]
)
def test_balancing_of_even_queues_moves_a_task_by_chance_to_either_side(draw, lengths):
    kit = linux(2, balance_ns=50, stray_moves=0.4, stray_draw=lambda: draw)
    kit.ask(0, "a", 1000)
    kit.ask(0, "b", 1000)
    kit.at(1, lambda: queued(kit, 0, c=(0, 10)))
    kit.at(1, lambda: queued(kit, 1, d=(0, 10)))
    kit.run(51)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == lengths
    assert keeps_its_books(kit)
    kit.run(101)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == [2, 2]  # evened out, or moved by no draw


def test_one_core_has_no_stray_moves():
    kit = linux(1, balance_ns=50, stray_moves=1.0)
    kit.ask(0, "a", 1000)
    kit.at(1, lambda: queued(kit, 0, b=(7, 10), c=(0, 10)))
    kit.run(51)
    assert [task.v for task in kit.cores.queues[0].order] == [7, 0]


def test_a_stray_move_does_not_lengthen_the_longer_queue():
    kit = linux(2, balance_ns=50, stray_moves=1.0, stray_draw=lambda: 0.6)  # from the second core to the first
    kit.ask(0, "a", 1000)
    kit.ask(0, "b", 1000)
    kit.at(1, lambda: queued(kit, 0, c=(0, 10), d=(0, 10)))
    kit.at(1, lambda: queued(kit, 1, e=(0, 10)))
    kit.run(51)
    assert [kit.cores._runnable(core) for core in kit.cores.cores] == [3, 2]


@pytest.mark.parametrize(("cores", "slice_us"), [(1, 700), (2, 1400), (3, 1400), (4, 2100), (8, 2800), (64, 2800)])
def test_the_base_slice_of_a_machine(cores, slice_us):
    assert LinuxScheduler().base_slice_ns(cores) == slice_us * 1000
    assert LinuxScheduler.model_validate({"base_slice": "3ms"}).base_slice_ns(cores) == 3_000_000


# --- together ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tasks", [2, 5])
def test_tasks_that_never_sleep_get_equal_shares(tasks):
    kit = linux(slice_ns=14, tick_ns=40)
    for number in range(tasks):
        kit.ask(0, f"t{number}", 10**9)
    kit.run(200_000)
    shares = [(10**9 - (task.work >> 20)) / 200_000 * tasks for task in kit.tasks.values()]
    assert shares == pytest.approx([1.0] * tasks, abs=0.01)
    assert [task.state for task in kit.tasks.values()].count(RUNNING) == 1

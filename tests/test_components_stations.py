"""Memory, batchers, locks, pools, links, the dispatcher, workers and the balancer, alone in a bare environment."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace

import pytest
from component_kit import CoresKit, Kit
from hypothesis import given
from hypothesis import strategies as st

from models.balancer import Balancer, Dispatcher
from models.batching import Batcher
from models.cpu.fifo import FifoCores
from models.link import Link, StrandCargo
from models.memory import Memory
from models.records import (
    CANCELLED,
    HOP_AND_DISPATCH,
    IN_BATCH,
    ON_LINK,
    WAITING_FOR_LINK,
    WAITING_FOR_LOCK,
    WAITING_FOR_MEMORY,
    WAITING_FOR_TOKEN,
    WAITING_FOR_WORKER,
)
from models.runner import BlockingWorkers, EventLoopWorkers, Runner
from models.station import StationTotals
from models.tokens import locks, token_pool

GB_PER_S = 1e9
"""A byte in a nanosecond."""


# --- tokens --------------------------------------------------------------------------------------------------


def holding(kit, tokens, duration_ns):
    """A strand's way: take a token, hold it for some time, give it back."""

    def body(strand):
        if not tokens.try_take(strand):
            yield from strand.wait()
        yield from kit.sleep(duration_ns)
        strand.release(tokens)

    return body


def test_a_pool_serves_first_come_first_served():
    kit = Kit()
    pool = token_pool(kit.clock, 2)
    strands = [kit.strand(at, name, holding(kit, pool, 10)) for at, name in ((0, "a"), (1, "b"), (2, "c"), (3, "d"))]
    kit.run(100)
    assert kit.log == [(10, "a"), (11, "b"), (20, "c"), (21, "d")]
    assert strands[3].causes_ns[WAITING_FOR_TOKEN] == 8
    assert pool.totals.row()[:6] == (40, 56, 16, 4, 4, 56)
    assert pool.free == 2


def test_one_of_several_locks_keeps_out_only_its_own():
    kit = Kit()
    first, second = locks(kit.clock, 2)
    kit.strand(0, "a", holding(kit, first, 10))
    waiting = kit.strand(0, "b", holding(kit, first, 10))
    kit.strand(0, "c", holding(kit, second, 10))
    kit.run(100)
    assert kit.log == [(10, "a"), (10, "c"), (20, "b")]
    assert waiting.causes_ns[WAITING_FOR_LOCK] == 10
    assert first.totals is second.totals
    assert first.totals.arrivals == 3


def test_who_leaves_a_queue_lets_the_next_move_up():
    kit = Kit()
    pool = token_pool(kit.clock, 1)
    kit.strand(0, "a", holding(kit, pool, 10))
    impatient = kit.strand(1, "b", holding(kit, pool, 10))
    kit.strand(2, "c", holding(kit, pool, 10))
    kit.at(5, lambda: impatient.take_out(CANCELLED))
    kit.run(100)
    assert kit.log == [(5, "b!"), (10, "a"), (20, "c")]
    assert (pool.totals.present, pool.totals.waiting, pool.totals.busy) == (0, 0, 0)


def test_who_is_taken_out_at_the_instant_of_its_grant_gives_the_token_back():
    kit = Kit()
    pool = token_pool(kit.clock, 1)
    strands = {}

    def gives_back_and_takes_out(strand):
        pool.try_take(strand)
        yield from kit.sleep(10)
        strand.release(pool)  # b has the token and is about to go on
        strands["b"].take_out(CANCELLED)

    kit.strand(0, "a", gives_back_and_takes_out)
    strands["b"] = kit.strand(1, "b", holding(kit, pool, 10))
    kit.strand(11, "c", holding(kit, pool, 5))
    kit.run(100)
    assert kit.log == [(10, "a"), (10, "b!"), (16, "c")]
    assert pool.free == 1


def barging(kit, lock, duration_ns, again_ns):
    """Return steps that hold a lock for a time; who is woken for it needs a time to try again."""

    def steps(strand):
        if not lock.try_take(strand):
            yield from strand.wait()
            yield from kit.sleep(again_ns)
            strand.check()
            while not lock.try_again(strand):
                yield from strand.wait()
                yield from kit.sleep(again_ns)
        yield from kit.sleep(duration_ns)
        strand.release(lock)

    return steps


def test_a_lock_that_is_given_back_goes_to_whoever_asks_before_the_woken_one_has_tried():
    kit = Kit()
    (lock,) = locks(kit.clock, 1, barging_ns=3)
    for at, name in ((0, "a"), (1, "b"), (2, "c"), (11, "d"), (30, "e")):
        kit.strand(at, name, barging(kit, lock, 10, 3))
    kit.run(100)
    # b is woken at 10 and is too late at 13, as d came at 11: it wakes c and waits behind d, as c does from 16 on; b is
    # woken at 21 and takes it at 24, with c still behind it and then e
    assert kit.log == [(10, "a"), (21, "d"), (34, "b"), (47, "c"), (60, "e")]
    assert (lock.free, lock.totals.present, lock.totals.waiting, lock.totals.busy) == (1, 0, 0, 0)


def test_giving_a_lock_back_wakes_who_waits_behind_that_holder_though_another_woken_one_has_not_tried():
    kit = Kit()
    (lock,) = locks(kit.clock, 1, barging_ns=3)
    kit.strand(0, "a", barging(kit, lock, 10, 3))
    kit.strand(1, "b", barging(kit, lock, 10, 30))  # woken at 10, tries at 40
    kit.strand(2, "c", barging(kit, lock, 10, 3))  # stays behind b
    kit.strand(11, "d", barging(kit, lock, 10, 3))
    kit.strand(12, "e", barging(kit, lock, 10, 3))  # waits behind d: woken at 21, takes it at 24
    kit.run(100)
    assert kit.log == [(10, "a"), (21, "d"), (34, "e"), (50, "b"), (63, "c")]
    assert (lock.free, lock.totals.present, lock.totals.waiting, lock.totals.busy) == (1, 0, 0, 0)


def test_who_is_taken_out_before_it_has_tried_lets_the_next_be_woken():
    kit = Kit()
    (lock,) = locks(kit.clock, 1, barging_ns=3)
    kit.strand(0, "a", barging(kit, lock, 10, 3))
    woken = kit.strand(1, "b", barging(kit, lock, 10, 3))
    kit.strand(2, "c", barging(kit, lock, 10, 3))
    kit.at(11, lambda: woken.take_out(CANCELLED))
    kit.run(100)
    assert kit.log == [(10, "a"), (13, "b!"), (26, "c")]
    assert (lock.free, lock.totals.present, lock.totals.waiting, lock.totals.busy) == (1, 0, 0, 0)


# --- memory --------------------------------------------------------------------------------------------------


def allocating(kit, memory, size_bytes, duration_ns):
    """A strand's way: take memory, wait for it if need be, hold it for some time, end."""

    def body(strand):
        if memory.fits(size_bytes):
            memory.take(strand, size_bytes)
        else:
            memory.wait_for(strand, size_bytes)
            yield from strand.wait()
        yield from kit.sleep(duration_ns)
        strand.release_all()

    return body


def test_memory_is_granted_first_come_first_served_without_overtaking():
    kit = Kit()
    memory = Memory(kit.clock, capacity_bytes=10)
    kit.strand(0, "a", allocating(kit, memory, 6, 10))
    large = kit.strand(1, "large", allocating(kit, memory, 8, 10))
    kit.strand(2, "small", allocating(kit, memory, 1, 10))
    kit.run(100)
    assert kit.log == [(10, "a"), (20, "large"), (20, "small")]
    assert large.causes_ns[WAITING_FOR_MEMORY] == 9
    assert (memory.peak_bytes, memory.held_bytes, memory.taken_bytes, memory.given_back_bytes) == (9, 0, 15, 15)
    memory.advance()
    assert memory.byte_ns == 6 * 10 + 9 * 10


def test_who_leaves_the_queue_for_memory_lets_those_behind_in():
    kit = Kit()
    memory = Memory(kit.clock, capacity_bytes=10)
    kit.strand(0, "a", allocating(kit, memory, 6, 10))
    large = kit.strand(1, "large", allocating(kit, memory, 8, 10))
    kit.strand(2, "small", allocating(kit, memory, 1, 10))
    kit.at(5, lambda: large.take_out(CANCELLED))
    kit.run(100)
    assert kit.log == [(5, "large!"), (10, "a"), (15, "small")]


def test_memory_without_a_limit_is_always_granted():
    kit = Kit()
    memory = Memory(kit.clock)
    for name in "abc":
        kit.strand(0, name, allocating(kit, memory, 10**15, 10))
    kit.run(100)
    assert kit.log == [(10, "a"), (10, "b"), (10, "c")]
    assert memory.peak_bytes == 3 * 10**15


@pytest.mark.parametrize(("pool_bytes", "costs"), [(10, [1, 1, 7, 1]), (0, [7, 7, 7, 7]), (None, [0, 0, 0, 0])])
def test_an_allocation_costs_hit_while_the_pool_has_room(pool_bytes, costs):
    kit = Kit()
    memory = Memory(kit.clock, pool_bytes=pool_bytes, hit_ns=1, miss_ns=7)
    found = []

    def body(strand):
        for size_bytes in (4, 5, 2, 1):
            memory.take(strand, size_bytes)
            found.append(memory.cost_ns(strand.holdings[-1]))
        strand.release_all()
        yield from ()

    kit.strand(0, "a", body)
    kit.run(10)
    assert found == costs
    assert memory.pooled_bytes == 0


@given(
    st.integers(5, 20),
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 5), st.integers(1, 9)), max_size=15),
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 14)), max_size=4),
)
def test_memory_taken_is_given_back_or_held(capacity, asked, taken_out):
    kit = Kit()
    memory = Memory(kit.clock, capacity_bytes=capacity)
    strands = [
        kit.strand(at, f"s{number}", allocating(kit, memory, size, duration))
        for number, (at, size, duration) in enumerate(asked)
    ]
    for at, number in taken_out:
        if number < len(strands):
            kit.at(at, lambda number=number: strands[number].take_out(CANCELLED))
    for time_ns in range(1, 200, 7):
        kit.run(time_ns)
        assert memory.taken_bytes == memory.given_back_bytes + memory.held_bytes
        assert 0 <= memory.held_bytes <= capacity
    kit.run(1000)
    assert memory.held_bytes == 0
    assert len(kit.log) == len(asked)


# --- links ---------------------------------------------------------------------------------------------------


def sending(link, size_bytes):
    """A strand's way over a link."""

    def body(strand):
        link.carry(StrandCargo(link, strand, size_bytes))
        yield from strand.wait()

    return body


def test_a_link_carries_first_come_first_served_and_then_delays():
    kit = Kit()
    link = Link(kit.clock, bandwidth_bytes_per_s=GB_PER_S, delay_ns=5)
    kit.strand(0, "a", sending(link, 10))
    second = kit.strand(1, "b", sending(link, 10))
    kit.run(100)
    assert kit.log == [(15, "a"), (25, "b")]
    assert (second.causes_ns[WAITING_FOR_LINK], second.causes_ns[ON_LINK]) == (9, 15)
    assert link.totals.row() == (20, 29, 9, 2, 2, 29, 20)


def test_channels_are_parallel():
    kit = Kit()
    link = Link(kit.clock, bandwidth_bytes_per_s=GB_PER_S, parallel=2)
    for name, size in (("a", 10), ("b", 4), ("c", 3)):
        kit.strand(0, name, sending(link, size))
    kit.run(100)
    assert kit.log == [(4, "b"), (7, "c"), (10, "a")]


def test_nothing_takes_no_time_on_a_free_link():
    kit = Kit()
    link = Link(kit.clock, bandwidth_bytes_per_s=GB_PER_S)
    kit.strand(3, "a", sending(link, 0))
    kit.run(100)
    assert kit.log == [(3, "a")]


def test_a_transfer_that_is_broken_off_lets_the_next_begin():
    kit = Kit()
    link = Link(kit.clock, bandwidth_bytes_per_s=GB_PER_S, delay_ns=5)
    first = kit.strand(0, "a", sending(link, 10))
    waiting = kit.strand(1, "b", sending(link, 10))
    kit.strand(2, "c", sending(link, 10))
    kit.at(3, lambda: waiting.take_out(CANCELLED))
    kit.at(4, lambda: first.take_out(CANCELLED))
    delayed = kit.strand(20, "d", sending(link, 1))
    kit.at(23, lambda: delayed.take_out(CANCELLED))
    kit.run(100)
    assert kit.log == [(3, "b!"), (4, "a!"), (19, "c"), (23, "d!")]
    assert (link.totals.present, link.totals.waiting, link.totals.busy, link.totals.bytes) == (0, 0, 0, 11)


# --- batchers ------------------------------------------------------------------------------------------------


class BatchKit(CoresKit):
    """A batcher on one core, with strands that join it."""

    def __init__(self, link_delay_ns=None, **options):
        super().__init__(FifoCores, 1)
        self.link = None
        if link_delay_ns is not None:
            self.link = Link(self.clock, bandwidth_bytes_per_s=GB_PER_S, delay_ns=link_delay_ns)
        self.batcher = Batcher(self.clock, self.cores, self.task("flusher"), link=self.link, **options)

    def join(self, at_ns, name, size_bytes=0):
        def body(strand):
            self.batcher.join(strand, size_bytes)
            yield from strand.wait()

        return self.strand(at_ns, name, body)


def test_a_batch_closes_when_full():
    kit = BatchKit(max_size=2, linger_ns=100, fixed_ns=3, per_item_ns=1)
    for at, name in ((0, "a"), (4, "b"), (6, "c")):
        kit.join(at, name)
    kit.run(1000)
    assert kit.log == [(9, "a"), (9, "b"), (110, "c")]  # c lingers until 106


def test_linger_runs_from_the_first_member():
    kit = BatchKit(max_size=9, linger_ns=10, fixed_ns=2)
    strands = [kit.join(at, name) for at, name in ((5, "a"), (14, "b"), (16, "c"))]
    kit.run(1000)
    assert kit.log == [(17, "a"), (17, "b"), (28, "c")]
    assert [strand.causes_ns[IN_BATCH] for strand in strands] == [12, 3, 12]


def test_natural_batching_closes_when_the_flusher_is_free():
    kit = BatchKit(max_size=9, fixed_ns=10)
    for at, name in ((0, "a"), (1, "b"), (2, "c"), (11, "d")):
        kit.join(at, name)
    kit.run(1000)
    assert kit.log == [(10, "a"), (20, "b"), (20, "c"), (30, "d")]


def test_closed_batches_wait_in_order():
    kit = BatchKit(max_size=1, fixed_ns=10)
    for at, name in ((0, "a"), (1, "b"), (1, "c")):
        kit.join(at, name)
    kit.run(1000)
    assert kit.log == [(10, "a"), (20, "b"), (30, "c")]


def test_the_flusher_pays_per_batch_per_item_and_for_compression_and_the_link_carries_less():
    kit = BatchKit(
        link_delay_ns=7,
        max_size=2,
        fixed_ns=3,
        per_item_ns=2,
        compression_cpu_ns=4,
        compression_q20=1 << 19,
        overhead_bytes=5,
        linger_ns=9,
    )
    kit.join(0, "a", 30)
    kit.join(0, "b", 10)
    kit.run(1000)
    assert kit.log == [(15 + 25 + 7, "a"), (15 + 25 + 7, "b")]
    assert kit.link.totals.bytes == 25


def test_group_commit_sends_one_batch_at_a_time():
    kit = BatchKit(link_delay_ns=0, max_size=9, fixed_ns=1)
    for at, name, size in ((0, "a", 10), (2, "b", 5), (3, "c", 5)):
        kit.join(at, name, size)
    kit.run(1000)
    assert kit.log == [(11, "a"), (22, "b"), (22, "c")]


def test_a_batch_that_is_ready_at_once_queues_for_the_link_like_everyone():
    kit = BatchKit(link_delay_ns=0, max_size=9)
    kit.join(0, "a", 10)
    kit.strand(1, "other", sending(kit.link, 4))
    kit.join(2, "b", 10)
    kit.run(1000)
    assert kit.log == [(10, "a"), (14, "other"), (24, "b")]


def test_the_flusher_competes_for_its_core():
    kit = BatchKit(max_size=1, fixed_ns=2)
    kit.ask(0, "work", 10)
    kit.join(3, "a")
    kit.run(1000)
    assert kit.log == [(10, "work"), (12, "a")]


def test_who_is_taken_out_leaves_an_open_batch_but_stays_in_a_closed_one():
    kit = BatchKit(max_size=9, fixed_ns=10)
    kit.join(0, "a")
    leaves = kit.join(1, "b")
    kit.join(2, "c")
    stays = kit.join(3, "d")
    kit.at(5, lambda: leaves.take_out(CANCELLED))
    kit.at(12, lambda: stays.take_out(CANCELLED))
    kit.run(1000)
    assert kit.log == [(5, "b!"), (10, "a"), (20, "c"), (20, "d!")]
    assert kit.batcher.totals.departures == 4


def test_an_open_batch_that_everyone_left_is_gone():
    kit = BatchKit(max_size=9, linger_ns=10, fixed_ns=1)
    leaves = kit.join(0, "a")
    kit.at(5, lambda: leaves.take_out(CANCELLED))
    kit.join(8, "b")
    kit.run(1000)
    assert kit.log == [(5, "a!"), (19, "b")]


def test_a_reset_drops_everything_and_wakes_the_members():
    kit = BatchKit(link_delay_ns=50, max_size=1, fixed_ns=2)
    strands = [kit.join(0, "a", 5), kit.join(1, "b", 5)]

    def go_down():
        for strand in strands:
            strand.take_out(CANCELLED)
        kit.batcher.reset()

    kit.at(4, go_down)
    kit.join(10, "c", 5)
    kit.run(1000)
    assert kit.log == [(4, "a!"), (4, "b!"), (67, "c")]
    assert (kit.link.totals.present, kit.link.totals.busy) == (0, 0)


@given(
    max_size=st.integers(1, 4),
    linger_ns=st.integers(0, 6),
    fixed_ns=st.integers(0, 3),
    delay_ns=st.sampled_from([None, 0, 2]),
    joins=st.lists(st.tuples(st.integers(0, 30), st.integers(0, 4)), max_size=20),
    leaves=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 19)), max_size=4),
)
def test_every_member_goes_on_once_in_joining_order(*, max_size, linger_ns, fixed_ns, delay_ns, joins, leaves):
    kit = BatchKit(link_delay_ns=delay_ns, max_size=max_size, linger_ns=linger_ns, fixed_ns=fixed_ns)
    joins.sort()
    strands = [kit.join(at, f"{number}", size) for number, (at, size) in enumerate(joins)]
    for at, number in leaves:
        if number < len(strands):
            kit.at(at, lambda number=number: strands[number].take_out(CANCELLED))
    kit.run(10_000)
    assert Counter(name.rstrip("!") for _, name in kit.log) == Counter(str(number) for number in range(len(joins)))
    stayed = [int(name) for _, name in kit.log if not name.endswith("!")]
    assert stayed == sorted(stayed)
    totals = kit.batcher.totals
    assert (totals.present, totals.waiting, totals.busy, totals.departures) == (0, 0, 0, len(joins))


# --- dispatcher and workers ----------------------------------------------------------------------------------


def test_the_dispatcher_is_serial():
    kit = Kit()
    dispatcher = Dispatcher(kit.clock, 5, 0)

    def body(strand):
        dispatcher.join(strand)
        yield from strand.wait()

    strands = [kit.strand(at, name, body) for at, name in ((0, "a"), (1, "b"), (2, "c"), (3, "d"))]
    kit.at(6, lambda: strands[1].take_out(CANCELLED))
    kit.at(7, lambda: strands[3].take_out(CANCELLED))
    kit.run(100)
    assert kit.log == [(5, "a"), (6, "b!"), (7, "d!"), (11, "c")]
    assert strands[2].causes_ns[HOP_AND_DISPATCH] == 9


def test_blocking_workers_are_held_and_the_lowest_free_one_is_taken():
    kit = CoresKit(FifoCores, 1)
    runners = [Runner(kit.cores, kit.task(f"worker {number}")) for number in range(2)]
    workers = BlockingWorkers(kit.clock, runners)
    taken = {}

    def body(strand):
        runner = workers.try_take(strand)
        if runner is None:
            yield from strand.wait()
            runner = workers.runner_of(strand)
        taken[strand] = runners.index(runner)
        yield from kit.sleep(10)
        workers.give_back(strand)

    strands = [kit.strand(at, name, body) for at, name in ((0, "a"), (1, "b"), (2, "c"), (3, "d"), (30, "e"))]
    kit.run(100)
    assert kit.log == [(10, "a"), (11, "b"), (20, "c"), (21, "d"), (40, "e")]
    assert [taken[strand] for strand in strands] == [0, 1, 0, 1, 0]
    assert strands[2].causes_ns[WAITING_FOR_WORKER] == 8


def test_an_event_loop_serves_ready_bursts_in_order_and_sleeps_when_there_are_none():
    kit = CoresKit(FifoCores, 2)
    kit.groups[0].wakeup_ns = 1
    runner = Runner(kit.cores, kit.task("loop"), StationTotals(kit.clock))

    def body(strand):
        strand.prepare(runner, WAITING_FOR_WORKER)
        runner.run(strand, 10)
        yield from strand.wait()

    strands = [kit.strand(at, name, body) for at, name in ((0, "a"), (1, "b"), (2, "c"), (3, "d"), (50, "e"))]
    kit.at(5, lambda: strands[2].take_out(CANCELLED))
    kit.at(15, lambda: strands[1].take_out(CANCELLED))
    kit.run(100)
    # One wake-up for a; b is taken back after 4, d goes on at once; e wakes the loop anew.
    assert kit.log == [(5, "c!"), (11, "a"), (15, "b!"), (25, "d"), (61, "e")]
    assert runner.totals.row()[3:5] == (5, 5)


LOOP_STARTS = ((0, "a", False), (1, "b", True), (2, "c", False), (3, "d", True), (4, "e", False))
LATER_STARTS = ((11, "f", False), (12, "g", True), (13, "h", False))


@pytest.mark.parametrize(
    ("taken_out", "order"),
    [
        # while a runs, b and d are made ready by timers: their turn is behind c and e, and before what comes after
        ({}, "acebdfhg"),
        # the last and the first of a turn leave it, and the first of the timers of the next
        ({"d": 25, "e": 6}, "acbfhg"),
        ({"d": 35, "b": 21, "e": 22, "g": 14}, "acdfh"),
        ({"b": 5, "d": 6}, "acefhg"),
        # with all of a turn gone the next begins with what came since, its timers last
        ({"e": 14, "b": 15, "d": 16}, "acfhg"),
    ],
)
def test_an_event_loop_takes_what_is_ready_in_turns_and_what_timers_made_ready_last(taken_out, order):
    kit = CoresKit(FifoCores, 1)
    runner = Runner(kit.cores, kit.task("loop"), StationTotals(kit.clock))
    strands = {}

    def body(after_timer):
        def run(strand):
            strand.prepare(runner, WAITING_FOR_WORKER)
            runner.run(strand, 10, after_timer=after_timer)
            yield from strand.wait()

        return run

    for at, name, after_timer in (*LOOP_STARTS, *LATER_STARTS):
        strands[name] = kit.strand(at, name, body(after_timer))
    for name, at in taken_out.items():
        kit.at(at, lambda name=name: strands[name].take_out(CANCELLED))
    kit.run(200)
    assert "".join(name for _, name in kit.log if not name.endswith("!")) == order
    assert (runner.totals.present, runner.totals.waiting, runner.totals.busy) == (0, 0, 0)


def test_an_attempt_belongs_to_the_worker_with_the_fewest():
    kit = CoresKit(FifoCores, 1)
    runners = [Runner(kit.cores, kit.task(f"worker {number}")) for number in range(3)]
    workers = EventLoopWorkers(kit.clock, runners, StationTotals(kit.clock))
    joined = [runners.index(workers.join()) for _ in range(5)]
    assert joined == [0, 1, 2, 0, 1]
    workers.leave(runners[1])
    workers.leave(runners[1])
    assert runners.index(workers.join()) == 1


# --- balancer ------------------------------------------------------------------------------------------------


def endpoints(*connections):
    return [SimpleNamespace(up=True, connections=count) for count in connections]


def client(process=0, slot=0, workload=0):
    return SimpleNamespace(workload=workload, process=process, slot=slot)


def test_round_robin_takes_turns_and_skips_what_is_down():
    places = endpoints(0, 0, 0)
    balancer = Balancer(places)
    assert [balancer.choose(client()) for _ in range(4)] == [0, 1, 2, 0]
    places[1].up = False
    assert [balancer.choose(client()) for _ in range(3)] == [2, 0, 2]


def test_random_draws_among_those_that_are_up():
    draws = iter((0.0, 0.3, 0.99, 0.6))
    places = endpoints(0, 0, 0)
    balancer = Balancer(places, "random", draw=lambda: next(draws))
    assert [balancer.choose(client()) for _ in range(3)] == [0, 0, 2]
    places[0].up = False
    assert balancer.choose(client()) == 2


def test_least_connections_takes_the_lowest_of_the_fewest():
    assert Balancer(endpoints(3, 1, 1), "least_connections").choose(client()) == 1


@pytest.mark.parametrize(
    ("draws", "chosen"),
    [((0.0, 0.0), 1), ((0.9, 0.9), 1), ((0.5, 0.9), 1), ((0.0, 0.9), 0), ((0.9, 0.0), 0)],
)
def test_power_of_two_compares_two_different_ones(draws, chosen):
    draw = iter(draws)
    assert Balancer(endpoints(2, 1, 5), "power_of_two", draw=lambda: next(draw)).choose(client()) == chosen


def test_session_affinity_keeps_a_client_and_spreads_clients():
    places = endpoints(0, 0, 0, 0)
    balancer = Balancer(places, "session_affinity")
    chosen = [balancer.choose(client(process, slot)) for process in range(20) for slot in range(10)]
    assert chosen == [balancer.choose(client(process, slot)) for process in range(20) for slot in range(10)]
    assert min(Counter(chosen).values()) > 30
    moved = balancer.choose(client(3, 1))
    places[moved].up = False
    assert balancer.choose(client(3, 1)) == (moved + 1) % 4


def test_weighted_takes_turns_in_proportion_and_spreads_them():
    balancer = Balancer(endpoints(0, 0, 0), "weighted", weights=[5.0, 1.0, 1.0])
    assert [balancer.choose(client()) for _ in range(7)] == [0, 0, 1, 0, 2, 0, 0]


def test_without_a_balancer_a_process_has_its_instance_and_nothing_routes_around():
    places = endpoints(0, 0)
    balancer = Balancer(places, "fixed")
    assert [balancer.choose(client(process)) for process in range(4)] == [0, 1, 0, 1]
    places[1].up = False
    assert [balancer.choose(client(process)) for process in range(2)] == [0, None]


@pytest.mark.parametrize(
    "policy", ["round_robin", "random", "least_connections", "power_of_two", "session_affinity", "weighted", "fixed"]
)
def test_none_up_is_none(policy):
    places = endpoints(0, 0)
    for place in places:
        place.up = False
    assert Balancer(places, policy, draw=lambda: 0.5, weights=[1.0, 1.0]).choose(client()) is None

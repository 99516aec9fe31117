"""Clients alone in a bare environment, against a server that is a function: arrivals, timeouts, retries, phases."""

from __future__ import annotations

from collections import Counter
from itertools import count, pairwise

import numpy as np
import pytest
from component_kit import ONE, Kit

from models.clients import Clients, Retry, Source
from models.records import (
    ABANDONED_ATTEMPTS,
    BACKING_OFF,
    CAUSES,
    COMPLETED,
    COUNT_COMPLETED,
    COUNT_FAILED,
    COUNT_REJECTED,
    COUNT_RETRIED,
    COUNT_TIMED_OUT,
    FAILED,
    OFFERED,
    REJECTED,
    TIMED_OUT,
    WORKING,
)


class ClientsKit(Kit):
    """Clients of a server that answers attempt number k with ``answers[k]``: (time, outcome); the last one holds on."""

    def __init__(self, *answers, **options):
        super().__init__()
        self.answers = list(answers) or [(5, COMPLETED)]
        self.attempts = []
        self.cancelled = []
        self.operations = []
        serials = count()
        self.clients = Clients(
            self.clock,
            index=0,
            serve=self.serve,
            started=self.operations.append,
            ended=lambda operation: self.note(f"{operation.source.identifier}.{operation.number}"),
            operation_serial=lambda: next(serials),
            attempt_serial=lambda: next(serials),
            pick_kind=lambda draw: int(draw * 4),
            **options,
        )

    def serve(self, attempt):
        self.attempts.append((self.clock.now, attempt.operation.source.identifier, attempt.number))
        attempt.cancel = lambda: self.cancelled.append(self.clock.now)
        duration_ns, outcome = self.answers[min(len(self.attempts), len(self.answers)) - 1]
        causes_ns = [0] * CAUSES
        causes_ns[WORKING] = duration_ns
        self.at(self.clock.now + duration_ns, lambda: attempt.end(outcome, causes_ns))

    def trace(self, *times_ns):
        self.clients.start_trace(Source(0, 0, 0, 7, 0), [(time_ns, -1) for time_ns in times_ns])

    def closed(self, users, think, *, base_users=None, phases=()):
        sources = [Source(0, number, 0, 1000 + number, number) for number in range(users)]
        self.clients.start_closed(
            sources, lambda key, at: think, base_users=users if base_users is None else base_users, phases=list(phases)
        )

    def starts(self):
        return [operation.start_ns for operation in self.operations]


# --- arrivals ------------------------------------------------------------------------------------------------


def test_traced_operations_start_at_their_times_also_several_at_once():
    kit = ClientsKit()
    kit.trace(3, 3, 8)
    kit.run(100)
    assert kit.starts() == [3, 3, 8]
    assert [operation.number for operation in kit.operations] == [0, 1, 2]
    assert kit.log == [(8, "0.0"), (8, "0.1"), (13, "0.2")]


def test_a_trace_may_name_the_kind_of_each_operation():
    kit = ClientsKit()
    kit.clients.start_trace(Source(0, 0, 0, 7, 0), [(1, 3), (2, 0), (3, -1)])
    kit.run(100)
    assert [operation.kind for operation in kit.operations[:2]] == [3, 0]
    assert 0 <= kit.operations[2].kind < 4


def test_open_processes_arrive_one_after_the_other_whatever_the_server_does():
    kit = ClientsKit((1000, COMPLETED))
    sources = [Source(0, number, 0, number, number) for number in range(2)]
    gaps = iter((10, 15, 10, 10, 15, 10))  # drawn one ahead: at the start, then at each arrival
    phases = np.zeros((1, 2), dtype=np.int64)
    kit.clients.start_open(sources, lambda key, at: next(gaps), phases, 0, 0)
    kit.run(35)
    assert [(operation.start_ns, operation.source.process) for operation in kit.operations] == [
        (10, 0),
        (15, 1),
        (20, 0),
        (25, 1),
    ]


def test_a_phase_multiplies_the_rate_within_its_bounds():
    kit = ClientsKit()
    phases = np.array([[0, ONE], [25, 2 * ONE], [60, 0], [100, ONE // 2]], dtype=np.int64)
    kit.clients.start_open([Source(0, 0, 0, 7, 0)], lambda key, at: 10, phases, 0, 4)
    kit.run(160)
    # 10, 20, then half a gap at speed 1 and half at speed 2, 5 apart, none while the factor is 0, then 20 apart
    assert kit.starts() == [10, 20, 28, 33, 38, 43, 48, 53, 58, 112, 132, 152]


def test_a_last_phase_without_a_rate_ends_the_arrivals():
    kit = ClientsKit()
    phases = np.array([[0, ONE], [25, 0]], dtype=np.int64)
    kit.clients.start_open([Source(0, 0, 0, 7, 0)], lambda key, at: 10, phases, 0, 2)
    kit.run(10_000)
    assert kit.starts() == [10, 20]


# --- closed users --------------------------------------------------------------------------------------------


def test_a_closed_user_thinks_between_operations_and_first_for_a_part_of_it():
    kit = ClientsKit()
    kit.closed(1, 20)
    kit.run(500)
    starts = kit.starts()
    assert 0 <= starts[0] <= 20
    assert {after - before for before, after in pairwise(starts)} == {25}


def test_a_closed_user_thinks_after_giving_up_alike():
    kit = ClientsKit((5, FAILED))
    kit.closed(1, 20)
    kit.run(500)
    starts = kit.starts()
    assert {after - before for before, after in pairwise(starts)} == {25}
    assert kit.clients.counts[COUNT_FAILED] == len(list(kit.log))


def test_users_never_have_more_than_one_operation_each():
    kit = ClientsKit((7, COMPLETED))
    kit.closed(3, 0)
    kit.run(70)
    assert Counter(starts for starts in kit.starts()) == dict.fromkeys(range(0, 70, 7), 3)


def test_a_phase_changes_the_active_users_and_surplus_ones_park_when_they_finish():
    kit = ClientsKit((10, COMPLETED))
    kit.closed(4, 0, base_users=2, phases=[(0, ONE), (25, 2 * ONE), (55, ONE // 4), (95, 0), (135, ONE)])
    kit.run(160)
    by_time = Counter(kit.starts())
    assert [by_time[time] for time in (0, 10, 20)] == [2, 2, 2]
    assert by_time[25] == 2  # the surplus two begin at once
    assert [by_time[time] for time in (30, 35, 40, 45, 50)] == [2, 2, 2, 2, 2]
    assert by_time[55] == 0  # they finish at 55 and park
    assert [by_time[time] for time in (60, 70, 80, 90)] == [1, 1, 1, 1]  # round(2 * 1/4) = 1, half up
    assert [by_time[time] for time in (100, 110, 120, 130)] == [0, 0, 0, 0]
    assert [by_time[time] for time in (135, 145, 155)] == [2, 2, 2]


# --- timeouts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cancels", [False, True])
def test_a_timeout_abandons_the_attempt_and_cancels_it_only_if_told(cancels):
    kit = ClientsKit((50, COMPLETED), timeout=lambda key, at: 20, cancel_on_timeout=cancels)
    kit.trace(10)
    kit.run(200)
    assert kit.log == [(30, "0.0")]
    assert kit.cancelled == ([30] if cancels else [])
    operation = kit.operations[0]
    assert (operation.outcome, operation.end_ns) == (TIMED_OUT, 30)
    assert operation.causes_ns[ABANDONED_ATTEMPTS] == 20
    assert sum(operation.causes_ns) == 20
    assert kit.clients.counts[COUNT_TIMED_OUT] == 1


def test_an_answer_in_time_is_no_timeout():
    kit = ClientsKit((20, COMPLETED), timeout=lambda key, at: 21)
    kit.trace(10)
    kit.run(200)
    assert kit.operations[0].outcome == COMPLETED
    assert kit.clients.counts[COUNT_TIMED_OUT] == 0


def test_each_attempt_has_its_own_timeout():
    waits = iter((5, 7, 50))
    kit = ClientsKit(
        (30, COMPLETED), timeout=lambda key, at: next(waits), retry=Retry(attempts=3, backoff_ns=2, full_jitter=False)
    )
    kit.trace(0)
    kit.run(200)
    # 5 and 2 of backoff, 7 and 4 of backoff, then 30
    assert [attempt[0] for attempt in kit.attempts] == [0, 7, 18]
    operation = kit.operations[0]
    assert (operation.outcome, operation.attempts, operation.end_ns) == (COMPLETED, 3, 48)
    assert operation.causes_ns[ABANDONED_ATTEMPTS] == 12
    assert operation.causes_ns[BACKING_OFF] == 6
    assert sum(operation.causes_ns) == 48
    assert kit.clients.counts[COUNT_TIMED_OUT] == 2


# --- retries -------------------------------------------------------------------------------------------------


def test_backoff_grows_up_to_its_cap():
    kit = ClientsKit((1, FAILED), retry=Retry(5, backoff_ns=10, multiplier=3.0, cap_ns=50, full_jitter=False))
    kit.trace(0)
    kit.run(1000)
    times = [attempt[0] for attempt in kit.attempts]
    assert [after - before - 1 for before, after in pairwise(times)] == [10, 30, 50, 50]
    assert kit.operations[0].outcome == FAILED
    assert kit.clients.counts[COUNT_RETRIED] == 4


def test_full_jitter_draws_each_backoff_evenly_from_nothing_to_its_length():
    kit = ClientsKit((1, FAILED), retry=Retry(2, backoff_ns=1_000_000))
    kit.trace(*range(0, 400_000_000, 1_000_000))
    kit.run(10**9)
    backoffs = np.array([operation.causes_ns[BACKING_OFF] for operation in kit.operations])
    assert backoffs.max() <= 1_000_000
    assert backoffs.mean() == pytest.approx(500_000, rel=0.1)
    assert np.quantile(backoffs, [0.1, 0.9]) == pytest.approx([100_000, 900_000], rel=0.4)


def test_attempts_are_counted_with_the_first():
    kit = ClientsKit((1, REJECTED), (1, FAILED), (1, COMPLETED), retry=Retry(attempts=3))
    kit.trace(0)
    kit.run(100)
    assert (kit.operations[0].outcome, kit.operations[0].attempts) == (COMPLETED, 3)
    assert kit.clients.counts[COUNT_REJECTED] == 1
    kit = ClientsKit((1, REJECTED), (1, FAILED), (1, COMPLETED), retry=Retry(attempts=2))
    kit.trace(0)
    kit.run(100)
    assert (kit.operations[0].outcome, kit.operations[0].attempts) == (FAILED, 2)


@pytest.mark.parametrize(("budget", "retried"), [(0, 0), (0.1, 4), (0.25, 10), (1.0, 40), (5.0, 40), (None, 40)])
def test_the_budget_is_a_bucket_that_operations_fill_and_retries_empty(budget, retried):
    millionths = None if budget is None else int(budget * 1_000_000)
    kit = ClientsKit((1, FAILED), retry=Retry(attempts=2, budget=millionths))
    kit.trace(*range(0, 400, 10))
    kit.run(1000)
    assert kit.clients.counts[COUNT_RETRIED] == retried


def test_unused_budget_is_saved():
    kit = ClientsKit(*[(1, COMPLETED)] * 20, (1, FAILED), retry=Retry(attempts=50, budget=100_000))
    kit.trace(*range(0, 210, 10))
    kit.run(1000)
    assert kit.operations[-1].attempts == 1 + 2  # 21 operations brought 2.1 tokens


def test_operations_are_offered_and_end_as_completed_or_failed():
    kit = ClientsKit((1, COMPLETED), (1, FAILED), (10**6, COMPLETED))
    kit.trace(0, 10, 20)
    kit.run(1000)
    counts = kit.clients.counts
    assert (counts[OFFERED], counts[COUNT_COMPLETED], counts[COUNT_FAILED]) == (3, 1, 1)

"""An attempt's way through the services on small scenarios: visits, choices, failures, branches, faults.

Times are whole milliseconds in the tests; arrivals come from a trace, so that every end can be followed by hand.
"""

from __future__ import annotations

from collections import Counter

import pytest

from models.records import (
    ABANDONED_ATTEMPTS,
    BACKING_OFF,
    CAUSE_NAMES,
    COMPLETED,
    COUNT_REJECTED,
    FAILED,
    IN_FLIGHT,
    INSTANCE_DOWN,
    MEMORY_EXHAUSTED,
    REJECTED,
    TIMED_OUT,
)
from models.scenario import Scenario, ScenarioError
from simulator.compile import compile_scenario
from simulator.laws import violations
from simulator.reference import simulate

MS = 1_000_000
CPU = {"kind": "cpu", "demand": "10ms"}


@pytest.fixture
def play(tmp_path):
    """Runs stages on arrivals at given times [ms] and returns the output; no law is broken."""

    def run(stages, arrivals, *, services=None, workload=None, events=(), end_ms=1000):
        (tmp_path / "arrivals.csv").write_text("".join(f"{at_ms / 1000}\n" for at_ms in arrivals))
        data = {
            "name": "test",
            "run": {"warmup": "0s", "duration": f"{end_ms}ms", "replications": 1},
            "workloads": [{"name": "w", "kind": "trace", "file": "arrivals.csv", **(workload or {})}],
            "services": {"s": {"discipline": "fifo"}} if services is None else services,
            "operations": [{"name": "o", "stages": stages}],
            "events": list(events),
        }
        compiled = compile_scenario(Scenario.from_dict(data, directory=tmp_path))
        output = simulate(
            compiled, seed=1, replication=0, warmup_ns=0, end_ns=end_ms * MS, records=True, causes=True, check=True
        )
        assert violations(output, compiled) == []
        run.names = [station.name for station in compiled.stations]
        return output

    return run


def ends_ms(output):
    return [record["end_ns"] / MS if record["end_ns"] >= 0 else None for record in output.records]


def outcomes(output):
    return output.records["outcome"].tolist()


def causes_ms(output, row=0):
    """The causes that are not 0 of an operation."""
    found = zip(CAUSE_NAMES, output.records["causes_ns"][row].tolist(), strict=True)
    return {name: time_ns / MS for name, time_ns in found if time_ns}


# --- stages --------------------------------------------------------------------------------------------------


def test_stages_follow_one_another(play):
    services = {
        "s": {
            "discipline": "fifo",
            "links": {"l": {"bandwidth": "1kB/s", "delay": "2ms"}},
            "locks": {"k": {}},
            "pools": {"p": {"size": 1}},
        }
    }
    stages = [
        CPU,
        {"kind": "delay", "time": "5ms"},
        {"kind": "link", "link": "l", "bytes": "3B"},
        {"kind": "lock", "lock": "k", "hold": "1ms"},
        {"kind": "pool", "pool": "p", "stages": [{"kind": "delay", "time": "4ms"}]},
    ]
    output = play(stages, [0], services=services)
    assert ends_ms(output) == [25]
    assert causes_ms(output) == {"working": 11, "delay": 9, "on_link": 5}


def test_a_preempted_holder_keeps_everyone_waiting(play):
    services = {"s": {"discipline": "round_robin", "round_robin": {"time_slice": "2ms"}, "locks": {"k": {}}}}
    stages = [{"kind": "lock", "lock": "k", "hold": "4ms"}]
    both = play(stages, [0, 1], services=services)
    assert ends_ms(both) == [4, 8]
    assert causes_ms(both, 1) == {"waiting_for_lock": 3, "working": 4}
    preempted = play(
        [{"kind": "parallel", "branches": [{"stages": stages}, {"stages": [CPU]}]}], [0, 1], services=services
    )
    # The holder runs from 0 to 2, then after a turn of each of the others from 6 to 8.
    assert preempted.stations_whole["waiting_ns"][play.names.index("k")] == 7 * MS


def test_a_choice_goes_each_way_as_often_as_its_weight(play):
    stages = [
        {
            "kind": "choice",
            "branches": [
                {"weight": 3, "stages": [{"kind": "delay", "time": "1ms"}]},
                {"weight": 0, "stages": [{"kind": "delay", "time": "5ms"}]},
                {"weight": 1, "stages": []},
            ],
        }
    ]
    output = play(stages, range(900))
    times = Counter((output.records["end_ns"] - output.records["start_ns"]).tolist())
    assert set(times) == {MS, 0}
    assert times[MS] == pytest.approx(675, abs=45)


@pytest.mark.parametrize(("probability", "failed", "spread"), [(0.0, 0, 0), (0.25, 225, 40), (1.0, 900, 0)])
def test_a_failure_fails_as_often_as_it_says(play, probability, failed, spread):
    output = play([{"kind": "failure", "probability": probability}], range(900))
    assert set(outcomes(output)) <= {COMPLETED, FAILED}
    assert outcomes(output).count(FAILED) == pytest.approx(failed, abs=spread)


def test_a_failure_is_retried_with_new_draws(play):
    stages = [{"kind": "delay", "time": "1ms"}, {"kind": "failure", "probability": 0.5}]
    workload = {"retry": {"attempts": 100, "backoff": "1ms", "multiplier": 1.0, "jitter": "none"}}
    output = play(stages, [0] * 300, workload=workload)
    assert set(outcomes(output)) == {COMPLETED}
    assert output.records["attempts"].mean() == pytest.approx(2.0, abs=0.3)
    attempts = output.records["attempts"]
    assert (output.records["causes_ns"][:, BACKING_OFF] == (attempts - 1) * MS).all()
    assert (output.records["causes_ns"][:, ABANDONED_ATTEMPTS] == (attempts - 1) * MS).all()


def test_parallel_branches_run_at_once_and_the_last_counts(play):
    stages = [
        {
            "kind": "parallel",
            "branches": [
                {"stages": [{"kind": "delay", "time": "3ms"}]},
                {"stages": [{"kind": "delay", "time": "7ms"}, CPU]},
                {"stages": [{"kind": "delay", "time": "5ms"}]},
            ],
        },
        {"kind": "delay", "time": "1ms"},
    ]
    output = play(stages, [0])
    assert ends_ms(output) == [18]
    assert causes_ms(output) == {"delay": 8, "working": 10}


def test_parallel_branches_compete_for_a_core(play):
    stages = [{"kind": "parallel", "branches": [{"stages": [CPU]}, {"stages": [CPU]}]}]
    assert ends_ms(play(stages, [0])) == [20]
    assert ends_ms(play(stages, [0], services={"s": {"discipline": "fifo", "cores": 2}})) == [10]


def test_the_first_failure_takes_the_other_branches_out(play):
    fails = [{"kind": "delay", "time": "2ms"}, {"kind": "failure", "probability": 1.0}]
    stages = [{"kind": "parallel", "branches": [{"stages": fails}, {"stages": [{"kind": "cpu", "demand": "500ms"}]}]}]
    output = play([*stages, CPU], [0, 10])
    assert outcomes(output) == [FAILED, FAILED]
    assert ends_ms(output) == [2, 12]
    assert output.stations_whole[0]["busy_ns"] == 4 * MS


# --- memory --------------------------------------------------------------------------------------------------

HALF_OF_MEMORY = {"s": {"discipline": "fifo", "memory": "10B", "memory_base": "2B"}}


def test_memory_is_held_to_the_end_of_the_attempt(play):
    stages = [{"kind": "memory", "bytes": "5B"}, {"kind": "delay", "time": "10ms"}]
    output = play(stages, [0, 1, 2], services=HALF_OF_MEMORY)
    assert ends_ms(output) == [10, 20, 30]
    assert causes_ms(output, 2) == {"waiting_for_memory": 18, "delay": 10}
    assert output.memory_peak_bytes.tolist() == [7]
    assert output.memory_mean_bytes[0] == pytest.approx(2 + 5 * 0.03)


def test_memory_may_fail_instead(play):
    stages = [{"kind": "memory", "bytes": "5B", "on_exhaustion": "fail"}, {"kind": "delay", "time": "10ms"}]
    output = play(stages, [0, 1, 10, 11], services=HALF_OF_MEMORY)
    assert outcomes(output) == [COMPLETED, MEMORY_EXHAUSTED, COMPLETED, MEMORY_EXHAUSTED]
    assert ends_ms(output) == [10, 1, 20, 11]


def test_the_pool_costs_cpu(play):
    pool = {"size": "5B", "hit": "1ms", "miss": "3ms"}
    services = {"s": {"discipline": "fifo", "memory_pool": pool}}
    stages = [{"kind": "memory", "bytes": "4B"}, {"kind": "delay", "time": "50ms"}]
    assert ends_ms(play(stages, [0, 10], services=services)) == [51, 63]
    off = {"s": {"discipline": "fifo", "memory_pool": {**pool, "enabled": False}}}
    assert ends_ms(play(stages, [0, 10], services=off)) == [53, 63]


# --- visits, workers, tasks ----------------------------------------------------------------------------------


def test_hops_both_ways_and_dispatch_one_after_the_other(play):
    balancer = {"dispatch": "2ms", "hop": "3ms"}
    output = play([{"kind": "delay", "time": "10ms"}], [0, 0], services={"s": {"balancer": balancer}})
    assert ends_ms(output) == [18, 20]
    assert causes_ms(output, 1) == {"delay": 10, "hop_and_dispatch": 10}
    off = play(
        [{"kind": "delay", "time": "10ms"}], [0, 0], services={"s": {"balancer": {**balancer, "enabled": False}}}
    )
    assert ends_ms(off) == [10, 10]


def test_consecutive_stages_on_a_service_are_one_visit_and_an_attempt_keeps_its_instance(play):
    services = {"s": {"discipline": "fifo"}, "t": {"discipline": "fifo", "instances": 2, "balancer": {"hop": "1ms"}}}
    on_t = {"kind": "cpu", "demand": "10ms", "service": "t"}
    assert ends_ms(play([CPU, on_t, on_t], [0], services=services)) == [32]
    apart = play([CPU, on_t, CPU, on_t], [0], services=services)
    assert ends_ms(apart) == [44]
    assert (apart.cores_whole_ns[:, 0] / MS).tolist() == [20, 20, 0]


def test_beyond_the_queue_limit_an_arrival_is_rejected_and_may_try_again(play):
    services = {"s": {"discipline": "fifo", "queue_limit": 2}}
    output = play([CPU], [0, 1, 2, 15], services=services)
    assert outcomes(output) == [COMPLETED, COMPLETED, REJECTED, COMPLETED]
    assert ends_ms(output) == [10, 20, 2, 30]
    retry = {"retry": {"attempts": 2, "backoff": "9ms", "jitter": "none"}}
    again = play([CPU], [0, 1, 2], services=services, workload=retry)
    assert ends_ms(again) == [10, 20, 30]
    assert again.counts[0, COUNT_REJECTED] == 1


def test_an_abandoned_attempt_counts_against_the_queue_limit(play):
    services = {"s": {"discipline": "fifo", "queue_limit": 1}}
    late = {"timeout": "5ms"}
    assert outcomes(play([CPU], [0, 7, 12], services=services, workload=late)) == [TIMED_OUT, REJECTED, TIMED_OUT]
    cancelled = {"timeout": "5ms", "cancel_on_timeout": True}
    assert outcomes(play([CPU], [0, 7, 12], services=services, workload=cancelled)) == [TIMED_OUT] * 3


def test_a_blocking_worker_is_held_in_pure_waits_and_an_event_loop_goes_on(play):
    stages = [CPU, {"kind": "delay", "time": "100ms"}]
    blocking = {"s": {"discipline": "fifo", "workers": 1, "worker_kind": "blocking"}}
    output = play(stages, [0, 0], services=blocking)
    assert ends_ms(output) == [110, 220]
    assert causes_ms(output, 1) == {"waiting_for_worker": 110, "working": 10, "delay": 100}
    event_loop = {"s": {"discipline": "fifo", "workers": 1, "worker_kind": "event_loop"}}
    assert ends_ms(play(stages, [0, 0], services=event_loop)) == [110, 120]


@pytest.mark.parametrize(("after_timer", "ends"), [(False, [61, 72, 76, 86, 97]), (True, [71, 72, 76, 86, 96])])
def test_what_a_timer_made_ready_is_served_behind_all_else_of_its_turn(play, after_timer, ends):
    answer = {"kind": "cpu", "demand": "1ms", "after_timer": after_timer}
    stages = [CPU, {"kind": "delay", "time": "25ms"}, answer]
    services = {"s": {"discipline": "fifo", "workers": 1, "worker_kind": "event_loop"}}
    # the first goes to sleep at 10 and is due at 35, while the second is served: the others come at 31, 32 and 36
    output = play(stages, [0, 30, 31, 32, 36], services=services)
    assert ends_ms(output) == ends


@pytest.mark.parametrize(("order", "ends"), [("arrival", [40, 50, 70, 80]), ("own_first", [30, 50, 60, 80])])
def test_a_loop_goes_on_with_what_it_made_ready_before_what_came_meanwhile(play, order, ends):
    services = {"s": {"discipline": "fifo", "workers": 1, "worker_kind": "event_loop", "ready_order": order}}
    # the second and the third come while the first is served, the last while the second is
    assert ends_ms(play([CPU, CPU], [0, 1, 2, 25], services=services)) == ends


def test_a_loop_turns_to_what_came_when_it_has_nothing_left_that_it_made_ready_itself(play):
    services = {"s": {"discipline": "fifo", "workers": 1, "worker_kind": "event_loop", "ready_order": "client_first"}}
    # the second and the third come while the first is served, the last while the second is
    ends = ends_ms(play([CPU, CPU], [0, 1, 2, 25], services=services))
    assert ends == pytest.approx([20, 50, 60, 80], abs=1e-4)


@pytest.mark.parametrize(("order", "first"), [("arrival", 32), ("own_first", 32), ("client_first", 21)])
def test_a_loop_that_looks_again_finds_the_answer_of_whom_it_woke_on_its_core(play, order, first):
    loop = {"cores_of": "s", "workers": 1, "worker_kind": "event_loop", "ready_order": order}
    services = {"s": {"discipline": "linux", "cores": 1}, "loop": loop}
    sent = {"kind": "cpu", "demand": "10ms", "service": "loop"}
    # what the loop wakes at 10 takes its core for 1 ms, and has answered when the loop goes on
    output = play([sent, {"kind": "cpu", "demand": "1ms"}, sent], [0, 0], services=services)
    assert ends_ms(output) == pytest.approx([first, 42], abs=1e-4)


@pytest.mark.parametrize("order", ["arrival", "client_first"])
def test_a_loop_that_looks_again_does_not_wait_for_whom_it_woke_elsewhere(play, order):
    loop = {"discipline": "fifo", "workers": 1, "worker_kind": "event_loop", "ready_order": order}
    services = {"s": {"discipline": "fifo"}, "loop": loop}
    sent = {"kind": "cpu", "demand": "10ms", "service": "loop"}
    output = play([sent, {"kind": "cpu", "demand": "11ms"}, sent], [0, 0], services=services)
    assert ends_ms(output) == pytest.approx([31, 42], abs=1e-4)


def test_a_blocking_worker_of_another_service_is_held_for_the_visit_only(play):
    services = {
        "s": {"discipline": "fifo"},
        "t": {"discipline": "fifo", "workers": 1, "worker_kind": "blocking"},
    }
    stages = [{"kind": "delay", "time": "10ms", "service": "t"}, {"kind": "delay", "time": "50ms", "service": "s"}]
    assert ends_ms(play([{"kind": "delay", "time": "0s"}, *stages], [0, 0], services=services)) == [60, 70]
    assert ends_ms(play(stages, [0, 0], services=services)) == [60, 120]  # entered on t: held for the whole attempt


def test_services_on_the_same_cores_compete(play):
    services = {"s": {"discipline": "fifo"}, "t": {"cores_of": "s"}}
    stages = [{"kind": "parallel", "branches": [{"stages": [CPU]}, {"stages": [{**CPU, "service": "t"}]}]}]
    output = play(stages, [0], services=services)
    assert ends_ms(output) == [20]
    assert len(output.cores_whole_ns) == 1


# --- timeouts ------------------------------------------------------------------------------------------------


def test_without_cancellation_the_service_goes_on_with_an_abandoned_attempt(play):
    left = play([CPU], [0, 6], workload={"timeout": "5ms"})
    assert outcomes(left) == [TIMED_OUT, TIMED_OUT]
    assert left.stations_whole[0]["busy_ns"] == 20 * MS
    cancelled = play([CPU], [0, 6], workload={"timeout": "5ms", "cancel_on_timeout": True})
    assert cancelled.stations_whole[0]["busy_ns"] == 10 * MS


def test_a_cancelled_attempt_gives_back_what_it_holds(play):
    services = {"s": {"discipline": "fifo", "pools": {"p": {"size": 1}}}}
    stages = [{"kind": "pool", "pool": "p", "stages": [{"kind": "delay", "time": "10ms"}]}]
    cancelled = play(stages, [0, 1], services=services, workload={"timeout": "6ms", "cancel_on_timeout": True})
    assert causes_ms(cancelled, 1) == {"abandoned_attempts": 6}
    served = play(stages, [0, 1], services=services, workload={"timeout": "12ms", "cancel_on_timeout": True})
    assert outcomes(served) == [COMPLETED, TIMED_OUT]
    freed = play(
        [
            {
                **stages[0],
                "stages": [{"kind": "delay", "time": {"distribution": "uniform", "low": "4ms", "high": "5ms"}}],
            }
        ],
        [0, 1],
        services=services,
        workload={"timeout": "9ms", "cancel_on_timeout": True},
    )
    assert outcomes(freed) == [COMPLETED, COMPLETED]


# --- faults --------------------------------------------------------------------------------------------------


def event(at_ms, action, instance=0, **fields):
    return {"at": f"{at_ms}ms", "service": "s", "instance": instance, "action": action, **fields}


def test_down_fails_what_is_inside_and_empties_the_instance(play):
    output = play([CPU], [0, 1, 40], events=[event(5, "down"), event(30, "up")])
    assert outcomes(output) == [INSTANCE_DOWN, INSTANCE_DOWN, COMPLETED]
    assert ends_ms(output) == [5, 5, 50]
    assert output.stations_whole[0]["busy_ns"] == 15 * MS


def test_while_all_are_down_arrivals_are_rejected_and_may_try_again(play):
    events = [event(5, "down"), event(30, "up")]
    assert outcomes(play([CPU], [10, 35], events=events)) == [REJECTED, COMPLETED]
    retry = {"retry": {"attempts": 9, "backoff": "4ms", "multiplier": 1.0, "jitter": "none"}}
    assert ends_ms(play([CPU], [10], events=events, workload=retry)) == [40]


def test_an_instance_that_is_down_is_skipped(play):
    services = {"s": {"discipline": "fifo", "instances": 2}}
    output = play([CPU], [0, 20, 40, 60], services=services, events=[event(15, "down", 1), event(50, "up", 1)])
    assert output.records["instance"].tolist() == [0, 0, 0, 1]
    assert set(outcomes(output)) == {COMPLETED}


def test_down_drops_the_batches(play):
    batcher = {"max_size": 2, "linger": "50ms", "fixed": "20ms"}
    services = {"s": {"discipline": "fifo", "batchers": {"b": batcher}}}
    stages = [{"kind": "batch", "batcher": "b"}]
    output = play(stages, [0, 0, 1, 30, 31], services=services, events=[event(10, "down"), event(11, "up")])
    assert outcomes(output) == [INSTANCE_DOWN] * 3 + [COMPLETED] * 2
    assert ends_ms(output) == [10, 10, 10, 51, 51]


def test_who_is_on_the_way_to_an_instance_that_goes_down_is_rejected(play):
    services = {"s": {"discipline": "fifo", "balancer": {"hop": "5ms"}}}
    output = play([CPU], [0, 8], services=services, events=[event(3, "down"), event(10, "up")])
    assert outcomes(output) == [REJECTED, REJECTED]
    assert ends_ms(output) == [5, 8]


def test_slow_multiplies_demands_until_told_otherwise(play):
    events = [event(5, "slow", factor=2.0), event(40, "slow", factor=1.0)]
    output = play([CPU], [0, 20, 50], events=events)
    assert ends_ms(output) == [15, 40, 60]


def test_a_pause_stops_the_instance_and_nothing_else(play):
    pauses = [{"every": "20ms", "duration": "5ms"}]
    services = {"s": {"discipline": "fifo", "pauses": pauses}}
    output = play([CPU, {"kind": "delay", "time": "10ms"}], [15, 100], services=services)
    assert ends_ms(output) == [40, 120]  # pauses from 20 to 25, 45 to 50, 70 to 75, 95 to 100, 120 to 125
    assert causes_ms(output) == {"working": 10, "throttled_or_paused": 5, "delay": 10}


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({}, None),
        ({"phases": [{"duration": "1s", "factor": 1.0}, {"duration": "1s", "factor": 1.5}]}, "circuit without time"),
        ({"timeout": "1s"}, "circuit without time"),
        ({"think_time": "1ms", "timeout": "1s"}, None),
    ],
)
def test_users_that_can_be_rejected_for_ever_at_one_instant_are_an_error(change, error):
    data = {
        "name": "test",
        "run": {"warmup": "0s"},
        "workloads": [{"name": "w", "kind": "closed", "procs": 2, "think_time": "0s", **change}],
        "services": {"s": {"queue_limit": 2}},
        "operations": [{"name": "o", "stages": [CPU]}],
    }
    if error is None:
        Scenario.from_dict(data)
    else:
        with pytest.raises(ScenarioError, match=error):
            Scenario.from_dict(data)


@pytest.mark.parametrize(("enabled", "error"), [(True, None), (False, "circuit without time")])
def test_without_a_balancer_one_instance_that_goes_down_rejects_its_users_for_ever(enabled, error):
    data = {
        "name": "test",
        "run": {"warmup": "0s"},
        "workloads": [{"name": "w", "kind": "closed", "procs": 2, "think_time": "0s"}],
        "services": {"s": {"instances": 2, "balancer": {"enabled": enabled}}},
        "operations": [{"name": "o", "stages": [CPU]}],
        "events": [event(5, "down")],
    }
    if error is None:
        Scenario.from_dict(data)
    else:
        with pytest.raises(ScenarioError, match=error):
            Scenario.from_dict(data)


def test_what_has_not_ended_is_in_flight(play):
    output = play([CPU], [0, 5], end_ms=18)
    assert outcomes(output) == [COMPLETED, IN_FLIGHT]
    assert output.stations_present_ns.tolist()[0] == 13 * MS

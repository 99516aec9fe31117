"""The pilot finds transients of several kinds, keeps its bounds, and plans what the spread asks for."""

from types import SimpleNamespace

import fake_engine
import numpy as np
import pytest

from models.records import COMPLETED, COUNT_COMPLETED, COUNTS, OFFERED, OPERATION_RECORD
from simulator.pilot import FIRST_SHARE, LARGEST_SHARE, LEAST_GROWTH, drain, explore, round_up
from simulator.planning import plan, scripted_end_ns, sheds, window_operations

MS = 1_000_000
S = 1000 * MS
RATE_PER_S = 10_000


def system(response_ns, seed=1, rate_per_s=RATE_PER_S):
    """Return a pilot's `simulate`: Poisson starts, responses a function of the start times and of noise."""
    generator = np.random.default_rng(seed)
    starts = np.cumsum(generator.exponential(S / rate_per_s, 150_000)).astype(np.int64)
    ends = starts + np.maximum(response_ns(starts, generator), 1).astype(np.int64)

    def simulate(end_ns):
        started = starts < end_ns
        records = np.zeros(started.sum(), dtype=OPERATION_RECORD)
        ended = ends[started] < end_ns
        records["start_ns"] = starts[started]
        records["end_ns"] = np.where(ended, ends[started], -1)
        records["outcome"] = np.where(ended, COMPLETED, -1)
        counts = np.zeros((1, COUNTS), dtype=np.int64)
        counts[0, OFFERED], counts[0, COUNT_COMPLETED] = len(records), ended.sum()
        return SimpleNamespace(records=records, counts=counts, events=0, interrupted=False)

    return simulate


def noise(starts, generator):
    return generator.normal(45 * MS, 5 * MS, len(starts))


def found(response_ns, warmup_ns=None, operations=200_000, users=0, behind=2.0):
    engine, _ = fake_engine.engine(operations)
    return explore(engine, system(response_ns), 10 * MS, warmup_ns, users, behind=behind)


def test_a_stationary_system_is_cut_where_it_has_filled_up():
    # Until the first response time has passed nothing ends: without a cut the throughput would be too low.
    pilot = found(noise)
    assert pilot.warmup_found
    assert 40 * MS <= pilot.warmup_ns <= 400 * MS


def test_a_backlog_that_raises_noisy_responses_by_little_is_cut():
    # By less than the spread of single responses: batches of 5 alone would keep it.
    def backlog(starts, generator):
        return generator.normal(45 * MS, 25 * MS, len(starts)) + np.where(starts < 300 * MS, 10 * MS, 0)

    pilot = found(backlog)
    assert pilot.warmup_found
    assert 290 * MS <= pilot.warmup_ns <= 600 * MS


def test_a_system_that_drifts_has_no_cut_and_the_bound_is_kept():
    pilot = found(lambda starts, generator: 10 * MS + starts / 2)
    assert not pilot.warmup_found
    assert len(pilot.all_ends_ns) / 200_000 >= LARGEST_SHARE / LEAST_GROWTH
    assert pilot.cost < 4 * LARGEST_SHARE


def test_a_given_warmup_is_taken_and_covered_twice():
    pilot = found(noise, warmup_ns=2 * S)
    assert (pilot.warmup_ns, pilot.warmup_found) == (2 * S, True)
    assert pilot.end_ns >= 4 * S


def test_the_pilot_of_a_closed_workload_sees_its_users_more_than_once():
    assert found(noise).end_ns < 3 * S < found(noise, users=20_000).end_ns


def test_users_that_began_together_go_round_once_and_a_half_before_anything_counts():
    # 10 000 users at 10 000/s: a cycle lasts a second, and no series shows that they began together.
    pilot = found(noise, users=10_000)
    assert 1.4 * S < pilot.warmup_ns < 1.7 * S
    assert pilot.end_ns >= 2 * pilot.warmup_ns
    assert found(noise, warmup_ns=200 * MS, users=10_000).warmup_ns == 200 * MS


def test_a_pilot_that_has_found_its_cut_goes_only_as_far_as_it_must_see():
    # One in fifty takes 350 ms, which the slices that show the rate are too short for; five times that must be seen.
    def slow_ones(starts, generator):
        return np.where(generator.random(len(starts)) < 0.02, 350 * MS, noise(starts, generator))

    near, far = (found(slow_ones, behind=behind) for behind in (LEAST_GROWTH, 2.0))
    assert near.warmup_found
    assert near.warmup_ns + 5 * 350 * MS <= near.end_ns < 0.9 * far.end_ns


def test_a_cycle_that_the_pilot_cannot_afford_is_cut_as_far_as_it_goes():
    # A cycle of 100 s, of which the budget lets the pilot see a small part: half of that is left to judge by.
    pilot = found(noise, users=1_000_000)
    assert 0.4 * pilot.end_ns < pilot.warmup_ns < 0.6 * pilot.end_ns


def test_a_small_share_of_the_budget_is_enough_for_a_calm_system():
    pilot = found(noise)
    assert len(pilot.all_ends_ns) / 200_000 < 2.5 * FIRST_SHARE


def test_the_records_of_a_pilot_are_bounded_whatever_the_engine_could_do(monkeypatch):
    monkeypatch.setattr("simulator.pilot.MOST_OPERATIONS", 20_000)
    pilot = found(lambda starts, generator: 10 * MS + starts / 2, operations=10**8)
    assert 19_000 < len(pilot.all_ends_ns) < 40_000


def test_where_nothing_ever_ends_the_pilot_ends():
    pilot = found(lambda starts, generator: np.full(len(starts), 10.0**18))
    assert not pilot.warmup_found
    assert len(pilot.responses_ns) == 0


def test_a_trace_runs_until_its_last_operation_has_ended():
    simulate = system(noise)
    starts = simulate(S).records["start_ns"]
    only_these = lambda end_ns: _started_before(simulate(end_ns), S)  # noqa: E731
    last_ns, drained = drain(only_these, int(starts[-1]))
    assert drained
    assert starts[-1] + 20 * MS < last_ns < starts[-1] + 80 * MS


def _started_before(output, limit_ns):
    output.records = output.records[output.records["start_ns"] < limit_ns]
    output.counts[0, OFFERED] = len(output.records)
    return output


def test_a_trace_that_never_drains_is_given_up():
    def never(end_ns):
        output = system(lambda starts, generator: np.full(len(starts), 10.0**18), rate_per_s=10)(end_ns)
        return _started_before(output, S)

    assert drain(never, S) == (S + 1, False)


def test_times_are_rounded_up_to_two_digits():
    assert [round_up(time) for time in (0, 7, 99, 101, 1_234_567)] == [0, 7, 99, 110, 1_300_000]


def scenario(**run):
    return fake_engine.scenario(run=run)


def test_ten_replications_of_the_planned_window_have_the_precision():
    pilot = found(noise, operations=2_000_000)
    operations = window_operations(pilot, 0.002, 10)
    # Independent responses: relative spread 1/9, t(9) = 2.26; throughput: Poisson.
    exact = (2.262 / 0.002) ** 2 / 10
    assert 0.8 * exact < operations < 3.5 * exact


def test_a_plan_keeps_to_the_budget_and_takes_fewer_replications_where_warmups_are_dear():
    pilot = found(noise, warmup_ns=S)
    rich = plan(scenario(precision=0.01), pilot, 100.0)
    assert rich.replications == 10
    poor = plan(scenario(precision=0.01), pilot, 0.3)
    assert poor.replications == 5
    assert poor.duration_ns < rich.duration_ns
    assert poor.duration_ns >= S / 2


def test_what_the_scenario_says_is_planned():
    pilot = found(noise)
    assert plan(scenario(duration="3s"), pilot, 1.0).duration_ns == 3 * S
    stated = plan(scenario(replications=7), pilot, 1.0)
    assert (stated.replications, stated.most_replications) == (7, 7)


def test_a_window_lasts_until_phases_and_events_are_over():
    event = {"at": "20s", "service": "web", "instance": 0, "action": "slow", "factor": 2.0}
    scripted = fake_engine.scenario(run={"warmup": "1s"}, events=[event])
    assert scripted_end_ns(scripted) == 25 * S
    pilot = found(noise, warmup_ns=S)
    assert plan(scripted, pilot, 1.0).duration_ns >= 24 * S


@pytest.mark.parametrize(
    ("changes", "shedding"),
    [
        ({}, False),
        ({"services": {"web": {"queue_limit": 5}}}, True),
        (
            {
                "services": {"web": {"memory": "1GiB"}},
                "operations": [
                    {
                        "name": "request",
                        "stages": [
                            {
                                "kind": "choice",
                                "branches": [
                                    {
                                        "weight": 1.0,
                                        "stages": [{"kind": "memory", "bytes": "1kB", "on_exhaustion": "fail"}],
                                    }
                                ],
                            },
                            {"kind": "cpu", "demand": "1ms"},
                        ],
                    }
                ],
            },
            True,
        ),
    ],
)
def test_what_turns_work_away_is_known(changes, shedding):
    assert sheds(fake_engine.scenario(**changes)) is shedding

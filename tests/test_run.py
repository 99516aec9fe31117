"""`run` on an engine of known behaviour: what is simulated, how long, how often, and what is answered."""

import math
import threading

import fake_engine
import pytest

from simulator import Result, run
from simulator.engines import choose
from simulator.planning import FEWEST_REPLICATIONS, PLANNED_REPLICATIONS
from simulator.replications import Progress

FIXED = {"warmup": "100ms", "duration": "2s", "replications": 5}


def simulate(scenario=None, *, operations=300_000, **options):
    engine, calls = fake_engine.engine(operations)
    return run(scenario or fake_engine.scenario(run=FIXED), engine=engine, **options), calls


def codes(result):
    return [warning["code"] for warning in result.warnings]


def test_a_fully_stated_run_needs_no_pilot():
    result, calls = simulate()
    assert calls.replications == [1, 2, 3, 4, 5]
    assert set(calls.windows_ns) == {(100_000_000, 2_100_000_000)}
    assert (result.data["warmup_s"], result.data["duration_s"], result.data["pilot"]) == (0.1, 2.0, None)


def test_estimates_agree_with_theory():
    # M/M/1: response times are exponential with mean 1 / (mu - lambda).
    result, _ = simulate(fake_engine.scenario(500), operations=3_000_000)
    mean_s = 0.001 / 0.5
    expected = {"mean": mean_s, "p50": mean_s * math.log(2), "p99": mean_s * math.log(100)}
    for name, exact in expected.items():
        estimate = result.response_time_s[name]
        assert estimate.relative_half_width < 0.03
        assert abs(estimate.value - exact) <= 3.5 / 2.26 * estimate.half_width + 0.001 * exact
    assert result["throughput_per_s"] == pytest.approx(500, rel=0.01)
    assert result["cpu_utilization"] == pytest.approx(0.5, rel=0.01)
    station = result.station("cpu", "web")
    assert station["utilization"]["value"] == pytest.approx(0.5, rel=0.01)
    assert station["mean_number"]["value"] == pytest.approx(1.0, rel=0.03)
    assert station["mean_queue_length"]["value"] == pytest.approx(0.5, rel=0.05)
    assert station["residence_time_s"]["value"] == pytest.approx(result["response_time_s.mean"], rel=0.001)


def test_the_same_seed_gives_the_same_bytes_and_another_does_not():
    def text(seed):
        result, _ = simulate(fake_engine.scenario(500), seed=seed, operations=50_000)
        for name in ("date", "elapsed_s"):
            result.data["provenance"].pop(name)
        return result.to_json()

    assert text(4) == text(4)
    assert text(4) != text(5)


def test_the_seed_of_the_scenario_is_the_default_and_is_in_the_result():
    stated = fake_engine.scenario(run={**FIXED, "seed": 77})
    assert simulate(stated)[0].data["seed"] == 77
    assert simulate(stated, seed=3)[0].data["seed"] == 3


def test_threads_do_not_change_the_answer():
    def text(threads):
        engine, _ = fake_engine.engine(200_000, threads=True)
        result = run(fake_engine.scenario(400), engine=engine, threads=threads)
        result.data.pop("provenance")
        return result.to_json()

    assert text(1) == text(4)


def test_auto_takes_the_same_warmup_and_window_for_all_and_does_not_count_the_pilot():
    result, calls = simulate(fake_engine.scenario(500))
    asked = zip(calls.replications, calls.windows_ns, strict=True)
    counted = [window for number, window in asked if number]
    lengths = {end_ns - warmup_ns for warmup_ns, end_ns in counted}
    assert len(lengths) == 1
    numbers = [number for number in calls.replications if number]
    assert numbers == list(range(1, result.data["replications"] + 1))
    assert result.data["replications"] >= PLANNED_REPLICATIONS
    assert result.data["duration_s"] == lengths.pop() / 1e9
    later_s = [warmup_ns / 1e9 - result.data["warmup_s"] for warmup_ns, _ in counted]
    assert len(set(later_s)) == len(later_s)
    assert 0 <= min(later_s) < max(later_s) <= result.data["stagger_s"] <= 0.2 * result.data["duration_s"]


def test_auto_reaches_the_precision_where_the_budget_allows_it():
    result, _ = simulate(fake_engine.scenario(200, run={"precision": 0.03}), operations=1_000_000)
    assert "precision_not_reached" not in codes(result)
    for name in ("mean", "p50", "p90", "p95", "p99"):
        assert result.response_time_s[name].relative_half_width <= 0.03
    assert result.throughput_per_s.relative_half_width <= 0.03


def test_a_finer_precision_takes_a_longer_window():
    coarse, _ = simulate(fake_engine.scenario(300, run={"precision": 0.1}), operations=10_000_000)
    fine, _ = simulate(fake_engine.scenario(300, run={"precision": 0.004}), operations=10_000_000)
    assert fine.data["duration_s"] > 3 * coarse.data["duration_s"]


@pytest.mark.parametrize("rate_per_s", [300, 900, 980])
def test_the_budget_is_kept_and_a_missed_precision_is_said(rate_per_s):
    operations = 40_000
    stated = fake_engine.scenario(rate_per_s, run={"precision": 0.002})
    result, calls = simulate(stated, operations=operations)
    simulated = sum(end_ns for _, end_ns in calls.windows_ns) / 1e9 * rate_per_s
    assert simulated < 1.5 * operations
    assert "precision_not_reached" in codes(result)


def test_a_stop_that_is_wished_while_the_last_replication_ends_is_seen():
    wished = []
    engine, _ = fake_engine.engine(on_replication=lambda number: wished.append(number) if number == 3 else None)

    def silently(compiled, *, progress, **named):
        return engine.simulate(compiled, **named)

    silent = engine._replace(simulate=silently)
    stated = fake_engine.scenario(500, run={"warmup": "1s", "duration": "20s", "replications": 3})
    result = run(stated, engine=silent, progress=lambda _: not wished)
    assert result.interrupted
    assert result.data["replications"] == 3
    assert not run(stated, engine=silent, progress=lambda _: True).interrupted


def test_fixed_windows_are_repeated_until_the_precision_is_reached():
    coarse = fake_engine.scenario(500, run={"warmup": "1s", "duration": "20s", "precision": 0.5})
    assert simulate(coarse)[0].data["replications"] == FEWEST_REPLICATIONS
    fine = fake_engine.scenario(500, run={"warmup": "1s", "duration": "20s", "precision": 0.03})
    result, calls = simulate(fine, operations=10_000_000)
    assert result.data["replications"] > FEWEST_REPLICATIONS
    assert calls.replications == list(range(1, result.data["replications"] + 1))


def test_max_operations_replaces_the_engines_bound():
    small, _ = simulate(fake_engine.scenario(500), max_operations=20_000)
    large, _ = simulate(fake_engine.scenario(500), max_operations=200_000)
    assert small.data["operations"]["offered"] < 25_000 < large.data["operations"]["offered"]
    with pytest.raises(ValueError, match="max_operations"):
        simulate(max_operations=0)


def test_one_replication_has_no_half_width_and_says_so():
    result, _ = simulate(fake_engine.scenario(run={**FIXED, "replications": 1}))
    assert result.throughput_per_s.half_width is None
    assert "no_interval" in codes(result)


def test_an_overload_is_said_and_its_station_named():
    result, _ = simulate(fake_engine.scenario(1300))
    message = next(warning["message"] for warning in result.warnings if warning["code"] == "overload")
    assert "web" in message
    assert "130%" in message
    assert result.data["warmup_s"] == 0
    assert result.data["bottleneck"]["name"] == "web[0].cpu"
    assert result["throughput_per_s"] == pytest.approx(1000, rel=0.05)


def test_a_system_that_turns_work_away_is_no_transient():
    shedding = fake_engine.scenario(1300, services={"web": {"discipline": "fifo", "queue_limit": 10}})
    assert "overload_shed" in codes(simulate(shedding)[0])


def test_few_observations_are_said_of_the_percentiles_that_have_them():
    result, _ = simulate(fake_engine.scenario(50, run={"warmup": "0s", "duration": "1s", "replications": 5}))
    message = next(w["message"] for w in result.warnings if w["code"] == "few_observations")
    assert "p99" in message
    assert "p90" not in message.replace("p99", "")


def test_nothing_completed_is_an_answer_too():
    result, _ = simulate(fake_engine.scenario(1, run={"warmup": "0s", "duration": "1us", "replications": 5}))
    assert "nothing_completed" in codes(result)
    assert result.response_time_s["p99"].value is None
    assert result.data["error_rate"] == {"value": None, "half_width": None}
    assert result.data["causes"] is None
    assert Result.from_data(result.data).to_json() == result.to_json()


def test_counts_balance_over_all_replications():
    counts = simulate()[0].data["operations"]
    assert counts["offered"] == counts["completed"] + counts["failed"] + counts["in_flight"] > 5000


def test_explained_causes_add_up_and_the_tail_waits_more_than_the_median():
    result, _ = simulate(explain="p99")
    causes = result.data["causes"]
    assert causes["percentile"] == "p99"
    assert sum(causes["all"].values()) == pytest.approx(result["response_time_s.mean"], rel=0.01)
    assert causes["median"]["waiting_for_core"] < causes["explained"]["waiting_for_core"]
    assert sum(causes["explained"].values()) > result["response_time_s.p99"] * 0.9
    completed = result.data["measured_operations"]["completed"]
    assert causes["operations"]["all"] == completed
    assert 0.009 < causes["operations"]["explained"] / completed < 0.012
    assert 0.09 < causes["operations"]["median"] / completed < 0.12


def test_without_explain_there_are_the_means_alone():
    causes = simulate()[0].data["causes"]
    assert "median" not in causes
    assert causes["percentile"] is None


@pytest.mark.parametrize("explain", ["p0", "p100", "q99", "", "p99%"])
def test_a_percentile_that_is_none_is_an_error(explain):
    with pytest.raises(ValueError, match="accepted: a percentile"):
        simulate(explain=explain)


def test_records_are_kept_when_asked_for():
    kept, _ = simulate(records=True)
    assert [len(rows) > 0 for rows in kept.records] == [True] * 5
    assert sum(len(rows) for rows in kept.records) == kept.data["operations"]["offered"]
    assert simulate()[0].records == []


def test_check_runs_a_replication_twice_and_finds_all_laws_kept():
    result, calls = simulate(check=True)
    assert calls.replications == [1, 1, 2, 3, 4, 5]
    assert [law["number"] for law in result.data["laws"]] == list(range(1, 10))
    assert all(law["holds"] for law in result.data["laws"])
    assert result.records == []
    assert simulate()[0].data["laws"] is None


def test_a_broken_law_is_named():
    def lose_one(output):
        output.counts[0, 1] -= 1

    engine, _ = fake_engine.engine(broken=lose_one)
    result = run(fake_engine.scenario(run=FIXED), engine=engine, check=True)
    assert [law["number"] for law in result.data["laws"] if not law["holds"]] == [1]
    assert "law_violated" in codes(result)
    assert result.law_violations[0].startswith("law 1: workload clients")


def test_an_engine_that_forgets_its_seed_breaks_law_nine():
    runs = []

    def drift(output):
        runs.append(output)
        output.response_sum_ns += len(runs)

    engine, _ = fake_engine.engine(broken=drift)
    result = run(fake_engine.scenario(run=FIXED), engine=engine, check=True)
    assert [law["number"] for law in result.data["laws"] if not law["holds"]] == [9]


def interrupt_at(number):
    def on_replication(replication):
        if replication == number:
            raise KeyboardInterrupt

    return fake_engine.engine(on_replication=on_replication)[0]


def test_ctrl_c_leaves_the_result_of_the_complete_replications():
    result = run(fake_engine.scenario(run=FIXED), engine=interrupt_at(4))
    assert result.interrupted
    assert result.data["replications"] == 3
    assert "interrupted" in codes(result)
    whole, _ = simulate(fake_engine.scenario(run={**FIXED, "replications": 3}))
    assert result.data["response_time_s"] == whole.data["response_time_s"]


@pytest.mark.parametrize("number", [0, 1])
def test_ctrl_c_before_anything_is_complete_is_passed_on(number):
    with pytest.raises(KeyboardInterrupt):
        run(fake_engine.scenario(), engine=interrupt_at(number))


def test_ctrl_c_while_threads_run_leaves_what_is_complete():
    reached = threading.Event()

    def on_replication(replication):
        if replication == 4:
            reached.set()
            raise KeyboardInterrupt
        if replication > 4:
            reached.wait(10)

    engine, _ = fake_engine.engine(threads=True, on_replication=on_replication)
    result = run(fake_engine.scenario(run={**FIXED, "replications": 6}), engine=engine, threads=2)
    assert result.interrupted
    assert result.data["replications"] == 3


def test_progress_can_stop_a_run_and_its_only_replication_counts_as_far_as_it_came():
    def stop_at_half(progress):
        return progress.fraction < 0.5

    whole, _ = simulate(fake_engine.scenario(run={**FIXED, "replications": 1}))
    result, _ = simulate(fake_engine.scenario(run={**FIXED, "replications": 1}), progress=stop_at_half)
    assert result.interrupted
    assert 0 < result.data["operations"]["offered"] < 0.6 * whole.data["operations"]["offered"]
    assert result["throughput_per_s"] == pytest.approx(700, rel=0.15)


def test_progress_goes_from_the_pilot_to_all_replications():
    told: list[Progress] = []
    simulate(fake_engine.scenario(500), operations=30_000, progress=told.append)
    stages = [progress.stage for progress in told]
    assert stages[0] == "pilot"
    assert stages[-1] == "replications"
    fractions = [progress.fraction for progress in told if progress.stage == "replications"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


def test_thresholds_are_judged_and_their_percentiles_measured():
    stated = fake_engine.scenario(
        run=FIXED, thresholds=["response_time: p(97.5) < 1ms", "throughput > 500/s"]
    )
    result, _ = simulate(stated)
    assert [entry["passed"] for entry in result.data["thresholds"]] == [False, True]
    assert not result.passed
    assert result["response_time_s.p95"] < result["response_time_s.p97.5"] < result["response_time_s.p99"]


def test_efficiency_has_no_meaning_for_open_workloads():
    result, _ = simulate(efficiency=True)
    assert result.data["efficiency"] is None
    assert "no_efficiency" in codes(result)


def test_engines_are_chosen_by_name():
    with pytest.raises(ValueError, match="accepted: auto, fast, reference"):
        choose("quick")


def test_the_seed_of_the_pilot_is_that_of_the_run():
    first, _ = simulate(fake_engine.scenario(500), seed=1)
    second, _ = simulate(fake_engine.scenario(500), seed=2)
    assert first.data["pilot"] != second.data["pilot"] or first.data["warmup_s"] != second.data["warmup_s"]


def test_ctrl_c_in_the_baseline_of_the_efficiency_keeps_the_answer():
    closed = fake_engine.Scenario.from_dict(
        fake_engine.scenario(run=FIXED).model_dump(mode="json", exclude_none=True)
        | {"workloads": [{"name": "clients", "kind": "closed", "procs": 4, "think_time": "10ms"}]}
    )
    seen = []

    def on_replication(replication):
        seen.append(replication)
        if len(seen) > 5:
            raise KeyboardInterrupt

    engine, _ = fake_engine.engine(on_replication=on_replication)
    result = run(closed, engine=engine, efficiency=True)
    assert result.interrupted
    assert result.data["efficiency"] is None
    assert result.data["replications"] == 5


def test_efficiency_is_the_throughput_per_process_relative_to_one():
    closed = fake_engine.Scenario.from_dict(
        fake_engine.scenario(0.5, run=FIXED).model_dump(mode="json", exclude_none=True)
        | {"workloads": [{"name": "clients", "kind": "closed", "procs": 20, "think_time": "10ms"}]}
    )
    result, calls = simulate(closed, efficiency=True)
    # 20 processes ask for 2000/s of a server that does 1000/s; one gets its 100/s.
    assert calls.replications == [1, 2, 3, 4, 5] * 2
    assert result["efficiency"] == pytest.approx(0.5, rel=0.1)
    assert result.estimate("efficiency").half_width > 0

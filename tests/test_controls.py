"""Chance that is known beforehand is taken out of comparisons, against exact answers."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from models.scenario import Scenario
from simulator.arms import arms_of_switches
from simulator.assembly import samples
from simulator.compare import compare
from simulator.comparison import controlled_sample, paired_of, sample
from simulator.controls import CONTROLS, FEWEST, controlled, controls_of
from simulator.engines import choose
from simulator.known_delays import delay_of_completed_ns, delays_of_completed, expected
from simulator.operation_controls import BEYOND, CYCLES, OperationControls, worth_recording
from simulator.overrides import from_settings
from simulator.paired import paired_difference
from simulator.parallel_runs import Workers
from simulator.planning import Plan
from simulator.statistics import interval
from simulator.theory.closed_networks import Station, exact_mva
from simulator.totals import Totals

USERS, THINK_S, DELAY_S = 40, 0.01, 0.002
DEMANDS_S = 0.0002, 0.0003  # the second is saturated, the first is not
MEASURES = "throughput_per_s", "response_time_s.mean"


FAILS = {"kind": "failure", "probability": 0.25}
DELAY: dict[str, Any] = {
    "kind": "delay",
    "time": {"distribution": "lognormal", "mean": f"{DELAY_S * 1e3:g}ms", "cv": 1.25},
}

LONG_DELAY = {**DELAY, "time": {**DELAY["time"], "mean": "10ms"}}
SHORT_HUB = ["workloads.agents.procs=1", "run.warmup=100ms", "run.duration=200ms", "run.replications=2"]


def system(demand_s: float, kind: str = "closed", stages: Sequence[dict[str, Any]] = (DELAY,), **more: Any) -> Scenario:
    demand = f"{demand_s * 1e6:g}us"  # constant: processor sharing has product form with any
    think = {"think_time": {"distribution": "exponential", "mean": f"{THINK_S * 1e3:g}ms"}}
    workload = {"name": "users", "kind": "closed", "procs": USERS, **think} if kind == "closed" else {"name": "users"}
    return Scenario.from_dict(
        {
            "name": "closed",
            "run": {"warmup": "200ms", "duration": "500ms"},
            "workloads": [{**workload, "kind": kind, **more}],
            "services": {"web": {"cores": 1, "discipline": "processor_sharing"}},
            "operations": [{"name": "call", "stages": [{"kind": "cpu", "demand": demand}, *stages]}],
        }
    )


def simulated(scenario: Scenario, seed: int, replications: int = 10) -> dict[str, Any]:
    return _replicated(scenario, seed, replications, None)


def recorded(scenario: Scenario, seed: int, replications: int = 10) -> dict[str, Any]:
    return _replicated(scenario, seed, replications, OperationControls(scenario, (50.0, 95.0)))


def _replicated(scenario: Scenario, seed: int, replications: int, controls: OperationControls | None) -> dict[str, Any]:
    engine, _ = choose("fast")
    compiled = engine.compile(scenario, None)
    totals = Totals(compiled, (50.0, 95.0), (), controls=controls, keeps_records=False)
    for number in range(1, replications + 1):
        given = {"seed": seed, "replication": number, "warmup_ns": 200_000_000, "end_ns": 700_000_000, "causes": True}
        totals.add(engine.simulate(compiled, records=controls is not None, **given))
    assert not totals.records
    return {"scenario": scenario.model_dump(mode="json"), "samples": samples(totals)}


def exact(demand_s: float, delay_s: float) -> dict[str, float]:
    found = exact_mva([Station("web", (demand_s,))], [USERS], [THINK_S + delay_s])  # as if users thought it
    return {"throughput_per_s": found.throughput_per_s[0], "response_time_s.mean": found.response_time_s[0] + delay_s}


@pytest.mark.parametrize(("stages", "delay_s", "better"), [((), 0.0, MEASURES), ((DELAY,), DELAY_S, MEASURES[:1])])
def test_differences_without_known_chance_cover_the_exact_ones_and_are_much_more_precise(
    stages: Sequence[dict[str, Any]], delay_s: float, better: Sequence[str]
) -> None:
    wanted = [exact(demand_s, delay_s) for demand_s in DEMANDS_S]
    comparisons = 40
    covered, saved = dict.fromkeys(MEASURES, 0), {name: [] for name in MEASURES}
    for seed in range(1, comparisons + 1):
        first, second = (simulated(system(demand_s, stages=stages), seed) for demand_s in DEMANDS_S)
        for name in MEASURES:
            found = paired_of(first, second, name).difference
            raw = paired_difference(sample(first, name), sample(second, name)).difference
            covered[name] += abs(found.value - (wanted[1][name] - wanted[0][name])) <= found.half_width
            saved[name].append((raw.half_width / found.half_width) ** 2)
    for name in MEASURES:
        assert covered[name] >= 0.95 * comparisons - 4  # three standard deviations
    for name in better:
        assert np.median(saved[name]) > 2


def test_systems_that_share_their_chance_are_compared_no_less_precisely_than_by_pairing_alone() -> None:
    taken_out = 0
    for seed in range(1, 21):
        first, second = (simulated(system(demand_s), seed) for demand_s in (DEMANDS_S[0], 1.01 * DEMANDS_S[0]))
        for name in MEASURES:
            found = paired_of(first, second, name)
            raw = paired_difference(sample(first, name), sample(second, name))
            assert found.difference.half_width <= raw.difference.half_width
            taken_out += found != raw
    assert taken_out < 20  # of 40: the chance is gone as it is


def test_users_think_as_many_start_as_end_and_delays_are_as_long_as_expected() -> None:
    failing = {"kind": "choice", "branches": [{"weight": 1, "stages": [DELAY, FAILS]}, {"weight": 2, "stages": []}]}
    stages = [DELAY, failing]
    data = simulated(system(DEMANDS_S[0], stages=stages, concurrency=2), seed=7, replications=30)["samples"]
    for name in CONTROLS:
        series = np.array(data[name])
        assert 0 < series.std() < 0.2
        assert abs(series.mean()) < 3 * series.std(ddof=1) / np.sqrt(len(series))


@pytest.mark.parametrize(
    ("stages", "expected_ms"),
    [
        ([], 0.0),
        ([DELAY, DELAY], 4.0),
        ([{"kind": "choice", "branches": [{"weight": 3, "stages": [DELAY]}, {"weight": 1, "stages": []}]}], 1.5),
        # Of 4 that go each way, 3 and 4 complete.
        (
            [{"kind": "choice", "branches": [{"weight": 1, "stages": [DELAY, FAILS]}, {"weight": 1, "stages": []}]}],
            6 / 7,
        ),
        ([DELAY, FAILS], 2.0),
        ([{"kind": "parallel", "branches": [{"stages": [DELAY]}, {"stages": [DELAY]}]}], math.nan),
    ],
)
def test_the_mean_delay_of_what_completes_is_known_where_draws_alone_decide(
    stages: list[dict[str, Any]], expected_ms: float
) -> None:
    scenario = system(DEMANDS_S[0], stages=stages)
    found = delay_of_completed_ns(scenario, scenario.workloads[0])
    assert found / 1e6 == pytest.approx(expected_ms, nan_ok=True)
    hasty = system(DEMANDS_S[0], stages=stages, timeout="1s")
    assert math.isnan(delay_of_completed_ns(hasty, hasty.workloads[0]))


def test_delays_are_taken_out_of_percentiles() -> None:
    saved = []
    for seed in range(1, 6):
        data = simulated(system(DEMANDS_S[0], stages=[LONG_DELAY]), seed, 20)["samples"]
        widths = []
        for controls in (CONTROLS[:2], CONTROLS):
            values = controlled(data["response_time_s.p95"], [data[name] for name in controls])
            widths.append(interval(value for value in values if value is not None).half_width or 0.0)
        saved.append((widths[0] / widths[1]) ** 2)
    assert np.median(saved) > 1.3


def test_a_percentile_s_interval_covers_where_delays_are_taken_out_of_it() -> None:
    percentiles = [f"response_time_s.{name}" for name in ("p50", "p95")]
    systems = [system(demand_s, stages=[LONG_DELAY]) for demand_s in (0.0002, 0.0006)]
    pairs = [[recorded(one, seed) for one in systems] for seed in range(1, 41)]
    for name in percentiles:
        plain = [[value for pair in pairs for value in sample(pair[side], name)] for side in (0, 1)]
        truth = np.mean(plain[1]) - np.mean(plain[0])  # of 400 replications each; nothing was taken out
        taken_out, covered, always = 0, 0, 0
        for first, second in pairs:
            raw = paired_difference(sample(first, name), sample(second, name)).difference
            found = paired_of(first, second, name).difference
            without = paired_difference(controlled_sample(first, name), controlled_sample(second, name)).difference
            taken_out += found != raw
            covered += abs(found.value - truth) <= found.half_width
            always += abs(without.value - truth) <= without.half_width
        assert min(covered, always) >= 0.95 * len(pairs) - 4  # three standard deviations
        assert taken_out > 0


def test_records_show_cycles_and_delays_whose_means_are_zero() -> None:
    for stages in ([LONG_DELAY], [LONG_DELAY, FAILS]):
        data = recorded(system(DEMANDS_S[0], stages=stages, concurrency=2), seed=7, replications=40)["samples"]
        for name in (CYCLES, BEYOND + "p50", BEYOND + "p95"):
            series = np.array(data[name])
            assert 0 < series.std() < 1
            # The first replication is what the others are held against.
            assert abs(series[1:].mean()) < 3 * series.std(ddof=1) / np.sqrt(len(series))


def test_a_percentile_goes_with_its_delays_and_a_mean_with_cycles_where_records_were_there() -> None:
    data = recorded(system(DEMANDS_S[0], stages=[LONG_DELAY]), seed=1)["samples"]
    assert controls_of("response_time_s.p95", data) == [data[CYCLES], data[BEYOND + "p95"]]
    assert controls_of("response_time_s.mean", data) == [data[CYCLES], data["delay_excess"]]
    assert controls_of("throughput_per_s", data) == [data[name] for name in CONTROLS]
    several = recorded(system(DEMANDS_S[0], stages=[LONG_DELAY, DELAY]), seed=1)["samples"]
    assert controls_of("response_time_s.p95", several) == [several[CYCLES], several["delay_excess"]]
    bare = simulated(system(DEMANDS_S[0], stages=[LONG_DELAY]), seed=1)["samples"]
    assert controls_of("response_time_s.p95", bare) == [bare[name] for name in CONTROLS]


def test_comparisons_record_operations_where_these_are_few_enough() -> None:
    short, long = (Plan(0, duration_ns, 5, 5) for duration_ns in (10**9, 10**12))
    closed = system(DEMANDS_S[0], stages=[LONG_DELAY])
    assert worth_recording(closed, short)  # 40 users, 20 ms a cycle at least: 2000
    assert not worth_recording(closed, long)
    assert not worth_recording(system(DEMANDS_S[0], "open", arrival_rate="500/s"), short)
    arms = arms_of_switches(None, ["services.hub.memory_pool.enabled=false"], from_settings(SHORT_HUB))
    answer = compare(arms, Workers("fast"))
    assert all(CYCLES in arm["samples"] and BEYOND + "p95" in arm["samples"] for arm in answer.data["arms"])
    shown = answer.data["differences"][0]["metrics"]
    assert not [name for name in shown if "excess" in name]


@pytest.mark.parametrize(
    "delay",
    [
        {"distribution": "constant", "value": "10ms"},
        {"distribution": "uniform", "low": "5ms", "high": "15ms"},
        {"distribution": "exponential", "mean": "10ms"},
        {"distribution": "erlang", "shape": 3, "mean": "10ms"},
        {"distribution": "gamma", "mean": "10ms", "cv": 0.7},
        {"distribution": "lognormal", "mean": "10ms", "cv": 1.25},
        {"distribution": "hyperexponential", "mean": "10ms", "cv": 2},
        {"distribution": "weibull", "mean": "10ms", "cv": 1.5},
        {"distribution": "pareto", "shape": 3, "low": "4ms", "high": "100ms"},
        {
            "distribution": "empirical",
            "quantiles": [[0, "1ms"], [0.5, "8ms"], [0.9, "20ms"], [0.99, "40ms"], [1, "60ms"]],
        },
    ],
)
def test_the_mean_of_a_function_of_a_delay_is_that_of_its_distribution(delay: dict[str, Any]) -> None:
    scenario = system(DEMANDS_S[0], stages=[{"kind": "delay", "time": delay}])
    ways = delays_of_completed(scenario, scenario.workloads[0])
    assert ways is not None
    ((one, probability),) = ways.items()
    assert probability == 1
    assert expected(ways, lambda times_ns: times_ns) == pytest.approx(one.mean, rel=0.003)
    assert expected(ways, lambda times_ns: times_ns**2) == pytest.approx(one.variance + one.mean**2, rel=0.05)


def test_ways_through_choices_have_their_delays() -> None:
    branches = [
        {"weight": 3, "stages": [DELAY, FAILS]},
        {"weight": 1, "stages": [LONG_DELAY]},
        {"weight": 1, "stages": []},
    ]
    scenario = system(DEMANDS_S[0], stages=[{"kind": "choice", "branches": branches}])
    ways = delays_of_completed(scenario, scenario.workloads[0])
    assert ways is not None
    found = {None if delay is None else round(delay.mean / 1e6): share for delay, share in ways.items()}
    assert found == pytest.approx({2: 2.25 / 4.25, 10: 1 / 4.25, None: 1 / 4.25})
    for stages in (
        [{"kind": "choice", "branches": branches}, DELAY],
        [{"kind": "failure", "probability": 0.1, "conflict": 0.1}],
    ):
        unknown = system(DEMANDS_S[0], stages=stages)
        assert delays_of_completed(unknown, unknown.workloads[0]) is None


def test_open_workloads_and_changing_systems_have_no_controls() -> None:
    opened = system(DEMANDS_S[0], "open", arrival_rate="500/s")
    assert set(simulated(opened, 1, 2)["samples"]["thinking_excess"]) == {None}
    changing = system(DEMANDS_S[0], phases=[{"duration": "500ms", "factor": 0.5}, {"duration": "1s", "factor": 1.0}])
    assert set(simulated(changing, 1, 2)["samples"]["in_flight_excess"]) == {None}


def test_what_a_control_explains_is_taken_out() -> None:
    generator = np.random.default_rng(1)
    control = generator.normal(size=12)
    noise = 0.01 * generator.normal(size=12)
    values = (5 + 3 * control + noise).tolist()
    found = np.array(controlled(values, [control.tolist()]))
    assert found.mean() == pytest.approx(5, abs=0.02)
    assert found.std(ddof=1) < 0.03
    assert np.std(values) > 1


def test_values_stay_as_they_are_where_nothing_can_be_taken_out() -> None:
    fewest = sum(FEWEST)  # with one control
    control = [0.1 * number - 0.4 for number in range(fewest)]
    values = [1.0 + number % 3 for number in range(fewest)]
    assert controlled(values, [control]) != values
    assert controlled(values[:-1], [control[:-1]]) == values[:-1]  # too few
    assert controlled([None, *values[1:]], [control]) == [None, *values[1:]]
    assert controlled(values, [[None, *control[1:]]]) == values
    assert controlled(values, [control, [None] * fewest]) == controlled(values, [control])  # the known one is used
    assert controlled(values, [[0.0] * fewest]) == values
    assert controlled([2.0] * fewest, [control]) == [2.0] * fewest


def test_the_interval_of_controlled_values_is_that_of_the_regression() -> None:
    generator = np.random.default_rng(3)
    controls = generator.normal(size=(2, 12))
    values = 5 + controls.T @ [3.0, -1.0] + 0.1 * generator.normal(size=12)
    design = np.column_stack([np.ones(12), *controls])
    estimate, (left,), *_ = np.linalg.lstsq(design, values, rcond=None)
    error = math.sqrt(left / 9 * np.linalg.inv(design.T @ design)[0, 0])
    found = interval(value for value in controlled(values.tolist(), controls.tolist()) if value is not None)
    assert found.value == pytest.approx(estimate[0])
    assert found.half_width == pytest.approx(2.262157 * error)

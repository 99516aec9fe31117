"""Chance that is known beforehand is taken out of comparisons, against exact answers."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from models.scenario import Scenario
from simulator.assembly import samples
from simulator.comparison import paired_of, sample
from simulator.controls import CONTROLS, FEWEST, controlled, delay_of_completed_ns
from simulator.engines import choose
from simulator.paired import paired_difference
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
    engine, _ = choose("fast")
    compiled = engine.compile(scenario, None)
    totals = Totals(compiled, (95.0,), ())
    for number in range(1, replications + 1):
        given = {"seed": seed, "replication": number, "warmup_ns": 200_000_000, "end_ns": 700_000_000, "causes": True}
        totals.add(engine.simulate(compiled, **given))
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
    long = {**DELAY, "time": {**DELAY["time"], "mean": "10ms"}}
    saved = []
    for seed in range(1, 6):
        data = simulated(system(DEMANDS_S[0], stages=[long]), seed, 20)["samples"]
        widths = []
        for controls in (CONTROLS[:2], CONTROLS):
            values = controlled(data["response_time_s.p95"], [data[name] for name in controls])
            widths.append(interval(value for value in values if value is not None).half_width or 0.0)
        saved.append((widths[0] / widths[1]) ** 2)
    assert np.median(saved) > 1.3


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

"""Prediction intervals: they cover a known truth as often as they say, and their shares are those of a known answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import ndtri

from models.measured import Discrepancy, Seen
from simulator.compile import Station
from simulator.parameter_trials import DrawnMeasures, at_stations, draws_of
from simulator.prediction import Budget, predict
from simulator.run import run
from simulator.scenario_base import Base, Calibration, drawn_table
from simulator.scenario_source import prepare
from simulator.shares import INTERACTIONS, MODEL, SIMULATION, explained_shares, not_told_apart, shares
from simulator.uncertainty import Leeway, Shifts, reach, shifts

LEVEL = 0.9


def a_leeway(by_draw: Any, **changes: Any) -> Leeway:
    spread = Shifts(True, np.array(by_draw, dtype=np.float64), 0.0, 0.0)
    fields = {"value": 100.0, "error": 0.0, "degrees": 9, "shifts": spread, "discrepancy": 0.0}
    return Leeway(**{**fields, **changes})


@pytest.mark.parametrize("draws", [5, 19, 40])
@pytest.mark.parametrize("skew", ["normal", "lognormal"])
def test_a_further_draw_falls_within_the_reach_as_often_as_it_says(draws: int, skew: str) -> None:
    generator = np.random.default_rng(1)
    within = 0
    for _ in range(2500):
        sample = getattr(generator, skew)(0.0, 1.0, draws + 1) - (1.0 if skew == "lognormal" else 0.0)
        below, above = reach(sample[:-1], LEVEL)
        within += -below <= sample[-1] <= above
    # Student's t supposes a bell; few draws of a skewed one miss somewhat more often.
    assert within / 2500 == pytest.approx(LEVEL, abs=0.035 if draws == 5 and skew == "lognormal" else 0.02)


def test_the_noise_of_the_simulation_is_taken_out_of_the_spread_of_the_draws() -> None:
    generator = np.random.default_rng(2)
    true = generator.normal(0.0, 0.05, 400)
    base = np.exp(generator.normal(0.0, 0.2, 4))
    drawn = base * np.exp(true[:, None] + generator.normal(0.0, 0.1, (400, 4)))
    found = shifts(base.tolist(), drawn.tolist(), ratio=True)
    assert found is not None
    assert found.variance == pytest.approx(0.05**2, rel=0.25)
    plain = np.log(drawn / base).mean(axis=1)
    assert float(np.var(plain)) > 1.7 * found.variance  # with the noise left in, it would be twice as much
    assert float(np.corrcoef(found.by_draw, true)[0, 1]) > 0.6


def test_chance_common_to_all_draws_moves_their_centre_and_not_their_spread() -> None:
    generator = np.random.default_rng(3)
    common = generator.normal(0.0, 0.3, 4)
    found = shifts([1.0] * 4, [(np.exp(0.02 * place + common)).tolist() for place in (-1, 0, 1)], ratio=True)
    assert found is not None
    assert found.noise > 0.05
    assert found.variance == pytest.approx(0.02**2, rel=1e-6)


def covered(repeats: int, discrepancy: float, seed: int) -> float:
    """How often intervals hold the truth.

    The truth is the mean response time of M/M/1. Its service time is known from fifty observations and their
    bootstrap; the system is off from the model by a random factor.
    """
    generator = np.random.default_rng(seed)
    rate, service, draws, replications = 0.5, 1.0, 40, 4
    held = 0
    for _ in range(repeats):
        observed = generator.exponential(service, 50)
        resampled = generator.choice(observed, (draws, 50)).mean(axis=1)
        if max(observed.mean(), resampled.max()) * rate > 0.95:
            resampled = np.minimum(resampled, 0.95 / rate)
        estimate = min(observed.mean(), 0.95 / rate)
        noise = generator.normal(0.0, 0.05, replications)
        base = estimate / (1 - rate * estimate) * np.exp(noise)
        own = generator.normal(0.0, 0.03, (draws, replications))
        drawn = (resampled / (1 - rate * resampled))[:, None] * np.exp(noise + own)
        found = shifts(base.tolist(), drawn.tolist(), ratio=True)
        assert found is not None
        error = 0.05 * float(base.mean()) / math.sqrt(10)
        simulated = estimate / (1 - rate * estimate) * math.exp(generator.normal(0.0, 0.05 / math.sqrt(10)))
        truth = service / (1 - rate * service) * math.exp(generator.normal(0.0, discrepancy))
        leeway = Leeway(simulated, error, 9, found, discrepancy)
        low, high = leeway.interval()
        held += low <= truth <= high
    return held / repeats


@pytest.mark.parametrize("discrepancy", [0.0, 0.1])
def test_ninety_percent_intervals_hold_a_known_truth_in_85_to_95_percent(discrepancy: float) -> None:
    assert 0.85 <= covered(1500, discrepancy, 4) <= 0.95


def test_beyond_what_was_measured_the_interval_is_wider() -> None:
    near = a_leeway([-0.01, 0.0, 0.01]).interval()
    far = a_leeway([-0.01, 0.0, 0.01], discrepancy=0.1).interval()
    assert far[0] < 0.9 * near[0]
    assert far[1] > 1.1 * near[1]


def test_a_probability_counts_the_draws_that_meet_a_limit() -> None:
    leeway = a_leeway(np.log([0.8, 0.9, 1.1, 1.2]))
    assert leeway.probability_below(100.0) == 0.5
    assert leeway.probability_below(115.0) == 0.75
    assert leeway.probability_below(0.0) == 0.0


def test_shares_of_a_linear_answer_are_those_of_its_variance() -> None:
    generator = np.random.default_rng(5)
    one, other, idle = generator.normal(size=(3, 4000))
    answer = 3 * one + other
    found = explained_shares({"one": one, "other": other, "idle": idle, "constant": [1.0] * 4000}, answer)
    assert found["one"] == pytest.approx(0.9, abs=0.02)
    assert found["other"] == pytest.approx(0.1, abs=0.02)
    assert found["idle"] == pytest.approx(0.0, abs=0.01)
    assert found["constant"] == 0.0


def test_parameters_that_go_together_share_what_they_explain_and_are_named() -> None:
    generator = np.random.default_rng(6)
    one = generator.normal(size=1000)
    samples = {"one": one.tolist(), "twin": (one + 0.01 * generator.normal(size=1000)).tolist()}
    found = explained_shares(samples, one)
    assert found["one"] == pytest.approx(found["twin"], abs=0.02)
    assert sum(found.values()) == pytest.approx(1.0, abs=0.01)
    assert not_told_apart(samples) == [("one", "twin")]


def test_what_no_single_parameter_explains_is_interaction() -> None:
    generator = np.random.default_rng(7)
    one, other = generator.normal(size=(2, 2000))
    spread = Shifts(True, one * other, 0.0, 0.0)
    rows = shares({"one": one.tolist(), "other": other.tolist()}, a_leeway([], shifts=spread, discrepancy=1.0))
    found = {row["source"]: row["share"] for row in rows}
    assert sum(found.values()) == pytest.approx(1.0)
    assert found[INTERACTIONS] == pytest.approx(0.5, abs=0.06)
    assert found[MODEL] == pytest.approx(0.5, abs=0.06)
    assert found[SIMULATION] == 0.0


def a_base(first_ms: Any, second_ms: Any, discrepancy: Discrepancy) -> Base:
    """A closed loop of one client: its response time is the sum of two delays, whatever the engine."""
    table = {
        "name": "two delays",
        "run": {"duration": "1s", "warmup": "0s", "replications": 3},
        "workloads": [{"name": "clients", "kind": "closed", "procs": 1}],
        "services": {"web": {"cores": 1}},
        "operations": [
            {"name": "call", "stages": [{"kind": "delay", "time": "30ms"}, {"kind": "delay", "time": "10ms"}]}
        ],
    }
    played = {
        "operations[0].stages[0].time": [f"{1e6 * value:.0f}ns" for value in first_ms],
        "operations[0].stages[1].time": [f"{1e6 * value:.0f}ns" for value in second_ms],
    }
    seen = Seen(concurrency=(1, 4), cores=(1, 1))
    return Base(
        "p.toml",
        "profile p.toml",
        Path(),
        lambda draw: table if draw is None else drawn_table(table, played, draw),
        Calibration("p.toml", "fitted", "2026-11-23", "abc", seen, discrepancy),
        count=len(first_ms),
        samples={"first_s": [float(v) / 1e3 for v in first_ms], "second_s": [float(v) / 1e3 for v in second_ms]},
    )


FIRST, SECOND = (np.random.default_rng(seed).permutation(ndtri((np.arange(40) + 0.5) / 40)) for seed in (8, 9))


def predicted(discrepancy: Discrepancy) -> dict[str, Any]:
    base = a_base(30 + 3 * FIRST, 10 + SECOND, discrepancy)
    prepared = prepare(base, (), ["response_time: avg < 43ms", "response_time: avg < 80ms"])
    data = run(prepared.scenario, engine="reference").data
    predict(data, prepared, None, Budget("reference"))
    return data


def test_a_run_names_what_to_measure_next() -> None:
    data = predicted(Discrepancy(rate=0, time=0, per_doubling=0))
    mean = data["response_time_s"]["mean"]
    assert mean["value"] == pytest.approx(0.04)
    sums_s = 0.04 + (3 * FIRST + SECOND) / 1e3
    assert mean["prediction"] == pytest.approx(np.quantile(sums_s, [0.05, 0.95], method="weibull"), rel=0.01)
    variances = np.array([9 * FIRST.var(), SECOND.var()])
    first, second = variances / variances.sum()
    found = {row["source"]: row["share"] for row in data["uncertainty"]["shares"]["response_time_s.mean"]}
    assert found["first_s"] == pytest.approx(first, abs=0.06)
    assert found["second_s"] == pytest.approx(second, abs=0.06)
    likely, sure = data["thresholds"]
    assert likely["probability"] == pytest.approx(np.mean(sums_s < 0.043), abs=0.03)
    assert likely["verdict"] == "uncertain"
    assert sure["probability"] > 0.99
    assert sure["verdict"] == "pass"


def test_the_models_own_error_is_a_share_too() -> None:
    data = predicted(Discrepancy(rate=0.5, time=0.5, per_doubling=0))
    rows = data["uncertainty"]["shares"]["response_time_s.mean"]
    assert rows[0]["source"] == MODEL
    assert rows[0]["share"] > 0.95


def test_draws_of_another_structure_are_compared_station_by_station() -> None:
    cores, pool, link = (
        Station(name, kind, "host", 0, 1)
        for name, kind in (("host[0].cpu", "cpu"), ("host[0].device", "pool"), ("host[0].device", "link"))
    )
    measures = {"throughput_per_s": 5.0, "stations.0.utilization": 0.1, "stations.1.utilization": 0.9}
    moved = at_stations(measures, (link, cores), (cores, pool))
    # the link has no counterpart: the pool of the same name is another thing
    assert moved == {"throughput_per_s": 5.0, "stations.0.utilization": 0.9}
    base = {"throughput_per_s": 4.0, "stations.0.utilization": 0.8, "stations.1.utilization": 0.3}
    found = DrawnMeasures([base, base], [[base, base], [moved, moved]])
    assert found.shifts("stations.0.utilization") is not None
    assert found.shifts("stations.1.utilization") is None


def test_draws_are_spread_over_all_that_the_profile_has() -> None:
    prepared = prepare(a_base(np.linspace(29, 31, 200), np.full(200, 10.0), Discrepancy()))
    draws = draws_of(prepared)
    assert draws is not None
    assert len(draws.positions) == 40
    assert (draws.positions[0], draws.positions[-1]) == (0, 199)
    assert prepared.drawn(199).operations[0].stages[0].time.mean == 31e6

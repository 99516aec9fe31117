"""Limits on an engine whose answer is known in closed form (M/M/1), and what they refuse."""

import math
from types import SimpleNamespace
from typing import Any

import fake_engine
import numpy as np
import pytest

from benchmarks import limits_random
from models.errors import ScenarioError
from models.scenario import Scenario
from simulator.engines import choose
from simulator.limits import Asked, limits
from simulator.limits.answer import criterion_entry
from simulator.limits.bracket import Bracketing
from simulator.limits.criteria import DEFAULTS, LEVELS, Given, by_level, read
from simulator.limits.load import PROCS, RATE, axis_of, capacity_of, losable, without_one
from simulator.limits.recovery import amplifies, backlog_of
from simulator.limits.root import broken, crossing, is_lost, keeps, slack, statistic
from simulator.limits.summary import limits_text, limits_verdict
from simulator.limits.trials import FRESH, Laboratory, Spent, Window, series_of, work_of
from simulator.statistics import Estimate, interval, probability_below
from simulator.thresholds import ThresholdError

LN20 = math.log(20)


def answer(scenario: Scenario, *criteria: str, operations: int = 2_000_000, **asked: Any) -> dict[str, Any]:
    engine, _ = fake_engine.engine(operations)
    given = Given(criteria, defaults=False)
    return limits(
        scenario,
        Asked(given, **{"spike": None, "watched_ns": None, "without_one": False, "precision": 0.01, **asked}),
        engine=engine,
    )


@pytest.mark.parametrize(("limit_ms", "rate_per_s"), [(6, 1000 - LN20 / 0.006), (10, 1000 - LN20 / 0.010)])
def test_the_limit_of_a_percentile_is_that_of_theory(limit_ms: int, rate_per_s: float) -> None:
    found = answer(fake_engine.scenario(500), f"response_time: p(95) < {limit_ms}ms")["levels"]["safe"]
    assert found["estimate"] == pytest.approx(rate_per_s, rel=0.01)
    assert found["load"] < found["estimate"]
    assert found["load"] == pytest.approx(rate_per_s, rel=0.02)
    assert found["confirmed"]
    assert found["binding"] == f"response_time: p(95) < {limit_ms}ms"
    assert found["resource"]["name"] == "web[0].cpu"


def test_without_any_other_criterion_the_limit_is_the_capacity() -> None:
    data = answer(fake_engine.scenario(500))
    assert data["capacity"] == pytest.approx(1000)
    assert data["capacity_of"] == "web.cpu"
    assert data["levels"]["tolerable"]["load"] == pytest.approx(1000, rel=0.02)
    assert data["levels"]["tolerable"]["load"] < 1000


def test_the_headroom_of_the_cores_is_a_limit_of_its_own() -> None:
    found = answer(fake_engine.scenario(500), "cpu_headroom > 40%", precision=0.005)["levels"]["safe"]
    assert found["load"] == pytest.approx(600, rel=0.01)
    assert found["resource"]["name"] == "web[0].cpu"


def test_the_levels_rise_and_each_says_how_sure_its_criteria_are() -> None:
    engine, _ = fake_engine.engine(500_000)
    asked = Asked(precision=0.03, spike=None)
    data = limits(fake_engine.scenario(500), asked, engine=engine)
    loads = [data["levels"][level]["load"] for level in LEVELS]
    assert loads == sorted(loads)
    assert loads[0] < loads[2]
    for row in data["levels"].values():
        assert all(one["kept"] for one in row["criteria"])
        assert all((one["probability"] > 0.5) != one["within_noise"] for one in row["criteria"])
    assert data["n_minus_1"]["levels"] is None
    text = limits_text({**data, "provenance": {"source": "here"}})
    assert "recommended" in text
    assert "web[0].cpu" in text
    assert limits_verdict(data).startswith("up to these loads: recommended ")
    assert "✓ up to these loads" in text
    data["levels"]["safe"]["prediction"] = {"load": None}
    assert "! up to these loads" in limits_text({**data, "provenance": {"source": "here"}})


def test_alerts_are_quiet_at_the_recommended_load_and_fire_before_the_tolerable_one() -> None:
    engine, _ = fake_engine.engine(500_000)
    asked = Asked(precision=0.03, spike=None, watched_ns=2_000_000_000)
    data = limits(fake_engine.scenario(500), asked, engine=engine)
    alerts = data["monitoring"]["alerts"]
    tolerable = data["levels"]["tolerable"]["load"]
    assert data["monitoring"]["interval_s"] == 2
    assert {"response_time: p(95)", "cpu_utilization"} <= {alert["metric"] for alert in alerts}
    for alert in alerts:
        assert alert["false_alarms_at_recommended"] <= 0.1
        assert alert["fires_at_load"] < tolerable
        assert alert["lead"] == pytest.approx(1 - alert["fires_at_load"] / tolerable, abs=0.01)


def test_the_same_seed_gives_the_same_limits_and_another_engine_seed_nearly_the_same() -> None:
    engine, _ = fake_engine.engine(300_000)
    asked = Asked(Given(("response_time: p(95) < 5ms",), defaults=False), precision=0.03, spike=None, watched_ns=None)
    first, again, other = (limits(fake_engine.scenario(500), asked, engine=engine, seed=seed) for seed in (1, 1, 2))
    assert first["levels"] == again["levels"]
    assert first["levels"] != other["levels"]
    loads = [data["levels"]["safe"]["load"] for data in (first, other)]
    assert loads[0] == pytest.approx(loads[1], rel=0.1)


def test_where_no_load_keeps_the_criteria_there_is_no_limit_and_what_breaks_is_named() -> None:
    found = answer(fake_engine.scenario(500), "response_time: p(95) < 1ms", operations=300_000)["levels"]["safe"]
    assert found["load"] is None
    assert found["binding"] == "response_time: p(95) < 1ms"


def test_bounds_are_kept_and_an_axis_that_ends_before_the_limit_says_so() -> None:
    data = answer(fake_engine.scenario(300), "response_time: p(95) < 10ms", between=(100.0, 400.0), operations=300_000)
    row = data["levels"]["recommended"]
    assert row["unlimited"]
    assert row["load"] == 400
    assert data["warnings"][0]["code"] == "no_limit_found"
    with pytest.raises(ScenarioError, match="--between"):
        answer(fake_engine.scenario(300), between=(0.0, 0.0))


def test_what_is_refused_is_refused_before_an_engine_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simulator.limits.answer.chosen_for_search", lambda engine: pytest.fail("an engine was chosen"))
    with pytest.raises(ScenarioError, match=r"50\.\.10"):
        limits(fake_engine.scenario(300), Asked(between=(50.0, 10.0)))
    with pytest.raises(ThresholdError, match="did you mean"):
        limits(fake_engine.scenario(300), Asked(Given(["error_rat < 1%"])))


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (("slowdwn: p(95) < 2",), "did you mean 'slowdown'"),
        (("latency < 2ms",), "did you mean 'response_time'"),
        (("throughput > 100/s",), "sim plan"),
        (("efficiency > 90%",), "closed first workload"),
        (("cpu_headroom > 100%",), "no system keeps it"),
        (("error_rate < 0%",), "no system keeps it"),
        (("response_time: avg < 1ms", "response_time: avg > 2ms"), "contradicts"),
        (("slowdown: p(95) < quick",), "a ratio"),
        (("slowdown < 2",), "accepted: such as"),
        (("cpu_headroom: avg > 3%",), "cpu_headroom alone"),
    ],
)
def test_criteria_that_cannot_be_are_refused_in_one_line(texts: tuple[str, ...], said: str) -> None:
    with pytest.raises(ThresholdError, match=said) as caught:
        by_level(Given(texts), fake_engine.scenario(500))
    assert "\n" not in str(caught.value)


def test_levels_must_become_looser() -> None:
    given = Given(by_level={"recommended": ("response_time: p(95) < 9ms",), "safe": ("response_time: p(95) < 5ms",)})
    with pytest.raises(ThresholdError, match="looser"):
        by_level(given, fake_engine.scenario(500))


def test_a_given_criterion_takes_the_place_of_the_default_about_the_same_thing() -> None:
    levels = by_level(Given(("response_time: p(99) < 1s",)), fake_engine.scenario(500))
    for level in LEVELS:
        texts = [criterion.text for criterion in levels[level]]
        assert "response_time: p(99) < 1s" in texts
        assert not any("slowdown" in text for text in texts)
        assert {text for text in DEFAULTS[level] if "cpu" in text or "error" in text} <= set(texts)
        assert not any("efficiency" in text or "memory" in text for text in texts)


def test_closed_clients_that_wait_bound_their_queues() -> None:
    closed = closed_scenario()
    texts = [criterion.text for criterion in by_level(Given(), closed)["safe"]]
    assert "efficiency > 90%" in texts
    assert not any("growth" in text for text in texts)


def closed_scenario(**service: Any) -> Scenario:
    return Scenario.from_dict(
        {
            "name": "closed",
            "workloads": [{"name": "people", "kind": "closed", "procs": 4, "concurrency": 2}],
            "services": {"web": {"cores": 1, "discipline": "fifo", **service}},
            "operations": [{"name": "ask", "stages": [{"kind": "cpu", "demand": "1ms"}]}],
        }
    )


def test_the_axis_follows_the_kind_of_the_first_workload() -> None:
    closed, opened = axis_of(closed_scenario()), axis_of(fake_engine.scenario(500))
    assert (closed.kind, opened.kind) == (PROCS, RATE)
    assert closed.at(9).workloads[0].procs == 9
    assert closed.empty().workloads[0].procs == 1
    assert opened.at(123.5).workloads[0].arrival_rate == 123.5
    assert opened.empty().workloads[0].arrival_rate == pytest.approx(1.0)
    assert closed.between(3, 4) is None
    assert closed.between(3, 5) == 4
    assert opened.rounded(123.456) == pytest.approx(123.4)
    assert closed.rounded(3.99) == 3


def test_what_one_lost_instance_leaves() -> None:
    three = fake_engine.scenario(500, services={"web": {"cores": 1, "discipline": "fifo", "instances": 3}})
    assert losable(three) == ["web"]
    assert losable(fake_engine.scenario(500)) == []
    axis = axis_of(three)
    fewer = without_one(axis, "web")
    assert axis.capacity == pytest.approx(3000)
    assert fewer.capacity == pytest.approx(2000)
    assert [(event.action, event.at) for event in fewer.scenario.events] == [("down", 0)]


def test_a_queue_limit_sheds_so_no_law_bounds_the_load() -> None:
    shedding = fake_engine.scenario(500, services={"web": {"cores": 1, "discipline": "fifo", "queue_limit": 9}})
    assert capacity_of(shedding, RATE, 500.0) == (math.inf, None)


def test_only_retries_and_abandoned_attempts_amplify() -> None:
    workload = {"name": "c", "kind": "open", "arrival_rate": "9/s"}
    for more, expected in (
        ({}, False),
        ({"retry": {"attempts": 2}}, True),
        ({"timeout": "1s"}, True),
        ({"timeout": "1s", "cancel_on_timeout": True}, False),
    ):
        assert amplifies(fake_engine.scenario(workloads=[{**workload, **more}])) is expected


def test_the_crossing_lies_on_the_line_and_the_first_criterion_counts() -> None:
    errors, busy = read("error_rate < 2%", []), read("cpu_headroom > 20%", [])
    low = {errors: [0.00, 0.00], busy: [0.5, 0.5]}
    high = {errors: [0.04, 0.04], busy: [0.4, 0.4]}
    found = crossing(100, 110, low, high)
    assert found.criterion is errors
    assert found.load == pytest.approx(105)
    assert found.margin == 0
    noisy = crossing(100, 110, {errors: [0.00, 0.01]}, {errors: [0.03, 0.05]})
    assert noisy.margin > 0
    assert noisy.bound < noisy.load


def test_undefined_breaks_and_noise_alone_is_no_growth() -> None:
    slow, growth = read("response_time: p(95) < 1s", []), read("growth < 0.2%", [])
    assert not keeps({slow: [math.nan, math.nan]})
    assert slack(slow, [math.nan]) == -math.inf
    assert keeps({growth: [0.01, -0.01, 0.02, -0.005]})
    assert broken({growth: [0.011, 0.010, 0.012, 0.011]}) == [growth]
    assert statistic(growth, [0.01, 0.01]) == pytest.approx(0.01)


def test_a_criterion_is_lost_where_no_further_replication_can_keep_it() -> None:
    slow, growth = read("response_time: p(95) < 1s", []), read("growth < 0.2%", [])
    assert is_lost(slow, [3.0, 3.1], 6)
    assert not is_lost(slow, [2.9, 3.0], 6)  # four of 0 s would bring the mean below 1 s
    assert not is_lost(slow, [math.nan, math.nan], 6)
    assert not is_lost(growth, [0.5, 0.5], 6)
    headroom, efficiency = read("cpu_headroom > 50%", []), read("efficiency > 90%", [])
    assert is_lost(headroom, [0.1, 0.1, 0.1], 4)
    assert not is_lost(headroom, [0.1, 0.1], 4)
    assert not is_lost(efficiency, [0.0, 0.0, 0.0], 4)  # relative: nothing bounds it from above
    assert is_lost(read("response_time: max < 1s", []), [0.1, 1.5], 6)


def test_a_search_that_is_out_of_work_says_so_and_its_limit_is_still_confirmed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    criterion = "response_time: p(95) < 6ms"
    whole = answer(fake_engine.scenario(500), criterion)
    assert whole["levels"]["safe"]["precision_reached"]
    assert not [one for one in whole["warnings"] if one["code"] == "precision_not_reached"]
    monkeypatch.setattr("simulator.limits.search.MOST_WORK", 0.0)
    data = answer(fake_engine.scenario(500), criterion, precision=0.001)
    found = data["levels"]["safe"]
    assert not found["precision_reached"]
    assert found["confirmed"]
    assert found["margin"] > 0.0015 * found["estimate"]
    assert data["operations_simulated"] < whole["operations_simulated"]
    (said,) = [one for one in data["warnings"] if "safe:" in one["message"]]
    assert said["code"] == "precision_not_reached"
    assert "not 0.1%" in said["message"]


@pytest.mark.parametrize(
    ("inside", "usual", "backlog"), [(1.7, 1.5, 0.0), (103.0, 100.0, 0.0), (40.0, 2.0, 38.0), (1.0, 2.0, 0.0)]
)
def test_what_was_inside_before_a_spike_is_no_backlog_after_it(inside: float, usual: float, backlog: float) -> None:
    assert backlog_of(inside, usual) == pytest.approx(backlog)


def test_where_not_even_the_least_load_is_confirmed_there_is_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    def worse(trial: Any, criteria: Any, base: Any) -> dict[Any, list[float]]:
        return {one: [100 * value for value in values] for one, values in series_of(trial, criteria, base).items()}

    monkeypatch.setattr("simulator.limits.confirmation.series_of", worse)
    found = answer(fake_engine.scenario(500), "response_time: p(95) < 6ms", precision=0.1)["levels"]["safe"]
    assert found["load"] is None
    assert not found["confirmed"]
    assert found["binding"] == "response_time: p(95) < 6ms"


@pytest.mark.parametrize(("confirming", "least", "most"), [(False, 400, 500), (True, 200, 400)])
def test_what_is_much_dearer_than_expected_is_given_up_and_the_limit_is_safe(
    monkeypatch: pytest.MonkeyPatch, confirming: bool, least: float, most: float
) -> None:
    works: list[float] = []

    def dear(output: Any, compiled: Any, _: Any) -> float:
        # As if queues collapsed above 400/s: in longer windows of the search, or in the confirmation.
        seconds = (output.end_ns - output.warmup_ns) / 1e9
        collapsed = output.replication >= FRESH if confirming else seconds > 3
        works.append(3.0 if collapsed and compiled.scenario.workloads[0].arrival_rate > 400 else 0.0)
        return works[-1]

    monkeypatch.setattr("simulator.limits.trials.work_of", dear)
    data = answer(fake_engine.scenario(500), "response_time: p(95) < 6ms", precision=0.001, operations=200_000)
    found = data["levels"]["safe"]
    assert 6 < sum(works) < 40  # to the end it would be hundreds
    assert found["confirmed"]
    assert not found["precision_reached"]
    assert least < found["load"] <= most
    (said,) = [one["message"] for one in data["warnings"] if "safe:" in one["message"]]
    assert f"{1 - found['load'] / found['estimate']:.1%} below the estimate" in said


def test_work_is_bounded_replication_by_replication_and_within_each(monkeypatch: pytest.MonkeyPatch) -> None:
    engine, _ = choose("fast")
    scenario = fake_engine.scenario(900, run={"warmup": "1s", "duration": "2s"})
    window = Window(1_000_000_000, 2_000_000_000, 900e-9)
    free = Laboratory(engine, 1, (95.0,)).trial(scenario, window, range(1, 4))
    laboratory = Laboratory(engine, 1, (95.0,))
    with laboratory.within(1.0):
        bounded = laboratory.trial(scenario, window, range(1, 4))
    for name in ("throughput_per_s", "response_time_s.mean", "stations.0.mean_number"):
        assert bounded.totals.series(name) == free.totals.series(name)
    each = laboratory.work / 3
    trial = laboratory.begun(scenario, window)
    with laboratory.within(1.5 * each), pytest.raises(Spent):
        laboratory.extend([trial], range(1, 4))
    assert trial.totals.replications == 2
    with laboratory.within(0.1 * each), pytest.raises(Spent):
        laboratory.extend([trial], range(1, 4))
    assert trial.totals.replications == 2  # the third was given up before its end
    monkeypatch.setattr("simulator.limits.trials.MOST_OF_ONE", 0.5 * each)
    with laboratory.within(100.0), pytest.raises(Spent):
        laboratory.extend([trial], range(1, 4))
    laboratory.extend([trial], range(1, 4))
    assert trial.totals.replications == 3


def test_what_is_said_of_a_criterion_is_what_was_decided() -> None:
    growth, slow = read("growth < 0.2%", []), read("slowdown: p(95) < 2", [])
    empty: Any = SimpleNamespace(estimate=lambda _: Estimate(0.01, 0.0004))
    noisy = criterion_entry(growth, [0.001, 0.006, 0.0, 0.005], empty)
    assert noisy["kept"]
    assert noisy["within_noise"]
    assert noisy["probability"] < 0.5
    assert not criterion_entry(growth, [0.001, 0.002, 0.0, 0.001], empty)["within_noise"]
    grows = criterion_entry(growth, [0.021, 0.022, 0.020, 0.021], empty)
    assert not grows["kept"]
    assert not grows["within_noise"]
    # The nearly empty system's noise, 4 %, is in what is relative to it.
    values = [1.94, 1.96, 1.95, 1.95]
    relative, alone = criterion_entry(slow, values, empty), interval(values)
    assert relative["half_width"] == pytest.approx(math.hypot(alone.half_width, 0.04 * 1.95))
    assert 0.8 < relative["probability"] < 0.98 < (probability_below(2, values) or 0.0)


class NothingBreaks:
    """A laboratory in which every load keeps everything; each trial takes so many budgets of the engine."""

    def __init__(self, work_of_each: float) -> None:
        self.engine = SimpleNamespace(operations=1_000_000)
        self.work, self._each = 0.0, work_of_each

    def tell(self, *_: Any) -> None: ...

    def window_at(self, *_: Any) -> None: ...

    def trial(self, *_: Any) -> Any:
        self.work += self._each
        return SimpleNamespace(values=lambda criterion, base: [0.0] * 4)


def test_loads_at_which_nothing_comes_closer_are_not_looked_at_without_end() -> None:
    users = {"name": "users", "kind": "closed", "procs": 10, "think_time": "1s"}
    axis = axis_of(fake_engine.scenario(workloads=[users]))
    criteria = [read("error_rate < 5%", [])]
    cheap = Bracketing(NothingBreaks(0.0), axis, None)  # type: ignore[arg-type]
    assert cheap.bracket(criteria) is None
    assert cheap.highest == axis.most
    dear = Bracketing(NothingBreaks(0.1), axis, None)  # type: ignore[arg-type]
    assert dear.bracket(criteria) is None
    assert 10 * axis.start < dear.highest < axis.most
    looked_at = len(dear.trials)
    assert dear.bracket(criteria) is None  # the next level looks no further
    assert len(dear.trials) == looked_at


def test_waiting_tasks_make_a_replication_dearer_where_they_are_looked_at_one_by_one() -> None:
    engine, _ = fake_engine.engine(100_000)
    queue = fake_engine.scenario(900)
    crowd = {"processor_sharing": 5.0, "linux": 40.0}
    found = {}
    for discipline in ("fifo", *crowd):
        services = {name: one.model_copy(update={"discipline": discipline}) for name, one in queue.services.items()}
        scenario = queue.model_copy(update={"services": services})
        compiled = engine.compile(scenario, None)
        output = engine.simulate(compiled, seed=1, replication=1, warmup_ns=0, end_ns=10**10)
        found[discipline] = work_of(output, compiled, engine)
        waiting = int(output.stations_whole["waiting_ns"].max()) / 10**10
    for discipline, tasks in crowd.items():
        assert found[discipline] == pytest.approx(found["fifo"] * (1 + waiting / tasks))


def test_a_trace_has_no_load_to_vary(tmp_path: Any) -> None:
    (tmp_path / "arrivals.csv").write_text("seconds\n0\n1\n")
    data = fake_engine.scenario().model_dump(mode="json", exclude_none=True)
    data["workloads"] = [{"name": "c", "kind": "trace", "file": "arrivals.csv"}]
    traced = Scenario.from_dict(data, directory=tmp_path)
    with pytest.raises(ScenarioError, match="--rate"):
        axis_of(traced)


def stops_after(stage: str) -> Any:
    return lambda progress: not progress.stage.startswith(stage)


def test_limits_that_are_stopped_say_what_was_found_until_then() -> None:
    engine, _ = fake_engine.engine(300_000)
    asked = Asked(precision=0.03, spike=None)
    data = limits(fake_engine.scenario(500), asked, engine=engine, progress=stops_after("safe: near"))
    assert data["interrupted"]
    assert list(data["levels"]) == ["recommended"]
    assert limits_verdict(data).startswith("interrupted")
    with pytest.raises(KeyboardInterrupt):
        limits(fake_engine.scenario(500), asked, engine=engine, progress=stops_after("looking at"))


def test_other_workloads_that_are_too_much_alone_leave_no_limit() -> None:
    scenario = fake_engine.scenario(500)
    other = scenario.workloads[0].model_copy(update={"name": "other", "arrival_rate": 1_200.0})
    crowded = scenario.model_copy(update={"workloads": [*scenario.workloads, other]})
    engine, _ = fake_engine.engine(100_000)
    data = limits(crowded, Asked(spike=None, watched_ns=None), engine=engine)
    assert [row["load"] for row in data["levels"].values()] == [None, None, None]


def test_windows_of_replications_begin_at_moments_spread_evenly() -> None:
    window = Window(1_000, 10_000, 0.001)
    starts = [window.start_ns(number) for number in range(1, 11)]
    assert min(starts) >= 1_000
    assert max(starts) < 2_000
    gaps = np.diff(sorted(starts))
    assert gaps.min() > 40
    assert np.mean(starts) == pytest.approx(1_500, abs=60)
    assert starts == [window.start_ns(number) for number in range(1, 11)]


def test_the_chance_of_the_nearly_empty_system_is_in_the_margin() -> None:
    slowdown = read("slowdown: p(95) < 2", ["clients"])
    at_low, at_high = {slowdown: [1.7, 1.72, 1.68]}, {slowdown: [2.4, 2.42, 2.38]}
    alone = crossing(100, 110, at_low, at_high)
    units = [{slowdown: factor} for factor in (0.98, 1.0, 1.02)]
    with_unit = crossing(100, 110, at_low, at_high, units)
    assert with_unit.load == alone.load
    # 2 % of the unit move the crossing by 2 % over the slope of its logarithm, each replication by half of that.
    slope = math.log(2.4 / 1.7) / 10
    error = math.sqrt(2 / 3 * 2) * 0.02 / slope
    expected = math.hypot(alone.margin, 2.92 * math.sqrt(2) * error)
    assert with_unit.margin == pytest.approx(expected, rel=0.02)


def test_a_limit_is_checked_by_a_simulation_no_smaller_than_the_one_that_confirmed_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits_random, "service_scenario", lambda seed: fake_engine.scenario(500))
    monkeypatch.setattr(limits_random, "service_criteria", lambda *_: ["response_time: p(95) < 6ms"])
    monkeypatch.setattr(limits_random, "CHECKED_OPERATIONS", 2_000)
    engine, _ = fake_engine.engine(2_000_000)
    row = limits_random.examine(3, engine)
    asked = Asked(Given(["response_time: p(95) < 6ms"], defaults=False), without_one=False, spike=None, watched_ns=None)
    found = limits(fake_engine.scenario(500), asked, engine=engine, seed=3)["levels"]["safe"]
    assert row["load"] == found["load"]
    assert found["operations_measured"] > 2_000
    assert row["replications"] == max(20, found["replications"])
    assert row["operations_each"] == pytest.approx(found["operations_measured"] / found["replications"], abs=1)
    assert row["kept"]
    assert row["broken"]

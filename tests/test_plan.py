"""Plans on an engine that serves with all cores as one (M/M/1), so that the cheapest is known."""

import math
from pathlib import Path
from typing import Any

import fake_engine
import pytest

from models.errors import ScenarioError
from models.scenario import Scenario
from simulator.engines import Engine
from simulator.limits.criteria import read
from simulator.limits.trials import Laboratory, percents_of
from simulator.plan import Wanted, plan
from simulator.plan.answer import criteria_of
from simulator.plan.judge import Judge, chance, decisive
from simulator.plan.search import ranked, search
from simulator.plan.space import Configuration, Prices, space_of
from simulator.plan.summary import plan_text, plan_verdict
from simulator.replications import Progress
from simulator.thresholds import ThresholdError

SLOW = ("response_time: p(95) < 20ms",)  # 1000/s at 100/s for each core: ln 20 / (100 n - 1000) < 0.02 from n = 12 on


def one_server_engine(operations: int = 400_000) -> Engine:
    """Return an engine in which all cores of all instances that are up work as one."""
    plain, _ = fake_engine.engine(operations)

    def compile_scenario(scenario: Scenario, directory: Path | None) -> Any:
        service = scenario.services["web"]
        servers = service.cores * (service.instances - len(scenario.events))
        stage = scenario.operations[0].stages[0]
        demand = {"distribution": "exponential", "mean": f"{stage.demand.mean / servers:.0f}ns"}
        data = scenario.model_dump(mode="json", exclude_none=True)
        data["operations"][0]["stages"][0]["demand"] = demand
        data.pop("events", None)
        return fake_engine.compile_scenario(Scenario.from_dict(data), directory)

    return plain._replace(compile=compile_scenario)


def busy() -> Scenario:
    return fake_engine.scenario(1000, demand="10ms")


def a_judge() -> Judge:
    counts = tuple(map(str, range(1, 9)))
    criteria = criteria_of(busy(), Wanted(thresholds=SLOW, defaults=False))
    space = space_of(busy(), counts, counts, (), Path())
    return Judge(Laboratory(one_server_engine(100_000), 1, percents_of(criteria)), space, criteria, 0.95, False)


def planned(*thresholds: str, **wanted: Any) -> dict[str, Any]:
    counts = tuple(map(str, range(1, 9)))
    given = {"cores": counts, "instances": counts, "thresholds": thresholds or SLOW, "defaults": False, **wanted}
    return plan(busy(), Wanted(**given), engine=one_server_engine())


def test_the_cheapest_is_that_of_theory_and_less_fails_for_a_reason() -> None:
    data = planned()
    best = data["plan"]
    assert best["cores"] * best["instances"] == best["cost"] == 12
    assert (best["instances"], best["cores"]) == (2, 6)
    assert best["probability"] > 0.95
    assert {(one["instances"], one["cores"]) for one in data["smaller"]} == {(1, 6), (2, 5)}
    assert all(not one["feasible"] and one["why"] for one in data["smaller"])
    assert "web.cpu is offered 100%" in next(one["why"] for one in data["smaller"] if one["instances"] == 2)
    assert [one["cost"] for one in data["runners_up"]] == sorted(one["cost"] for one in data["runners_up"])
    assert all(one["cores"] * one["instances"] == 12 for one in data["equal_cost"])
    assert data["configurations_simulated"] < data["configurations"] / 2
    text = plan_text({**data, "provenance": {"source": "here"}})
    assert "2 instances x 6 cores" in text
    assert "why less does not do" in text


@pytest.mark.parametrize("prices", [Prices(), Prices(1.0, 0.0, 3.0), Prices(0.1, 0.0, 1.0)])
@pytest.mark.parametrize("lost", [False, True])
def test_the_search_agrees_with_judging_every_configuration(prices: Prices, lost: bool) -> None:
    engine = one_server_engine(100_000)
    counts = tuple(map(str, range(1, 7)))
    criteria = criteria_of(busy(), Wanted(thresholds=SLOW, defaults=False))
    space = space_of(busy(), counts, counts, (), Path())

    def judge() -> Judge:
        return Judge(Laboratory(engine, 1, percents_of(criteria)), space, criteria, 0.95, lost)

    every = judge()
    serving = [one for one in space.all() if every.judge(one).feasible]
    assert search(judge(), prices).best == min(serving, key=ranked(prices))


def test_losing_an_instance_costs_more() -> None:
    data = planned(without_one=True)
    best = data["plan"]
    assert best["cores"] * (best["instances"] - 1) >= 12
    assert best["cost"] == 14  # 7 instances of 2 cores: six of them are 12


def test_what_cannot_be_met_is_infeasible_and_names_the_resource() -> None:
    data = planned(cores=("1", "2"), instances=("1", "2", "4"))
    assert not data["feasible"]
    assert data["plan"] is None
    assert data["binding"]["resource"] == "web.cpu"
    assert "125%" in data["binding"]["why"]
    assert plan_verdict(data).startswith("infeasible: web.cpu")
    assert "infeasible" in plan_text({**data, "provenance": {}})


def test_workers_follow_the_cores_only_where_they_did() -> None:
    data = busy().model_dump(mode="json", exclude_none=True)
    data["services"]["web"] |= {"workers": 1}
    follows = space_of(Scenario.from_dict(data), ["4"], ["2"], (), Path())
    assert follows.at(Configuration(4, 2)).services["web"].workers == 4
    data["services"]["web"] |= {"workers": 3}
    stays = space_of(Scenario.from_dict(data), ["4"], ["2"], (), Path())
    assert stays.at(Configuration(4, 2)).services["web"].workers == 3
    assert follows.at(Configuration(4, 2)).services["web"].instances == 2


def test_a_trace_is_held_against_nothing_that_needs_an_empty_system() -> None:
    scenario = Scenario.load(Path(__file__).parents[1] / "examples" / "trace.toml")
    assert [one.metric for one in criteria_of(scenario, Wanted())] == ["growth", "error_rate", "cpu_headroom"]
    with pytest.raises(ThresholdError, match="no nearly empty system; accepted: response_time"):
        criteria_of(scenario, Wanted(thresholds=("slowdown: p(95) < 2",)))


def test_a_value_that_is_undefined_is_said_to_be() -> None:
    assert read("slowdown: p(95) < 2", []).print(math.nan) == "undefined"


def test_a_service_on_the_same_cores_has_as_many_instances() -> None:
    data = busy().model_dump(mode="json", exclude_none=True)
    data["services"]["web"]["instances"] = 1
    data["services"]["generator"] = {"cores_of": "web"}
    scenario = Scenario.from_dict(data)
    space = space_of(scenario, ["4"], ["1", "3"], (), Path())
    assert {service.instances for service in space.at(Configuration(4, 3)).services.values()} == {3}
    wanted = Wanted(cores=("8", "16"), instances=("1", "2"), thresholds=SLOW, defaults=False)
    data = plan(scenario, wanted, engine=one_server_engine())
    assert "guests_follow_hosts" in {one["code"] for one in data["warnings"]}


def test_memory_is_a_choice_where_it_is_given() -> None:
    data = busy().model_dump(mode="json", exclude_none=True)
    data["services"]["web"] |= {"memory": "2GiB", "memory_base": "1500MiB"}
    space = space_of(Scenario.from_dict(data), ["1"], ["1", "2"], ["1GiB", "2GiB", "4GiB"], Path())
    assert space.memories == (2 * 2**30, 4 * 2**30)
    assert space.size == 4
    assert Prices(1.0, 0.5, 2.0).of(Configuration(2, 3, 2 * 2**30)) == 3 * (2 + 1 + 2)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ({"cores": ("0",)}, ScenarioError, "--cores"),
        ({"instances": ("two",)}, ScenarioError, "--instances"),
        ({"memories": ("much",)}, ScenarioError, "--memory"),
        ({"thresholds": ("latency < 1ms",)}, ThresholdError, "unknown metric"),
        ({"thresholds": ("success_rate > 100%",)}, ThresholdError, "no system"),
    ],
)
def test_bad_input_is_refused(changes: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        plan(busy(), Wanted(**changes), engine=one_server_engine())


def test_bounds_without_a_configuration_say_what_is_wrong_with_them() -> None:
    data = busy().model_dump(mode="json", exclude_none=True)
    data["services"]["web"] |= {"cores": 4, "background_cores": 3.5}
    with pytest.raises(ScenarioError, match="background_cores"):
        space_of(Scenario.from_dict(data), ["1", "2", "3"], ["1"], (), Path())


def test_an_interrupted_plan_gives_the_cheapest_that_was_seen_to_serve() -> None:
    counts = tuple(map(str, range(1, 9)))
    wanted = Wanted(cores=counts, instances=counts, thresholds=SLOW, defaults=False)

    def go_on(progress: Progress) -> bool:
        return not progress.stage.startswith("judging") or progress.replication < 4

    data = plan(busy(), wanted, engine=one_server_engine(), progress=go_on)
    assert data["interrupted"]
    serving = [one for one in data["known"] if one["feasible"]]
    assert data["plan"]["cost"] == min(one["cost"] for one in serving)
    assert data["judged"] < planned()["judged"]
    assert plan_verdict(data).startswith("interrupted")
    with pytest.raises(KeyboardInterrupt):
        plan(busy(), wanted, engine=one_server_engine(), progress=lambda one: not one.stage.startswith("judging"))


def test_a_clear_miss_decides_where_a_queue_only_seems_to_grow() -> None:
    times = criteria_of(busy(), Wanted(thresholds=SLOW, defaults=False))[-1]
    grows = read("growth < 0.2%", ["clients"])
    seems = [0.011, 0.012, 0.010, 0.011]
    assert decisive({grows: seems, times: [0.091, 0.092, 0.090, 0.091]}) == (times, pytest.approx(0, abs=1e-3), True)
    # By itself it may be a queue that fills up to its mean: a longer trial will tell.
    assert decisive({grows: seems, times: [0.001, 0.0011, 0.0012, 0.001]}) == (grows, 0.0, False)
    assert decisive({grows: [0.0, 0.001, -0.001, 0.0], times: [0.001, 0.0011, 0.0012, 0.001]})[2]


def test_the_search_begins_where_the_laws_end_and_leaves_out_what_costs_too_much() -> None:
    judge = a_judge()
    best = search(judge, Prices()).best
    assert best is not None
    costs = [Prices().of(one) for one, verdict in judge.known.items() if verdict.data is not None]
    assert min(costs) > 10  # 1000/s need ten cores
    assert max(costs) <= 1.5 * Prices().of(best) + 8
    assert len(judge.known) < 40


def test_the_chance_of_a_criterion() -> None:
    criterion = criteria_of(busy(), Wanted(thresholds=SLOW, defaults=False))[-1]
    assert chance(criterion, [0.01, 0.011, 0.012]) > 0.99
    assert chance(criterion, [0.019, 0.021]) == pytest.approx(0.5)
    assert chance(criterion, [math.nan, 0.01]) == 0
    assert chance(criterion, [0.01, 0.01]) == 1

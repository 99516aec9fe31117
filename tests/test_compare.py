"""Comparisons: paired replications, one window for all, switches alone and together."""

import json
from pathlib import Path

import fake_engine
import pytest
from sample_scenario import COUNTER

from models.errors import ScenarioError
from models.scenario import Scenario
from simulator.arms import arms_of_files, arms_of_switches, switch_names
from simulator.compare import compare, compare_results
from simulator.compare_plot import compare_plot_bytes
from simulator.compare_text import compare_text, differences_csv, effects_csv, tables
from simulator.comparison import sample
from simulator.overrides import from_settings
from simulator.parallel_runs import Workers
from simulator.result import Result
from simulator.run import run

QUEUE = """
name = "single-server"
run = { warmup = "1s", duration = "20s", replications = 5 }
[[workloads]]
name = "clients"
kind = "open"
arrival_rate = "500/s"
[services.web]
cores = 1
discipline = "fifo"
batchers.outbox = { max_size = 8 }
[[operations]]
name = "request"
stages = [{ kind = "cpu", demand = { distribution = "exponential", mean = "1ms" } }]
"""
DEMAND = "operations.request.stages[0].demand.mean=1.2ms"
RATE = "workloads.clients.arrival_rate=600/s"


@pytest.fixture
def queue(tmp_path: Path) -> Path:
    path = tmp_path / "queue.toml"
    path.write_text(QUEUE)
    return path


def crew() -> Workers:
    return Workers(fake_engine.engine()[0], count=1)


def test_a_difference_is_found_that_theory_knows(queue: Path) -> None:
    answer = compare(arms_of_switches(queue, [DEMAND]), crew(), switches=[DEMAND])
    found = answer.data["differences"][0]["metrics"]["response_time_s.mean"]
    assert found["before"] == pytest.approx(1 / (1000 - 500), rel=0.1)
    assert found["after"] == pytest.approx(1 / (1000 / 1.2 - 500), rel=0.1)
    assert found["more_than_noise"]
    assert found["difference"]["value"] == pytest.approx(found["after"] - found["before"])
    assert found["difference"]["half_width"] < found["difference"]["value"] / 5


class Stopped:
    """Ctrl-C at the n-th replication that is simulated."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, _: int) -> None:
        self._left -= 1
        if self._left == 0:
            raise KeyboardInterrupt


def stopped_crew(at: int) -> Workers:
    return Workers(fake_engine.engine(on_replication=Stopped(at))[0], count=1)


def test_a_comparison_that_is_stopped_compares_what_both_have_in_common_and_says_so(queue: Path) -> None:
    whole = compare(arms_of_switches(queue, [DEMAND]), crew(), switches=[DEMAND]).data
    data = compare(arms_of_switches(queue, [DEMAND]), stopped_crew(9), switches=[DEMAND]).data
    assert data["interrupted"]
    assert not whole["interrupted"]
    assert data["replications"] == 3  # of the second system's
    metric = data["differences"][0]["metrics"]["response_time_s.mean"]
    means = [sample(arm, "response_time_s.mean")[:3] for arm in whole["arms"]]
    assert metric["difference"]["value"] == pytest.approx(sum(means[1]) / 3 - sum(means[0]) / 3)
    data["trust"] = None
    assert compare_text(data).startswith("interrupted, partial result: ")


def test_what_was_complete_before_is_kept_where_more_replications_are_stopped(queue: Path, tmp_path: Path) -> None:
    fine = tmp_path / "fine.toml"
    fine.write_text(QUEUE.replace("replications = 5", "precision = 0.001"))
    data = compare(arms_of_switches(fine, [DEMAND]), stopped_crew(14), switches=[DEMAND]).data
    assert data["interrupted"]
    assert data["replications"] == 5


@pytest.mark.parametrize("at", [3, 6, 7])
def test_less_than_two_pairs_are_no_comparison(queue: Path, at: int) -> None:
    with pytest.raises(KeyboardInterrupt):
        compare(arms_of_switches(queue, [DEMAND]), stopped_crew(at), switches=[DEMAND])


def test_of_several_switches_the_combinations_that_were_simulated_are_shown_without_effects(queue: Path) -> None:
    data = compare(arms_of_switches(queue, [DEMAND, RATE]), stopped_crew(16), switches=[DEMAND, RATE]).data
    assert data["interrupted"]
    assert len(data["arms"]) == 3
    assert data["factorial"] is None


def test_nothing_changed_is_no_difference_at_all(queue: Path) -> None:
    setting = "services.web.batchers.outbox.max_size=9"
    answer = compare(arms_of_switches(queue, [setting]), crew(), switches=[setting])
    for metric in answer.data["differences"][0]["metrics"].values():
        assert metric["difference"]["value"] in (0, None)
        assert not metric["more_than_noise"]
    assert "no difference beyond noise" in compare_text(answer.data)


def test_pairing_needs_a_fraction_of_the_replications(queue: Path) -> None:
    """The issue asks for at most a fifth of those of independent runs."""
    setting = "operations.request.stages[0].demand.mean=1.01ms"
    answer = compare(arms_of_switches(queue, [setting]), crew(), switches=[setting])
    metrics = answer.data["differences"][0]["metrics"]
    assert metrics["response_time_s.mean"]["replications_unpaired"] > 5 * answer.data["replications"]
    assert metrics["response_time_s.p95"]["replications_unpaired"] > 5 * answer.data["replications"]
    assert metrics["response_time_s.mean"]["more_than_noise"]


def test_all_arms_have_the_window_of_the_one_that_needs_most(queue: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text(QUEUE.replace('warmup = "1s", duration = "20s"', 'warmup = "2s", duration = "5s"'))
    answer = compare(arms_of_files(queue, other), crew())
    for arm in answer.data["arms"]:
        assert (arm["warmup_s"], arm["duration_s"], arm["replications"], arm["seed"]) == (2, 20, 5, 1)
    assert answer.data["differences"][0]["metrics"]["response_time_s.p95"]["difference"]["value"] == 0


def test_replications_go_on_until_every_difference_is_precise(queue: Path) -> None:
    queue.write_text(QUEUE.replace("replications = 5", "precision = 0.03"))
    answer = compare(arms_of_switches(queue, [RATE]), crew(), switches=[RATE], max_operations=2_000_000)
    metrics = answer.data["differences"][0]["metrics"]
    assert 5 < answer.data["replications"] < 40
    for name in ("throughput_per_s", "response_time_s.mean", "response_time_s.p99"):
        assert metrics[name]["relative"]["half_width"] <= 0.03
    bounded = compare(arms_of_switches(queue, [RATE]), crew(), switches=[RATE], max_operations=70_000)
    assert bounded.data["replications"] < answer.data["replications"]


def test_switches_are_compared_in_every_combination(queue: Path) -> None:
    switches = [DEMAND, RATE]
    answer = compare(arms_of_switches(queue, switches), crew(), switches=switches)
    assert [arm["name"] for arm in answer.data["arms"]] == [
        "as it is",
        "demand.mean=1.2ms",
        "clients.arrival_rate=600/s",
        "demand.mean=1.2ms + clients.arrival_rate=600/s",
    ]
    effects = answer.data["factorial"]["effects"]
    assert [len(effect["switches"]) for effect in effects] == [1, 1, 2]

    def mean(rate: float, demand_s: float) -> float:
        return 1 / (1 / demand_s - rate)

    expected = mean(600, 0.0012) - mean(600, 0.001) - mean(500, 0.0012) + mean(500, 0.001)
    found = effects[2]["metrics"]["response_time_s.mean"]
    assert found["more_than_noise"]
    assert found["effect"]["value"] == pytest.approx(expected, rel=0.3)
    together, first, second = (
        answer.data["differences"][index]["metrics"]["response_time_s.mean"]["difference"]["value"]
        for index in (2, 0, 1)
    )
    assert together == pytest.approx(first + second + found["effect"]["value"])


def test_changes_that_belong_together_are_one_switch(queue: Path) -> None:
    arms = arms_of_switches(queue, [f"{DEMAND}; {RATE}"], from_settings(["services.web.cores=2"]))
    assert len(arms) == 2
    changed = arms[1].prepared.scenario
    assert changed.workloads[0].arrival_rate == 600
    assert changed.services["web"].cores == arms[0].prepared.scenario.services["web"].cores == 2
    assert arms[1].name == "demand.mean=1.2ms, clients.arrival_rate=600/s"


def test_names_are_as_long_as_they_have_to_be() -> None:
    assert switch_names(["services.a.pools.x.enabled=false", "services.a.pools.y.enabled=false"]) == [
        "x.enabled=false",
        "y.enabled=false",
    ]
    assert switch_names(["services.a.pools.x.enabled=false", "services.b.pools.x.enabled=false"]) == [
        "a.pools.x.enabled=false",
        "b.pools.x.enabled=false",
    ]


@pytest.mark.parametrize(
    ("switches", "said"),
    [
        (["services.web.cores=2"] * 2, "twice"),
        ([f"services.web.cores={cores}" for cores in range(2, 8)], "at most 5"),
        (["services.web.croes=2"], "croes"),
        (["nonsense"], "PATH=VALUE"),
    ],
)
def test_switches_that_cannot_be_are_said(queue: Path, switches: list[str], said: str) -> None:
    with pytest.raises(ScenarioError, match="--set") as error:
        arms_of_switches(queue, switches)
    assert said in str(error.value)


def results(seeds: tuple[int, int] = (1, 1)) -> list[Result]:
    changed = COUNTER.replace('mean = "2ms"', 'mean = "2.1ms"')
    texts = zip((COUNTER, changed), seeds, strict=True)
    return [run(Scenario.parse(text), engine="reference", seed=seed) for text, seed in texts]


def test_saved_results_are_paired_if_they_share_their_chance() -> None:
    paired = compare_results(["a", "b"], results()).data
    apart = compare_results(["a", "b"], results((1, 2))).data
    assert paired["paired"]
    assert not apart["paired"]
    name = "response_time_s.mean"
    widths = [data["differences"][0]["metrics"][name]["difference"]["half_width"] for data in (paired, apart)]
    assert widths[0] < widths[1] / 2
    assert "Not paired" in compare_text(apart)


def test_the_throughput_of_a_closed_system_is_compared_by_what_starts() -> None:
    data = results()[0].data
    started = sample(data, "throughput_per_s")
    assert started == data["samples"]["started_per_s"]
    # 4 users: what starts and what ends in 2 s differ by 4 at most.
    for begun, ended in zip(started, data["samples"]["throughput_per_s"], strict=True):
        assert begun is not None
        assert abs(begun - ended) <= 4 / 2
    data["scenario"]["workloads"][0]["kind"] = "open"
    assert sample(data, "throughput_per_s") == data["samples"]["throughput_per_s"]


def test_text_tables_and_pictures_hold_what_was_found(queue: Path) -> None:
    switches = [DEMAND, RATE]
    one = compare(arms_of_switches(queue, switches[:1]), crew(), switches=switches[:1]).data
    two = compare(arms_of_switches(queue, switches), crew(), switches=switches).data
    assert [table.header[0] for table in tables(two)] == ["system", "effect, mean over the others"]
    table = next(tables(one))
    by_label = {row[0]: row for row in table.rows}
    assert by_label["p95"][-1] == "more"
    assert by_label["throughput"][-1] == "noise"
    assert by_label["cpu"][3].endswith("points")
    assert "error rate" not in by_label
    assert "Without common random numbers" in compare_text(one)
    assert len(differences_csv(two).splitlines()) == 1 + 3 * len(two["differences"][0]["metrics"])
    assert "demand.mean=1.2ms x clients.arrival_rate=600/s,throughput_per_s," in effects_csv(two)
    assert compare_plot_bytes(two, "svg") == compare_plot_bytes(json.loads(json.dumps(two)), "svg")


@pytest.mark.slow
@pytest.mark.parametrize("lever", ["batchers.outbox", "memory_pool"])
def test_on_the_hubs_levers_pairing_saves_four_of_five_replications(lever: str) -> None:
    """At 10 processes; at 30 the hub without batching is saturated, another system that shares no chance with this."""
    base = from_settings(["workloads.agents.procs=10", "run.replications=10", "run.duration=2s", "run.warmup=1s"])
    switch = f"services.hub.{lever}.enabled=false"
    answer = compare(arms_of_switches(None, [switch], base), Workers("fast"), switches=[switch])
    metrics = answer.data["differences"][0]["metrics"]
    for name in ("throughput_per_s", "response_time_s.mean"):
        assert metrics[name]["replications_unpaired"] >= 5 * answer.data["replications"]


def test_a_field_cannot_be_set_by_two_switches(queue: Path) -> None:
    cores = [f"services.web.cores={count}" for count in (2, 8)]
    with pytest.raises(ScenarioError, match=r"services\.web\.cores in two switches, which cannot both be thrown"):
        arms_of_switches(queue, cores)
    with pytest.raises(ScenarioError, match="in two switches"):
        arms_of_switches(queue, [f"{DEMAND}; {cores[0]}", cores[1]])
    assert len(arms_of_switches(queue, [DEMAND, RATE])) == 4

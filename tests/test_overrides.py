"""Options and variables become changes of the scenario's tables."""

import copy
from typing import Any

import pytest

from models.errors import FieldProblem, ScenarioError
from simulator import overrides

TABLE: dict[str, Any] = {
    "run": {"seed": 1},
    "workloads": [
        {
            "name": "agents",
            "kind": "closed",
            "procs": 30,
            "concurrency": 304,
            "think_time": {"distribution": "exponential", "mean": "300ms"},
        },
        {"name": "jobs", "kind": "open", "interarrival": "1ms"},
    ],
    "services": {
        "hub": {"cores": 4, "linux": {"tick": "4ms"}, "context_switch": "1us"},
        "database": {"cores": 8},
    },
}


def changed(
    *, table: dict[str, Any] = TABLE, settings: list[str] | None = None, **options: str
) -> dict[str, Any]:
    return overrides.apply(table, overrides.collect(options, settings or [])).table


def test_options_set_the_entry_service_and_the_first_workload() -> None:
    table = changed(cores="8", procs="50", memory="4GiB", seed="7", precision="0.05")
    assert table["services"]["hub"] == {**TABLE["services"]["hub"], "cores": 8, "memory": "4GiB"}
    assert table["services"]["database"] == {"cores": 8}
    assert table["workloads"][0]["procs"] == 50
    assert table["run"] == {"seed": 7, "precision": 0.05}


def test_the_given_tables_stay_as_they_were() -> None:
    before = copy.deepcopy(TABLE)
    changed(cores="8", rate="10/s", discipline="fifo", settings=["workloads.agents.timeout=1s"])
    assert before == TABLE


@pytest.mark.parametrize(
    ("setting", "place", "value"),
    [
        (
            "services.hub.batchers.outbox.max_size=16",
            ("services", "hub", "batchers", "outbox", "max_size"),
            16,
        ),
        (
            "services.hub.batchers.outbox.linger=1ms",
            ("services", "hub", "batchers", "outbox", "linger"),
            "1ms",
        ),
        ("workloads[1].arrival_rate = 5/s", ("workloads", 1, "arrival_rate"), "5/s"),
        ("workloads.1.cancel_on_timeout=true", ("workloads", 1, "cancel_on_timeout"), True),
        ("workloads.jobs.timeout={ mean = '1s' }", ("workloads", 1, "timeout"), {"mean": "1s"}),
        ('services."hub".cores=0.5', ("services", "hub", "cores"), 0.5),
        ("run.warmup=auto", ("run", "warmup"), "auto"),
        ("run.duration=2020-01-01", ("run", "duration"), "2020-01-01"),
    ],
)
def test_set_reaches_any_field(setting: str, place: tuple[str | int, ...], value: object) -> None:
    here: Any = changed(settings=[setting])
    for part in place:
        here = here[part]
    assert here == value


def test_set_of_nothing_takes_the_field_out() -> None:
    assert "context_switch" not in changed(settings=["services.hub.context_switch="])["services"]["hub"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("services.hub.cores", '--set: found "services.hub.cores"; accepted: PATH=VALUE'),
        ("=3", "--set: found"),
        ("a b=3", "--set: found"),
        (
            "workloads[2].procs=3",
            "--set workloads[2].procs: found 2 in workloads; accepted: 0 to 1 or a name",
        ),
        ("workloads.nobody.procs=3", '--set workloads.nobody.procs: found "nobody" in workloads'),
        ("services.hub.cores.mean=3", "--set services.hub.cores.mean: found 4 in services.hub.cores"),
        ("services[0].cores=3", "--set services[0].cores: found no list at services"),
        ("services.hub.queue_limit=", "--set services.hub.queue_limit: found no services.hub.queue_limit"),
    ],
)
def test_a_place_that_cannot_be_is_one_line(setting: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        changed(settings=[setting])
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_think_time_keeps_the_distribution_and_changes_its_mean() -> None:
    assert changed(think_time="1s")["workloads"][0]["think_time"] == {
        "distribution": "exponential",
        "mean": "1s",
    }
    whole = changed(think_time="{ distribution = 'uniform', low = '1s', high = '2s' }")
    assert whole["workloads"][0]["think_time"] == {"distribution": "uniform", "low": "1s", "high": "2s"}


def test_think_time_of_a_distribution_without_a_mean_asks_for_set() -> None:
    table = copy.deepcopy(TABLE)
    table["workloads"][0]["think_time"] = {"distribution": "uniform", "low": "1s", "high": "2s"}
    with pytest.raises(ScenarioError, match=r"--think-time: found .*--set workloads\[0\].think_time"):
        changed(table=table, think_time="1s")


def test_rate_makes_a_closed_workload_open_and_says_so() -> None:
    done = overrides.apply(TABLE, overrides.collect({"rate": "100/s"}))
    assert done.table["workloads"][0] == {
        "name": "agents",
        "kind": "open",
        "procs": 30,
        "arrival_rate": "100/s",
    }
    assert done.notes == (
        "workload agents is closed in the scenario and is made open by --rate"
        " (without its concurrency and think_time)",
    )


def test_rate_of_an_open_workload_needs_no_note() -> None:
    table = copy.deepcopy(TABLE)
    table["workloads"] = [{"name": "web", "kind": "open", "arrival_rate": "5/s"}]
    done = overrides.apply(table, overrides.collect({"rate": "100/s"}))
    assert done.table["workloads"] == [{"name": "web", "kind": "open", "arrival_rate": "100/s"}]
    assert done.notes == ()


def test_rate_does_not_hide_an_option_that_it_makes_meaningless() -> None:
    assert changed(concurrency="5", rate="100/s")["workloads"][0]["concurrency"] == 5


def test_discipline_takes_out_what_described_the_one_it_replaces() -> None:
    assert changed(discipline="fifo")["services"]["hub"] == {
        "cores": 4,
        "discipline": "fifo",
        "context_switch": "1us",
    }
    assert changed(discipline="processor_sharing")["services"]["hub"] == {
        "cores": 4,
        "discipline": "processor_sharing",
    }
    kept = changed(discipline="processor_sharing", settings=["services.hub.context_switch=2us"])
    assert kept["services"]["hub"]["context_switch"] == "2us"


def test_flags_win_over_variables_and_set_over_named_options() -> None:
    made = overrides.collect(
        {"seed": "2", "cores": "3"},
        ["run.seed=4"],
        environment=["cores"],
        environment_settings=["run.seed=5", "services.hub.cores=6"],
    )
    assert [override.origin for override in made] == [
        "SIM_CORES",
        "SIM_SET run.seed",
        "SIM_SET services.hub.cores",
        "--seed",
        "--set run.seed",
    ]
    table = overrides.apply(TABLE, made).table
    assert table["run"]["seed"] == 4
    assert table["services"]["hub"]["cores"] == 6


def test_an_override_prints_as_it_was_given() -> None:
    options = {"cores": "8", "think_time": "{ mean = '1s' }", "memory": "4GiB"}
    made = overrides.collect(options, ["run.seed=4", "services.hub.linux="], environment=["memory"])
    assert [str(override) for override in made] == [
        "SIM_MEMORY 4GiB",
        "--cores 8",
        '--think-time {"mean": "1s"}',
        "--set run.seed=4",
        "--set services.hub.linux=",
    ]


def test_a_problem_is_told_under_the_option_that_brought_it() -> None:
    done = overrides.apply(TABLE, overrides.collect({"cores": "0"}, ["workloads[0].timeout.mean=x"]))
    found = ScenarioError(
        "my.toml",
        [
            FieldProblem(("name",), "nothing", "a name"),
            FieldProblem(("services", "hub", "cores"), "0", "at least 1"),
            FieldProblem(("workloads", 0, "timeout", "mean"), '"x"', "a time"),
        ],
    )
    told = overrides.attributed(found, done)
    assert str(told) == "--cores: found 0; accepted: at least 1"


def test_a_problem_of_the_file_stays_the_files() -> None:
    done = overrides.apply(TABLE, overrides.collect({"cores": "0"}))
    found = ScenarioError("my.toml", [FieldProblem(("name",), "nothing", "a name")])
    assert str(overrides.attributed(found, done)) == "my.toml: name: found nothing; accepted: a name"

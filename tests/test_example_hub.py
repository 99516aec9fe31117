"""The example of the orchestrator hub: its figures, the agreement that its page states, and how the page is made."""

import pytest

from examples.orchestrator_hub.agreement import Compared, compare_level, table
from examples.orchestrator_hub.figures import FIGURES_OF_A_LEVEL, FITTED, HERE, PREDICTED, levels
from examples.orchestrator_hub.hubs import STRUCTURES
from examples.orchestrator_hub.readme import README, TEMPLATE, commands, printed_by, rendered
from models.scenario import Scenario
from models.scenario_text import parse_toml


def test_the_figures_are_the_reports() -> None:
    reported = levels()
    assert sorted(reported) == [*FITTED, PREDICTED]
    assert {procs: level["throughput_per_s"] for procs, level in reported.items()} == {
        1: 870, 5: 4250, 10: 8400, 20: 16400, 50: 37500,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(STRUCTURES))
def test_a_scenario_file_is_made_of_the_numbers_beside_it(name: str) -> None:
    path = HERE / f"{name}.toml"
    written = Scenario.from_dict(parse_toml(path.read_text(encoding="utf-8"), name), name, HERE)
    assert written == Scenario.from_dict(STRUCTURES[name].table(), name, HERE)


OUTSIDE = {
    1: {"p95 ms", "disk MB/s"},
    5: set[str](),
    10: set[str](),
    20: {"cpu %", "retries %"},
    50: {"memory MB", "disk MB/s", "success %", "errors %", "timeouts %", "retries %"},
}
"""What the page says is outside its bound, and why."""


@pytest.mark.parametrize("procs", sorted(OUTSIDE))
def test_every_figure_is_within_its_bound_but_those_that_the_page_names(procs: int) -> None:
    compared = compare_level(HERE / "polling.toml", procs)
    assert len(compared) == len(FIGURES_OF_A_LEVEL)
    assert {one.figure.name for one in compared if not one.agrees} <= OUTSIDE[procs]


def test_what_misses_its_bound_is_marked() -> None:
    throughput = FIGURES_OF_A_LEVEL[0]
    lines = table([Compared(20, throughput, 100.0, 102.5), Compared(50, throughput, 100.0, 102.5)]).splitlines()
    assert lines[2].endswith("| outside |")
    assert not lines[3].endswith("outside |")  # the predicted level may miss by 5 %
    assert lines[-1].startswith("1 of 2")


def test_the_page_holds_what_its_commands_print() -> None:
    template = TEMPLATE.read_text(encoding="utf-8")
    assert commands(README.read_text(encoding="utf-8")) == commands(template)
    kept = rendered("```console\n$ sim x\n```", set(), "```console\n$ sim x\nold\n```")
    assert kept == "```console\n$ sim x\nold\n```"


def test_a_page_runs_only_commands_of_the_project() -> None:
    with pytest.raises(ValueError, match="accepted: sim or python"):
        printed_by("rm nothing")

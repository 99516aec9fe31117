"""The example of the orchestrator hub: its figures, the agreement that its page states, and how the page is made."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from examples.orchestrator_hub.agreement import Compared, compare_level, table
from examples.orchestrator_hub.conditions import fired, interpolated
from examples.orchestrator_hub.consumption import flushes_per_s, journal, two_parts
from examples.orchestrator_hub.failures import conflict, patience
from examples.orchestrator_hub.figures import FIGURES_OF_A_LEVEL, FITTED, HERE, PREDICTED, levels
from examples.orchestrator_hub.fit import Search
from examples.orchestrator_hub.hubs import FITS, hubs
from examples.orchestrator_hub.identified import extremes, intervals
from examples.orchestrator_hub.loads import limit
from examples.orchestrator_hub.readme import README, TEMPLATE, commands, printed_by, rendered
from examples.orchestrator_hub.start import circulating, mean_s, start, without_simulation
from examples.orchestrator_hub.structure import Hub
from models.scenario import Scenario
from models.scenario_text import parse_toml


def test_the_figures_are_the_reports() -> None:
    reported = levels()
    assert sorted(reported) == [*FITTED, PREDICTED]
    assert {procs: level["throughput_per_s"] for procs, level in reported.items()} == {
        1: 870, 5: 4250, 10: 8400, 20: 16400, 50: 37500,
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted(FITS))
def test_a_scenario_file_is_made_of_the_numbers_beside_it(name: str) -> None:
    path = HERE / f"{name}.toml"
    written = Scenario.from_dict(parse_toml(path.read_text(encoding="utf-8"), name), name, HERE)
    assert written == Scenario.from_dict(hubs()[name].table(), name, HERE)


OUTSIDE: dict[str, dict[int, set[str]]] = {
    "polling": {},
    "gauge_true": {},
    "polling_lower": {50: {"memory MB", "disk MB/s", "p50 ms"}},
}
"""What the page shows outside its bound, by scenario and level."""


def test_a_gauge_that_is_true_at_20_processes_is_refuted_by_50() -> None:
    hub = hubs()["gauge_true_lower"]
    assert hub.flush_limit < hubs()["gauge_true"].flush_limit / 3
    (throughput, *_) = compare_level(HERE / "gauge_true_lower.toml", PREDICTED)
    assert throughput.simulated < 0.5 * throughput.reported


@pytest.mark.parametrize("procs", [*FITTED, PREDICTED])
@pytest.mark.parametrize("name", sorted(OUTSIDE))
def test_every_figure_is_within_its_bound_but_those_that_the_page_shows(name: str, procs: int) -> None:
    compared = compare_level(HERE / f"{name}.toml", procs)
    assert len(compared) == len(FIGURES_OF_A_LEVEL)
    assert {one.figure.name for one in compared if not one.agrees} <= OUTSIDE[name].get(procs, set())


def test_no_law_of_two_parts_has_a_smaller_largest_error() -> None:
    across = np.array([1.0, 5.0, 10.0, 20.0, 50.0])
    figures = (3.0 + 2.0 * across) * np.array([1.05, 0.93, 1.02, 1.08, 0.9])
    a, b = two_parts(np.ones(5), across, figures)

    def largest(a: float, b: float) -> float:
        return float(np.max(np.abs((a + b * across) / figures - 1.0)))

    tried = [largest(a * x, b * y) for x in np.linspace(0.5, 1.5, 101) for y in np.linspace(0.8, 1.2, 101)]
    assert largest(a, b) <= min(tried)
    assert two_parts(np.ones(5), across, 4.0 * across) == pytest.approx((0.0, 4.0))


def test_the_journal_of_all_levels_has_every_figure_of_the_disk() -> None:
    message_bytes, flush_bytes, flush_s = journal((*FITTED, PREDICTED))
    for level in levels().values():
        flushes = float(flushes_per_s(np.array(level["throughput_per_s"]), flush_s))
        written = message_bytes * level["throughput_per_s"] + flush_bytes * flushes
        assert written / 1e6 == pytest.approx(level["disk_mb_per_s"], rel=0.1)


def test_an_interval_holds_every_law_that_keeps_the_figures() -> None:
    across = np.array([1.0, 2.0, 4.0])
    parts, target = np.column_stack([np.ones(3), across]), np.array([1.0, 10.0])
    figures = 3.0 + 2.0 * across
    found = extremes(parts, figures, 0.1, target)
    assert found is not None
    tried = [np.array([a, b]) for a in np.linspace(0.0, 6.0, 121) for b in np.linspace(0.0, 4.0, 161)]
    said = [float(target @ law) for law in tried if (np.abs(parts @ law / figures - 1.0) <= 0.1).all()]
    assert found[0] <= min(said) <= found[0] + 0.5
    assert found[1] - 0.5 <= max(said) <= found[1]
    assert extremes(parts, figures * np.array([1.0, 3.0, 1.0]), 0.1, target) is None


def test_the_lower_levels_identify_the_network_alone() -> None:
    at_50 = intervals()
    low, high = at_50["network_mb_per_s"]
    assert low > 0.85 * levels()[PREDICTED]["network_mb_per_s"]
    assert high < 1.15 * levels()[PREDICTED]["network_mb_per_s"]
    assert at_50["disk_mb_per_s"][0] < levels()[PREDICTED]["disk_mb_per_s"] < at_50["disk_mb_per_s"][1] / 1.4
    assert at_50["memory_mb"][1] > 1.4 * at_50["memory_mb"][0]


def test_a_patience_gives_the_timeouts_that_it_was_taken_from() -> None:
    mean_ms, cv = patience((*FITTED, PREDICTED))
    draws = np.random.default_rng(1)
    spread = np.sqrt(np.log1p(cv**2))
    for level in levels().values():
        sigma = np.log(level["p99_ms"] / level["p50_ms"]) / 2.3263
        times = level["p50_ms"] * np.exp(sigma * draws.standard_normal(400_000))
        waited = mean_ms * np.exp(spread * draws.standard_normal(400_000) - spread**2 / 2)
        assert np.mean(times > waited) * 100 == pytest.approx(level["timeout_pct"], abs=0.15)


def test_errors_without_timeouts_go_with_what_is_in_flight() -> None:
    at = (*FITTED, PREDICTED)
    in_flight = [levels()[procs]["throughput_per_s"] * mean_s(levels()[procs]) for procs in at]
    for lower in (FITTED, at):
        chance = conflict(lower, in_flight[: len(lower)])
        for procs, others in zip(at, in_flight, strict=True):
            said = levels()[procs]["error_pct"] - levels()[procs]["timeout_pct"]
            assert chance * others * 100 == pytest.approx(said, abs=0.4)


def test_the_start_of_a_fit_looks_at_its_levels_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    reported = levels()
    seen = start(FITTED)
    laws = without_simulation(FITTED)
    changed = reported | {PREDICTED: {name: 2.0 * value for name, value in reported[PREDICTED].items()}}
    monkeypatch.setattr("examples.orchestrator_hub.start.levels", lambda: changed)
    monkeypatch.setattr("examples.orchestrator_hub.consumption.levels", lambda: changed)
    monkeypatch.setattr("examples.orchestrator_hub.failures.levels", lambda: changed)
    assert start(FITTED) == seen
    assert without_simulation(FITTED) == laws
    assert start((*FITTED, PREDICTED)) != seen


def test_the_interactive_law_gives_what_circulates() -> None:
    concurrency, think_s = circulating(FITTED)
    for procs in FITTED:
        level = levels()[procs]
        throughput = procs * concurrency / (think_s + mean_s(level))
        assert throughput == pytest.approx(level["throughput_per_s"], rel=0.01)


def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[Hub] = []

    def residuals(hub: Hub, at: Sequence[int]) -> NDArray[np.float64]:
        played.append(hub)
        return np.log([hub.flush_ms / 5.0, hub.poll_ms / 12.0, hub.first_ms / 9.0, hub.agent_ms / 4.0])

    monkeypatch.setattr("examples.orchestrator_hub.fit.residuals", residuals)
    assert not Search("polling_lower", tmp_path, start(FITTED)).run(0.0)  # the first evaluation uses the time up
    assert len(played) == 1
    again = Search("polling_lower", tmp_path, start(FITTED))
    assert again.run(60.0)
    count = len(played)
    assert Search("polling_lower", tmp_path, start(FITTED)).run(0.0)  # all of it is known
    assert len(played) == count
    assert again.best()[0].flush_ms == pytest.approx(5.0, rel=0.02)


def test_between_its_rows_the_report_breaks_its_own_alert_where_it_is_said_to_be_safe() -> None:
    assert interpolated("p95_ms", 20) == pytest.approx(142.0)
    assert 150.0 < interpolated("p95_ms", 30) < 162.0
    figures = {"p95_ms": interpolated("p95_ms", 30), "efficiency_pct": 91.0, "error_pct": 0.5}
    assert fired(figures) == "p95_ms"


def test_a_limit_is_where_the_first_criterion_breaks() -> None:
    p95, efficiency = {1: 100.0, 10: 140.0, 20: 180.0}, {1: 100.0, 10: 96.0, 20: 88.0}
    rows = {procs: {"p95": p95[procs], "efficiency": efficiency[procs]} for procs in p95}
    assert limit(rows, {"p95": 160.0}) == (pytest.approx(15.0), "p95")
    assert limit(rows, {"p95": 170.0, "efficiency": -92.0}) == (pytest.approx(15.0), "efficiency")
    assert limit(rows, {"p95": 200.0}) == (20.0, "none")
    assert limit(rows, {"p95": 90.0}) == (1.0, "p95")


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

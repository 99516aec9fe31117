"""The text of a result, and its verdict."""

import re
from typing import Any

import pytest
from sample_result import RESULT, THRESHOLDS, estimate, sample, station

from simulator.summary import WIDTH, summary_text
from simulator.verdict import verdict


def warned(code: str, message: str) -> list[dict[str, str]]:
    return [{"code": code, "message": message, "advice": "do something about it"}]


SATURATED: dict[str, Any] = {
    "kind": "station",
    "name": "hub[0].cpu",
    "utilization": 0.99,
    "station": 0,
    "why": "hub[0].cpu is 99% busy and 12 wait there on average",
    "next": None,
}


def test_the_first_line_says_what_the_answer_is_about() -> None:
    about = " ".join(summary_text(sample()).split("\n\n")[0].split())
    assert about == (
        "orchestrator-hub (hub.toml with --procs, not calibrated): seed 7, reference engine, "
        "10 replications of 5.2 s after a warm-up of 600 ms"
    )


def test_notes_about_the_scenario_stand_in_the_first_lines() -> None:
    provenance = {**RESULT["provenance"], "notes": ["workload agents is made open by --rate"]}
    about = summary_text(sample(provenance=provenance)).split("\n\n")[0]
    assert "workload agents is made open by --rate" in " ".join(about.split())


def test_rows_hold_the_estimates_with_their_half_widths() -> None:
    rows = dict(line.split(": ", 1) for line in summary_text(sample()).splitlines() if "...: " in line or ".: " in line)
    printed = {label.strip(" ."): value for label, value in rows.items()}
    assert printed["throughput"] == "26,112 ± 87 /s"
    assert printed["p99"] == "140.2 ± 3.1 ms"
    assert printed["p99.9"] == "211 ± 12 ms"
    assert printed["max"] == "402.1 ms"
    assert printed["cpu"] == "62.00 ± 0.30 %"
    assert "efficiency" not in printed


def test_what_the_scenario_does_not_have_has_no_row() -> None:
    assert "network...." in summary_text(sample())
    assert "disk...." not in summary_text(sample())


def test_efficiency_has_a_row_where_it_was_asked_for() -> None:
    assert "efficiency....................: 94.0 ± 1.0 %" in summary_text(sample(efficiency=estimate(0.94, 0.01)))


def test_stations_are_sorted_by_utilization_and_idle_ones_left_out() -> None:
    text = summary_text(sample())
    names = ["hub[0].cpu", "hub[0].network", "hub[0].outbox"]
    places = [text.index(f"  {name} ") for name in names]
    assert places == sorted(places)
    assert "hub[0].memory" not in text


def test_many_stations_are_cut_and_counted() -> None:
    stations = [station("cpu", "cpu", 0.5, instance=number) for number in range(40)]
    text = summary_text(sample(stations=stations))
    assert len(re.findall(r"^  hub\[\d+\]\.cpu ", text, re.MULTILINE)) == 12
    assert "and 28 more stations" in text


def test_causes_are_shown_beside_the_median_where_they_were_asked_for() -> None:
    text = summary_text(sample())
    assert "from p99 on" in text
    assert "110 ms  68.7%" in text
    causes = {"all": RESULT["causes"]["all"], "operations": {"all": 5}, "percentile": None}
    assert "where the time goes" not in summary_text(sample(causes=causes))


def test_several_workloads_have_a_table() -> None:
    assert "workload  " not in summary_text(sample())
    other = {**RESULT["workloads"][0], "name": "jobs"}
    assert "  jobs " in summary_text(sample(workloads=[*RESULT["workloads"], other]))


def test_thresholds_tell_their_value_and_how_sure_it_is() -> None:
    text = summary_text(sample(thresholds=THRESHOLDS))
    assert "✓ response_time: p(95) < 150ms (it is 98.7 ± 1.1 ms; met with probability above 0.99)" in text
    assert "✗ throughput > 27000/s (it is 26,112 ± 87 /s; met with probability below 0.01)" in text
    assert "(it is 0.150 ± 0.020 %; uncertain, met with probability 0.83)" in text


def test_laws_are_one_line_while_they_hold() -> None:
    laws = [{"number": number, "law": f"law {number}", "holds": True, "detail": None} for number in (1, 2)]
    assert "all 2 sample-path laws hold" in summary_text(sample(laws=laws))
    laws[1] = {"number": 2, "law": "Little's law", "holds": False, "detail": "law 2: off by one"}
    assert "law 2 is broken (Little's law): law 2: off by one" in summary_text(sample(laws=laws))


def test_warnings_come_with_advice() -> None:
    text = summary_text(sample(warnings=warned("few_observations", "few operations lie beyond p999")))
    assert "! few operations lie beyond p999\n    do something about it" in text


@pytest.mark.parametrize("colour", [False, True])
def test_no_line_is_wider_than_the_page(colour: bool) -> None:
    long = "x" * 30 + " "
    text = summary_text(
        sample(
            thresholds=THRESHOLDS,
            warnings=warned("overload", long * 9),
            bottleneck={**SATURATED, "why": long * 9},
            provenance={"source": long * 5, "notes": [long * 5]},
        ),
        colour=colour,
    )
    plain = text.replace("\x1b[0m", "")
    assert ("\x1b[" in plain) is colour
    if not colour:
        assert max(map(len, plain.splitlines())) <= WIDTH


def test_a_result_without_completed_operations_can_be_shown() -> None:
    nothing = {name: estimate(None) for name in RESULT["response_time_s"]}
    data = sample(response_time_s=nothing, causes=None, stations=[], workloads=[], error_rate=estimate(None))
    assert "p99.........................: -" in summary_text(data)


@pytest.mark.parametrize(
    ("changes", "state", "exit_code", "said"),
    [
        ({}, "ok", 0, "no station is saturated; the busiest, hub[0].cpu, is at 62%"),
        ({"thresholds": THRESHOLDS[:1]}, "ok", 0, "the threshold passed, no station is"),
        ({"thresholds": [THRESHOLDS[0], THRESHOLDS[2]]}, "ok", 0, "all 2 thresholds passed"),
        ({"thresholds": THRESHOLDS}, "threshold failed", 99, "1 of 3, throughput > 27000/s"),
        (
            {"bottleneck": {**RESULT["bottleneck"], "next": {"name": "a", "utilization": 0.95}}},
            "ok",
            0,
            "the busiest, a, is at 95%, which leaves little room",
        ),
        ({"bottleneck": SATURATED}, "saturated", 0, "hub[0].cpu binds the throughput"),
        (
            {"bottleneck": {**SATURATED, "why": "the CPU quota of hub[0] stops its cores"}},
            "saturated",
            0,
            "saturated: the CPU quota of hub[0] stops its cores",
        ),
        (
            {
                "bottleneck": SATURATED,
                "warnings": warned("overload", "beyond the capacity of hub.cpu (120%)"),
            },
            "unstable",
            0,
            "beyond the capacity of hub.cpu (120%); saturated: hub[0].cpu binds",
        ),
        ({"error_rate": estimate(0.34, 0.02)}, "failing", 0, "34.0% of the operations fail"),
        ({"warnings": warned("not_stationary", "operations grew")}, "unstable", 0, "operations grew"),
        (
            {"warnings": warned("interrupted", "interrupted: the result stands on 3 of 10 replications")},
            "interrupted",
            130,
            "partial result, the result stands on 3 of 10 replications",
        ),
        (
            {"warnings": warned("nothing_completed", "no operation completed")},
            "nothing completed",
            0,
            "no operation",
        ),
        ({"warnings": warned("law_violated", "law 2: off by one")}, "defect", 1, "law 2: off by one"),
    ],
)
def test_the_verdict_is_the_gravest_finding(changes: dict[str, Any], state: str, exit_code: int, said: str) -> None:
    found = verdict(sample(**changes))
    assert (found.state, found.exit_code) == (state, exit_code)
    assert found.text.startswith(f"{state}: ")
    assert said in found.text


def test_the_exit_code_of_an_interrupted_run_wins_over_a_failed_threshold() -> None:
    data = sample(thresholds=THRESHOLDS, warnings=warned("interrupted", "interrupted: 1 of 5"))
    assert verdict(data).exit_code == 130
    assert "threshold failed: 1 of 3" in verdict(data).text

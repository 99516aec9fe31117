"""The audit: what no system can have is found, and consistent reports are left in peace."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from audit_reports import plant, report

from calibration.audit import AuditReport, audit
from calibration.tables import read_content, read_table, read_tables
from calibration.tables.content import Content
from simulator.cli.main import main

SIMULATED = sorted((Path(__file__).parent / "data" / "audit").glob("*.csv"))
HUB = Path(__file__).parents[2] / "shared" / "data" / "orchestrator_hub"
needs_hub = pytest.mark.skipif(not HUB.is_dir(), reason="the shared measurements are not here")


def audited(text: str) -> AuditReport:
    return audit([read_content(Content("report.csv", text))])


def broken(text: str) -> set[str]:
    return {finding.law for finding in audited(text).accusations}


def test_most_planted_defects_are_found_and_hardly_a_clean_report_is_accused() -> None:
    accused, found = [], []
    for seed in range(60):
        clean = report(seed)
        accused.append(bool(audited(clean.csv()).accusations))
        found.append(bool(audited(plant(clean, seed)[0].csv()).accusations))
    assert sum(accused) <= 1
    assert sum(found) >= 0.95 * len(found)


def test_simulated_reports_are_left_in_peace() -> None:
    assert len(SIMULATED) >= 50
    accused = [path.name for path in SIMULATED if audit([read_table(path)]).accusations]
    assert len(accused) <= 0.02 * len(SIMULATED), accused


@pytest.mark.parametrize(
    ("text", "law"),
    [
        ("threads,tps,lat_avg_ms\n8,1000,9.0\n", "little"),
        ("threads,tps,lat_avg_ms,think_time_ms\n10,100,50,20\n", "interactive"),
        ("procs,throughput_per_s,p50_ms,p95_ms\n1,100,10.0,9.0\n", "distribution"),
        ("procs,throughput_per_s,mean_ms,p95_ms\n1,10,10,250\n", "distribution"),
        ("procs,throughput_per_s,mean_ms,stdev_ms,max_ms\n1,10,10,30,20\n", "distribution"),
        ("procs,throughput_per_s,cpu_pct\n1,10,120\n", "utilization"),
        ("procs,throughput_per_s,throughput_per_proc_per_s\n4,1000,200\n", "arithmetic"),
        ("procs,throughput_per_s,efficiency_pct\n1,100,100\n4,300,85\n", "arithmetic"),
        ("procs,throughput_per_s,success_pct,error_pct\n1,100,99,5\n", "arithmetic"),
        ("procs,throughput_per_s\n1,100\n2,0\n", "figures"),
        ("procs,throughput_per_s\n1,100\n4,480\n", "bounds"),
        ("rate,throughput_per_s\n100,120\n200,200\n", "bounds"),
        ("procs,throughput_per_s\n1,100\n2,150\n4,130\n8,160\n", "monotonicity"),
        ("procs,throughput_per_s,network_mb_per_s\n1,100,1\n2,200,2\n4,390,5\n8,700,7\n", "forced_flow"),
        ("threads,tps,qps\n1,100,2000\n2,200,4000\n4,390,7800\n8,700,9000\n", "forced_flow"),
        ("procs,before_per_s,after_per_s,improvement_pct\n1,100,150,50\n2,200,300,33.3\n", "claims"),
    ],
)
def test_each_law_finds_what_breaks_it(text: str, law: str) -> None:
    assert law in broken(text)


@pytest.mark.parametrize(
    "text",
    [
        "threads,tps,lat_avg_ms\n8,1000,7.9\n",
        "procs,throughput_per_s,p50_ms,p95_ms\n1,100,10,10\n",
        "procs,throughput_per_s,mean_ms,stdev_ms,max_ms\n1,10,10,3,20\n",
        "procs,throughput_per_s,efficiency_pct\n1,870,100\n5,4250,97.7\n50,37500,86.2\n",
        "procs,throughput_per_s,network_mb_per_s\n1,100,1\n2,200,2\n4,390,4\n8,700,7\n",
    ],
)
def test_rounding_accuses_nobody(text: str) -> None:
    assert broken(text) == set()


def test_efficiency_that_is_a_speedup_is_named() -> None:
    (finding,) = audited("procs,throughput_per_s,efficiency\n1,100,1\n4,360,3.6\n").accusations
    assert "a speedup" in finding.explanations[0]
    assert finding.off == pytest.approx(3.0)


def test_a_wrong_unit_is_named() -> None:
    (finding,) = audited("threads,tps,lat_avg_ms\n8,1000,8000\n").accusations
    assert "unit" in finding.explanations[0]


def test_repeats_that_are_copies_are_found() -> None:
    row = "4,run{},1234.5,3.24,3.1,4.9"
    text = "threads,run,tps,lat_avg_ms,p50_ms,p95_ms\n" + "\n".join(row.format(index) for index in range(3))
    assert "repeats" in broken(text + "\n")


def test_repeats_closer_than_chance_are_found_and_honest_ones_not() -> None:
    header = "threads,run,tps,lat_avg_ms,stdev_ms,total_time_s\n"
    close = "".join(f"4,{index},1234.5,3.24000{index},1.0,10\n" for index in range(4))
    honest = "".join(f"4,{index},{1234.5 + index},{3.24 - 0.02 * index},1.0,10\n" for index in range(4))
    assert "repeats" in broken(header + close)
    assert "repeats" not in broken(header + honest)


def test_a_law_without_its_figures_is_skipped_and_named() -> None:
    laws = {law["law"]: law for law in audited("procs,throughput_per_s\n1,100\n2,190\n").laws}
    assert laws["utilization"]["state"] == "skipped"
    assert "CPU" in laws["utilization"]["reason"]
    assert laws["bounds"]["state"] == "held"


PER_PROCESS = "procs,throughput_per_s\n1,100\n2,{two}\n4,{four}\n8,{eight}\n16,900\n"


@pytest.mark.parametrize(
    ("two", "four", "eight", "odd"),
    [
        (195, 300, 740, "4 processes"),  # 75 each, between 97 and 92
        (170, 396, 480, "4 processes"),  # 99 each, between 85 and 60
        (195, 380, 700, None),
        (195, 345, 740, None),  # 86 each: no more than what batches of a set size bring
        (160, 300, 600, None),  # from 80 to 75 each and no further
    ],
)
def test_throughput_alone_is_held_against_that_of_each_process_beside(
    two: int, four: int, eight: int, odd: str | None
) -> None:
    found = audited(PER_PROCESS.format(two=two, four=four, eight=eight)).accusations
    assert [(entry.law, entry.level) for entry in found] == ([("monotonicity", odd)] if odd else [])


def test_a_report_that_no_law_applies_to_is_not_called_consistent(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    alone = audited("procs,throughput_per_s\n4,100\n")
    assert (alone.verdict, alone.untied) == ("unchecked", ("throughput_per_s",))
    path = tmp_path / "report.csv"
    path.write_text("procs,throughput_per_s\n4,100\n")
    assert main(["audit", str(path)]) == 0
    assert "no law could be checked" in capsys.readouterr().out


def test_figures_that_nothing_ties_to_others_are_named() -> None:
    assert audited("threads,tps,lat_avg_ms,p99_ms,memory_mb\n1,100,9.9,20,50\n2,198,10,20,51\n").untied == (
        "memory_bytes",
    )
    assert audited("procs,throughput_per_s,p99_ms\n1,100,20\n2,198,20\n").untied == ("percentiles_s",)


OFFERED = (
    "rate,throughput_per_s,mean_ms,error_pct\n100,100,10,0\n200,200,11,0\n300,300,13,0\n400,{served},{mean},{errors}\n"
)


@pytest.mark.parametrize(
    ("served", "mean", "errors", "accused"),
    [(320, 17, 0, True), (320, 900, 0, False), (320, 17, 20, False), (390, 17, 0, False)],
)
def test_less_is_served_than_offered_only_where_a_queue_grows_or_operations_fail(
    served: int, mean: int, errors: int, accused: bool
) -> None:
    assert broken(OFFERED.format(served=served, mean=mean, errors=errors)) == ({"bounds"} if accused else set())


SMOOTH = (
    "procs,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms\n1,100,10,9,20,28\n5,480,10.6,9.5,21.6,30.5\n"
    "10,950,11.3,10,23.5,33.4\n20,1800,13,11.4,{p95},40\n40,3100,17,14.8,38.5,55.5\n"
)


def test_the_statistic_that_leaves_all_others_is_named_with_what_it_would_be() -> None:
    assert broken(SMOOTH.format(p95=28)) == set()
    (finding,) = audited(SMOOTH.format(p95=33)).accusations
    assert (finding.law, finding.figures, finding.level) == ("shape", ("p95",), "20 processes")
    assert finding.expected == pytest.approx(28e-3, rel=0.05)


def test_one_wrong_percentile_among_many_levels_is_found() -> None:
    """Means and percentiles of a log-normal whose spread shrinks slowly over 60 loads."""
    lines = []
    for procs in range(1, 61):
        median, spread = 8.0 + 0.2 * procs, 0.6 - 0.004 * procs
        mean, p95, p99 = (median * math.exp(spread * score) for score in (spread / 2, 1.645, 2.326))
        p95 *= 1.12 if procs == 37 else 1.0
        lines.append(f"{procs},{procs / (0.1 + mean / 1e3):.6g},{mean:.5g},{median:.5g},{p95:.5g},{p99:.5g}\n")
    found = audited("procs,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms\n" + "".join(lines)).accusations
    assert {(entry.figures, entry.level) for entry in found} == {(("p95",), "37 processes")}
    (by_shape,) = [entry for entry in found if entry.law == "shape"]
    assert by_shape.off == pytest.approx(0.12, abs=0.01)


def test_a_tail_may_begin_at_the_highest_load_alone() -> None:
    smooth = SMOOTH.format(p95=28)
    assert {entry.level for entry in audited(smooth.replace("33.4", "38.4")).accusations} == {"10 processes"}
    assert broken(smooth.replace("55.5", "63.8")) == set()  # 15 % more, as above
    assert broken(smooth.replace("55.5", "100")) == {"shape"}


COST = "procs,throughput_per_s,cpu_pct,cores\n1,100,15.1,1\n2,200,29.8,1\n3,300,{cpu},1\n4,400,54.6,1\n"


def test_a_cost_that_falls_steadily_is_left_in_peace_and_one_that_leaves_its_course_is_not() -> None:
    assert broken(COST.format(cpu=43.6)) == set()
    (finding,) = audited(COST.format(cpu=30.2)).accusations
    assert (finding.law, finding.level) == ("utilization", "3 processes")
    assert finding.expected == pytest.approx(0.43, rel=0.05)


@needs_hub
def test_gains_beyond_what_the_interactive_law_allows_are_no_gains_of_throughput() -> None:
    found = audit(read_tables([HUB])).accusations
    (baseline,) = [entry for entry in found if "at the load baseline" in entry.message and "cannot be" in entry.message]
    assert baseline.stated == pytest.approx(0.842)
    assert baseline.expected is not None
    assert baseline.expected < 0.06  # 1.39 times the response time, which is an eighth of the cycle
    assert "+14 % at most" in baseline.message or "+15 % at most" in baseline.message


def test_gains_that_response_times_support_are_left_in_peace() -> None:
    levels = "level,procs,throughput_per_s,mean_ms\n" + "".join(
        f"l{procs},{procs},{procs / (0.1 + 0.001 * mean):.5g},{mean}\n"
        for procs, mean in ((1, 20), (5, 25), (10, 40), (20, 90), (40, 220))
    )
    claims = "component,l20_pct\nbatching,40\n"
    times = "# 20 processes\nmetric,before,after,improvement_pct\nmean_ms,{before},90,{change}\n"

    def gains(before: float) -> bool:
        change = 100 * (90 / before - 1)
        texts = (levels, claims, times.format(before=before, change=f"{change:.1f}"))
        tables = [read_content(Content(f"{index}.csv", text)) for index, text in enumerate(texts)]
        return any("cannot be" in entry.message for entry in audit(tables).accusations)

    assert gains(before=95.0)
    assert not gains(before=180.0)


@needs_hub
def test_retries_that_never_succeed_are_noted() -> None:
    notes = " ".join(entry.message for entry in audit(read_tables([HUB])).findings if not entry.accuses)
    assert "nearly all operations would succeed (all but about 0.0484 %" in notes


@needs_hub
def test_the_hub_contradicts_itself_where_its_readme_says_so() -> None:
    found = audit(read_tables([HUB]))
    accused = {(finding.law, finding.source.rpartition("/")[2]) for finding in found.accusations}
    assert ("claims", "before_after_heavy.csv") in accused
    assert ("claims", "optimization_gain.csv") in accused
    before = next(entry for entry in found.accusations if entry.source.endswith("before_after_heavy.csv"))
    assert before.expected == pytest.approx(15_000, rel=0.05)
    notes = " ".join(finding.message for finding in found.findings if not finding.accuses)
    assert "operations circulating in each process" in notes
    assert "errors and retries are equal" in notes
    assert not [entry for entry in found.accusations if entry.law in ("interactive", "arithmetic", "distribution")]


def test_the_command_exits_with_99_only_if_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.csv"
    path.write_text("threads,tps,lat_avg_ms\n8,1000,9.0\n")
    assert main(["audit", str(path)]) == 0
    assert "9 operations in flight, but only 8 circulate" in capsys.readouterr().out
    assert main(["audit", str(path), "--strict"]) == 99
    assert main(["audit", str(tmp_path / "absent.csv")]) == 2


def test_calibrate_table_prints_levels_and_warns_of_little(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "report.csv"
    path.write_text("threads,tps,lat_avg_ms\n8,1000,9.0\n")
    assert main(["calibrate", "table", str(path)]) == 0
    captured = capsys.readouterr()
    assert "1,000/s" in captured.out
    assert "9 operations in flight, but only 8 circulate" in captured.err


def test_calibrate_table_takes_the_clients_that_a_tool_leaves_out(capsys: pytest.CaptureFixture[str]) -> None:
    file = str(Path(__file__).parent / "data" / "tools" / "oha.json")
    assert main(["calibrate", "table", file, "--procs", "32"]) == 0
    assert " 32 " in capsys.readouterr().out
    assert main(["calibrate", "table", file, "--procs", "0"]) == 2

"""Courses over the load: response times, memory, traffic and outcomes of one level against those of the others."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.audit import AuditReport, audit
from calibration.audit.load_curve import along_the_load
from calibration.audit.statistics_of_levels import next_to_atoms
from calibration.tables import read_content
from calibration.tables.content import Content
from simulator.theory.multi_server import mmc_response_time_mean


def audited(text: str) -> AuditReport:
    return audit([read_content(Content("report.csv", text))])


def accused(text: str) -> list[tuple[str, str]]:
    """Return law and level of each accusation."""
    return [(finding.law, finding.level) for finding in audited(text).accusations]


def open_report(cores: int, wrong: dict[int, float], shares: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)) -> str:
    """M/M/c with 1 ms of demand: rates and means alone. wrong: factors of the mean by level."""
    rows = []
    for place, share in enumerate(shares):
        rate = share * cores * 1000.0
        mean = 1e3 * mmc_response_time_mean(rate, 0.001, cores) * wrong.get(place, 1.0)
        rows.append(f"{rate:g},{rate:g},{mean:.4g}")
    return "rate_per_s,throughput_per_s,mean_ms\n" + "\n".join(rows) + "\n"


@pytest.mark.parametrize("cores", [1, 2, 4, 8])
def test_means_over_rates_are_left_in_peace_and_a_wrong_one_is_found(cores: int) -> None:
    assert accused(open_report(cores, {})) == []
    for level, size in ((1, 1.15), (2, 1.2), (3, 1.4)):
        for factor in (size, 1 / size):
            assert accused(open_report(cores, {level: factor})), (cores, level, factor)


def test_a_knee_at_the_highest_rate_is_no_defect() -> None:
    assert accused(open_report(16, {}, (0.2, 0.4, 0.6, 0.8, 0.98))) == []


def test_a_figure_over_the_load_is_named_with_what_it_would_be() -> None:
    rates = np.array([100.0, 300.0, 500.0, 700.0, 900.0])
    right = np.log(1.0 / (1000.0 - rates))
    wrong = right.copy()
    wrong[2] += np.log(1.3)
    clean = along_the_load(rates, right[:, None], np.full((5, 1), 1e-4), np.ones(1))
    found = along_the_load(rates, wrong[:, None], np.full((5, 1), 1e-4), np.ones(1))
    assert clean.chance.min() > 0.05
    assert found.chance[2, 0] < 1e-6
    assert found.off[2, 0] == pytest.approx(np.log(1.3), abs=0.05)


def test_percentiles_beside_a_time_that_many_operations_take_may_jump() -> None:
    names = ["mean_s", "p50", "p90", "p95", "p99"]
    figures = np.log([[7.0, 5.2306, 6.1, 18.0, 61.0], [8.7, 5.2306, 12.7, 26.0, 67.0], [12.5, 5.9, 27.0, 45.0, 90.0]])
    fine, coarse = np.full(figures.shape, 1e-3), np.full(figures.shape, 2e-2)
    assert next_to_atoms(figures, fine, names).tolist() == [False, True, True, False, False]
    assert not next_to_atoms(figures, coarse, names).any()
    figures[1, 1] += 0.002  # beside that time itself; what lies behind it need not jump
    assert next_to_atoms(figures, fine, names).tolist() == [False, True, False, False, False]
    figures[1, 1] += 0.002
    assert not next_to_atoms(figures, fine, names).any()


def test_a_cpu_that_would_need_more_than_all_cores_may_stay_somewhat_below_them() -> None:
    """Operations that share costs near saturation; of this service the highest level would take 105 %."""
    text = "threads,throughput_per_s,cpu_pct,cores\n1,100,21,1\n2,200,42,1\n4,400,83.8,1\n8,500,{},1\n"
    assert accused(text.format(93)) == []
    assert accused(text.format(85)) == [("utilization", "8 processes")]


def memory(values: tuple[float, ...], means: tuple[float, ...] | None) -> str:
    header = "procs,throughput_per_s," + ("mean_ms," if means else "") + "memory_mb"
    rows = [f"{procs},{rate}" for procs, rate in ((1, 100), (2, 200), (4, 400), (8, 500))]
    rows = [f"{row},{mean}" for row, mean in zip(rows, means, strict=True)] if means else rows
    return "\n".join([header, *(f"{row},{value}" for row, value in zip(rows, values, strict=True))]) + "\n"


@pytest.mark.parametrize(
    ("values", "means", "odd"),
    [
        ((52, 54, 58, 66), (10, 10, 10, 16), None),  # 2 MB each of 1, 2, 4 and 8 in flight
        ((52, 54, 66, 66), (10, 10, 10, 16), "4 processes"),
        ((52, 54, 58, 75), (10, 10, 10, 16), "8 processes"),
        ((57, 54, 58, 66), (10, 10, 10, 16), "1 process"),
        ((52, 52.2, 52.1, 90), None, None),  # a queue may begin at the highest load
        ((52, 520, 53, 54), None, "2 processes"),
        ((52, 52.2, 52.1, 40), None, "8 processes"),
    ],
)
def test_memory_follows_the_operations_in_flight(
    values: tuple[float, ...], means: tuple[float, ...] | None, odd: str | None
) -> None:
    found = [level for law, level in accused(memory(values, means)) if law == "memory"]
    assert found == ([odd] if odd else [])


def test_three_levels_tell_a_memory_that_is_off_by_a_factor() -> None:
    text = "procs,throughput_per_s,mean_ms,memory_mb\n1,100,9.9,50\n2,200,9.9,{}\n4,398,10,52\n"
    assert ("memory", "2 processes") in accused(text.format(500))
    assert accused(text.format(50.7)) == []


GOODPUT = "procs,throughput_per_s,goodput_per_s\n1,100,100\n2,199,{}\n4,395,395\n8,700,{}\n"


@pytest.mark.parametrize(
    ("second", "last", "odd"), [(199, 700, None), (170, 700, "2 processes"), (199, 400, None), (20, 700, "2 processes")]
)
def test_the_share_that_succeeds_does_not_dip_for_one_load_alone(second: float, last: float, odd: str | None) -> None:
    assert accused(GOODPUT.format(second, last)) == ([("monotonicity", odd)] if odd else [])


def test_errors_that_vanish_and_come_back_are_found() -> None:
    text = "procs,throughput_per_s,error_pct\n1,100,10\n2,199,12\n4,395,{}\n8,700,30\n"
    assert accused(text.format(20)) == []
    assert accused(text.format(0)) == [("monotonicity", "4 processes")]


OVERLOAD = (
    "rate_per_s,throughput_per_s,mean_ms,cpu_pct,cores,network_mb_per_s\n"
    "100,100,10,20.0,1,1.00\n200,200,11,40.0,1,2.00\n300,300,13,60.0,1,3.00\n400,400,17,80.0,1,4.00\n"
    "600,500,2000,{:.1f},1,{:.2f}\n"
)


@pytest.mark.parametrize(
    ("cpu", "traffic", "law"),
    [(100, 5, None), (100, 6, None), (100, 4, "forced_flow"), (100, 7, "forced_flow"), (80, 5, "utilization")],
)
def test_an_overload_does_the_work_of_what_is_served_and_at_most_of_what_is_offered(
    cpu: float, traffic: float, law: str | None
) -> None:
    assert [found for found, _ in accused(OVERLOAD.format(cpu, traffic))] == ([law] if law else [])


def test_the_smallest_level_is_no_more_efficient_than_itself() -> None:
    text = "procs,throughput_per_s,efficiency_pct\n1,{},{}\n4,400,100\n8,790,98.75\n"
    assert ("arithmetic", "1 process") in accused(text.format(112, 112))
    assert accused(text.format(100, 100)) == []


def test_cycles_of_thinking_alone_are_the_same_at_all_levels() -> None:
    text = (
        "threads,throughput_per_s,p95_ms,p99_ms\n1,{},2.7,3.6\n5,47.4,2.7,3.6\n10,94.7,2.8,3.7\n20,189,2.7,3.6\n"
        "50,472,2.9,3.8\n"
    )
    assert accused(text.format(9.47)) == []
    assert ("interactive", "1 process") in accused(text.format(10.6))


def test_a_time_that_falls_to_a_fraction_at_the_second_load_alone_is_found() -> None:
    text = "procs,throughput_per_s,p95_ms\n1,100,20\n2,195,{}\n4,380,23\n8,700,26\n"
    assert accused(text.format(21)) == []
    assert ("monotonicity", "2 processes") in accused(text.format(2.1))


@pytest.mark.parametrize(("mean", "odd"), [(17, True), (85, True), (900, False)])
def test_less_is_served_without_a_queue_and_no_failures_are_stated(mean: float, odd: bool) -> None:
    text = "rate,throughput_per_s,mean_ms\n100,100,10\n200,200,11\n300,300,13\n400,320,{}\n"
    assert accused(text.format(mean)) == ([("bounds", "400/s offered")] if odd else [])


def test_a_knee_that_lifts_all_times_of_a_level_is_no_defect() -> None:
    text = (
        "rate_per_s,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms\n2954,2954,0.2705,0.1562,0.8641,1.801\n"
        "5908,5921,0.2718,0.1569,0.8644,1.809\n11817,11823,0.2753,0.1591,0.8778,1.834\n"
        "17725,17728,0.3060,0.1771,0.9959,2.019\n22157,22159,0.6354,0.2650,{p95},5.257\n"
        "26588,26318,8.063,4.750,27.99,38.26\n"
    )
    assert accused(text.format(p95=2.611)) == []
    assert accused(text.format(p95=0.9)) == [("shape", "22157/s offered")]

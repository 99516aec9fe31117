"""A mean beside the percentiles of its level, and response times of a level that leave their course together."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from calibration.audit import AuditReport, audit
from calibration.audit.left_out import LeftOut
from calibration.audit.mean_of_percentiles import mean_of_percentiles, predicted_by_means
from calibration.audit.text import audit_text
from calibration.tables import read_content
from calibration.tables.content import Content
from simulator.theory.multi_server import mmc_response_time_mean, mmc_response_time_percentile

NAMES = ("mean_s", "p50", "p95", "p99")
SCORES = np.array([0.0, 1.6448536, 2.3263479])
SPREADS = np.array([0.3, 0.4, 0.6, 0.9, 1.0])


def lognormals(wrong: dict[tuple[int, int], float]) -> NDArray[np.float64]:
    """Return logarithms of NAMES of log-normal times of five levels that spread more and more; with wrong ones."""
    percentiles = np.arange(5.0)[:, None] + SPREADS[:, None] * SCORES
    figures = np.column_stack([np.arange(5.0) + SPREADS**2 / 2.0, percentiles])
    for (level, place), factor in wrong.items():
        figures[level, place] += np.log(factor)
    return np.asarray(figures)


def predicted(figures: NDArray[np.float64]) -> LeftOut:
    found = predicted_by_means(NAMES, figures, np.full(figures.shape, 5e-4), np.arange(1.0, 6.0))
    assert found is not None
    return found


def test_the_mean_of_a_lognormal_follows_from_its_percentiles() -> None:
    figures = lognormals({})
    means, weights = mean_of_percentiles(SCORES, figures[:, 1:])
    assert means == pytest.approx(figures[:, 0], abs=2e-3)
    assert weights.sum(axis=1) == pytest.approx(1.0)


def test_weights_are_what_a_change_of_a_percentile_does_to_the_mean() -> None:
    percentiles = np.log([[1.0, 6.0, 20.0]])
    mean, weights = mean_of_percentiles(SCORES, percentiles)
    for place in range(3):
        moved = percentiles.copy()
        moved[0, place] += 1e-5
        assert (mean_of_percentiles(SCORES, moved)[0] - mean)[0] / 1e-5 == pytest.approx(weights[0, place], rel=1e-3)


@pytest.mark.parametrize("level", range(5))
@pytest.mark.parametrize("factor", [1.1, 1 / 1.1])
def test_a_mean_that_is_off_by_a_tenth_is_far_from_its_percentiles(level: int, factor: float) -> None:
    found = predicted(lognormals({(level, 0): factor}))
    assert found.deviation is not None
    assert found.off[level, 0] == pytest.approx(np.log(factor), abs=0.02)
    assert abs(found.off[level, 0]) > 3.0 * found.deviation[level, 0]
    assert np.abs(found.off[:, 0] / found.deviation[:, 0]).argmax() == level


def test_a_median_is_as_far_off_as_its_mean_is_moved_by_it() -> None:
    found = predicted(lognormals({(2, 1): 1.2}))
    assert found.off[2, 1] == pytest.approx(np.log(1.2), abs=0.05)
    assert found.off[2, 0] < 0.0


def test_percentiles_that_leave_the_middle_or_the_tail_open_say_nothing_of_a_mean() -> None:
    figures, loads = lognormals({}), np.arange(1.0, 6.0)
    for places, names in (((0, 2, 3), ("mean_s", "p95", "p99")), ((1, 2, 3), ("p50", "p95", "p99"))):
        part = figures[:, list(places)]
        assert predicted_by_means(names, part, np.zeros(part.shape), loads) is None


def audited(text: str) -> AuditReport:
    return audit([read_content(Content("report.csv", text))])


def open_report(slowed: dict[int, float], of: tuple[str, ...]) -> str:
    """M/M/1 with 1 ms of demand. slowed: factors of the figures `of` by level."""
    lines = ["rate_per_s,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms"]
    for place, rate in enumerate((100.0, 300.0, 500.0, 700.0, 900.0)):
        row = {"mean": 1e3 * mmc_response_time_mean(rate, 0.001, 1)}
        row |= {f"p{p}": 1e3 * mmc_response_time_percentile(rate, 0.001, 1, p / 100) for p in (50, 95, 99)}
        times = [row[name] * (slowed.get(place, 1.0) if name in of else 1.0) for name in row]
        lines.append(f"{rate:g},{rate:g}," + ",".join(f"{value:.4g}" for value in times))
    return "\n".join(lines) + "\n"


def test_a_mean_that_leaves_its_course_alone_is_accused_and_with_its_percentiles_it_is_not() -> None:
    everything = ("mean", "p50", "p95", "p99")
    assert audited(open_report({}, everything)).accusations == ()
    assert audited(open_report({2: 1.3}, everything)).accusations == ()
    assert "mean_s" in audited(open_report({2: 1.3}, ("mean",))).accusations[0].figures


def closed_report(wrong: dict[str, float]) -> str:
    """A simulated service of 12 threads that all of a sudden wait longer. wrong: factors of its figures there."""
    rows = {
        1: (6.095, 3461, 2965, 6662, 9219),
        4: (23.99, 6152, 5600, 11860, 15320),
        8: (46.16, 12800, 12300, 21490, 26530),
        12: (68.65, 14150, 13590, 25330, 31420),
        16: (92.34, 12590, 11860, 23280, 29660),
        24: (136.0, 15890, 15220, 27950, 35430),
        32: (179.0, 18280, 17310, 31290, 39870),
    }
    names = ("throughput_per_s", "mean_us", "p50_us", "p95_us", "p99_us")
    lines = ["threads," + ",".join(names)]
    for threads, row in rows.items():
        factors = [wrong.get(name, 1.0) if threads == 12 else 1.0 for name in names]
        lines.append(
            f"{threads}," + ",".join(f"{value * factor:.4g}" for value, factor in zip(row, factors, strict=True))
        )
    return "\n".join(lines) + "\n"


def test_a_level_at_which_all_response_times_stand_out_is_a_note_and_one_that_stands_out_alone_accused() -> None:
    together = audited(closed_report({}))
    assert together.accusations == ()
    assert [one.level for one in together.findings if one.law == "monotonicity"] == ["12 processes"]
    alone = audited(closed_report({"p50_us": 1.5}))
    assert ("p50",) in [one.figures for one in alone.accusations]


def test_what_could_not_be_read_is_a_note() -> None:
    text = "procs,throughput_per_s,throughput_per_s,mean_ms\n1,100,7,5\n2,195,8,5.1,9,9\n4,,9,5.2\n8,700,9,6\n"
    report = audited(text)
    assert report.accusations == ()
    assert [(one.severity, one.place, one.message) for one in report.findings] == [
        ("note", "", "column throughput_per_s stands twice; the first is used"),
        ("note", "line 3", "has 6 cells, the header 4; it is left out"),
        ("note", "line 4", "has no throughput; the level is left out"),
    ]
    assert audit_text(report).startswith("report.csv: 2 levels\n")
    assert audit_text(audited("procs,throughput_per_s\n1,100\n")).startswith("report.csv: 1 level\n")

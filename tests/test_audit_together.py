"""Mean and percentiles of levels against each other: what moves alone, the highest load, and overload."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.audit import audit
from calibration.audit.usual_forms import LOADS, STATISTICS, predicted_as_usual, stored_kinds
from calibration.tables import read_content
from calibration.tables.content import Content
from simulator.theory.multi_server import mmc_response_time_mean, mmc_response_time_percentile

Row = tuple[float, ...]
HEADER = "threads,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms"
ALIKE: tuple[Row, ...] = (
    (1, 100, 5.006, 4.102, 11.16, 17.04),
    (2, 200, 5.007, 4.104, 11.16, 17.10),
    (4, 400, 5.011, 4.107, 11.18, 17.15),
    (8, 795, 5.071, 4.151, 11.29, 17.31),
    (16, 1550, 5.322, 4.331, 11.75, 17.95),
)
"""Levels of 5 ms each way, hardly loaded: their times hardly change."""
OVERLOADED: tuple[Row, ...] = (
    (100, 100, 2.81, 2.21, 7.10, 10.5),
    (200, 200, 2.99, 2.40, 7.23, 10.6),
    (300, 300, 3.82, 3.26, 8.48, 12.0),
    (400, 330, 297, 293, 359, 366),
)


def accused(header: str, rows: tuple[Row, ...], *wrong: tuple[int, int, float]) -> list[tuple[str, tuple[str, ...]]]:
    """Return law and figures of each accusation. wrong: row, column and factor."""
    changed = [list(row) for row in rows]
    for place, column, factor in wrong:
        changed[place][column] *= factor
    text = "\n".join([header, *(",".join(f"{cell:.4g}" for cell in row) for row in changed)])
    report = audit([read_content(Content("report.csv", text))])
    return [(finding.law, finding.figures) for finding in report.accusations]


def test_a_percentile_that_moves_alone_is_found() -> None:
    assert accused(HEADER, ALIKE) == []
    assert ("shape", ("p50",)) in accused(HEADER, ALIKE, (0, 3, 0.8))
    assert ("shape", ("p95",)) in accused(HEADER, ALIKE, (4, 4, 0.85))
    assert ("shape", ("p99",)) in accused(HEADER, ALIKE, (4, 5, 0.8))


def test_the_highest_percentile_may_rise_alone() -> None:
    tail_begins = tuple((*row[:5], row[5] * (1.2 if place == 4 else 1.0)) for place, row in enumerate(ALIKE))
    assert not [figures for law, figures in accused(HEADER, tail_begins) if figures == ("p50",)]


@pytest.mark.parametrize(("column", "name"), [(2, "mean_s"), (3, "p50"), (4, "p95"), (5, "p99")])
def test_times_of_an_overload_lie_on_a_line(column: int, name: str) -> None:
    header = HEADER.replace("threads", "rate_per_s")
    assert accused(header, OVERLOADED) == []
    for factor in (0.8, 1.2):
        found = accused(header, OVERLOADED, (3, column, factor))
        assert any(law in ("shape", "distribution") for law, _ in found), (name, factor)


def of_servers(cores: int, shares: tuple[float, ...]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return mean, p50, p95 and p99 of M/M/c with 1 s of demand, natural logarithms, by level."""
    return np.log(
        [
            [mmc_response_time_mean(share * cores, 1.0, cores)]
            + [mmc_response_time_percentile(share * cores, 1.0, cores, percent) for percent in (0.5, 0.95, 0.99)]
            for share in shares
        ]
    )


@pytest.mark.parametrize("cores", [1, 2, 8])
def test_the_highest_load_of_servers_is_as_usual_and_a_wrong_percentile_is_not(cores: int) -> None:
    names = ["mean_s", "p50", "p95", "p99"]
    figures = of_servers(cores, (0.1, 0.3, 0.5, 0.7, 0.9))
    rounding = np.full(figures.shape, 1e-4)
    clean = predicted_as_usual(names, figures, rounding)
    assert clean is not None
    assert clean.deviation is not None
    assert (np.abs(clean.off) < 3.0 * clean.deviation).all()
    wrong = figures.copy()
    wrong[-1, 3] += np.log(1.5)
    found = predicted_as_usual(names, wrong, rounding)
    assert found is not None
    assert found.deviation is not None
    assert np.abs(found.off / found.deviation)[-1].argmax() == 3
    assert found.off[-1, 3] - clean.off[-1, 3] == pytest.approx(np.log(1.5), abs=0.1)
    assert found.off[-1, 3] > 3.0 * found.deviation[-1, 3]


def test_what_is_usual_needs_three_loads_and_two_known_statistics() -> None:
    figures = of_servers(1, (0.1, 0.3, 0.5))
    names = ["mean_s", "p50", "p95", "p99"]
    assert predicted_as_usual(names, figures[:2], np.zeros((2, 4))) is None
    assert predicted_as_usual(["mean_s", "p75"], figures[:, :2], np.zeros((3, 2))) is None
    unknown = predicted_as_usual(["mean_s", "p50", "p75", "p99"], figures, np.zeros((3, 4)))
    assert unknown is not None
    assert unknown.deviation is not None
    assert np.isinf(unknown.deviation[:, 2]).all()
    assert np.isfinite(unknown.deviation[:, [0, 1, 3]]).all()


def test_what_is_usual_is_stored_as_covariances_of_all_statistics() -> None:
    kinds = stored_kinds()
    width = LOADS * len(STATISTICS)
    assert kinds.share.sum() == pytest.approx(1.0, abs=2e-3)
    assert kinds.usual.shape == (len(kinds.share), width)
    assert kinds.together.shape == (len(kinds.share), width, width)
    assert np.allclose(kinds.together, kinds.together.transpose(0, 2, 1))
    assert np.linalg.eigvalsh(kinds.together).min() > -1e-5


def test_a_mean_that_is_estimated_may_be_off_by_what_estimates_are() -> None:
    """Three percentiles put the mean of the highest load of this simulated service 16 % off, but not 30 %."""
    header = "procs,concurrency,throughput_per_s,p50_ms,p95_ms,p99_ms"
    rows: tuple[Row, ...] = (
        (1, 4, 279.4, 0.6391, 2.763, 5.93),
        (3, 4, 793.7, 1.037, 5.383, 11.7),
        (10, 4, 1185, 10.94, 64.36, 104.4),
        (30, 4, 1182, 46.99, 304.9, 385.4),
        (100, 4, 1193, 293.8, 770.9, 866.5),
    )
    assert "interactive" not in [law for law, _ in accused(header, rows)]
    assert "interactive" in [law for law, _ in accused(header, rows, (4, 2, 1.3))]


def test_a_percentile_beside_a_gap_may_move_alone() -> None:
    """One operation in twenty of this simulated service takes seven times as long: the p95 lies at the gap."""
    rows: tuple[Row, ...] = (
        (1, 9.22, 5.36, 4.28, 4.87, 33.7),
        (3, 27.7, 5.35, 4.28, 5.27, 34.1),
        (10, 92.2, 5.34, 4.28, 4.68, 34.1),
        (30, 277, 5.34, 4.28, 4.79, 33.0),
        (100, 922, 5.34, 4.28, 5.10, 33.8),
    )
    assert accused(HEADER, rows) == []
    assert ("shape", ("p95",)) in accused(HEADER, rows, (1, 4, 1.4))
    assert ("shape", ("p50",)) in accused(HEADER, rows, (1, 3, 0.8))


def test_a_percentile_beside_a_gap_may_stand_out_from_both_loads_beside() -> None:
    """The p95 lies between operations of 3 and of 16 ms, whose shares vary; a p99 among the latter may not."""
    header = "procs,concurrency,throughput_per_s,mean_ms,p50_ms,p90_ms,p95_ms,p99_ms"
    rows: tuple[Row, ...] = (
        (1, 4, 15.54, 3.624, 2.982, 2.982, 10.10, 15.70),
        (5, 4, 77.46, 3.612, 2.982, 2.982, 9.307, 15.70),
        (10, 4, 155.4, 3.654, 2.982, 2.982, 11.60, 15.70),
        (20, 4, 309.7, 3.626, 2.982, 3.083, 9.732, 15.70),
        (50, 4, 771.8, 3.676, 2.982, 3.298, 11.24, 15.72),
    )
    assert accused(header, rows) == []
    assert accused(header, rows, (2, 6, 1.3))


def test_times_lie_on_no_line_where_a_queue_slows_the_service() -> None:
    """This simulated service serves less the more wait."""
    rows: tuple[Row, ...] = (
        (797.363, 797.5, 5.060, 3.864, 12.43, 19.50),
        (1594.73, 1595, 6.517, 4.379, 17.72, 35.15),
        (2392.09, 1900, 2543, 2771, 3548, 3700),
        (3189.45, 1282, 12450, 15150, 18880, 19420),
    )
    header = HEADER.replace("threads", "rate_per_s")
    assert accused(header, rows) == []
    assert accused(header, rows, (2, 4, 0.8))


def test_means_behind_rare_long_operations_vary_more() -> None:
    """The mean at 298/s lies 15 % off the course of the others, and the p99 is twelve times the mean."""
    rows: tuple[Row, ...] = (
        (42.5695, 42.55, 2.601, 1.229, 9.242, 22.25),
        (127.708, 127.8, 3.387, 1.472, 12.46, 30.32),
        (212.847, 212.0, 4.817, 1.967, 18.36, 44.79),
        (297.986, 297.8, 10.45, 3.245, 44.37, 123.9),
        (383.125, 384.3, 84.86, 22.89, 384.3, 537.4),
    )
    header = HEADER.replace("threads", "rate_per_s")
    assert "monotonicity" not in [law for law, _ in accused(header, rows)]
    assert accused(header, rows, (3, 2, 1.5))
    tails = tuple((*row[:3], 4.6 * row[2]) for row in rows)
    assert ("monotonicity", ("mean_s",)) in accused("rate_per_s,throughput_per_s,mean_ms,p99_ms", tails)


def test_percentiles_with_steps_are_not_held_against_their_mean() -> None:
    """Most operations of this simulated service take just 1235 us until some queue; its mean is not that of a curve."""
    header = "threads,throughput_per_s,mean_us,p50_us,p90_us,p99_us"
    rows: tuple[Row, ...] = (
        (1, 133.5, 1235, 1235, 1235, 1235),
        (2, 268.5, 1235, 1235, 1235, 1235),
        (4, 539.5, 1277, 1236, 1236, 2240),
        (8, 1040, 1523, 1236, 2262, 3141),
        (16, 1602, 3808, 3714, 5574, 6898),
        (32, 1619, 13480, 13500, 15300, 16740),
    )
    assert accused(header, rows) == []
    assert [figures[-1] for _, figures in accused(header, rows, (4, 2, 1.3))] == ["mean_s"]


def test_a_percentile_that_goes_to_and_fro_does_not_move_alone() -> None:
    """Beside a gap a percentile jumps at any load; where it stays at all others, one of 40 % is wrong."""
    loads = (4, 8, 16, 32, 64, 128)
    header = "connections,throughput_per_s,mean_ms,p50_ms,p95_ms,p99_ms"
    to_and_fro, alone = (5.4, 4.1, 6.1, 4.6, 4.1, 5.2), (4.1, 4.1, 5.8, 4.1, 4.1, 4.1)
    for p95, is_wrong in ((to_and_fro, False), (alone, True)):
        rows = tuple((load, load * 100.0, 1.21, 1.0, p95[place], 4.94 * 1.5) for place, load in enumerate(loads))
        assert (("shape", ("p95",)) in accused(header, rows)) is is_wrong, p95


def test_where_hardly_less_is_served_than_offered_times_need_not_lie_on_a_line() -> None:
    """A simulated service a little beyond its capacity: its queue comes and goes, and the mean is 27 % off the line."""
    header = "rate_per_s,throughput_per_s,mean_us,p50_us,p95_us,p99_us"
    rows: tuple[Row, ...] = (
        (401.3, 405.1, 1998, 1280, 6812, 10800),
        (1224, 1219, 1986, 1276, 6725, 10700),
        (2047, 2054, 2032, 1304, 6842, 10910),
        (2869, 2874, 2576, 1541, 8698, 13630),
        (3692, 3558, 18280, 14500, 51570, 58580),
    )
    assert accused(header, rows) == []

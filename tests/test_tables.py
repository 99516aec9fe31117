"""Readers of other tools' output, recognized by content, and what they make of bad tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from calibration.levels import LevelTable, merged
from calibration.tables import read_content, read_table, read_tables
from calibration.tables.columns import column
from calibration.tables.content import Content
from calibration.tables.errors import TableError
from calibration.tables.printed import read_printed

TOOLS = Path(__file__).parent / "data" / "tools"
SHARED = Path(__file__).parents[2] / "shared" / "data"
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="the shared measurements are not here")


def csv(text: str) -> LevelTable:
    return read_content(Content("table.csv", text))


@pytest.mark.parametrize(
    ("file", "tool", "late", "figures"),
    [
        (
            "wrk.txt",
            "wrk",
            True,
            {"procs": 16, "throughput_per_s": 12543.0, "mean_s": 1.27e-3, "p99": 2.9e-3},
        ),
        ("wrk2.txt", "wrk2", False, {"arrival_rate_per_s": 10000, "p99.9": 6.2e-3, "max_s": 9.88e-3}),
        (
            "k6_export.json",
            "k6",
            None,
            {"procs": 20, "mean_s": 19.8e-3, "p95": 31.2e-3, "error_rate": 0.001002},
        ),
        (
            "k6_handle_summary.json",
            "k6",
            None,
            {"throughput_per_s": 998.0, "duration_s": 30.0, "p50": 18.9e-3},
        ),
        (
            "k6_machine_readable.json",
            "k6",
            None,
            {"procs": 20, "throughput_per_s": 998.0, "duration_s": 30.0, "p95": 31.2e-3, "error_rate": 0.001},
        ),
        ("oha.json", "oha", None, {"throughput_per_s": 5051.2, "mean_s": 6.3e-3, "p99.9": 29e-3}),
        (
            "hey.csv",
            "hey",
            True,
            {"procs": 2, "operations": 5, "error_rate": 0.2, "p50": 20e-3, "duration_s": 0.05},
        ),
        (
            "vegeta.json",
            "vegeta",
            False,
            {"arrival_rate_per_s": 1000.0333, "p99": 6.1e-3, "goodput_per_s": 999.0},
        ),
        (
            "locust_stats.csv",
            "locust",
            True,
            {"throughput_per_s": 150.1, "mean_s": 45.2e-3, "max_s": 402.1e-3},
        ),
        (
            "locust_stats_history.csv",
            "locust",
            True,
            {"procs": 10, "throughput_per_s": 100.0, "mean_s": 42e-3},
        ),
        ("pgbench.txt", "pgbench", False, {"procs": 8, "throughput_per_s": 34871.532114, "stdev_s": 81e-6}),
        ("pgbench_old.txt", "pgbench", False, {"throughput_per_s": 11520.436044, "mean_s": None}),
        (
            "pgbench.log",
            "pgbench log",
            False,
            {"procs": 2, "throughput_per_s": 500.0, "mean_s": 2.6e-3, "max_s": 4e-3},
        ),
        ("redis_benchmark.csv", "redis-benchmark", True, {"procs": 20, "concurrency": 4, "p95": 895e-6}),
        ("redis_benchmark_old.csv", "redis-benchmark", True, {"throughput_per_s": 51652.89, "procs": None}),
        ("sysbench.txt", "sysbench", True, {"procs": 8, "throughput_per_s": 1086.84, "p95": 8.28e-3}),
    ],
)
def test_tools_are_recognized_by_content(
    file: str, tool: str, late: bool | None, figures: dict[str, float]
) -> None:
    table = read_table(TOOLS / file)
    assert (table.tool, table.leaves_out_late_starts) == (tool, late)
    level = table.levels[0]
    for name, expected in figures.items():
        found = (
            level.percentiles_s.get(float(name[1:]))
            if name[0] == "p" and name[1].isdigit()
            else level.figure(name)
        )
        assert found == (None if expected is None else pytest.approx(expected)), name


def test_several_runs_in_one_text_are_several_levels() -> None:
    assert [level.procs for level in read_table(TOOLS / "wrk.txt").levels] == [16, 64]
    assert [level.procs for level in read_table(TOOLS / "sysbench.txt").levels] == [8, 16]
    assert read_table(TOOLS / "sysbench.txt").levels[1].other_rates_per_s == {"queries": 21331.2}


def test_errors_of_wrk_add_up_sockets_and_statuses() -> None:
    assert read_table(TOOLS / "wrk.txt").levels[0].error_rate == pytest.approx(12 / 376540)


def test_levels_that_came_one_a_file_are_joined(tmp_path: Path) -> None:
    for clients in (4, 8):
        text = (TOOLS / "pgbench.txt").read_text().replace("clients: 8", f"clients: {clients}")
        (tmp_path / f"{clients}.txt").write_text(text)
    (table,) = merged(read_tables([tmp_path / "4.txt", tmp_path / "8.txt"]))
    assert [level.procs for level in table.levels] == [4, 8]


def test_a_table_survives_being_saved() -> None:
    table = read_table(TOOLS / "wrk2.txt")
    assert LevelTable.from_data(table.to_data()) == table


@pytest.mark.parametrize(
    ("name", "figure", "factor"),
    [
        ("lat_p95_us", "p95", 1e-6),
        ("p99.9_ms", "p99.9", 1e-3),
        ("95th_ms", "p95", 1e-3),
        ("Response time mean [ms]", "mean_s", 1e-3),
        ("rps", "throughput_per_s", 1.0),
        ("Requests/s", "throughput_per_s", 1.0),
        ("scripts per hour", "throughput_per_s", 1 / 3600),
        ("throughput_per_proc_per_s", "throughput_per_proc_per_s", 1.0),
        ("arrival_rate_per_s", "arrival_rate_per_s", 1.0),
        ("cpu_pct", "cpu", 1.0),
        ("busy_cores", "cpu_busy_cores", 1.0),
        ("memory_mib", "memory_bytes", 2.0**20),
        ("network_mbit_per_s", "network_bytes_per_s", 125e3),
        ("vcpus", "cores", 1.0),
        ("connections", "clients", 1.0),
        ("response_time_s.p95", "p95", 1.0),
        ("memory_bytes.mean", "memory_bytes", 1.0),
    ],
)
def test_columns_mean_what_their_names_say(name: str, figure: str, factor: float) -> None:
    found = column(name)
    assert found is not None
    assert (found.figure, found.factor) == (figure, pytest.approx(factor))


ASIDE = ["throughput_per_s.half_width", "response_time_s.mean.prediction_low", "bounds.throughput_per_s"]


@pytest.mark.parametrize("name", ["srv_queue_us", "framework", "kernel", "inference_count", "comment", *ASIDE])
def test_unknown_columns_are_left_alone(name: str) -> None:
    assert column(name) is None


def test_printed_numbers_know_how_finely_they_are_rounded() -> None:
    found = read_printed("~1,234.50")
    assert found is not None
    assert (found.value, found.half_unit) == (1234.5, pytest.approx(0.005))
    assert read_printed("12,5") is None


def test_units_in_cells_beat_the_column_and_are_noted() -> None:
    table = csv("procs,throughput_per_s,p95_ms\n1,100,12\n2,200,0.013s\n")
    assert table.levels[1].percentiles_s == {95.0: pytest.approx(0.013)}
    assert [remark.code for remark in table.remarks] == ["mixed_units"]


def test_a_bare_number_among_united_ones_is_left_out() -> None:
    table = csv("procs,throughput_per_s,p95\n1,100,12ms\n2,200,13\n")
    assert table.levels[1].percentiles_s == {}
    assert "without a unit" in table.remarks[0].message


@pytest.mark.parametrize(
    ("cell", "per_s"),
    [("100/s", 100), ("6000/min", 100), ("0.35/ms", 350), ("120 rps", 120), ("1.2k/s", 1200), ("90 req/s", 90)],
)
def test_a_rate_may_have_its_unit_in_the_cell(cell: str, per_s: float) -> None:
    table = csv(f"procs,throughput\n1,{cell}\n")
    assert table.levels[0].throughput_per_s == pytest.approx(per_s)
    assert table.remarks == []


def test_sizes_may_have_their_units_in_the_cells() -> None:
    table = csv("procs,throughput,memory,network\n1,100,1 GiB,2 MB/s\n2,190,900 MB,\n")
    assert [level.memory_bytes for level in table.levels] == [2**30, 900e6]
    assert table.levels[0].network_bytes_per_s == 2e6
    assert table.remarks == []


def test_a_unit_that_the_figure_cannot_have_leaves_it_out() -> None:
    table = csv("procs,throughput,p95_ms\n1,100,12/s\n2,190 ms,9\n4,300,11\n")
    assert [level.procs for level in table.levels] == [1, 4]
    assert table.levels[0].percentiles_s == {}
    assert [remark.code for remark in table.remarks] == ["unknown_unit", "unknown_unit", "missing_level"]


def test_a_table_parted_by_semicolons_may_have_decimal_commas() -> None:
    table = csv("concurrency;throughput;mean_ms\n1;100,5;10,2\n4;390,1;10,4\n")
    assert [level.throughput_per_s for level in table.levels] == [100.5, 390.1]
    assert [level.mean_s for level in table.levels] == pytest.approx([0.0102, 0.0104])


def test_where_commas_are_decimal_points_part_thousands() -> None:
    table = csv("procs;throughput_per_s;mean_ms\n1;1.000,5;0,999\n2;1.900;1,052\n64;12.345.678;9,5\n")
    assert [level.throughput_per_s for level in table.levels] == [1000.5, 1900.0, 12345678.0]
    assert table.levels[0].mean_s == pytest.approx(0.999e-3)
    points = csv("procs;throughput_per_s\n1;1.125\n2;2.250\n")
    assert [level.throughput_per_s for level in points.levels] == [1.125, 2.25]


def test_a_column_of_a_known_name_without_numbers_is_named() -> None:
    table = csv("concurrency,throughput\nfour,100\n8,200\n")
    assert "column concurrency holds 'four', which is no number" in table.remarks[0].message


def test_zero_and_negative_throughput_leave_the_level_out_with_its_figure() -> None:
    table = csv("procs,throughput_per_s\n1,100\n2,0\n4,-5\n8,\n16,900\n")
    assert [level.procs for level in table.levels] == [1, 16]
    assert {(remark.code, remark.place) for remark in table.remarks} == {
        ("not_positive", "line 3"),
        ("not_positive", "line 4"),
        ("missing_level", "line 5"),
    }


def test_columns_named_after_series_make_series() -> None:
    table = csv("cpus,rps_1kb,rps_10kb\n1,10,5\n2,20,9\n")
    assert {
        name: [level.throughput_per_s for level in levels] for name, levels in table.series().items()
    } == {
        "1kb": [10, 20],
        "10kb": [5, 9],
    }


def test_a_gauge_above_one_machine_counts_single_cores() -> None:
    table = csv("procs,throughput_per_s,cpu_pct,cores\n1,100,90,4\n4,300,280,4\n8,400,390,4\n")
    assert [level.busy_cores for level in table.levels] == pytest.approx([0.9, 2.8, 3.9])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "an empty file"),
        ("hello world\n", "no reader recognizes"),
        ("procs,throughput_per_s\n", "a header without rows"),
        ("procs,throughput_per_s\n1,0\n2,0\n", "is 0/s"),
        ('{"metrics": {"http_reqs": {"count": 0}}}', "has no throughput"),
    ],
)
def test_unreadable_files_are_one_clear_line(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(TableError) as error:
        read_table(path)
    assert said in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@needs_shared
@pytest.mark.parametrize("folder", ["scaling", "usl", "orchestrator_hub"])
def test_all_shared_tables_are_read(folder: str) -> None:
    for path in sorted((SHARED / folder).glob("*.csv")):
        if path.name != "INDEX.csv":
            table = read_table(path)
            assert table.levels or table.claims, path.name


@needs_shared
def test_shared_tables_by_number_of_levels() -> None:
    for line in (SHARED / "scaling" / "INDEX.csv").read_text().splitlines()[2:]:
        file, _, rates, count = line.split(",")[:4]
        series = read_table(SHARED / "scaling" / file).series()
        assert len(series) == len(rates.split("|")), file
        for levels in series.values():
            assert len({level.load or level.cores for level in levels}) == int(count), file

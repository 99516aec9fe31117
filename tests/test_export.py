"""Files: opened before the work, whole or not at all; and what stands in them."""

import csv
import io
import json
import math
import os
from pathlib import Path

import numpy as np
import pytest
from sample_result import RESULT, sample

from models.records import CAUSE_NAMES, CAUSES, OPERATION_RECORD
from simulator.export import CSV_TABLES, csv_path, csv_tables, json_text, records_csv, seconds, summary_rows
from simulator.output_files import OutputError, OutputFile, Outputs, picture_format, write_atomically


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_appears_only_when_it_is_committed(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    file = OutputFile("--export-json", str(target))
    assert not target.exists()
    file.commit("{}")
    assert target.read_text() == "{}"
    assert names(tmp_path) == ["result.json"]


def _fail_with_open_outputs(path: str) -> None:
    with Outputs() as outputs:
        outputs.open("--export-json", path)
        raise ZeroDivisionError


def test_what_was_there_stays_when_the_work_fails(tmp_path: Path) -> None:
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError):
        _fail_with_open_outputs(str(target))
    assert target.read_text() == "old"
    assert names(tmp_path) == ["result.json"]


def test_a_replaced_file_keeps_its_permissions_and_its_link(tmp_path: Path) -> None:
    target = tmp_path / "real.json"
    target.write_text("old")
    target.chmod(0o640)
    link = tmp_path / "link.json"
    link.symlink_to(target)
    write_atomically(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o640


def test_a_new_file_has_the_usual_permissions(tmp_path: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_atomically(tmp_path / "new.json", "x")
    finally:
        os.umask(mask)
    assert (tmp_path / "new.json").stat().st_mode & 0o777 == 0o640


def test_a_device_is_written_in_place() -> None:
    write_atomically("/dev/null", "x")
    assert not Path("/dev/null").is_file()


@pytest.mark.parametrize("place", ["missing/result.json", ".", "file.txt/result.json"])
def test_an_impossible_place_is_one_line_that_names_option_and_file(tmp_path: Path, place: str) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError) as caught:
        OutputFile("--plot", str(tmp_path / place))
    assert str(caught.value).startswith(f"--plot {tmp_path / place}: cannot be written (")
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == ["file.txt"]


def test_one_file_cannot_be_written_twice(tmp_path: Path) -> None:
    with Outputs() as outputs:
        outputs.open("--export-json", str(tmp_path / "x"))
        with pytest.raises(OutputError, match=r"--plot .*/x: is written by --export-json too"):
            outputs.open("--plot", str(tmp_path / "." / "x"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(("path", "form"), [("a.png", "png"), ("b/c.SVG", "svg"), ("x.y.pdf", "pdf")])
def test_the_ending_says_the_format(path: str, form: str) -> None:
    assert picture_format(path) == form


@pytest.mark.parametrize("path", ["a", "a.gif", "png", "a."])
def test_an_unknown_ending_says_what_is_accepted(path: str) -> None:
    with pytest.raises(OutputError, match=r"accepted: \.png, \.svg, \.pdf"):
        picture_format(path)


def test_json_reads_back_the_same_without_what_json_does_not_have() -> None:
    assert json.loads(json_text(sample())) == RESULT
    assert json.loads(json_text({"a": [math.nan, math.inf, 1.5], "b": {"c": -math.inf}})) == {
        "a": [None, None, 1.5],
        "b": {"c": None},
    }


def test_the_summary_table_has_a_row_for_each_estimate() -> None:
    rows = {row[0]: row[1:] for row in summary_rows(sample())}
    assert rows["throughput_per_s"] == [26112.3, 87.2]
    assert rows["response_time_s.max"] == [0.4021, None]
    assert rows["memory_bytes.mean"] == [1.2e9, 1e6]
    assert rows["operations.completed"] == [1_346_000, None]
    assert not [name for name in rows if name.startswith(("scenario", "provenance", "causes"))]


def test_each_csv_table_is_rectangular_and_complete() -> None:
    tables = csv_tables(sample())
    assert tuple(tables) == CSV_TABLES
    for text in tables.values():
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1
    stations = list(csv.DictReader(io.StringIO(tables["stations"])))
    assert [row["name"] for row in stations] == [station["name"] for station in RESULT["stations"]]
    assert float(stations[1]["utilization.half_width"]) == 0.003
    causes = list(csv.DictReader(io.StringIO(tables["causes"])))
    assert [row["cause"] for row in causes] == list(CAUSE_NAMES)
    total = sum(float(row["explained_s"]) for row in causes)
    assert total == pytest.approx(sum(RESULT["causes"]["explained"].values()))


def test_csv_files_are_named_after_the_prefix() -> None:
    assert csv_path("out/run", "summary") == "out/run-summary.csv"
    assert csv_path("run.v1", "causes") == "run.v1-causes.csv"


def test_records_are_exact_and_open_where_the_operation_is_in_flight() -> None:
    rows = np.zeros(2, dtype=OPERATION_RECORD)
    rows["start_ns"] = [1, 2_000_000_001]
    rows["end_ns"] = [1_500_000_002, -1]
    rows["outcome"] = [0, -1]
    rows["attempts"] = [2, 1]
    rows["instance"] = [1, -1]
    rows["causes_ns"][0] = np.arange(CAUSES)
    text = records_csv([rows, rows[:1]], ["agents"], ["message"])
    read = list(csv.DictReader(io.StringIO(text)))
    assert [row["replication"] for row in read] == ["1", "1", "2"]
    first, second = read[0], read[1]
    assert (first["workload"], first["kind"], first["outcome"]) == ("agents", "message", "completed")
    assert (first["start_s"], first["end_s"], first["response_time_s"]) == (
        "0.000000001",
        "1.500000002",
        "1.500000001",
    )
    assert first["waiting_for_core_s"] == "0.000000001"
    assert (second["outcome"], second["end_s"], second["response_time_s"], second["instance"]) == (
        "in_flight",
        "",
        "",
        "",
    )


def test_seconds_do_not_round() -> None:
    assert seconds(9_007_199_254_740_993) == "9007199.254740993"

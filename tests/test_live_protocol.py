"""The line protocol: what is read, and what each wrong line is answered with."""

import pytest

from calibration.live.errors import LiveError
from calibration.live.protocol import has_begun, parse


def read(text, paced=False, **others):
    return parse(text.encode(), "prog", 2, paced=paced, **others)


def test_operations_of_a_closed_loop_are_intended_when_they_begin():
    rows = read("ready\noverhead 500\nop 100 250\nop 250 300 error\n")
    assert rows.ready
    assert rows.overhead_ns == 500
    assert rows.operations["intended_ns"].tolist() == [100, 250]
    assert rows.operations["end_ns"].tolist() == [250, 300]
    assert rows.operations["failed"].tolist() == [False, True]
    assert rows.operations["copy"].tolist() == [2, 2]
    assert rows.operations["cpu_ns"].tolist() == [-1, -1]


def test_words_after_the_times_are_taken_by_their_name():
    (row,) = read("op 1 2 9 bytes=77 cpu=5 memory=1024\n", paced=True).operations
    assert (row["intended_ns"], row["begin_ns"], row["end_ns"]) == (1, 2, 9)
    assert (row["cpu_ns"], row["moved_bytes"], row["memory_bytes"]) == (5, 77, 1024)


def test_an_unfinished_last_line_is_left_for_later():
    assert len(read("op 1 2\nop 3 4").operations) == 1
    assert len(read("op 1").operations) == 0


def test_the_real_time_clock_is_moved_onto_the_monotonic_one_from_its_line_on():
    rows = read("op 100 200\nclock realtime\nop 5100 5200\n", realtime_offset_ns=-5000).operations
    assert rows["begin_ns"].tolist() == [100, 100]


def test_a_program_that_gives_up_says_why():
    assert read("fail no database\n").failure == "no database"
    assert read("problem first\nproblem second\n").problem == "first"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("hello world", "ready, op BEGIN END"),
        ("op 5", "op BEGIN END"),
        ("op 5 6 7 8", "op BEGIN END"),
        ("op 9 5", "not before the begin"),
        ("op 1.5 2", "whole number"),
        ("op -1 2", "whole number"),
        ("op 1 2 speed=3", "one of cpu, bytes, memory"),
        ("op 1 2 cpu=x", "whole number"),
        ("op 1 99999999999999999999", "whole number"),
        ("overhead much", "whole number"),
        ("\x00\xff", "ready, op BEGIN END"),
    ],
)
def test_a_wrong_line_is_named_with_what_is_accepted(line, said):
    with pytest.raises(LiveError) as error:
        read(f"op 1 2\n{line}\n")
    assert "line 2 of copy 3" in str(error.value)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_paced_operations_need_their_intended_start():
    with pytest.raises(LiveError, match="op INTENDED BEGIN END"):
        read("op 1 2\n", paced=True)


@pytest.mark.parametrize(
    ("report", "begun"),
    [(b"", False), (b"rea", False), (b"ready\n", True), (b"clock realtime\nop 1 2\n", True)],
)
def test_a_copy_has_begun_when_it_says_so_or_reports(report, begun):
    assert has_begun(report) == begun

"""Quantities are read exactly and printed as the shortest text that reads back the same."""

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import InvalidField
from models.units import BANDWIDTH, MAX_TIME_NS, RATE, SIZE, TIME


@pytest.mark.parametrize(
    ("text", "time_ns"),
    [
        ("1ns", 1),
        ("0us", 0),
        ("0s", 0),
        ("1.5us", 1_500),
        ("1.5µs", 1_500),
        ("1.5\N{GREEK SMALL LETTER MU}s", 1_500),
        ("150ms", 150_000_000),
        (" 2 s ", 2_000_000_000),
        ("1e3s", 10**12),
        ("0.5min", 30 * 10**9),
        ("2h", 7_200 * 10**9),
        ("1d", 86_400 * 10**9),
        ("0.1234567891s", 123_456_789),
        ("100.000000001s", 100_000_000_001),
    ],
)
def test_times_are_whole_nanoseconds(text: str, time_ns: int) -> None:
    assert TIME.read_whole(text) == time_ns


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("1B", 1),
        ("1.2kB", 1200),
        ("64KiB", 65536),
        ("3MB", 3000000),
        ("1MiB", 2**20),
        ("2GB", 2 * 10**9),
        ("15GiB", 15 * 2**30),
        ("1TB", 10**12),
        ("1TiB", 2**40),
    ],
)
def test_sizes_are_whole_bytes(text: str, size_bytes: int) -> None:
    assert SIZE.read_whole(text) == size_bytes


@pytest.mark.parametrize(
    ("text", "rate_per_s"),
    [("870/s", 870.0), ("30/min", 0.5), ("2/ms", 2000.0), ("36/h", 0.01), ("0.1/s", 0.1)],
)
def test_rates_are_per_second(text: str, rate_per_s: float) -> None:
    assert RATE.read_float(text) == rate_per_s


@pytest.mark.parametrize(
    ("text", "bytes_per_s"),
    [("1B/s", 1.0), ("200MB/s", 2e8), ("1GiB/s", 2.0**30), ("100Mbit/s", 12.5e6), ("25Gbit/s", 3.125e9)],
)
def test_bandwidths_are_bytes_per_second(text: str, bytes_per_s: float) -> None:
    assert BANDWIDTH.read_float(text) == bytes_per_s


@pytest.mark.parametrize(
    "found", [5, 5.0, 0, "5", "", "ms", "5 m", "5 MS", "1,5ms", "+5ms", "--5ms", "5ms5", None, True]
)
def test_a_value_without_a_known_unit_is_an_error_that_shows_it(found: object) -> None:
    with pytest.raises(InvalidField, match=r'found .*accepted: a time .*such as "150ms"') as raised:
        TIME.read_whole(found)
    assert len(raised.value.problems) == 1


def test_a_positive_time_never_becomes_zero() -> None:
    assert TIME.read_whole("0.6ns") == 1
    with pytest.raises(InvalidField, match="at least 1ns"):
        TIME.read_whole("0.4ns")


@pytest.mark.parametrize(
    ("time_ns", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1500, "1.5us"),
        (150000000, "150ms"),
        (90 * 10**9, "90s"),
        (3600 * 10**9, "1h"),
        (10**9 + 1, "1.000000001s"),
        (10**9 + 1000, "1.000001s"),
        (86400 * 10**9, "1d"),
        (250000, "250us"),
        (1000000, "1ms"),
    ],
)
def test_times_print_short(time_ns: int, text: str) -> None:
    assert TIME.print(time_ns) == text


@pytest.mark.parametrize(
    ("size_bytes", "text"),
    [
        (0, "0B"),
        (1_200, "1.2kB"),
        (65_536, "64KiB"),
        (10_000, "10kB"),
        (15 * 2**30, "15GiB"),
        (1_025, "1025B"),
    ],
)
def test_sizes_print_short(size_bytes: int, text: str) -> None:
    assert SIZE.print(size_bytes) == text


@given(st.integers(0, MAX_TIME_NS))
def test_a_printed_time_is_exact(time_ns: int) -> None:
    text = TIME.print(time_ns)
    assert TIME.read(text) == time_ns
    assert re.search(TIME.pattern, text)


@given(st.integers(0, 2**62))
def test_a_printed_size_is_exact(size_bytes: int) -> None:
    text = SIZE.print(size_bytes)
    assert SIZE.read(text) == size_bytes
    assert re.search(SIZE.pattern, text)


@given(st.floats(1e-12, 1e12))
def test_a_printed_float_reads_back_the_same(value: float) -> None:
    for quantity in (RATE, BANDWIDTH, TIME):
        text = quantity.print(value)
        assert quantity.read_float(text) == value
        assert re.search(quantity.pattern, text)


@given(st.decimals(0, 36_500, places=6), st.sampled_from(sorted(TIME.units)))
def test_reading_is_exact(number: object, unit: str) -> None:
    assert TIME.read(f"{number}{unit}") == Fraction(str(number)) * TIME.units[unit]

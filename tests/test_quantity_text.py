"""Numbers for people."""

import math
from typing import Any

import pytest

from simulator import quantity_text as text


@pytest.mark.parametrize(
    ("estimate", "family", "printed"),
    [
        ({"value": 0.0523123, "half_width": 0.00042}, text.TIME, "52.31 ± 0.42 ms"),
        ({"value": 28450.3, "half_width": 121.7}, text.RATE, "28,450 ± 122 /s"),
        ({"value": 1.2e-5, "half_width": None}, text.TIME, "12.00 us"),
        ({"value": 0.9931, "half_width": 0.0004}, text.SHARE, "99.310 ± 0.040 %"),
        ({"value": 0.0, "half_width": 0.0}, text.SHARE, "0 %"),
        ({"value": 0.028, "half_width": 1e-12}, text.TIME, "28.00 ± 0 ms"),
        ({"value": 1755.4, "half_width": 0.0}, text.RATE, "1,755 ± 0 /s"),
        ({"value": None, "half_width": None}, text.TIME, "-"),
        ({"value": math.nan, "half_width": 1.0}, text.TIME, "-"),
        ({"value": 2.0**31, "half_width": 2.0**22}, text.SIZE, "2.0000 ± 0.0039 GiB"),
        ({"value": 123456.0, "half_width": 12.0}, text.BANDWIDTH, "123.46 ± 0.01 kB/s"),
        ({"value": 90.0, "half_width": 7.0}, text.TIME, "90.0 ± 7.0 s"),
        ({"value": 7200.0, "half_width": 36.0}, text.TIME, "2.000 ± 0.010 h"),
        (0.5, text.NUMBER, "0.5000"),
        (0.0, text.TIME, "0 s"),
    ],
)
def test_an_estimate_is_rounded_by_its_half_width(estimate: Any, family: str, printed: str) -> None:
    assert text.estimate_text(estimate, family) == printed


def test_brief_leaves_the_half_width_out() -> None:
    assert text.estimate_text({"value": 0.0523123, "half_width": 0.0004}, text.TIME, brief=True) == "52.3 ms"
    assert text.estimate_text({"value": 26112.3, "half_width": 87.0}, text.RATE, brief=True) == "26,112/s"


@pytest.mark.parametrize(
    ("value", "family", "printed"),
    [
        (5.2, text.TIME, "5.2 s"),
        (0.6, text.TIME, "600 ms"),
        (30.0, text.TIME, "30 s"),
        (None, text.TIME, "-"),
    ],
)
def test_an_exact_number_has_no_trailing_zeros(value: float | None, family: str, printed: str) -> None:
    assert text.quantity_text(value, family) == printed

"""The logarithm of draws: how near it is, and the same bits compiled or not."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from decimal import Decimal, localcontext

import pytest

from models.compiled import HAVE_NUMBA
from models.draws import exponential, uniform
from models.logarithm import minus_log

END = 1 << 54


def plain(numerator: int) -> float:
    """The function as Python runs it."""
    return float(getattr(minus_log, "py_func", minus_log)(numerator))


def exact(numerator: int) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return -(Decimal(numerator) / END).ln()


def numerators() -> Iterator[int]:
    """The ends, both sides of each border between rows, numbers of each size, and numbers near the end."""
    draw = random.Random(1)
    yield from (1, 2, 3, END - 1, END - 2, END // 2, END // 2 - 1)
    for row in range(128, 257):
        yield from ((row << 46) + (1 << 45) + side for side in (-1, 0, 1) if (row << 46) + (1 << 45) + side < END)
    for length in range(2, 54):
        yield draw.getrandbits(length) | 1
        yield END - (draw.getrandbits(length) | 1)
    yield from (draw.randrange(1, END) for _ in range(500))


def test_it_is_within_three_units_of_the_last_place() -> None:
    for numerator in numerators():
        wanted = exact(numerator)
        assert abs(Decimal(plain(numerator)) - wanted) <= 3 * Decimal(math.ulp(float(wanted))), numerator


def test_it_falls_where_rows_meet() -> None:
    for row in range(128, 256):
        border = (row << 46) + (1 << 45)
        values = [plain(numerator) for numerator in range(border - 20, border + 20)]
        assert values == sorted(values, reverse=True)


@pytest.mark.skipif(not HAVE_NUMBA, reason="nothing is compiled without Numba")
def test_it_has_the_same_bits_compiled() -> None:
    assert all(minus_log.compiled(numerator) == plain(numerator) for numerator in numerators())  # type: ignore[attr-defined]


def test_an_exponential_draw_belongs_to_the_uniform_one() -> None:
    for position in range(300):
        assert math.isclose(math.exp(-exponential(77, position)), uniform(77, position), rel_tol=1e-14)

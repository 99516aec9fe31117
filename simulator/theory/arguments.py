"""Checks of arguments that the formulas share."""

from __future__ import annotations

import math


def require_positive(**values: float) -> None:
    """Refuse any of the named values that is not a finite number above zero.

    Raises:
        ValueError: names the argument and what was found.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a finite number above zero, found {value}")


def require_not_negative(**values: float) -> None:
    """Refuse any of the named values that is negative or not finite.

    Raises:
        ValueError: names the argument and what was found.
    """
    for name, value in values.items():
        if not (math.isfinite(value) and value >= 0):
            raise ValueError(f"{name} must be a finite number of at least zero, found {value}")


def require_stable(utilization: float) -> None:
    """Refuse a utilization of one or more, at which an open queue has no steady state.

    Raises:
        ValueError: the utilization that was found.
    """
    if not 0 <= utilization < 1:
        raise ValueError(f"no steady state: utilization is {utilization:.6g}, it must be below 1")


def require_share(share: float) -> None:
    """Refuse a share outside the open interval from 0 to 1.

    Raises:
        ValueError: the share that was found.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share must lie strictly between 0 and 1, found {share}")

"""Numbers for people: an estimate with its half-width in the unit that fits it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

TIME: Final = "time"  # seconds
RATE: Final = "rate"  # per second
SIZE: Final = "size"  # bytes
BANDWIDTH: Final = "bandwidth"  # bytes per second
SHARE: Final = "share"  # 0 to 1, printed in percent
NUMBER: Final = "number"

_UNITS: Final[Mapping[str, tuple[tuple[float, str], ...]]] = {
    TIME: ((1e-9, "ns"), (1e-6, "us"), (1e-3, "ms"), (1.0, "s"), (3600.0, "h")),
    RATE: ((1.0, "/s"),),
    SIZE: ((1.0, "B"), (2.0**10, "KiB"), (2.0**20, "MiB"), (2.0**30, "GiB"), (2.0**40, "TiB")),
    BANDWIDTH: ((1.0, "B/s"), (1e3, "kB/s"), (1e6, "MB/s"), (1e9, "GB/s")),
    SHARE: ((0.01, "%"),),
    NUMBER: ((1.0, ""),),
}
MISSING: Final = "-"
NEGLIGIBLE: Final = 1e-6  # a half-width of so small a share of its value is printed as 0


def fitting_unit(value: float, family: str) -> tuple[float, str]:
    """Return the size and the name of the largest unit that the value reaches, else of the smallest."""
    units = _UNITS[family]
    if value == 0 and family == TIME:
        return 1.0, "s"
    fitting = [unit for unit in units if abs(value) >= unit[0] * 0.9995]
    return fitting[-1] if fitting else units[0]


def estimate_text(estimate: Any, family: str, *, brief: bool = False) -> str:
    """Print an estimate such as `52.31 ± 0.42 ms`, rounded to two digits of its half-width.

    estimate: `{"value": x, "half_width": h}`, either of them None where it is not known, or a plain number.
    brief: three digits without the half-width.
    """
    value, half_width = value_of(estimate), half_width_of(estimate)
    if value is None:
        return MISSING
    size, unit = fitting_unit(value, family)
    scaled = value / size
    if not brief and isinstance(estimate, Mapping) and "prediction" in estimate:
        return _predicted_text(estimate, family)
    if brief or half_width is None or half_width == value == 0:
        text = _digits(scaled, 3 if brief else 4)
        return f"{text}{'' if unit == '/s' else ' '}{unit}".rstrip()
    if half_width <= NEGLIGIBLE * value:
        return f"{_digits(scaled, 4)} ± 0 {unit}".rstrip()
    within = half_width / size
    decimals = _decimals(scaled, within)
    return f"{scaled:,.{decimals}f} ± {within:,.{decimals}f} {unit}".rstrip()


def _predicted_text(estimate: Mapping[str, Any], family: str) -> str:
    """Print a prediction such as `52.3 (47.0 to 58.1) ms`; the simulation's own interval is not its accuracy."""
    value = value_of(estimate) or 0.0
    size, unit = fitting_unit(value, family)
    ends = estimate["prediction"]
    if ends is None:
        return f"{_digits(value / size, 3)} {unit}".rstrip()
    low, high = (_digits(end / size, 3) for end in ends)
    return f"{_digits(value / size, 3)} ({low} to {high}) {unit}".rstrip()


def simulation_text(estimate: Any, family: str) -> str:
    """Print what the simulation alone leaves open of a predicted estimate; empty where nothing was predicted."""
    if not isinstance(estimate, Mapping) or "prediction" not in estimate:
        return ""
    value, half_width = value_of(estimate), half_width_of(estimate)
    if value is None or half_width is None:
        return ""
    size, unit = fitting_unit(value, family)
    return f"simulation ± {_digits(half_width / size, 2)} {unit}".rstrip()


def quantity_text(value: float | None, family: str) -> str:
    """Print a number that is known exactly in the unit that fits it, without trailing zeros."""
    number, _, unit = estimate_text(value, family).partition(" ")
    if "." in number and not number.endswith("/s"):
        number = number.rstrip("0").rstrip(".")
    return f"{number} {unit}".rstrip()


def value_of(estimate: Any) -> float | None:
    """Return the number of an estimate or of a plain number; None where there is none."""
    found = estimate.get("value") if isinstance(estimate, Mapping) else estimate
    return None if found is None or not math.isfinite(found) else float(found)


def half_width_of(estimate: Any) -> float | None:
    """Return the half-width of an estimate; None where it is not known."""
    found = estimate.get("half_width") if isinstance(estimate, Mapping) else None
    return None if found is None or not math.isfinite(found) else float(found)


def reach_of(estimate: Any) -> tuple[float, float]:
    """Return how far an estimate's interval reaches below and above it: the prediction's where there is one."""
    value, half_width = value_of(estimate), half_width_of(estimate) or 0.0
    if value is None or not isinstance(estimate, Mapping) or "prediction" not in estimate:
        return half_width, half_width
    low, high = estimate["prediction"] or (value, value)
    return max(value - low, 0.0), max(high - value, 0.0)


def _digits(value: float, digits: int) -> str:
    """Print a number to some digits, but whole numbers of more digits whole and in groups of three."""
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    return f"{value:,.{min(max(digits - 1 - magnitude, 0), 6)}f}"


def _decimals(value: float, half_width: float) -> int:
    """Return the decimals that show two digits of the half-width, and three to five of the value."""
    first = math.floor(math.log10(abs(value))) if value else 0
    wanted = 1 - math.floor(math.log10(half_width)) if half_width > 0 else 0
    return max(0, min(max(wanted, 2 - first), 4 - first))

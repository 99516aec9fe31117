"""Words of the findings: figures with their unit, and what could explain how far one is off."""

from __future__ import annotations

import math

from simulator.quantity_text import BANDWIDTH, NUMBER, RATE, SHARE, SIZE, TIME, quantity_text

_FAMILIES = {
    "throughput_per_s": RATE,
    "throughput_per_proc_per_s": RATE,
    "goodput_per_s": RATE,
    "arrival_rate_per_s": RATE,
    "mean_s": TIME,
    "stdev_s": TIME,
    "min_s": TIME,
    "max_s": TIME,
    "cpu_utilization": SHARE,
    "efficiency": SHARE,
    "success_rate": SHARE,
    "error_rate": SHARE,
    "timeout_rate": SHARE,
    "retry_rate": SHARE,
    "memory_bytes": SIZE,
    "network_bytes_per_s": BANDWIDTH,
    "disk_bytes_per_s": BANDWIDTH,
}
_NAMES = {
    "throughput_per_s": "throughput",
    "throughput_per_proc_per_s": "throughput per process",
    "goodput_per_s": "goodput",
    "mean_s": "mean response time",
    "stdev_s": "standard deviation",
    "min_s": "minimum",
    "max_s": "maximum",
    "cpu_utilization": "CPU utilization",
    "cpu_busy_cores": "busy cores",
    "memory_bytes": "memory",
    "network_bytes_per_s": "network traffic",
    "disk_bytes_per_s": "disk traffic",
    "success_rate": "success rate",
    "error_rate": "error rate",
    "timeout_rate": "timeout rate",
    "retry_rate": "retry rate",
}


def shown(name: str, value: float) -> str:
    """Print a figure in the unit that fits it."""
    family = TIME if name.startswith("p") and name[1:2].isdigit() else _FAMILIES.get(name, NUMBER)
    return quantity_text(value, family)


def named(name: str) -> str:
    """Return what a reader calls a figure."""
    return _NAMES.get(name, name.removesuffix("_s").replace("_", " "))


def percent(share: float) -> str:
    """Print how far something is off, such as "+12 %"."""
    return f"{100.0 * share:+.{0 if abs(share) >= 0.1 else 1}f} %"


def slips(stated: float, expected: float) -> list[str]:
    """Return slips of typing or of units that would turn what is expected into what is stated."""
    if stated <= 0 or expected <= 0:
        return []
    found = []
    for factor, said in (
        (1000.0, "a unit (ms and s, or MB and GB)"),
        (60.0, "a unit (minutes and seconds)"),
        (10.0, "a decimal point"),
        (8.0, "bits and bytes"),
        (100.0, "percent and shares"),
    ):
        if any(abs(stated / expected / ratio - 1.0) < 0.05 for ratio in (factor, 1.0 / factor)):
            found.append(f"{said}: the figure is off by a factor of {factor:g}")
    if _swapped(stated, expected):
        found.append("a typing error: two digits swapped would explain it")
    return found


def _swapped(stated: float, expected: float) -> bool:
    """Return whether swapping two neighbouring digits brings the stated figure within 2 % of the expected."""
    if abs(stated / expected - 1.0) < 0.05:
        return False
    scale = 10.0 ** (3 - math.floor(math.log10(stated)))
    digits = str(round(stated * scale))
    for place in range(len(digits) - 1):
        other = digits[:place] + digits[place + 1] + digits[place] + digits[place + 2 :]
        if other != digits and abs(int(other) / scale / expected - 1.0) < 0.02:
            return True
    return False

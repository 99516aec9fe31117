"""Profiles for people: one shown, or two side by side."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from calibration.profile import Host, Profile, Quantity, different_hosts
from simulator.quantity_text import estimate_text

_FAMILIES = {
    "s": "time",
    "1/s": "rate",
    "B": "size",
    "B/s": "bandwidth",
    "share": "share",
    "ratio": "number",
    "count": "number",
}


def value_text(value: float, unit: str) -> str:
    """Print a value in the unit that fits it, three digits."""
    return estimate_text(value, _FAMILIES[unit], brief=True)


def profile_text(profile: Profile, *, now: datetime | None = None, full: bool = False) -> str:
    """Return a profile as text: the host, the quantities by group, what was left out.

    now: from which the age counts. full: with how each quantity was measured, and those of no use to a scenario.
    """
    lines = [f"{profile.name}, {age_text(profile.date, now)}", *_host_lines(profile.host)]
    seen = [
        f"{name} {ends[0]:g} to {ends[1]:g}"
        for name in ("concurrency", "rate_per_s", "cores", "instances")
        if (ends := getattr(profile.seen, name)) is not None
    ]
    lines.append(f"  measured for: {', '.join(seen) if seen else 'no range'}")
    lines += _quantity_lines(profile.quantities, full)
    lines += [f"left out: {left.probe}: {left.reason}" for left in profile.left_out]
    lines += [f"warning: {warning}" for warning in profile.warnings]
    return "\n".join(lines) + "\n"


def age_text(date: str, now: datetime | None = None) -> str:
    """Return how old an ISO date is, in words; the date itself where it cannot be read."""
    try:
        then = datetime.fromisoformat(date)
    except ValueError:
        return f"of {date}"
    minutes = int(((now or datetime.now(UTC)) - then.astimezone(UTC)).total_seconds() // 60)
    if minutes < 120:
        return f"{max(0, minutes)} minutes old"
    return f"{minutes // 60} hours old" if minutes < 2880 else f"{minutes // 1440} days old"


def _host_lines(host: Host) -> Iterator[str]:
    kind = "virtual machine" if host.virtual else "bare metal"
    threads = f", {host.threads_per_core} threads a core" if host.threads_per_core > 1 else ""
    yield (
        f"  host {host.identity}: {host.processor}, {host.usable} of {host.cpus} CPUs{threads}, {kind}, "
        f"{value_text(host.memory_bytes, 'B')}"
    )
    ticks = f", {host.kernel_hz} Hz" if host.kernel_hz else ""
    quota = f"CPU quota {host.cgroup_quota:g} cores" if host.cgroup_quota is not None else "no CPU quota"
    yield f"  {host.system} {host.kernel}{ticks}, governor {host.governor or 'none'}, {quota}"


def _quantity_lines(quantities: list[Quantity], full: bool) -> Iterator[str]:
    group = None
    order = list(dict.fromkeys(quantity.name.partition(".")[0] for quantity in quantities))
    for quantity in sorted(quantities, key=lambda one: order.index(one.name.partition(".")[0])):
        head = quantity.name.partition(".")[0]
        if head != group:
            group = head
            yield f"{group}"
        yield _quantity_line(quantity, full)


def _quantity_line(quantity: Quantity, full: bool) -> str:
    interval = ""
    if quantity.interval is not None:
        low, high = (value_text(end, quantity.unit) for end in quantity.interval)
        interval = f"  [{low}, {high}]"
    weak = {"yes": "", "weakly": "  weakly identified", "no": "  NOT IDENTIFIED"}[quantity.identified]
    use = f"  -> {quantity.field}" if quantity.field else ""
    disturbed = f"  ({quantity.left_out} disturbed left out)" if quantity.left_out else ""
    how = (
        f"\n      {quantity.how}; {quantity.origin} by {quantity.measured_by}, {quantity.date}"
        if full
        else ""
    )
    name = quantity.name.partition(".")[2]
    return (
        f"  {name:.<34} {value_text(quantity.value, quantity.unit):>12}{interval}{weak}{use}{disturbed}{how}"
    )


def comparison_text(one: Profile, other: Profile, names: tuple[str, str]) -> str:
    """Return two profiles side by side: first what makes their hosts different, then each quantity.

    A quantity is called different only where the intervals do not touch.
    """
    differences = different_hosts(one.host, other.host)
    if differences:
        lines = ["DIFFERENT HOSTS: these numbers are not two measurements of one thing"]
        lines += [f"  {difference}" for difference in differences]
    else:
        lines = ["the same host"]
    lines.append(f"{'':36} {names[0][-16:]:>16} {names[1][-16:]:>16}   change")
    by_name = {quantity.name: quantity for quantity in other.quantities}
    for quantity in one.quantities:
        beside = by_name.pop(quantity.name, None)
        lines.append(_comparison_line(quantity, beside))
    for quantity in by_name.values():
        lines.append(f"{quantity.name:36.36} {'-':>16} {value_text(quantity.value, quantity.unit):>16}")
    return "\n".join(lines) + "\n"


def _comparison_line(one: Quantity, other: Quantity | None) -> str:
    first = value_text(one.value, one.unit)
    if other is None or other.unit != one.unit:
        return f"{one.name:36.36} {first:>16} {'-':>16}"
    change = f"{other.value / one.value - 1:+.1%}" if one.value else "-"
    return f"{one.name:36.36} {first:>16} {value_text(other.value, other.unit):>16}   {change:>8}{_verdict(one, other)}"


def _verdict(one: Quantity, other: Quantity) -> str:
    if one.interval is None or other.interval is None:
        return ""
    apart = one.interval[1] < other.interval[0] or other.interval[1] < one.interval[0]
    return "  different" if apart else "  within the intervals"

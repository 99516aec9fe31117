"""Profiles for people: one shown, or two side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Final

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

UNKNOWN: Final = "not known"
"""Written for what a table does not say of its host."""


def value_text(value: float, unit: str) -> str:
    """Print a value in the unit that fits it, three digits."""
    return estimate_text(value, _FAMILIES[unit], brief=True)


def profile_text(profile: Profile, *, now: datetime | None = None, full: bool = False) -> str:
    """Return a profile as text: the host, the ranges, the scenario, the quantities by group, what was left out.

    now: from which the age counts. full: with versions, and how each quantity was measured, by what, when, its draws.
    """
    lines = [f"{profile.name}, {profile.date}, {age_text(profile.date, now)}", *_host_lines(profile.host)]
    lines.append(f"  measured for: {seen_text(profile)}")
    lines += _prediction_lines(profile)
    if full:
        lines.append(f"  versions: {_versions(profile)}")
    drawn = {name: len(draws) for name, draws in profile.samples.items()}
    lines += _quantity_lines(profile.quantities, drawn if full else None)
    lines += [f"left out: {left.probe}: {left.reason}" for left in profile.left_out]
    lines += [f"warning: {warning}" for warning in profile.warnings]
    return "\n".join(lines) + "\n"


def seen_text(profile: Profile) -> str:
    """Return the ranges that were measured."""
    names = {"concurrency": "concurrency", "rate_per_s": "rate", "cores": "cores", "instances": "instances"}
    seen = [
        f"{name} {ends[0]:,.5g}{_to(ends)}{'/s' if name == 'rate' else ''}"
        for field, name in names.items()
        if (ends := getattr(profile.seen, field)) is not None
    ]
    return ", ".join(seen) or "no range"


def _to(ends: tuple[float, float]) -> str:
    return "" if ends[0] == ends[1] else f" to {ends[1]:,.5g}"


def _prediction_lines(profile: Profile) -> Iterator[str]:
    """Yield what the profile gives to a run: a scenario, draws, and the model's own error."""
    if profile.scenario is None:
        yield f"  no fitted scenario; {profile.draws or 'no'} draws of the host's numbers"
        return
    fields = len(profile.scenario_samples)
    drawn = f"{profile.draws} draws of {fields} of its fields" if fields else "no draws of its fields"
    yield f'  fitted scenario "{profile.scenario.get("name", "")}", {drawn}'
    known = profile.discrepancy
    yield (
        f"  the model's own error (standard deviation): rates {known.rate:.1%}, times {known.time:.1%}, and "
        f"{known.per_doubling:.1%} for each doubling beyond what was measured"
    )


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
    if host.system == UNKNOWN:
        yield f"  host {host.identity}: {'; '.join(host.notes) or UNKNOWN}; {host.usable} CPUs"
        return
    kind = "virtual machine" if host.virtual else "bare metal"
    threads = f", {host.threads_per_core} threads a core" if host.threads_per_core > 1 else ""
    yield (
        f"  host {host.identity}: {host.processor}, {host.usable} of {host.cpus} CPUs{threads}, {kind}, "
        f"{value_text(host.memory_bytes, 'B')}"
    )
    ticks = f", {host.kernel_hz} Hz" if host.kernel_hz else ""
    quota = f"CPU quota {host.cgroup_quota:g} cores" if host.cgroup_quota is not None else "no CPU quota"
    yield f"  {host.system} {host.kernel}{ticks}, governor {host.governor or 'none'}, {quota}"


def _quantity_lines(quantities: list[Quantity], drawn: Mapping[str, int] | None) -> Iterator[str]:
    """Yield the quantities by group. drawn: how many draws each has; None: not in full."""
    group = None
    order = list(dict.fromkeys(quantity.name.partition(".")[0] for quantity in quantities))
    for quantity in sorted(quantities, key=lambda one: order.index(one.name.partition(".")[0])):
        head = quantity.name.partition(".")[0]
        if head != group and "." in quantity.name:
            yield f"{head}"
        group = head
        yield _quantity_line(quantity, drawn)


def _quantity_line(quantity: Quantity, drawn: Mapping[str, int] | None) -> str:
    interval = ""
    if quantity.interval is not None:
        low, high = (value_text(end, quantity.unit) for end in quantity.interval)
        interval = f"  [{low}, {high}]"
    weak = {"yes": "", "weakly": "  weakly identified", "no": "  NOT IDENTIFIED"}[quantity.identified]
    use = f"  -> {quantity.field}" if quantity.field else ""
    disturbed = f"  ({quantity.left_out} disturbed left out)" if quantity.left_out else ""
    how = ""
    if drawn is not None:
        repeats = f", {len(quantity.repeats)} repeats" if quantity.repeats else ""
        draws = f", {drawn[quantity.name]} draws" if quantity.name in drawn else ""
        how = f"\n      {quantity.how}; {quantity.origin} by {quantity.measured_by}, {quantity.date}{repeats}{draws}"
    name = quantity.name.partition(".")[2] or quantity.name
    return f"  {name:.<34} {value_text(quantity.value, quantity.unit):>12}{interval}{weak}{use}{disturbed}{how}"


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
    for what, texts in (
        ("measured on", (one.date, other.date)),
        ("measured for", (seen_text(one), seen_text(other))),
        ("draws", (str(one.draws), str(other.draws))),
        ("versions", (_versions(one), _versions(other))),
    ):
        lines.append(f"  {what}: {texts[0]}" if texts[0] == texts[1] else f"  {what}: {texts[0]}; {texts[1]}")
    lines.append(f"{'':36} {names[0][-16:]:>16} {names[1][-16:]:>16}   change")
    by_name = {quantity.name: quantity for quantity in other.quantities}
    for quantity in one.quantities:
        beside = by_name.pop(quantity.name, None)
        lines.append(_comparison_line(quantity, beside))
    for quantity in by_name.values():
        lines.append(f"{quantity.name:36.36} {'-':>16} {value_text(quantity.value, quantity.unit):>16}")
    return "\n".join(lines) + "\n"


def _versions(profile: Profile) -> str:
    return ", ".join(f"{name} {text}" for name, text in profile.versions.items()) or "not known"


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

"""Levels that serve less than is offered: what was done says whether less was served."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from calibration.audit.across_levels import FEWEST, all_cores, costs_of
from calibration.audit.curves import is_steady
from calibration.audit.findings import Ledger
from calibration.audit.means import mean_of
from calibration.audit.tolerances import MEASUREMENT, ODD, rounding_of
from calibration.audit.words import named, shown, slips
from calibration.levels import Level

WORK: Final = ("cpu_busy_cores", "cpu_utilization", "network_bytes_per_s", "disk_bytes_per_s")
"""Figures that grow with what is done."""
OVERLOADED: Final = 5.0
"""Times that at the other levels are exceeded only where a queue grows without end, or near saturation."""
FEWEST_OPERATIONS: Final = 1000.0
"""That a load test offers at a level at least: a queue that so few of them leave behind did not grow all the time."""
FEWEST_WITHOUT_WORK: Final = 300.0
"""The same where nothing else says what was done: clients may be too few to hold a longer queue."""


def check_lost(levels: Sequence[Level], ledger: Ledger) -> None:
    """A level that serves less than is offered does not do the work of all that is offered, unless it is lost later.

    What an operation costs is taken from the levels that serve what is offered. Where response times have exploded
    there is an overload, in which work is begun and not ended; where nothing fails and they have not, there is none.
    """
    offered, witnesses = _offered(levels)
    for level in offered:
        if is_steady(level) or (level.error_rate or 0.0) > 0.01 or ledger.found_at("bounds", level):
            continue
        typical, usual = _typical(level), [_typical(one) or 0.0 for one in witnesses]
        exploded = typical is not None and typical > OVERLOADED * max(usual, default=0.0)
        behind = _offered_behind(level) if exploded else 0.0
        if behind >= FEWEST_OPERATIONS:
            continue
        told = {name: _work_of(witnesses, level, name) for name in WORK if level.figure(name)}
        judged = {name: work for name, work in told.items() if work is not None}
        if judged and all(of_all for of_all, _ in judged.values()):
            name = next(iter(judged))
            _report_lost(ledger, level, name, judged[name][1])
        elif not judged and typical and usual and behind < FEWEST_WITHOUT_WORK and _loses_nothing(level):
            _report_no_queue(ledger, level, typical)


def check_work_of_overload(levels: Sequence[Level], ledger: Ledger) -> None:
    """Where less is served than offered, at least the work of what is served is done, and at most that of all offered.

    What an operation costs is taken from the levels that serve what is offered.
    """
    offered, witnesses = _offered(levels)
    for level in offered:
        for name in WORK:
            between = _work_between(witnesses, level, name) if level.figure(name) and not is_steady(level) else None
            if between is None or ledger.found_at("bounds", level):
                continue
            law = "utilization" if name.startswith("cpu") else "forced_flow"
            ledger.check(law)
            stated, (least, most) = level.figure(name) or 0.0, between
            allowed = ODD + rounding_of(level, name, "throughput_per_s")
            if not least * (1.0 - allowed) <= stated <= most * (1.0 + allowed):
                _report_work(ledger, law, level, name, least if stated < least else most)


def _offered(levels: Sequence[Level]) -> tuple[list[Level], list[Level]]:
    """Return the levels at a rate, and those of them that serve it."""
    offered = [level for level in levels if level.kind == "open" and level.arrival_rate_per_s]
    return offered, [level for level in offered if is_steady(level)]


def _work_between(witnesses: Sequence[Level], level: Level, name: str) -> tuple[float, float] | None:
    """Return the least and the most that a figure may be; None if the others do not tell it."""
    works = _works(witnesses, level, name)
    if works is None:
        return None
    least, most = works
    return min(least, all_cores(level, name)) if name.startswith("cpu") else least, most


def _works(witnesses: Sequence[Level], level: Level, name: str) -> tuple[float, float] | None:
    """Return the work of what is served and of what is offered, by the cost of an operation at the other levels."""
    known = [one for one in witnesses if one.figure(name)]
    if len(known) < FEWEST or (fit := costs_of(known, name)) is None or fit.odd:
        return None
    each, fixed = float(fit.parameters[0]), float([*fit.parameters, 0.0][1])
    return fixed + each * level.throughput_per_s, fixed + each * (level.arrival_rate_per_s or 0.0)


def _report_work(ledger: Ledger, law: str, level: Level, name: str, limit: float) -> None:
    stated = level.figure(name) or 0.0
    of = "served" if stated < limit else "offered"
    ledger.find(
        law,
        "implausible",
        level,
        f"the {named(name)} is {shown(name, stated)}; by the cost of an operation at the other levels what is {of} "
        f"takes {shown(name, limit)}",
        figures=(name, "throughput_per_s"),
        stated=stated,
        expected=limit,
        explanations=(*slips(stated, limit), "figures of different runs"),
    )


def _loses_nothing(level: Level) -> bool:
    """Return whether a level serves clearly less than is offered, and states no operations that fail."""
    few = ODD + rounding_of(level, "throughput_per_s")
    missing = level.throughput_per_s < (1.0 - few) * (level.arrival_rate_per_s or 0.0)
    succeeds = level.success_rate is None or level.success_rate > 0.99
    return missing and succeeds and not level.timeout_rate and not level.retry_rate


def _offered_behind(level: Level) -> float:
    """Return how many operations are offered while a queue grows from nothing until the mean is that of the level.

    What is not served waits, so that a mean is that of half the time: mean = duration / 2 x (offered / served - 1), a
    fluid queue.
    """
    mean, missing = mean_of(level), 1.0 - level.throughput_per_s / (level.arrival_rate_per_s or level.throughput_per_s)
    return 2.0 * level.throughput_per_s * mean / missing if mean is not None and missing > 0.0 else float("inf")


def _report_no_queue(ledger: Ledger, level: Level, typical: float) -> None:
    rate = level.arrival_rate_per_s or 0.0
    ledger.find(
        "bounds",
        "implausible",
        level,
        f"{shown('throughput_per_s', rate)} are offered, {shown('throughput_per_s', level.throughput_per_s)} end and "
        f"hardly any are said to fail, so that a queue grows all the time; yet operations take no more than "
        f"{shown('mean_s', typical)}",
        figures=("throughput_per_s", "arrival_rate_per_s"),
        stated=level.throughput_per_s,
        expected=rate,
        explanations=(
            *slips(level.throughput_per_s, rate),
            "operations that were refused and are counted nowhere",
            "a load generator that did not keep its rate",
        ),
    )


def _typical(level: Level) -> float | None:
    return level.percentiles_s.get(50.0) or level.mean_s or min(level.percentiles_s.values(), default=None)


def _work_of(witnesses: Sequence[Level], level: Level, name: str) -> tuple[bool, float] | None:
    """Return whether a figure is that of all that is offered, not of what is served, and what it would be of that."""
    works = _works(witnesses, level, name)
    if works is None:
        return None
    of_served, of_all = works
    stated = level.figure(name) or 0.0
    rounding = rounding_of(level, name)
    is_of_all = abs(stated / of_all - 1.0) <= ODD + rounding
    return is_of_all and stated / of_served - 1.0 > ODD + MEASUREMENT + rounding, of_served


def _report_lost(ledger: Ledger, level: Level, name: str, of_served: float) -> None:
    stated, rate = level.figure(name) or 0.0, level.arrival_rate_per_s or 0.0
    ledger.find(
        "bounds",
        "implausible",
        level,
        f"{shown('throughput_per_s', rate)} are offered and {shown('throughput_per_s', level.throughput_per_s)} "
        f"end, but the {named(name)} of {shown(name, stated)} is that of all that is offered; of those that end "
        f"it would be {shown(name, of_served)}",
        figures=("throughput_per_s", name),
        stated=level.throughput_per_s,
        expected=rate,
        explanations=(
            *slips(level.throughput_per_s, rate),
            "operations that are worked on and then lost, as by timeouts",
        ),
    )

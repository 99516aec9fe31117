"""Stated changes against their figures, against each other, and against the laws that the levels obey."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from calibration.audit.findings import Ledger
from calibration.audit.means import mean_of
from calibration.audit.think_times import interactive_law
from calibration.audit.tolerances import ARITHMETIC, MEASUREMENT
from calibration.audit.words import named, percent, shown, slips
from calibration.levels import Claim, Level, LevelTable

AGREEMENT = 0.1
"""How far two statements of one change may be apart, as a share of the changed figure."""


def check_claims(tables: Sequence[LevelTable], ledger: Ledger) -> None:
    """Hold the claims of all tables of a report against each other and against its levels."""
    claims = [(table.source, claim) for table in tables for claim in table.claims]
    levels = [level for table in tables if not table.claims for level in table.levels]
    if not claims:
        ledger.skip("claims", "no change is stated")
        return
    for source, claim in claims:
        ledger.source = source
        _own_arithmetic(claim, ledger)
        _against_level(claim, levels, ledger)
    for source in dict.fromkeys(source for source, _ in claims):
        ledger.source = source
        own = [claim for table in tables if table.source == source for claim in table.claims]
        every = [claim for _, claim in claims]
        _against_law(own, every, levels, ledger)
        _together([claim for claim in own if claim.figure is None], ledger)
        _gain_against_change(own, every, levels, ledger)
        _gain_against_law([claim for claim in own if claim.figure is None], every, levels, ledger)


def _own_arithmetic(claim: Claim, ledger: Ledger) -> None:
    if claim.before is None or claim.after is None or claim.change is None or claim.before <= 0:
        return
    ledger.check("claims")
    expected = claim.after / claim.before - 1.0
    rounding = claim.rounding.get("before", 0.0) / claim.before + claim.rounding.get("after", 0.0) / max(
        claim.after, 1e-12
    )
    allowed = claim.rounding.get("change", 0.0) + (1.0 + expected) * (rounding + ARITHMETIC)
    if abs(claim.change - expected) <= allowed:
        return
    figure = claim.figure or ""
    inverse = abs(claim.change - (1.0 - claim.before / claim.after)) <= allowed if claim.after else False
    ledger.find(
        "claims",
        "impossible",
        None,
        f"from {shown(figure, claim.before)} to {shown(figure, claim.after)} is {percent(expected)}, "
        f"not {percent(claim.change)}",
        place=claim.place,
        figures=(figure,),
        stated=claim.change,
        expected=expected,
        explanations=(
            *(("relative to the new figure",) if inverse else ()),
            *slips(abs(claim.change), abs(expected)),
            "computed from other figures",
        ),
    )


def _against_level(claim: Claim, levels: Sequence[Level], ledger: Ledger) -> None:
    """The figure after a change is that of the level with as many processes."""
    level = _level_of(claim, levels)
    value = level.figure(claim.figure) if level is not None and claim.figure else None
    if level is None or not value or claim.after is None:
        return
    ledger.check("claims")
    rounding = claim.rounding.get("after", 0.0) / value + level.relative_rounding(claim.figure or "")
    if abs(claim.after / value - 1.0) > MEASUREMENT + rounding:
        ledger.find(
            "claims",
            "impossible",
            None,
            f"the {named(claim.figure or '')} after the change is {shown(claim.figure or '', claim.after)}, "
            f"but the level of {level.name} has {shown(claim.figure or '', value)}",
            place=claim.place,
            figures=(claim.figure or "",),
            stated=claim.after,
            expected=value,
            explanations=(*slips(claim.after, value), "figures of different runs"),
        )


def _level_of(claim: Claim, levels: Sequence[Level]) -> Level | None:
    return next((level for level in levels if claim.procs is not None and level.procs == claim.procs), None)


def _against_law(own: Sequence[Claim], claims: Sequence[Claim], levels: Sequence[Level], ledger: Ledger) -> None:
    """Throughput before a change against what its response time allows, by the think time of the levels.

    own: claims of one table. claims: those of the whole report.
    """
    law = interactive_law([level for level in levels if level.kind != "open"])
    if law is None:
        return
    for times in own:
        level = _level_of(times, levels)
        after = level.figure(times.figure) if level is not None and times.figure else None
        mean = mean_of(level) if level is not None else None
        if level is None or not after or not mean or times.before is None or not _is_time(times.figure):
            continue
        rates = [
            claim
            for claim in claims
            if claim.figure == "throughput_per_s" and claim.procs == times.procs and claim.before
        ]
        for claim in rates[:1]:
            ledger.check("claims")
            slower = mean * times.before / after
            allowed = level.throughput_per_s * (law[0] + law[1] * mean) / (law[0] + law[1] * slower)
            stated = claim.before or 0.0
            if abs(stated / allowed - 1.0) > AGREEMENT:
                _report_before(ledger, times, claim, level, allowed)


def _is_time(figure: str | None) -> bool:
    return figure == "mean_s" or bool(figure and figure[0] == "p" and figure[1:2].isdigit())


def _report_before(ledger: Ledger, times: Claim, claim: Claim, level: Level, allowed: float) -> None:
    figure = times.figure or ""
    ledger.find(
        "claims",
        "impossible",
        None,
        f"before the change {level.name} are said to bring {shown('throughput_per_s', claim.before or 0.0)} at a "
        f"{named(figure)} of {shown(figure, times.before or 0.0)}; with the operations circulating and the think "
        f"time of the levels, that response time goes with about {shown('throughput_per_s', allowed)} "
        "(interactive response-time law)",
        place=claim.place,
        figures=("throughput_per_s", figure),
        stated=claim.before,
        expected=allowed,
        explanations=(
            "figures before and after of different workloads",
            "the response time before the change is not of this load",
        ),
    )


def _together(claims: Sequence[Claim], ledger: Ledger) -> None:
    """What all changes bring together, against the best of them alone and against their product."""
    loads = list(dict.fromkeys(claim.load for claim in claims))
    for load in loads:
        parts = {claim.subject: claim for claim in claims if claim.load == load and claim.subject}
        whole = next((claim for claim in claims if claim.load == load and not claim.subject), None)
        if whole is None or whole.change is None or len(parts) < 2:
            continue
        ledger.check("claims")
        changes = {name: claim.change for name, claim in parts.items() if claim.change is not None}
        best = max(changes, key=lambda name: changes[name])
        if min(changes.values()) > 0 and whole.change < changes[best] - whole.rounding.get("change", 0.0) - 0.01:
            _report_together(ledger, load, whole, changes, best)


def _report_together(ledger: Ledger, load: str, whole: Claim, changes: Mapping[str, float], best: str) -> None:
    stated = whole.change or 0.0
    product = math.prod(1.0 + change for change in changes.values()) - 1.0
    average = sum(changes.values()) / len(changes)
    said = (
        ("it is about the average of the parts, which is no gain of anything",) if abs(average - stated) < 0.02 else ()
    )
    ledger.find(
        "claims",
        "implausible",
        None,
        f"at the load {load} everything together brings {percent(stated)}, less than {best} alone "
        f"({percent(changes[best])}), though every part is a gain; were they independent, {percent(product)}",
        place=whole.place,
        figures=("change",),
        stated=stated,
        expected=product,
        explanations=(
            *said,
            "gains of different figures: bytes, allocations and throughput",
            "changes that hinder each other",
        ),
    )


def _gain_against_change(
    own: Sequence[Claim], claims: Sequence[Claim], levels: Sequence[Level], ledger: Ledger
) -> None:
    """A gain stated for a load, against the change of throughput stated for its processes, and their trends."""
    procs_of = {level.label: level.procs for level in levels if level.label and level.procs}
    pairs: list[tuple[Claim, Claim]] = []
    for gain in own:
        if gain.figure is not None or gain.subject or gain.change is None:
            continue
        procs = procs_of.get(gain.load)
        change = next(
            (one for one in claims if one.figure == "throughput_per_s" and one.procs == procs and one.change),
            None,
        )
        if procs is not None and change is not None:
            pairs.append((gain, change))
    for gain, change in pairs:
        ledger.check("claims")
        stated, expected = gain.change or 0.0, change.change or 0.0
        if abs((1.0 + stated) / (1.0 + expected) - 1.0) > AGREEMENT:
            falling = _opposite(pairs)
            ledger.find(
                "claims",
                "implausible",
                None,
                f"at the load {gain.load} ({change.procs:g} processes) everything together is said to bring "
                f"{percent(stated)}, but the throughput changes by {percent(expected)}{falling}",
                place=gain.place,
                figures=("change", "throughput_per_s"),
                stated=stated,
                expected=expected,
                off=(1.0 + stated) / (1.0 + expected) - 1.0,
                explanations=(
                    "gains of another figure than throughput",
                    "gains that were not measured at this load",
                ),
            )


def _gain_against_law(gains: Sequence[Claim], claims: Sequence[Claim], levels: Sequence[Level], ledger: Ledger) -> None:
    """A gain of unnamed figure, taken as one of throughput: the response time that the law needs without it.

    Where think time rules, throughput hardly depends on the response time: X = N / (Z + R), so a gain g from a
    change means that without it the response time was R + g (Z + R). What the report itself says of response times
    before and after its changes must reach as far.
    """
    law = interactive_law([level for level in levels if level.kind != "open"])
    slower = [claim.before / claim.after for claim in claims if _is_time(claim.figure) and claim.before and claim.after]
    if law is None or law[0] <= 0.0 or not slower:
        return
    for level in levels:
        found = [claim for claim in gains if level.label and claim.load == level.label and (claim.change or 0.0) > 0.0]
        mean = mean_of(level)
        if not found or not mean:
            continue
        ledger.check("claims", len(found))
        responding = law[1] * mean / (law[0] + law[1] * mean)  # share of the cycle
        beyond = [
            claim
            for claim in found
            if 1.0 + (claim.change or 0.0) / responding > max(slower) * (1.0 + AGREEMENT + (claim.change or 0.0))
        ]
        if beyond:
            _report_gains(ledger, level, beyond, responding, max(slower))


def _report_gains(ledger: Ledger, level: Level, gains: Sequence[Claim], responding: float, slower: float) -> None:
    """responding: share of the cycle. slower: the largest factor by which a change made response times smaller."""
    most = max(gains, key=lambda claim: claim.change or 0.0)
    stated, mean = most.change or 0.0, mean_of(level) or 0.0
    supported = responding * (slower - 1.0)
    number = f"{len(gains)} gain{'s' * (len(gains) != 1)} of up to {percent(stated)}"
    all_of_it = percent(1.0 / (1.0 - responding) - 1.0)
    before = shown("mean_s", mean * (1.0 + stated / responding))
    ledger.find(
        "claims",
        "implausible",
        None,
        f"at the load {most.load} {number} ({most.subject or 'everything together'}) cannot be of throughput: "
        f"responding takes {100.0 * responding:.0f} % of a cycle, so that removing all of it would bring {all_of_it} "
        f"at most, and {percent(stated)} over the time before needs a response time of {before} then, against "
        f"{shown('mean_s', mean)} at {level.name} now; the report's response times change by a factor of {slower:.2f} "
        f"at most, which is worth {percent(supported)} (interactive response-time law)",
        place=most.place,
        figures=("change", "throughput_per_s"),
        stated=stated,
        expected=supported,
        off=(1.0 + stated) / (1.0 + supported) - 1.0,
        explanations=(
            "gains of bytes, of allocations or of a part of the work, not of throughput",
            "gains that were not measured at this load",
        ),
    )


def _opposite(pairs: Sequence[tuple[Claim, Claim]]) -> str:
    """Say so if one grows with the load and the other falls."""
    ordered = sorted(pairs, key=lambda pair: pair[1].procs or 0.0)
    gains = [gain.change or 0.0 for gain, _ in ordered]
    changes = [change.change or 0.0 for _, change in ordered]
    if len(ordered) > 1 and (gains[-1] - gains[0]) * (changes[-1] - changes[0]) < 0:
        return "; over the loads one grows and the other falls"
    return ""

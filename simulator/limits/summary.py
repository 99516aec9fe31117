"""The limits of a configuration as text: what they are, what binds at each, whether it recovers, what to watch."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Final

from simulator.limits.load import PROCS
from simulator.quantity_text import SHARE, TIME, estimate_text
from simulator.summary import (
    Ink,
    TextTable,
    probability_text,
    stands_on_text,
    table_lines,
    trust_lines,
    uncertainty_lines,
    wrapped,
)

_BOLD, _GREEN, _YELLOW, _RED, _DIM = "1", "32", "33", "31", "2"
SAID: Final = {"recommended": "recommended", "safe": "safe with monitoring", "tolerable": "tolerable"}

Data = Mapping[str, Any]


def limits_text(data: Data, *, colour: bool = False) -> str:
    """Print the limits for a person. Reads well without colour."""
    ink = Ink(colour)
    sections = (
        _headline(data, ink),
        _verdict(data, ink),
        trust_lines(data, ink),
        _predicted(data),
        _levels(data["levels"], data, ink),
        _criteria(data["levels"], ink),
        uncertainty_lines(data, ink),
        _without_one(data, ink),
        _recovery(data, ink),
        _monitoring(data, ink),
        _warnings(data, ink),
    )
    blocks = ["\n".join(lines) for lines in map(list, sections) if lines]
    return "\n\n".join(blocks) + "\n"


def headline(data: Data, what: str) -> str:
    """Say what an answer is about. what: the question."""
    provenance = data.get("provenance") or {}
    stands_on = stands_on_text(data)
    notes = "".join(f"; {note}" for note in provenance.get("notes") or ())
    engine = f"seed {data['seed']}, {data['engine']} engine"
    return f"{what} of {data['scenario']['name']} ({stands_on}): {engine}{notes}"


def load_text(load: float | None, axis: str) -> str:
    """Print a load. axis: "procs" or "rate"."""
    if load is None or not math.isfinite(load):
        return "-"
    return f"{load:,.0f} procs" if axis == PROCS else f"{load:,.4g}/s" if load < 1000 else f"{load:,.0f}/s"


def _breaks_at(estimate: float | None, axis: str) -> str:
    """Print where a criterion breaks: between two numbers of processes where the load is counted in them."""
    return f"{estimate:,.1f} procs" if axis == PROCS and estimate is not None else load_text(estimate, axis)


def limits_verdict(data: Data) -> str:
    """Return the answer in one sentence."""
    said = [f"{SAID[level]} {_verdict_text(row, data)}" for level, row in data["levels"].items()]
    stopped = "interrupted; what was found until then: " if data.get("interrupted") else ""
    return f"{stopped}up to these loads: {', '.join(said)}"


def _is_there(row: Data) -> bool:
    """Return whether there is a load that keeps the criteria, with calibration taken in where there is one."""
    found = row.get("prediction")
    return row["load"] is not None and not (found and not found["load"])


def _verdict_text(row: Data, data: Data) -> str:
    """Print a limit; where calibration is taken in, the load that is kept with 95 % first."""
    found = row.get("prediction")
    if not found:
        return _limit_text(row, data)
    kept = load_text(found["load"], data["axis"]) if found["load"] else "none"
    return f"{kept} (at the estimates {_limit_text(row, data)})"


def _predicted(data: Data) -> Iterator[str]:
    """Yield what calibration, model and simulation together leave open of each limit."""
    found = data.get("uncertainty")
    rows = [(level, row["prediction"]) for level, row in data["levels"].items() if row.get("prediction")]
    if not found or not rows:
        return
    yield from wrapped(
        f"  with calibration ({found['draws']} draws of the parameters): limits that are kept with 95 %, and the "
        f"{found['level']:.0%} prediction intervals of where the first criterion breaks"
    )
    for level, row in rows:
        low, high = (_breaks_at(row[end], data["axis"]) for end in ("low", "high"))
        beyond = f"; {row['censored']} draws beyond what was looked at" if row["censored"] else ""
        sure = probability_text(row["probability"])
        kept = load_text(row["load"], data["axis"]) if row["load"] else "none"
        yield from wrapped(
            f"  {level}: {kept}, {low} to {high}; the limit at the estimates is kept with probability {sure}{beyond}",
            "    ",
        )
    yield "  at the estimates of the parameters, the simulation's uncertainty alone:"


def _limit_text(row: Data, data: Data) -> str:
    if row["load"] is None:
        return "none"
    text = load_text(row["load"], data["axis"])
    return f"beyond {text}" if row["unlimited"] else text


def _headline(data: Data, ink: Ink) -> Iterator[str]:
    confidence = "limits are one-sided bounds at 95 % confidence"
    yield from (ink(line, _BOLD) for line in wrapped(f"{headline(data, 'limits')}; {confidence}"))


def _verdict(data: Data, ink: Ink) -> Iterator[str]:
    fine = all(map(_is_there, data["levels"].values())) and not data.get("interrupted")
    mark, code = ("✓", _GREEN) if fine else ("!", _YELLOW)
    yield from (ink(line, _BOLD, code) for line in wrapped(f"{mark} {limits_verdict(data)}", "  "))


def _levels(levels: Data, data: Data, ink: Ink) -> Iterator[str]:
    """Yield a row for each level: the limit, what binds, and what is seen there."""
    rows = []
    for level, row in levels.items():
        figures = row["at_limit"] or {}
        times = figures.get("response_time_s") or {}
        binds = row["resource"] or {}
        rows.append(
            [
                SAID[level],
                _limit_text(row, data),
                _breaks_at(row["estimate"], data["axis"]),
                row["binding"] or "-",
                binds.get("name") or "-",
                estimate_text(figures.get("throughput_per_s"), "rate", brief=True),
                estimate_text(times.get("p95"), TIME, brief=True),
                estimate_text(figures.get("cpu_utilization"), SHARE, brief=True),
            ]
        )
    header = ["level", "limit", "breaks at", "what breaks", "resource", "throughput", "p95", "cpu"]
    yield from table_lines(TextTable(header, rows), ink)
    for level, row in levels.items():
        if row["resource"]:
            yield from wrapped(f"  {level}: {row['resource']['name']}, because {row['resource']['why']}", "    ")


def _criteria(levels: Data, ink: Ink) -> Iterator[str]:
    """Yield all criteria with the probability that each is kept at its level's limit."""
    yield ink("  criteria (probability that each is kept at the limit)", _DIM)
    for level, row in levels.items():
        parts = []
        for one in row["criteria"]:
            probability = one["probability"]
            noise = "; beyond it only within noise" if one.get("within_noise") else ""
            sure = "" if probability is None else f" ({probability:.2f}{noise})"
            parts.append(f"{'' if one['kept'] else '✗ '}{one['criterion']}{sure}")
        yield from wrapped(f"  {level}: {', '.join(parts)}", "    ")


def _without_one(data: Data, ink: Ink) -> Iterator[str]:
    lost = data["n_minus_1"]
    if not lost:
        return
    if lost["levels"] is None:
        yield f"  one instance lost: {lost['why']}"
        return
    yield ink(f"  with one instance of {lost['service']} lost (cpu: of all cores, its idle ones too)", _DIM)
    yield from _levels(lost["levels"], data, ink)


def _recovery(data: Data, ink: Ink) -> Iterator[str]:
    """Yield what becomes of a spike at each limit."""
    recovery = data["recovery"]
    if not recovery:
        return
    yield ink(f"  does it recover from a spike of {recovery['factor']:g} times the load?", _DIM)
    for level, found in recovery["levels"].items():
        lasting = estimate_text(found["spike_s"], TIME, brief=True)
        spike = f"a spike of {lasting} at {load_text(found['load'], data['axis'])}"
        if not found["returns"]:
            line = f"{level}: no, {spike} is never over: the backlog does not shrink"
            yield from (ink(part, _RED) for part in wrapped(f"  {line}", "    "))
            continue
        back = estimate_text(found["return_s"], TIME, brief=True)
        after = f"within about {back} (by how fast the backlog shrinks)" if found["extrapolated"] else f"within {back}"
        yield from wrapped(f"  {level}: yes, {spike} is over {after}", "    ")
    yield from wrapped(f"  {_begins(recovery['never_from'], data['axis'])}", "    ")


def _begins(begins: Data | None, axis: str) -> str:
    if begins is None:
        return "nothing retries or abandons attempts, so a load that is stable always comes back"
    if begins["load"] is None:
        return f"up to {load_text(begins['returns_at'], axis)} it always comes back"
    return (
        f"from about {load_text(begins['load'], axis)} on it does not come back by itself: what is retried and "
        "abandoned keeps it overloaded (metastable)"
    )


def _monitoring(data: Data, ink: Ink) -> Iterator[str]:
    """Yield what to watch, the earliest first."""
    watched = data["monitoring"]
    if not watched or not watched["alerts"]:
        return
    interval = estimate_text(watched["interval_s"], TIME, brief=True)
    rows = [
        [
            alert["text"],
            load_text(alert["fires_at_load"], data["axis"]),
            "-" if alert["lead"] is None else f"{alert['lead']:.0%}",
            f"{alert['false_alarms_at_recommended']:.0%}",
            f"{alert['caught_at_safe']:.0%}",
            f"{alert['caught_at_tolerable']:.0%}",
        ]
        for alert in watched["alerts"]
    ]
    header = [f"alert, over {interval}", "fires at", "before tolerable", "at recommended", "at safe", "at tolerable"]
    yield from table_lines(TextTable(header, rows), ink)


def _warnings(data: Data, ink: Ink) -> Iterator[str]:
    for warning in data["warnings"]:
        yield from (ink(line, _YELLOW) for line in wrapped(f"  ! {warning['message']}"))
        yield from wrapped(f"    {warning['advice']}", "")

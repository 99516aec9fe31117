"""A plan as text: what to buy, why less does not do, and what else the same money buys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.limits.summary import headline
from simulator.quantity_text import MISSING, RATE, SHARE, TIME, estimate_text
from simulator.summary import Ink, TextTable, probability_text, table_lines, trust_lines, uncertainty_lines, wrapped

_BOLD, _DIM, _GREEN, _YELLOW, _RED = "1", "2", "32", "33", "31"

Data = Mapping[str, Any]


def plan_text(data: Data, *, colour: bool = False) -> str:
    """Print a plan for a person. Reads well without colour."""
    ink = Ink(colour)
    sections = (
        [ink(line, _BOLD) for line in wrapped(_about(data))],
        _verdict(data, ink),
        trust_lines(data, ink),
        _predicted(data),
        uncertainty_lines(data, ink),
        _smaller(data, ink),
        _table("runners-up", data["runners_up"], data, ink),
        _table("the same cores, from many small instances to few large ones", data["equal_cost"], data, ink),
        _warnings(data, ink),
    )
    blocks = ["\n".join(lines) for lines in map(list, sections) if lines]
    return "\n\n".join(blocks) + "\n"


def _about(data: Data) -> str:
    lost = ", with one instance lost too" if data["without_one"] else ""
    wanted = ", ".join(data["criteria"])
    return (
        f"{headline(data, 'plan')}; {data['configurations']} configurations of {data['service']}, wanted: {wanted}, "
        f"each with probability {data['probability']:g}{lost}"
    )


def plan_verdict(data: Data) -> str:
    """Return the answer in one sentence."""
    if data["plan"] is None:
        binding = data["binding"]
        return f"infeasible: {binding['resource']} makes it so, {data['largest']['text']}: {binding['why']}"
    best = data["plan"]
    found = data.get("uncertainty")
    if found:
        at_estimates = found["at_estimates"]
        if found["plan"] is None:
            given_up = "; the search for a dearer one was given up" if found["given_up"] else ""
            return (
                f"none of {found['judged']} configurations is enough with calibration taken in; at the estimates alone "
                f"{best['text']} would be ({_cost(best['cost'], data['unit'])}), which meets {at_estimates['binding']} "
                f"with probability {probability_text(at_estimates['probability'])}{given_up}"
            )
        taken = found["plan"]
        also = "" if taken["text"] == best["text"] else f" (at the estimates alone {best['text']} would do)"
        sure = f"each threshold met with probability {_at_least(taken['probability'])}"
        return f"{taken['text']}: {_cost(taken['cost'], data['unit'])}, {sure}, calibration taken in{also}"
    stopped = "interrupted; the cheapest that was seen to serve until then: " if data.get("interrupted") else ""
    sure = "" if best["probability"] is None else f", each threshold met with probability {_sure(best['probability'])}"
    return f"{stopped}{best['text']}: {_cost(best['cost'], data['unit'])}{sure}"


def _at_least(probability: float) -> str:
    """Print the probability of the criterion least sure to be met: the others have that, or more."""
    text = probability_text(probability)
    return text if text.startswith("above") else f"{text} or more"


def _sure(probability: float) -> str:
    return "above 0.999" if probability > 0.999 else f"{probability:.3f}"


def _cost(cost: float, unit: str) -> str:
    return f"{cost:,.4g} {'core' if cost == 1 and unit == 'cores' else unit}"


def _verdict(data: Data, ink: Ink) -> Iterator[str]:
    mark, code = ("✓", _GREEN) if enough(data) else ("✗", _RED)
    yield from (ink(line, _BOLD, code) for line in wrapped(f"{mark} {plan_verdict(data)}", "  "))
    best = ((data.get("uncertainty") or {}).get("plan")) or data["plan"]
    if best is not None and best.get("resource"):
        cpu = estimate_text(best["cpu_utilization"], SHARE, brief=True)
        p95 = estimate_text((best["response_time_s"] or {}).get("p95"), TIME, brief=True)
        yield from wrapped(f"  there: p95 {p95}, cpu {cpu}; {best['resource']} would bind next", "  ")


def _predicted(data: Data) -> Iterator[str]:
    """Yield the probability of each criterion, calibration, model and simulation together."""
    found = data.get("uncertainty")
    if not found:
        return
    rows = [found["at_estimates"]]
    if found["plan"] is not None and found["plan"]["text"] != rows[0]["text"]:
        rows.append(found["plan"])
    yield f"  probability that each is met, with calibration ({found['draws']} draws of the parameters)"
    for row in rows:
        parts = [f"{one['criterion']} {probability_text(one['probability'])}" for one in row["criteria"]]
        yield from wrapped(f"  {row['text']}: {', '.join(parts)}", "    ")


def enough(data: Data) -> bool:
    """Return whether a plan was found, with calibration taken in where there is one."""
    found = data.get("uncertainty")
    return bool(data["feasible"]) and not (found and found["plan"] is None)


def _smaller(data: Data, ink: Ink) -> Iterator[str]:
    """Yield why one step less of anything does not do, for the plan and the runners-up."""
    rows = [*data["smaller"], *(less for one in data["runners_up"] for less in one["smaller"])]
    if not rows:
        return
    yield ink("  why less does not do", _DIM)
    seen = set()
    for row in rows:
        if row["text"] not in seen and not row["feasible"]:
            seen.add(row["text"])
            yield from wrapped(f"  {row['text']}: {row['why']}", "    ")


def _table(title: str, rows: Sequence[Data], data: Data, ink: Ink) -> Iterator[str]:
    printed = [
        [
            row["text"],
            _cost(row["cost"], data["unit"]),
            "yes" if row["feasible"] else "no",
            estimate_text((row["response_time_s"] or {}).get("p95"), TIME, brief=True),
            estimate_text(row["throughput_per_s"], RATE, brief=True),
            estimate_text(row["cpu_utilization"], SHARE, brief=True),
            row["resource"] or MISSING,
        ]
        for row in rows
    ]
    if printed:
        yield from table_lines(
            TextTable([title, "cost", "serves", "p95", "throughput", "cpu", "binds next"], printed), ink
        )


def _warnings(data: Data, ink: Ink) -> Iterator[str]:
    for warning in data["warnings"]:
        yield from (ink(line, _YELLOW) for line in wrapped(f"  ! {warning['message']}"))
        yield from wrapped(f"    {warning['advice']}", "")

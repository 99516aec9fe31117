"""A sweep as text: what the curves show first, then a row for each point."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from simulator.curve import LOAD_AXES
from simulator.export import csv_text, summary_rows
from simulator.quantity_text import MISSING, NUMBER, RATE, SHARE, TIME, estimate_text, value_of
from simulator.summary import (
    CAUTION,
    MARKS,
    Ink,
    TextTable,
    probability_text,
    stands_on_text,
    table_lines,
    trust_lines,
    wrapped,
)

Data = Mapping[str, Any]


def sweep_text(data: Data, *, colour: bool = False) -> str:
    """Print a sweep for a person."""
    ink = Ink(colour)
    blocks = [
        [ink(line, "1") for line in wrapped(headline(data))],
        [*trust_lines(data, ink), *_method(data)],
        [line for found in findings(data) for line in wrapped(f"  {found}", "    ")],
        list(table_lines(point_table(data), ink)),
        [ink(line, "33") for line in _warnings(data)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def _method(data: Data) -> list[str]:
    found = data.get("uncertainty")
    if not found:
        return []
    return wrapped(
        f"  in brackets: {found['level']:.0%} prediction intervals, calibration, model and simulation together "
        f"({found['draws']} draws of the parameters at each point)"
    )


def headline(data: Data) -> str:
    """Say what a sweep is about, and how much of it there is."""
    provenance = data["provenance"]
    done, planned = len(data["points"]), data["planned_points"]
    short = labels(data)
    over = " x ".join(f"{short[axis['name']]} {_values(axis['values'])}" for axis in data["axes"])
    over = over or "the scenario alone"
    count = f"{planned} point{'s' if planned > 1 else ''}"
    count = f"{done} of {count} (interrupted)" if done < planned else count
    notes = "".join(f"; {note}" for note in provenance.get("notes") or ())
    return (
        f"{data['name']} ({stands_on_text(data)}): {count} over {over}; seed {data['seed']},"
        f" {data['engine']} engine{notes}"
    )


def _values(values: Sequence[str]) -> str:
    return ",".join(values) if len(values) <= 4 else f"{values[0]}..{values[-1]} ({len(values)} values)"


def labels(data: Data) -> dict[str, str]:
    """Return a short name of each axis: the end of its path, as far as that tells it from the others."""
    names = [axis["name"] for axis in data["axes"]]
    for parts in (1, 2, 3, 4):
        short = [".".join(name.split(".")[-parts:]) for name in names]
        if len(set(short)) == len(short) and (parts > 1 or not any("." in name for name in names)):
            return dict(zip(names, short, strict=True))
    return {name: name for name in names}


def setting_text(setting: Mapping[str, str], short: Mapping[str, str]) -> str:
    """Print the setting of a point or a curve."""
    return ", ".join(f"{short[name]} {text}" for name, text in setting.items())


def findings(data: Data) -> Iterator[str]:
    """Say what each curve shows, a line for each thing."""
    short = labels(data)
    for curve in data["curves"]:
        if curve["levels"] is None:
            continue
        at = setting_text(curve["setting"], short)
        for line in _curve(data, curve, short[curve["axis"]]):
            yield f"{at}: {line}" if at else line
    thresholds = _thresholds(data)
    if thresholds:
        yield thresholds


def _curve(data: Data, curve: Data, axis: str) -> Iterator[str]:
    text = {level: data["points"][index]["setting"][curve["axis"]] for level, index in _pairs(curve)}
    highest = curve["peak"]
    if highest:
        falls = " and falls beyond it" if highest["falls_beyond"] else ""
        yield f"most throughput: {_rate(highest)} at {axis} {text[highest['level']]}{falls}"
    if curve["knee"]:
        found = curve["knee"]
        mean = estimate_text(found["response_time_mean_s"], TIME, brief=True)
        level = text[found["level"]]
        yield f"knee (most throughput per response time): {axis} {level}, {_rate(found)} at a mean of {mean}"
    if curve["saturation"]:
        found = curve["saturation"]
        yield f"saturation: from {axis} {text[found['level']]} on, by {found['station']}, at {_rate(found)}"
    elif curve["axis"] in LOAD_AXES:
        yield f"saturation: not reached up to {axis} {text[curve['levels'][-1]]}"
    if curve["pays_up_to"]:
        found = curve["pays_up_to"]
        yield (
            f"pays up to {axis} {text[found['level']]}: the next step brings {found['next_gain']:.0%} more throughput,"
            " less than half of its share"
        )
    spans = [_span(row, text) for row in curve["bottlenecks"]]
    yield f"binds along {axis}: {'; '.join(spans)}"
    yield from _laws(axis, curve)


def _pairs(curve: Data) -> Iterator[tuple[float, int]]:
    return zip(curve["levels"], curve["points"], strict=True)


def _span(row: Data, text: Mapping[float, str]) -> str:
    first, last = text[row["from"]], text[row["to"]]
    return f"{first}: {row['name']}" if first == last else f"{first} to {last}: {row['name']}"


def _laws(axis: str, curve: Data) -> Iterator[str]:
    """Say what the bounds and the fitted law say."""
    bounds, usl = curve["bounds"], curve["usl"]
    if bounds:
        best = bounds["optimal_level"]
        where = "" if best is None else f"; they meet at {axis} {estimate_text(best, NUMBER, brief=True)}"
        most = estimate_text(bounds["throughput_most_per_s"], RATE, brief=True)
        alone = estimate_text(bounds["response_time_alone_s"], TIME, brief=True)
        yield f"asymptotic bounds: at most {most} ({bounds['station']}), at least {alone}{where}"
    if usl:
        peak = usl["peak_level"]
        where = "no peak" if peak is None else f"peak at {axis} {estimate_text(peak, NUMBER, brief=True)}"
        if peak is not None:
            where += f" with {estimate_text(usl['peak_throughput_per_s'], RATE, brief=True)}"
        law = f"contention {usl['contention']:.3g}, coherency {usl['coherency']:.3g}, {where}"
        off = f"off by {usl['error_median']:.1%} in the median, {usl['error_most']:.1%} at most"
        yield f"the Universal Scalability Law fitted to it: {law}; {off}"


def _rate(place: Data) -> str:
    return estimate_text(place["throughput_per_s"], RATE, brief=True)


def _thresholds(data: Data) -> str:
    """Say at how many points all thresholds hold."""
    points = [point for point in data["points"] if point["thresholds"]]
    if not points:
        return ""
    failing = [point for point in points if not _passed(point)]
    if not failing:
        return f"{MARKS[True]} all thresholds hold at every point"
    at = setting_text(failing[0]["setting"], labels(data))
    return f"{MARKS[False]} a threshold fails at {len(failing)} of {len(points)} points, first at {at}"


def _passed(point: Data) -> bool:
    return all(threshold["passed"] for threshold in point["thresholds"])


def point_table(data: Data) -> TextTable:
    """Return a row for each point, its bounds beside what was simulated; columns without content stay away."""
    knees = [
        curve["points"][curve["levels"].index(curve["knee"]["level"])] for curve in data["curves"] if curve.get("knee")
    ]
    rows = [_row(point, " < knee" if index in knees else "") for index, point in enumerate(data["points"])]
    shown = [name for name in rows[0] if any(row[name] not in ("", MISSING) for row in rows)]
    short = labels(data)
    cells = [[row[name] for name in shown] for row in rows]
    return TextTable([short.get(name, name) for name in shown], cells, ("binds",))


def _row(point: Data, mark: str) -> dict[str, str]:
    """Return the cells of a point by their columns. mark: what to say behind it."""
    efficiency, errors = point["efficiency"], point["error_rate"]
    return {
        **point["setting"],
        "throughput": estimate_text(point["throughput_per_s"], RATE),
        "at most": _bound(point, "throughput_at_most_per_s", RATE),
        "mean": _time(point, "mean"),
        "at least": _bound(point, "response_time_at_least_s", TIME),
        "p95": _time(point, "p95", brief=not point.get("uncertainty")),
        "p99": _time(point, "p99"),
        "cpu": estimate_text(point["cpu_utilization"], SHARE, brief=True),
        "errors": estimate_text(errors, SHARE, brief=True) if value_of(errors) else "",
        "effic.": estimate_text(efficiency, SHARE, brief=True) if efficiency else "",
        "met": _met(point),
        "binds": point["bottleneck"]["name"] + mark,
    }


def _met(point: Data) -> str:
    """Say whether all thresholds hold, and with what probability the one least sure is met."""
    if not point["thresholds"]:
        return ""
    chances = [one["probability"] for one in point["thresholds"] if one["probability"] is not None]
    return f"{MARKS[_passed(point)]} {probability_text(min(chances))}" if chances else MARKS[_passed(point)]


def _time(point: Data, name: str, brief: bool = True) -> str:
    return estimate_text(point["response_time_s"][name], TIME, brief=brief)


def _bound(point: Data, name: str, family: str) -> str:
    return estimate_text(point["bounds"][name], family, brief=True) if point["bounds"] else MISSING


def _warnings(data: Data) -> Iterator[str]:
    """Say each kind of warning once, with the points that have it."""
    by_code: dict[str, list[tuple[str, Data]]] = {}
    short = labels(data)
    for point in data["points"]:
        at = setting_text(point["setting"], short)
        for warning in point["warnings"]:
            by_code.setdefault(warning["code"], []).append((at, warning))
    for found in by_code.values():
        at, warning = found[0]
        where = f"at {at}: " if len(found) == 1 else f"at {len(found)} points, first {at}: "
        yield from wrapped(f"  {CAUTION} {where if at else ''}{warning['message']}", "    ")


def points_csv(data: Data) -> str:
    """Print the points as CSV, one row each: setting, bounds, and every number of the whole system in SI units."""
    rows = []
    for point in data["points"]:
        bounds = point["bounds"] or {}
        row: dict[str, Any] = {**point["setting"], "bottleneck": point["bottleneck"]["name"]}
        row |= {f"bounds.{name}": value for name, value in bounds.items() if name != "station"}
        kept = {key: value for key, value in point.items() if key not in ("setting", "bounds", "samples")}
        for name, value, half_width in summary_rows(kept):
            row[name] = value
            if half_width is not None:
                row[f"{name}.half_width"] = half_width
        rows.append(row)
    header = list(dict.fromkeys(name for row in rows for name in row))
    return csv_text(header, [[row.get(name) for name in header] for row in rows])

"""A comparison as text: what changes by more than noise first, then every measure, then the switches' effects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import median
from typing import Any, Final

from simulator.export import csv_text
from simulator.quantity_text import (
    BANDWIDTH,
    MISSING,
    RATE,
    SHARE,
    SIZE,
    TIME,
    estimate_text,
    quantity_text,
    value_of,
)
from simulator.summary import CAUTION, Ink, TextTable, stands_on_text, table_lines, trust_lines, wrapped

Data = Mapping[str, Any]

ROWS: Final = (
    ("throughput_per_s", "throughput", RATE),
    ("goodput_per_s", "goodput", RATE),
    ("response_time_s.mean", "response time, mean", TIME),
    ("response_time_s.p50", "p50", TIME),
    ("response_time_s.p90", "p90", TIME),
    ("response_time_s.p95", "p95", TIME),
    ("response_time_s.p99", "p99", TIME),
    ("response_time_s.p999", "p99.9", TIME),
    ("error_rate", "error rate", SHARE),
    ("timeout_rate", "timeouts per operation", SHARE),
    ("retry_rate", "retries per operation", SHARE),
    ("cpu_utilization", "cpu", SHARE),
    ("memory_bytes.mean", "memory, mean", SIZE),
    ("network_bytes_per_s", "network", BANDWIDTH),
    ("disk_bytes_per_s", "disk", BANDWIDTH),
)
"""Measure, label and family of each row."""

MAIN: Final = (
    ("throughput_per_s", "throughput"),
    ("response_time_s.p50", "p50"),
    ("response_time_s.p95", "p95"),
    ("response_time_s.p99", "p99"),
    ("cpu_utilization", "cpu"),
)
"""Measures of the tables that have a row for each system or switch."""

NOISE: Final = "noise"


def compare_text(data: Data, *, colour: bool = False) -> str:
    """Print a comparison for a person."""
    ink = Ink(colour)
    blocks = [
        [ink(line, "1") for line in wrapped(headline(data))],
        list(trust_lines(data, ink)),
        [line for found in findings(data) for line in wrapped(f"  {found}", "    ")],
        *(list(table_lines(table, ink)) for table in tables(data)),
        wrapped(f"  {_footnote(data)}"),
        [ink(line, "33") for line in _warnings(data)],
    ]
    return "\n\n".join("\n".join(block) for block in blocks if block) + "\n"


def headline(data: Data) -> str:
    """Say what is compared, and how it was run."""
    provenance, count = data["provenance"], data["replications"]
    names = " against ".join([data["arms"][0]["name"], ", ".join(row["name"] for row in data["differences"])])
    if len(data["differences"]) > 3 and data["factorial"]:
        names = f"{len(data['arms'])} combinations of {len(data['factorial']['switches'])} switches"
    window = f"{count} {'paired ' if data['paired'] else ''}replications of {quantity_text(data['duration_s'], TIME)}"
    notes = "".join(f"; {note}" for note in provenance.get("notes") or ())
    about = f"{data['name']} ({stands_on_text(data)}): {names}"
    cut = "interrupted, partial result: " if data["interrupted"] else ""
    return f"{cut}{about}: seed {data['seed']}, {data['engine']} engine, {window}{notes}"


def findings(data: Data) -> Iterator[str]:
    """Say of each system what differs from the first by more than noise."""
    for row in data["differences"]:
        metrics = row["metrics"]
        moved = [
            f"{label} {_relative(metrics[name]['relative'], metrics[name]['difference'])}{_unsure(metrics[name])}"
            for name, label in MAIN
            if name in metrics and metrics[name]["more_than_noise"]
        ]
        yield f"{row['name']}: {', '.join(moved)}" if moved else f"{row['name']}: no difference beyond noise"


def _unsure(metric: Data) -> str:
    """Say where what calibration leaves open may turn a difference round."""
    return ", which may be the other way round" if metric.get("direction_sure") is False else ""


def _relative(relative: Data, absolute: Data) -> str:
    """Print a change in per cent; as it stands in its own unit where what it is relative to is 0."""
    if relative["value"] is None:
        value = absolute["value"]
        return MISSING if value is None else f"{value:+.3g}"
    half_width = relative["half_width"]
    if "prediction" in relative:
        ends = relative["prediction"]
        between = "" if ends is None else f" ({100 * ends[0]:+.1f} to {100 * ends[1]:+.1f})"
        return f"{100 * relative['value']:+.1f}{between} %"
    reach = "" if half_width is None else f" ± {_digits(100 * half_width)}"
    return f"{relative['value']:+.{_places(half_width)}%}"[:-1] + f"{reach} %"


def _places(half_width: float | None) -> int:
    """Return how many decimals of a percentage its half-width allows."""
    return 1 if half_width is None or half_width >= 0.001 else 2


def _digits(percent: float) -> str:
    return f"{percent:.{_places(percent / 100)}f}"


def tables(data: Data) -> Iterator[TextTable]:
    """Yield the tables: every measure of two systems, or the main ones of many; then the effects of the switches."""
    if len(data["differences"]) == 1:
        yield _pair_table(data)
        return
    yield _arm_table(data)
    if data["factorial"]:
        yield _effect_table(data)


def _pair_table(data: Data) -> TextTable:
    first, second = (arm["name"] for arm in data["arms"])
    metrics = data["differences"][0]["metrics"]
    rows = []
    for name, label, family in ROWS:
        found = metrics.get(name)
        if found is None or not (value_of(found["before"]) or value_of(found["after"])):
            continue
        moved = found["more_than_noise"]
        cells = [estimate_text(found[side], family, brief=True) for side in ("before", "after")]
        change = [_signed(found["difference"], family), _relative(found["relative"], found["difference"])]
        says = MISSING if moved is None else _direction(found["difference"]) if moved else NOISE
        rows.append([label, *cells, *change, says])
    return TextTable(["", _cut(first), _cut(second), "difference", "in %", "it is"], rows, ("it is",))


def _direction(difference: Data) -> str:
    return "more" if difference["value"] > 0 else "less"


def _signed(estimate: Data, family: str) -> str:
    text = estimate_text(estimate, family)
    if family == SHARE:  # of the share itself, beside the column that is relative to it
        text = text.replace(" %", " points")
    return f"+{text}" if (value_of(estimate) or 0) > 0 else text


def _cut(name: str, width: int = 24) -> str:
    return name if len(name) <= width else f"{name[: width - 1]}…"


def _arm_table(data: Data) -> TextTable:
    """Return a row for each system: the first one's values, and how far the others are from them."""
    families = {name: family for name, _, family in ROWS}
    base = data["differences"][0]["metrics"]
    values = [estimate_text(base[name]["before"], families[name], brief=True) for name, _ in MAIN]
    rows = [[data["arms"][0]["name"], *values]]
    rows += [[row["name"], *(_change(row["metrics"][name]) for name, _ in MAIN)] for row in data["differences"]]
    return TextTable(["system", *(label for _, label in MAIN)], rows)


def _change(metric: Data) -> str:
    text = _relative(metric["relative"], metric.get("difference") or metric["effect"])
    return text if metric["more_than_noise"] else f"({text})"


def _effect_table(data: Data) -> TextTable:
    rows = [
        [" x ".join(effect["switches"]), *(_change(effect["metrics"][name]) for name, _ in MAIN)]
        for effect in data["factorial"]["effects"]
    ]
    return TextTable(["effect, mean over the others", *(label for _, label in MAIN)], rows)


def _footnote(data: Data) -> str:
    """Say what the intervals are, and what pairing has saved."""
    bracketed = "; in brackets what may be noise" if len(data["differences"]) > 1 else ""
    several = data["factorial"] and len(data["factorial"]["switches"]) > 1
    crossed = "; a x b is what the effect of one changes when the other is thrown too" if several else ""
    of = f"of the value in {data['arms'][0]['name']}{bracketed}{crossed}"
    says = f"± at 95 %, {of}"
    if data.get("uncertainty"):
        found = data["uncertainty"]
        says = (
            f"in brackets {found['level']:.0%} prediction intervals over {found['draws']} draws of the parameters, "
            f"with {found['effect_error']:.0%} of an effect as the model's own error; ± is the simulation alone, {of}"
        )
    if not data["paired"]:
        return f"{says}. Not paired: the results differ in seed, warm-up or duration."
    needed = [
        metric["replications_unpaired"]
        for row in data["differences"]
        for name, metric in row["metrics"].items()
        if name in dict(MAIN) and metric["replications_unpaired"]
    ]
    if not needed:
        return f"{says}."
    many = f"{median(needed):,.0f} replications (median of the measures) instead of {data['replications']}"
    return f"{says}. Without common random numbers the same intervals would take {many}."


def _warnings(data: Data) -> Iterator[str]:
    by_code: dict[str, list[tuple[str, str]]] = {}
    for arm in data["arms"]:
        for warning in arm["warnings"]:
            by_code.setdefault(warning["code"], []).append((arm["name"], warning["message"]))
    for found in by_code.values():
        name, message = found[0]
        also = f" and {len(found) - 1} more" if len(found) > 1 else ""
        yield from wrapped(f"  {CAUTION} {name}{also}: {message}", "    ")


def differences_csv(data: Data) -> str:
    """Print every difference as CSV in SI units, one row for each system and measure."""
    header = ["system", "metric", "before", "after", "difference", "half_width", "relative", "more_than_noise"]
    rows = [
        [
            row["name"],
            name,
            metric["before"],
            metric["after"],
            metric["difference"]["value"],
            metric["difference"]["half_width"],
            metric["relative"]["value"],
            metric["more_than_noise"],
        ]
        for row in data["differences"]
        for name, metric in row["metrics"].items()
    ]
    return csv_text(header, rows)


def effects_csv(data: Data) -> str:
    """Print every effect of the switches as CSV in SI units."""
    header = ["switches", "metric", "effect", "half_width", "relative", "more_than_noise"]
    effects = data["factorial"]["effects"] if data["factorial"] else []
    rows = [
        [
            " x ".join(effect["switches"]),
            name,
            metric["effect"]["value"],
            metric["effect"]["half_width"],
            metric["relative"]["value"],
            metric["more_than_noise"],
        ]
        for effect in effects
        for name, metric in effect["metrics"].items()
    ]
    return csv_text(header, rows)

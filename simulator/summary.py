"""A result as text that a person reads at a glance: what it is about, the verdict, then rows of estimates."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from models.records import CAUSE_NAMES
from simulator.bottleneck import place
from simulator.quantity_text import (
    BANDWIDTH,
    MISSING,
    NUMBER,
    RATE,
    SHARE,
    SIZE,
    TIME,
    estimate_text,
    quantity_text,
    simulation_text,
    value_of,
)
from simulator.verdict import OK, verdict

WIDTH: Final = 100
LABEL_WIDTH: Final = 30
STATION_ROWS: Final = 12
CAUTION: Final = "!"
MARKS: Final = {True: "✓", False: "✗"}

_BOLD, _DIM, _GREEN, _YELLOW, _RED, _CYAN = "1", "2", "32", "33", "31", "36"

SYSTEM_ROWS: Final = (
    ("throughput_per_s", "throughput", RATE),
    ("goodput_per_s", "goodput", RATE),
    ("efficiency", "efficiency", SHARE),
    ("success_rate", "success rate", SHARE),
    ("error_rate", "error rate", SHARE),
    ("timeout_rate", "timeouts per operation", SHARE),
    ("retry_rate", "retries per operation", SHARE),
    ("cpu_utilization", "cpu", SHARE),
    ("memory_bytes.mean", "memory, mean", SIZE),
    ("memory_bytes.peak", "memory, peak", SIZE),
    ("network_bytes_per_s", "network", BANDWIDTH),
    ("disk_bytes_per_s", "disk", BANDWIDTH),
)
"""Path in a result, label and family of each row of the whole system; response times follow the third."""
LEFT_OUT_AT_ZERO: Final = ("memory_bytes.mean", "memory_bytes.peak", "network_bytes_per_s", "disk_bytes_per_s")

Data = Mapping[str, Any]


class Ink:
    """Marks up text for a terminal, or leaves it as it is."""

    def __init__(self, coloured: bool) -> None:
        self.coloured = coloured

    def __call__(self, text: str, *codes: str) -> str:
        """Return the text in the style of some ANSI codes."""
        return f"\x1b[{';'.join(codes)}m{text}\x1b[0m" if self.coloured and text else text


def summary_text(data: Data, *, colour: bool = False) -> str:
    """Print a result for a person, at most WIDTH columns wide. Reads well without colour."""
    ink = Ink(colour)
    sections = (
        _headline(data, ink),
        _verdict(data, ink),
        trust_lines(data, ink),
        _estimates(data, ink),
        _workloads(data, ink),
        _bottleneck(data, ink),
        _stations(data, ink),
        _causes(data, ink),
        _thresholds(data, ink),
        uncertainty_lines(data, ink),
        _laws(data, ink),
        _warnings(data, ink),
    )
    blocks = ["\n".join(lines) for lines in map(list, sections) if lines]
    return "\n\n".join(blocks) + "\n"


def headline(data: Data) -> str:
    """Say what an answer is about: the scenario, what it stands on, and how it was run."""
    provenance = data.get("provenance") or {}
    name = (data.get("scenario") or {}).get("name", "scenario")
    stands_on = stands_on_text(data)
    replications = data.get("replications")
    run = [
        f"seed {data.get('seed')}",
        f"{data.get('engine')} engine",
        f"{replications} replication{'' if replications == 1 else 's'} of {_time(data.get('duration_s'))}"
        f" after a warm-up of {_time(data.get('warmup_s'))}",
    ]
    notes = "".join(f"; {note}" for note in provenance.get("notes") or ())
    return f"{name} ({stands_on}): {', '.join(run)}{notes}"


def stands_on_text(data: Data) -> str:
    """Say what an answer stands on: its source, and how far it is from what was measured."""
    source = (data.get("provenance") or {}).get("source")
    trust = data.get("trust") or {}
    if not trust.get("calibrated"):
        return f"{source}, not calibrated" if source else "not calibrated"
    far = [one for one in trust["distances"] if one["assumption"] is not None]
    if not far:
        return f"{source}; within what was measured"
    factors = ", ".join(
        f"{one['axis']} {one['factor']:.3g} times off" if one["factor"] else f"{one['axis']} never" for one in far
    )
    return f"{source}; off what was measured: {factors}"


def trust_lines(data: Data, ink: Ink) -> Iterator[str]:
    """Yield the line of the trust zone, where the answer has one."""
    trust = data.get("trust")
    if trust:
        code = _YELLOW if trust["marked"] else _CYAN
        yield from (ink(line, code) for line in wrapped(f"  trust zone: {trust['line']}"))


def uncertainty_lines(data: Data, ink: Ink) -> Iterator[str]:
    """Yield what the prediction intervals hold, and the share of each source in the uncertainty of the answer."""
    found = data.get("uncertainty")
    if not found:
        return
    for name, rows in found["shares"].items():
        yield from wrapped(f"  {share_text(name, rows)}", "    ")
    for one, other in found["not_told_apart"]:
        yield from wrapped(f"  {one} and {other} go together in the draws: their shares are not known apart", "    ")
    unknown = ", ".join(found["unidentified"])
    if unknown:
        yield from wrapped(f"  not identified by what was measured: {unknown}", "    ")


def share_text(name: str, rows: Sequence[Data]) -> str:
    """Say where the uncertainty of a measure comes from, largest share first; what is below 1 % is left out."""
    parts = [f"{row['source']} {row['share']:.0%}" for row in rows if row["share"] >= 0.01]
    return f"uncertainty of {measure_text(name)}: {', '.join(parts) or 'none'}"


def measure_text(name: str) -> str:
    """Return what people call a measure, such as `p95` or `throughput`."""
    statistic = name.partition("response_time_s.")[2]
    if statistic:
        return "mean response time" if statistic == "mean" else f"{response_time_label(statistic)} response time"
    return name.removesuffix("_per_s").removesuffix("_bytes").replace("_", " ")


def _time(value: Any) -> str:
    return quantity_text(value_of(value), TIME)


def _headline(data: Data, ink: Ink) -> Iterator[str]:
    for line in wrapped(headline(data)):
        yield ink(line, _BOLD)


def _verdict(data: Data, ink: Ink) -> Iterator[str]:
    found = verdict(data)
    mark, code = (MARKS[True], _GREEN) if found.state == OK else (MARKS[False], _RED)
    if found.state != OK and found.exit_code == 0:
        mark, code = CAUTION, _YELLOW
    for line in wrapped(f"{mark} {found.text}", "  "):
        yield ink(line, _BOLD, code)


def estimate_at(data: Data, path: str) -> Any:
    """Return what stands at a dotted path of a result; None where there is nothing."""
    found: Any = data
    for key in path.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def response_time_label(key: str) -> str:
    """Return what people call a field of the response times."""
    return "p99.9" if key == "p999" else key


def _estimates(data: Data, ink: Ink) -> Iterator[str]:
    if data.get("uncertainty"):
        found = data["uncertainty"]
        yield from wrapped(
            f"  in brackets: {found['level']:.0%} prediction intervals, calibration, model and simulation together "
            f"({found['draws']} draws of the parameters)"
        )
    yield from _rows(data, SYSTEM_ROWS[:3], ink)
    yield "  response time"
    for key, estimate in (data.get("response_time_s") or {}).items():
        yield _row(f"  {response_time_label(key)}", full_text(estimate, TIME), ink)
    yield from _rows(data, SYSTEM_ROWS[3:], ink)
    counts = data.get("operations") or {}
    shown = [f"{count:,} {name.replace('_', ' ')}" for name, count in counts.items() if count]
    for line, text in enumerate(wrapped(", ".join(shown), "", WIDTH - LABEL_WIDTH - 4)):
        yield _row("operations", text, ink) if line == 0 else " " * (LABEL_WIDTH + 4) + text


def _rows(data: Data, rows: Iterable[tuple[str, str, str]], ink: Ink) -> Iterator[str]:
    for path, label, family in rows:
        estimate = estimate_at(data, path)
        if estimate is not None and (value_of(estimate) or path not in LEFT_OUT_AT_ZERO):
            yield _row(label, full_text(estimate, family), ink)


def full_text(estimate: Any, family: str) -> str:
    """Print an estimate; of a prediction its interval first, then what the simulation alone leaves open."""
    simulated = simulation_text(estimate, family)
    return estimate_text(estimate, family) + (f"; {simulated}" if simulated else "")


def _row(label: str, text: str, ink: Ink) -> str:
    return f"  {label}{ink('.' * (LABEL_WIDTH - len(label)), _DIM)}: {text}"


class TextTable(NamedTuple):
    """A table of printed cells; the first column and those of words stand to the left, numbers to the right."""

    header: list[str]
    rows: list[list[str]]
    words: tuple[str, ...] = ("kind",)


def workload_table(data: Data) -> TextTable:
    """Return the workloads, where there are several."""
    keys = ("mean", "p50", "p95", "p99")
    workloads = data.get("workloads") or []
    rows = [
        [
            workload["name"],
            estimate_text(workload.get("throughput_per_s"), RATE),
            *(estimate_text(estimate_at(workload, f"response_time_s.{key}"), TIME, brief=True) for key in keys),
        ]
        for workload in workloads
    ]
    return TextTable(["workload", "throughput", *keys], rows if len(rows) > 1 else [])


def station_rows(data: Data) -> list[tuple[str, Data]]:
    """Return the stations that saw any work with their names, busiest first."""
    used = [
        (place(station), station)
        for station in data.get("stations") or ()
        if value_of(station.get("throughput_per_s")) or value_of(station.get("utilization"))
    ]
    return sorted(used, key=lambda row: -(value_of(row[1].get("utilization")) or 0.0))


def station_table(data: Data) -> TextTable:
    """Return what each station did."""
    rows = [
        [
            label,
            station["kind"],
            estimate_text(station.get("utilization"), SHARE),
            estimate_text(station.get("mean_queue_length"), NUMBER, brief=True),
            estimate_text(station.get("residence_time_s"), TIME, brief=True),
            estimate_text(station.get("throughput_per_s"), RATE, brief=True),
        ]
        for label, station in station_rows(data)
    ]
    return TextTable(["station", "kind", "utilization", "waiting", "residence", "throughput"], rows)


def cause_columns(data: Data) -> list[tuple[str, Mapping[str, float]]]:
    """Return for each group of operations what it is and its mean time by cause [s], the slowest last."""
    causes = data.get("causes") or {}
    percentile = response_time_label(causes.get("percentile") or "")
    labels = {"all": "all", "median": "p45 to p55", "explained": f"from {percentile} on"}
    return [(label, causes[group]) for group, label in labels.items() if sum(causes.get(group, {}).values())]


def cause_table(data: Data) -> TextTable:
    """Return the time and share of each cause, for all operations and for the groups that were asked for."""
    columns = cause_columns(data)
    names = [name for name in CAUSE_NAMES if any(seconds[name] > 0 for _, seconds in columns)]
    rows = [
        [name.replace("_", " "), *(_cause(seconds, name) for _, seconds in columns)]
        for name in sorted(names, key=lambda name: -columns[-1][1][name])
    ]
    return TextTable(["where the time goes", *(label for label, _ in columns)], rows)


def _cause(seconds: Mapping[str, float], name: str) -> str:
    share = seconds[name] / sum(seconds.values())
    return f"{estimate_text(seconds[name], TIME, brief=True)} {share:6.1%}" if seconds[name] else MISSING


def _workloads(data: Data, ink: Ink) -> Iterator[str]:
    yield from table_lines(workload_table(data), ink)


def bottleneck_text(data: Data) -> str:
    """Say what binds the throughput, why, and what comes next; empty where that is not known."""
    binds = data.get("bottleneck")
    if not binds:
        return ""
    because = "" if binds["why"].startswith(binds["name"]) else f"{binds['name']}, because "
    text = f"bottleneck: {because}{binds['why']}"
    ahead = binds.get("next")
    if not ahead:
        return text
    limit = estimate_text(ahead["full_at_throughput_per_s"], RATE, brief=True)
    return f"{text}; next: {ahead['name']} would be full at about {limit}"


def _bottleneck(data: Data, ink: Ink) -> Iterator[str]:
    yield from (ink(line, _CYAN) for line in wrapped(f"  {bottleneck_text(data)}"))


def _stations(data: Data, ink: Ink) -> Iterator[str]:
    table = station_table(data)
    yield from table_lines(TextTable(table.header, table.rows[:STATION_ROWS]), ink)
    if len(table.rows) > STATION_ROWS:
        yield f"  and {len(table.rows) - STATION_ROWS} more stations (--export-csv has all)"


def _causes(data: Data, ink: Ink) -> Iterator[str]:
    if len(cause_columns(data)) > 1:
        yield from table_lines(cause_table(data), ink)


_FAMILIES: Final = (("_time_s", TIME), ("bytes_per_s", BANDWIDTH), ("_per_s", RATE), ("memory_bytes", SIZE))


def _family(field: str) -> str:
    """Return how the value of a result's field is printed."""
    return next((family for part, family in _FAMILIES if part in field), SHARE)


def threshold_text(threshold: Data) -> str:
    """Say whether a threshold was met, by what, and how sure that is."""
    text = f"{MARKS[threshold['passed']]} {threshold['threshold']}"
    text += f" (it is {estimate_text(threshold, _family(threshold['field']))}"
    if threshold["probability"] is not None:
        uncertain = "uncertain, " if threshold["verdict"] == "uncertain" else ""
        text += f"; {uncertain}met with probability {probability_text(threshold['probability'])}"
    return f"{text})"


def probability_text(probability: float) -> str:
    """Print a probability; near 0 and 1 as a bound, because nothing is that sure."""
    if probability > 0.995:
        return "above 0.99"
    return "below 0.01" if probability < 0.005 else f"{probability:.2f}"


def _thresholds(data: Data, ink: Ink) -> Iterator[str]:
    for threshold in data.get("thresholds") or ():
        uncertain = threshold["verdict"] == "uncertain"
        code = _YELLOW if uncertain else _GREEN if threshold["passed"] else _RED
        yield from (ink(line, code) for line in wrapped(f"  {threshold_text(threshold)}", "    "))


def _laws(data: Data, ink: Ink) -> Iterator[str]:
    laws = data.get("laws") or ()
    broken = [law for law in laws if not law["holds"]]
    if laws and not broken:
        yield ink(f"  {MARKS[True]} all {len(laws)} sample-path laws hold", _GREEN)
    for law in broken:
        line = f"  {MARKS[False]} law {law['number']} is broken ({law['law']}): {law['detail']}"
        yield from (ink(part, _RED) for part in wrapped(line, "    "))


def _warnings(data: Data, ink: Ink) -> Iterator[str]:
    for warning in data.get("warnings") or ():
        yield from (ink(line, _YELLOW) for line in wrapped(f"  ! {warning['message']}"))
        yield from wrapped(f"    {warning['advice']}", "")


def table_lines(table: TextTable, ink: Ink) -> Iterator[str]:
    """Print a table; nothing where it has no rows."""
    if not table.rows:
        return
    widths = [max(map(len, column)) for column in zip(table.header, *table.rows, strict=True)]
    to_the_left = [column == 0 or name in table.words for column, name in enumerate(table.header)]

    def line(row: Sequence[str]) -> str:
        cells = zip(row, widths, to_the_left, strict=True)
        return "  " + "  ".join(c.ljust(w) if left else c.rjust(w) for c, w, left in cells).rstrip()

    yield ink(line(table.header), _DIM)
    yield from map(line, table.rows)


def wrapped(text: str, indent: str = "  ", width: int = WIDTH) -> list[str]:
    """Break a text into lines; those after the first are indented further."""
    start = text[: len(text) - len(text.lstrip())]
    return textwrap.wrap(
        text.strip(),
        width,
        initial_indent=start,
        subsequent_indent=start + indent,
        break_long_words=False,
        break_on_hyphens=False,
    )

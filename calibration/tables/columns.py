"""What the columns of a plain CSV mean, by their names.

A name is cut into words at everything but letters, digits and points. Its words say a figure, a unit and, what
remains, a series: `throughput_per_s`, `lat_avg_ms`, `p99.9_us`, `cpu_pct`, `rps_10kb` (series "10kb").
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

LOADS: Final[Mapping[str, str]] = {
    "procs": "procs",
    "proc": "procs",
    "processes": "procs",
    "nprocs": "procs",
    "load": "procs",
    "workers": "procs",
    "threads": "clients",
    "clients": "clients",
    "connections": "clients",
    "conns": "clients",
    "users": "clients",
    "vus": "clients",
    "concurrency": "concurrency",
    "population": "clients",
}
"""Words for how much is offered: processes, clients with one operation in flight each, or operations."""

COUNTS: Final[Mapping[str, str]] = {
    "cores": "cores",
    "cpus": "cores",
    "vcpus": "cores",
    "processors": "cores",
    "instances": "instances",
    "nodes": "instances",
    "replicas": "instances",
    "servers": "instances",
    "operations": "operations",
    "requests": "operations",
    "transactions": "operations",
    "repeats": "repeats",
}

TIME_UNITS: Final[Mapping[str, float]] = {
    "ns": 1e-9,
    "us": 1e-6,
    "µs": 1e-6,
    "usec": 1e-6,
    "ms": 1e-3,
    "msec": 1e-3,
    "milliseconds": 1e-3,
    "s": 1.0,
    "sec": 1.0,
    "secs": 1.0,
    "seconds": 1.0,
    "min": 60.0,
}

SIZE_UNITS: Final[Mapping[str, float]] = {
    "b": 1.0,
    "bytes": 1.0,
    "kb": 1e3,
    "mb": 1e6,
    "gb": 1e9,
    "tb": 1e12,
    "kib": 2.0**10,
    "mib": 2.0**20,
    "gib": 2.0**30,
    "kbit": 125.0,
    "mbit": 125e3,
    "gbit": 125e6,
    "mbps": 125e3,
    "gbps": 125e6,
    "mbs": 1e6,
}

RATE_WORDS: Final = frozenset({"rps", "tps", "ops", "qps", "eps", "throughput", "tput", "xput", "inf", "x"})
TIME_WORDS: Final = frozenset(
    {"lat", "latency", "response", "rt", "resp", "time", "times", "r", "responsetime"}
)
FILLERS: Final = frozenset(
    {"per", "of", "the", "total", "rate", "percentile", "percent", "pct", "and", "in", "sec"}
)
MEANS: Final = frozenset({"avg", "mean", "average"})
DEVIATIONS: Final = frozenset({"stdev", "std", "stddev", "sd", "deviation"})
PERCENT_WORDS: Final = frozenset({"pct", "percent", "%"})
REPEAT_WORDS: Final = frozenset({"run", "repeat", "rep", "replicate", "trial", "iteration", "replication"})
LABEL_WORDS: Final = frozenset({"level", "label", "name", "scenario"})

SHARES: Final[Mapping[str, str]] = {
    "efficiency": "efficiency",
    "success": "success_rate",
    "error": "error_rate",
    "errors": "error_rate",
    "failure": "error_rate",
    "failures": "error_rate",
    "timeout": "timeout_rate",
    "timeouts": "timeout_rate",
    "retry": "retry_rate",
    "retries": "retry_rate",
}
"""Words for shares of the operations, of which a bare number is 0 to 1 and a percentage is in "pct"."""

FLOWS: Final[Mapping[str, str]] = {
    "network": "network_bytes_per_s",
    "net": "network_bytes_per_s",
    "disk": "disk_bytes_per_s",
    "io": "disk_bytes_per_s",
}

DURATIONS: Final = frozenset({"duration", "elapsed"})


@dataclass(frozen=True)
class Column:
    """What a column means.

    figure: field of a level, "p95" of a percentile, "clients" or "cpu", "run", "label" or "change".
    factor: SI units in its unit; None where the name has no unit and the figure needs one.
    percent: whether it is a percentage. series: what is left of the name.
    """

    figure: str
    factor: float | None = 1.0
    percent: bool = False
    series: str = ""


def column(name: str) -> Column | None:
    """Return what a column means by its name; None if that is not known."""
    words = _words(name)
    if not words or words[0] == "bounds" or {"half", "prediction"} & set(words):
        return None  # beside an estimate of a simulator
    percent = bool(PERCENT_WORDS & set(words))
    return (
        _marker(words)
        or _cpu(words, percent)
        or _share(words, percent)
        or _flow(words)
        or _rate(words)
        or _response_time(words)
        or _load(words)
    )


def _words(name: str) -> list[str]:
    text = name.strip().lower().replace("/", " per ").replace("%", " pct ")
    text = re.sub(r"\bp(\d+)[_.](\d)\b", r"p\1.\2", text)
    text = re.sub(r"\.(?=[a-z])", " ", text)  # response_time_s.p95
    return [word for word in re.split(r"[^\w.µ]+|_", text) if word]


def _rest(words: list[str], *known: str) -> str:
    return "_".join(word for word in words if word not in known and word not in FILLERS)


def _marker(words: list[str]) -> Column | None:
    if len(words) == 1 and words[0] in REPEAT_WORDS:
        return Column("run")
    if len(words) == 1 and words[0] in LABEL_WORDS:
        return Column("label")
    if words[0] == "improvement" or words[0] == "gain":
        return Column("change", percent=bool(PERCENT_WORDS & set(words)), series=_rest(words[1:]))
    return None


def _cpu(words: list[str], percent: bool) -> Column | None:
    known = {"cpu", "utilization", "util", "usage", "busy", "cores", "used"}
    if not {"cpu", "utilization", "util", "busy"} & set(words):
        return None
    rest = _rest([word for word in words if word not in known])
    if "generator" in words or "client" in words:
        return Column("generator_cpu_cores") if "cores" in words else None
    if rest and rest not in ("server", "service", "mean", "avg"):
        return None
    if "cores" in words:
        return Column("cpu_busy_cores")
    return Column("cpu", percent=percent)


def _share(words: list[str], percent: bool) -> Column | None:
    if words[0] == "speedup":
        return Column("speedup")
    if words[0] == "scalability" or words[0] not in SHARES:
        return None
    rest = _rest(words[1:], "share", "ratio")
    if rest in ("s", "count"):
        return None
    return Column(SHARES[words[0]], percent=percent, series=rest)


def _flow(words: list[str]) -> Column | None:
    memory = bool({"memory", "mem", "rss"} & set(words))
    flow = next((FLOWS[word] for word in words if word in FLOWS), None)
    if not memory and flow is None:
        return None
    unit = next((SIZE_UNITS[word] for word in words if word in SIZE_UNITS), None)
    known = [
        word for word in words if word in (*SIZE_UNITS, *FLOWS, "memory", "mem", "rss", "s", "per", "mean")
    ]
    rest = _rest(words, *known)
    if rest:
        return None
    return Column("memory_bytes" if memory else str(flow), unit)


def _rate(words: list[str]) -> Column | None:
    offered = {"offered", "arrival", "target", "requested", "arrivals"} & set(words)
    per_unit = _rate_unit(words)
    if offered and (per_unit is not None or RATE_WORDS & set(words) or "rate" in words or "load" in words):
        return Column("arrival_rate_per_s", per_unit or 1.0)
    if words == ["rate"] or (words[0] == "rate" and per_unit is not None):
        return Column("arrival_rate_per_s", per_unit or 1.0)
    if not RATE_WORDS & set(words) and per_unit is None:
        return None
    if TIME_WORDS - {"r"} & set(words):
        return None
    each = "per" in words and any(
        f"per {word}" in " ".join(words) for word in ("proc", "process", "client", "thread")
    )
    figure = (
        "throughput_per_proc_per_s" if each else "goodput_per_s" if "goodput" in words else "throughput_per_s"
    )
    known = (
        "proc",
        "process",
        "client",
        "thread",
        "s",
        "second",
        "min",
        "h",
        "goodput",
        "requests",
        "transactions",
    )
    series = _rest([word for word in words if word not in RATE_WORDS], *known, "operations", "hour", "minute")
    if figure == "throughput_per_s" and "qps" in words:
        figure = "queries"
    return Column(figure, per_unit or 1.0, series=series)


def _rate_unit(words: list[str]) -> float | None:
    """Return events per second in the unit that stands behind "per"."""
    units = {
        "s": 1.0,
        "sec": 1.0,
        "second": 1.0,
        "min": 1 / 60,
        "minute": 1 / 60,
        "h": 1 / 3600,
        "hour": 1 / 3600,
        "ms": 1e3,
    }
    for before, after in itertools.pairwise(words):
        if before == "per" and after in units:
            return units[after]
    return None


def _response_time(words: list[str]) -> Column | None:
    unit = next((TIME_UNITS[word] for word in reversed(words) if word in TIME_UNITS), None)
    if unit is not None and words == ["min"]:
        return None
    if "think" in words or words == ["z"] or words == ["z", *words[1:]]:
        return Column("think_time_s", unit)
    figure = _statistic(words)
    if DURATIONS & set(words) or (words[:2] == ["total", "time"]):
        return Column("duration_s", unit or 1.0)
    if figure is None:
        if not TIME_WORDS & set(words) or _rest(words, *TIME_UNITS, *TIME_WORDS):
            return None
        figure = "mean_s"
    used = {*TIME_UNITS, *TIME_WORDS, *MEANS, *DEVIATIONS, "max", "min", "median", "maximum", "minimum", "th"}
    rest = _rest([word for word in words if word not in used and not _PERCENTILE.fullmatch(word)])
    return Column(figure, unit, series=rest)


_PERCENTILE: Final = re.compile(r"p(\d{1,2}(?:\.\d+)?|99\d{1,3})|(\d{1,2}(?:\.\d+)?)(?:th|st|nd|rd)")


def _statistic(words: list[str]) -> str | None:
    for word in words:
        match = _PERCENTILE.fullmatch(word)
        if match:
            return f"p{match[1] or match[2]}"
    if words[0].replace(".", "").isdigit() and "pct" in words and len(words) <= 3:
        return f"p{words[0]}"
    said = set(words)
    if "median" in said:
        return "p50"
    if DEVIATIONS & said:
        return "stdev_s"
    if {"max", "maximum"} & said:
        return "max_s"
    if "minimum" in said or ("min" in said and (TIME_WORDS & said or words[0] == "min")):
        return "min_s"
    return "mean_s" if MEANS & said else None


def percent_of(figure: str) -> float | None:
    """Return the percentage of a percentile's name: 99.9 for p99.9 and p999; None if it is no percentile."""
    match = re.fullmatch(r"p(\d+(?:\.\d+)?)", figure)
    if match is None:
        return None
    value = float(match[1])
    while value > 100.0:
        value /= 10.0
    return value


def _load(words: list[str]) -> Column | None:
    plain = [
        word for word in words if word not in ("n", "num", "number", "of", "count", "concurrent", "client")
    ]
    if len(plain) == 1 and plain[0] in LOADS:
        return Column(LOADS[plain[0]])
    if words in (["user", "count"], ["n", "users"]):
        return Column("clients")
    if words == ["n"]:
        return Column("clients")
    found = next((word for word in words if word in COUNTS), None)
    if found is None or len(plain) > 2 or "error" in words:
        return None
    if len(plain) == 2 and COUNTS[found] not in ("instances", "cores"):
        return None
    return Column(COUNTS[found])

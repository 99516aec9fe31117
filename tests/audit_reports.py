"""Load-test reports that are consistent by theory, and defects to plant in them.

A report is a list of rows (column name to figure in the column's unit), as a CSV would hold it. Every report is
a pure function of its seed. Levels, machine, distributions, columns and the digits printed are drawn; each level
is "measured": its mean demand and think time vary by a part of a percent, as they do in a sample of finite size,
and all its figures follow from those, so that they stay consistent.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import NormalDist

from scipy import stats

from simulator.theory.closed_networks import (
    Station,
    machine_repairman_response_time_percentile,
    server_multipliers,
    single_class_network,
)
from simulator.theory.multi_server import mmc_response_time_mean, mmc_response_time_percentile

Row = dict[str, float]
LADDERS = (
    (1, 5, 10, 20, 50),
    (1, 2, 4, 8, 16, 32),
    (1, 2, 4, 8, 16, 32, 64),
    (1, 4, 16, 30, 50),
    (4, 8, 16, 30, 50),
    (2, 4, 8, 12, 16, 24, 32, 48),
)
PERCENTS = (50, 95, 99)


@dataclass
class Report:
    """Rows of a report, what kind of system it is of, and the columns that tie its levels to operations."""

    name: str
    rows: list[Row]
    think_share: list[float] = field(default_factory=list)  # of the cycle, by level

    def csv(self) -> str:
        """Print the report as a CSV."""
        names = list(self.rows[0])
        lines = [",".join(names)]
        lines += [",".join(f"{row[name]:.10g}" for name in names) for row in self.rows]
        return "\n".join(lines) + "\n"


def report(seed: int) -> Report:
    """Return a consistent report."""
    draw = random.Random(seed)
    families = (_closed_network, _closed_network, _one_server, _open_servers)
    made = draw.choice(families)(draw)
    _complete(made, draw)
    return made


def _closed_network(draw: random.Random) -> Report:
    """CPU of several cores, perhaps a disk, and think time; convolution (Buzen, 1973)."""
    cores, demand_s = draw.choice((1, 2, 4, 8, 16)), 10 ** draw.uniform(-4.5, -2)
    think_s = draw.choice((0.0, 0.0, demand_s * 10 ** draw.uniform(0, 2)))
    disk_s = draw.choice((0.0, demand_s * draw.uniform(0.05, 0.3)))
    each = draw.choice((1, 1, 1, 4, 20)) if think_s else 1
    low_cv, high_cv = draw.uniform(0.2, 1.2), draw.uniform(0.15, 0.8)
    made = Report("closed network", [])
    for procs in draw.choice(LADDERS):
        demand, think = demand_s * draw.gauss(1, 0.003), think_s * draw.gauss(1, 0.003)
        stations = [Station("cpu", (demand,), server_multipliers(cores))]
        stations += [Station("disk", (disk_s,))] if disk_s else []
        solved = single_class_network(stations, procs * each, think)
        throughput, mean = solved.throughput_per_s[0], solved.response_time_s[0]
        waiting = 1.0 - (demand + disk_s) / mean
        cv = low_cv * (1 - waiting) + high_cv * waiting
        row = {"procs": float(procs), "throughput_per_s": throughput, "mean": mean}
        row |= {f"p{percent}": gamma_percentile(mean, cv, percent) for percent in PERCENTS}
        row |= {"cpu": throughput * demand / cores, "cores": float(cores)}
        made.rows.append(row)
        made.think_share.append(think / (think + mean))
    return made


def gamma_percentile(mean: float, cv: float, percent: float) -> float:
    """Percentile of a gamma distribution."""
    shape = cv**-2
    return float(stats.gamma.ppf(percent / 100, shape, scale=mean / shape))


def _one_server(draw: random.Random) -> Report:
    """One server and users who think; percentiles are exact (Sevcik and Mitrani, 1981)."""
    demand_s = 10 ** draw.uniform(-4.5, -2)
    think_s = demand_s * 10 ** draw.uniform(0, 1.8)
    made = Report("one server", [])
    for procs in draw.choice(LADDERS):
        demand, think = demand_s * draw.gauss(1, 0.003), think_s * draw.gauss(1, 0.003)
        solved = single_class_network([Station("cpu", (demand,))], procs, think)
        throughput, mean = solved.throughput_per_s[0], solved.response_time_s[0]
        row = {"procs": float(procs), "throughput_per_s": throughput, "mean": mean}
        row |= {
            f"p{percent}": machine_repairman_response_time_percentile(procs, think, demand, percent / 100)
            for percent in PERCENTS
        }
        made.rows.append(row | {"cpu": throughput * demand, "cores": 1.0})
        made.think_share.append(think / (think + mean))
    return made


def _open_servers(draw: random.Random) -> Report:
    """M/M/c at several rates; percentiles are exact (Erlang, 1917)."""
    cores, demand_s = draw.choice((1, 2, 4, 8)), 10 ** draw.uniform(-4.5, -2)
    made = Report("open servers", [])
    for utilization in draw.choice(((0.1, 0.3, 0.5, 0.7, 0.9), (0.2, 0.4, 0.6, 0.8), (0.1, 0.2, 0.4, 0.6, 0.8, 0.95))):
        rate = utilization * cores / demand_s
        demand = demand_s * draw.gauss(1, 0.002)
        row = {"rate_per_s": rate, "throughput_per_s": rate * draw.gauss(1, 0.002)}
        row["mean"] = mmc_response_time_mean(rate, demand, cores)
        row |= {f"p{p}": mmc_response_time_percentile(rate, demand, cores, p / 100) for p in PERCENTS}
        made.rows.append(row | {"cpu": row["throughput_per_s"] * demand / cores, "cores": float(cores)})
        made.think_share.append(1.0)
    return made


def _complete(made: Report, draw: random.Random) -> None:
    """Add what follows from the figures, leave some columns out, and print with some digits."""
    sent, held, base = 10 ** draw.uniform(2, 4.3), 10 ** draw.uniform(3, 6), 10 ** draw.uniform(7, 9)
    alone = made.rows[0]["throughput_per_s"] / made.rows[0].get("procs", 1.0)
    digits, with_mean = draw.choice((3, 4, 4, 6)), draw.random() < 0.85
    left_out = {name for name in ("efficiency_pct", "network_mb_per_s", "memory_mb", "max_ms") if draw.random() < 0.5}
    left_out |= {"cpu_pct"} if draw.random() < 0.2 else set()
    loads = ("procs", "threads", "concurrency") if made.name != "closed network" else ("procs",)
    load = draw.choice(loads)
    for index, row in enumerate(made.rows):
        said: Row = {load if name == "procs" else name: row[name] for name in row if name in ("procs", "rate_per_s")}
        said["throughput_per_s"] = row["throughput_per_s"]
        if "procs" in row:
            said["efficiency_pct"] = 100 * row["throughput_per_s"] / row["procs"] / alone
        said |= {"mean_ms": 1e3 * row["mean"]} if with_mean else {}
        said |= {f"p{percent}_ms": 1e3 * row[f"p{percent}"] for percent in PERCENTS}
        said["max_ms"] = said["p99_ms"] * draw.uniform(1.5, 3.0)
        said |= {"cpu_pct": 100 * row["cpu"], "cores": row["cores"]}
        said["network_mb_per_s"] = row["throughput_per_s"] * sent / 1e6
        said["memory_mb"] = (base + held * row["throughput_per_s"] * row["mean"]) / 1e6
        exact = (load, "cores")
        made.rows[index] = {
            name: value if name in exact else to_digits(value, digits)
            for name, value in said.items()
            if name not in left_out
        }


def to_digits(value: float, digits: int) -> float:
    """Round to significant digits, but whole numbers to units."""
    if value == 0:
        return 0.0
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))


def significant_digits(value: float) -> int:
    """Return with how many significant digits a figure is printed."""
    return max(len(f"{value:.9e}".split("e")[0].replace(".", "").strip("-").rstrip("0")), 1)


NOT_PLANTED = {
    "procs", "threads", "connections", "concurrency", "cores", "instances", "rate_per_s", "max_ms", "error_pct",
}  # fmt: skip
"""Loads and machines, which say what was measured, and figures that no law ties to others."""
TIMES = ("mean_ms", "p50_ms", "p95_ms", "p99_ms")


def plant(made: Report, seed: int) -> tuple[Report, str]:
    """Plant one defect of 10 to 60 % in a copy of a report; return it and what was done."""
    draw = random.Random(f"defect {seed}")
    rows = [dict(row) for row in made.rows]
    columns = [name for name in rows[0] if name not in NOT_PLANTED]
    column = draw.choice(columns)
    level = draw.randrange(len(rows))
    size = draw.uniform(0.10, 0.60)
    factor = draw.choice((1 + size, 1 / (1 + size)))
    digits = max(significant_digits(row[column]) for row in made.rows)  # as the column prints the others
    rows[level][column] = to_digits(rows[level][column] * factor, digits)
    return Report(made.name, rows, made.think_share), f"{column} x {factor:.3f} at level {level} ({made.name})"


NORMAL = NormalDist()
Planter = Callable[[Report, int], tuple[Report, str]]

"""Print what was measured on a real machine against what the simulator says, row by row.

    python benchmarks/measured_tables.py [--seconds 60] [--seed 1]

Every table of `tests/data/measured` is simulated with the one scenario of its machine; from row to row only
the number of processes and the think time change. The demand in that scenario is that of one process alone,
so every other row is a prediction. Where a row was measured several times, the median is shown with its
range: an error within the range says nothing.
"""

from __future__ import annotations

import argparse
import csv
import statistics
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator import Scenario, run

DATA = Path(__file__).resolve().parent.parent / "tests" / "data" / "measured"
OTHERS_LIMIT = 0.03
"""A row during which others took more of the machine is left out; measure_machine.py calls it disturbed."""
MEASURES = ("throughput_per_s", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms")


@dataclass(frozen=True)
class MeasuredRow:
    """One level of a table: for each measure all its repeats, in ms and 1/s."""

    procs: int
    think_mean_ms: float
    repeats: Mapping[str, list[float]]

    def median(self, measure: str) -> float | None:
        """Return the median of the repeats, None where the measure was not recorded."""
        values = self.repeats.get(measure)
        return statistics.median(values) if values else None


def read_table(path: Path) -> list[MeasuredRow]:
    """Return the rows of a table with one line for each level, or one for each level and repeat."""
    with path.open() as file:
        lines = list(csv.DictReader(line for line in file if not line.startswith("#")))
    quiet = [line for line in lines if float(line.get("others_share") or 0.0) <= OTHERS_LIMIT]
    levels: dict[tuple[int, float], dict[str, list[float]]] = {}
    for line in quiet:
        level = levels.setdefault((int(line["procs"]), float(line["think_mean_ms"])), {})
        for measure in MEASURES:
            if line.get(measure):
                level.setdefault(measure, []).append(float(line[measure]))
    return [MeasuredRow(procs, think, repeats) for (procs, think), repeats in levels.items()]


def scenario_of(machine: Path, procs: int, think_mean_ms: float, seconds: float, seed: int) -> Scenario:
    """Return the machine's scenario with so many processes that think for so long on average."""
    table: dict[str, Any] = tomllib.loads(machine.read_text())
    table["run"].update(duration=f"{seconds:g}s", seed=seed)
    table["workloads"][0]["procs"] = procs
    if think_mean_ms:
        table["workloads"][0]["think_time"] = {"distribution": "exponential", "mean": f"{think_mean_ms:g}ms"}
    return Scenario.model_validate(table)


def simulate(machine: Path, row: MeasuredRow, seconds: float, seed: int = 1) -> dict[str, float]:
    """Return the simulator's answer for a row, by measure, in ms and 1/s."""
    scenario = scenario_of(machine, row.procs, row.think_mean_ms, seconds, seed)
    processes = run(scenario).data["workloads"][0]
    times = {
        measure: processes["response_time_s"][measure.removesuffix("_ms")]["value"] * 1e3
        for measure in MEASURES
        if measure.endswith("_ms")
    }
    return {"throughput_per_s": processes["throughput_per_s"]["value"], **times}


def number(value: float) -> str:
    """Return a measure with three or four significant digits."""
    return f"{value:.0f}" if value >= 200 else f"{value:.1f}" if value >= 20 else f"{value:.2f}"


def cell(row: MeasuredRow, measure: str, simulated: float) -> str:
    """Return measured, simulated and the error of one measure."""
    measured = row.median(measure)
    if measured is None:
        return f"- / {number(simulated)}"
    repeats = row.repeats[measure]
    spread = f" ({number(min(repeats))}..{number(max(repeats))})" if len(repeats) > 1 else ""
    return f"{number(measured)}{spread} / {number(simulated)} / {simulated / measured - 1:+.1%}"


def table_lines(name: str, machine: Path, seconds: float, seed: int) -> Iterator[str]:
    """Yield a table of measured / simulated / error in Markdown."""
    yield f"## {name} (measured / simulated / error)"
    yield ""
    yield "| procs | think ms | " + " | ".join(MEASURES) + " |"
    yield "| --- " * (len(MEASURES) + 2) + "|"
    for row in read_table(DATA / f"{name}.csv"):
        simulated = simulate(machine, row, seconds, seed)
        cells = [cell(row, measure, simulated[measure]) for measure in MEASURES]
        yield f"| {row.procs} | {row.think_mean_ms:g} | " + " | ".join(cells) + " |"
    yield ""


def main() -> int:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="simulated time of a row")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    for machine in sorted(DATA.glob("machine_*.toml")):
        for table in sorted(DATA.glob(f"*_{machine.stem.removeprefix('machine_')}.csv")):
            begin = time.perf_counter()
            for line in table_lines(table.stem, machine, arguments.seconds, arguments.seed):
                print(line, flush=True)
            print(f"{table.stem}: {time.perf_counter() - begin:.1f} s", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())

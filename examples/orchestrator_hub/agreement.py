"""Each level of the report beside the simulation of a scenario: `python -m examples.orchestrator_hub.agreement`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.orchestrator_hub.figures import (
    FIGURES_OF_A_LEVEL,
    HERE,
    PREDICTED,
    PREDICTED_THROUGHPUT_BOUND,
    Figure,
    levels,
)
from simulator import Result, run
from simulator.overrides import from_settings
from simulator.scenario_source import prepare

OPERATIONS = 60_000
"""Operations of a level that are measured: enough for a 99th percentile within 2 %."""
WARMUP_S = 2.0
SHORTEST_S = 4.0
"""Time of a level that is measured at least: what waits at 50 processes swings for tenths of seconds."""


@dataclass(frozen=True)
class Compared:
    """One figure of one level: what the report and the simulation say, in the report's unit."""

    procs: int
    figure: Figure
    reported: float
    simulated: float

    @property
    def error(self) -> float:
        """Points, or a share of the reported value."""
        return self.figure.error(self.simulated, self.reported)

    @property
    def bound(self) -> float:
        """What the error may be."""
        if self.figure.column == "throughput_per_s" and self.procs == PREDICTED:
            return PREDICTED_THROUGHPUT_BOUND
        return self.figure.bound

    @property
    def agrees(self) -> bool:
        """Whether the error is within its bound."""
        return abs(self.error) <= self.bound


def simulate_level(
    scenario: Path, procs: int, settings: Sequence[str] = (), operations: int = OPERATIONS, shortest_s: float = 0.4
) -> Result:
    """Simulate a scenario at a number of processes for about so many operations of the reported throughput."""
    duration_s = max(operations / (800.0 * procs), shortest_s)
    given = [
        f"workloads.agents.procs={procs}",
        f"run.warmup={WARMUP_S:g}s",
        f"run.duration={round(duration_s * 1e3)}ms",
        "run.replications=2",
        *settings,
    ]
    return run(prepare(scenario, from_settings(given)).scenario)


def compare_level(scenario: Path, procs: int) -> list[Compared]:
    """Return every figure of a level of the report beside the simulation's."""
    result = simulate_level(scenario, procs, shortest_s=SHORTEST_S)
    reported = levels()[procs]
    return [Compared(procs, figure, reported[figure.column], figure.simulated(result)) for figure in FIGURES_OF_A_LEVEL]


def table(compared: Sequence[Compared]) -> str:
    """Return rows of reported, simulated and error; what is outside its bound is marked."""
    lines = [
        "| figure | procs | reported | simulated | error | bound | |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for one in sorted(compared, key=lambda one: (FIGURES_OF_A_LEVEL.index(one.figure), one.procs)):
        unit = "points" if one.figure.points else "%"
        factor = 1.0 if one.figure.points else 100.0
        error = f"{one.error * factor:+.1f} {unit}"
        mark = "" if one.agrees else "outside"
        lines.append(
            f"| {one.figure.name} | {one.procs} | {one.reported:,.4g} | {one.simulated:,.4g} | {error} "
            f"| {one.bound * factor:g} | {mark} |".replace(",", "")
        )
    outside = sum(not one.agrees for one in compared)
    return "\n".join([*lines, "", f"{len(compared) - outside} of {len(compared)} figures within their bounds"])


def main(arguments: Sequence[str]) -> None:
    """Print the table of a scenario file, or of the one in which the gauge is true."""
    scenario = Path(arguments[0]) if arguments else HERE / "gauge_true.toml"
    print(table([one for procs in levels() for one in compare_level(scenario, procs)]))


if __name__ == "__main__":
    main(sys.argv[1:])

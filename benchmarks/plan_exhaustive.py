"""Holds `sim plan` to an exhaustive search: `python -m benchmarks.plan_exhaustive`.

For several loads, with and without one instance lost, the plan over 16 core counts x 32 instance counts is timed; then
the 512 configurations are judged in the order of preference, with nothing inferred from others, until one serves the
load: that is the cheapest, whatever the dearer ones do. `--all` judges those too, to see how many serve. The judgement
of a single configuration is the same; what is tested is that the search overlooks none.
`--only N` does one of the cases. `--rows FILE` keeps every verdict, so that what `--seconds N` cut short goes on.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from models.scenario import Scenario
from simulator.limits.trials import Laboratory, chosen_for_search, percents_of
from simulator.overrides import PLACES, collect
from simulator.plan import Wanted, plan
from simulator.plan.answer import criteria_of, measure_empty
from simulator.plan.judge import Judge, Verdict
from simulator.plan.search import ranked
from simulator.plan.space import Configuration, space_of
from simulator.scenario_source import prepare

AT_ONCE: Final = 8  # configurations, beside each other
THRESHOLD: Final = "response_time: p(95) < 150ms"


@dataclass(frozen=True)
class Case:
    """A load of the built-in hub, or of a service with a plain queue (rate in hundreds), and what is wanted."""

    system: str
    rate: str
    threshold: str
    without_one: bool

    @property
    def text(self) -> str:
        """What is planned."""
        lost = " with one instance lost" if self.without_one else ""
        return f"{self.system} {self.rate}, {self.threshold}{lost}"

    @property
    def scenario(self) -> Scenario:
        """The scenario at that rate."""
        if self.system == "hub":
            given: dict[str, str | None] = dict.fromkeys(PLACES)
            return prepare(None, collect({**given, "rate": self.rate}, [], set(), [])).scenario
        stages = [
            {"kind": "cpu", "demand": {"distribution": "exponential", "mean": "1ms"}},
            {"kind": "delay", "time": "5ms"},
        ]
        return Scenario.from_dict(
            {
                "name": "queue",
                "workloads": [{"name": "users", "kind": "open", "arrival_rate": self.rate}],
                "services": {"web": {"discipline": "fifo"}},
                "operations": [{"name": "call", "stages": stages}],
            }
        )


CASES: Final = tuple(
    Case(system, rate, threshold, without_one)
    for system, rates, threshold in (
        ("hub", ("20000/s", "50000/s"), THRESHOLD),
        ("queue", ("2500/s", "20000/s", "90000/s"), "response_time: p(95) < 9ms"),
    )
    for rate in rates
    for without_one in (False, True)
)


@dataclass
class Rows:
    """Verdicts that were given already, kept in a file if there is one.

    path: of the file. until_s: monotonic time at which no more are given. every: also of what is dearer than the
    cheapest that serves.
    """

    path: Path | None
    until_s: float
    every: bool

    def known(self, case: str) -> dict[Configuration, bool]:
        """Return the verdicts on a case's configurations."""
        if self.path is None or not self.path.exists():
            return {}
        rows = [json.loads(line) for line in self.path.read_text().splitlines()]
        return {Configuration(row["cores"], row["instances"]): row["serves"] for row in rows if row["case"] == case}

    def add(self, case: str, verdicts: Sequence[Verdict]) -> None:
        """Keep verdicts."""
        if self.path is None:
            return
        with self.path.open("a") as file:
            for verdict in verdicts:
                one = verdict.configuration
                row = {"case": case, "cores": one.cores, "instances": one.instances, "serves": verdict.feasible}
                file.write(json.dumps(row) + "\n")


def exhaustive(case: Case, wanted: Wanted, rows: Rows) -> tuple[str | None, int, int]:
    """Judge every configuration; return the cheapest that serves the load, how many do, and how many are left."""
    scenario = case.scenario
    engine, _ = chosen_for_search("auto")
    criteria = criteria_of(scenario, wanted)
    space = space_of(scenario, wanted.cores, wanted.instances, wanted.memories, Path())
    laboratory = Laboratory(engine, scenario.run.seed, percents_of(criteria))
    judge = Judge(laboratory, space, criteria, wanted.probability, wanted.without_one)
    measure_empty(judge)
    found = rows.known(case.text)
    left = [one for one in sorted(space.all(), key=ranked(wanted.prices)) if one not in found]
    for first in range(0, len(left), AT_ONCE):
        if time.monotonic() > rows.until_s or (any(found.values()) and not rows.every):
            break
        verdicts = judge.judge_all(left[first : first + AT_ONCE])
        rows.add(case.text, verdicts)
        found |= {verdict.configuration: verdict.feasible for verdict in verdicts}
    serving = [one for one, serves in found.items() if serves]
    best = min(serving, key=ranked(wanted.prices), default=None)
    return (None if best is None else best.text), len(serving), space.size - len(found)


def examine(case: Case, alone: bool, rows: Rows) -> bool:
    """Plan a case, search it exhaustively unless only the plan is wanted, and print both."""
    wanted = replace(Wanted(), thresholds=[case.threshold], without_one=case.without_one)
    scenario = case.scenario
    started = time.monotonic()
    data: dict[str, Any] = plan(scenario, wanted)
    planned_s = time.monotonic() - started
    found = data["plan"]["text"] if data["plan"] else None
    print(case.text)
    print(
        f"  plan: {found} ({planned_s:.1f} s, {data['configurations_simulated']} configurations simulated)", flush=True
    )
    if alone:
        return True
    started = time.monotonic()
    expected, serving, left = exhaustive(case, wanted, rows)
    agrees = expected == found
    judged = data["configurations"] - left
    print(f"  exhaustive: {expected} ({time.monotonic() - started:.1f} s, {judged} judged, {serving} of them serve)")
    unfinished = left and not serving
    print(f"  {'they agree' if agrees else 'not done yet' if unfinished else 'THEY DIFFER'}", flush=True)
    return agrees


def main() -> int:
    """Examine the cases. Exit code 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, help="the number of a case, from 0")
    parser.add_argument("--plan-only", action="store_true", help="time the plans alone")
    parser.add_argument("--all", action="store_true", help="judge what is dearer than the cheapest that serves, too")
    parser.add_argument("--rows", type=Path, help="file with a line of JSON for each verdict")
    parser.add_argument("--seconds", type=float, default=math.inf, help="after which no more verdicts are given")
    arguments = parser.parse_args()
    rows = Rows(arguments.rows, time.monotonic() + arguments.seconds, arguments.all)
    cases = CASES if arguments.only is None else CASES[arguments.only : arguments.only + 1]
    agreed = [examine(case, arguments.plan_only, rows) for case in cases]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())

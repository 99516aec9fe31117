"""Holds `sim plan` to an exhaustive search: `python -m benchmarks.plan_exhaustive`.

For several loads, with and without one instance lost, the plan over 16 core counts x 32 instance counts is timed; then
every one of the 512 configurations is judged, with nothing inferred from others, and the cheapest that serves the load
is compared. The judgement of a single configuration is the same; what is tested is that the search overlooks none.
`--only N` does one of the cases.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from models.scenario import Scenario
from simulator.limits.trials import Laboratory, chosen_for_search, percents_of
from simulator.overrides import PLACES, collect
from simulator.plan import Wanted, plan
from simulator.plan.answer import criteria_of, measure_empty
from simulator.plan.judge import Judge
from simulator.plan.search import ranked
from simulator.plan.space import space_of
from simulator.scenario_source import prepare

THRESHOLD: Final = "response_time: p(95) < 150ms"


@dataclass(frozen=True)
class Case:
    """A load of the built-in hub, or of a service with a plain queue (rate in hundreds), and what is wanted."""

    system: str
    rate: str
    threshold: str
    without_one: bool

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


def exhaustive(scenario: Scenario, wanted: Wanted) -> tuple[str | None, int]:
    """Judge every configuration; return the cheapest that serves the load, and how many do."""
    engine, _ = chosen_for_search("auto")
    criteria = criteria_of(scenario, wanted)
    space = space_of(scenario, wanted.cores, wanted.instances, wanted.memories, Path())
    laboratory = Laboratory(engine, scenario.run.seed, percents_of(criteria))
    judge = Judge(laboratory, space, criteria, wanted.probability, wanted.without_one)
    measure_empty(judge)
    serving = [one for one in space.all() if judge.judge(one).feasible]
    best = min(serving, key=ranked(wanted.prices), default=None)
    return (None if best is None else best.text), len(serving)


def examine(case: Case, alone: bool) -> bool:
    """Plan a case, search it exhaustively unless only the plan is wanted, and print both."""
    wanted = replace(Wanted(), thresholds=[case.threshold], without_one=case.without_one)
    scenario = case.scenario
    started = time.monotonic()
    data: dict[str, Any] = plan(scenario, wanted)
    planned_s = time.monotonic() - started
    found = data["plan"]["text"] if data["plan"] else None
    lost = " with one instance lost" if case.without_one else ""
    print(f"{case.system} {case.rate}, {case.threshold}{lost}")
    print(
        f"  plan: {found} ({planned_s:.1f} s, {data['configurations_simulated']} configurations simulated)", flush=True
    )
    if alone:
        return True
    started = time.monotonic()
    expected, serving = exhaustive(scenario, wanted)
    agrees = expected == found
    print(f"  exhaustive: {expected} ({time.monotonic() - started:.1f} s, {serving} of {data['configurations']} serve)")
    print(f"  {'they agree' if agrees else 'THEY DIFFER'}", flush=True)
    return agrees


def main() -> int:
    """Examine the cases. Exit code 1 if one differs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", type=int, help="the number of a case, from 0")
    parser.add_argument("--plan-only", action="store_true", help="time the plans alone")
    arguments = parser.parse_args()
    cases = CASES if arguments.only is None else CASES[arguments.only : arguments.only + 1]
    agreed = [examine(case, arguments.plan_only) for case in cases]
    return 0 if all(agreed) else 1


if __name__ == "__main__":
    sys.exit(main())

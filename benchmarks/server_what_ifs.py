"""What-ifs of a Python HTTP service: calibrated with one number of workers, predicted and measured with others.

    python -m benchmarks.server_what_ifs [--only NAME,...] [--steps predict,measure,compare]
                                       [--work DIRECTORY] [--output FILE]

It reads the calibration that `python -m benchmarks.real_programs --only http-blocking,http-event-loop --steps
calibrate` left in the work directory. All numbers of workers, the calibrated one too, are measured in turns, a repeat
of each after the other: the machine's speed changes by a tenth within the hour, as much as some of the effects are.

Asked for are the right sign and 30 % of the effect, but no error smaller than what the measured effect repeats to
("as it repeats"); an effect of a level that other load disturbed each time says nothing. Each step leaves a file that
the next one reads; only `measure` needs a quiet machine. The table replaces the part of the output between its two
marks.
"""

from __future__ import annotations

import argparse
import functools
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.real_programs_list import served_over_http
from benchmarks.real_servers import python_service
from calibration.fit_live import LiveFit, fit_live
from calibration.fitting.blueprint import Load
from calibration.levels import Level
from calibration.live.cleanup import guarded
from calibration.live.measured import Measurement
from calibration.live.settings import Settings
from calibration.profile import DEFAULT_FILE, Profile
from models.scenario import Scenario
from simulator.run import run

STEPS: Final = ("predict", "measure", "compare")
CONNECTIONS: Final = (16, 32)
ASKED: Final = 0.30
NO_EFFECT: Final = 0.02
BEGIN, END = "<!-- what-ifs -->\n", "<!-- end of what-ifs -->\n"
RUN: Final = {"duration": "4s", "warmup": "1s", "replications": 3, "seed": 1}


@dataclass(frozen=True)
class Case:
    """A service, the workers that it is calibrated with, and others."""

    program: str
    kind: str
    calibrated: int
    others: Sequence[int]


CASES: Final = (Case("http-blocking", "blocking", 8, (4, 16)), Case("http-event-loop", "event_loop", 1, (2,)))


def predict(cases: Sequence[Case], work: Path, host: Profile | None) -> None:
    """Write throughput and mean response time with each number of workers, by connections."""
    found: dict[str, Any] = {}
    for case in cases:
        fit = fit_live(Measurement.load(work / f"{case.program}-measurement.json"), host)
        found[case.program] = {
            str(workers): {str(count): with_workers(fit, count, workers) for count in CONNECTIONS}
            for workers in (case.calibrated, *case.others)
        }
    (work / "what-ifs-prediction.json").write_text(json.dumps(found, indent=1))


def with_workers(fit: LiveFit, connections: int, workers: int) -> dict[str, float]:
    """Return throughput and mean response time of the fitted scenario with another number of workers."""
    table = fit.scenario(Load(connections), run=dict(RUN)).model_dump(mode="json", exclude_none=True)
    table["services"]["server"]["workers"] = workers
    data = run(Scenario.from_dict(table, source="the fitted scenario")).data
    return {"throughput": data["throughput_per_s"]["value"], "mean": data["response_time_s"]["mean"]["value"]}


def measure(cases: Sequence[Case], work: Path, seconds: float, repeats: int) -> None:
    """Measure all numbers of workers in turns, a repeat of each after the other."""
    if not (work / "what-ifs-prediction.json").is_file():
        raise FileNotFoundError("what-ifs-prediction.json: the prediction comes before the measurement")
    settings = Settings(CONNECTIONS, repeats=1, retries=2, duration_ns=round(seconds * 1e9), warmup_ns=500_000_000)
    for case in cases:
        found: dict[int, list[Measurement]] = {workers: [] for workers in (case.calibrated, *case.others)}
        for _ in range(repeats):
            for workers, turns in found.items():
                turns.append(_once(case.kind, workers, settings))
        for workers, turns in found.items():
            (work / f"{case.program}-{workers}-workers.json").write_text(together(turns).to_json())


def _once(kind: str, workers: int, settings: Settings) -> Measurement:
    """Start the service, measure it, and end it."""
    start = functools.partial(python_service, kind, workers)
    with (
        guarded(),
        tempfile.TemporaryDirectory(prefix="sim-real-") as place,
        served_over_http(start)(Path(place)) as measured,
    ):
        return measured(settings, lambda line: print(line, file=sys.stderr, flush=True))


def together(turns: Sequence[Measurement]) -> Measurement:
    """Return measurements of one service as one: of each level what was undisturbed, if anything was.

    A level is never quiet if it was in none of them.
    """
    named = [
        (level, detail, level_name(round(level.procs or 0)) in one.never_quiet)
        for one in turns
        for level, detail in zip(one.table.levels, one.details, strict=True)
    ]
    quiet = {level.procs for level, _, disturbed in named if not disturbed}
    kept = [(level, detail) for level, detail, disturbed in named if not disturbed or level.procs not in quiet]
    never = sorted({level_name(round(level.procs or 0)) for level, _, _ in named if level.procs not in quiet})
    table = turns[0].table.model_copy(update={"levels": [level for level, _ in kept]})
    return turns[0].model_copy(update={"table": table, "details": [detail for _, detail in kept], "never_quiet": never})


def level_name(connections: int) -> str:
    """Return a closed level as a measurement names it."""
    return f"{connections} connection{'s' * (connections != 1)}"


def compare(cases: Sequence[Case], work: Path) -> str:
    """Return the table of effects, predicted beside measured."""
    predicted = json.loads((work / "what-ifs-prediction.json").read_text())
    rows = []
    for case in cases:
        base = _levels(Measurement.load(work / f"{case.program}-{case.calibrated}-workers.json"))
        for workers in case.others:
            other = _levels(Measurement.load(work / f"{case.program}-{workers}-workers.json"))
            for count in CONNECTIONS:
                for figure in ("throughput", "mean"):
                    said = [predicted[case.program][str(one)][str(count)][figure] for one in (case.calibrated, workers)]
                    effect = Effect(said[1] / said[0] - 1.0, base[count][figure], other[count][figure])
                    rows.append(f"| {case.program} | {case.calibrated} to {workers} | {count} | {figure} | {effect} |")
    lines = [
        "| service | workers | connections | figure | measured effect | repeats to | predicted | off by | right |",
        "|" + " --- |" * 9,
    ]
    return "\n".join([*lines, *rows]) + "\n"


@dataclass(frozen=True)
class Seen:
    """A figure of a level: median of its repeats, their relative standard deviation, and whether one was undisturbed.

    spread: None for a single repeat.
    """

    middle: float
    spread: float | None
    quiet: bool


@dataclass(frozen=True)
class Effect:
    """What a change does to a figure: relative, as predicted, and as measured before and after it."""

    predicted: float
    before: Seen
    after: Seen

    @property
    def measured(self) -> float:
        """Relative change of the medians."""
        return self.after.middle / self.before.middle - 1.0

    @property
    def repeats(self) -> float | None:
        """How far the measured effect repeats, as relative standard deviation; None where a level was measured once."""
        if self.before.spread is None or self.after.spread is None:
            return None
        return math.hypot(self.before.spread, self.after.spread)

    @property
    def unsure(self) -> float:
        """What a measured effect may be off by: as far as it repeats, and a little."""
        return max(NO_EFFECT, self.repeats or 0.0)

    @property
    def verdict(self) -> str:
        """Whether the prediction is right: yes, as far as the effect repeats, no, or why that cannot be said."""
        if not (self.before.quiet and self.after.quiet):
            return "disturbed"
        error = abs(self.predicted - self.measured)
        if error <= ASKED * abs(self.measured):
            return "yes"
        return "as it repeats" if error <= self.unsure else "no"

    def __str__(self) -> str:
        """Return the cells of the table."""
        none = abs(self.measured) <= self.unsure
        off = "no effect" if none else f"{abs(self.predicted - self.measured) / abs(self.measured):.0%} of the effect"
        repeats = "-" if self.repeats is None else f"±{self.repeats:.1%}"
        return f"{self.measured:+.1%} | {repeats} | {self.predicted:+.1%} | {off} | {self.verdict}"


def _levels(found: Measurement) -> dict[int, dict[str, Seen]]:
    """Return figures by connections."""
    grouped: dict[int, list[Level]] = {}
    for level in found.table.levels:
        grouped.setdefault(round(level.procs or 0), []).append(level)
    return {
        count: {
            "throughput": _seen([one.throughput_per_s for one in rows], count, found),
            "mean": _seen([one.mean_s or 0.0 for one in rows], count, found),
        }
        for count, rows in grouped.items()
    }


def _seen(values: Sequence[float], count: int, found: Measurement) -> Seen:
    middle = statistics.median(values)
    spread = statistics.stdev(values) / middle if len(values) > 1 else None
    return Seen(middle, spread, level_name(count) not in found.never_quiet)


def put(path: Path, table: str) -> None:
    """Put the table into the report, in the place of the last one."""
    text = path.read_text() if path.is_file() else ""
    if BEGIN in text:
        head, _, rest = text.partition(BEGIN)
        text = head + rest.partition(END)[2]
    stamp = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `python -m benchmarks.server_what_ifs`"
    words = (
        f"What-ifs: workers other than calibrated, effect on held-out levels ({stamp}; 30 % of the effect asked).\n\n"
    )
    path.write_text(f"{text.rstrip()}\n\n{BEGIN}{words}{table}{END}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Do the steps that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", default=",".join(STEPS), help="do only these steps")
    parser.add_argument("--only", default=",".join(one.program for one in CASES), help="only these services")
    parser.add_argument("--work", default="sim-real-programs", help="where measurements and predictions are")
    parser.add_argument("--profile", default=DEFAULT_FILE, help="profile of this host")
    parser.add_argument("--seconds", type=float, default=1.2, help="measured time of each repeat")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each level and number")
    parser.add_argument("--output", default="docs/accuracy_servers.md", help="the report")
    asked = parser.parse_args(arguments)
    work, steps = Path(asked.work), asked.steps.split(",")
    cases = [one for one in CASES if one.program in asked.only.split(",")]
    if unknown := [step for step in steps if step not in STEPS]:
        print(f"--steps: found {unknown[0]}; accepted: {', '.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        if "predict" in steps:
            predict(cases, work, Profile.load(asked.profile) if Path(asked.profile).is_file() else None)
        if "measure" in steps:
            measure(cases, work, asked.seconds, asked.repeats)
        if "compare" in steps:
            table = compare(cases, work)
            print(table)
            put(Path(asked.output), table)
    except OSError as error:
        print(f"{error.filename or ''}: {error.strerror or error}".strip(": "), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What-ifs of a Python HTTP service: calibrated with one number of workers, predicted and measured with others.

    python -m benchmarks.server_what_ifs [--steps predict,measure,compare] [--work DIRECTORY] [--output FILE]

It reads what `python -m benchmarks.real_programs --only http-blocking,http-event-loop` left in the work directory: the
calibration, and the held-out levels with the calibrated number of workers, from which an effect is counted. Asked for
are the right sign and 30 % of the effect. Each step leaves a file that the next one reads; only `measure` needs a quiet
machine. The table replaces the part of the output between its two marks.
"""

from __future__ import annotations

import argparse
import functools
import json
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


def predict(work: Path, host: Profile | None) -> None:
    """Write throughput and mean response time with each number of workers, by connections."""
    found: dict[str, Any] = {}
    for case in CASES:
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


def measure(work: Path, seconds: float, repeats: int) -> None:
    """Measure the other numbers of workers."""
    if not (work / "what-ifs-prediction.json").is_file():
        raise FileNotFoundError("what-ifs-prediction.json: the prediction comes before the measurement")
    settings = Settings(CONNECTIONS, repeats=repeats, duration_ns=round(seconds * 1e9), warmup_ns=500_000_000)
    for case in CASES:
        for workers in case.others:
            start = functools.partial(python_service, case.kind, workers)
            with (
                guarded(),
                tempfile.TemporaryDirectory(prefix="sim-real-") as place,
                served_over_http(start)(Path(place)) as measured,
            ):
                text = measured(settings, lambda line: print(line, file=sys.stderr, flush=True)).to_json()
            (work / f"{case.program}-{workers}-workers.json").write_text(text)


def compare(work: Path) -> str:
    """Return the table of effects, predicted beside measured."""
    predicted = json.loads((work / "what-ifs-prediction.json").read_text())
    rows = []
    for case in CASES:
        base = _levels(Measurement.load(work / f"{case.program}-held-out.json"))
        for workers in case.others:
            other = _levels(Measurement.load(work / f"{case.program}-{workers}-workers.json"))
            for count in CONNECTIONS:
                for figure in ("throughput", "mean"):
                    said = [predicted[case.program][str(one)][str(count)][figure] for one in (case.calibrated, workers)]
                    effects = said[1] / said[0] - 1.0, other[count][figure] / base[count][figure] - 1.0
                    place = f"{case.program} | {case.calibrated} to {workers} | {count} | {figure}"
                    rows.append(_line(place, *effects))
    lines = [
        "| service | workers | connections | figure | measured effect | predicted | off by | right |",
        "|" + " --- |" * 8,
    ]
    return "\n".join([*lines, *rows]) + "\n"


def _line(place: str, predicted: float, measured: float) -> str:
    """Return a row of the table. An effect of up to 2 % is none: no sign can be told of it."""
    none = abs(measured) <= NO_EFFECT
    right = abs(predicted) <= NO_EFFECT if none else abs(predicted - measured) <= ASKED * abs(measured)
    off = "no effect" if none else f"{abs(predicted - measured) / abs(measured):.0%} of the effect"
    return f"| {place} | {measured:+.1%} | {predicted:+.1%} | {off} | {'yes' if right else 'no'} |"


def _levels(found: Measurement) -> dict[int, dict[str, float]]:
    """Return medians of the repeats by connections."""
    grouped: dict[int, list[tuple[float, float]]] = {}
    for level in found.table.levels:
        grouped.setdefault(round(level.procs or 0), []).append((level.throughput_per_s, level.mean_s or 0.0))
    return {
        count: {
            "throughput": statistics.median(one for one, _ in rows),
            "mean": statistics.median(one for _, one in rows),
        }
        for count, rows in grouped.items()
    }


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
    parser.add_argument("--work", default="sim-real-programs", help="where measurements and predictions are")
    parser.add_argument("--profile", default=DEFAULT_FILE, help="profile of this host")
    parser.add_argument("--seconds", type=float, default=1.2, help="measured time of each repeat")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each level")
    parser.add_argument("--output", default="docs/accuracy_servers.md", help="the report")
    asked = parser.parse_args(arguments)
    work, steps = Path(asked.work), asked.steps.split(",")
    if unknown := [step for step in steps if step not in STEPS]:
        print(f"--steps: found {unknown[0]}; accepted: {', '.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        if "predict" in steps:
            predict(work, Profile.load(asked.profile) if Path(asked.profile).is_file() else None)
        if "measure" in steps:
            measure(work, asked.seconds, asked.repeats)
        if "compare" in steps:
            table = compare(work)
            print(table)
            put(Path(asked.output), table)
    except OSError as error:
        print(f"{error.filename or ''}: {error.strerror or error}".strip(": "), file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What the present fit says of recordings that were made before: errors and coverage, by program.

    python -m benchmarks.recorded_predictions FOLDER ... [--only NAME,...] [--points FILE]

Each folder is one that `benchmarks.real_programs --work` left behind: NAME-measurement.json and NAME-held-out.json,
with the profile of the host as host.toml beside them, if any. They are predicted anew, at the levels and the rates
that were held out. This is not blind: recordings show what a change of the fit does to all of them at once, before
any is measured anew, and whether intervals hold the share that they state.

Needed is the factor by which the intervals of a program would have to be wider, or narrower, to hold 90 %: that
quantile of the distance of what was measured from what was said, relative to the interval's end on that side.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from benchmarks.real_programs import OPEN_CONNECTIONS
from benchmarks.real_programs_list import PROGRAMS
from calibration.fit_live import fit_live
from calibration.live.measured import Measurement
from calibration.profile import Profile
from calibration.validate import Compared, compare
from calibration.validate_prediction import FIGURES, Asked, predict_levels

HOST = "host.toml"
HELD = "-held-out.json"
LEVEL = 0.9
ERRORS = ("throughput", "mean", "p50", "p95", "p99")


@dataclass(frozen=True)
class Point:
    """A held-out figure of a recording, in SI units, with what is said of it and the ends of its interval."""

    folder: str
    program: str
    level: str
    figure: str
    measured: float
    value: float
    low: float
    high: float

    @property
    def inside(self) -> bool:
        """Whether the interval holds it."""
        return self.low <= self.measured <= self.high

    @property
    def off(self) -> float:
        """Distance of what was measured from what was said, relative to the interval's end on that side."""
        end = self.high if self.measured > self.value else self.low
        room = abs(math.log(end / self.value))
        return abs(math.log(self.measured / self.value)) / room if room else math.inf

    @property
    def half_width(self) -> float:
        """Half of the interval, relative to the prediction."""
        return (self.high - self.low) / 2.0 / self.value

    @property
    def error(self) -> float:
        """Relative error, absolute."""
        return abs(self.value / self.measured - 1.0)


def predicted_anew(folder: str, name: str) -> list[Point]:
    """Return the held-out figures of a recording beside what the present fit says of them."""
    low = Measurement.load(Path(folder) / f"{name}-measurement.json")
    held = Measurement.load(Path(folder) / f"{name}{HELD}")
    host = Path(folder) / HOST
    fit = fit_live(low, Profile.load(host) if host.is_file() else None)
    program = PROGRAMS[name]
    if program.what_if is not None:
        fit = fit.changed(program.what_if)
    opened = [one.arrival_rate_per_s for one in held.table.levels if one.kind == "open"]
    rates = sorted({rate for rate in opened if rate is not None})
    prediction = predict_levels(fit, Asked(program.held, rates, (), OPEN_CONNECTIONS))
    found = compare(prediction, held, low if program.held_under is None else None)
    return [
        _point(folder, name, level.level.name, figure, pair)
        for level in found.levels
        for figure, pair in level.figures.items()
        if figure in FIGURES
    ]


def _point(folder: str, program: str, level: str, figure: str, pair: Compared) -> Point:
    said = pair.expected
    return Point(Path(folder).name, program, level, figure, pair.measured, said.value, said.low, said.high)


def needed(points: Sequence[Point]) -> float:
    """Return the factor of the intervals' width with which they would hold 90 %."""
    return float(np.quantile([one.off for one in points], LEVEL))


def table(points: Mapping[str, Sequence[Point]]) -> str:
    """Print a line for each program, and one for all."""
    lines = [f"{'':18}{'held':>12}{'needed':>8}{'half-width':>12}   " + "".join(f"{name:>11}" for name in ERRORS)]
    every = [one for found in points.values() for one in found]
    for name, found in [*points.items(), ("all", every)]:
        inside = sum(one.inside for one in found)
        width = statistics.median(one.half_width for one in found)
        errors = [[one.error for one in found if one.figure == figure] for figure in ERRORS]
        said = "".join(f"{statistics.median(one):11.1%}" if one else f"{'-':>11}" for one in errors)
        lines.append(
            f"{name:18}{inside:5d}/{len(found):<4d}{inside / len(found):4.0%}{needed(found):7.2f}{width:11.0%}   {said}"
        )
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Predict recordings anew and print how far off that is."""
    asked = _arguments(arguments)
    only = None if asked.only is None else asked.only.split(",")
    work = [
        (folder, name)
        for folder in asked.folders
        for file in sorted(Path(folder).glob(f"*{HELD}"))
        if (name := file.name.removesuffix(HELD)) in PROGRAMS and (only is None or name in only)
    ]
    if not work:
        print("no recordings of known programs there: NAME-held-out.json, NAME-measurement.json", file=sys.stderr)
        return 2
    points: dict[str, list[Point]] = {}
    with ProcessPoolExecutor(2) as pool:
        for (folder, name), found in zip(work, pool.map(predicted_anew, *zip(*work, strict=True)), strict=True):
            points.setdefault(name, []).extend(found)
            inside = sum(one.inside for one in found)
            print(f"{folder} {name}: {inside} of {len(found)} inside", file=sys.stderr, flush=True)
    print(table(dict(sorted(points.items()))))
    if asked.points is not None:
        every = [asdict(one) for found in points.values() for one in found]
        Path(asked.points).write_text(json.dumps(every))
    return 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="left behind by benchmarks.real_programs --work")
    parser.add_argument("--only", metavar="NAME,...", help="only these programs")
    parser.add_argument("--points", metavar="FILE", help="write every figure as JSON")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

"""Fit the lower half of every published table, predict the rest, and print the errors beside other laws.

    python benchmarks/accuracy.py [--data ../shared/data] [--output docs/accuracy.md]

Fitted on `levels // 2` levels, at least three. Where the data are absent it says so and leaves with 0.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from calibration.fitting.heldout import HeldOut, held_out
from calibration.tables.errors import TableError

DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
MARK = "<!-- what follows is printed by benchmarks/accuracy.py -->"
"""What stands above it in the report is written by hand and kept."""
NAMES = ("model", "Amdahl", "USL", "MVA")


def scored(data: Path) -> Iterator[HeldOut]:
    """Yield every series of the tables of scaling and usl."""
    for folder in ("scaling", "usl"):
        for path in sorted((data / folder).glob("*.csv")):
            if path.name == "INDEX.csv":
                continue
            try:
                yield from held_out(path)
            except TableError as error:
                print(f"left out: {error}", file=sys.stderr)


def summary_lines(curves: Sequence[HeldOut]) -> Iterator[str]:
    """Yield the table of the four ways, over all curves."""
    yield (
        "| | median error of throughput | median error of mean response time | coverage of 90 % "
        "| median half-width | interval score |"
    )
    yield "| --- | --- | --- | --- | --- | --- |"
    for name in NAMES:
        scores = [curve.scores[name] for curve in curves]
        means = [score.mean_error for score in scores if score.mean_error is not None]
        covered = np.mean([hit for score in scores for hit in score.covered])
        width = np.median([one for score in scores for one in score.widths])
        interval = np.mean([np.mean(score.interval_scores) for score in scores])
        error = np.median([score.error for score in scores])
        yield f"| {name} | {error:.1%} | {np.median(means):.1%} | {covered:.0%} | {width:.0%} | {interval:.2f} |"


def curve_lines(curves: Sequence[HeldOut]) -> Iterator[str]:
    """Yield one row a curve."""
    yield "| table | fitted + held out | CPUs | structure | model | bias | Amdahl | USL | MVA | inside 90 % | grade |"
    yield "| --- " * 11 + "|"
    for curve in curves:
        cpus = "-" if curve.machine.threads is None else f"{curve.machine.threads:g}/{curve.machine.threads_per_core}"
        errors = " | ".join(f"{curve.scores[name].error:.1%}" for name in NAMES[1:])
        own = curve.own
        inside = f"{sum(own.covered)} of {len(own.covered)}"
        name = f"{curve.source.removesuffix('.csv')} {curve.series}".strip()
        yield (
            f"| {name} | {len(curve.fit.points)} + {len(curve.held_out)} | {cpus} | {curve.fit.best.structure.label} "
            f"| {own.error:.1%} | {own.bias:+.1%} | {errors} | {inside} | {own.grade} |"
        )


def main() -> int:
    """Print the report, or write it to a file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()
    if not arguments.data.is_dir():
        print(f"skipped: {arguments.data} is not there", file=sys.stderr)
        return 0
    begin = time.perf_counter()
    curves = list(scored(arguments.data))
    today = datetime.datetime.now(datetime.UTC).date()
    lines = [
        f"{len(curves)} curves, {sum(len(curve.held_out) for curve in curves)} levels held out. {today}, "
        f"{platform.machine()}, Python {platform.python_version()}.",
        "",
        *summary_lines(curves),
        "",
        *curve_lines(curves),
    ]
    print(f"{time.perf_counter() - begin:.0f} s", file=sys.stderr)
    text = "\n".join(lines) + "\n"
    print(text, end="")
    if arguments.output is not None:
        before = arguments.output.read_text() if arguments.output.exists() else ""
        head = before.partition(MARK)[0] if MARK in before else ""
        arguments.output.write_text(f"{head}{MARK}\n\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Fit the lower half of every published table, predict the rest, and print the errors beside other laws.

    python benchmarks/accuracy.py [--data ../shared/data] [--output docs/accuracy.md]

Fitted on `levels // 2` levels, at least three. Tables of one service on machines of several sizes: the two smallest are
fitted together and every larger one is predicted. Where the data are absent it says so and leaves with 0.
"""

from __future__ import annotations

import argparse
import datetime
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from calibration.fitting.beyond import estimate
from calibration.fitting.families import FITTED_SIZES, families, median_error, predict_larger
from calibration.fitting.heldout import HeldOut, held_out
from calibration.fitting.heldout_text import LITTLE, not_identified
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
    trusted = [curve for curve in curves if curve.own.mean_error is not None and curve.little <= LITTLE]
    means = [curve.own.mean_error for curve in trusted if curve.own.mean_error is not None]
    yield ""
    yield (
        f"Response times of {len(trusted)} curves agree with Little's law within {LITTLE:.0%}; "
        f"the model's median error of the mean over these: {np.median(means):.1%}."
    )


def dataset(source: str) -> str:
    """Return whose measurement a table is, by the first words of its name."""
    words = source.removesuffix(".csv").split("_")
    return "_".join(words[:2]) if words[0] in ("mysql", "oltp", "tfb") else words[0]


def cross_validated_lines(curves: Sequence[HeldOut]) -> Iterator[str]:
    """Yield coverage and score with what is added beyond the fitted levels estimated without the curve itself."""
    yield "| widening beyond the fitted levels from | coverage of 90 % | interval score |"
    yield "| --- | --- | --- |"
    rows: list[tuple[str, Callable[[HeldOut], str]]] = [
        ("all curves (as shipped)", lambda curve: ""),
        ("the other tables", lambda curve: curve.source),
        ("the other datasets", lambda curve: dataset(curve.source)),
    ]
    for name, group_of in rows:
        groups = {group_of(curve) for curve in curves}
        found = {
            group: estimate([one.beyond for one in curves if not group or group_of(one) != group]) for group in groups
        }
        covered = np.concatenate([one.beyond.covered(found[group_of(one)]) for one in curves])
        score = np.mean([one.beyond.score(found[group_of(one)]) for one in curves])
        sizes = ""
        if groups == {""}:
            best = found[""]
            sizes = f": level {best.level:.3f}, down {best.down:.2f}, up {best.up:.2f}"
        yield f"| {name}{sizes} | {np.mean(covered):.0%} | {score:.2f} |"


def family_lines(data: Path) -> Iterator[str]:
    """Yield one row for each size that was predicted from the two smallest of its family."""
    yield "| family | fitted | predicted | levels | median error | inside 90 % |"
    yield "| --- " * 6 + "|"
    every: list[float] = []
    paths = [path for path in sorted((data / "scaling").glob("*.csv")) if path.name != "INDEX.csv"]
    for family, sizes in families(paths).items():
        fitted = " + ".join(f"{one.name} ({one.cores:g} CPUs)" for one in sizes[:FITTED_SIZES])
        predictions = predict_larger(sizes)
        for one in predictions:
            error = np.median(np.abs(one.errors))
            every += [abs(found) for found in one.errors]
            yield (
                f"| {family} | {fitted} | {one.size.name} ({one.size.cores:g} CPUs) | {len(one.errors)} "
                f"| {error:.1%} | {sum(one.covered)} of {len(one.covered)} |"
            )
        yield f"| {family} | | all larger sizes | | {median_error(predictions):.1%} | |"
    yield f"| all | | | {len(every)} | {np.median(every):.1%} | |"


def curve_lines(curves: Sequence[HeldOut]) -> Iterator[str]:
    """Yield one row a curve."""
    heads = "table | fitted + held out | CPUs | structure | model | bias | Amdahl | USL | MVA"
    yield f"| {heads} | inside 90 % | identified | grade |"
    yield "| --- " * 12 + "|"
    for curve in curves:
        cpus = "-" if curve.machine.threads is None else f"{curve.machine.threads:g}/{curve.machine.threads_per_core}"
        errors = " | ".join(f"{curve.scores[name].error:.1%}" for name in NAMES[1:])
        own = curve.own
        inside = f"{sum(own.covered)} of {len(own.covered)}"
        known = "no" if not_identified(curve) else "yes"
        name = f"{curve.source.removesuffix('.csv')} {curve.series}".strip()
        yield (
            f"| {name} | {len(curve.fit.points)} + {len(curve.held_out)} | {cpus} | {curve.fit.best.structure.label} "
            f"| {own.error:.1%} | {own.bias:+.1%} | {errors} | {inside} | {known} | {own.grade} |"
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
        "Each prediction is widened by what it is off beyond the fitted levels, as the errors of other curves say:",
        "",
        *cross_validated_lines(curves),
        "",
        "Sizes of one family: fitted on the two smallest, every larger one predicted at all its levels:",
        "",
        *family_lines(arguments.data),
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

"""Real programs: calibrated at low levels, predicted in a file, then measured where they were held out.

    python -m benchmarks.real_programs [--only NAME,...] [--seconds S] [--repeats R] [--profile FILE] [--list]
                                       [--steps calibrate,predict,measure,compare] [--again] [--attempts N] [--more]

Own programs are fitted at 1 and 2 copies, servers at three levels of at most 8 connections. The section of each
program in the report is replaced, the others stay. Each step leaves a file in the directory --work that the next one
reads, so that only calibrate and measure need a quiet machine. With --again the highest fitted level is measured once
more beside those that are held out; where the machine has changed since, all steps are done anew, `--attempts` times
at most (see `calibration.validate_attempts`), and every attempt is reported. With --more the attempts of earlier runs
that are in --work count too. Exit codes: 0 fine, 2 unknown name, 4 a level or every attempt was disturbed.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from benchmarks import real_programs_report as report
from benchmarks.real_programs_list import FITTED_SHARE, PROGRAMS, Measure, RealProgram
from benchmarks.real_servers import NotHere
from calibration.fit_live import fit_live
from calibration.live.cleanup import guarded
from calibration.live.errors import LiveError
from calibration.live.measured import Measurement
from calibration.live.pacing import Pacing
from calibration.live.settings import PRECISION, Settings
from calibration.profile import DEFAULT_FILE, Profile
from calibration.validate import Validation, compare
from calibration.validate_attempts import ATTEMPTS, until_undisturbed
from calibration.validate_prediction import Asked, Prediction, predict_levels

RETRIES: Final = 4
HELD_SEED: Final = 2
STEPS: Final = ("calibrate", "predict", "measure", "compare")
OPEN_CONNECTIONS: Final = 8
"""For arrivals at a rate: as many as were fitted, as a pool of connections is sized."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure the programs that were asked for and write their sections."""
    asked = _arguments(arguments)
    if asked.list:
        print("\n".join(f"{name:22} {one.title}" for name, one in PROGRAMS.items()))
        return 0
    names = list(PROGRAMS) if asked.only is None else asked.only.split(",")
    if unknown := [name for name in names if name not in PROGRAMS]:
        print(f"--only: found {unknown[0]}; accepted: {', '.join(PROGRAMS)}", file=sys.stderr)
        return 2
    host = Profile.load(asked.profile) if Path(asked.profile).is_file() else None
    steps = asked.steps.split(",")
    if unknown := [step for step in steps if step not in STEPS]:
        print(f"--steps: found {unknown[0]}; accepted: {', '.join(STEPS)}", file=sys.stderr)
        return 2
    how = How(
        asked.seconds, asked.repeats, Path(asked.work), steps, asked.again, asked.attempts, asked.more, asked.retries
    )
    disturbed = False
    for name in names:
        program = PROGRAMS[name]
        try:
            validation = attempted(name, program, host, how)
        except (NotHere, LiveError) as reason:
            print(f"{name}: left out: {reason}", file=sys.stderr)
            continue
        if validation is None:
            continue
        text = report.section(name, program, validation, asked.seconds, asked.repeats)
        print(text)
        report.put(Path(asked.output), name, report.row(name, program, validation), text)
        disturbed = disturbed or bool(validation.never_quiet) or validation.disturbed
    return 4 if disturbed else 0


@dataclass(frozen=True)
class How:
    """How it is measured.

    seconds: of each repeat. work: where measurements and predictions are written. steps: of `STEPS`, those to do now.
    again: the highest fitted level is measured once more among those that are held out. attempts: at most, while the
    machine changes in between. more: beside those that earlier runs left in `work`. retries: of disturbed repeats, in
    each of the measurements.
    """

    seconds: float
    repeats: int
    work: Path
    steps: Sequence[str] = STEPS
    again: bool = False
    attempts: int = ATTEMPTS
    more: bool = False
    retries: int = RETRIES


def attempted(name: str, program: RealProgram, host: Profile | None, how: How) -> Validation | None:
    """Validate a program, anew where the machine changed meanwhile; return what counts, with all attempts beside it.

    None without the last step. Raises KeyboardInterrupt if it is stopped before anything was compared.
    """
    files = sorted(how.work.glob(f"{name}-attempt-*.json"))
    if not how.more and "calibrate" in how.steps:
        for file in files:
            file.unlink()
        files = []
    before = [Validation.model_validate_json(file.read_text()) for file in files] if how.more else []
    if "compare" not in how.steps:
        validated(name, program, host, how)
        return None

    def attempt(index: int) -> Validation:
        found = validated(name, program, host, how)
        assert found is not None
        (how.work / f"{name}-attempt-{index + 1}.json").write_text(found.model_dump_json(indent=1))
        return found

    # steps that were done apart are not done again by themselves
    most = len(before) + (how.attempts if {*STEPS} <= {*how.steps} else 1)
    return until_undisturbed(attempt, most, _tell, program.rate_bound, before)[0]


def validated(name: str, program: RealProgram, host: Profile | None, how: How) -> Validation | None:
    """Calibrate a program, write the prediction down, measure what was held out, and compare, as far as asked for.

    Steps that are left out were done before: their files are read. None without the last step.
    """
    how.work.mkdir(parents=True, exist_ok=True)
    low, predicted, held = (how.work / f"{name}-{one}.json" for one in ("measurement", "prediction", "held-out"))
    with (
        guarded(),
        tempfile.TemporaryDirectory(prefix="sim-real-") as directory,
        program.opened(Path(directory)) if {"calibrate", "measure"} & {*how.steps} else _closed() as run,
    ):
        if "calibrate" in how.steps:
            fitted = _calibrated(program, run, how)
            low.write_text(fitted.to_json())
            if fitted.interrupted:
                raise KeyboardInterrupt
        if "predict" in how.steps:
            predicted.write_text(_prediction(name, program, Measurement.load(low), host).to_json())
        if "measure" in how.steps:
            said = Prediction.model_validate_json(predicted.read_text())
            rates = [level.rate_per_s for level in said.levels if level.rate_per_s is not None]
            under = program.held_under
            with under(Path(directory)) if under is not None else contextlib.nullcontext(run) as held_run:
                held.write_text(_measured(program, held_run, rates, how).to_json())
    if "compare" not in how.steps:
        return None
    lower = Measurement.load(low) if program.held_under is None else None
    return compare(Prediction.model_validate_json(predicted.read_text()), Measurement.load(held), lower)


@contextlib.contextmanager
def _closed() -> Iterator[Measure]:
    """Stand for a program that is not needed."""

    def run(settings: Settings, tell: Callable[[str], None]) -> Measurement:
        raise LiveError("the program", "a measurement", "a step that measures")

    yield run


def _prediction(name: str, program: RealProgram, low: Measurement, host: Profile | None) -> Prediction:
    """Fit the low levels and predict those that are held out."""
    began = time.monotonic()
    fit = fit_live(low, host)
    if program.what_if is not None:
        fit = fit.changed(program.what_if)
    _tell(f"{name}: fitted in {time.monotonic() - began:.1f} s")
    prediction = predict_levels(fit, Asked(program.held, (), program.shares, OPEN_CONNECTIONS))
    _tell(f"{name}: predicted after {time.monotonic() - began:.1f} s")
    if not low.never_quiet:
        return prediction
    texts = [*prediction.limitations, f"fitted levels never undisturbed: {', '.join(low.never_quiet)}"]
    return prediction.model_copy(update={"limitations": texts})


def _calibrated(program: RealProgram, run: Measure, how: How) -> Measurement:
    """Measure the levels that are fitted: closed ones and, where open ones are to be predicted, one of these."""
    low = run(replace(_settings(program, how, program.fitted, 1), precision=PRECISION), _tell)
    if not program.shares:
        return low
    top = [one.throughput_per_s for one in low.table.levels if one.procs == max(program.fitted)]
    rate = float(f"{FITTED_SHARE * statistics.median(top):.4g}")
    return _with(low, run(_settings(program, how, [OPEN_CONNECTIONS], 1, [rate]), _tell))


def _measured(program: RealProgram, run: Measure, rates: Sequence[float], how: How) -> Measurement:
    """Measure the levels that were held out: closed ones, then open ones."""
    again = [max(program.fitted)] if how.again and program.held_under is None else []
    held = run(_settings(program, how, [*again, *program.held], HELD_SEED), _tell)
    if not rates:
        return held
    return _with(held, run(_settings(program, how, [OPEN_CONNECTIONS], HELD_SEED, rates), _tell))


def _with(closed: Measurement, opened: Measurement) -> Measurement:
    """Return a measurement with the levels of another beside its own; details are those of its own."""
    table = closed.table.model_copy(update={"levels": [*closed.table.levels, *opened.table.levels]})
    return closed.model_copy(
        update={
            "table": table,
            "never_quiet": [*closed.never_quiet, *opened.never_quiet],
            "interrupted": closed.interrupted or opened.interrupted,
        }
    )


def _settings(
    program: RealProgram, how: How, copies: Sequence[int], seed: int, rates: Sequence[float] = ()
) -> Settings:
    return Settings(
        copies=copies,
        pacing=Pacing(round(program.think_s * 1e9)) if not rates else Pacing(),
        rates_per_s=rates,
        repeats=how.repeats,
        retries=how.retries,
        duration_ns=round(max(how.seconds, program.least_seconds) * 1e9),
        warmup_ns=round(program.warmup_s * 1e9),
        seed=seed,
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", metavar="NAME,...", help="only these programs")
    parser.add_argument("--steps", default=",".join(STEPS), metavar="STEP,...", help="do only these steps")
    parser.add_argument("--list", action="store_true", help="print the programs")
    parser.add_argument("--seconds", type=float, default=1.5, help="measured time of each repeat of a level")
    parser.add_argument("--repeats", type=int, default=3, help="repeats of each level, interleaved")
    parser.add_argument("--retries", type=int, default=RETRIES, help="further repeats of each measurement at most")
    parser.add_argument("--again", action="store_true", help="measure the highest fitted level once more, for drift")
    parser.add_argument("--attempts", type=int, default=ATTEMPTS, help="at most, while the machine changes in between")
    parser.add_argument("--more", action="store_true", help="count the attempts that are in --work already")
    parser.add_argument("--profile", default=DEFAULT_FILE, help="profile of this host")
    parser.add_argument("--work", default="sim-real-programs", help="where measurements and predictions go")
    parser.add_argument("--output", default="docs/accuracy_programs.md", help="the report")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())

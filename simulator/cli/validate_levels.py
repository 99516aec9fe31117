"""`sim validate --procs | --rate`: predict levels, write that down, measure them, and print the error."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import typer

from calibration.interference import EXIT_UNSTABLE
from calibration.live.errors import LiveError
from calibration.live.measured import Measurement
from calibration.live.settings import Settings
from calibration.validate import Validation, anchor_of, compare
from calibration.validate_attempts import until_undisturbed
from calibration.validate_live import calibrated_as, measure_again, pacing_of
from calibration.validate_plot import validation_picture
from calibration.validate_prediction import Asked, Prediction, predict_levels
from calibration.validate_text import prediction_text, validation_csv, validation_json, validation_text
from models.units import TIME
from simulator.cli import live_options
from simulator.cli.live_fit import fit_into, fit_of
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format, write_atomically

EXIT_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130


@dataclass(frozen=True)
class Options:
    """What was asked for, as it stands on the command line."""

    measurement: str
    profile: str
    procs: str | None
    rate: str | None
    copies: int
    duration: str
    warmup: str
    repeats: int
    retries: int
    seed: int
    server_pid: int | None
    attempts: int
    prediction: str
    export_json: str | None
    export_csv: str | None
    plot: str | None
    quiet: bool


def validate_levels(options: Options) -> int:
    """Predict, measure, compare and print; return the exit code."""

    def tell(line: str) -> None:
        if not options.quiet:
            print(line, file=sys.stderr, flush=True)

    try:
        with Outputs() as outputs:
            _open(outputs, options)
            work = _Work(options, outputs, tell)
            validation, chosen = until_undisturbed(work.attempt, options.attempts, tell)
            work.keep(chosen)
            _write(outputs, options, validation)
    except LiveError as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_INPUT
    typer.echo(validation_text(validation), nl=False, err=STANDARD_OUTPUT in (options.export_json, options.export_csv))
    if validation.interrupted:
        return EXIT_INTERRUPTED
    if validation.not_measured:
        return EXIT_INPUT
    return EXIT_UNSTABLE if validation.never_quiet or validation.disturbed else 0


class _Work:
    """Attempts at a validation, each with a measurement to fit: the one that there is, then new ones."""

    def __init__(self, options: Options, outputs: Outputs, tell: Callable[[str], None]) -> None:
        self._options, self._outputs, self._tell = options, outputs, tell
        self._fitted = [Measurement.load(options.measurement)]
        self._predictions: list[Prediction] = []

    def attempt(self, index: int) -> Validation:
        """Fit, predict, write that down, measure and compare. index: above 0, calibrate anew first."""
        options, tell = self._options, self._tell
        if index:
            settings = calibrated_as(self._fitted[0], options.retries, index)
            self._fitted.append(measure_again(self._fitted[0], settings, tell, options.server_pid))
            if self._fitted[-1].interrupted:
                raise KeyboardInterrupt
        fitted = self._fitted[index]
        prediction = _predicted(fitted, options, tell)
        self._predictions.append(prediction)
        if index:
            write_atomically(options.prediction, prediction.to_json())
        else:
            self._outputs.write("--prediction", prediction.to_json())
        tell(prediction_text(prediction, options.prediction))
        measured = measure_again(fitted, _settings(fitted, prediction, options), tell, options.server_pid)
        return compare(prediction, measured, fitted)

    def keep(self, index: int) -> None:
        """Leave what belongs to the attempt that counts: its prediction and, if it was calibrated anew, its fit."""
        options = self._options
        if self._predictions[-1] is not self._predictions[index]:
            write_atomically(options.prediction, self._predictions[index].to_json())
        if not index:
            return
        write_atomically(options.measurement, self._fitted[index].to_json())
        self._tell(f"the calibration of attempt {index + 1} is in {options.measurement} now")
        self._tell(fit_into(options.profile, self._fitted[index], self._tell).strip())


def _predicted(measurement: Measurement, options: Options, tell: Callable[[str], None]) -> Prediction:
    """Fit the measurement and predict what was asked for. Raises LiveError for what cannot be fitted or measured."""
    if options.procs is None and options.rate is None:
        raise LiveError("sim validate", "no levels", "--procs 4,8,16 or --rate 500/s,70% or --table FILE")
    rates, shares = live_options.rates(options.rate) if options.rate is not None else ([], [])
    procs = live_options.counts(options.procs) if options.procs is not None else []
    host, why = live_options.host_profile(options.profile)
    if why:
        tell(f"note: {why}")
    return predict_levels(fit_of(measurement, host), Asked(procs, rates, shares, options.copies))


def _settings(measurement: Measurement, prediction: Prediction, options: Options) -> Settings:
    """Return how the levels are measured: closed ones as they were calibrated, or open ones."""
    rates = [level.rate_per_s for level in prediction.levels if level.rate_per_s is not None]
    closed = [level.procs for level in prediction.levels if level.rate_per_s is None]
    if rates and closed:
        raise LiveError("--rate", "--procs beside it", "one of the two")
    anchor = anchor_of(measurement)
    if closed and anchor is not None:
        closed = sorted({*closed, anchor})  # once more, to tell the machine's drift from the prediction's error
    return Settings(
        copies=closed or [options.copies],
        pacing=pacing_of(measurement),
        rates_per_s=rates,
        repeats=options.repeats,
        retries=options.retries,
        duration_ns=round(live_options.quantity("--duration", options.duration, TIME)),
        warmup_ns=round(live_options.quantity("--warmup", options.warmup, TIME)),
        seed=options.seed,
    )


def _open(outputs: Outputs, options: Options) -> None:
    """Open all files before any work."""
    outputs.open("--prediction", options.prediction)
    for name, path in (("--export-json", options.export_json), ("--export-csv", options.export_csv)):
        if path is not None:
            outputs.open(name, path)
    if options.plot is not None:
        picture_format(options.plot)
        outputs.open("--plot", options.plot)


def _write(outputs: Outputs, options: Options, validation: Validation) -> None:
    if options.export_json is not None:
        outputs.write("--export-json", json_text(validation_json(validation)))
    if options.export_csv is not None:
        outputs.write("--export-csv", validation_csv(validation))
    if options.plot is not None:
        outputs.write("--plot", validation_picture(validation, picture_format(options.plot)))

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
from calibration.validate_live import measure_again, pacing_of
from calibration.validate_plot import validation_picture
from calibration.validate_prediction import Asked, Prediction, predict_levels
from calibration.validate_text import prediction_text, validation_csv, validation_json, validation_text
from models.units import TIME
from simulator.cli import live_options
from simulator.cli.live_fit import fit_of
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs, picture_format

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
            measurement = Measurement.load(options.measurement)
            prediction = _predicted(measurement, options, tell)
            outputs.write("--prediction", prediction.to_json())
            tell(prediction_text(prediction, options.prediction))
            measured = measure_again(measurement, _settings(measurement, prediction, options), tell, options.server_pid)
            validation = compare(prediction, measured, measurement)
            _write(outputs, options, validation)
    except LiveError as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_INPUT
    typer.echo(validation_text(validation), nl=False, err=STANDARD_OUTPUT in (options.export_json, options.export_csv))
    if validation.interrupted:
        return EXIT_INTERRUPTED
    if validation.not_measured:
        return EXIT_INPUT
    return EXIT_UNSTABLE if validation.never_quiet else 0


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

"""A validation of held-out levels for people, as data and as rows of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any, Final

from calibration.drift import Attempt
from calibration.profile_text import value_text
from calibration.validate import ComparedLevel, Validation, zones_of
from calibration.validate_attempts import drift_text
from calibration.validate_prediction import FIGURES, Prediction, Zone
from simulator.quantity_text import RATE, TIME, quantity_text

_FAMILY: Final = {"throughput": RATE, "mean": TIME, "p50": TIME, "p95": TIME, "p99": TIME, "cpu": TIME}
_WHERE: Final[dict[Zone, str]] = {"below": "below the knee", "at": "at the knee", "past": "past the knee"}


def prediction_text(prediction: Prediction, file: str) -> str:
    """Say in a few lines what was predicted and where it stands."""
    fitted = ", ".join(f"{count}" for count in prediction.fitted)
    lines = [
        f"Predicted: {prediction.subject}, fitted at {fitted} clients; written to {file} before anything is measured",
        f"  knee at {prediction.knee:.1f} clients, capacity {quantity_text(prediction.capacity_per_s, RATE)}",
    ]
    return "\n".join(lines)


def validation_text(validation: Validation) -> str:
    """Return the report: verdict, levels, errors by zone, other laws, numbers, limitations."""
    parts = [_verdict(validation), [""]]
    if validation.levels:
        parts += [_levels(validation), [""], _errors(validation), [""]]
    parts += [_laws(validation), _parameters(validation), _limits(validation)]
    return "\n".join(line for part in parts for line in part) + "\n"


def _verdict(validation: Validation) -> Iterator[str]:
    asked = len(validation.prediction.levels)
    state = "Stopped early" if validation.interrupted else "Validated"
    measured = len(validation.levels)
    yield f"{state}: {validation.prediction.subject}, {measured} of {asked} held-out levels measured and compared"
    if measured:
        rate, tail = validation.summary("throughput"), validation.summary("p99")
        said = [f"throughput off by {rate.error:.1%}"] if rate else []
        said += [f"p99 by {tail.error:.1%}"] if tail else []
        yield f"  grade {validation.grade}: {', '.join(said)} (medians); {_coverage(validation)}"
    if validation.never_quiet:
        yield f"  never undisturbed, so not compared: {', '.join(validation.never_quiet)}"
    if count := len(validation.left_out):
        yield f"  {count} disturbed repeat{'s' * (count != 1)} left out"
    yield from (f"  not measured: {one}" for one in validation.not_measured)
    if len(validation.attempts) > 1 or any(one.disturbed for one in validation.attempts):
        yield from (f"  {_attempt(index, one)}" for index, one in enumerate(validation.attempts, 1))


def _attempt(number: int, attempt: Attempt) -> str:
    """Say of one attempt how the machine changed, how far off it was, and whether it counts."""
    state = "disturbed" if attempt.disturbed else "undisturbed"
    if attempt.interrupted:
        state += ", interrupted"
    if attempt.counts:
        state += ", counts" if not attempt.disturbed else ", counts as the least disturbed"
    errors = "/".join(f"{100.0 * one:.1f}" for name, one in attempt.errors.items() if name != "cpu")
    names = "/".join(name for name in attempt.errors if name != "cpu")
    return f"attempt {number}, {attempt.date[11:16]} UTC: {drift_text(attempt)}: {state}; {names} off by {errors} %"


def _coverage(validation: Validation) -> str:
    share, width = validation.coverage, validation.half_width
    if share is None or width is None:
        return "no interval"
    return f"90 % intervals hold {share:.0%} of the figures, median width ±{width:.0%}"


def _levels(validation: Validation) -> Iterator[str]:
    yield f"  {'level':>8} {'figure':>10} {'measured':>11} {'repeats':>8} {'predicted':>11} {'90 %':>25} {'error':>8}"
    for one in validation.levels:
        for name in FIGURES:
            if name in one.figures:
                yield _row(one, name)


def _row(one: ComparedLevel, name: str) -> str:
    pair = one.figures[name]
    family = _FAMILY[name]
    measured, predicted, low, high = (
        quantity_text(value, family)
        for value in (pair.measured, pair.expected.value, pair.expected.low, pair.expected.high)
    )
    repeats = "-" if pair.repeatability is None else f"±{pair.repeatability:.1%}"
    mark = "" if pair.inside else "  outside"
    title = "CPU of one" if name == "cpu" else name
    first = next(known for known in FIGURES if known in one.figures)
    level = one.level.name if name == first else ""
    return (
        f"  {level:>8} {title:>10} {measured:>11} {repeats:>8} {predicted:>11} {low + ' to ' + high:>25}"
        f" {pair.error:>+8.1%}{mark}"
    )


def _errors(validation: Validation) -> Iterator[str]:
    names = [name for name in FIGURES if validation.summary(name) is not None]
    titles = " ".join(f"{'CPU' if name == 'cpu' else name:>15}" for name in names)
    yield f"  {'median error (bias)':>20} {titles}"
    zones: list[Zone | None] = [*zones_of(validation), None]
    for zone in zones:
        found = [validation.summary(name, zone) for name in names]
        cells = " ".join(f"{f'{one.error:.1%} ({one.bias:+.1%})' if one else '-':>15}" for one in found)
        yield f"  {_WHERE[zone] if zone else 'all levels':>20} {cells}"
    found = [validation.summary(name) for name in names]
    cells = " ".join(
        f"{f'±{one.repeatability:.1%}' if one and one.repeatability is not None else '-':>15}" for one in found
    )
    yield f"  {'repeatability':>20} {cells}"
    if validation.again is not None:
        changes = (validation.again.changes.get(name) for name in names)
        cells = " ".join(f"{'-' if one is None else f'{one:+.1%}':>15}" for one in changes)
        yield f"  {f'{validation.again.name} again, changed':>20} {cells}"


def _laws(validation: Validation) -> Iterator[str]:
    if validation.rival_errors:
        said = ", ".join(f"{name} {error:.1%}" for name, error in validation.rival_errors.items())
        yield f"  the throughput's median error by other laws, fitted to the same levels: {said}"


def _parameters(validation: Validation) -> Iterator[str]:
    prediction = validation.prediction
    likely = {label: weight for label, weight in prediction.structures.items() if weight > 0.02}
    structures = ", ".join(f"{label} ({weight:.0%})" for label, weight in likely.items())
    yield f"  structure: {structures}"
    for name, one in prediction.parameters.items():
        mark = "" if one["identified"] else "  not identified: mostly assumed"
        unit = prediction.units.get(name, "ratio")
        value, low, high = (value_text(float(one[end]), unit) for end in ("value", "low", "high"))
        yield f"    {name:16} {value:>10}  {low} to {high}{mark}"


def _limits(validation: Validation) -> Iterator[str]:
    for text in [*validation.notes, *validation.prediction.limitations]:
        yield f"  note: {text}"


def validation_json(validation: Validation) -> dict[str, Any]:
    """Return the validation as plain data, with what follows from it."""
    names = [name for name in FIGURES if validation.summary(name) is not None]
    data = validation.model_dump(mode="json")
    for one, level in zip(validation.levels, data["levels"], strict=True):
        for name, pair in one.figures.items():
            level["figures"][name] |= {"error": pair.error, "inside": pair.inside}
    zones: list[Zone | None] = [*zones_of(validation), None]
    data["errors"] = {
        zone or "all": {
            name: found.model_dump() for name in names if (found := validation.summary(name, zone)) is not None
        }
        for zone in zones
    }
    data |= {"grade": validation.grade, "coverage": validation.coverage, "half_width": validation.half_width}
    return data | {"rival_errors": validation.rival_errors}


def validation_csv(validation: Validation) -> str:
    """Return a row for each figure of each level."""
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(
        ["procs", "rate_per_s", "zone", "figure", "measured", "repeatability", "predicted", "low", "high", "error"]
    )
    for one in validation.levels:
        for name, pair in one.figures.items():
            expected = (pair.expected.value, pair.expected.low, pair.expected.high)
            rate = "" if one.level.rate_per_s is None else f"{one.level.rate_per_s:.6g}"
            spread = "" if pair.repeatability is None else f"{pair.repeatability:.6g}"
            numbers = [f"{value:.6g}" for value in (*expected, pair.error)]
            rows.writerow([one.level.procs, rate, one.level.zone, name, f"{pair.measured:.6g}", spread, *numbers])
    return out.getvalue()

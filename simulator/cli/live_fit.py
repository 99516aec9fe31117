"""The fit of a live measurement, put into the profile that `sim run` plays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from calibration.fit_live import LiveFit, fit_live
from calibration.live.errors import LiveError
from calibration.live.measured import Measurement
from calibration.profile import Profile
from calibration.profile_text import value_text
from simulator.cli import live_options
from simulator.output_files import write_atomically

LABEL_WIDTH: Final = 24


def fit_of(measurement: Measurement, host: Profile | None) -> LiveFit:
    """Fit a measurement. Raises LiveError where nothing can be fitted to it."""
    try:
        return fit_live(measurement, host)
    except ValueError as error:
        raise LiveError(measurement.subject, str(error), "a measurement that a scenario can be fitted to") from None


def fit_into(path: str | None, measurement: Measurement, tell: Callable[[str], None]) -> str:
    """Fit a measurement, write the profile, and return what to say about it, or why it is not fitted.

    path: of the profile, whose numbers of this host are used and kept; None: it is not fitted. A profile of another
    host stays as it is. Raises LiveError and OutputError.
    """
    if path is None:
        return ""
    unfit = _unfit(measurement)
    if unfit:
        return f"\nNot fitted: {unfit}\n"
    host, why = live_options.host_profile(path)
    if why and "another host" in why:
        return f"\nNot fitted: {why}; --profile names another file\n"
    tell("fitting a scenario to the levels")
    fit = fit_of(measurement, host)
    write_atomically(path, fit.profile().to_toml())
    return "\n".join(_lines(fit, path)) + "\n"


def _unfit(measurement: Measurement) -> str:
    """Say why a measurement should not be fitted; nothing where it should."""
    if measurement.workload is None:
        return "what an operation needs is not known"
    if measurement.interrupted:
        return "not all levels were measured"
    if measurement.never_quiet:
        return f"other load disturbed all repeats of {', '.join(measurement.never_quiet)}; measure again"
    return ""


def _lines(fit: LiveFit, path: str) -> list[str]:
    label = fit.best.blueprint.label
    lines = ["", f"Fitted: {label} ({fit.structures[0].weight:.0%}); written to {path}, which sim run plays"]
    units = {one.name: one.unit for one in fit.best.blueprint.free}
    for one in fit.parameters():
        mark = "" if one.identified else ", not identified"
        value, low, high = (value_text(end, units[one.name]) for end in (one.value, one.low, one.high))
        lines.append(f"  {one.name + ' ':.<{LABEL_WIDTH}} {value}  [{low}, {high}]{mark}")
    return lines + [f"  note: {text}" for text in fit.warnings()]

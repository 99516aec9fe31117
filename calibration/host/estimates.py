"""Estimates, intervals and bootstrap draws from the quiet runs of the probes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from scipy.special import stdtrit

from calibration.host.quantities import description_of
from calibration.host.runner import Outcome
from calibration.profile import Quantity

DRAWS: Final = 100
MEASURED_BY: Final = "calibrate host"
_NORMAL_95: Final = 1.96
_LOGARITHMIC_UP_TO: Final = 3.0
"""Ratio of largest to smallest value up to which deviations are factors; beyond it they would run away."""
HIDDEN: Final = frozenset({"placement.first_move"})
"""What only serves to estimate another quantity and is not kept for itself."""


@dataclass(frozen=True)
class Estimate:
    """value: median of the runs' medians. interval: 95 %; None from a single value. draws: `DRAWS` of them."""

    value: float
    interval: tuple[float, float] | None
    draws: list[float]
    repeats: list[float]


def estimate(runs: Sequence[Sequence[float]], indices: Sequence[Sequence[int]], random: Random) -> Estimate:
    """Estimate one quantity.

    runs: values of each run. indices: for each draw, which runs it takes; shared by all quantities of a probe, so that
    what goes up and down together does so in the draws.

    The bootstrap takes runs, then values within each, with replacement. With few runs that is too narrow: the
    deviations are stretched by sqrt(n / (n - 1)) and by the ratio of Student's t to the normal quantile, so that the
    interval of normal data is that of the t statistic.
    """
    medians = [statistics.median(values) for values in runs]
    value = statistics.median(medians)
    if len(runs) < 2 and len(runs[0]) < 2:
        return Estimate(value, None, [value] * len(indices), medians)
    free = len(runs) - 1 if len(runs) > 1 else len(runs[0]) - 1
    stretch = math.sqrt((free + 1) / free) * float(stdtrit(free, 0.975)) / _NORMAL_95
    least, most = min(map(min, runs)), max(map(max, runs))
    logarithmic = least > 0 and most < _LOGARITHMIC_UP_TO * least
    centre = _mean(medians, logarithmic)
    draws = []
    for taken in indices:
        resampled = [_resampled(runs[index], medians[index], random) for index in taken]
        deviation = _mean(resampled, logarithmic)
        if logarithmic:
            draws.append(value * (deviation / centre) ** stretch)
        else:
            drawn = value + (deviation - centre) * stretch
            draws.append(drawn if least < 0 else max(0.0, drawn))
    ordered = sorted(draws)
    low, high = ordered[int(0.025 * len(ordered))], ordered[math.ceil(0.975 * len(ordered)) - 1]
    return Estimate(value, (min(low, value), max(high, value)), draws, medians)


def _mean(values: Sequence[float], logarithmic: bool) -> float:
    return statistics.geometric_mean(values) if logarithmic else statistics.fmean(values)


def _resampled(values: Sequence[float], median: float, random: Random) -> float:
    return median if len(values) == 1 else statistics.median(random.choices(values, k=len(values)))


def quantities_of(outcomes: Sequence[Outcome], date: str, least: int) -> tuple[list[Quantity], dict[str, list[float]]]:
    """Return the quantities of all probes that have enough quiet runs, and their draws."""
    quantities: list[Quantity] = []
    samples: dict[str, list[float]] = {}
    for outcome in outcomes:
        quiet = outcome.quiet
        if outcome.reason is not None or not outcome.enough(least):
            continue
        for name, found in _estimates(outcome.probe.name, [run.quantities for run in quiet]):
            if name in HIDDEN:
                continue
            left_out = len(outcome.runs) - len(quiet)
            one = quantity(name, found, date, left_out)
            quantities.append(one if len(quiet) > 1 else one.model_copy(update={"identified": "weakly"}))
            if found.interval is not None and found.interval[0] < found.interval[1]:
                samples[name] = [rounded(draw) for draw in found.draws]
    return quantities, samples


def _estimates(probe: str, runs: Sequence[Mapping[str, list[float]]]) -> Iterator[tuple[str, Estimate]]:
    """Yield the estimates of everything that all runs of a probe gave."""
    random = Random(probe)
    count = len(runs)
    indices = [[random.randrange(count) for _ in range(count)] for _ in range(DRAWS)]
    for name in runs[0]:
        if all(run.get(name) for run in runs):
            yield name, estimate([run[name] for run in runs], indices, random)


def quantity(name: str, found: Estimate, date: str, left_out: int) -> Quantity:
    """Return an estimate as it stands in a profile."""
    description = description_of(name)
    interval = found.interval
    return Quantity(
        name=name,
        value=rounded(found.value),
        unit=description.unit,
        interval=None if interval is None else (rounded(interval[0]), rounded(interval[1])),
        field=description.field,
        how=description.how,
        measured_by=MEASURED_BY,
        date=date,
        repeats=[rounded(value) for value in found.repeats],
        left_out=left_out,
    )


def rounded(value: float) -> float:
    """Return a number with six significant digits: more than anything measured has, and readable."""
    return float(f"{value:.6g}")

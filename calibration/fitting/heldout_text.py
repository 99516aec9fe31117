"""A validation for people: predicted against measured, level by level, with the other laws beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from calibration.fitting.heldout import HeldOut
from simulator.quantity_text import quantity_text

SELDOM: Final = 1.0
"""An interval whose upper end is more than twice the lower says that the levels do not identify what comes."""
LITTLE: Final = 0.10
"""Beyond rounding and what starts and ends in the window."""


def heldout_text(one: HeldOut) -> str:
    """Return the report of a series."""
    return "\n".join((*_head(one), "", *_levels(one), "", *_laws(one), "", *_parameters(one))) + "\n"


def _head(one: HeldOut) -> Iterator[str]:
    own = one.own
    name = f"{one.source} {one.series}".strip()
    cpus = "CPUs not known" if one.machine.threads is None else f"{one.machine.threads:g} CPUs"
    yield f"{name}: fitted on {len(one.fit.points)} levels, {len(one.held_out)} held out and predicted; {cpus}"
    yield f"grade {own.grade}: throughput off by {own.error:.1%} (bias {own.bias:+.1%}), by the analytic model"
    if not_identified(one):
        unknown = [found.name for found in one.fit.parameters() if not found.identified]
        names = f"{', '.join(unknown)}, and any" if unknown else "any"
        yield "not identified: the fitted levels leave the highest level open by more than a factor of two"
        yield f"they do not determine {names} limit that they did not reach (a cache, a lock, a link)"
    if one.little > LITTLE:
        yield f"warning: the response times contradict Little's law by up to {one.little:.0%}: not to be trusted"


def _levels(one: HeldOut) -> Iterator[str]:
    heads = f"{'measured /s':>12}  {'repeats ±':>9}  {'predicted /s':>12}  {'90 %':>25}  {'error':>7}"
    yield f"  {'level':>8}  {heads}  mean response time"
    for point, said in zip(one.held_out, one.predictions, strict=True):
        error = said.throughput_per_s / point.throughput_per_s - 1
        repeats = f"{point.deviation:.1%}" if point.repeats > 1 else "-"
        interval = f"{said.low_per_s:,.1f} to {said.high_per_s:,.1f}"
        mean = ""
        if point.mean_s:
            measured, predicted = (quantity_text(time_s, "time") for time_s in (point.mean_s, said.mean_s))
            mean = f"{measured} / {predicted} {said.mean_s / point.mean_s - 1:+.1%}"
        yield (
            f"  {point.load:>8g}  {point.throughput_per_s:>12,.1f}  {repeats:>9}  {said.throughput_per_s:>12,.1f}"
            f"  {interval:>25}  {error:>+7.1%}  {mean}".rstrip()
        )


def _laws(one: HeldOut) -> Iterator[str]:
    yield f"  {'':8}  throughput   bias  inside 90 %  interval score"
    for name, score in one.scores.items():
        inside = f"{sum(score.covered)} of {len(score.covered)}"
        score_text = f"{sum(score.interval_scores) / len(score.interval_scores):.2f}"
        yield f"  {name:8}  {score.error:>10.1%}  {score.bias:>+5.0%}  {inside:>11}  {score_text:>14}"


def _parameters(one: HeldOut) -> Iterator[str]:
    yield f"  structure: {one.fit.best.structure.label} (weight {one.fit.best.weight:.0%})"
    for found in one.fit.parameters():
        mark = "" if found.identified else "  not identified: the interval is mostly what was assumed"
        yield f"  {found.name:14} {found.value:>10.4g}  {found.low:.4g} to {found.high:.4g}{mark}"
    for first, second in one.fit.confounded():
        yield f"  {first} and {second} cannot be told apart by these levels"


def not_identified(one: HeldOut) -> bool:
    """Return whether the prediction of the highest level is open by more than a factor of two."""
    last = one.predictions[-1]
    return last.high_per_s > (1.0 + SELDOM) * last.low_per_s


def heldout_json(one: HeldOut) -> dict[str, Any]:
    """Return the same as plain data."""
    return {
        "source": one.source,
        "series": one.series,
        "method": "analytic",
        "cpus": one.machine.threads,
        "threads_per_core": one.machine.threads_per_core,
        "fitted_levels": [point.load for point in one.fit.points],
        "structure": one.fit.best.structure.label,
        "structure_weight": one.fit.best.weight,
        "not_identified": not_identified(one),
        "little_contradiction": one.little,
        "parameters": [vars(found) for found in one.fit.parameters()],
        "levels": [
            {
                "load": point.load,
                "measured": {"throughput_per_s": point.throughput_per_s, "mean_s": point.mean_s},
                "predicted": vars(said),
            }
            for point, said in zip(one.held_out, one.predictions, strict=True)
        ],
        "scores": {name: score.as_json() for name, score in one.scores.items()},
    }


def heldout_texts(curves: Sequence[HeldOut]) -> str:
    """Return the reports of all series."""
    return "\n".join(heldout_text(one) for one in curves)

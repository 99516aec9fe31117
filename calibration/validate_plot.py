"""A picture of a validation: predicted with its interval, measured beside it."""

from __future__ import annotations

import io
from typing import Any, Final

from calibration.validate import Validation

_PANELS: Final = (("throughput", "throughput [1/s]", 1.0), ("p50", "p50 [ms]", 1e3), ("p99", "p99 [ms]", 1e3))


def validation_picture(validation: Validation, form: str) -> bytes:
    """Draw throughput (of open levels: the mean response time), p50 and p99 over the load. form: png, svg or pdf."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, len(_PANELS), figsize=(12, 4), layout="constrained")
    for axis, (name, title, scale) in zip(axes, _PANELS, strict=True):
        _panel(axis, validation, name, scale)
        axis.set_ylabel(title)
        axis.set_xlabel("clients" if _closed(validation) else "offered [1/s]")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.suptitle(f"{validation.prediction.subject}: grade {validation.grade}")
    out = io.BytesIO()
    figure.savefig(out, format=form, dpi=120)
    pyplot.close(figure)
    return out.getvalue()


def _closed(validation: Validation) -> bool:
    return all(level.rate_per_s is None for level in validation.prediction.levels)


def _panel(axis: Any, validation: Validation, name: str, scale: float) -> None:
    levels = [level for level in validation.prediction.levels if name in level.figures]
    loads = [level.rate_per_s or level.procs for level in levels]
    said = [level.figures[name] for level in levels]
    axis.plot(loads, [one.value * scale for one in said], "-", color="tab:blue", label="predicted")
    low, high = [one.low * scale for one in said], [one.high * scale for one in said]
    axis.fill_between(loads, low, high, color="tab:blue", alpha=0.2, label="90 %")
    found = [one for one in validation.levels if name in one.figures]
    measured = [one.figures[name].measured * scale for one in found]
    axis.plot(
        [one.level.rate_per_s or one.level.procs for one in found], measured, "o", color="black", label="measured"
    )

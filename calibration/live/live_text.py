"""What a live measurement says to a person: what was measured, the levels, and what an operation needs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from statistics import median

from calibration.levels import Level
from calibration.live.measured import Figure, Measurement, Spread, Workload
from simulator.quantity_text import RATE, SHARE, SIZE, TIME, estimate_text, quantity_text

LABEL_WIDTH = 24
SHOWN_PERCENTS = (50.0, 95.0, 99.0)


def measurement_text(measurement: Measurement) -> str:
    """Return the summary: verdict first, then a row for each level and each figure of the workload."""
    return "\n".join([*_verdict(measurement), "", *_levels(measurement), "", *_needs(measurement)]) + "\n"


def _verdict(measurement: Measurement) -> Iterator[str]:
    repeats = len(measurement.table.levels)
    states = ["stopped early"] if measurement.interrupted else []
    states += ["disturbed"] if measurement.never_quiet else []
    state = ", ".join([*states, "measured"]).capitalize()
    cores = f"{measurement.cores} core{'s' if measurement.cores != 1 else ''}"
    yield f"{state}: {measurement.subject} on {cores}, {repeats} repeats of {measurement.duration_s:g} s"
    if measurement.never_quiet:
        yield f"  never undisturbed: {', '.join(measurement.never_quiet)}; what is shown there is not to be believed"
    left_out = sum(remark.message.startswith("left out") for remark in measurement.table.remarks)
    if left_out:
        yield f"  {left_out} disturbed repeat{'s' * (left_out != 1)} left out"
    yield from (f"  not measured: {one}" for one in measurement.not_measured)
    if measurement.failed_operations:
        said = f": {measurement.problem}" if measurement.problem else ""
        yield f"  {measurement.failed_operations} operations failed{said}"


def _levels(measurement: Measurement) -> Iterator[str]:
    levels = measurement.table.levels
    what = "connections" if measurement.kind == "http" else "copies"

    def load(level: Level) -> tuple[float, float]:
        return level.procs or 0.0, level.arrival_rate_per_s or 0.0

    titles = " ".join(f"{title:>10}" for title in ("mean", *(f"p{percent:g}" for percent in SHOWN_PERCENTS)))
    yield f"{what:>11} {'offered':>10} {'throughput':>12} {titles} {'CPU':>8}"
    for (procs, rate), group in groupby(sorted(levels, key=load), key=load):
        found = list(group)
        times = [_middle([level.mean_s for level in found])]
        times += [_middle([level.percentiles_s.get(percent) for level in found]) for percent in SHOWN_PERCENTS]
        cells = " ".join(f"{estimate_text(value, TIME, brief=True):>10}" for value in times)
        throughput = estimate_text(_middle([level.throughput_per_s for level in found]), RATE, brief=True)
        cores = _middle([level.cpu_busy_cores for level in found])
        busy = "-" if cores is None else f"{cores:.2f}"
        offered = quantity_text(rate, RATE) if rate else "-"
        yield f"{procs:>11g} {offered:>10} {throughput:>12} {cells} {busy:>8}"


def _middle(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None


def _needs(measurement: Measurement) -> Iterator[str]:
    workload = measurement.workload
    if workload is None:
        yield "What an operation needs is not known: name the server with --server-pid or --server."
        return
    yield "An operation needs"
    yield _row("CPU", _spread(workload.demand))
    yield _row("pure wait", _spread(workload.wait) if workload.wait else "none that shows")
    if workload.generator_cpu_s is not None:
        yield _row("CPU of the generator", _figure(workload.generator_cpu_s, TIME))
    yield from _shared(workload)
    if workload.hand_off_s is not None:
        yield _row("wake-up to running", _figure(workload.hand_off_s, TIME))
    if workload.pacing_cpu_s is not None:
        yield _row("CPU of sleeping, waking", quantity_text(workload.pacing_cpu_s, TIME))
    for label, size in (
        ("memory", workload.memory_bytes),
        ("memory of a process", workload.base_bytes),
        ("network", workload.network_bytes),
        ("disk, written", workload.disk_written_bytes),
        ("disk, read", workload.disk_read_bytes),
    ):
        if size is not None and size >= 1:
            yield _row(label, estimate_text(size, SIZE, brief=True))
    for note in workload.notes:
        yield f"  note: {note}"


def _shared(workload: Workload) -> Iterator[str]:
    """Say what operations at once have in common."""
    if workload.serial is not None:
        estimate = workload.serial.share
        yield _row("serial share", f"{_figure(estimate, SHARE)} (from {workload.serial.copies} copies)")
    alone = workload.demand_by_copies_s.get(1)
    for copies, crowded in sorted(workload.demand_by_copies_s.items()):
        if alone is not None and copies > 1 and alone.value > 0:
            yield _row(f"CPU, {copies} at once", f"{crowded.value / alone.value - 1:+.1%}")


def _row(label: str, text: str) -> str:
    return f"  {label + ' ':.<{LABEL_WIDTH}} {text}"


def _spread(spread: Spread) -> str:
    return f"{_figure(spread.mean_s, TIME)}, cv {spread.cv:.2g}"


def _figure(figure: Figure, family: str) -> str:
    return estimate_text({"value": figure.value, "half_width": figure.half_width}, family)

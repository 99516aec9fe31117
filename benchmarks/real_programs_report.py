"""The report of real programs: a table with a row for each, and a section for each, replaced one by one."""

from __future__ import annotations

import os
import platform
import re
import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from benchmarks.real_programs_list import RealProgram
from calibration.host.facts import read_host
from calibration.validate import Compared, Validation
from calibration.validate_prediction import FIGURES
from calibration.validate_text import validation_text

TIMES: Final = ("mean", "p50", "p95", "p99")
HEAD: Final = """# Accuracy on real programs

`python -m benchmarks.real_programs` measures, `--only NAME` one of them. Own programs are fitted at 1 and 2 copies,
servers at three levels of at most 8 connections (1, 4 and 8, or 1, 8 and 8 at a rate); everything below was held out:
the prediction was in a file before the first held-out level was measured. Under a quota everything was held out: its
program was fitted without one. Errors are medians over the held-out levels (the worst in brackets), each level the
median of interleaved repeats. "Within": figures whose error is within the bound, or within the measurement's own
repeatability: what its repeats differ by or, in the direction in which the machine's speed has changed since the fit
(by a fitted level that was measured again beside the held-out ones), up to that change. A row is met where every figure
is within at half of its levels or more, as a median is.
"""
TABLE: Final = """
| program | throughput (asked) | mean (asked) | p50 | p95 | p99 | within | inside 90 % | half-width | grade | verdict |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
"""


def row(name: str, program: RealProgram, validation: Validation) -> str:
    """Return the program's row of the table."""
    cells = [_error(validation, figure) for figure in ("throughput", *TIMES)]
    cells[0] += f" ({program.rate_bound:.0%})"
    cells[1] += f" ({program.time_bound:.0%})"
    every = [(figure, pair) for figure in ("throughput", *TIMES) for pair in validation.pairs(figure)]
    within = sum(
        pair.within(program.rate_bound if figure == "throughput" else program.time_bound) for figure, pair in every
    )
    inside = [pair.inside for figure in FIGURES for pair in validation.pairs(figure)]
    width = validation.half_width
    return (
        f"| [{name}](#{name}) | {' | '.join(cells)} | {within} of {len(every)} | {sum(inside)} of {len(inside)} | "
        f"{'-' if width is None else f'{width:.0%}'} | {validation.grade} | {verdict(program, validation)} |"
    )


def verdict(program: RealProgram, validation: Validation) -> str:
    """Say whether what was asked is met: by a figure at half of its levels at least, as a median is.

    Of a figure that is missed, its median error, and what the measurement repeats to.
    """
    missed = []
    for figure in ("throughput", *TIMES):
        pairs = validation.pairs(figure)
        bound = program.rate_bound if figure == "throughput" else program.time_bound
        if 2 * sum(pair.within(bound) for pair in pairs) < len(pairs):
            missed.append(f"{figure} ({_middle(pairs)})")
    said = f"missed: {', '.join(missed)}" if missed else "met"
    return said + ("; every attempt disturbed" if validation.disturbed else "")


def _middle(pairs: Sequence[Compared]) -> str:
    error = statistics.median(abs(pair.error) for pair in pairs)
    return f"{error:.1%}, repeats to {statistics.median(pair.repeatability or 0.0 for pair in pairs):.1%}"


def _error(validation: Validation, figure: str) -> str:
    found = validation.summary(figure)
    return "-" if found is None else f"{found.error:.1%} [{found.worst:+.1%}]"


def section(name: str, program: RealProgram, validation: Validation, seconds: float, repeats: int) -> str:
    """Return the program's section."""
    host = read_host()
    effects = [pair.repeatability for pair in validation.pairs("throughput") if pair.repeatability is not None]
    repeat = f"; throughput repeats to ±{statistics.median(effects):.1%}" if effects else ""
    again = " --again" if validation.again is not None else ""
    return (
        f"## {name}\n\n{program.title}. {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {host.processor}, {host.usable} of "
        f"{os.cpu_count()} CPUs{', virtual machine' if host.virtual else ''}, {host.system} {host.kernel}, Python "
        f"{platform.python_version()}; "
        f"`python -m benchmarks.real_programs --only {name} --seconds {seconds:g} --repeats {repeats}{again}`{repeat}."
        "\n\n"
        f"```text\n{validation_text(validation)}```\n"
    )


def put(path: Path, name: str, new_row: str, new_section: str) -> None:
    """Put a row and a section into the report, in the place of those of the same program."""
    text = path.read_text() if path.is_file() else ""
    rows = [line for line in text.splitlines() if re.match(r"\| \[[\w-]+\]\(#", line)]
    sections = {found[1]: found[0] for found in re.finditer(r"(?ms)^## ([\w-]+)\n.*?(?=^## [\w-]+\n|\Z)", text)}
    kept = [line for line in rows if not line.startswith(f"| [{name}](")]
    sections[name] = new_section + "\n"
    begin = re.search(r"(?m)^\| program \|", text)
    head = text[: begin.start()] if begin else HEAD
    table = "\n".join([*kept, new_row])
    body = "\n".join(one.strip() + "\n" for one in sections.values())
    path.write_text(f"{head.rstrip()}\n{TABLE}{table}\n\n{body}")

"""Options that several commands share; each can also be given as the variable `SIM_` and its name."""

from __future__ import annotations

import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from simulator.causes import parse_percentile
from simulator.measures import percentile_name

SYSTEM: Final = "The system (fields of the first service)"
OFFERED: Final = "What is offered to it (fields of the first workload)"
RUN: Final = "How it is run"
ANSWER: Final = "The answer"

VARIABLE_SEPARATOR: Final = ";"


class Colour(StrEnum):
    """When to colour the answer."""

    auto = "auto"
    always = "always"
    never = "never"


class EngineName(StrEnum):
    """Which engine simulates."""

    auto = "auto"
    fast = "fast"
    reference = "reference"


def option(
    name: str,
    *others: str,
    panel: str,
    text: str,
    metavar: str | None = None,
    callback: Callable[[str | None], str | None] | None = None,
) -> Any:
    """Declare an option with its variable."""
    variable = "SIM_" + name.removeprefix("--").replace("-", "_").upper()
    return typer.Option(
        name, *others, envvar=variable, help=text, metavar=metavar, rich_help_panel=panel, callback=callback
    )


def repeatable(name: str, *, panel: str, text: str, metavar: str) -> Any:
    """Declare an option that may be given several times. Its variable is read by `from_variable`."""
    return typer.Option(name, help=text, metavar=metavar, rich_help_panel=panel)


def thresholds(text: str) -> Any:
    """Declare the thresholds of an answer. text: what they do to it."""
    return repeatable("--threshold", panel=ANSWER, metavar="TEXT", text=text)


def from_variable(name: str) -> list[str]:
    """Return the values in the variable of a repeatable option, separated by semicolons."""
    text = os.environ.get(f"SIM_{name.upper()}", "")
    return [part.strip() for part in text.split(VARIABLE_SEPARATOR) if part.strip()]


def given_by_variable(context: typer.Context) -> set[str]:
    """Return the names of the options whose value came from their variable."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name == "ENVIRONMENT"}


def percentile(text: str | None) -> str | None:
    """Check a percentile while the command line is read."""
    try:
        return text if text is None else percentile_name(parse_percentile(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


ScenarioFile = Annotated[
    Path | None,
    typer.Argument(
        envvar="SIM_SCENARIO",
        metavar="SCENARIO.toml",
        help="Scenario file; without it, the built-in message hub.",
    ),
]
Cores = Annotated[str | None, option("--cores", panel=SYSTEM, metavar="N", text="CPUs of one instance.")]
Instances = Annotated[str | None, option("--instances", panel=SYSTEM, metavar="N", text="Instances.")]
Memory = Annotated[
    str | None, option("--memory", panel=SYSTEM, metavar="SIZE", text="Memory of one instance, such as 8GiB.")
]
Workers = Annotated[
    str | None,
    option("--workers", panel=SYSTEM, metavar="N", text="Workers of one instance, or per_operation."),
]
Discipline = Annotated[
    str | None,
    option(
        "--discipline",
        panel=SYSTEM,
        metavar="NAME",
        text="Scheduler: linux, round_robin, fifo or processor_sharing.",
    ),
]
Procs = Annotated[
    str | None,
    option(
        "--procs",
        "--clients",
        "--connections",
        "--vus",
        panel=OFFERED,
        metavar="N",
        text="Concurrent load-generating processes.",
    ),
]
Concurrency = Annotated[
    str | None,
    option("--concurrency", panel=OFFERED, metavar="N", text="Operations that each process keeps circulating."),
]
ThinkTime = Annotated[
    str | None,
    option(
        "--think-time",
        panel=OFFERED,
        metavar="TIME",
        text="Mean pause of a client; the kind of distribution stays.",
    ),
]
Rate = Annotated[
    str | None,
    option(
        "--rate",
        panel=OFFERED,
        metavar="RATE",
        text="Arrivals of all processes, such as 900/s; makes the workload open.",
    ),
]
Settings = Annotated[
    list[str] | None,
    repeatable(
        "--set",
        panel=RUN,
        metavar="PATH=VALUE",
        text="Any field, such as services.hub.queue_limit=500; no VALUE takes it out. Repeatable; SIM_SET is "
        "split at semicolons.",
    ),
]
Duration = Annotated[
    str | None,
    option("--duration", panel=RUN, metavar="TIME", text="Measured time of a replication, or auto."),
]
Warmup = Annotated[
    str | None,
    option("--warmup", panel=RUN, metavar="TIME", text="Time before it that is not measured, or auto."),
]
Seed = Annotated[str | None, option("--seed", panel=RUN, metavar="N", text="Seed; the same seed, the same answer.")]
Replications = Annotated[
    str | None,
    option("--replications", panel=RUN, metavar="N", text="Replications, or auto: until the precision."),
]
Precision = Annotated[
    str | None,
    option("--precision", panel=RUN, metavar="SHARE", text="Relative half-width that is aimed at, such as 0.02."),
]
Engine = Annotated[EngineName, option("--engine", panel=RUN, text="Both engines give the same answer.")]
Check = Annotated[bool, option("--check", panel=RUN, text="Check the sample-path laws; slower.")]
Explain = Annotated[
    str | None,
    option(
        "--explain",
        panel=ANSWER,
        metavar="PERCENTILE",
        callback=percentile,
        text="What operations from that percentile on spend their time on, such as p99.",
    ),
]
Efficiency = Annotated[
    bool,
    option("--efficiency", panel=ANSWER, text="Compare the throughput of a process with that of one alone."),
]
Thresholds = Annotated[
    list[str] | None,
    thresholds(
        "Such as 'response_time: p(95) < 150ms'; exit code 99 if one fails. Repeatable; SIM_THRESHOLD is split at "
        "semicolons."
    ),
]
ExportJson = Annotated[
    str | None,
    option("--export-json", panel=ANSWER, metavar="FILE", text="Write the result as JSON; - for standard output."),
]
ExportCsv = Annotated[
    str | None,
    option("--export-csv", panel=ANSWER, metavar="PREFIX", text="Write tables as PREFIX-summary.csv and so on."),
]
ExportRecords = Annotated[
    str | None,
    option("--export-records", panel=ANSWER, metavar="FILE", text="Write a CSV row for each operation."),
]
Plot = Annotated[
    str | None, option("--plot", panel=ANSWER, metavar="FILE", text="Draw the result (.png, .svg or .pdf).")
]
Quiet = Annotated[bool, option("--quiet", "-q", panel=ANSWER, text="Only the verdict, and no progress.")]
Color = Annotated[Colour, option("--color", panel=ANSWER, text="NO_COLOR switches colours off too.")]

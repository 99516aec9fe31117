"""`sim calibrate command | python | http`: measure what runs here and describe it as a workload."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Final

import typer

from calibration.command import calibrate_command
from calibration.http import Target, calibrate_http
from calibration.interference import EXIT_UNSTABLE
from calibration.live.errors import LiveError
from calibration.live.http_load import HttpLoad
from calibration.live.live_text import measurement_text
from calibration.live.measured import DEFAULT_FILE, Measurement
from calibration.live.pacing import Pacing
from calibration.live.scenario_draft import draft
from calibration.live.settings import PRECISION, Settings, default_connections, default_copies
from calibration.profile import DEFAULT_FILE as PROFILE_FILE
from calibration.python_callable import calibrate_python
from models.units import RATE, TIME
from simulator.cli import live_options
from simulator.cli.live_fit import fit_into
from simulator.cli.options import option
from simulator.output_files import STANDARD_OUTPUT, Outputs
from simulator.processors import usable_cores

EXIT_INPUT: Final = 2
EXIT_INTERRUPTED: Final = 130
OPEN_CONNECTIONS: Final = 256

OFFERED: Final = "What is offered"
RUN: Final = "How it is measured"
ANSWER: Final = "The answer"
SERVER: Final = "The server"
REQUEST: Final = "The request"


class ThinkKind(StrEnum):
    """How think times are drawn."""

    exponential = "exponential"
    constant = "constant"


Procs = Annotated[
    str | None,
    option(
        "--procs",
        "--copies",
        panel=OFFERED,
        metavar="N,N,...",
        text="Levels: copies at once. Without it 1, 2, 4 ... up to the cores.",
    ),
]
Connections = Annotated[
    str | None,
    option(
        "--connections",
        "--procs",
        panel=OFFERED,
        metavar="N,N,...",
        text="Levels: connections at once. Without it 1, and 2 and 4 times the cores; with --rate, 256.",
    ),
]
Think = Annotated[
    str | None,
    option(
        "--think",
        panel=OFFERED,
        metavar="TIME",
        text="Mean pause between the end of an operation and the next.",
    ),
]
ThinkDistribution = Annotated[
    ThinkKind, option("--think-distribution", panel=OFFERED, text="How the pauses are drawn.")
]
Rate = Annotated[
    str | None,
    option(
        "--rate",
        panel=OFFERED,
        metavar="RATE,RATE,...",
        text="Levels: Poisson arrivals of all copies together, such as 100/s,200/s.",
    ),
]
Duration = Annotated[
    str, option("--duration", panel=RUN, metavar="TIME", text="Measured time of each repeat of a level.")
]
Warmup = Annotated[
    str, option("--warmup", panel=RUN, metavar="TIME", text="Time before it that is not measured, at least.")
]
Repeats = Annotated[int, option("--repeats", panel=RUN, text="Repeats of each level, interleaved.")]
Retries = Annotated[int, option("--retries", panel=RUN, text="Further repeats in all, where some were disturbed.")]
Precision = Annotated[
    float,
    option(
        "--precision",
        panel=RUN,
        text="Up to five more rounds while CPU or median response of a level has a larger relative standard error; "
        "0: none, as with fewer than 3 repeats.",
    ),
]
Seed = Annotated[int, option("--seed", panel=RUN, text="Of the think times and arrivals.")]
Ready = Annotated[str, option("--ready-timeout", panel=RUN, metavar="TIME", text="Until all copies must have started.")]
Output = Annotated[
    str,
    option("--output", "-o", panel=ANSWER, metavar="FILE", text="Where the measurement goes, for the fit."),
]
ExportJson = Annotated[
    str | None,
    option(
        "--export-json",
        panel=ANSWER,
        metavar="FILE",
        text="Write the measurement as JSON; - for standard output.",
    ),
]
ExportScenario = Annotated[
    str | None,
    option(
        "--export-scenario",
        panel=ANSWER,
        metavar="FILE",
        text="Write a first scenario (TOML) that sim run takes.",
    ),
]
ProfileFile = Annotated[
    str,
    option(
        "--profile", panel=ANSWER, metavar="FILE", text="Where the fitted scenario goes, beside the host's numbers."
    ),
]
NoFit = Annotated[bool, option("--no-fit", panel=ANSWER, text="Measure only; leave the profile as it is.")]
Quiet = Annotated[bool, option("--quiet", "-q", panel=ANSWER, text="Say nothing while measuring.")]


def command(
    command: Annotated[list[str], typer.Argument(metavar="CMD ...", help="The command, after --.")],
    each_run: Annotated[
        bool,
        typer.Option("--each-run", help="Each run of the command is one operation.", rich_help_panel=RUN),
    ] = False,
    procs: Procs = None,
    think: Think = None,
    think_distribution: ThinkDistribution = ThinkKind.exponential,
    rate: Rate = None,
    duration: Duration = "3s",
    warmup: Warmup = "1s",
    repeats: Repeats = 3,
    retries: Retries = 3,
    precision: Precision = PRECISION,
    seed: Seed = 1,
    ready_timeout: Ready = "30s",
    output: Output = DEFAULT_FILE,
    export_json: ExportJson = None,
    export_scenario: ExportScenario = None,
    profile: ProfileFile = PROFILE_FILE,
    no_fit: NoFit = False,
    quiet: Quiet = False,
) -> int:
    """Measure copies of a command that reports its operations (docs/line_protocol.md), or with --each-run any command.

    Exit codes: 0 fine, 2 bad input or a level that could not be measured (the others are kept), 4 never undisturbed,
    130 interrupted.
    """
    return _answer(
        lambda tell: calibrate_command(
            command,
            each_run,
            _settings(
                procs,
                think,
                think_distribution,
                rate,
                duration,
                warmup,
                repeats,
                retries,
                seed,
                ready_timeout,
                precision,
            ),
            tell,
        ),
        _Files(output, export_json, export_scenario, None if no_fit else profile),
        quiet,
    )


def python(
    target: Annotated[
        str, typer.Argument(metavar="MODULE:FUNCTION", help="A callable without arguments: one operation.")
    ],
    procs: Procs = None,
    think: Think = None,
    think_distribution: ThinkDistribution = ThinkKind.exponential,
    rate: Rate = None,
    duration: Duration = "3s",
    warmup: Warmup = "1s",
    repeats: Repeats = 3,
    retries: Retries = 3,
    precision: Precision = PRECISION,
    seed: Seed = 1,
    ready_timeout: Ready = "30s",
    output: Output = DEFAULT_FILE,
    export_json: ExportJson = None,
    export_scenario: ExportScenario = None,
    profile: ProfileFile = PROFILE_FILE,
    no_fit: NoFit = False,
    quiet: Quiet = False,
) -> int:
    """Measure copies of a Python callable, each in a fresh interpreter.

    Exit codes: 0 fine, 2 bad input or a level that could not be measured (the others are kept), 4 never undisturbed,
    130 interrupted.
    """
    return _answer(
        lambda tell: calibrate_python(
            target,
            _settings(
                procs,
                think,
                think_distribution,
                rate,
                duration,
                warmup,
                repeats,
                retries,
                seed,
                ready_timeout,
                precision,
            ),
            tell,
        ),
        _Files(output, export_json, export_scenario, None if no_fit else profile),
        quiet,
    )


def http(
    url: Annotated[str, typer.Argument(metavar="URL", help="On this machine, such as http://127.0.0.1:8000/.")],
    server_pid: Annotated[
        int | None,
        option("--server-pid", panel=SERVER, metavar="PID", text="Process of a server that is there."),
    ] = None,
    server: Annotated[
        str | None, option("--server", panel=SERVER, metavar="CMD", text="Command that starts the server.")
    ] = None,
    server_stop: Annotated[
        str | None, option("--server-stop", panel=SERVER, metavar="CMD", text="Command that stops it.")
    ] = None,
    method: Annotated[str, option("--method", panel=REQUEST, text="Of the requests.")] = "GET",
    header: Annotated[
        list[str] | None, typer.Option("--header", help="NAME: VALUE. Repeatable.", rich_help_panel=REQUEST)
    ] = None,
    body: Annotated[str | None, option("--body", panel=REQUEST, text="Sent with each request.")] = None,
    timeout: Annotated[str, option("--timeout", panel=REQUEST, metavar="TIME", text="Of a request.")] = "10s",
    connections: Connections = None,
    think: Think = None,
    think_distribution: ThinkDistribution = ThinkKind.exponential,
    rate: Rate = None,
    duration: Duration = "3s",
    warmup: Warmup = "1s",
    repeats: Repeats = 3,
    retries: Retries = 3,
    seed: Seed = 1,
    ready_timeout: Ready = "30s",
    output: Output = DEFAULT_FILE,
    export_json: ExportJson = None,
    export_scenario: ExportScenario = None,
    profile: ProfileFile = PROFILE_FILE,
    no_fit: NoFit = False,
    quiet: Quiet = False,
) -> int:
    """Measure an HTTP service on this machine, in a closed loop, or with --rate at given arrival rates.

    Exit codes: 0 fine, 2 bad input or a level that could not be measured (the others are kept), 4 never undisturbed,
    130 interrupted.
    """

    def measure(tell: Callable[[str], None]) -> Measurement:
        if server is not None and server_pid is not None:
            raise LiveError("--server", "--server-pid beside it", "one of the two")
        if server_stop is not None and server is None:
            raise LiveError("--server-stop", "no --server", "a --server that it stops")
        load = HttpLoad(
            url=url,
            method=_method(method),
            headers=[_header(text) for text in header or []],
            body=body,
            timeout_s=live_options.quantity("--timeout", timeout, TIME) / 1e9,
        )
        usual = [OPEN_CONNECTIONS] if rate else default_connections(usable_cores())
        levels = connections or ",".join(map(str, usual))
        settings = _settings(
            levels, think, think_distribution, rate, duration, warmup, repeats, retries, seed, ready_timeout
        )
        return calibrate_http(Target(load, server_pid, server, server_stop), settings, tell)

    return _answer(measure, _Files(output, export_json, export_scenario, None if no_fit else profile), quiet)


@dataclass(frozen=True)
class _Files:
    """What is written; None where it was not asked for."""

    measurement: str
    json: str | None
    scenario: str | None
    profile: str | None

    @contextmanager
    def opened(self) -> Iterator[Outputs]:
        """Open all files before any work; those not written stay as they were. Raises OutputError."""
        with Outputs() as outputs:
            outputs.open("--output", self.measurement)
            for name, path in (("--export-json", self.json), ("--export-scenario", self.scenario)):
                if path is not None:
                    outputs.open(name, path)
            yield outputs

    def write(self, outputs: Outputs, measurement: Measurement) -> None:
        """Write all files. Raises LiveError where the measurement describes no scenario."""
        outputs.write("--output", measurement.to_json())
        if self.json is not None:
            outputs.write("--export-json", measurement.to_json())
        if self.scenario is not None:
            outputs.write("--export-scenario", _scenario_text(measurement))


def _answer(measure: Callable[[Callable[[str], None]], Measurement], files: _Files, quiet: bool) -> int:
    """Measure, write the files, print the summary, and return the exit code."""

    def tell(line: str) -> None:
        if not quiet:
            print(line, file=sys.stderr, flush=True)

    try:
        with files.opened() as outputs:
            measurement = measure(tell)
            files.write(outputs, measurement)
            fitted = fit_into(files.profile, measurement, tell)
    except LiveError as error:
        print(f"sim: {error}", file=sys.stderr)
        return EXIT_INPUT
    aside = STANDARD_OUTPUT in (files.measurement, files.json, files.scenario)
    typer.echo(measurement_text(measurement) + fitted, nl=False, err=aside)
    if measurement.interrupted:
        return EXIT_INTERRUPTED
    if measurement.not_measured:
        return EXIT_INPUT
    return EXIT_UNSTABLE if measurement.never_quiet else 0


def _scenario_text(measurement: Measurement) -> str:
    try:
        return draft(measurement).to_toml()
    except ValueError as error:
        accepted = "a server whose CPU can be seen (--server-pid or --server)"
        raise LiveError("--export-scenario", str(error), accepted) from None


def _settings(
    copies: str | None,
    think: str | None,
    think_distribution: ThinkKind,
    rate: str | None,
    duration: str,
    warmup: str,
    repeats: int,
    retries: int,
    seed: int,
    ready_timeout: str,
    precision: float = 0.0,
) -> Settings:
    """Read the options that all three commands share. Raises LiveError that names the option."""
    if think is not None and rate is not None:
        raise LiveError("--think", "--rate beside it", "one of the two")
    pacing = Pacing()
    if think is not None:
        kind: Any = think_distribution.value
        pacing = Pacing(round(live_options.quantity("--think", think, TIME)), kind)
    rates = [
        live_options.quantity("--rate", part.strip(), RATE) for part in (rate or "").split(",") if rate is not None
    ]
    return Settings(
        copies=live_options.counts(copies) if copies is not None else default_copies(usable_cores()),
        pacing=pacing,
        rates_per_s=rates,
        repeats=repeats,
        retries=retries,
        duration_ns=round(live_options.quantity("--duration", duration, TIME)),
        warmup_ns=round(live_options.quantity("--warmup", warmup, TIME)),
        seed=seed,
        ready_timeout_s=live_options.quantity("--ready-timeout", ready_timeout, TIME) / 1e9,
        precision=precision,
    )


def _method(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z]{1,20}", text):
        raise LiveError("--method", f'"{text}"', "such as GET or POST")
    return text.upper()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not re.fullmatch(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", name) or not value.isprintable():
        raise LiveError("--header", f'"{name}"', 'a name and a value, such as "Accept: text/plain"')
    return name, value.strip()

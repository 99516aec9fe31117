"""`sim validate`: predict levels that were held out, and print the error."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from calibration.fitting.heldout import held_out
from calibration.fitting.heldout_text import heldout_json, heldout_texts
from calibration.fitting.skeleton import Machine
from calibration.live.measured import DEFAULT_FILE as MEASUREMENT_FILE
from calibration.profile import DEFAULT_FILE as PROFILE_FILE
from calibration.validate_attempts import ATTEMPTS
from calibration.validate_prediction import DEFAULT_FILE as PREDICTION_FILE
from simulator.cli.asked_machine import asked_machine
from simulator.cli.options import option
from simulator.cli.validate_levels import Options, validate_levels
from simulator.export import json_text
from simulator.output_files import STANDARD_OUTPUT, Outputs

TABLE_HELP = "A table of measured levels: fitted on its lower half (at least three levels), the rest predicted."
LEVELS: Final = "Levels to predict and then to measure"
TABLE: Final = "Or a table that somebody else measured"
RUN: Final = "How they are measured"
OF_TABLE: Final = ("table", "cpus", "threads_per_core")  # parameters that only count with --table
WITH_BOTH: Final = ("export_json", "quiet")
ANSWER: Final = "The answer"


def validate(
    context: typer.Context,
    procs: Annotated[
        str | None, option("--procs", "--connections", panel=LEVELS, metavar="N,N,...", text="Clients of each level.")
    ] = None,
    rate: Annotated[
        str | None,
        option(
            "--rate",
            panel=LEVELS,
            metavar="RATE,...",
            text="Arrival rates such as 500/s, or shares of the predicted capacity such as 70%.",
        ),
    ] = None,
    copies: Annotated[
        int,
        typer.Option("--copies", min=1, max=1000, help="Clients among which a rate is shared.", rich_help_panel=LEVELS),
    ] = 50,
    measurement: Annotated[
        str, option("--measurement", panel=LEVELS, metavar="FILE", text="What sim calibrate wrote; this is fitted.")
    ] = MEASUREMENT_FILE,
    profile: Annotated[
        str, option("--profile", panel=LEVELS, metavar="FILE", text="The profile with the host's numbers.")
    ] = PROFILE_FILE,
    table: Annotated[
        Path | None, typer.Option("--table", metavar="FILE", help=TABLE_HELP, rich_help_panel=TABLE)
    ] = None,
    cpus: Annotated[
        int | None,
        typer.Option(
            "--cores", min=1, help="CPUs of the service, where the table does not say.", rich_help_panel=TABLE
        ),
    ] = None,
    threads_per_core: Annotated[
        int,
        typer.Option("--threads-per-core", min=1, max=2, help="2: these CPUs are hyperthreads.", rich_help_panel=TABLE),
    ] = 1,
    duration: Annotated[
        str, option("--duration", panel=RUN, metavar="TIME", text="Measured time of each repeat of a level.")
    ] = "3s",
    warmup: Annotated[
        str, option("--warmup", panel=RUN, metavar="TIME", text="Time before it that is not measured, at least.")
    ] = "1s",
    repeats: Annotated[int, option("--repeats", panel=RUN, text="Repeats of each level, interleaved.")] = 3,
    retries: Annotated[
        int, option("--retries", panel=RUN, text="Further repeats in all, where some were disturbed.")
    ] = 5,
    seed: Annotated[int, option("--seed", panel=RUN, text="Of the think times and arrivals.")] = 2,
    server_pid: Annotated[
        int | None,
        option("--server-pid", panel=RUN, metavar="PID", text="Process of an HTTP server that is there already."),
    ] = None,
    attempts: Annotated[
        int,
        typer.Option(
            "--attempts",
            min=1,
            max=10,
            help="Times that it is calibrated, predicted and measured at most, where the machine's speed changed in "
            "between; 1: never anew.",
            rich_help_panel=RUN,
        ),
    ] = ATTEMPTS,
    prediction: Annotated[
        str, option("--prediction", panel=ANSWER, metavar="FILE", text="Written before anything is measured.")
    ] = PREDICTION_FILE,
    export_json: Annotated[
        str | None, option("--export-json", panel=ANSWER, metavar="FILE", text="Also as JSON; - for standard output.")
    ] = None,
    export_csv: Annotated[
        str | None, option("--export-csv", panel=ANSWER, metavar="FILE", text="A row for each figure of each level.")
    ] = None,
    plot: Annotated[
        str | None, option("--plot", panel=ANSWER, metavar="FILE", text="A picture: .png, .svg or .pdf.")
    ] = None,
    quiet: Annotated[bool, option("--quiet", "-q", panel=ANSWER, text="Say nothing while measuring.")] = False,
) -> int:
    """Predict levels that were not measured, write that down, then measure them and print how far off it was.

    With --table the upper levels of a measured table are predicted from the lower ones by the analytic model. Amdahl's
    law, the USL and multi-server MVA stand beside it. The highest fitted level is measured again beside the others:
    where it came out different the machine has changed, and all is done again, the calibration too. Exit codes: 0 fine,
    2 bad input or a level that could not be measured, 4 a level or every attempt was disturbed, 130 interrupted (what
    was measured is compared).
    """
    _refuse_without_effect(context, table is not None)
    machine = asked_machine(cpus, threads_per_core)
    if table is None:
        return validate_levels(
            Options(
                measurement=measurement,
                profile=profile,
                procs=procs,
                rate=rate,
                copies=copies,
                duration=duration,
                warmup=warmup,
                repeats=repeats,
                retries=retries,
                seed=seed,
                server_pid=server_pid,
                attempts=attempts,
                prediction=prediction,
                export_json=export_json,
                export_csv=export_csv,
                plot=plot,
                quiet=quiet,
            )
        )
    _table(table, machine, export_json)
    return 0


def _refuse_without_effect(context: typer.Context, by_table: bool) -> None:
    """Raise typer.BadParameter for options on the command line that have no effect with, or without, --table."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if source is None or source.name != "COMMANDLINE" or parameter.name in WITH_BOTH:
            continue
        if by_table and parameter.name not in OF_TABLE:
            raise typer.BadParameter(f"{parameter.opts[0]}: found --table beside it; accepted: one of both")
        if not by_table and parameter.name in OF_TABLE:
            raise typer.BadParameter(f"{parameter.opts[0]}: found no --table beside it; accepted: both")


def _table(table: Path, machine: Machine | None, export_json: str | None) -> None:
    """Predict the upper levels of a table from the lower ones, and print how far off that was."""
    with Outputs() as outputs:
        if export_json is not None:
            outputs.open("--export-json", export_json)
        curves = held_out(table, machine)
        if not curves:
            raise typer.BadParameter(f"--table: {table}: found fewer than four levels in each series; accepted: four")
        if export_json is not None:
            data = {"kind": "validation", "schema_version": 1, "series": [heldout_json(one) for one in curves]}
            outputs.write("--export-json", json_text(data))
        typer.echo(heldout_texts(curves), nl=False, err=export_json == STANDARD_OUTPUT)

"""`sim calibrate host`: measure the machine it runs on and write its profile."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from dataclasses import replace as changed
from pathlib import Path
from typing import Annotated, Final

import typer

from calibration.host.calibrate import Calibrated, profile_of, time_to_compare, within
from calibration.host.estimates import MEASURED_BY
from calibration.host.facts import read_host
from calibration.host.probe import Probe, probes
from calibration.host.runner import Outcome, Plan, Session
from calibration.interference import EXIT_UNSTABLE
from calibration.profile import DEFAULT_FILE, Host, Profile, require_same_host
from calibration.profile_text import profile_text
from models.errors import FieldProblem, ScenarioError
from simulator.cli.options import option
from simulator.engines import choose
from simulator.output_files import STANDARD_OUTPUT, Outputs

EXIT_INTERRUPTED: Final = 130
RUN: Final = "How it is measured"
ANSWER: Final = "The answer"


def host(
    quick: Annotated[bool, option("--quick", panel=RUN, text="Under 15 s instead of 60 s, wider intervals.")] = False,
    disk: Annotated[
        str, option("--disk", panel=RUN, metavar="DIRECTORY", text="Where disk writes are measured.")
    ] = ".",
    only: Annotated[
        str | None,
        option("--only", panel=RUN, metavar="PROBE,...", text="Only these probes; the others' numbers are kept."),
    ] = None,
    output: Annotated[
        str,
        option(
            "--profile",
            "-o",
            panel=ANSWER,
            metavar="FILE",
            text="The profile to write or to bring up to date.",
        ),
    ] = DEFAULT_FILE,
    replace: Annotated[
        bool, option("--replace", panel=ANSWER, text="Start the profile anew, also if it is of another host.")
    ] = False,
    export_json: Annotated[
        str | None,
        option(
            "--export-json",
            panel=ANSWER,
            metavar="FILE",
            text="The profile as JSON too; - for standard output.",
        ),
    ] = None,
    quiet: Annotated[bool, option("--quiet", "-q", panel=ANSWER, text="Say nothing while measuring.")] = False,
) -> int:
    """Measure this machine: cores, scheduler, wake-ups, memory, messages, compression, locks, disk, loopback.

    Exit codes: 0 fine, 2 bad input, 4 the machine was never quiet enough for some probes (they are named and left
    out), 130 interrupted (what was measured is kept).
    """
    chosen = _chosen(only, disk)
    facts = read_host()
    before = _profile_before(output, facts, replace)
    session = Session(chosen, Plan.short() if quick else Plan(), tell=_silent if quiet else _say)
    with Outputs() as outputs:
        outputs.open("--profile", output)
        if export_json is not None:
            outputs.open("--export-json", export_json)
        calibrated, interrupted = _measure(session, facts, quick, quiet)
        profile = _joined(before, calibrated.profile)
        if any(quantity.origin != "read" for quantity in calibrated.profile.quantities):
            outputs.write("--profile", profile.to_toml())
            if export_json is not None:
                outputs.write("--export-json", profile.to_json())
    typer.echo(profile_text(profile), nl=False, err=STANDARD_OUTPUT in (output, export_json))
    return _exit_code(calibrated, interrupted)


def _measure(session: Session, facts: Host, quick: bool, quiet: bool) -> tuple[Calibrated, bool]:
    """Measure, then compare with the simulator; an interruption keeps what there is."""
    interrupted = False
    began = time.monotonic()
    try:
        if not quick and any(outcome.probe.name == "placement" for outcome in session.outcomes):
            if not quiet:
                print("making the fast engine ready, to compare sleepers with it", file=sys.stderr)
            session.plan = after_compiling(session.plan)
        session.measure()
        if not quiet:
            print("comparing sleepers with the simulator", file=sys.stderr)
        left_s = time_to_compare(quick, time.monotonic() - began)
        return profile_of(session, fit=within(left_s), host=facts), interrupted
    except KeyboardInterrupt:
        interrupted = True
    return profile_of(session, host=facts), interrupted


def after_compiling(
    plan: Plan,
    compiled: Callable[[str], object] = choose,
    clock: Callable[[], float] = time.monotonic,
) -> Plan:
    """Return the plan for the time that is left once the fast engine is at hand.

    The comparison with the simulator has no time to compile it, which is due once on each machine, and nothing may be
    measured beside that.
    """
    began = clock()
    compiled("fast")
    return changed(plan, budget_s=plan.budget_s - (clock() - began))


def _chosen(only: str | None, disk: str) -> list[Probe]:
    """Return the probes that were asked for. Raises ScenarioError for a name that there is not."""
    if not Path(disk).is_dir():
        raise ScenarioError("--disk", [FieldProblem((), disk, "a directory")])
    every = probes(os.path.abspath(disk))
    if only is None:
        return every
    names = [name.strip() for name in only.split(",") if name.strip()]
    known = [probe.name for probe in every]
    for name in names:
        if name not in known:
            raise ScenarioError("--only", [FieldProblem((), name, f"one of: {', '.join(known)}")])
    if not names:
        raise ScenarioError("--only", [FieldProblem((), "nothing", f"one of: {', '.join(known)}")])
    return [probe for probe in every if probe.name in names]


def _profile_before(output: str, facts: Host, replace: bool) -> Profile | None:
    """Return the profile that is brought up to date; None where there is none. Raises ProfileError."""
    if replace or output == STANDARD_OUTPUT or not Path(output).is_file() or not Path(output).stat().st_size:
        return None
    profile = Profile.load(output)
    require_same_host(profile, facts, output)
    return profile


def _joined(before: Profile | None, new: Profile) -> Profile:
    """Return the new profile with what stood in the old one of this host and was not measured now.

    So a probe that found no quiet moment leaves its earlier numbers as they were, with their date.
    """
    if before is None:
        return new
    names = {quantity.name for quantity in new.quantities if quantity.origin != "read"}
    kept = [quantity for quantity in before.quantities if quantity.name not in names]
    kept_names = {quantity.name for quantity in kept}
    added = [quantity for quantity in new.quantities if quantity.name not in kept_names]
    drawn = {name: draws for name, draws in before.samples.items() if name in kept_names}
    return before.updated(
        MEASURED_BY,
        [*kept, *added],
        {**drawn, **new.samples},
        date=new.date,
        host=new.host,
        versions=new.versions,
        warnings=_unique([*before.warnings, *new.warnings]),
        left_out=new.left_out,
        seen=before.seen.model_copy(update={"cores": new.seen.cores}),
    )


def _unique(texts: list[str]) -> list[str]:
    return list(dict.fromkeys(texts))


def _silent(outcome: Outcome, share: float) -> None:
    """Say nothing."""


def _say(outcome: Outcome, share: float) -> None:
    """Say what is measured next, and what disturbed it last time."""
    again = f" (disturbed: {outcome.runs[-1].problems[0]})" if outcome.runs and outcome.runs[-1].problems else ""
    print(f"{share:4.0%} {outcome.probe.name}, run {len(outcome.runs) + 1}{again}", file=sys.stderr, flush=True)


def _exit_code(calibrated: Calibrated, interrupted: bool) -> int:
    """Return the exit code, and say what it means where it is not 0."""
    if interrupted:
        return EXIT_INTERRUPTED
    if not calibrated.never_quiet:
        return 0
    print(
        f"sim: the machine was never quiet enough for: {', '.join(calibrated.never_quiet)}; these were left out",
        file=sys.stderr,
    )
    return EXIT_UNSTABLE

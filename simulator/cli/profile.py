"""`sim profile show | compare | schema`: look at what calibration found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from calibration.host.facts import read_host
from calibration.profile import DEFAULT_FILE, Profile, different_hosts, profile_schema
from calibration.profile_text import UNKNOWN, comparison_text, profile_text

app = typer.Typer(no_args_is_help=True, help="Show a profile, compare two, or print the format.")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(envvar="SIM_PROFILE", help="The profile.")] = Path(DEFAULT_FILE),
    full: Annotated[bool, typer.Option("--full", help="Also how each number was measured, by what and when.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="The whole profile as JSON.")] = False,
) -> None:
    """Print a profile: host, numbers with intervals, their place in a scenario, and what is missing."""
    profile = Profile.load(file)
    if as_json:
        typer.echo(profile.to_json(), nl=False)
        return
    differences = different_hosts(profile.host, read_host())
    if differences and profile.host.system != UNKNOWN:
        typer.echo(f"not of this machine: {'; '.join(differences)}", err=True)
    typer.echo(profile_text(profile, full=full), nl=False)


@app.command()
def compare(
    one: Annotated[Path, typer.Argument(help="A profile.")],
    other: Annotated[Path, typer.Argument(help="Another one.")],
) -> None:
    """Print two profiles side by side, beginning with what makes their hosts different."""
    typer.echo(comparison_text(Profile.load(one), Profile.load(other), (str(one), str(other))), nl=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of profile files."""
    typer.echo(json.dumps(profile_schema(), indent=2))

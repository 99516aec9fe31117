"""The options with which an answer stands on a profile, and what they come to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from models.errors import FieldProblem, ScenarioError
from simulator.cli.options import option

if TYPE_CHECKING:
    from simulator.scenario_base import Base
    from simulator.scenario_source import Prepared

DEFAULT_FILE: Final = "sim-profile.toml"  # as calibration writes it; its module is not loaded where there is none
CALIBRATION: Final = "What it stands on"

ProfileFile = Annotated[
    Path | None,
    option(
        "--profile",
        panel=CALIBRATION,
        metavar="FILE",
        text=f"Profile whose fitted scenario is played, or whose host's numbers fill the scenario; without it and "
        f"without a SCENARIO, {DEFAULT_FILE} where there is one.",
    ),
]
NoProfile = Annotated[
    bool, option("--no-profile", panel=CALIBRATION, text=f"Do not use {DEFAULT_FILE} where there is one.")
]
Uncertainty = Annotated[
    bool | None,
    typer.Option(
        "--uncertainty/--no-uncertainty",
        envvar="SIM_UNCERTAINTY",
        help="Draw the profile's bootstrap samples, so that intervals hold calibration and simulation; default: where "
        "it has them.",
        rich_help_panel=CALIBRATION,
        show_default=False,
    ),
]
Strict = Annotated[
    bool, option("--strict", panel=CALIBRATION, text="Refuse an answer that lies far from what was measured.")
]


def place_of(scenario: Path | None, profile: Path | None, no_profile: bool) -> Path | Base | None:
    """Return what is to be played: a scenario file, what a profile gives, or None for the built-in scenario.

    Raises ScenarioError for a profile that cannot be used, and typer.BadParameter for options that exclude each other.
    """
    if profile is not None and no_profile:
        raise typer.BadParameter("--profile: found --no-profile beside it; accepted: one of both")
    if profile is None and scenario is None and not no_profile and Path(DEFAULT_FILE).is_file():
        profile = Path(DEFAULT_FILE)
    if profile is None:
        return scenario
    from calibration.profile import Profile
    from calibration.profile_base import base_of

    return base_of(Profile.load(profile), profile, scenario)


def check(prepared: Prepared, uncertainty: bool | None, strict: bool) -> None:
    """Raise ScenarioError where draws are asked for that are not there, or for --strict far from what was measured."""
    from simulator.trust_zone import trust_zone

    base = prepared.base
    if uncertainty and (base is None or base.count < 2):
        found = "no profile" if base is None else f"no draws in {base.calibration.profile}"
        raise ScenarioError("--uncertainty", [FieldProblem((), found, "a profile that holds draws of its parameters")])
    if strict:
        refuse_far(trust_zone(prepared.scenario, None if base is None else base.calibration))


def refuse_far(zone: dict[str, Any]) -> None:
    """Raise ScenarioError for an answer that is marked as far from what was measured."""
    if zone["marked"]:
        raise ScenarioError(
            "--strict", [FieldProblem((), zone["line"], "an answer near what was measured, or no --strict")]
        )


def refuse_everywhere(zones: Sequence[dict[str, Any]]) -> None:
    """Raise ScenarioError, before a search, where whatever it may find is marked as far from what was measured."""
    from simulator.trust_zone import nowhere_near

    far = nowhere_near(zones)
    if far is not None:
        refuse_far(far)

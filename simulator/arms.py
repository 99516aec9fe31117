"""The systems of a comparison: two scenarios, or one with every combination of some switches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from models.errors import FieldProblem, ScenarioError, dotted, shown
from simulator.factorial import Combination, combinations
from simulator.overrides import Override, from_settings
from simulator.scenario_base import Base
from simulator.scenario_source import Prepared, prepare

MOST_SWITCHES: Final = 5  # 32 combinations
SEPARATOR: Final = ";"


@dataclass(frozen=True)
class Arm:
    """One of the systems that are compared.

    name: for people. thrown: the switches that are thrown in it, by position.
    """

    name: str
    thrown: Combination
    prepared: Prepared


def arms_of_files(
    first: Path | None, second: Path, overrides: Sequence[Override] = (), thresholds: Sequence[str] = ()
) -> list[Arm]:
    """Return two scenarios to compare, the first one being the baseline; both with the same overrides.

    Raises ScenarioError and ThresholdError.
    """
    prepared = [prepare(path, overrides, thresholds) for path in (first, second)]
    names = ["the built-in scenario" if first is None else first.name, second.name]
    if names[0] == names[1]:
        names = [str(first), str(second)]
    return [Arm(name, frozenset(chosen), one) for name, chosen, one in zip(names, ((), (0,)), prepared, strict=True)]


def arms_of_switches(
    path: Path | Base | None,
    switches: Sequence[str],
    overrides: Sequence[Override] = (),
    thresholds: Sequence[str] = (),
) -> list[Arm]:
    """Return every combination of switches, none of them thrown being the baseline.

    path: scenario file, or a scenario from calibration. switches: texts PATH=VALUE; several changes that belong
    together are parted by semicolons.
    overrides: of all arms. Raises ScenarioError and ThresholdError.
    """
    if len(switches) > MOST_SWITCHES:
        accepted = f"at most {MOST_SWITCHES} ({2**MOST_SWITCHES} combinations); what belongs together in one --set"
        problem = FieldProblem((), f"{len(switches)} switches", f"{accepted}, parted by semicolons")
        raise ScenarioError("--set", [problem])
    doubled = [text for text in switches if switches.count(text) > 1]
    if doubled:
        raise ScenarioError("--set", [FieldProblem((), f"{shown(doubled[0])} twice", "each switch once")])
    changes = [from_settings([part for part in text.split(SEPARATOR) if part.strip()]) for text in switches]
    fields = [override.path for change in changes for override in {one.path: one for one in change}.values()]
    shared = next((path for path in fields if fields.count(path) > 1), None)
    if shared is not None:
        found = f"{dotted(shared)} in two switches, which cannot both be thrown"
        raise ScenarioError(
            "--set", [FieldProblem((), found, "each field in one of them; values are compared by sim sweep")]
        )
    names = switch_names(switches)
    arms = []
    for thrown in combinations(len(switches)):
        made = [override for position in sorted(thrown) for override in changes[position]]
        name = " + ".join(names[position] for position in sorted(thrown)) or "as it is"
        arms.append(Arm(name, thrown, prepare(path, [*overrides, *made], thresholds)))
    return arms


def switch_names(switches: Sequence[str]) -> list[str]:
    """Return a short name of each switch: the end of its path and the value, as far as that tells them apart."""
    texts = [" ".join(text.split()) for text in switches]
    for parts in (2, 3, 4):
        names = [", ".join(_shortened(one, parts) for one in text.split(SEPARATOR)) for text in texts]
        if len(set(names)) == len(names):
            return names
    return texts


def _shortened(setting: str, parts: int) -> str:
    place, equals, value = (part.strip() for part in setting.partition("="))
    return ".".join(place.split(".")[-parts:]) + equals + value

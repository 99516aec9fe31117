"""Where a run's scenario comes from: a file or the one built in, with the overrides made and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from models.errors import ScenarioError
from models.scenario import Scenario
from models.scenario_text import parse_toml, read_text
from simulator.overrides import Override, apply, attributed
from simulator.thresholds import ThresholdError, parse

BUILT_IN: Final = "the built-in scenario"
BUILT_IN_FILE: Final = "orchestrator_hub.toml"


@dataclass(frozen=True)
class Prepared:
    """A scenario to be run.

    source: what it is, for people: the file's name, or that it is the one built in; and what was changed.
    directory: where its trace files are.
    notes: what the overrides changed beyond the fields that they name.
    """

    scenario: Scenario
    source: str
    directory: Path
    notes: tuple[str, ...]

    def provenance(self) -> dict[str, Any]:
        """Return what a result keeps of where its scenario comes from."""
        return {"source": self.source, "notes": list(self.notes)}


def prepare(
    path: Path | None,
    overrides: Sequence[Override] = (),
    thresholds: Sequence[str] = (),
    table: dict[str, Any] | None = None,
) -> Prepared:
    """Read a scenario file, or the one built in, make the overrides and add thresholds to its own.

    table: a scenario as plain data, instead of what the file at the path holds.
    Raises ScenarioError, under the name of the option where an override brought the problem, and
    ThresholdError.
    """
    if path is None:
        name, source, directory = BUILT_IN, BUILT_IN, Path()
        text = files("models").joinpath("data", BUILT_IN_FILE).read_text(encoding="utf-8")
    else:
        name, source, directory = str(path), path.name, path.parent
        text = read_text(path) if table is None else ""
    overridden = apply(parse_toml(text, name) if table is None else table, overrides)
    try:
        scenario = Scenario.from_dict(overridden.table, name, directory)
    except ScenarioError as error:
        raise attributed(error, overridden) from None
    workloads = [workload.name for workload in scenario.workloads]
    _check_thresholds(scenario.thresholds, workloads, f"{name}: thresholds")
    _check_thresholds(thresholds, workloads, "--threshold")
    scenario = scenario.model_copy(update={"thresholds": [*scenario.thresholds, *thresholds]})
    if overrides:
        source += f" with {' '.join(map(str, overrides))}"
    return Prepared(scenario, source, directory, overridden.notes)


def _check_thresholds(texts: Sequence[str], workloads: Sequence[str], origin: str) -> None:
    """Raise ThresholdError under the name of where the thresholds come from, before anything is simulated."""
    for text in texts:
        try:
            parse(text, workloads)
        except ThresholdError as error:
            raise ThresholdError(f"{origin}: {error}") from None

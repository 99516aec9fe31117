"""Where a run's scenario comes from: a file or the one built in, with the overrides made and checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import models
from models.errors import ScenarioError
from models.scenario import Scenario
from models.scenario_text import parse_toml, read_text
from simulator.overrides import Override, apply, attributed
from simulator.scenario_base import Base
from simulator.thresholds import ThresholdError, parse

BUILT_IN: Final = "the built-in scenario"
BUILT_IN_FILE: Final = "orchestrator_hub.toml"


class Prepared(NamedTuple):
    """A scenario to be run.

    source: what it is, for people: the file's name, or that it is the one built in; and what was changed.
    directory: where its trace files are.
    notes: what the overrides changed beyond the fields that they name.
    base: where it comes from calibration. overrides: what was made to it.
    """

    scenario: Scenario
    source: str
    directory: Path
    notes: tuple[str, ...]
    base: Base | None = None
    overrides: tuple[Override, ...] = ()

    def drawn(self, draw: int) -> Scenario:
        """Return the scenario of one draw of the parameters, with the same overrides. Raises ScenarioError."""
        if self.base is None:
            return self.scenario
        place = f"{self.base.name}: draw {draw}"
        table = self.base.finish(apply(self.base.table(draw), self.overrides).table, draw)
        drawn = Scenario.from_dict(table, place, self.directory)
        return drawn.model_copy(update={"thresholds": self.scenario.thresholds, "run": self.scenario.run})

    def provenance(self) -> dict[str, Any]:
        """Return what a result keeps of where its scenario comes from."""
        return {"source": self.source, "notes": list(self.notes)}


def prepare(
    place: Path | Base | None,
    overrides: Sequence[Override] = (),
    thresholds: Sequence[str] = (),
) -> Prepared:
    """Read a scenario file, or the one built in, make the overrides and add thresholds to its own.

    place: a file, or a scenario that comes from calibration; None: the one built in.
    Raises ScenarioError, under the name of the option where an override brought the problem, and
    ThresholdError.
    """
    base = place if isinstance(place, Base) else None
    if isinstance(place, Base):
        name, source, directory = place.name, place.source, place.directory
        table = place.table(None)
    else:
        name, source, directory, table = scenario_table(place)
    overridden = apply(table, overrides)
    try:
        finished = overridden.table if base is None else base.finish(overridden.table, None)
        scenario = Scenario.from_dict(finished, name, directory)
    except ScenarioError as error:
        raise attributed(error, overridden) from None
    workloads = [workload.name for workload in scenario.workloads]
    _check_thresholds(scenario.thresholds, workloads, f"{name}: thresholds")
    _check_thresholds(thresholds, workloads, "--threshold")
    scenario = scenario.model_copy(update={"thresholds": [*scenario.thresholds, *thresholds]})
    if overrides:
        source += f" with {' '.join(map(str, overrides))}"
    return Prepared(scenario, source, directory, overridden.notes, base, tuple(overrides))


def built_in_text(name: str) -> str:
    """Return a scenario file that lies beside the models.

    `importlib.resources` takes ten times as long to load as this takes to read.
    """
    return (Path(models.__file__).parent / "data" / name).read_text(encoding="utf-8")


def scenario_table(path: Path | None) -> tuple[str, str, Path, dict[str, Any]]:
    """Return a scenario file's name for errors, for people, its directory and its tables; None: the one built in.

    Raises ScenarioError.
    """
    if path is None:
        return BUILT_IN, BUILT_IN, Path(), parse_toml(built_in_text(BUILT_IN_FILE), BUILT_IN)
    return str(path), path.name, path.parent, parse_toml(read_text(path), str(path))


def _check_thresholds(texts: Sequence[str], workloads: Sequence[str], origin: str) -> None:
    """Raise ThresholdError under the name of where the thresholds come from, before anything is simulated."""
    for text in texts:
        try:
            parse(text, workloads)
        except ThresholdError as error:
            raise ThresholdError(f"{origin}: {error}") from None

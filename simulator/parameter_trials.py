"""A scenario at the estimates of its parameters and at their draws, simulated with the same random numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from models.scenario import Scenario
from models.scenario_capacity import offered_utilization
from simulator.compile import Station
from simulator.limits.trials import Laboratory, Window
from simulator.measures import Measures
from simulator.planning import sheds
from simulator.scenario_base import MOST_DRAWS
from simulator.scenario_source import Prepared
from simulator.uncertainty import Shifts, shifts

REPLICATIONS: Final = 4
"""Of each draw: enough to tell the simulation's noise from the parameters' spread."""
AT_ONCE: Final = 8
DIFFERENCES: Final = ("utilization", "_rate", "cores.", "headroom", "growth", "efficiency")
"""Parts of the names of measures that are shares: they shift by differences."""


@dataclass(frozen=True)
class Draws:
    """The draws of a scenario's parameters that are simulated.

    positions: in the profile. samples: of each parameter, in the same order.
    """

    prepared: Prepared
    positions: Sequence[int]
    samples: Mapping[str, Sequence[float]]

    def scenarios(self) -> list[Scenario]:
        """Return the scenario of each draw. Raises ScenarioError for one that cannot be."""
        return [self.prepared.drawn(position) for position in self.positions]


def draws_of(prepared: Prepared, most: int = MOST_DRAWS, wanted: bool | None = None) -> Draws | None:
    """Return the draws of a scenario; None where it has none, or a single one.

    wanted: False: none; True: also where only the machine was measured. An interval that takes the operations as known
    would be a confident wrong one, so that it has to be asked for.
    """
    base = prepared.base
    if wanted is False or base is None or base.count < 2 or (wanted is None and not base.calibration.workload):
        return None
    chosen = base.chosen(most)
    return Draws(prepared, chosen, base.samples_of(chosen))


@dataclass(frozen=True)
class DrawnMeasures:
    """What was measured of a scenario at the estimates and at each draw, in the same replications.

    base: shape [replications]. drawn: shape [draws][replications]. overloaded: draws that are offered more than they
    can do, for ever.
    """

    base: Sequence[Measures]
    drawn: Sequence[Sequence[Measures]]
    overloaded: int = 0
    known: dict[str, Shifts | None] = field(default_factory=dict)

    def shifts(self, name: str) -> Shifts | None:
        """Return the shifts of a measure over the draws; None where it is not defined in each of them."""
        if name not in self.known:
            base = [measures[name] for measures in self.base]
            drawn = [[measures[name] for measures in row if name in measures] for row in self.drawn]
            self.known[name] = shifts(base, drawn, ratio=not is_share(name)) if all(drawn) else None
        return self.known[name]


def is_share(name: str) -> bool:
    """Return whether a measure is a share, which shifts by differences."""
    return any(part in name for part in DIFFERENCES)


def drawn_measures(
    laboratory: Laboratory,
    scenario: Scenario,
    drawn: Sequence[Scenario],
    window: Window,
    replications: int = REPLICATIONS,
) -> DrawnMeasures:
    """Simulate a scenario and its draws over the same window with the same replications.

    Only the measures are kept, so that memory does not grow with the draws.
    """
    numbers = range(1, replications + 1)
    base: list[Measures] = []
    rows: list[Sequence[Measures]] = []
    stations: Sequence[Station] = ()
    every = [scenario, *drawn]
    for first in range(0, len(every), AT_ONCE):
        laboratory.tell("draws of the parameters", first, len(every))
        trials = laboratory.trials(every[first : first + AT_ONCE], window, numbers)
        stations = stations or trials[0].totals.compiled.stations
        rows += [
            [at_stations(one, trial.totals.compiled.stations, stations) for one in trial.totals.measures]
            for trial in trials
        ]
    base = list(rows.pop(0))
    return DrawnMeasures(base, rows, sum(map(_overloaded, drawn)))


def at_stations(measures: Measures, stations: Sequence[Station], others: Sequence[Station]) -> Measures:
    """Return measures of one scenario's stations by the places that these have in another; without those it lacks.

    The draws of a fit may be of other structures, with other stations.
    """
    named = [(one.name, one.kind) for one in others]
    if [(one.name, one.kind) for one in stations] == named:
        return measures
    found = {name: value for name, value in measures.items() if not name.startswith("stations.")}
    for index, one in enumerate(stations):
        if (one.name, one.kind) in named:
            before, after = f"stations.{index}.", f"stations.{named.index((one.name, one.kind))}."
            found |= {after + name[len(before) :]: value for name, value in measures.items() if name.startswith(before)}
    return found


def _overloaded(scenario: Scenario) -> bool:
    return not sheds(scenario) and any(entry.utilization >= 1 for entry in offered_utilization(scenario))


def figures(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the estimates of a result by the names of their measures: the same objects as in the data."""
    found: dict[str, Any] = {}
    _collect(found, "", {key: value for key, value in data.items() if key not in ("scenario", "efficiency")})
    return found


def _collect(found: dict[str, Any], name: str, value: Any) -> None:
    if isinstance(value, dict):
        if "half_width" in value and "value" in value:
            found[name] = value
            return
        for key, entry in value.items():
            _collect(found, f"{name}.{key}" if name else key, entry)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            if isinstance(entry, dict) and "half_width" not in entry:
                _collect(found, f"{name}.{index}", entry)

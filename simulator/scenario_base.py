"""A scenario that comes from calibration: its tables at the estimates and at each draw, and what they stand on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from models.measured import Discrepancy, Missed, Seen
from simulator.overrides import Override, apply, from_settings

MOST_DRAWS: Final = 40
"""Draws that an answer simulates: their outermost four hold a further one with probability 0.9."""

Tables = dict[str, Any]


@dataclass(frozen=True)
class Calibration:
    """What an answer stands on.

    profile: the file's name. name, date (ISO 8601), host: of the profile. elsewhere: what makes its host another
    machine than this one, empty where it is this one. seen: the range that was measured. workload: whether the
    operations were measured, and not only the machine. unidentified: parameters that nothing determines.
    repeatability: relative standard deviation of a measured figure. missed: what the fit misses at its levels.
    """

    profile: str
    name: str
    date: str
    host: str
    seen: Seen
    discrepancy: Discrepancy = field(default_factory=Discrepancy)
    elsewhere: Sequence[str] = ()
    workload: bool = True
    unidentified: Sequence[str] = ()
    repeatability: float = 0.0
    missed: Sequence[Missed] = ()


@dataclass(frozen=True)
class Base:
    """A scenario that stands in a profile, or takes a profile's numbers, instead of a scenario file.

    name: for errors. source: for people. directory: of trace files. table: of a draw, None being the estimates; before
    any override. finish: what is done to the table after them. count: how many draws there are.
    samples: of each uncertain parameter, all its draws.
    """

    name: str
    source: str
    directory: Path
    table: Callable[[int | None], Tables]
    calibration: Calibration
    finish: Callable[[Tables, int | None], Tables] = lambda table, _: table
    count: int = 0
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the name that errors use."""
        return self.name

    def chosen(self, most: int = MOST_DRAWS) -> list[int]:
        """Return the positions of the draws that are simulated: all, or so many spread evenly over them."""
        if self.count <= most:
            return list(range(self.count))
        return sorted({int(place) for place in np.linspace(0, self.count - 1, most).round()})

    def samples_of(self, chosen: Sequence[int]) -> dict[str, list[float]]:
        """Return each uncertain parameter's values in some draws."""
        return {name: [float(values[draw]) for draw in chosen] for name, values in self.samples.items()}


def drawn_table(base: Mapping[str, Any], samples: Mapping[str, Sequence[Any]], draw: int) -> Tables:
    """Return a scenario's tables with the fields of one draw. samples: by their places, as `--set` reads them.

    Raises ScenarioError for a place that cannot be in the scenario.
    """
    made = [
        Override(f"scenario_samples {place}", from_settings([f"{place}=0"])[0].path, values[draw])
        for place, values in samples.items()
    ]
    return apply(dict(base), made).table

"""What a search for a limit finds: two loads with the crossing between them, and in the end the limit itself."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.limits.criteria import Criterion
from simulator.limits.root import Crossing, Series
from simulator.limits.trials import Trial, Window


@dataclass(frozen=True)
class Limit:
    """What was found for one level.

    load: the limit, None if no load keeps the criteria. estimate, margin: where the first criterion breaks, and what
    the one-sided bound takes off it. criterion: which. unlimited: nothing breaks up to the last load looked at.
    trial: fresh replications at the limit, or at the least load where there is none. precise: whether the search ended
    because the margin was small enough.
    confirmed: whether they keep all criteria. series: their values.
    """

    level: str
    load: float | None
    estimate: float | None
    margin: float | None
    criterion: Criterion | None
    unlimited: bool
    confirmed: bool
    trial: Trial | None
    series: dict[Criterion, Series]
    precise: bool = True


@dataclass(frozen=True)
class Between:
    """Two loads with the crossing between them.

    window, count: of the replications at both. operations: that the window was chosen for, of ten replications.
    """

    below: float
    above: float
    window: Window
    count: int
    operations: float
    found: Crossing

    @property
    def width(self) -> float:
        """How far the loads are apart."""
        return self.above - self.below
